#!/usr/bin/env python3
"""That an administrator can see in the kernel's audit what a program's list of system calls refused: the record of a process that
was killed, and with --log-seccomp, where it lives on, of each call that would have killed it.

The call is made from inside the real programs (tests/support/inside). Audit is switched on while this runs, and put back as it
was.

Usage: seccomp-logged.py BUILD    (root)
"""
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import inside  # noqa: E402
import kernelaudit as ka  # noqa: E402
import service as mg  # noqa: E402

SECCOMP = 1326
KILLED, LET_GO = ("0x80000000", "31"), ("0x7ffc0000", "0")  # the filter's answer, and the signal
BPF = {"x86_64": "321", "aarch64": "280"}[os.uname().machine]

# Who makes the call, of which program.
WHO = {"matchguardd": "guard", "matchguard-frontend": "frontend", "child": "frontend", "matchguard-worker": "worker"}


def told(audit, program):
    """What the kernel says of a program's forbidden calls: the fields of each record."""
    texts = [text for kind, _, text in audit.records() if kind == SECCOMP]
    return [fields for fields in (dict(re.findall(r'(\w+)="?([^ "]*)', text)) for text in texts)
            if fields.get("exe") == ka.exe_of(program)]


def attempt(build, who, arguments, audit):
    """One forbidden call by one process of a service that serves. Return: (its outcome, what the kernel said)."""
    service = mg.Service(build, in_memory=True)
    try:
        board = inside.Board(pathlib.Path(build) / "tests/support/libtest-inside.so", service.dir / "board")
        service.environment = board.environment()
        service.arguments = {name: list(arguments) for name in service.arguments}
        service.start()
        connection = service.connect()  # so that there is a child of the frontend
        connection.call(f"{mg.MATCH}.WhoAmI")
        audit.records()
        outcome = board.attempt(who, "bpf", "", service.processes[WHO[who]].poll)
        return outcome, told(audit, service.programs[WHO[who]])
    finally:
        service.close()


def main():
    build = sys.argv[1]
    if os.getuid() != 0:
        print("needs root")
        return 77
    tally = mg.Tally()
    try:
        with ka.Audit() as audit:
            for arguments, (code, signal), killed in (((), KILLED, True), (("--log-seccomp",), LET_GO, False)):
                for who in WHO:
                    what = f"{who} {' '.join(arguments)}"
                    outcome, records = attempt(build, who, arguments, audit)
                    tally.check(outcome.is_by("filter") == killed, f"{what}: bpf(2) ends with {outcome}")
                    tally.check([(each["code"], each["sig"], each["syscall"]) for each in records] == [(code, signal, BPF)],
                                f"{what}: the kernel's audit says {records}")
    except ka.Unusable as error:
        tally.check(False, f"the kernel's audit cannot be used on this machine, and nothing of it was tried: {error}")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
