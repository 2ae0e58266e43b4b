#!/usr/bin/env python3
"""Every event has an id, a row, a paragraph and a line in the manual, and nothing else has.

Held against each other: the ids in daemon/trail/event-id.h, the kinds in event.h, the rows in event.c, the paragraphs in
units/matchguard.catalog (whose @FIELDS@ are fields that events have), the table in docs/man/matchguardd.8, and the code that
tells of each.

Usage: check-events.py ROOT
"""
import collections
import pathlib
import re
import sys

PRIORITIES = {"LOG_CRIT": "crit", "LOG_ERR": "err", "LOG_WARNING": "warning", "LOG_NOTICE": "notice", "LOG_INFO": "info",
              "LOG_DEBUG": "debug"}


class Check:
    def __init__(self):
        self.passed, self.faults = 0, []

    def that(self, holds, fault):
        if holds:
            self.passed += 1
        else:
            self.faults.append(fault)

    def same(self, what, ours, theirs):
        self.that(ours == theirs, f"{what}: missing {sorted(ours - theirs)}, too many {sorted(theirs - ours)}")


def catalog(text):
    """id -> (subject, paragraphs)"""
    entries = {}
    for entry in re.split(r"^-- ", text, flags=re.M)[1:]:
        head, _, body = entry.partition("\n\n")
        lines = head.splitlines()
        subject = next((line[9:] for line in lines if line.startswith("Subject: ")), "")
        entries.setdefault(lines[0], []).append((subject, body.strip()))
    return entries


def leaf_keys(root):
    text = "".join(path.read_text() for path in sorted((root / "daemon/guard").glob("*.c")))
    return set(re.findall(r'leaf_set_(?:text|number)\([^,]+,\s*"([a-z-]+)"', text))


def field_keys(root):
    text = "".join(path.read_text() for folder in ("guard", "trail") for path in sorted((root / "daemon" / folder).glob("*.c")))
    told = re.findall(r"EVENT_FIELDS\((.*?)\),\n", text, flags=re.S)
    keys = {key for fields in told for key in re.findall(r'\{"([a-z-]+)"', fields)}
    return keys | set(re.findall(r'leaf_set_(?:text|number)\(&fields, "([a-z-]+)"', text))


def main():
    root = pathlib.Path(sys.argv[1])
    check = Check()
    ids = dict(re.findall(r'^#define EVENT_ID_(\w+)\s+"(\w+)"', (root / "daemon/trail/event-id.h").read_text(), flags=re.M))
    kinds = set(re.findall(r"^        EVENT_(\w+),$", (root / "daemon/trail/event.h").read_text(), flags=re.M)) - {"TO_STDERR", "TO_JOURNAL"}
    source = (root / "daemon/trail/event.c").read_text()
    rows = re.findall(r'\[EVENT_(\w+)\] = \{"([a-z-]+)", EVENT_ID_(\w+),\s*(\w+)\}', source)
    check.that(len(ids) > 0, "no ids")
    for name, count in collections.Counter(ids.values()).items():
        check.that(count == 1, f"the id {name} stands for {count} events")
    for name, value in ids.items():
        check.that(re.fullmatch("[0-9a-f]{32}", value), f"EVENT_ID_{name} is no id")
    check.same("event.h against event-id.h", set(ids), kinds)
    check.same("event.c against event-id.h", set(ids), {row[0] for row in rows})
    for kind, name, other, priority in rows:
        check.that(kind == other and name == kind.lower().replace("_", "-"), f"event.c: the row of EVENT_{kind} is another's")
        check.that(priority in PRIORITIES, f"event.c: EVENT_{kind} has the priority {priority}")

    entries = catalog((root / "units/matchguard.catalog").read_text())
    check.same("matchguard.catalog", set(ids.values()), set(entries))
    fields = {"MATCHGUARD_" + key.upper().replace("-", "_") for key in leaf_keys(root) | field_keys(root) | {"index", "time"}}
    for entry, texts in entries.items():
        check.that(len(texts) == 1 and all(texts[0]), f"matchguard.catalog: {entry} has not one subject and paragraph")
        for field in re.findall("@([A-Z_]+)@", texts[0][1]):
            check.that(field in fields | {"MESSAGE_ID"}, f"matchguard.catalog: no event has the field {field}")

    page = (root / "docs/man/matchguardd.8").read_text()
    told = re.findall(r"^\.BR ([a-z\\-]+) \" \(([a-z]+)\) \\fC([0-9a-f]{32})\\fR\"\n(.*)\.$", page, flags=re.M)
    expected = {(name, PRIORITIES[priority], ids[kind], entries.get(ids[kind], [("", "")])[0][0]) for kind, name, _, priority in rows}
    check.same("matchguardd.8", expected, {(name.replace("\\-", "-"), priority, value, text.replace("\\(aq", "'"))
                                          for name, priority, value, text in told})
    check.that(len(told) == len(rows), "matchguardd.8 names an event twice")

    text = "".join(path.read_text() for folder in ("guard", "trail") for path in sorted((root / "daemon" / folder).glob("*.c"))
                   if path.name != "event.c")
    for kind in sorted(kinds):
        check.that(re.search(rf"\bEVENT_{kind}\b", text), f"nothing tells of EVENT_{kind}")

    print("\n".join(check.faults))
    print(f"{check.passed} passed, {len(check.faults)} failed")
    return 1 if check.faults else 0


sys.exit(main())
