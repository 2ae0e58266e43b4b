#!/usr/bin/env python3
"""Verify and replay on a log of many decisions, and on what somebody with its key made of it.

- as it is, nothing is found: here, in a copy elsewhere, and where the accounts of the machine are others
- the second evaluator, written from the page alone, decides each of its requests as the log says
- for each rule I1 to I10 an export that breaks it, written anew and signed with the real key: leaf and rule are named
- each key of a decision, changed alone, is found; so is a policy whose text was changed or taken away
- what another policy would have decided is what the second evaluator says it would, row by row

Usage: replay.py BUILD      (root: it plays another machine)
"""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "scenarios")]
import decision_policies  # noqa: E402
import evaluator  # noqa: E402
import forge  # noqa: E402
import service as mg  # noqa: E402

LEAVES = int(os.environ.get("MATCHGUARD_REPLAY_LEAVES", "1500"))


class Log:
    """A made log, the tool, and a place for copies."""

    def __init__(self, build):
        self.tally = mg.Tally()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="matchguard-replay."))
        self.tool = build / "tools/matchguard"
        self.policies = decision_policies.write_all(self.dir / "policies")
        subprocess.run([build / "tests/support/make-decisions", self.dir / "state", str(LEAVES), "5", *self.policies], check=True)
        self.export = self.dir / "state/export"
        self.seed = (self.dir / "state/trail/log.key").read_bytes()
        self.leaves = forge.read(self.export)
        self.copy = self.dir / "copy"

    def audit(self, command, *arguments, export=None, before=()):
        """Runs an audit command. Return: exit status, what it says as JSON."""
        done = subprocess.run([*before, self.tool, "audit", command, "--json", "--export", export or self.export, *arguments],
                              capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def forged(self, change):
        """A copy in which `change` has changed the leaves, signed anew."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.export, self.copy)
        leaves = [dict(leaf) for leaf in self.leaves]
        at = change(leaves)
        forge.write(self.copy, self.seed, leaves)
        return at

    def find(self, **wanted):
        """The index of the first leaf behind the first fifty that says this."""
        return next(leaf["index"] for leaf in self.leaves[50:]
                    if all(leaf.get(key.replace("_", "-")) == value for key, value in wanted.items()))

    def close(self):
        shutil.rmtree(self.dir)


def faults_of_leaves(said):
    return [(fault["leaf"], fault["rule"], fault["text"]) for fault in said["faults"] if "leaf" in fault]


# --------------------------------------------------------------------------------------------- as it is

def nothing_is_found_in_it(log):
    status, said = log.audit("verify")
    decisions = sum(leaf["kind"] == "request" for leaf in log.leaves)
    log.tally.check(status == 0 and said["verified"] and said["decisionsRemade"] == decisions, f"verify: {said}")
    status, said = log.audit("replay")
    log.tally.check(status == 0 and said["same"] == said["decisions"] == decisions and not said["faults"], f"replay: {said}")
    reasons = collections.Counter(leaf["reason"] for leaf in log.leaves if leaf.get("verdict") == "deny")
    log.tally.check(said["denials"] == dict(reasons) and len(reasons) == 10, f"every reason is there, and counted: {said}")


def a_copy_says_the_same_where_the_accounts_are_others(log):
    """Another passwd: the user that the policy names is another number there, and none of the rest exist."""
    shutil.copytree(log.export, log.copy)
    for name in ("passwd", "group"):
        (log.dir / name).write_text("root:x:0:0::/:/bin/sh\ndaemon:x:3001:3001::/:/bin/false\n")
    script = f'mount --bind {log.dir}/passwd /etc/passwd && mount --bind {log.dir}/group /etc/group && exec "$@"'
    before = ["unshare", "--mount", "sh", "-c", script, "sh"]
    named = subprocess.run([*before, "id", "-u", "daemon"], capture_output=True, text=True, check=True)
    log.tally.check(named.stdout == "3001\n", f"the machine is another one: {named.stdout}")
    for command in ("verify", "replay"):
        status, said = log.audit(command, export=log.copy, before=before)
        log.tally.check(status == 0, f"{command} elsewhere: {said}")
    # A policy that is not the archive's own names what the machine it is read on knows, and an unknown name is told.
    (log.policies[0] / "stranger.organisation").write_text(
        "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nUser=nobody-here\n")
    done = subprocess.run([*before, log.tool, "audit", "replay", "--export", log.copy, "--policy", log.policies[0]],
                          capture_output=True, text=True, check=False)
    log.tally.check(done.returncode == 1 and "stranger.organisation" in done.stderr and "nobody-here" in done.stderr
                    and "/etc/passwd" in done.stderr, f"an unknown name: {done}")
    (log.policies[0] / "stranger.organisation").unlink()


def only_the_time_that_was_asked_for_is_told(log):
    middle = log.leaves[LEAVES // 2]["time"]
    when = [evaluator.EPOCH + evaluator.datetime.timedelta(microseconds=middle)]
    text = when[0].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for option, inside in (("--since", lambda time: time >= middle), ("--until", lambda time: time < middle)):
        status, said = log.audit("replay", option, text)
        wanted = sum(leaf["kind"] == "request" and inside(leaf["time"]) for leaf in log.leaves)
        log.tally.check(status == 0 and said["decisions"] == wanted, f"{option}: {said['decisions']} of {wanted}")


# --------------------------------------------------------------------------------------------- the second evaluator

def facts_of(leaf, used):
    facts = {"uid": leaf["uid"], "groups": [int(group) for group in leaf.get("groups", "").split()],
             "operation": leaf["operation"], "purpose": leaf["purpose"], "on_behalf_of": leaf.get("behalf", "").split(),
             "recipients": leaf.get("recipients", "").split(), "clock": leaf["clock"], "time": timestamp(leaf["wall"]),
             "used": used}
    for key in ("unit", "label", "gallery", "sought", "probe"):
        if key in leaf:
            facts[key] = leaf[key]
    for given in leaf.get("given", "").split():
        facts[given] = "given"
    if "asked-limit" in leaf:
        facts["limit"] = leaf["asked-limit"]
    if "asked-floor" in leaf:
        facts["minimum_similarity"] = evaluator.Decimal(leaf["asked-floor"] - 1000000) / 1000000
    if "mark" in leaf:
        facts["mark"] = timestamp(leaf["mark"])
    return facts


def timestamp(usec):
    return (evaluator.EPOCH + evaluator.datetime.timedelta(microseconds=usec)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


WINDOWS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


class Evaluation:
    """A log decided by the second evaluator, with the permits of its own counted."""

    def __init__(self):
        self.given = collections.defaultdict(list)

    def used(self, policy, organisation, wall):
        """By allow: the permits of this organisation in its window."""
        used = {}
        for name, allow in policy.objects["allow"].items():
            if "Rate" in allow:
                window = WINDOWS[allow["Rate"].partition("/")[2]] * 1000000
                used[name] = sum(given > wall - window for given in self.given[organisation, name])
        return used

    def decide(self, policy, leaf):
        """The asker is found by a first decision, whose rates do not matter."""
        first = evaluator.decide(policy, facts_of(leaf, {}))
        return evaluator.decide(policy, facts_of(leaf, self.used(policy, first.get("organisation"), leaf["wall"])))

    def count(self, organisation, rule, wall):
        self.given[organisation, rule].append(wall)


def answer_of(decision):
    """Organisation, verdict, reason, rule, as a leaf has them."""
    rule = decision.get("allow") or (decision["moratoria"][0] if decision["moratoria"] else None)
    return decision.get("organisation"), decision["verdict"], decision.get("reason"), rule


def said_answer(leaf):
    return leaf.get("organisation"), leaf["verdict"], leaf.get("reason"), leaf.get("rule")


def the_second_evaluator_decides_the_same(log):
    policies = {}
    evaluation = Evaluation()
    for leaf in log.leaves:
        if leaf["kind"] != "request":
            continue
        if leaf["policy"] not in policies:
            policies[leaf["policy"]] = evaluator.Policy([log.export / "policy" / leaf["policy"]])
        decision = evaluation.decide(policies[leaf["policy"]], leaf)
        log.tally.check(answer_of(decision) == said_answer(leaf), f"leaf {leaf['index']}: {decision}, {leaf}")
        if leaf["verdict"] == "permit":
            evaluation.count(leaf["organisation"], leaf["rule"], leaf["wall"])


def limits_words(decision, leaf):
    """Whether a permit of the other policy gives other limits than the leaf says."""
    limits = decision.get("limits", {})
    floor = limits.get("minimumSimilarity")
    return (None if floor is None else round((floor + 1) * 1000000), limits.get("maximumCandidates"),
            limits.get("release")) != (leaf.get("floor"), leaf.get("limit"), leaf.get("release"))


def another_policy_decides_as_the_second_evaluator_says(log):
    for folder in log.policies[1:]:
        policy = evaluator.Policy([folder])
        evaluation = Evaluation()
        rows, same = collections.defaultdict(list), 0
        for leaf in log.leaves:
            if leaf["kind"] != "request":
                continue
            decision = evaluation.decide(policy, leaf)
            if decision["verdict"] == "permit":
                evaluation.count(decision["organisation"], decision["allow"], leaf["wall"])
            answer, was = answer_of(decision), said_answer(leaf)
            other = answer != was or " ".join(decision["moratoria"]) != leaf.get("moratoria", "")
            if other or (decision["verdict"] == "permit" and limits_words(decision, leaf)):
                rows[leaf["operation"], leaf["purpose"], leaf.get("gallery"), was, answer].append(leaf["index"])
            else:
                same += 1
        status, said = log.audit("replay", "--policy", folder)
        log.tally.check(status == 0 and said["whatIf"]["same"] == same, f"{folder.name}: {same} the same, {said['whatIf']['same']}")
        compare_rows(log, folder, rows, said["whatIf"]["rows"])


def compare_rows(log, folder, rows, said):
    found, examples = collections.Counter(), {}
    for row in said:
        key = (row["operation"], row["purpose"], row.get("gallery"),
               *(tuple(row[side].get(name) for name in ("organisation", "verdict", "reason", "rule")) for side in ("was", "wouldBe")))
        # Rows of one answer may still differ in what else would change.
        found[key] += row["count"]
        examples.setdefault(key, []).append(row["example"])
    log.tally.check(found == {key: len(indices) for key, indices in rows.items()}, f"{folder.name}: {found} {rows}")
    for key, shown in examples.items():
        log.tally.check(all(example["index"] in rows[key] and log.leaves[example["index"]]["request"] == example["request"]
                            for example in shown), f"{folder.name}: examples of {key}")
    ranks = [("permit", "deny") if (row["was"]["verdict"], row["wouldBe"]["verdict"]) == ("deny", "permit") else "rest"
             for row in said]
    log.tally.check(ranks == sorted(ranks, key=lambda rank: rank == "rest"), f"{folder.name}: the widest come first")


# --------------------------------------------------------------------------------------------- written anew, signed

def break_index(leaves):
    leaves[70]["index"] = 71
    return 70


def break_time(leaves):
    leaves[70]["time"] = leaves[69]["time"] - 1
    return 70


def second_outcome(leaves):
    at = next(leaf["index"] for leaf in leaves[200:] if leaf["kind"] == "outcome")
    forge.insert(leaves, at + 1, dict(leaves[at]))
    return at + 1


def forget_outcome(leaves):
    at = next(leaf["index"] for leaf in leaves[200:] if leaf["kind"] == "outcome")
    permit = leaves[at]["of"]
    forge.remove(leaves, at)
    leaves.append({**leaves[0], "index": len(leaves), "time": leaves[-1]["time"], "wall": leaves[-1]["wall"],
                   "clock": leaves[-1]["clock"]})
    return permit


def outcome_of_a_denial(leaves):
    at = next(leaf["index"] for leaf in leaves[200:] if leaf["kind"] == "outcome")
    leaves[at]["of"] = next(leaf["index"] for leaf in leaves if leaf.get("verdict") == "deny")
    return at


def late_unknown(leaves):
    at = next(leaf["index"] for leaf in leaves[200:] if leaf["kind"] == "outcome")
    leaves[at]["result"] = "unknown"
    return at


def stop_with_one_open(leaves):
    forge.remove(leaves, next(leaf["index"] for leaf in leaves[200:] if leaf["kind"] == "outcome"))
    return len(leaves) - 1


def policy_of_old(leaves):
    loaded = [leaf["new"] for leaf in leaves if leaf["kind"] == "policy"]
    at = next(leaf["index"] for leaf in leaves[200:] if leaf["kind"] == "request")
    leaves[at]["policy"] = next(digest for digest in loaded if digest != leaves[at]["policy"])
    return at


def another_epoch(leaves):
    leaves[70]["epoch"] += 1
    return 70


def another_mark(leaves):
    at = next(leaf["index"] for leaf in leaves[200:] if leaf["kind"] == "request")
    leaves[at]["mark"] -= 1
    return at


def police_are_permitted(leaves):
    """A denial under a moratorium becomes a permit that looks like any other, with an outcome."""
    at = next(leaf["index"] for leaf in leaves[200:] if leaf.get("reason") == "moratorium" and leaf["organisation"] == "city-police")
    model = next(leaf for leaf in leaves if leaf.get("verdict") == "permit" and leaf["operation"] == leaves[at]["operation"])
    for key in ("reason", "moratoria"):
        leaves[at].pop(key)
    for key in ("verdict", "rule", "floor", "limit", "release", "model", "dimension", "gallery-kind", "job"):
        leaves[at][key] = model[key]
    outcome = next(leaf for leaf in leaves[at:] if leaf["kind"] == "outcome")
    forge.insert(leaves, at + 1, {**outcome, **{key: leaves[at][key] for key in ("time", "wall", "boottime", "clock")}, "of": at})
    return at


def another_verdict(leaves):
    at = next(leaf["index"] for leaf in leaves[200:] if leaf["kind"] == "request")
    leaves[at]["verdict"] = "perhaps"
    return at


BROKEN = [
    (break_index, "I1", "it says that it is leaf 71"),
    (break_time, "I2", "before that of the leaf before it"),
    (second_outcome, "I3", "it is a second outcome of leaf"),
    (forget_outcome, "I3", "a permit without an outcome"),
    (outcome_of_a_denial, "I4", "which is no permit before it"),
    (late_unknown, "I5", "comes after this run's first request"),
    (stop_with_one_open, "I6", "stopped with 1 permits open"),
    (policy_of_old, "I7", "not the one that was loaded last"),
    (policy_of_old, "I9", "policy says "),
    (another_epoch, "I8", "epochs have ended before it"),
    (another_mark, "I10", "'mark' is not that of the earlier leaves"),
    (another_mark, "I9", "mark says "),
    (police_are_permitted, "I9", "verdict says permit, recomputed: deny; reason says nothing, recomputed: moratorium"),
    (another_verdict, "form", "neither permit nor deny"),
]


def each_broken_rule_is_named_with_its_leaf(log):
    log.forged(lambda leaves: None)
    _, said = log.audit("verify", export=log.copy)
    log.tally.check(not faults_of_leaves(said), f"written anew without a change: {said}")
    for change, rule, text in BROKEN:
        at = log.forged(change)
        status, said = log.audit("verify", export=log.copy)
        log.tally.check(status == 1 and any(leaf == at and name == rule and text in words
                                            for leaf, name, words in faults_of_leaves(said)),
                        f"{change.__name__}: leaf {at}, {rule}: {said['faults']}")


def a_forged_permit_is_all_that_is_found(log):
    at = log.forged(police_are_permitted)
    status, said = log.audit("verify", export=log.copy)
    log.tally.check([(leaf, rule) for leaf, rule, _ in faults_of_leaves(said)] == [(at, "I9")], f"verify: {said}")
    status, said = log.audit("replay", export=log.copy)
    log.tally.check(status == 1 and said["differing"] == 1 and [fault["leaf"] for fault in said["faults"]] == [at],
                    f"replay: {said}")


KEYS = {"verdict": None, "reason": "not-allowed", "rule": "aaa", "moratoria": "aaa", "organisation": "aaa", "floor": 1,
        "limit": 99, "release": "scores", "model": "aaa", "dimension": 17, "gallery-kind": "aaa", "gallery-maximum": 1,
        "clock": "behind", "job": "", "worker": "aaa"}


def spoil(leaves):
    """Changes one key of a decision in every fourth request. Return: index and key of each."""
    changed, names = {}, list(KEYS)
    for leaf in leaves:
        if leaf["kind"] != "request" or leaf["index"] % 4 or len(changed) == 90:
            continue
        key = names[len(changed) % len(names)]
        if key == "verdict":
            new = "deny" if leaf[key] == "permit" else "permit"
        else:
            new = KEYS[key]
        if leaf.get(key) == new or (key in ("job", "worker") and leaf["verdict"] == "permit" and new):
            continue
        if new == "" and leaf["verdict"] == "deny":
            new = "aaa"
        changed[leaf["index"]] = key
        if new == "":
            del leaf[key]
        else:
            leaf[key] = new
    return changed


def each_key_that_was_changed_is_told(log):
    changed = log.forged(spoil)
    log.tally.check(set(changed.values()) == set(KEYS), f"every key was changed: {collections.Counter(changed.values())}")
    _, said = log.audit("replay", export=log.copy)
    told = {fault["leaf"]: fault["text"] for fault in said["faults"] if "leaf" in fault}
    for at, key in changed.items():
        log.tally.check(f"{key} says " in told.get(at, ""), f"leaf {at}, {key}: {told.get(at)}")


# --------------------------------------------------------------------------------------------- the archive

def a_changed_archive_is_found(log):
    policy = log.leaves[50]["policy"] if "policy" in log.leaves[50] else log.leaves[1]["new"]
    changes = {
        "a text": lambda folder: (folder / "rescue.allow").write_bytes((folder / "rescue.allow").read_bytes() + b"#\n"),
        "the numbers of accounts": lambda folder: (folder / ".ids").write_text("user daemon 3002\n"),
        "a file more": lambda folder: (folder / "more.class").write_text("[Class]\nDescription=More\n"),
        "a file less": lambda folder: (folder / "short.moratorium").unlink(),
        "the whole of it": shutil.rmtree,
    }
    for name, change in changes.items():
        shutil.rmtree(log.copy, ignore_errors=True)
        shutil.copytree(log.export, log.copy)
        change(log.copy / "policy" / policy)
        status, said = log.audit("verify", export=log.copy)
        files = [fault for fault in said["faults"] if fault.get("file") == f"policy/{policy}"]
        rules = [rule for _, rule, _ in faults_of_leaves(said)]
        log.tally.check(status == 1 and len(files) == 1 and rules == ["I9"], f"{name}: {said['faults']}")
        status, said = log.audit("replay", export=log.copy)
        log.tally.check(status == 1 and said["notRemade"] > 0 and len(said["faults"]) == 1, f"{name}, replay: {said}")


def main():
    log = Log(pathlib.Path(sys.argv[1]).resolve())
    try:
        for check in (nothing_is_found_in_it, a_copy_says_the_same_where_the_accounts_are_others,
                      only_the_time_that_was_asked_for_is_told, the_second_evaluator_decides_the_same,
                      another_policy_decides_as_the_second_evaluator_says, each_broken_rule_is_named_with_its_leaf,
                      a_forged_permit_is_all_that_is_found, each_key_that_was_changed_is_told, a_changed_archive_is_found):
            check(log)
    finally:
        log.close()
    return log.tally.finish()


sys.exit(main())
