#!/usr/bin/env python3
"""Promise 6: a decision can be recomputed by anyone from its record and the policy text that the export keeps.

Makes decisions of several kinds in the real service: under several policies, one with a rate, one with a caller who is two
organisations, one that stands the service down; with a clock that is synchronised, is not, and is behind; over a restart.
Then recomputes each from its leaf and the archived text alone, twice:

- with `matchguard policy decide`: verdict, reason, rule, moratoria and limits are held against the leaf
- with `matchguard audit replay`, on a copy of the export in another place, whose accounts have other numbers

A permit for the police, put in with the log's own key, is found.

Usage: promise-6-replayed.py BUILD      (as root)
"""
import json
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import clock as test_clock  # noqa: E402
import forge  # noqa: E402
import service as mg  # noqa: E402


def make_decisions(service):
    service.call(*mg.enrol([("a", mg.unit(0)), ("b", mg.unit(1))]), uid=mg.ARCHIVE_UID)
    service.call(*mg.identify())
    service.call(*mg.identify(limit=2, minimumSimilarity=0.87))
    service.call(*mg.identify(statement=mg.statement(recipients=["city-police"])))
    service.call(*mg.identify(statement=mg.statement(onBehalfOf=["government"])))
    service.call(*mg.identify(statement=mg.statement("no-such-purpose")))
    service.call(*mg.identify(statement=mg.statement(sought="suspect", caseReference="c", operator="o")))
    for uid in (mg.POLICE_UID, mg.STRANGER_UID):
        service.call(*mg.identify(), uid=uid)


def facts_of(leaf):
    """Facts as JSON, from nothing but the leaf."""
    facts = {"uid": leaf["uid"], "groups": [int(g) for g in leaf.get("groups", "").split()], "operation": leaf["operation"],
             "purpose": leaf["purpose"], "on_behalf_of": leaf.get("behalf", "").split(),
             "recipients": leaf.get("recipients", "").split(), "clock": leaf["clock"],
             "time": f"{timestamp(leaf['wall'])}"}
    for key in ("unit", "label", "gallery", "sought", "probe"):
        if key in leaf:
            facts[key] = leaf[key]
    for given in leaf.get("given", "").split():
        facts[given] = "given"
    if "asked-limit" in leaf:
        facts["limit"] = leaf["asked-limit"]
    if "asked-floor" in leaf:
        facts["minimum_similarity"] = (leaf["asked-floor"] - 1000000) / 1000000
    if "mark" in leaf:
        facts["mark"] = timestamp(leaf["mark"])
    return facts


def timestamp(usec):
    import datetime
    when = datetime.datetime.fromtimestamp(usec // 1000000, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%S") + f".{usec % 1000000:06d}Z"


def decide(service, leaf, digest):
    done = subprocess.run(
        [service.build / "tools/matchguard", "policy", "decide", "--policy-dir", service.state / "export/policy" / digest,
         "--facts", "-"], input=json.dumps(facts_of(leaf)), capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def compare(tally, leaf, decision):
    where = f"leaf {leaf['index']} ({leaf.get('reason', leaf['verdict'])})"
    tally.check(decision.get("verdict") == leaf["verdict"], f"{where}: verdict, {decision}")
    tally.check(decision.get("reason") == leaf.get("reason"), f"{where}: reason, {decision}")
    tally.check(decision.get("organisation") == leaf.get("organisation"), f"{where}: organisation, {decision}")
    tally.check(" ".join(decision.get("moratoria", [])) == leaf.get("moratoria", ""), f"{where}: moratoria, {decision}")
    tally.check(decision.get("policy") == leaf["policy"], f"{where}: policy digest, {decision}")
    if leaf["verdict"] == "permit":
        limits = decision.get("limits", {})
        tally.check(decision.get("allow") == leaf["rule"], f"{where}: rule, {decision}")
        tally.check(limits.get("release") == leaf["release"], f"{where}: release, {decision}")
        floor = limits.get("minimumSimilarity")
        tally.check((None if floor is None else round((floor + 1) * 1000000)) == leaf.get("floor"), f"{where}: floor, {decision}")
        tally.check(limits.get("maximumCandidates") == leaf.get("limit"), f"{where}: limit, {decision}")


def change(tally, service, name, text):
    (service.policy / name).write_text(text)
    reply = service.call(f"{mg.ADMIN}.Reload", uid=0)
    tally.check("error" not in reply, f"reload: {reply}")


def under_other_policies(tally, service):
    """A rate that is used up, a caller under two hats, an account by its name, nobody served at all."""
    change(tally, service, "rescue.allow", mg.POLICY["rescue.allow"] + "Rate=3/h\n")
    make_decisions(service)
    change(tally, service, "hat.organisation", "[Organisation]\nDescription=x\nClass=archive\n[Peer]\n"
           f"User={mg.NGO_UID} daemon\n")
    make_decisions(service)
    change(tally, service, "hat.organisation", "[Organisation]\nDescription=x\nClass=archive\n[Peer]\nUser=daemon\n")
    change(tally, service, "all.stand-down", "[StandDown]\nReason=Maintenance\n")
    make_decisions(service)
    (service.policy / "all.stand-down").unlink()
    change(tally, service, "rescue.allow", mg.POLICY["rescue.allow"])


def under_other_clocks(service, clock):
    clock.set(0, synchronised=False)
    make_decisions(service)
    clock.set(-60)
    make_decisions(service)
    clock.set(0)
    make_decisions(service)


def replay(service, export, *arguments):
    """On another machine: there the names of the archived policies have other numbers."""
    (service.dir / "passwd").write_text("root:x:0:0::/:/bin/sh\ndaemon:x:4711:4711::/:/bin/false\n")
    script = f'mount --bind {service.dir}/passwd /etc/passwd && exec "$@"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", service.build / "tools/matchguard", "audit", "replay",
                           "--export", export, "--json", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def replay_elsewhere(tally, service, n_decisions):
    copy = service.dir / "elsewhere"
    shutil.copytree(service.state / "export", copy)
    status, said = replay(service, copy)
    tally.check(status == 0 and said["same"] == said["decisions"] == n_decisions, f"replayed elsewhere: {said}")
    wanted = {"rate-limited", "ambiguous-peer", "stood-down", "clock-untrusted", "moratorium", "unknown-peer", "unknown-term"}
    tally.check(wanted <= set(said["denials"]), f"reasons: {said['denials']}")
    status, said = replay(service, copy, "--policy", copy / "policy" / service.leaves()[1]["new"])
    tally.check(status == 0 and said["whatIf"]["permitted"] > 0, f"without stand-down and rate: {said}")


def forge_permit(leaves):
    """What a permit of the rescuer says, put into a denial of the police."""
    at = next(leaf["index"] for leaf in leaves if leaf.get("reason") == "moratorium" and leaf["organisation"] == "city-police")
    permit = next(leaf for leaf in leaves if leaf.get("verdict") == "permit" and leaf["operation"] == "identify")
    outcome = next(leaf for leaf in leaves[at:] if leaf["kind"] == "outcome")
    for key in ("reason", "moratoria"):
        del leaves[at][key]
    for key in ("verdict", "rule", "floor", "limit", "release", "model", "dimension", "gallery-kind", "worker", "job"):
        leaves[at][key] = permit[key]
    forge.insert(leaves, at + 1, {**outcome, **{key: leaves[at][key] for key in ("boottime", "clock", "time", "wall")}, "of": at})
    return at


def find_forged_permit(tally, service):
    copy = service.dir / "forged"
    shutil.copytree(service.state / "export", copy)
    leaves = forge.read(copy)
    at = forge_permit(leaves)
    forge.write(copy, (service.state / "trail/log.key").read_bytes(), leaves)
    status, said = replay(service, copy)
    tally.check(status == 1 and [fault["leaf"] for fault in said["faults"]] == [at]
                and "recomputed: deny; reason says nothing, recomputed: moratorium" in said["faults"][0]["text"],
                f"a forged permit, leaf {at}: {said}")


def restart(service, clock):
    for name in ("guard", "frontend", "worker"):
        service.kill(name)
    service.start(environment=clock.environment())


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1])
    clock = test_clock.Clock(sys.argv[1], service.dir)
    service.start(environment=clock.environment())
    try:
        make_decisions(service)
        change(tally, service, "rescue.allow", mg.POLICY["rescue.allow"].replace("MaximumCandidates=5", "MaximumCandidates=3"))
        make_decisions(service)
        under_other_policies(tally, service)
        restart(service, clock)
        under_other_clocks(service, clock)
        service.stop()
        leaves = service.wait_exported(lambda leaves: leaves and leaves[-1]["kind"] == "stop")
        requests = [leaf for leaf in leaves if leaf["kind"] == "request"]
        tally.check(len(requests) == 72, f"{len(requests)} decisions of 72")
        tally.check(len({leaf["policy"] for leaf in requests}) == 6, "six policies were in force")
        for leaf in requests:
            # What rates count is in no leaf alone: replay counts it.
            if leaf.get("reason") != "rate-limited":
                compare(tally, leaf, decide(service, leaf, leaf["policy"]))
        replay_elsewhere(tally, service, len(requests))
        find_forged_permit(tally, service)
    finally:
        service.close()
    return tally.finish()


sys.exit(main())
