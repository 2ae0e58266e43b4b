#!/usr/bin/env python3
"""Promise 6: a decision can be recomputed by anyone from its record and the policy text that the export keeps.

Makes decisions of several kinds in the real service, under two policies, then recomputes each from its leaf and the archived
text alone, with `matchguard policy decide`, and holds verdict, reason, rule, moratoria and limits against the leaf.

Usage: promise-6-replayed.py BUILD      (as root)
"""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
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


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1]).start()
    try:
        make_decisions(service)
        allow = service.policy / "rescue.allow"
        allow.write_text(allow.read_text().replace("MaximumCandidates=5", "MaximumCandidates=3"))
        reply = service.call(f"{mg.ADMIN}.Reload", uid=0)
        tally.check("error" not in reply, f"reload: {reply}")
        make_decisions(service)
        service.stop()
        leaves = service.wait_exported(lambda leaves: leaves and leaves[-1]["kind"] == "stop")
        requests = [leaf for leaf in leaves if leaf["kind"] == "request"]
        tally.check(len(requests) == 18, f"{len(requests)} decisions of 18")
        tally.check(len({leaf["policy"] for leaf in requests}) == 2, "two policies were in force")
        for leaf in requests:
            compare(tally, leaf, decide(service, leaf, leaf["policy"]))
    finally:
        service.close()
    return tally.finish()


sys.exit(main())
