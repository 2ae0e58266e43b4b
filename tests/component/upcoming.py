#!/usr/bin/env python3
"""Dates of the policy that come near are told of: in the status, in the line of `systemctl status`, in the journal.

- at a start and at each reload the journal gets all that stand; a date that is far, or long past, is never told of
- each date is told of once for each of 30, 7 and 1 days and once it has passed, when the clock has come so far
- a clock that goes back and forth says nothing twice
- what stands is told in words: until when, and who is excepted

Usage: upcoming.py BUILD    (root)
"""
import datetime
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import clock as test_clock  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

DAY = 86400


def instant(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def policy(clock):
    """An allow that ends in forty days, one that ended a hundred ago, and a moratorium that is held beyond its date."""
    now = clock.now()
    allow = mg.POLICY["rescue.allow"]
    return {**mg.POLICY,
            "rescue.allow": allow + f"Until={instant(now + 40 * DAY)}\n",
            "old.allow": allow + f"Until={instant(now - 100 * DAY)}\n",
            "police-use.moratorium": mg.POLICY["police-use.moratorium"] + "Until=2021-06-10\nExcept=rescue\n"
                                                                          f"ReviewBy={instant(now + 3 * DAY)}\n"}


class Watch:
    """The journal, from where it was last looked at."""

    def __init__(self, service, tally):
        self.service, self.tally, self.seen = service, tally, 0
        self.path = service.dir / "guard.log"

    def new(self):
        data = self.path.read_bytes()
        lines = data[self.seen:].decode().splitlines()
        self.seen = len(data)
        return [line for line in lines if ".allow:" in line or ".moratorium:" in line]

    def expect(self, wanted, what):
        """These and no others were said, in any order: each wanted text stands in one line."""
        found = []
        killer.wait_until(lambda: found.extend(self.new()) or len(found) >= len(wanted), 20)
        found += self.new()
        good = len(found) == len(wanted) and all(any(text in line for line in found) for text in wanted)
        self.tally.check(good, f"{what}: {found}")


def status(service):
    return service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]


def move(service, clock, days):
    """Sets the clock, and makes a record, with which the guard sees that it stepped."""
    clock.set(days * DAY, synchronised=False)
    service.call(*mg.identify())


def in_the_status(tally, service):
    now = status(service)
    tally.check(len(now["warnings"]) == 2, f"two stand: {now['warnings']}")
    held, review = now["warnings"]
    tally.check("police-use: was to end on 2021-06-10" in held and "held beyond that until somebody releases it" in held
                and f"{service.policy}/police-use.moratorium:6)" in held, f"held beyond: {held}")
    tally.check("to be reviewed by" in review and "in 3 days" in review and "police-use.moratorium:8)" in review, f"{review}")
    standing = now["standing"]
    tally.check(len(standing) == 1 and "held beyond 2021-06-10 until somebody releases it" in standing[0]
                and "excepted: what the allow rescue permits to organisations of ngo (until " in standing[0], f"{standing}")
    service.wait_for("STATUS", "Serving; in force: police-use (held beyond 2021-06-10 until somebody releases it); 2 warnings.")
    shown = " ".join(service.tool("status", check=0)[1].split())
    tally.check("dates moratorium police-use" in shown, f"the tool shows them: {shown}")


def in_the_journal(tally, service, clock):
    watch = Watch(service, tally)
    watch.expect(["police-use: was to end on", "police-use: is to be reviewed"], "at the start")
    for days, wanted in [(0.1, []), (2.5, ["reviewed by"]), (2.6, []), (9, ["was to be reviewed by"]),
                         (12, ["rescue: ends on"]), (20, []), (33.5, ["rescue: ends on"]), (39.5, ["within a day"]),
                         (30, []), (39.6, []), (41, ["rescue: ended on"]), (60, []), (39.7, [])]:
        move(service, clock, days)
        watch.expect(wanted, f"after {days} days")
    reply = service.call(f"{mg.ADMIN}.Reload", uid=0)
    tally.check("error" not in reply, f"reload: {reply}")
    watch.expect(["police-use: was to end on", "police-use: was to be reviewed", "rescue: ends on"], "at a reload")
    move(service, clock, 41.5)
    watch.expect(["rescue: ended on"], "and from there on")
    move(service, clock, 75)
    tally.check(len(status(service)["warnings"]) == 2, "of what ended long ago nothing is said")
    service.wait_for("STATUS", "Serving; in force: police-use (held beyond 2021-06-10 until somebody releases it); 2 warnings.")


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1], policy={})
    clock = test_clock.Clock(sys.argv[1], service.dir)
    mg.write_policy(service.policy, policy(clock))
    clock.set(0, synchronised=False)
    try:
        service.start(environment=clock.environment())
        in_the_status(tally, service)
        in_the_journal(tally, service, clock)
        service.stop()
        tally.check(service.tool("audit", "verify")[0] == 0, "the trail does not verify")
    finally:
        service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
