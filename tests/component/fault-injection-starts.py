#!/usr/bin/env python3
"""Each file and socket call of a start and of a stop of the guard fails in turn, with EIO, with ENOSPC, and with SIGKILL:
of the first start of all, of one after a crash that has three requests to close, of one that begins another log, and of a
clean stop. Whatever is left, the next start comes to its end, has lost nothing, and the trail verifies.

Usage: fault-injection-starts.py BUILD    (root)

MATCHGUARD_FAULTS chooses points, as for fault-injection.py.
"""
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import faults  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

PARTS = 20
QUIET = 0.15     # seconds that the guard has to be at rest after it is ready, for a call that comes then
TRIES = 3
BEHIND = 10      # the exit status that says that somebody took something away
UNTOLD = "Cannot tell the service manager"  # what a guard says that is ready, and cannot say so
N_OPEN = 3       # requests that the crash leaves open


class Folder:
    """What a start finds: a copy of a state directory."""

    def __init__(self, rig, name):
        self.rig, self.copy = rig, rig.service.dir / name
        self.leaves = []

    def keep(self):
        for program in list(self.rig.service.processes):
            self.rig.service.kill(program)
        shutil.copytree(self.rig.service.state, self.copy)
        if (self.copy / "export").exists():
            self.leaves = self.rig.service.leaves()
        return self

    def put_back(self):
        shutil.rmtree(self.rig.service.state)
        shutil.copytree(self.copy, self.rig.service.state)


def nothing(rig):
    """Before the first start of all."""
    folder = Folder(rig, "nothing")
    for path in list(rig.service.state.iterdir()):
        if path.name != "galleries":
            shutil.rmtree(path)
    return folder.keep()


def after_a_crash(rig):
    """The worker has three jobs when all are killed."""
    rig.ask("enrol", mg.enrol([("s-0", mg.unit(0))]), mg.ARCHIVE_UID)
    os.kill(rig.pid("worker"), signal.SIGSTOP)
    size = rig.size()
    connections = [rig.service.connect() for _ in range(N_OPEN)]
    for connection in connections:
        connection.send(*mg.identify())
    rig.tally.check(killer.wait_until(lambda: rig.size() == size + N_OPEN), "the decisions are not recorded")
    rig.service.wait_exported(lambda leaves: len(leaves) == size + N_OPEN)
    folder = Folder(rig, "left").keep()
    for connection in connections:
        connection.close()
    return folder


class Start:
    """A start on a folder, held until strace is there."""

    arguments = ()

    def __init__(self, name, folder):
        self.name, self.folder, self.rig = name, folder, folder.rig
        self.target = faults.Target("guard", name, lambda rig: rig.pid("guard"), follow=True, others=faults.OTHERS_AT_START)

    def prepare(self):
        self.folder.put_back()
        self.rig.service.start_guard(stopped=True, arguments=self.arguments)
        pid = self.rig.pid("guard")
        killer.wait_until(lambda: killer.state_of(pid) == "T")

    def run(self, label):
        os.kill(self.rig.pid("guard"), signal.SIGCONT)
        deadline = time.monotonic() + mg.PATIENCE
        while time.monotonic() < deadline:
            try:
                self.rig.service.wait_for("READY", timeout=0.05, guard_may_end=True)
                return
            except TimeoutError:
                if UNTOLD in self.rig.service.log("guard"):
                    return
        self.rig.tally.check(False, f"{label}: neither ready nor ended: {self.rig.service.log('guard')}")

    def ends(self):
        """Whether it is to be over by itself."""
        return False

    def look(self, label):
        """Holds the log against what was there before."""
        leaves, before = self.rig.service.leaves(), self.folder.leaves
        self.rig.tally.check(leaves[:len(before)] == before, f"{label}: leaves were lost")
        for fault in crashes.outcome_faults(leaves) + crashes.start_faults(leaves):
            self.rig.tally.check(False, f"{label}: {fault}")
        self.rig.verify(label)


class Renewal(Start):
    """A start that begins another log; told again until there is one, as it says itself."""

    arguments = ("--new-log",)

    def checkpoints(self):
        """The digests of the last checkpoints that were published, and of those that were not any more."""
        notes = [path.read_bytes() for path in self.rig.service.state.glob("export*/checkpoint")]
        for path in self.rig.service.state.glob("trail*/trail.db"):
            with contextlib.closing(sqlite3.connect(path)) as database:
                notes += [note.encode() for note, in database.execute("SELECT note FROM head")]
        return {hashlib.sha256(note).hexdigest() for note in notes}

    def look(self, label):
        """The old log is kept aside, and each new one names the checkpoint that it follows."""
        check, leaves = self.rig.tally.check, {}
        for export in self.rig.service.state.glob("export*"):
            leaves[export] = self.rig.service.leaves(export)
        checkpoints = self.checkpoints()
        old = [export for export in leaves if leaves[export][:len(self.folder.leaves)] == self.folder.leaves]
        check(len(old) == 1, f"{label}: the old log is kept in {old}")
        for export in leaves:
            if export not in old and leaves[export]:
                check(leaves[export][0].get("previous") in checkpoints,
                      f"{label}: {export.name} follows no log: {leaves[export][0]}")
        self.rig.verify(label)


class Stop(Start):
    """A clean stop, asked for while the start is being exported."""

    def prepare(self):
        self.folder.put_back()
        self.rig.service.start_guard()
        self.rig.service.wait_for("READY")

    def run(self, label):
        os.kill(self.rig.pid("guard"), signal.SIGTERM)
        killer.wait_until(lambda: killer.has_ended(self.rig.pid("guard")))

    def ends(self):
        return True


def points_of(kind):
    """Of one that nothing disturbs. The calls of the shell and of the dynamic loader are none of ours: until the last
    library has been opened and closed."""
    output = kind.rig.service.dir / "strace.txt"
    kind.prepare()
    tracer = faults.strace(kind.target, kind.rig.pid("guard"), output, f"trace={faults.CLASSES}")
    kind.run("undisturbed")
    if not kind.ends():
        faults.quiet(lambda: output.stat().st_size)
    tracer.detach()
    kind.rig.service.kill("guard")
    text = output.read_text(errors="replace")
    first = text.split()[0]
    libraries = [match.end() for match in re.finditer(rf"^{first} +openat\(.*\.so[.0-9]*\".*\n", text, re.M)]
    loaded = text.index("\n", re.compile(rf"^{first} +close\(", re.M).search(text, libraries[-1]).start()) if libraries else 0
    skipped = faults.count_calls(text[:loaded])
    points = [point for point in faults.points_in(kind.target, text)
              if point.number > skipped.get(point.call, 0)]
    print(f"{kind.name}: {len(points)} calls; {sum(skipped.values())} of the shell and the loader before them are let be")
    return [(kind, point, error) for point in points for error in faults.ERRORS]


def attempt(kind, point, error):
    """Return: whether the call was reached."""
    rig, label = kind.rig, f"{kind.name}, {point.call} {point.number}, {error}"
    kind.prepare()
    (rig.service.dir / "guard.log").write_text("")
    injection = faults.Injection(rig, point, error)
    kind.run(label)
    reached = injection.wait(0 if kind.ends() else QUIET)
    injection.detach()
    look_at_guard(kind, point, error, label)
    if reached:
        look_at_trail(kind, label)
    return reached


def look_at_guard(kind, point, error, label):
    """How it ended, if it did."""
    rig, check = kind.rig, kind.rig.tally.check
    killer.wait_until(lambda: rig.service.processes["guard"].poll() is not None, 1 if error == "SIGKILL" else 0.02)
    status, log = rig.service.processes["guard"].poll(), rig.service.log("guard")
    check(status is None or faults.ending_is_sound(point, error, status), f"{label}: the guard ends with {status}\n{log}")
    # Each thread has a first write: what failed may have been its last words.
    check(status in (None, 0, -9) or log or point.call == "write", f"{label}: the guard ends with {status}, and says nothing")
    check(status != BEHIND, f"{label}: the guard says that something was taken away\n{log}")
    check(status != 0 or kind.ends(), f"{label}: the guard ends as if all were well\n{log}")
    check(status is not None or not kind.ends(), f"{label}: the guard does not end\n{log}")


def look_at_trail(kind, label):
    """The start after it, which nothing disturbs, and a clean stop."""
    rig, check = kind.rig, kind.rig.tally.check
    rig.service.kill("guard")
    rig.service.start_guard(arguments=kind.arguments)
    if not check(rig.service.wait_for("READY", guard_may_end=True), f"{label}: the next start fails\n{rig.service.log('guard')}"):
        return
    status = rig.service.kill("guard", signal.SIGTERM)
    check(status == 0, f"{label}: the stop ends with {status}\n{rig.service.log('guard')}")
    kind.look(label)


def main():
    tally, report = mg.Tally(), faults.Report(PARTS)
    rig = crashes.Rig(sys.argv[1], tally, in_memory=True)
    try:
        left = after_a_crash(rig)
        kinds = [Start("a start after a crash", left), Renewal("another log", left), Stop("a stop", left),
                 Start("the first start", nothing(rig))]
        points = report.choose([point for kind in kinds for point in points_of(kind)])
        for kind, point, error in points:
            reached = any(attempt(kind, point, error) for _ in range(TRIES))
            report.count(reached, kind.name, point, error)
    finally:
        rig.close()
    report.finish(tally, len(points))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
