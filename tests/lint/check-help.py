#!/usr/bin/env python3
"""Every option that a program's --help lists stands in its manual page.

Usage: check-help.py ROOT GUARD FRONTEND WORKER TOOL
"""
import pathlib
import re
import subprocess
import sys

PAGES = ("matchguardd.8", "matchguard-frontend.8", "matchguard-worker.8", "matchguard.1")
OPTION = re.compile(r"^ +(--[a-z0-9-]+)", re.MULTILINE)
COMMAND = re.compile(r"^  ([a-z][a-z-]*(?: [a-z][a-z-]*)?) .*  \S", re.MULTILINE)


def help_of(program, *path):
    return subprocess.run([program, *path, "--help"], capture_output=True, text=True, check=True).stdout


def main():
    root, *programs = sys.argv[1:]
    passed, faults = 0, []
    for program, name in zip(programs, PAGES, strict=True):
        page = (pathlib.Path(root) / "docs/man" / name).read_text(encoding="utf-8").replace("\\-", "-")
        commands = COMMAND.findall(help_of(program)) if name == "matchguard.1" else [""]
        for command in commands:
            for option in OPTION.findall(help_of(program, *command.split())):
                if re.search(re.escape(option) + r"(?![a-z0-9-])", page):
                    passed += 1
                else:
                    faults.append(f"{name}: {command} {option} is not there")
    for fault in faults:
        print(f"FAILED: {fault}")
    print(f"{passed} passed, {len(faults)} failed")
    return 1 if faults or passed < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
