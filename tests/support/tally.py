#!/usr/bin/env python3
"""Adds up what `meson test` ran: single tests where a program says how many it held (Criterion, or a closing line
"N passed, N failed"), else the program as one. Prints the failures, then the closing line.

Usage: tally.py LOG...    a log of meson's (*.json), or what one program printed, with its closing line (*.txt)
"""
import json
import pathlib
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


def tests_of(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return [json.loads(line) for line in text.splitlines()]
    # A program that came to no closing line has failed, whatever it was.
    return [{"name": path.stem, "stdout": text, "result": "OK" if PLAIN.search(text) else "ERROR"}]


def main():
    total_passed = total_failed = 0
    for test in (test for path in sys.argv[1:] for test in tests_of(pathlib.Path(path))):
        passed, failed = count(test)
        total_passed += passed
        total_failed += failed
        if failed:
            print(f"FAILED {test['name']} ({test['result']})")
            print(COLOUR.sub("", (test.get("stdout") or "") + (test.get("stderr") or ""))[-6000:])
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


sys.exit(main())
