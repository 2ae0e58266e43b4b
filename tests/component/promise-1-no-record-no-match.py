#!/usr/bin/env python3
"""Promise 1: no record, no match. What the worker did can be seen in the gallery: a subject that is stored there must
have its permit in the log, wherever guard or worker were killed: here around what makes a record durable and a job leave.
fault-injection.py goes on to every call of every program.

Usage: promise-1-no-record-no-match.py BUILD    (root)
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import held  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

SLOW = 0.7  # seconds that a sync is made to take
GUARD_CALLS = ["fdatasync", "sendmsg", "futex"]
WORKER_CALLS = ["fdatasync", "sendmsg", "futex"]


class Enrolments:
    """Enrols one subject after the other, and knows between which sizes of the log each was asked for."""

    def __init__(self, rig):
        self.rig, self.asked, self.stored = rig, {}, set()

    def one(self, label):
        subject = f"s-{len(self.asked):04}"
        self.asked[subject] = label
        reply = self.rig.ask(f"enrol, {label}", mg.enrol([(subject, mg.unit(len(self.asked)))]), mg.ARCHIVE_UID)
        if reply and "error" not in reply:
            self.stored.add(subject)
        return reply

    def heard(self, subject, reply):
        """Of a subject that was enrolled in another way."""
        self.asked[subject] = subject
        self.rig.answers.append((subject, reply))
        self.stored.add(subject)

    def check(self, leaves, found):
        """The gallery against the log: as many permits as subjects at least, and what was answered is there."""
        tally = self.rig.tally
        permits = [leaf for leaf in leaves if leaf["kind"] == "request" and leaf["operation"] == "enrol"
                   and leaf["verdict"] == "permit"]
        tally.check(self.stored <= set(found), f"answered, but not stored: {self.stored - set(found)}")
        tally.check(set(found) <= set(self.asked), "the gallery holds what nobody asked to store")
        tally.check(len(found) <= len(permits), f"{len(found)} subjects, but {len(permits)} permits to enrol")
        epochs = [leaf["gallery-epoch"] for leaf in leaves if leaf["kind"] == "outcome" and leaf.get("gallery-epoch")]
        tally.check(epochs == sorted(epochs), "the gallery's epoch went back")


def each_kill_leaves_its_leaf(rig, enrolments):
    """After every kill: whoever is in the gallery now and was not before has a new permit in the log."""
    before = {"size": 0, "subjects": set(rig.subjects())}

    def look(label):
        # A start publishes all that there is before it serves.
        rig.restart()
        leaves = rig.service.leaves()
        subjects = set(rig.subjects())
        new = subjects - before["subjects"]
        permits = [leaf for leaf in leaves[before["size"]:]
                   if leaf["kind"] == "request" and leaf["verdict"] == "permit" and leaf["operation"] == "enrol"]
        rig.tally.check(len(new) <= len(permits), f"{label}: stored {new}, permitted {len(permits)}")
        before.update(size=len(leaves), subjects=subjects)

    points = crashes.kill_program(rig, "guard", enrolments.one, lambda: look("the guard was killed"), GUARD_CALLS)
    rig.tally.check(points > 5, f"only {points} points of the guard were reached")
    print(f"enrol, guard killed: {points} points")
    points = crashes.kill_program(rig, "worker", enrolments.one, rig.restart_worker, WORKER_CALLS)
    rig.tally.check(points > 3, f"only {points} points of the worker were reached")
    look("the worker was killed")
    print(f"enrol, worker killed: {points} points")


def a_job_waits_for_the_sync_of_its_record(rig, enrolments):
    """While the record is being synced the worker has nothing to do; then the outcome is synced before the answer."""
    state = lambda: mg.contents(rig.service.state / "galleries")  # noqa: E731
    before = state()
    connection = rig.service.connect(mg.ARCHIVE_UID)
    sync = held.Hold(rig.pid("guard"), "trail", "fdatasync")
    connection.send(*mg.enrol([("held", mg.unit(3))]))
    sync.wait()
    rig.tally.check(killer.wait_until(lambda: rig.n_open() == 1), "the request is not under way")
    time.sleep(0.3)  # for what would come too early
    rig.tally.check(state() == before, "the gallery changed before the record was durable")
    sync.let_go()
    reply = connection.receive()
    connection.close()
    enrolments.heard("held", reply)
    rig.tally.check("error" not in reply, f"once it is durable: {reply}")
    rig.tally.check(state() != before, "the gallery cannot be watched in this way")

    tracer = killer.Strace(rig.pid("guard"), "trace=fdatasync", f"inject=fdatasync:delay_enter={int(SLOW * 1e6)}")
    reply, took = crashes.timed(lambda: enrolments.one("slow"))
    tracer.detach()
    rig.tally.check("error" not in reply and took >= 2 * SLOW, f"answered after {took:.2f} s: {reply}")


def a_record_that_cannot_be_synced_is_no_record(rig, enrolments):
    before = set(rig.subjects())
    tracer = killer.Strace(rig.pid("guard"), "trace=fdatasync", "inject=fdatasync:error=EIO:when=1")
    reply = enrolments.one("EIO")
    rig.tally.check(killer.wait_until(lambda: killer.has_ended(rig.pid("guard")), 10), "the guard goes on after EIO")
    tracer.detach()
    status = rig.service.kill("guard")
    rig.tally.check(reply is None and status == 11, f"after a failed sync: status {status}, answer {reply}")
    rig.restart()
    rig.tally.check(set(rig.subjects()) == before, "stored, though the record could not be synced")


def main():
    tally = mg.Tally()
    rig = crashes.Rig(sys.argv[1], tally)
    try:
        enrolments = Enrolments(rig)
        a_job_waits_for_the_sync_of_its_record(rig, enrolments)
        a_record_that_cannot_be_synced_is_no_record(rig, enrolments)
        each_kill_leaves_its_leaf(rig, enrolments)
        found = rig.subjects()
        enrolments.check(rig.judge("the whole log"), found)
        print(f"{rig.points} points tried")
    finally:
        rig.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
