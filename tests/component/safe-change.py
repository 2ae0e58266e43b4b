#!/usr/bin/env python3
"""A policy changes while the service runs, and nothing is decided by half of each.

- a request that is under way in the worker ends under the policy that decided it: its limit, its gallery
- in the trail the policy of each request is that of the last policy leaf that was loaded, also through 200 reloads under
  load, in which no request fails
- each policy leaf says whether anything became permitted: against the one before it, at a start against the one that the
  trail has last; where that text is gone or is another, nothing is said

Usage: safe-change.py BUILD    (root)
"""
import pathlib
import shutil
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import killer  # noqa: E402
import service as mg  # noqa: E402

RELOADS, CALLERS, STORED = 200, 4, 12
NEVER = "[Invariant]\nDescription=Nobody identifies\nNever=permit\nOperation=identify\n"
KEEPER_ALLOW = mg.POLICY["rescue.allow"].replace("Class=ngo", "Class=archive")


def reload(service):
    return service.call(f"{mg.ADMIN}.Reload", uid=0)


def settled(service):
    """The leaves, once all that was answered is exported."""
    def is_exported():
        status = service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]
        return status["exportedSize"] >= status["treeSize"]

    assert killer.wait_until(is_exported, 10)
    return service.leaves()


def set_limit(service, limit):
    write(service, "rescue.allow", mg.POLICY["rescue.allow"].replace("MaximumCandidates=5", f"MaximumCandidates={limit}"))


def write(service, name, text):
    path = service.policy / name
    path.write_text(text)
    path.chmod(0o644)


def fill(service):
    """Templates that are all alike enough to be found."""
    entries = [(f"s{i}", [1.0 if j == 0 else 0.1 * (i == j) for j in range(16)]) for i in range(STORED)]
    reply = service.call(*mg.enrol(entries), uid=mg.ARCHIVE_UID)
    assert "error" not in reply, reply


class UnderWay:
    """Calls that were decided while the worker stood still."""

    def __init__(self, service, count):
        self.service, self.count = service, count
        self.before = sum(leaf["kind"] == "request" for leaf in settled(service))
        self.connections = [service.connect() for _ in range(count)]
        for connection in self.connections:
            connection.send(*mg.identify(limit=10))

    def decided(self):
        """Waits until their leaves are exported. Return: those leaves."""
        wanted = self.before + self.count
        requests = self.service.wait_exported(lambda leaves: [leaf for leaf in leaves if leaf["kind"] == "request"][wanted - 1:])
        requests = [leaf for leaf in requests if leaf["kind"] == "request"]
        return requests[self.before:self.before + self.count]

    def end(self):
        """Return: their replies."""
        replies = [connection.receive() for connection in self.connections]
        for connection in self.connections:
            connection.close()
        return replies


def found(replies):
    return [len(reply["parameters"]["candidates"]) if "error" not in reply else reply["error"] for reply in replies]


def what_is_under_way_ends_as_it_began(tally, service):
    worker = service.processes["worker"]
    worker.send_signal(signal.SIGSTOP)
    old = UnderWay(service, 5)
    old_leaves = old.decided()
    set_limit(service, 2)
    write(service, "faces.gallery", mg.POLICY["faces.gallery"] + "MaximumTemplates=99\n")
    reply = reload(service)
    tally.check("error" not in reply, f"the reload does not wait for the worker: {reply}")
    new = UnderWay(service, 5)
    new_leaves = new.decided()
    worker.send_signal(signal.SIGCONT)
    tally.check(found(old.end()) == [5] * 5, "the old limit for what was under way")
    tally.check(found(new.end()) == [2] * 5, "the new limit for what came after")

    policies = [leaf for leaf in settled(service) if leaf["kind"] == "policy"]
    tally.check({leaf["policy"] for leaf in old_leaves} == {policies[-1]["old"]}, "the leaves of old name the old policy")
    tally.check({leaf["policy"] for leaf in new_leaves} == {policies[-1]["new"]}, "and those of new the new one")
    tally.check(max(leaf["index"] for leaf in old_leaves) < policies[-1]["index"] < min(leaf["index"] for leaf in new_leaves),
                "in this order")
    tally.check({(leaf["limit"], leaf.get("gallery-maximum")) for leaf in old_leaves} == {(5, None)}
                and {(leaf["limit"], leaf.get("gallery-maximum")) for leaf in new_leaves} == {(2, 99)}, "with what the worker ran")


def so_it_does_where_its_gallery_goes(tally, service):
    worker = service.processes["worker"]
    worker.send_signal(signal.SIGSTOP)
    old = UnderWay(service, 3)
    old.decided()
    gallery = service.policy / "faces.gallery"
    text = gallery.read_text()
    gallery.unlink()
    reply = reload(service)
    tally.check("error" not in reply, f"a policy without the gallery: {reply}")
    reply = service.call(*mg.identify())
    tally.check(reply["parameters"].get("reason") == "unknown-term", f"nobody can ask for it any more: {reply}")
    worker.send_signal(signal.SIGCONT)
    tally.check(found(old.end()) == [2] * 3, "but for those who had")
    write(service, "faces.gallery", text)
    tally.check("error" not in reload(service), "and it comes back")


class Load(threading.Thread):
    """Asks for as long as it is let, and keeps what was wrong."""

    def __init__(self, service):
        super().__init__()
        self.connection, self.done, self.asked, self.wrong = service.connect(), threading.Event(), 0, []

    def run(self):
        while not self.done.is_set():
            reply = self.connection.call(*mg.identify(limit=10))
            self.asked += 1
            if not reply or "error" in reply or not 1 <= len(reply["parameters"]["candidates"]) <= 4:
                self.wrong.append(reply)
        self.connection.close()


def through_reloads_under_load_none_fails(tally, service):
    loads = [Load(service) for _ in range(CALLERS)]
    for load in loads:
        load.start()
    failed = []
    for i in range(RELOADS):
        set_limit(service, 1 + i % 4)
        reply = reload(service)
        # So that something is decided under each policy, however slow the machine is.
        wanted = sum(load.asked for load in loads) + 2
        if not mg.until(lambda wanted=wanted: sum(load.asked for load in loads) >= wanted):
            break
        failed += [reply] if "error" in reply else []
    for load in loads:
        load.done.set()
        load.join()
    asked = sum(load.asked for load in loads)
    tally.check(not failed, f"reloads that failed: {failed[:3]}")
    tally.check(not any(load.wrong for load in loads), f"requests that failed: {[load.wrong[:2] for load in loads]}")
    tally.check(asked > RELOADS, f"{asked} requests in {RELOADS} reloads")


def the_trail_names_the_policy_of_each(tally, service):
    service.stop()
    force, counts, outcomes = None, {}, {}
    leaves = service.leaves()
    for leaf in leaves:
        if leaf["kind"] == "policy":
            tally.check(leaf.get("old") == force, f"leaf {leaf['index']}: old is {leaf.get('old')}, in force was {force}")
            force = leaf["new"] if leaf["result"] == "loaded" else force
        elif leaf["kind"] == "request":
            counts[leaf["policy"]] = counts.get(leaf["policy"], 0) + 1
            if leaf["policy"] != force:
                tally.check(False, f"leaf {leaf['index']} was decided under {leaf['policy']}, in force was {force}")
        elif leaf["kind"] == "outcome":
            outcomes[leaf["of"]] = leaf
    # What ran is what the leaf says, whatever came into force before it ended.
    for leaf in leaves:
        if leaf["kind"] == "request" and leaf["verdict"] == "permit" and leaf["operation"] == "identify":
            outcome = outcomes[leaf["index"]]
            if (outcome["result"], outcome.get("candidates")) != ("ok", leaf["limit"]):
                tally.check(False, f"leaf {leaf['index']}: {leaf['limit']} permitted, {outcome}")
    tally.check(sum(count > 20 for count in counts.values()) >= 4, f"requests under each policy: {counts}")
    done = service.tool("audit", "verify")
    tally.check(done[0] == 0, f"audit verify: {done}")


def wider_of_last(service, n):
    """What the n-th policy leaf says of itself."""
    leaves = service.wait_exported(lambda leaves: [leaf for leaf in leaves if leaf["kind"] == "policy"][n - 1:])
    policies = [leaf for leaf in leaves if leaf["kind"] == "policy"]
    assert len(policies) == n, (n, policies)
    return policies[-1].get("wider"), policies[-1]["result"]


def each_policy_says_whether_it_is_wider(tally, build):
    service = mg.Service(build, policy={name: text for name, text in mg.POLICY.items() if not name.endswith(".allow")})

    def start(wanted, n, what):
        service.start_guard()
        service.wait_for("READY")
        said = wider_of_last(service, n)
        tally.check(said == (wanted, "loaded"), f"at a start, {what}: {said}")
        service.stop()

    try:
        start(0, 1, "with a first policy that permits nothing")
        write(service, "rescue.allow", mg.POLICY["rescue.allow"])
        start(1, 2, "with an allow more than in the last run")
        start(0, 3, "with the same")
        (service.policy / "rescue.allow").unlink()
        start(0, 4, "with an allow less")

        service.start()
        write(service, "rescue.allow", mg.POLICY["rescue.allow"])
        for change, wanted in [(lambda: None, (1, "loaded")), (lambda: None, (0, "loaded")),
                               (lambda: write(service, "more.allow", KEEPER_ALLOW), (1, "loaded")),
                               (lambda: write(service, "x.allow", "[Allow]\n"), (None, "rejected")),
                               (lambda: (service.policy / "x.allow").unlink(), (0, "loaded")),
                               (lambda: write(service, "never.invariant", NEVER), (None, "rejected")),
                               (lambda: (service.policy / "never.invariant").unlink(), (0, "loaded")),
                               (lambda: write(service, "more.allow", KEEPER_ALLOW.replace("0.3", "0.2")), (1, "loaded")),
                               (lambda: (service.policy / "more.allow").unlink(), (0, "loaded")),
                               (lambda: (service.policy / "police-use.moratorium").unlink(), (0, "loaded"))]:
            change()
            reply = reload(service)
            tally.check(("error" in reply) == (wanted[1] == "rejected"), f"at a reload: {reply}")
            said = wider_of_last(service, sum(leaf["kind"] == "policy" for leaf in settled(service)))
            tally.check(said == wanted, f"at a reload: {said}, not {wanted}")
        write(service, "never.invariant", NEVER)
        reply = reload(service)
        tally.check(any("never.invariant" in fault for fault in reply["parameters"].get("faults", [])), f"{reply}")
    finally:
        service.close()


def where_the_old_text_is_gone_nothing_is_said(tally, build):
    service = mg.Service(build)
    try:
        service.start()
        old = service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]["policy"]
        service.stop()
        archive = service.state / "export/policy" / old
        write(service, "more.allow", KEEPER_ALLOW)
        text = (archive / "rescue.allow").read_text()
        (archive / "rescue.allow").write_text(text + "# another text\n")
        service.start_guard()
        service.wait_for("READY")
        tally.check(wider_of_last(service, 2) == (None, "loaded"), "another text")
        tally.check("is not known" in service.log("guard") and "not the one that was in force" in service.log("guard"),
                    f"the journal says why: {service.log('guard')}")
        (archive / "rescue.allow").write_text(text)
        service.stop()
        old = service.leaves()[-2]["new"]
        shutil.rmtree(service.state / "export/policy" / old)
        (service.policy / "more.allow").unlink()
        service.start_guard()
        service.wait_for("READY")
        tally.check(wider_of_last(service, 3) == (None, "loaded"), "no text")
        service.stop()
    finally:
        service.close()


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1])
    try:
        service.start()
        fill(service)
        what_is_under_way_ends_as_it_began(tally, service)
        so_it_does_where_its_gallery_goes(tally, service)
        through_reloads_under_load_none_fails(tally, service)
        the_trail_names_the_policy_of_each(tally, service)
    finally:
        service.close()
    each_policy_says_whether_it_is_wider(tally, sys.argv[1])
    where_the_old_text_is_gone_nothing_is_said(tally, sys.argv[1])
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
