#!/usr/bin/env python3
"""A guard that may open few files: it serves fewer connections, and is not ended by their number.

Usage: few-files.py --build FOLDER    (root)
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import killer  # noqa: E402
import service  # noqa: E402

FILES = 512
USERS = (service.ARCHIVE_UID, service.NGO_UID, service.POLICE_UID, *range(4000, 4015))


def crowd(started):
    """More connections than there can be descriptors for, of users that the policy knows and others."""
    known, others = USERS[:3], USERS[3:]
    return [started.connect(uid) for _ in range(60) for uid in known] + [
        started.connect(uid) for _ in range(14) for uid in others]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    options = parser.parse_args()
    tally = service.Tally()
    started = service.Service(options.build)
    try:
        started.start(prefix=("prlimit", f"--nofile={FILES}:{FILES}"))
        for uid in USERS:
            started.caller(uid)  # before any connection, of which it would keep a copy
        first = started.connect()
        tally.check(first.call(*service.identify()) is not None, "it serves")
        for _ in range(3):
            clients = crowd(started)
            tally.check(first.call(*service.identify()) is not None, "who was there is served still")
            time.sleep(1.5)  # the export opens files once a second
            for client in clients:
                client.close()
        served = killer.wait_until(lambda: started.call(*service.identify()) is not None)
        tally.check(served, "and so is who comes when they have gone")
        tally.check(started.kill("guard", 15) == 0, f"the guard stops cleanly: {started.log('guard')}")
        for name in ("frontend", "worker"):
            started.kill(name)

        started.start_guard(prefix=("prlimit", "--nofile=100:100"))
        tally.check(not started.wait_for("READY", guard_may_end=True), "with next to none it does not start")
        tally.check("LimitNOFILE" in started.log("guard"), "and says what to do")
    finally:
        started.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
