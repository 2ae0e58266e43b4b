#!/usr/bin/env python3
"""The parts of the house style that a machine can point at.

Files open with a charter comment and stay under 800 lines, functions under 120 (universal-ctags), one connection to
the trail's database exists in the whole system, no text that is left for later stands in the tree, and no line of a manual page
that changes fonts runs on into a sentence, whose words troff(1) would put together.

Usage: check-style.py ROOT
"""
import json
import pathlib
import re
import subprocess
import sys

FUNCTION_MAX = 120
FILE_MAX = 800


def sources(root):
    for folder in ("daemon", "policy", "tools"):
        yield from sorted(root.glob(f"{folder}/**/*.[ch]"))


def check_files(root, faults):
    count = 0
    for path in sources(root):
        count += 1
        text = path.read_text()
        name = path.relative_to(root)
        lines = text.splitlines()
        if len(lines) >= FILE_MAX:
            faults.append(f"{name}: {len(lines)} lines; split it by nouns")
        if not re.match(r"(#pragma once\n)?/\*", text):
            faults.append(f"{name}:1: does not open with its charter")
        for number, line in enumerate(lines, 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                faults.append(f"{name}:{number}: something is left for later")
    return count


def check_functions(root, faults):
    files = [str(path) for path in sources(root) if path.suffix == ".c"]
    if not files:
        return 0
    output = subprocess.run(
        ["ctags", "--languages=C", "--kinds-C=f", "--fields=+ne", "--output-format=json", "-f", "-", *files],
        check=True, capture_output=True, text=True).stdout
    count = 0
    for line in output.splitlines():
        tag = json.loads(line)
        if "end" not in tag:
            continue
        count += 1
        length = tag["end"] - tag["line"] + 1
        if length > FUNCTION_MAX:
            name = pathlib.Path(tag["path"]).relative_to(root)
            faults.append(f"{name}:{tag['line']}: {tag['name']}() has {length} lines")
    return count


def check_one_connection(root, faults):
    opens = [path.relative_to(root) for path in sources(root)
             for line in path.read_text().splitlines()
             if re.search(r"sqlite3_open", line) and path.relative_to(root).parts[:2] == ("daemon", "trail")]
    if len(opens) != 1:
        faults.append(f"daemon/trail opens its database in {len(opens)} places; it has exactly one connection")
    elsewhere = [path.relative_to(root) for path in sources(root)
                 if path.relative_to(root).parts[0] != "tools" and path.relative_to(root).parts[:2] != ("daemon", "trail")
                 and "sqlite3_open" in path.read_text()]
    faults.extend(f"{path}: opens a database" for path in elsewhere)
    return 1


def check_manual(root, faults):
    pages = sorted(root.glob("docs/man/*"))
    for path in pages:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.match(r"\.(BR|RB|IR|RI|BI|IB) [^\"]*[.:;] ", line):
                faults.append(f"{path.relative_to(root)}:{number}: a sentence begins in a line that changes fonts")
    return len(pages)


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    faults = []
    checked = sum(check(root, faults) for check in (check_files, check_functions, check_one_connection, check_manual))
    print("\n".join(faults))
    print(f"{max(checked - len(faults), 0)} passed, {len(faults)} failed")
    return 1 if faults or not checked else 0


sys.exit(main())
