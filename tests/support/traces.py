"""Which system calls our programs make once they are confined, as strace(1) sees them.

With MATCHGUARD_STRACE=FOLDER in its environment, whatever starts one of the programs for a test starts it under strace,
which writes a log into that folder. prefix() is for those who start them; Calls reads the logs.

strace -D stays behind the program, which keeps its number and its parent: tests signal, kill and wait for it as ever. A
process has one tracer, so that tests that trace by themselves cannot be run so.
"""
import collections
import os
import pathlib
import re
import time
import uuid

PROGRAMS = {b"matchguardd": "guard", b"matchguard-frontend": "frontend", b"matchguard-worker": "worker"}
LINE = re.compile(rb"^(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)")
END = re.compile(rb"^(\d+) +\+\+\+ ")
RETURNED = re.compile(rb"= (0x[0-9a-f]+|\d+)\n?$")
PATH = re.compile(rb'"([^"]*)"')
FLAGS = re.compile(rb"clone\((0x[0-9a-f]+|0)")
CLONE_THREAD = 0x10000
SET_FILTER = b"seccomp(0x1, "


def prefix(other=()):
    """The words to put before a program, or before what starts it: those that a test has anyway, behind strace where
    somebody asked for it and the test does not trace."""
    folder = os.environ.get("MATCHGUARD_STRACE")
    if not folder or "strace" in other:
        return list(other)
    # Numbers for arguments are enough, and quicker; but a program is known by its path.
    return ["strace", "-DDD", "-f", "-qq", "-o", f"{folder}/{uuid.uuid4().hex}", "-s", "256", "-e", "raw=!execve", "-e",
            "signal=none", *other]


def slowness():
    """How many times as long what is traced may take for what a test does not wait for but gives time to."""
    return 10 if os.environ.get("MATCHGUARD_STRACE") else 1


def is_written(folder):
    """Whether some strace still writes there."""
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{folder}/".encode() in entry.read_bytes():
                return True
        except OSError:
            continue
    return False


def wait_for_tracers(folder, timeout=20):
    """Until the logs in the folder are whole: strace ends after those that it traced."""
    deadline = time.monotonic() + timeout
    while is_written(folder) and time.monotonic() < deadline:
        time.sleep(0.05)


class Process:
    """Which of our programs it is, and under whose list it lives: nobody's, before it has confined itself."""

    def __init__(self, program=None, lives_under=None):
        self.program, self.lives_under, self.sets_filter = program, lives_under, False


class Calls:
    """How often each list was asked for each call: {"guard": {"read": 17, ...}, "frontend": ..., "child": ...}.

    A child of the frontend is under its parent's list until it has one of its own.
    """

    def __init__(self):
        self.seen = collections.defaultdict(collections.Counter)

    def read(self, path):
        threads, cloning = {}, {}
        with pathlib.Path(path).open("rb") as file:
            for line in file:
                match, end = LINE.match(line), END.match(line)
                if match:
                    self._line(threads, cloning, (int(match[1]), match[2], match[3] == b"("), line)
                elif end:
                    threads.pop(int(end[1]), None)  # its number may come to be another's

    def _line(self, threads, cloning, entry, line):
        number, call, begins = entry
        if number not in threads:
            # One whose maker has not been told yet, or the first of the log.
            threads[number] = self._born(*next(reversed(cloning.values()))) if cloning else Process()
        process = threads[number]
        if begins and process.lives_under:
            self.seen[process.lives_under][call.decode()] += 1
        if call == b"execve":
            threads[number] = self._executed(process, line)
        elif call in (b"clone", b"clone3", b"fork", b"vfork"):
            self._cloned(threads, cloning, entry, line)
        elif call == b"seccomp" and self._filtered(process, begins, line):
            process.lives_under = "child" if process.lives_under == "frontend" else process.program

    @staticmethod
    def _filtered(process, begins, line):
        """Whether it has just got a filter. The library asks the kernel this and that by the same call before."""
        if begins:
            process.sets_filter = SET_FILTER in line
        return process.sets_filter and line.rstrip().endswith(b"= 0")

    @staticmethod
    def _executed(process, line):
        """Another process than its maker, which goes on: PoCL's linker is started as a thread is."""
        path = PATH.search(line)
        return Process(PROGRAMS.get(path[1].rpartition(b"/")[2])) if path else process

    @staticmethod
    def _born(maker, is_thread):
        return maker if is_thread else Process(maker.program, maker.lives_under)

    def _cloned(self, threads, cloning, entry, line):
        number, call, begins = entry
        if begins:
            flags = FLAGS.search(line)
            # What clone3(2) is given cannot be seen; of our programs and what starts them, threads are made by it, and what executes
            # another program at once.
            is_thread = call == b"clone3" or (flags is not None and int(flags[1], 16) & CLONE_THREAD != 0)
            cloning[number] = (threads[number], is_thread)
        returned = RETURNED.search(line)
        if returned and number in cloning:
            child = int(returned[1], 0)
            if child not in threads:
                threads[child] = self._born(*cloning[number])
        if returned or b"= -1" in line:
            cloning.pop(number, None)
