#!/usr/bin/env python3
"""What each process could do to the machine if it were taken over, tried from inside the real programs while they serve.

Every attack of tests/support/inside/table is tried by the guard, by the frontend's parent, by one of its children and by the
worker, started by hand as root; a few of them again by threads of theirs, and by a worker that searches on PoCL, and by a thread
of PoCL's in it. Twice: as they are, and with --log-seccomp, where the
filter lets go. What gets through where the table does not say so fails, and so does what another layer refuses. Each is
tried as well by a process that nothing confines, and has to get through there.

After every process that was killed an honest caller is served.

Usage: inside.py BUILD    (root)
"""
import concurrent.futures
import ctypes
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import devices  # noqa: E402
import inside  # noqa: E402
import service as mg  # noqa: E402

# Who is asked to try, of which program; and which program's process it aims at.
PLACES = {"guard": ("matchguardd", "guard", "worker"), "frontend": ("matchguard-frontend", "frontend", "guard"),
          "child": ("child", "frontend", "guard"), "worker": ("matchguard-worker", "worker", "guard"),
          "device": ("matchguard-worker", "worker", "guard")}
# A worker on a device. The table's column is the worker's; a driver may have executed something before the filter, which is all that
# is left where that lets go.
DEVICE, DEVICE_THREAD = "device", "matchguard-worker's"
DEVICE_BEHIND = {"execute true": "NONE", "execute-memory": "NONE"}
# What a driver's folders and calls are near to.
DEVICE_TRY = ("read shadow", "read init", "read memory", "read trail", "write policy", "create tmp", "create usr", "create shm", "execute true",
              "execute-memory", "map-code", "map-file", "fork", "type", "signal sibling", "connect-unix bus")
THREADS = {"guard": ("trail", "mirror"), "worker": ("match", "reads", "changes"), DEVICE: (DEVICE_THREAD,)}
# A few attacks are enough for a thread: it lives under the filter, Landlock and the capabilities of its own.
THREADS_TRY = ("read shadow", "bpf", "execute true", "user other", "signal sibling")

MODES = {"confined": (), "filter lets go": ("--log-seccomp",)}
LANDLOCK_LEAST = 6  # what the table says of it: files, TCP, signals and abstract sockets

# Not even for root: no module has these bytes, no kernel this number, few are built for x32, and the log is no terminal. Of
# the first process something may be kept from a root that is one of a container.
REFUSED_TO_ALL = {"module": ("ENOSYS", "ENOEXEC", "EPERM"), "x32": ("ENOSYS",), "newer": ("ENOSYS",), "type": ("ENOTTY", "EIO"),
                  "read init": ("EACCES",)}

ROWS = inside.rows()
for tried in ROWS:
    tried.by_hand[DEVICE] = tried.by_hand["worker"] if tried.name in (*DEVICE_TRY, *THREADS_TRY) else None
    tried.behind[DEVICE] = DEVICE_BEHIND.get(tried.name, tried.behind["worker"])


def library(build):
    return pathlib.Path(build) / "tests/support/libtest-inside.so"


class Scene:
    """A service with the library inside, and whatever it may be turned against."""

    def __init__(self, build, arguments=()):
        self.service = mg.Service(build, in_memory=True)
        self.board = inside.Board(library(build), self.service.dir / "board")
        self.service.environment = self.board.environment()
        self.service.arguments = {name: list(arguments) for name in self.service.arguments}
        self.targets = inside.Targets(self.service.dir)
        self.connection = None

    def start(self):
        """With a gallery, so that there is a file of one."""
        self.service.start()
        self.service.call(*mg.enrol([("child-1", mg.unit(0))]), uid=mg.ARCHIVE_UID)
        return self

    def argument(self, name, sibling):
        """What the word of the table stands for."""
        service = self.service
        mine = {"trail": service.state / "trail/trail.db", "key": service.state / "trail/log.key",
                "galleries": service.state / "galleries", "gallery": inside.gallery_file(service.state / "galleries"), "exports": service.state / "export",
                "policy": service.policy / "police-use.moratorium",
                "admin": service.path(mg.ADMIN), "sibling": service.processes[sibling].pid,
                "memory": f"/proc/{service.processes[sibling].pid}/mem"}
        return mine[name] if name in mine else self.targets.words[name]

    def mend(self):
        """Puts back what an attack that got through changed."""
        path = self.service.policy / "police-use.moratorium"
        path.with_name(path.name + ".taken").unlink(missing_ok=True)
        path.write_text(mg.POLICY[path.name])
        path.chmod(0o644)
        self.targets.clear()

    def serves(self):
        """An honest caller is answered; its connection stays, so that there is a child of the frontend."""
        if self.connection:
            self.connection.close()
        self.connection = self.service.connect()
        reply = self.connection.call(*mg.identify())
        return reply is not None and reply["parameters"].get("allow") == "rescue"

    def start_again(self, name):
        """What a manager does: the program that ended; all, after the guard."""
        service = self.service
        for each in (list(service.processes) if name == "guard" else [name]):
            service.kill(each)
        service.notified = {}
        if name == "guard":
            service.start()
        else:
            service.start_frontend() if name == "frontend" else service.start_worker()
            service.wait_for("X_MATCHGUARD_SERVING")

    def attempt(self, place, who, row):
        """One attack by one place, and the service again as it was. Return: (outcome, whether it serves)."""
        _, program, sibling = PLACES[place]
        process = self.service.processes[program]
        outcome = self.board.attempt(who, row.attack, self.argument(row.argument, sibling), process.poll)
        self.mend()
        if outcome.ended and place != "child":
            process.wait(mg.PATIENCE)
            self.start_again(program)
        return outcome, not outcome.ended or self.serves()

    def close(self):
        self.service.close()
        self.targets.close()


def series(build, place, arguments):
    """Every attack from one process and its threads. Return: {(who, attack): (outcome, whether it served afterwards)}."""
    scene = Scene(build, arguments)
    if place == DEVICE:
        cache = scene.service.dir / "cache"
        cache.mkdir()
        scene.service.arguments["worker"].append("--engine=opencl")
        scene.service.environment |= {**devices.POCL, "POCL_CACHE_DIR": str(cache)}
    scene.start()
    try:
        assert scene.serves(), "it does not serve at all"
        found = {}
        for row in ROWS:
            if row.by_hand[place]:
                found[place, row.name] = scene.attempt(place, PLACES[place][0], row)
            if row.name in THREADS_TRY:
                for thread in THREADS.get(place, ()):
                    found[thread, row.name] = scene.attempt(place, thread, row)
        return found
    finally:
        scene.close()


def unconfined(build):
    """The same by a process that nothing confines, a Python that waits: what is refused even there, the test cannot see
    refused by us. Return: {attack: outcome}."""
    scene, found = Scene(build).start(), {}
    environment = {**os.environ, **scene.board.environment()}
    try:
        for row in ROWS:
            process = subprocess.Popen(["python3", "-c", "import select; select.epoll().poll()"], env=environment,
                                       stderr=subprocess.DEVNULL)
            found[row.name] = scene.board.attempt("python3", row.attack, scene.argument(row.argument, "worker"), process.poll)
            process.kill()
            process.wait()
            scene.mend()
        return found
    finally:
        scene.close()


def landlock_version():
    """0 where the kernel has none."""
    create_ruleset, version_only = 444, 1
    return max(0, ctypes.CDLL(None).syscall(create_ruleset, None, 0, version_only))


class Report:
    """Holds outcomes against the table, and prints both."""

    def __init__(self, tally):
        self.tally, self.not_tried = tally, 0

    def unconfined(self, found):
        for name, outcome in found.items():
            self.tally.check(outcome.how == "done" or outcome.how in REFUSED_TO_ALL.get(name, ()),
                             f"nothing confines it, and yet {name} ends with {outcome}: the attack is no attack")

    def confined(self, who, row, outcomes):
        """One line, with what happened as it is and, where that was tried, with the filter letting go."""
        cells = []
        self.not_tried += len(MODES) - len(outcomes)
        for outcome, (mode, layer) in zip(outcomes, zip(MODES, (row.by_hand[owner(who)], row.behind[owner(who)]))):
            ended, serves = outcome
            self.tally.check(ended.is_by(layer), f"{who}, {mode}: {row.name} ends with {ended}, where {layer} was to refuse it")
            self.tally.check(serves, f"{who}, {mode}: after {row.name} nobody is served")
            cells.append(f"{layer}: {ended}" if layer != "NONE" else f"{ended}")
        print(f"{who:20}{row.name:26}{cells[0]:36}{cells[1] if len(cells) > 1 else ''}")


def owner(who):
    return next((place for place, threads in THREADS.items() if who in threads), who)


def main():
    build = sys.argv[1]
    if os.getuid() != 0:
        print("needs root")
        return 77
    tally = mg.Tally()
    report = Report(tally)
    modes = list(MODES)
    places = [place for place in PLACES if place != DEVICE or (pathlib.Path(build) / "daemon/worker/engine-opencl.so").exists()]
    if landlock_version() < LANDLOCK_LEAST:
        modes.remove("filter lets go")
    with concurrent.futures.ProcessPoolExecutor(4) as pool:
        free = pool.submit(unconfined, build)
        runs = {place: [pool.submit(series, build, place, MODES[mode]) for mode in modes] for place in places}
    report.unconfined(free.result())
    print(f"{'who':20}{'attack':26}{'confined':36}behind it, where the filter lets go")
    for place, futures in runs.items():
        results = [future.result() for future in futures]
        for who in (place, *THREADS.get(place, ())):
            for row in ROWS:
                if (who, row.name) in results[0]:
                    report.confined(who, row, [result[who, row.name] for result in results])
    if report.not_tried:
        print(f"NOT TRIED: {report.not_tried} attacks with the filter letting go. What the table says of them is for a kernel with "
              f"Landlock {LANDLOCK_LEAST}, and this one has {landlock_version()}.")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
