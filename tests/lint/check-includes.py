#!/usr/bin/env python3
"""Who may include whom: reads every #include of the project and holds it against the table of CONTRIBUTING.md.

Usage: check-includes.py ROOT
"""
import pathlib
import re
import sys

MAY = {
    "base": set(),
    "wire": {"base"},
    "log": {"base"},
    "policy": {"base"},
    "varlink": {"base"},
    "trail": {"base", "wire", "log"},
    "frontend": {"base", "wire", "varlink"},
    "guard": {"base", "wire", "log", "policy", "trail"},
    "worker": {"base", "wire", "log"},
    "tools": {"base", "wire", "log", "varlink", "policy"},
}
# What a layer must not reach by a system header either: the frontend parses, the guard never sees JSON, and only
# the trail speaks to the database.
FOREIGN = {
    "json-c/": {"varlink", "frontend", "tools"},
    "sqlite3.h": {"trail", "tools"},
    "libaudit.h": {"trail"},
    "seccomp.h": {"base"},
}


def layer_of(path, root):
    parts = path.relative_to(root).parts
    return parts[1] if parts[0] == "daemon" else parts[0]


def main():
    root = pathlib.Path(sys.argv[1])
    passed, faults = 0, []
    for path in sorted(root.glob("daemon/**/*.[ch]")) + sorted(root.glob("policy/**/*.[ch]")) + sorted(
            root.glob("tools/**/*.[ch]")):
        layer = layer_of(path, root)
        before = len(faults)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            own = re.match(r'#include "([^"]+)"', line)
            system = re.match(r"#include <([^>]+)>", line)
            where = f"{path.relative_to(root)}:{number}"
            if own:
                target = own.group(1).split("/")[0]
                if "/" not in own.group(1):
                    faults.append(f'{where}: "{own.group(1)}" does not carry its folder')
                elif target != layer and target not in MAY[layer]:
                    faults.append(f"{where}: {layer} must not include {target}")
            elif system:
                for header, allowed in FOREIGN.items():
                    if system.group(1).startswith(header) and layer not in allowed:
                        faults.append(f"{where}: {layer} must not include <{system.group(1)}>")
        passed += len(faults) == before
    print("\n".join(faults))
    failed = len({fault.split(":")[0] for fault in faults})
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
