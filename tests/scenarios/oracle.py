#!/usr/bin/env python3
"""A second reading of the decision: slow, with sets of names and no tables, and written apart from the library.

Makes random policies as files and random requests, decides each here, and lets run-scenario hold the library's
decision against it. Usage: oracle.py RUN-SCENARIO SEED POLICIES
"""
import collections
import datetime
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile

OPERATIONS = "identify identify-stored verify compare enrol remove list".split()
SEARCH = set(OPERATIONS[:4])
WITH_PROBE = {"identify", "verify", "compare", "enrol"}
ROLES = "victim missing deceased incapacitated witness suspect claimant unknown".split()
PROBES = "photograph video-frame sketch composite edited synthetic unknown".split()
REQUIREMENTS = ["authorisation", "case", "operator"]


def instant(text):
    if len(text) == 10:
        text += "T00:00:00Z"
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def ancestors(tree, term):
    found = set()
    while term:
        found.add(term)
        term = tree[term]
    return found


def descendants(tree, term):
    return {other for other in tree if term in ancestors(tree, other)}


def come(when, at):
    """Whether an instant has come; at None, nothing ever has."""
    return at is not None and at >= instant(when)


class Question:
    """One request put to one policy."""

    def __init__(self, world, facts):
        self.world, self.facts = world, facts
        self.now = instant(facts["time"])
        mark = instant(facts["mark"]) if "mark" in facts else None
        self.behind = mark is not None and self.now < mark - 5
        if facts["clock"] == "synchronised":
            self.loosening = self.now
        else:
            self.loosening = None if mark is None else min(mark, self.now)
        self.operation, self.gallery, self.purpose = facts["operation"], facts.get("gallery"), facts["purpose"]

    def valid(self, rule):
        return not ("From" in rule and not come(rule["From"], self.loosening)) and not (
            "Until" in rule and come(rule["Until"], self.now))

    def may_be_valid(self, rule):
        return not ("From" in rule and not come(rule["From"], self.now)) and not (
            "Until" in rule and come(rule["Until"], self.loosening))

    def is_peer(self, peer):
        facts = self.facts
        return (("User" not in peer or facts["uid"] in peer["User"])
                and ("Group" not in peer or set(facts["groups"]) & set(peer["Group"]))
                and ("Unit" not in peer or facts.get("unit") in peer["Unit"]))

    def identify(self):
        organisations = self.world["organisation"]
        matching = [n for n, o in organisations.items() if any(self.is_peer(p) for p in o["Peers"])]
        if not matching:
            return "unknown-peer"
        if sum(self.may_be_valid(organisations[n]) for n in matching) > 1:
            return "ambiguous-peer"
        valid = [n for n in matching if self.valid(organisations[n])]
        if not valid:
            return "expired-organisation"
        self.asker = valid[0]
        return None

    def unknown_term(self):
        world, facts = self.world, self.facts
        parties = set(world["organisation"]) | set(world["class"])
        terms = [(self.purpose, world["purpose"])]
        if self.operation != "compare":
            terms.append((self.gallery, world["gallery"]))
        terms += [(name, parties) for name in sorted(facts["on_behalf_of"])]
        terms += [(name, parties) for name in sorted(facts["recipients"])]
        return next((term for term, known in terms if term not in known), None)

    def in_list(self, entries, word):
        return entries == "any" or word in entries

    def in_galleries(self, entries):
        return entries == "any" or (self.operation != "compare" and self.gallery in entries)

    def in_purposes(self, entries):
        return entries == "any" or bool(ancestors(self.world["purpose"], self.purpose) & set(entries))

    def may_be_in_purposes(self, entries):
        below = descendants(self.world["purpose"], self.purpose)
        return self.in_purposes(entries) or bool(below & set(entries))

    def classes(self, party):
        if party in self.world["class"]:
            return ancestors(self.world["class"], party)
        return set().union(*(ancestors(self.world["class"], c) for c in self.world["organisation"][party]["Class"]))

    def may_be_of(self, party, name):
        return name in self.classes(party) or (
            party in self.world["class"] and name in descendants(self.world["class"], party))

    def in_force(self, moratorium):
        until = moratorium["Until"]
        if "From" in moratorium and not come(moratorium["From"], self.now):
            return False
        if moratorium["OnExpiry"] == "lapse":
            return not come(until, self.loosening)
        if not moratorium["Released"]:
            return True
        return until != "further-notice" and not come(until, self.loosening)

    def covers(self, moratorium):
        parties = [self.asker] + self.facts["on_behalf_of"] + self.facts["recipients"]
        return (self.in_force(moratorium) and self.in_list(moratorium["Operation"], self.operation)
                and self.may_be_in_purposes(moratorium["Purpose"]) and self.in_galleries(moratorium["Gallery"])
                and any(self.may_be_of(p, c) for p in parties for c in moratorium["Class"]))

    def stops(self, rule):
        return (self.in_list(rule["Organisation"], self.asker) and self.in_list(rule["Operation"], self.operation)
                and self.may_be_in_purposes(rule["Purpose"]) and self.in_galleries(rule["Gallery"]))

    def admits(self, entries, names):
        return all(n == self.asker or n in entries or self.classes(n) & set(entries) for n in names)

    def unmet(self, allow):
        facts = self.facts
        asks = self.asker in allow.get("Organisation", []) or self.classes(self.asker) & set(allow.get("Class", []))
        sought, probe = facts.get("sought", "unknown"), facts.get("probe", "unknown")
        met = {
            "Organisation": asks,
            "Operation": self.in_list(allow["Operation"], self.operation),
            "Purpose": self.in_purposes(allow["Purpose"]),
            "Gallery": self.in_galleries(allow["Gallery"]),
            "Sought": self.operation not in SEARCH or self.in_list(allow["Sought"], sought),
            "Probe": self.operation not in WITH_PROBE or probe in allow["Probe"],
            "OnBehalfOf": self.admits(allow["OnBehalfOf"], facts["on_behalf_of"]),
            "Recipient": self.admits(allow["Recipient"], facts["recipients"]),
            "From": "From" not in allow or come(allow["From"], self.loosening),
            "Until": "Until" not in allow or not come(allow["Until"], self.now),
            "Require": all(facts.get(r) for r in allow["Require"]),
        }
        return [name for name, good in met.items() if not good]

    def limits(self, allow):
        facts, limits = self.facts, {"release": allow["Release"]}
        if self.operation in SEARCH or self.operation == "list":
            limits["maximumCandidates"] = min(allow["MaximumCandidates"], facts.get("limit", 1000))
        if self.operation in SEARCH:
            floor = round(allow["MinimumSimilarity"] * 1000000)
            if "minimum_similarity" in facts:
                asked = round(facts["minimum_similarity"] * 1000000)
                if allow["Release"] != "scores":
                    asked = min(1000000, -(-asked // 50000) * 50000)
                floor = max(floor, asked)
            limits["minimumSimilarity"] = float("%g" % (floor / 1e6))
        return limits


def deny(reason, **more):
    return {"verdict": "deny", "reason": reason, "moratoria": [], **more}


def decide_rules(question, known):
    """Steps 5 to 9."""
    world, facts = question.world, question.facts
    covering = [n for n, m in sorted(world["moratorium"].items()) if question.covers(m)]
    known = dict(known, moratoria=covering)
    unmet = {n: question.unmet(a) for n, a in sorted(world["allow"].items())}
    for name in unmet:
        allow = world["allow"][name]
        if unmet[name] or not all(name in world["moratorium"][m]["Except"] for m in covering):
            continue
        if "Rate" in allow and facts.get("used", {}).get(name, 0) >= allow["Rate"]:
            return deny("rate-limited", **dict(known, allow=name))
        return dict(known, verdict="permit", allow=name, limits=question.limits(allow))
    if unmet:
        near = min(unmet, key=lambda name: (len(unmet[name]), name))
        known["nearest"] = {"allow": near, "unmet": unmet[near]}
    if covering:
        notice = world["moratorium"][covering[0]].get("Notice")
        return deny("moratorium", **dict(known, **({"notice": notice} if notice else {})))
    for name in unmet:
        if unmet[name] == ["Require"]:
            missing = [r for r in REQUIREMENTS if r in world["allow"][name]["Require"] and not facts.get(r)]
            return deny("missing-requirement", **dict(known, missing=missing))
    return deny("not-allowed", **known)


def decide(world, facts):
    question = Question(world, facts)
    if question.behind:
        return deny("clock-untrusted")
    reason = question.identify()
    if reason:
        return deny(reason)
    known = {"organisation": question.asker}
    term = question.unknown_term()
    if term:
        return deny("unknown-term", term=term, **known)
    for _, rule in sorted(world["stand-down"].items()):
        if question.stops(rule):
            return deny("stood-down", notice=rule["Reason"], **known)
    return decide_rules(question, known)


DATES = ["2020-01-01", "2020-03-01", "2020-06-10", "2020-09-01", "2021-06-10"]
TIMES = [day + rest for day in DATES for rest in ("T00:00:00Z", "T12:00:00Z")] + [
    "2020-02-29T23:59:59Z", "2020-06-09T23:59:59Z", "2020-08-31T23:59:59Z", "2021-06-09T23:59:59Z",
    "2026-01-01T00:00:00Z"]
CLASSES = [f"c{i}" for i in range(6)]
PURPOSES = [f"p{i}" for i in range(5)]
GALLERIES = ["g0", "g1"]
ORGANISATIONS = [f"o{i}" for i in range(5)]
PARTIES = CLASSES + ORGANISATIONS


class Maker:
    """Random policies and requests."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def pick(self, entries):
        return self.random.choice(entries)

    def some(self, entries, most=3):
        return self.random.sample(entries, self.random.randint(1, min(most, len(entries))))

    def some_or_any(self, entries, share=0.5):
        return "any" if self.chance(share) else self.some(entries)

    def some_or_none(self, entries):
        return self.some(entries) if self.chance(0.5) else []

    def span(self, share):
        first, last = sorted(self.random.sample(DATES, 2))
        return {**({"From": first} if self.chance(share) else {}), **({"Until": last} if self.chance(share) else {})}

    def tree(self, names):
        return {name: self.pick([None] + names[:i]) for i, name in enumerate(names)}

    def peer(self):
        peer = {"User": self.some([1, 2, 3, 4, 5, 6], 2)} if self.chance(0.8) else {"Group": self.some([11, 12], 1)}
        if self.chance(0.2):
            peer.setdefault("Group", [self.pick([11, 12])])
        if self.chance(0.2):
            peer["Unit"] = [self.pick(["a.service", "b.service"])]
        return peer

    def organisation(self):
        peers = [self.peer() for _ in range(self.pick([0, 1, 1, 2]))]
        return {"Class": self.some(CLASSES, 2), "Peers": peers, **self.span(0.15)}

    def allow(self):
        allow = {
            "Operation": self.some_or_any(OPERATIONS), "Purpose": self.some_or_any(PURPOSES),
            "Gallery": self.some_or_any(GALLERIES), "Sought": self.some_or_any(ROLES),
            "Probe": self.some(PROBES, 2) + ["photograph"], "OnBehalfOf": self.some_or_none(PARTIES),
            "Recipient": self.some_or_none(PARTIES),
            "Require": self.some(REQUIREMENTS, 2) if self.chance(0.3) else [],
            "MinimumSimilarity": self.pick([0.6, -1, 0, 0.123456, 1]),
            "MaximumCandidates": self.pick([1, 5, 10, 1000]), "Release": self.pick(["candidates", "scores"]),
            **self.span(0.25),
        }
        if self.chance(0.5):
            allow["Class"] = self.some(CLASSES)
        if "Class" not in allow or self.chance(0.4):
            allow["Organisation"] = self.some(ORGANISATIONS)
        if self.chance(0.2):
            allow["Rate"] = self.random.randint(1, 3)
        return allow

    def moratorium(self, number, allows):
        moratorium = {
            "Class": self.some(CLASSES, 2), "Operation": self.some_or_any(OPERATIONS),
            "Purpose": self.some_or_any(PURPOSES), "Gallery": self.some_or_any(GALLERIES),
            "Until": self.pick(["further-notice"] + DATES[2:]), "OnExpiry": "hold",
            "Except": self.some_or_none(allows), "Released": self.chance(0.4),
        }
        if self.chance(0.4):
            moratorium["From"] = self.pick(DATES[:2])
        if self.chance(0.5):
            moratorium["Notice"] = f"notice {number}"
        if moratorium["Until"] != "further-notice" and self.chance(0.4):
            moratorium.update(OnExpiry="lapse", Released=False)
        return moratorium

    def stand_down(self, number):
        return {"Reason": f"reason {number}", "Organisation": self.some_or_any(ORGANISATIONS),
                "Operation": self.some_or_any(OPERATIONS), "Purpose": self.some_or_any(PURPOSES),
                "Gallery": self.some_or_any(GALLERIES)}

    def world(self):
        allows = [f"a{i}" for i in range(self.random.randint(1, 5))]
        return {
            "class": self.tree(CLASSES), "purpose": self.tree(PURPOSES), "gallery": GALLERIES,
            "organisation": {name: self.organisation() for name in ORGANISATIONS},
            "allow": {name: self.allow() for name in allows},
            "moratorium": {f"m{i}": self.moratorium(i, allows) for i in range(self.random.randint(0, 3))},
            "stand-down": {f"s{i}": self.stand_down(i) for i in range(self.pick([0, 0, 0, 1, 2]))},
        }

    def facts(self):
        operation = self.pick(OPERATIONS + ["identify"] * 4)
        facts = {"uid": self.random.randint(1, 6), "groups": self.some([11, 12, 13], 2), "operation": operation,
                 "purpose": self.pick(PURPOSES * 5 + ["zz"]), "on_behalf_of": [], "recipients": [],
                 "time": self.pick(TIMES), "clock": self.pick(["synchronised"] * 3 + ["unsynchronised"])}
        optional = [
            (0.35, "on_behalf_of", lambda: self.some(PARTIES + self.pick([[], [], ["nobody", "nothing"]]))),
            (0.35, "recipients", lambda: self.some(PARTIES)),
            (0.8, "sought", lambda: self.pick(ROLES)),
            (0.9, "probe", lambda: self.pick(PROBES + ["photograph"] * 12)),
            (0.3, "unit", lambda: self.pick(["a.service", "b.service", "c.service"])),
            (0.4, "limit", lambda: self.pick([1, 5, 7, 5000])),
            (0.4, "minimum_similarity",
             lambda: self.pick([-1, 0, 0.6, 0.601, 0.95, 0.951, 1, 0.000001, -0.5, -0.49])),
            (0.2, "mark", lambda: self.pick(TIMES)),
            (0.4, "used", lambda: {f"a{i}": self.random.randint(0, 3) for i in range(3)}),
        ] + [(0.6, name, lambda: self.pick(["x", "y", ""])) for name in REQUIREMENTS]
        if operation != "compare":
            facts["gallery"] = self.pick(GALLERIES * 10 + ["g9"])
        for share, key, make in optional:
            if self.chance(share):
                facts[key] = make()
        return facts


def section(name, keys):
    lines = [f"[{name}]"]
    for key, value in keys.items():
        if key in ("Peers", "Released"):
            continue
        if key == "Rate":
            value = f"{value}/min"
        if isinstance(value, float):
            value = "%g" % value
        lines.append(f"{key}={' '.join(map(str, value)) if isinstance(value, list) else value}")
    return "\n".join(lines) + "\n"


def policy_files(world):
    files = {}
    for kind, header in (("class", "Class"), ("purpose", "Purpose")):
        for name, parent in world[kind].items():
            files[f"{name}.{kind}"] = section(header, {"Description": name, "Parent": parent or ""})
    for name in world["gallery"]:
        files[f"{name}.gallery"] = section("Gallery", {"Description": name, "Model": "m", "Dimension": 16})
    for name, keys in world["organisation"].items():
        files[f"{name}.organisation"] = section("Organisation", {"Description": name, **keys}) + "".join(
            section("Peer", peer) for peer in keys["Peers"])
    for name, keys in world["allow"].items():
        files[f"{name}.allow"] = section("Allow", {"Description": name, **keys})
    for name, keys in world["stand-down"].items():
        files[f"{name}.stand-down"] = section("StandDown", keys)
    for name, keys in world["moratorium"].items():
        text = section("Moratorium", {"Description": name, **keys})
        files[f"{name}.moratorium"] = text
        digest = hashlib.sha256(f"{name}.moratorium\0{len(text)}\0{text}".encode()).hexdigest()
        if keys["Released"]:
            files[f"{name}.release"] = section("Release", {"Moratorium": name, "Digest": digest, "Reason": "r"})
    return files


def main():
    run_scenario, seed, n_policies = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    maker, reasons = Maker(seed), collections.Counter()
    for _ in range(n_policies):
        with tempfile.TemporaryDirectory() as folder:
            world = maker.world()
            files = policy_files(world)
            rows = []
            for number in range(80):
                facts = maker.facts()
                expected = decide(world, facts)
                reasons[expected.get("reason", "permit")] += 1
                rows.append(json.dumps({"name": str(number), "facts": facts, "expect": expected}) + "\n")
            files[os.path.basename(folder) + ".test"] = "".join(rows)
            for name, text in files.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run([run_scenario, folder], capture_output=True, text=True, check=False)
            if done.returncode:
                print(done.stdout)
                print("\n".join(f"== {name}\n{text}" for name, text in files.items() if not name.endswith(".test")))
                return 1
    print(dict(reasons))
    return 0 if len(reasons) == 11 else 1


if __name__ == "__main__":
    sys.exit(main())
