#!/usr/bin/env python3
"""Promise 2: no record, no answer. Neither a match nor a denial reaches a client before its own record is durable:
the guard is killed at each step of both, its syncs are made slow, and made to fail.

Usage: promise-2-no-record-no-answer.py BUILD    (root)
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

SLOW = 0.5  # seconds that a sync is made to take, or more where the whole answer takes that long anyhow
# Around what makes a record durable and an answer leave; fault-injection.py walks all calls.
CALLS = ["sendmsg", "fdatasync", "write", "futex"]


def each_kill_leaves_no_answer_without_its_record(rig, name, call, uid):
    answered = len(rig.answers)

    def attempt(label):
        return rig.ask(f"{name}, {label}", call, uid)

    def recover():
        """Every answer so far must stand in what the next start finds."""
        nonlocal answered
        rig.restart()
        leaves = rig.service.leaves()
        for what, reply in rig.answers[answered:]:
            fault = crashes.answer_fault(leaves, reply)
            rig.tally.check(fault is None, f"{what}: {fault}")
        answered = len(rig.answers)

    points = crashes.kill_program(rig, "guard", attempt, recover, CALLS)
    rig.tally.check(points > 5, f"{name}: only {points} points were reached")
    print(f"{name}: {points} points")


def an_answer_waits_for_its_syncs(rig, name, call, uid, syncs):
    _, took = crashes.timed(lambda: rig.ask(name, call, uid))
    slow = max(SLOW, took)
    tracer = killer.Strace(rig.pid("guard"), "trace=fdatasync", f"inject=fdatasync:delay_enter={int(slow * 1e6)}")
    reply, took = crashes.timed(lambda: rig.ask(f"{name}, slow", call, uid))
    tracer.detach()
    rig.tally.check(reply is not None and took >= syncs * slow,
                    f"{name}: answered after {took:.2f} s, {syncs} syncs of {slow:.2f} s")


def a_failed_sync_is_not_answered(rig, name, call, uid, number):
    tracer = killer.Strace(rig.pid("guard"), "trace=fdatasync", f"inject=fdatasync:error=EIO:when={number}")
    reply = rig.ask(f"{name}, EIO", call, uid)
    killer.wait_until(lambda: killer.has_ended(rig.pid("guard")), 10)
    tracer.detach()
    status = rig.service.kill("guard")
    rig.tally.check(reply is None, f"{name}: answered without its record: {reply}")
    rig.tally.check(status == 11, f"{name}: a failed sync ends the guard with {status}, not 11")
    rig.restart()


def a_full_disk_is_no_denial(rig, name, call, uid):
    """Whatever the write that does not fit: the caller hears of the trail, not of a verdict; then the gap comes first."""
    tracer = killer.Strace(rig.pid("guard"), "trace=pwrite64", "inject=pwrite64:error=ENOSPC")
    replies = [rig.ask(f"{name}, full", call, uid) for _ in range(3)]
    before = rig.size()
    tracer.detach()
    for reply in replies:
        rig.tally.check(reply and reply.get("error") == f"{mg.MATCH}.TrailUnavailable", f"{name}: on a full disk {reply}")
    rig.tally.check(killer.wait_until(lambda: rig.size() > before, 10), "the trail is not written again")
    reply = rig.ask(f"{name}, room again", call, uid)
    expected = crashes.answer_fault([], reply)
    rig.tally.check("TrailUnavailable" not in reply.get("error", "") and expected, f"{name}: with room again {reply}")
    leaves = rig.service.wait_exported(lambda leaves: len(leaves) > before)
    gap = leaves[before]
    rig.tally.check(gap["kind"] == "gap" and gap["count"] == len(replies), f"{name}: the first leaf with room again is {gap}")


def pipelined_answers_have_their_records(rig):
    """Twenty calls are sent before the first answer, and the guard is killed between two commits."""
    for number in range(1, 5):
        connection = rig.service.connect(mg.POLICE_UID)
        tracer = killer.kill_at(rig.pid("guard"), "fdatasync", number)
        for _ in range(20):
            connection.send(*mg.identify())
        replies = []
        while len(replies) < 20:
            reply = rig.answer(connection)
            if reply is None:
                break
            replies.append(reply)
        tracer.detach()
        connection.close()
        rig.restart()
        leaves = rig.service.leaves()
        for reply in replies:
            fault = crashes.answer_fault(leaves, reply)
            rig.tally.check(fault is None, f"pipelined, sync {number}: {fault}")
        indices = [reply["parameters"]["receipt"]["decisionIndex"] for reply in replies]
        rig.tally.check(indices == sorted(indices), "pipelined: answered out of order")
        rig.points += 1


def main():
    tally = mg.Tally()
    rig = crashes.Rig(sys.argv[1], tally)
    denied, permitted = ("a denial", mg.identify(), mg.POLICE_UID), ("a match", mg.identify(), mg.NGO_UID)
    try:
        rig.ask("enrol", mg.enrol([(f"s-{i}", mg.unit(i)) for i in range(8)]), mg.ARCHIVE_UID)
        an_answer_waits_for_its_syncs(rig, *denied, syncs=1)
        an_answer_waits_for_its_syncs(rig, *permitted, syncs=2)
        a_failed_sync_is_not_answered(rig, *denied, number=1)
        a_failed_sync_is_not_answered(rig, *permitted, number=1)
        a_failed_sync_is_not_answered(rig, *permitted, number=2)
        a_full_disk_is_no_denial(rig, *denied)
        a_full_disk_is_no_denial(rig, *permitted)
        each_kill_leaves_no_answer_without_its_record(rig, *denied)
        each_kill_leaves_no_answer_without_its_record(rig, *permitted)
        pipelined_answers_have_their_records(rig)
        rig.judge("the whole log")
        print(f"{rig.points} points tried")
    finally:
        rig.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
