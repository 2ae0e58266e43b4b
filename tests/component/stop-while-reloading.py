#!/usr/bin/env python3
"""A stop that comes while a policy is being read: the reload is recorded, and `stop` is the last leaf.

Usage: stop-while-reloading.py --build FOLDER    (root)
"""
import argparse
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service  # noqa: E402

FILES, SANITIZED_FILES = 1000, 200  # so many that reading them takes a while, and less than a stop waits for


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    options = parser.parse_args()
    tally = service.Tally()
    policy = dict(service.POLICY)
    n = SANITIZED_FILES if service.is_sanitized(options.build) else FILES
    policy.update({f"spare-{i}.class": f"[Class]\nDescription=Nobody {i}\n" for i in range(n)})
    started = service.Service(options.build, policy=policy)
    try:
        for spoilt in (False, True):
            started.start_guard()
            started.wait_for("READY")
            started.notified = {}
            if spoilt:
                (started.policy / "no.such-type").write_text("[Class]\n")
            started.processes["guard"].send_signal(signal.SIGHUP)
            started.wait_for("RELOADING")
            status = started.kill("guard", signal.SIGTERM)
            tally.check(status == 0, f"a clean stop: {status} {started.log('guard')}")
            leaves = started.wait_exported(lambda all_: all_)
            last = [(leaf["kind"], leaf.get("via"), leaf.get("result")) for leaf in leaves[-2:]]
            result = "rejected" if spoilt else "loaded"
            tally.check(last == [("policy", "signal", result), ("stop", None, None)], f"the last leaves are {last}")
        (started.policy / "no.such-type").unlink()
        started.start_guard()
        started.wait_for("READY")
        start = started.wait_exported(lambda all_: [leaf for leaf in all_ if leaf["kind"] == "start"][2:])
        tally.check([leaf["clean"] for leaf in start if leaf["kind"] == "start"] == [1, 1, 1], "each start was clean")
        status, out, _ = started.tool("audit", "verify")
        tally.check(status == 0, f"the trail verifies: {out}")
    finally:
        started.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
