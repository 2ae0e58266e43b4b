#!/usr/bin/env python3
"""Rates are exact over their window, whatever comes between: kill -9, another rate, a clock that runs ahead and back.

After each of these the next request is permitted exactly if the leaves say so: of the earlier permits of the same
organisation and rule, fewer than the rate lie within the window before it. At last every decision of the trail is held
against that rule once more, from the leaves alone.

Usage: rates.py BUILD    (root)
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import clock as test_clock  # noqa: E402
import service as mg  # noqa: E402

WINDOWS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


class Rated:
    """The service with one allow that has a rate."""

    def __init__(self, build, tally, rate):
        self.tally = tally
        self.service = mg.Service(build, policy={**mg.POLICY, "rescue.allow": self.allow(rate)})
        self.clock = test_clock.Clock(build, self.service.dir)
        self.rates = {}  # of each policy, by its digest: (number, seconds)
        self.start()
        self.note(rate)

    @staticmethod
    def allow(rate):
        return mg.POLICY["rescue.allow"] + f"Rate={rate}\n"

    def start(self):
        self.service.start(environment=self.clock.environment())

    def status(self):
        return self.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]

    def note(self, rate):
        number, _, unit = rate.partition("/")
        self.rates[self.status()["policy"]] = int(number), WINDOWS[unit]

    def kill(self):
        for name in ("guard", "frontend", "worker"):
            self.service.kill(name)
        self.start()

    def reload(self, rate):
        (self.service.policy / "rescue.allow").write_text(self.allow(rate))
        reply = self.service.call(f"{mg.ADMIN}.Reload", uid=0)
        self.tally.check("error" not in reply, f"reload with {rate}: {reply}")
        self.note(rate)

    def ask(self):
        reply = self.service.call(*mg.identify())
        return "permit" if "error" not in reply else reply["parameters"].get("reason", reply["error"])

    def expect(self, permits, what):
        """So many permits are left, and no more."""
        said = [self.ask() for _ in range(permits + 2)]
        self.tally.check(said == ["permit"] * permits + ["rate-limited"] * 2, f"{what}: {said}")

    def check_leaves(self):
        """Every decision from the leaves alone."""
        self.service.stop()
        permits, decided = [], 0
        for leaf in self.service.leaves():
            if leaf["kind"] != "request" or leaf.get("reason") == "clock-untrusted":
                continue
            number, seconds = self.rates[leaf["policy"]]
            used = sum(wall > leaf["wall"] - seconds * 1000000 for wall in permits)
            decided += 1
            self.tally.check(leaf["verdict"] == ("permit" if used < number else "deny"),
                             f"leaf {leaf['index']}: {leaf['verdict']}, {used} of {number} used")
            if leaf["verdict"] == "permit":
                permits.append(leaf["wall"])
        done = self.service.tool("audit", "verify")
        self.tally.check(done[0] == 0 and decided > 30, f"{decided} decided, and the trail: {done}")


def over_kills_and_reloads(rated):
    rated.expect(6, "at first")
    rated.kill()
    rated.expect(0, "after kill -9")
    rated.reload("9/d")
    rated.expect(3, "a higher rate")
    rated.kill()
    rated.expect(0, "after kill -9, at the higher rate")
    rated.reload("4/h")
    rated.expect(0, "a lower rate of a shorter window")
    rated.reload("12/d")
    rated.expect(3, "higher again")


def over_a_clock_that_runs_ahead(rated):
    rated.clock.set(3 * 3600)
    rated.reload("4/h")
    rated.expect(4, "three hours later")
    rated.clock.set(400 * 86400)
    rated.reload("20/d")
    rated.expect(20, "a clock that ran ahead a year")
    rated.kill()
    rated.expect(0, "after kill -9, a year ahead")
    rated.clock.set(3 * 3600)
    rated.tally.check(rated.ask() == "clock-untrusted", "set back")
    reply = rated.service.call(f"{mg.ADMIN}.Rebase", uid=0)
    rated.tally.check("error" not in reply, f"rebase: {reply}")
    # All of today's count, as do those of the year ahead: their walls lie within any window that ends before them.
    rated.reload("40/d")
    rated.expect(4, "set right: of the last day 16, and 20 of the year ahead")
    rated.kill()
    rated.expect(0, "after kill -9, set right")
    rated.reload("60/d")
    rated.expect(20, "and a higher rate")


def main():
    tally = mg.Tally()
    rated = Rated(sys.argv[1], tally, "6/d")
    try:
        over_kills_and_reloads(rated)
        over_a_clock_that_runs_ahead(rated)
        rated.check_leaves()
    finally:
        rated.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
