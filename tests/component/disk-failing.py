#!/usr/bin/env python3
"""A disk that fails: the service ends at once with a status of its own, tells nobody anything that may not be on the disk, and
the next start reads everything anew.

Usage: disk-failing.py BUILD    (root)
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import disks  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

EXIT_STORAGE = 11


def asked(case, times):
    """Return: a connection, which the guard has accepted, so that its end is that of the guard; and the answers that came by it."""
    connection = case.service.connect()
    return connection, [connection.call(*mg.identify()) for _ in range(times)]


def ask_until_it_ends(connection, answers):
    """Requests on one connection, until the guard is gone."""
    for _ in range(20000):
        reply = connection.call(*mg.identify())
        if reply is None:
            return
        answers.append(reply)


def ended(case, what):
    status, log = case.service.processes["guard"].wait(mg.PATIENCE), case.service.log("guard")
    case.check(status == EXIT_STORAGE, f"{what}: status {status}: {log}")
    case.check(f"{case.service.state}/" in log and "Input/output error" in log and "exit status 11" in log, f"{what}: {log}")
    for name in ("guard", "frontend", "worker"):
        case.service.kill(name)


def goes_on(case, answers, label):
    """Everything that was answered is there; what was open is closed aloud."""
    service = case.service
    service.start()
    case.served_again(label)
    case.check(service.stop() == 0, f"{label}: no clean stop")
    leaves = service.leaves()
    for reply in answers:
        fault = crashes.answer_fault(leaves, reply)
        case.check(fault is None, f"{label}: {fault}")
    for fault in crashes.outcome_faults(leaves):
        case.check(False, f"{label}: {fault}")
    case.verified(label)


def a_disk_that_is_gone(build, tally):
    with disks.Case(build, tally) as case:
        service = case.service
        case.start()
        connection, answers = asked(case, 20)
        case.disk.fail()
        reply = connection.call(*mg.identify())
        tally.check(reply is None, f"an answer, and no disk: {reply}")
        ended(case, "gone")
        service.start_guard()
        tally.check(not service.wait_for("READY", guard_may_end=True), "it starts without a disk")
        tally.check(service.kill("guard") == EXIT_STORAGE, f"the next start: {service.log('guard')}")
        case.disk.repair()
        goes_on(case, answers, "gone, and back")


def a_sync_that_fails(build, tally):
    """A thin volume whose pool is empty takes every write into memory, and cannot sync it."""
    with disks.Case(build, tally, mebibytes=64, pool=24) as case:
        case.start()
        connection, answers = asked(case, 20)
        case.disk.empty_pool()
        ask_until_it_ends(connection, answers)
        ended(case, "no pool")
        case.disk.refill_pool()
        case.disk.repair()
        tally.check({error_of(reply) for reply in answers} == {""}, f"{set(map(error_of, answers))}")
        goes_on(case, answers, "no pool, and refilled")


def a_read_that_fails_at_the_start(build, tally):
    with disks.Case(build, tally) as case:
        service = case.service
        case.start()
        answers = [service.call(*mg.identify()) for _ in range(5)]
        tally.check(service.stop() == 0, "no clean stop")
        log = service.dir / "strace.log"
        service.start_guard(prefix=("strace", "-f", "-o", str(log), "-P", str(service.state / "trail/trail.db"), "-e", "trace=pread64",
                                    "-e", "inject=pread64:error=EIO:when=4+"))
        tally.check(not service.wait_for("READY", guard_may_end=True), "it starts without being able to read")
        tally.check(service.kill("guard") == EXIT_STORAGE, f"a read that fails: {service.log('guard')}")
        tally.check("INJECTED" in log.read_text(), "no read failed")
        goes_on(case, answers, "a read that failed")


def main():
    disks.private_mounts()
    tally = mg.Tally()
    for test in (a_disk_that_is_gone, a_sync_that_fails, a_read_that_fails_at_the_start):
        began = time.monotonic()
        test(sys.argv[1], tally)
        print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
