#!/usr/bin/env python3
"""Adds up what `meson test` ran: single tests where a program says how many it held (Criterion, or a closing line
"N passed, N failed"), else the program as one. Prints the failures, then the closing line.

Usage: tally.py TESTLOG.json...
"""
import json
import re
import sys

CRITERION = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def count(test):
    text = COLOUR.sub("", (test.get("stdout") or "") + "\n" + (test.get("stderr") or ""))
    passed = failed = 0
    synthesis, plain = CRITERION.search(text), PLAIN.findall(text)
    if synthesis:
        _, good, bad, crashed = map(int, synthesis.groups())
        passed, failed = good, bad + crashed
    elif plain:
        passed, failed = map(int, plain[-1])
    elif test["result"] == "OK":
        passed = 1
    if test["result"] not in ("OK", "SKIP") and failed == 0:
        failed = 1
    return passed, failed


def main():
    total_passed = total_failed = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                passed, failed = count(test)
                total_passed += passed
                total_failed += failed
                if failed:
                    print(f"FAILED {test['name']} ({test['result']})")
                    print(COLOUR.sub("", (test.get("stdout") or "") + (test.get("stderr") or ""))[-6000:])
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


sys.exit(main())
