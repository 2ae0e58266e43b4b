#!/usr/bin/env python3
"""Each file and socket call of guard, frontend and worker fails in turn, with EIO, with ENOSPC, and with SIGKILL: for a
permitted request and for one that is denied. After each, everything is started again on what was left: the trail
verifies, whoever heard an answer finds it there, and what the worker did has its permit.

Usage: fault-injection.py BUILD    (root)

MATCHGUARD_FAULTS says which points: `all`, or the number of a part; without it the day chooses a part. The files lie in
memory: see memory_folder() in support/service.py.
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import faults  # noqa: E402
import service as mg  # noqa: E402

PARTS = 5             # no multiple of the number of errors, so that each part has them all
POINTS_OF_A_LOG = 50  # then another begins, so that reading it stays quick
QUIET = 0.15          # seconds that all have to be at rest after the answer, for a call that comes then
TRIES = 3             # for a call that an attempt need not make each time

# The loop's calls on behalf of one connection or one peer: their failure is that one's, never the guard's.
OF_ONE_PEER = {"accept4", "getsockopt", "recvmsg", "sendmsg", "shutdown", "socketpair", "poll", "openat", "fcntl"}
# Where these have failed, nobody knows what the disk holds. The export's fsync(2) without room is none of them: its files
# are thrown away and written anew.
OF_THE_DISK = {("fdatasync", "EIO"), ("fdatasync", "ENOSPC"), ("fsync", "EIO")}

# Who looks into the gallery afterwards: another than who asks, so that the child of the latter is not there already.
LOOKER_UID = 3004
POLICY = {**mg.POLICY, "keeper.organisation": mg.POLICY["keeper.organisation"].replace(
    f"User={mg.ARCHIVE_UID}", f"User={mg.ARCHIVE_UID} {LOOKER_UID}")}


def child_of(rig, uid):
    frontend = rig.pid("frontend")
    for pid in pathlib.Path(f"/proc/{frontend}/task/{frontend}/children").read_text().split():
        if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == f"mg-match-{uid}":
            return int(pid)
    raise RuntimeError("no child serves")


def thread(program, number):
    return lambda rig: faults.threads_of(rig.pid(program))[number]


def targets(rig, uid):
    """Every thread there is, and the child that a request makes, or finds."""
    found = []
    for program in ("guard", "worker"):
        for number in range(len(faults.threads_of(rig.pid(program)))):
            name = f"{program}'s thread {number}" if number else f"{program}'s loop"
            found.append(faults.Target(program, name, thread(program, number), hurried=number > 0))
    found.append(faults.Target("frontend", "frontend and its new child", lambda rig: rig.pid("frontend"), follow=True))
    found.append(faults.Target("frontend", "frontend's child", lambda rig: child_of(rig, uid),
                               lambda rig: rig.service.call(f"{mg.MATCH}.WhoAmI", uid=uid)))
    return found


class Kind:
    """What is asked: to store a subject that nobody asked for before."""

    def __init__(self, name, uid):
        self.name, self.uid, self.n = name, uid, 0

    def ask(self, rig, label):
        """Return: the subject, and whether it was told to be stored."""
        self.n += 1
        subject = f"{self.name}-{self.n}"
        reply = rig.ask(label, mg.enrol([(subject, mg.unit(self.n))]), self.uid)
        return subject, reply is not None and "error" not in reply


class Faults:
    """The service, from fault to fault."""

    def __init__(self, build, tally):
        self.build, self.tally, self.rig = build, tally, None
        self.begin()

    def begin(self):
        """Another log."""
        self.close()
        self.rig = crashes.Rig(self.build, self.tally, POLICY, in_memory=True)
        self.n, self.n_judged, self.stored, self.n_permits, self.asked = 0, 0, set(), 0, {}

    def close(self):
        if not self.rig:
            return
        try:
            self.rig.judge("the whole log")
        finally:
            self.rig.close()

    def points(self, kind):
        """Those of all targets, by a request that nothing disturbs."""
        points = []
        for target in targets(self.rig, kind.uid):
            self.rig.restart()
            found = faults.points_of(target, self.rig, lambda: kind.ask(self.rig, "undisturbed"), faults.quiet)
            print(f"{kind.name}, {target.name}: {len(found)} calls", flush=True)
            points += found
        self.rig.restart()
        return [(kind, point, error) for point in points for error in faults.ERRORS]

    def attempt(self, kind, point, error):
        """Return: whether the call was reached."""
        rig, label = self.rig, f"{kind.name}, {point}, {error}"
        for name in rig.service.programs:
            (rig.service.dir / f"{name}.log").write_text("")
        point.target.ready(rig)
        injection = faults.Injection(rig, point, error)
        subject, self.asked[subject] = kind.ask(rig, label)
        reached = injection.wait(QUIET)
        injection.detach()
        if reached:
            self.look_at_programs(point, error, label)
        rig.restart()
        if reached:
            self.look_at_trail(label)
        return reached

    def look_at_programs(self, point, error, label):
        """Who has ended, and how; a guard that has not must go on serving."""
        rig, check = self.rig, self.tally.check
        served = self.serves(error)
        status = {name: process.poll() for name, process in rig.service.processes.items()}
        log = rig.service.log("guard")
        for name, code in status.items():
            check(code is None or faults.ending_is_sound(point, error, code),
                  f"{label}: the {name} ends with {code}\n{rig.service.log(name)}")
        ended = status["guard"]
        check(served or ended is not None, f"{label}: the guard does not serve any more\n{log}")
        if point.target.program != "guard":
            check(ended is None, f"{label}: the guard ends with {ended}\n{log}")
        elif error == "SIGKILL":
            check(ended == -9, f"{label}: the guard outlives it")
        elif (point.call, error) in OF_THE_DISK:
            check(ended == 11, f"{label}: after a failed sync the status is {ended}\n{log}")
        elif point.call in OF_ONE_PEER and point.target.name == "guard's loop":
            check(ended is None, f"{label}: the guard ends with {ended}\n{log}")
        else:
            check(ended != 0, f"{label}: the guard ends as if all were well\n{log}")

    def serves(self, error, seconds=mg.PATIENCE):
        """Whether a request is answered again; whoever ended is started as systemd would. A full disk may still be told.
        Ends early where the guard has ended."""
        fine = {f"{mg.MATCH}.NoSuchSubject", f"{mg.MATCH}.Failed"}
        if error == "ENOSPC":
            fine.add(f"{mg.MATCH}.TrailUnavailable")
        guard = self.rig.service.processes["guard"]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and guard.poll() is None:
            self.rig.revive()
            reply = self.rig.ask("afterwards", mg.identify())
            if reply and ("error" not in reply or reply["error"] in fine):
                return True
            time.sleep(0.01)
        return False

    def look_at_trail(self, label):
        """What is stored has its permit, what was answered has its leaves and is stored."""
        rig, check = self.rig, self.tally.check
        found = set(rig.subjects(LOOKER_UID))
        leaves = rig.service.leaves()
        for what, reply in rig.answers[self.n_judged:]:
            if what != "list":  # asked by this run, which goes on
                fault = crashes.answer_fault(leaves, reply)
                check(fault is None, f"{what}: {fault}")
        self.n_judged = len(rig.answers)
        for fault in crashes.outcome_faults(leaves, running=True) + crashes.start_faults(leaves):
            check(False, f"{label}: {fault}")
        permits = [leaf for leaf in leaves if leaf["kind"] == "request" and leaf["operation"] == "enrol"
                   and leaf["verdict"] == "permit"]
        check(found <= set(self.asked), f"{label}: {found - set(self.asked)} was not asked for")
        for subject, answered in self.asked.items():
            check(subject in found or not answered, f"{label}: {subject} was answered, but is not stored")
        new = found - self.stored
        check(len(new) <= len(permits) - self.n_permits, f"{label}: stored {new}, {len(permits) - self.n_permits} permits")
        check(self.stored <= found, f"{label}: {self.stored - found} is not stored any more")
        self.stored, self.n_permits = found, len(permits)
        rig.verify(label)

    def one(self, kind, point, error):
        """Return: whether the call was reached."""
        if self.n == POINTS_OF_A_LOG:
            self.begin()
        self.n += 1
        return any(self.attempt(kind, point, error) for _ in range(TRIES))


def main():
    tally, report = mg.Tally(), faults.Report(PARTS)
    work = Faults(sys.argv[1], tally)
    try:
        kinds = [Kind("permitted", mg.ARCHIVE_UID), Kind("denied", mg.POLICE_UID)]
        points = report.choose([point for kind in kinds for point in work.points(kind)])
        work.begin()
        for kind, point, error in points:
            report.count(work.one(kind, point, error), kind.name, point, error)
    finally:
        work.close()
    report.finish(tally, len(points))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
