#!/usr/bin/env python3
"""The scenario verify-loop: 1:1 in a loop as 1:N. After the rate of its allow is used up each further one is denied, and
all are recorded; a restart of the guard, clean or not, gives nothing back.

Usage: scenario-verify-loop.py BUILD    (root)
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service as mg  # noqa: E402

RATE = 12
OTHER_UID = 3105
POLICY = {**mg.POLICY,
          "rescue.allow": mg.POLICY["rescue.allow"].replace("identify identify-stored verify compare", "identify"),
          "check.allow": "[Allow]\nDescription=Is it the child?\nClass=ngo\nOperation=verify\nPurpose=missing-child-reunion\n"
                         f"Gallery=any\nSought=missing\nMinimumSimilarity=0.5\nRelease=decision\nRate={RATE}/d\n",
          "other.organisation": f"[Organisation]\nDescription=Another rescuer\nClass=ngo\n[Peer]\nUser={OTHER_UID}\n"}


def error_of(reply):
    return reply.get("error", "").rpartition(".")[2]


class Loop:
    def __init__(self, build, tally):
        self.tally, self.service = tally, mg.Service(build, policy=POLICY)
        self.service.start()
        self.service.call(*mg.enrol([(f"s{i}", mg.unit(i)) for i in range(16)]), uid=mg.ARCHIVE_UID)
        self.n = 0

    def verify(self, uid=mg.NGO_UID):
        _, parameters = mg.identify(mg.unit(3))
        self.n += 1
        return self.service.call(f"{mg.MATCH}.Verify", {**parameters, "subject": f"s{self.n % 16}"}, uid=uid)

    def permitted(self, count, when, uid=mg.NGO_UID):
        for i in range(count):
            reply = self.verify(uid)
            self.tally.check(error_of(reply) == "" and "similarity" not in reply["parameters"], f"{when}, {i}: {reply}")

    def denied(self, when, uid=mg.NGO_UID):
        for _ in range(3):
            reply = self.verify(uid)
            self.tally.check(error_of(reply) == "Denied" and reply["parameters"]["reason"] == "rate-limited"
                             and reply["parameters"].get("rule") == "check", f"{when}: {reply}")

    def restart(self, clean):
        if clean:
            self.tally.check(self.service.stop() == 0, "the guard does not stop cleanly")
        else:
            for name in ("guard", "frontend", "worker"):
                self.service.kill(name)
        self.service.start()


def main():
    tally = mg.Tally()
    loop = Loop(sys.argv[1], tally)
    try:
        loop.permitted(5, "at first")
        loop.restart(clean=True)
        loop.permitted(4, "after a clean restart")
        loop.restart(clean=False)
        loop.permitted(RATE - 9, "after kill -9")
        loop.denied("used up")
        loop.restart(clean=False)
        loop.denied("used up, after kill -9")
        # Permits count, whatever became of them: without a worker it is the same.
        loop.service.kill("worker")
        loop.service.wait_for("X_MATCHGUARD_SERVING", "0")
        loop.denied("used up, without a worker")
        for _ in range(2):
            tally.check(error_of(loop.verify(OTHER_UID)) == "WorkerUnavailable", "another organisation, without a worker")
        loop.service.start_worker()
        loop.service.wait_for("X_MATCHGUARD_SERVING", "1")
        loop.permitted(RATE - 2, "another organisation", OTHER_UID)
        loop.denied("another organisation, used up", OTHER_UID)
        reply = loop.service.call(*mg.identify(mg.unit(3)))
        tally.check(error_of(reply) == "", f"another allow: {reply}")
        # A reload that leaves the allow as it is gives nothing back either.
        (loop.service.policy / "more.class").write_text("[Class]\nDescription=x\n")
        (loop.service.policy / "more.class").chmod(0o644)
        tally.check(error_of(loop.service.call(f"{mg.ADMIN}.Reload", uid=0)) == "", "the reload")
        loop.denied("after a reload")
        loop.service.stop()
        leaves = [leaf for leaf in loop.service.leaves() if leaf["kind"] == "request" and leaf["operation"] == "verify"]
        tally.check(len(leaves) == loop.n, f"{loop.n} asked, {len(leaves)} recorded")
        for organisation in ("rescuer", "other"):
            permits = [leaf for leaf in leaves if leaf["organisation"] == organisation and leaf["verdict"] == "permit"]
            tally.check(len(permits) == RATE, f"{organisation}: {len(permits)} permits")
        tally.check({leaf.get("reason") for leaf in leaves if leaf["verdict"] == "deny"} == {"rate-limited"}, "reasons")
        tally.check(loop.service.tool("audit", "verify")[0] == 0, "the trail does not verify")
    finally:
        loop.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
