"""What a taken-over process tries, from inside the real programs: orders to the library of tests/support/inside.

A Board is the page that the library and the test share. An order names who shall try (a program by its name, "child" of
the frontend, or a thread by its name), what, and on what; what came of it is an Outcome. Targets are what is attacked
beside the service itself.
"""
import errno
import mmap
import os
import pathlib
import signal
import socket
import struct
import time

from service import PATIENCE

UNDO = "undo"  # inside.h
NO_SUCH_ATTACK = -2 ** 31
CLD_EXITED = 1


# The layers of the table, and what an attack may end with where they refuse.
LAYERS = {"filter": {"filter"}, "missing": {"ENOSYS"}, "landlock": {"EACCES", "EPERM", "EXDEV"},
          "caps": {"EPERM", "ENOSYS"},  # or a kernel that has not even the call
          "account": {"EACCES", "EPERM"}, "hidden": {"EACCES", "ENOENT"}, "readonly": {"EROFS"},
          "families": {"EAFNOSUPPORT"}, "network": {"ECONNREFUSED"}, "calls": {"EPERM"}, "limit": {"EAGAIN"},
          "kernel": {"EPERM", "EACCES", "ENOTTY", "EIO"}, "NONE": {"done"}}

PLACES = ("guard", "frontend", "child", "worker")


class Row:
    """A line of tests/support/inside/table. Of each place that is no attacker there, `by_hand`, `behind` and `unit` are None."""

    def __init__(self, line):
        self.attack, self.argument, *cells = line.split()
        self.name = f"{self.attack} {self.argument}".removesuffix(" -")
        layers = [cell.split("/") if cell != "-" else [None] * 3 for cell in cells]
        self.by_hand, self.behind, self.unit = ({place: cell[i] for place, cell in zip(PLACES, layers, strict=True)}
                                                for i in range(3))


def rows():
    table = pathlib.Path(__file__).parent / "inside/table"
    return [Row(line) for line in table.read_text().splitlines() if line and not line.startswith("#")]


class Outcome:
    """How an attack ended: at which system call, with what, and whether the process ended of it. `how` is "filter" where the
    filter killed it, "done" where it got through, else the name of an errno."""

    def __init__(self, how, call, ended=False):
        self.how, self.call, self.ended = how, call, ended

    def is_by(self, layer):
        return self.how in LAYERS[layer]

    def __str__(self):
        return f"{self.how} ({self.call})"


class Board:
    """The layout of InsideBoard in inside.h."""
    HEAD = struct.Struct("<IIIiiiii")
    WORDS = struct.Struct("<32s32s128s32s")
    SIZE = HEAD.size + WORDS.size

    def __init__(self, library, path):
        self.library, self.path = pathlib.Path(library), pathlib.Path(path)
        assert self.library.exists(), self.library
        # Never shorter than it was: others may look at it already.
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.truncate(self.SIZE)
            self.page = mmap.mmap(file.fileno(), self.SIZE)
        self.page[:] = bytes(self.SIZE)
        self.path.chmod(0o666)  # the programs may be of any account

    def environment(self):
        return {"LD_PRELOAD": str(self.library), "MATCHGUARD_INSIDE": str(self.path)}

    def head(self):
        return self.HEAD.unpack_from(self.page)

    def order(self, place, attack, argument):
        """The words first, then the number that makes them an order."""
        self.WORDS.pack_into(self.page, self.HEAD.size, place.encode(), attack.encode(), argument.encode(), b"")
        struct.pack_into("<I", self.page, 0, self.head()[0] + 1)

    def attempt(self, place, attack, argument, status, timeout=PATIENCE):
        """One attack. `status` gives the wait status, as subprocess has it, of the process of that place, None while it runs;
        it is not asked for a child of the frontend, whose end its parent has written on the board."""
        self.order(place, attack, str(argument))
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            number, begun, done, pid, ended_pid, code, how, result = self.head()
            if done == number:
                return self.answered(result)
            if place != "child":
                ended = status()
            else:
                ended = (how if code == CLD_EXITED else -how) if begun == number and ended_pid == pid else None
            if ended is not None:
                return self.died(ended)
            time.sleep(0.001)
        raise TimeoutError(f"{place} does not try {attack}: {self.head()}")

    def call(self):
        return self.WORDS.unpack_from(self.page, self.HEAD.size)[3].rstrip(b"\0").decode()

    def answered(self, result):
        assert result != NO_SUCH_ATTACK, "there is no such attack"
        return Outcome("done" if result >= 0 else errno.errorcode[-result], self.call())

    def died(self, status):
        """Whoever was killed while it undid what it had done, or became another program, was not refused."""
        if status == 0 or self.call() == UNDO:
            return Outcome("done", self.call(), ended=True)
        return Outcome("filter" if status == -signal.SIGSYS else f"status {status}", self.call(), ended=True)


def gallery_file(folder):
    """A file with templates, of the gallery that the test filled."""
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


class Targets:
    """Somebody else's sockets, and places where nothing of ours is written. Sockets are real ones that listen."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        own = os.getpid()  # others may do the same meanwhile
        abstract = f"matchguard-inside-{own}"
        tcp, bus, hidden = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        (folder / "bus").unlink(missing_ok=True)
        bus.bind(str(folder / "bus"))
        (folder / "bus").chmod(0o777)
        hidden.bind(f"\0{abstract}")
        for listener in (bus, hidden):
            listener.listen(512)
        self.listeners = [tcp, bus, hidden]
        (folder / "empty").mkdir(exist_ok=True)
        self.words = {"-": "", "shadow": "/etc/shadow", "init": "/proc/1/environ", "tmp": f"/tmp/matchguard-taken-{own}",
                      "usr": f"/usr/matchguard-taken-{own}", "shm": f"/dev/shm/matchguard-taken-{own}", "run": f"/run/matchguard-taken-{own}",
                      "port": tcp.getsockname()[1], "bus": folder / "bus", "abstract": f"@{abstract}",
                      "path": folder / "listener", "true": "/bin/true", "mountpoint": folder / "empty",
                      "namespace": "/proc/self/ns/uts", "other": 65533, "name": socket.gethostname()}
        self.left = [pathlib.Path(self.words[word]) for word in ("tmp", "usr", "shm", "run", "path")]

    def clear(self):
        """Takes away what an attack left behind that got through and was then killed."""
        for path in self.left:
            path.unlink(missing_ok=True)

    def close(self):
        for listener in self.listeners:
            listener.close()
        self.clear()
