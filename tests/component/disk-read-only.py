#!/usr/bin/env python3
"""A state folder on a file system that is read-only: the service ends rather than guess, stands by when it is started, and
goes on by itself once it may write, with the same log.

Usage: disk-read-only.py BUILD    (root)
"""
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import disks  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

TOLD = ("Read-only file system", "find out why (dmesg), and mount it writable again")
EXIT_STORAGE = 11
WATCHDOG_USEC = 60 * 10 ** 6
START_USEC = 600 * 10 ** 6


def start_again(case):
    """As systemd does; the worker, whose galleries are read-only as well, is not what is looked at."""
    service = case.service
    for name in ("guard", "frontend", "worker"):
        service.kill(name)
    service.start_guard(environment={"WATCHDOG_USEC": str(WATCHDOG_USEC)})
    service.wait_for("READY")
    service.start_frontend()


def a_file_system_that_turns_read_only_while_it_serves(build, tally):
    with disks.Case(build, tally) as case:
        service = case.service
        case.start()
        connection = service.connect()
        for _ in range(5):
            connection.call(*mg.identify())
        service.wait_exported(lambda leaves: len(leaves) >= 14)
        before, gallery = case.size(), case.gallery()
        case.disk.turn_read_only()
        reply = connection.call(*mg.identify())
        tally.check(reply is None, f"an answer, and no record of it: {reply}")
        tally.check(service.processes["guard"].wait(mg.PATIENCE) == EXIT_STORAGE, f"{service.log('guard')}")
        tally.check(f"{service.state}/trail: a commit failed: Read-only file system" in service.log("guard"), service.log("guard"))

        start_again(case)
        case.refused("read-only", "started again")
        case.told("started again", TOLD)
        tally.check(case.gallery() == gallery, "something was forwarded")

        # What the page says: fsck while nobody uses it. The guard stands by, and holds nothing open.
        case.disk.unmount()
        tally.check(killer.wait_until(lambda: "mounted?" in case.status()["trailFault"]), f"unmounted: {case.status()}")
        case.refused("not there", "unmounted")
        case.told("unmounted", ("is its file system mounted?",))
        tally.check(not list(service.state.iterdir()), "a log is begun below the file system")
        case.disk.mount()
        # It knows the folders that were there when it confined itself, and these are others.
        tally.check(service.processes["guard"].wait(mg.PATIENCE) == 1, "it goes on where it can reach nothing")
        tally.check("was mounted anew, and a guard that is started again reaches it" in service.log("guard"), service.log("guard"))
        start_again(case)
        service.start_worker()
        case.served_again("repaired")
        tally.check(service.stop() == 0, "no clean stop")
        leaves = service.leaves()
        tally.check([leaf["kind"] for leaf in leaves[before:before + 2]] == ["start", "policy"],
                    f"{[leaf['kind'] for leaf in leaves[before:]]}")
        case.verified("repaired")


def a_file_system_that_was_mounted_read_only(build, tally):
    with disks.Case(build, tally) as case:
        service = case.service
        case.start()
        tally.check(service.stop() == 0, "no clean stop")
        before = len(service.leaves())
        subprocess.run(["mount", "-o", "remount,ro", case.disk.root], check=True)
        start_again(case)
        # The start that will come is made by the loop, and may take as long as that of a unit.
        tally.check(service.notified.get("WATCHDOG_USEC") == str(START_USEC), f"{service.notified}")
        case.refused("read-only", "mounted read-only")
        case.told("mounted read-only", TOLD)
        subprocess.run(["mount", "-o", "remount,rw", case.disk.root], check=True)
        service.start_worker()
        case.served_again("mounted writable")
        service.wait_for("WATCHDOG_USEC", str(WATCHDOG_USEC))
        tally.check(service.stop() == 0, "no clean stop")
        leaves = service.leaves()
        tally.check([leaf["kind"] for leaf in leaves[before:before + 3]] == ["start", "policy", "gap"],
                    f"{[leaf['kind'] for leaf in leaves[before:]]}")
        tally.check(leaves[before + 2]["count"] >= 1, f"{leaves[before + 2]}")
        case.verified("mounted writable")


def main():
    disks.private_mounts()
    tally = mg.Tally()
    for test in (a_file_system_that_turns_read_only_while_it_serves, a_file_system_that_was_mounted_read_only):
        began = time.monotonic()
        test(sys.argv[1], tally)
        print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
