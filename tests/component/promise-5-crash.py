#!/usr/bin/env python3
"""Promise 5: a crash at any instant leaves at most a decision without an outcome, and the next start closes it: here one
after a crash of each program as it has its part of a request in hand, and every checkpoint of such a start.
fault-injection.py and fault-injection-starts.py go through every call, kill-rounds.py through random instants.

Usage: promise-5-crash.py BUILD    (root)
"""
import contextlib
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

SLOW = 0.3  # seconds that a sync is made to take


def a_worker_killed_at_each_step(rig, name, call, uid, least):
    """fault-injection.py has the worker store; this has it remove."""
    points = crashes.kill_program(rig, "worker", lambda label: rig.ask(f"{name}, {label}", call, uid), rig.restart_worker)
    rig.tally.check(points >= least, f"{name}: only {points} points of the worker were reached")
    print(f"{name}, worker killed: {points} points")


def leave_open(rig):
    """Kills the guard while the worker has three jobs, then the others."""
    os.kill(rig.pid("worker"), signal.SIGSTOP)
    size = rig.size()
    connections = [rig.service.connect() for _ in range(3)]
    for connection in connections:
        connection.send(*mg.identify())
    rig.tally.check(killer.wait_until(lambda: rig.size() == size + 3), "the decisions are not recorded")
    rig.service.kill("guard")
    os.kill(rig.pid("worker"), signal.SIGCONT)
    for connection in connections:
        rig.tally.check(rig.answer(connection, 1) is None, "answered without an outcome")
        connection.close()
    for program in ("guard", "frontend", "worker"):
        rig.service.kill(program)


def what_is_left_open_is_closed_by_the_next_start(rig):
    leave_open(rig)
    rig.restart()
    leaves = rig.service.wait_exported(lambda leaves: leaves[-1]["kind"] == "policy")
    at = max(leaf["index"] for leaf in leaves if leaf["kind"] == "start")
    closed = [leaf["result"] for leaf in leaves[at + 1:] if leaf["kind"] == "outcome"]
    rig.tally.check(leaves[at]["open"] == 3 and leaves[at]["clean"] == 0, f"three requests were left open: {leaves[at]}")
    rig.tally.check(closed == ["unknown"] * 3, f"what was left open is closed as {closed}")


def a_child_that_dies_with_a_request(rig):
    """The client hears nothing wrong, the outcome is recorded, and the next one of its uid is served."""
    os.kill(rig.pid("worker"), signal.SIGSTOP)
    size = rig.size()
    connection = rig.service.connect()
    connection.send(*mg.identify())
    rig.tally.check(killer.wait_until(lambda: rig.size() == size + 1), "the decision is not recorded")
    os.kill(killer.children_of(rig.pid("frontend"))[f"mg-match-{mg.NGO_UID}"], signal.SIGKILL)
    rig.tally.check(rig.answer(connection) is None, "answered by nobody")
    connection.close()
    os.kill(rig.pid("worker"), signal.SIGCONT)
    rig.tally.check(killer.wait_until(lambda: rig.size() > size + 1), "the outcome is not recorded")
    reply = rig.ask("the next child", mg.identify())
    rig.tally.check(reply is not None and "error" not in reply, f"the next child answers {reply}")


def every_checkpoint_of_a_start_verifies(rig):
    """Whoever copies the export while a start closes what was left open copies a sound log, however slow the disk is."""
    leave_open(rig)
    starts = lambda: sum(leaf["kind"] == "start" for leaf in rig.service.leaves())  # noqa: E731
    before = starts()
    rig.service.start_guard(prefix=["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e",
                                    f"inject=fdatasync:delay_enter={int(SLOW * 1e6)}"])
    while not rig.service.notified.get("READY"):
        rig.verify("while a start is slow")
        with contextlib.suppress(TimeoutError):
            rig.service.wait_for("READY", timeout=0.02)
    rig.tally.check(killer.wait_until(lambda: starts() > before, 60), "the start is not exported")
    rig.verify("after a slow start")
    guards = killer.children_of(rig.pid("guard")).values()
    for pid in guards:
        os.kill(pid, signal.SIGKILL)
    # The tracer keeps a thread that it delays, and that thread the folder, until it has gone itself.
    rig.service.kill("guard")
    rig.tally.check(killer.wait_until(lambda: all(map(killer.has_gone, guards))), "the guard is not gone")
    rig.restart()


def main():
    tally = mg.Tally()
    rig = crashes.Rig(sys.argv[1], tally)
    removal = (f"{mg.MATCH}.Remove", {"gallery": "faces", "subject": "s-7", "statement": mg.statement("gallery-upkeep")})
    try:
        rig.ask("enrol", mg.enrol([(f"s-{i}", mg.unit(i)) for i in range(8)]), mg.ARCHIVE_UID)
        what_is_left_open_is_closed_by_the_next_start(rig)
        every_checkpoint_of_a_start_verifies(rig)
        a_child_that_dies_with_a_request(rig)
        a_worker_killed_at_each_step(rig, "a removal", removal, mg.ARCHIVE_UID, least=8)
        rig.judge("the whole log")
        print(f"{rig.points} points tried")
    finally:
        rig.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
