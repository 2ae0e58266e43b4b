#!/usr/bin/env python3
"""The worker is killed as it enters each call on a file or a descriptor that an enrolment, a removal and a compaction make, and each
call by which a start changes the disk, where it has to complete what such a kill left. After each, it is started again: what was answered is
there whole, what was removed is in no file any more, and the files are as matchguard-gallery(5) says, by a reader of that page.

Usage: gallery-crash.py BUILD    (root)

MATCHGUARD_FAULTS says which points: `all`, or the number of a part; without it the day chooses a part.
"""
import os
import pathlib
import shutil
import signal
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import faults  # noqa: E402
import gallery_files  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

PARTS = 4
CHANGES_THE_DISK = ("pwrite64", "ftruncate", "fallocate", "fdatasync", "fsync", "renameat2", "unlinkat")
N_MANY = 255  # one less than what a gallery must have lost before it is compacted


def vector(subject, i):
    """A template that nobody else has: its first numbers tell whose it is."""
    return [1.0 + i, float(sum(subject.encode()) * 131 + len(subject)), float(int.from_bytes(subject.encode()[-3:], "big"))] + \
        [float((i * 7 + j * 13) % 17 - 8) for j in range(13)]


def remove(subject):
    return f"{mg.MATCH}.Remove", {"gallery": "faces", "subject": subject, "statement": mg.statement("gallery-upkeep")}


class Crashes:
    def __init__(self, build, tally):
        self.tally = tally
        self.rig = crashes.Rig(build, tally, in_memory=True)
        self.service = self.rig.service
        self.folder = self.service.state / "galleries"
        self.kept = self.service.dir / "kept"
        self.holds = {}  # what the gallery ought to hold: subject: how many templates

    # ------------------------------------------------------------------ the gallery

    def enrol(self, subject, n):
        return mg.enrol([(subject, vector(subject, i)) for i in range(n)])

    def done(self, call, subject, n):
        """A change that nothing disturbs."""
        reply = self.rig.ask("undisturbed", call, mg.ARCHIVE_UID)
        self.tally.check(reply is not None and "error" not in reply, f"undisturbed: {reply}")
        self.holds = {name: count for name, count in {**self.holds, subject: n}.items() if count}

    def keep(self):
        """Puts the files aside."""
        shutil.rmtree(self.kept, ignore_errors=True)
        self.kept.mkdir()
        for path in self.folder.glob("faces.*"):
            shutil.copy2(path, self.kept)

    def put_back(self):
        for path in self.folder.glob("faces.*"):
            path.unlink()
        for path in self.kept.iterdir():
            shutil.copy2(path, self.folder)

    def check_files(self, what, *may):
        """What is in the files is one of these. Return: which."""
        self.tally.check(not list(self.folder.glob("*.new")), f"{what}: {list(self.folder.glob('*.new'))} are left")
        try:
            rows = gallery_files.Gallery(self.folder, "faces").rows.values()
        except (gallery_files.Fault, OSError) as fault:
            self.tally.check(False, f"{what}: {fault}")
            return None
        found = {}
        for subject, floats in rows:
            self.tally.check(list(floats) == vector(subject, found.get(subject, 0)), f"{what}: a template of {subject}")
            found[subject] = found.get(subject, 0) + 1
        self.tally.check(found in may, f"{what}: {found}, and not one of {may}")
        for path in self.folder.glob("faces.*"):
            data = path.read_bytes()
            for gone in set().union(*may) - set(found):
                self.tally.check(gone.encode() not in data and struct.pack("<3f", *vector(gone, 0)[:3]) not in data,
                                 f"{what}: {path.name} still tells of {gone}")
        return found

    # ------------------------------------------------------------------ points

    def lane(self, rig):
        """The thread that changes galleries, which takes its name as it begins."""
        pid, deadline = rig.pid("worker"), time.monotonic() + mg.PATIENCE
        while time.monotonic() < deadline:
            for thread in faults.threads_of(pid):
                if pathlib.Path(f"/proc/{pid}/task/{thread}/comm").read_text().strip() == "changes":
                    return thread
        raise RuntimeError("no thread changes galleries")

    def again(self):
        """The worker anew, on the files that were put aside."""
        self.service.kill("worker")
        self.put_back()
        self.service.wait_for("X_MATCHGUARD_SERVING", "0")
        self.service.start_worker()
        self.service.wait_for("X_MATCHGUARD_SERVING")

    def points(self, call):
        target = faults.Target("worker", "the thread of changes", self.lane)
        self.again()
        found = faults.points_of(target, self.rig, lambda: self.rig.ask("counted", call, mg.ARCHIVE_UID), faults.quiet)
        self.again()
        return found

    def killed_at(self, point, call):
        """Return: whether the change was answered, None where the call was not reached."""
        self.again()
        injection = faults.Injection(self.rig, point, "SIGKILL")
        reply = self.rig.ask(str(point), call, mg.ARCHIVE_UID)
        reached = injection.wait(0.3)
        injection.detach()
        if not reached:
            return None
        self.service.processes.pop("worker").wait(mg.PATIENCE)
        return reply is not None and "error" not in reply

    def start(self):
        """A whole start on what is there."""
        self.service.wait_for("X_MATCHGUARD_SERVING", "0")
        self.service.start_worker()
        self.service.wait_for("X_MATCHGUARD_SERVING")

    def killed_in_start(self, call, number):
        """Return: whether a start on what is there made that call."""
        self.service.wait_for("X_MATCHGUARD_SERVING", "0")
        self.service.start_worker(prefix=["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}",
                                          "-e", f"inject={call}:signal=KILL:when={number}"])
        process = self.service.processes["worker"]
        deadline = time.monotonic() + mg.PATIENCE
        while process.poll() is None and self.service.notified.get("X_MATCHGUARD_SERVING") != "1" and time.monotonic() < deadline:
            self.service.take_notifications(0.005)
        ended = process.poll() is not None
        for pid in [] if ended else killer.children_of(process.pid).values():
            os.kill(pid, signal.SIGKILL)  # not strace, which would let go of it
        self.service.processes.pop("worker").wait(mg.PATIENCE)
        return ended

    # ------------------------------------------------------------------ scenarios

    def change(self, report, scenario, call, subject, n):
        """Kills at each call of one change. Return: how many points were chosen."""
        self.keep()
        before = self.holds
        after = {name: count for name, count in {**before, subject: n}.items() if count}
        points = self.points(call)
        print(f"{scenario}: {len(points)} calls", flush=True)
        self.tally.check(len(points) >= 10, f"{scenario}: only {len(points)} calls")
        chosen = report.choose(points)
        for point in chosen:
            answered = self.killed_at(point, call)
            report.count(answered is not None, scenario, point, "SIGKILL")
            if answered is not None:
                self.start()
                self.check_files(f"{scenario}, {point}", *([after] if answered else [before, after]))
        self.again()
        return len(chosen)

    def starts(self, report, call, subject):
        """Kills at each call by which a start changes the disk that finds what a kill in a removal left. Return: how many."""
        self.keep()
        base, tried = self.kept, 0
        after = {name: count for name, count in self.holds.items() if name != subject}
        target = faults.Target("worker", "the thread of changes", self.lane)
        for point in report.choose([faults.Point(target, "pwrite64", 5), faults.Point(target, "pwrite64", 7),
                                    faults.Point(target, "renameat2", 2), faults.Point(target, "unlinkat", 1)]):
            self.kept = base
            self.tally.check(self.killed_at(point, call) is not None, f"{point}: it is not made")
            self.kept = self.service.dir / "left"
            self.keep()
            for change in CHANGES_THE_DISK:
                number = 1
                while self.killed_in_start(change, number):
                    self.start()
                    self.check_files(f"start after {point}, {change} {number}", after)
                    self.service.kill("worker")
                    self.put_back()
                    tried, number = tried + 1, number + 1
                self.put_back()
            self.start()
            self.check_files(f"start after {point}", after)
        self.tally.check(tried >= 5, f"only {tried} calls of a start")
        print(f"start: {tried} calls", flush=True)


def main():
    tally = mg.Tally()
    report = faults.Report(PARTS)
    crash = Crashes(sys.argv[1], tally)
    try:
        for subject, n in (("many", N_MANY), ("other", 30), ("pair", 2)):
            crash.done(crash.enrol(subject, n), subject, n)
        n_points = crash.change(report, "enrolment", crash.enrol("new", 40), "new", 40)
        n_points += crash.change(report, "removal", remove("pair"), "pair", 0)
        crash.done(remove("many"), "many", 0)
        n_points += crash.change(report, "compaction", remove("pair"), "pair", 0)
        crash.starts(report, remove("pair"), "pair")
    finally:
        crash.rig.close()
    report.finish(tally, n_points)
    return tally.finish()


if os.geteuid() != 0:
    print("needs root")
    sys.exit(77)
sys.exit(main())
