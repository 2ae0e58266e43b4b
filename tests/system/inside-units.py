#!/usr/bin/env python3
"""Run by 51-inside-units in the booted container: the attacks of tests/support/inside by the processes of the installed
service, held against what the programs and, behind their filters, the units are to refuse.

Usage: inside-units.py confined|logged
"""
import pathlib
import pwd
import signal
import subprocess
import sys
import time

import inside
import service as mg

PAGE = pathlib.Path("/run/matchguard-inside")
STATE = pathlib.Path("/var/lib/matchguard")
RUN = pathlib.Path("/run/matchguard")

# Of which unit, how the process calls itself, and at whom it aims.
PLACES = {"guard": ("matchguard", "matchguardd", "matchguard-worker"),
          "frontend": ("matchguard-frontend", "matchguard-frontend", "matchguard"),
          "child": ("matchguard-frontend", "child", "matchguard"),
          "worker": ("matchguard-worker", "matchguard-worker", "matchguard")}

LIMIT = 60  # seconds, for what never comes

# Each kill is a start of a unit. What the filter kills is tried in full by component/inside; here one of each sort.
KILLS = ("connect-tcp port", "execute true", "bpf")


def status_of(unit):
    """How the unit's program ended, as its ExecStopPost= wrote it and subprocess has it."""
    path = PAGE / f"ended.{unit}"
    deadline = time.monotonic() + LIMIT
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < deadline, f"{unit} has ended, and nobody says how"
        time.sleep(0.005)
    code, status = path.read_text().split()
    return int(status) if code == "exited" else -signal.Signals[f"SIG{status}"]


class Scene:
    """The booted service."""

    def __init__(self):
        self.board = inside.Board("/usr/libexec/matchguard-test/libtest-inside.so", PAGE / "page")
        self.targets = inside.Targets(PAGE)
        self.keeper = mg.Caller(pwd.getpwnam("keeper").pw_uid)
        self.connection = None
        self.pids = {}

    def serves(self, seconds=LIMIT):
        """The keeper is answered, on a connection that stays: so there is a child of the frontend. Systemd may just be at it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            reply = None
            if self.connection:
                reply = self.connection.call(f"{mg.MATCH}.List", {"gallery": "faces", "statement": mg.statement()})
            if reply and reply["parameters"].get("subjects"):
                return True
            if self.connection:
                self.connection.close()
            self.connection = self.keeper.connect(RUN / mg.MATCH)
            time.sleep(0.01)
        return False

    def pid(self, unit):
        if unit not in self.pids:
            done = subprocess.run(["systemctl", "show", "-P", "MainPID", f"{unit}.service"], capture_output=True, check=True)
            self.pids[unit] = int(done.stdout)
        return self.pids[unit]

    def argument(self, name, sibling):
        mine = {"trail": STATE / "trail/trail.db", "key": STATE / "trail/log.key", "galleries": STATE / "galleries",
                "gallery": inside.gallery_file(STATE / "galleries"),
                "exports": STATE / "export", "policy": "/etc/matchguard/policy.d/faces.gallery",
                "admin": RUN / mg.ADMIN, "other": pwd.getpwnam("nobody").pw_uid}
        if name in ("sibling", "memory"):
            return self.pid(sibling) if name == "sibling" else f"/proc/{self.pid(sibling)}/mem"
        return mine[name] if name in mine else self.targets.words[name]

    def attempt(self, place, row):
        """Return: (outcome, whether the keeper is served afterwards)."""
        unit, who, sibling = PLACES[place]
        ended, pid = PAGE / f"ended.{unit}", self.pid(unit)
        ended.unlink(missing_ok=True)
        outcome = self.board.attempt(who, row.attack, self.argument(row.argument, sibling),
                                     lambda: None if pathlib.Path(f"/proc/{pid}").exists() else status_of(unit), LIMIT)
        self.targets.clear()
        if outcome.ended:
            self.pids.clear()
        return outcome, not outcome.ended or self.serves()


def expected(row, place, confined):
    """The layer that refuses; None where it is not to be tried."""
    if not confined or row.by_hand[place] != "filter":
        return row.unit[place]
    return "filter" if row.name in KILLS else None


def main():
    confined = {"confined": True, "logged": False}[sys.argv[1]]
    tally, scene = mg.Tally(), Scene()
    tally.check(scene.serves(), "nobody is served to begin with")
    for place in PLACES:
        for row in inside.rows():
            layer = expected(row, place, confined)
            if layer:
                outcome, serves = scene.attempt(place, row)
                tally.check(outcome.is_by(layer), f"{place}: {row.name} ends with {outcome}, where {layer} was to refuse it")
                tally.check(serves, f"{place}: after {row.name} nobody is served")
                print(f"{place:10}{row.name:28}{layer:10}{outcome}")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
