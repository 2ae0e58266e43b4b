"""Random facts for agree.py, aimed at one policy: most begin as a request that one of its allows is made for, at an
instant near one of its bounds, and are then changed in one or two things, so that each rule decides often.
"""
from decimal import Decimal

import evaluator
from evaluator import BEHIND, GIVEN, KINDS, OPERATIONS, PROBED, ROLES, SEARCHES, SECOND

import anypolicy

NEAR = (0, 0, 0, -1, 1, -BEHIND, BEHIND, -anypolicy.DAY, anypolicy.DAY)
BAD_NAMES = ("", "-a", "Faces", "a_b", "y" * 64, "a.b", "ä")
STRANGE_NAMES = ("any", "nobody", "y" * 63, "9")


def entries_of(section, key, every):
    """What a list comes to where `any`, its default, means every one of these."""
    return list(every) if evaluator.has_any(section, key) else section[key]


class Facts:
    """Makes facts for one policy. A fact is changed by the method named after what is changed."""

    def __init__(self, rng, policy):
        self.rng = rng
        self.policy = policy
        self.purposes = list(policy.objects["purpose"])
        self.galleries = list(policy.objects["gallery"])
        self.organisations = list(policy.objects["organisation"])
        self.classes = list(policy.objects["class"])
        self.askers = [name for name in self.organisations if policy.objects["organisation"][name]["Peer"]]
        self.bounds = sorted({evaluator.instant(section[key]) for objects in policy.objects.values()
                              for section in objects.values() for key in ("From", "Until")
                              if section.get(key, "further-notice") != "further-notice"})
        # In this order, for what follows a strange name must not look it up.
        self.changes = (self.when, self.when, self.clock, self.peer, self.label, self.two_hats, self.operation,
                        self.purpose, self.gallery, self.stopped, self.role, self.kind, self.party, self.party,
                        self.broader, *[self.requirement] * 3, *[self.rate] * 3,
                        *[self.limits] * 3, self.term)

    # A request that an allow is made for

    def fitting(self):
        """Facts that one allow permits, as far as its asker's window has an instant in common with its own."""
        rng = self.rng
        self.allow = rng.choice(list(self.policy.objects["allow"].values()) or [{}])
        asker = self.asker()
        facts = self.of_peer(asker) if asker else {"uid": 2000, "groups": []}
        facts["operation"] = rng.choice(entries_of(self.allow, "Operation", OPERATIONS))
        facts["purpose"] = self.below("purpose", rng.choice(entries_of(self.allow, "Purpose", self.purposes)))
        if facts["operation"] != "compare":
            facts["gallery"] = rng.choice(entries_of(self.allow, "Gallery", self.galleries))
        if facts["operation"] in SEARCHES or rng.random() < 0.5:
            facts["sought"] = rng.choice(entries_of(self.allow, "Sought", ROLES))
        if facts["operation"] in PROBED or rng.random() < 0.5:
            facts["probe"] = rng.choice(self.allow.get("Probe", ["photograph", "video-frame"]))
        facts["on_behalf_of"] = self.named("OnBehalfOf", asker)
        facts["recipients"] = self.named("Recipient", asker)
        facts.update({what: "2020-118" for what in self.allow.get("Require", [])})
        facts["clock"] = "synchronised"
        self.time = self.good_time(asker)
        return facts

    def asker(self):
        fits = [name for name in self.askers
                if evaluator.names_one(self.allow, "Organisation", {name})
                or evaluator.names_one(self.allow, "Class", self.policy.classes(name))]
        return self.rng.choice(fits or self.askers or [None])

    def of_peer(self, name):
        """The kernel's facts about a caller that is this organisation."""
        rng = self.rng
        peer = rng.choice(self.policy.objects["organisation"][name]["Peer"])
        facts = {"uid": rng.choice(peer["User"] or [4000]),
                 "groups": [rng.choice(peer["Group"])] if peer["Group"] else [4000]}
        if "Unit" in peer or rng.random() < 0.2:
            facts["unit"] = rng.choice(peer.get("Unit", anypolicy.UNITS))
        if "SecurityLabel" in peer or rng.random() < 0.2:
            facts["label"] = peer.get("SecurityLabel", anypolicy.LABELS[1])
        return facts

    def below(self, kind, name):
        """The name, or something of which it is an ancestor."""
        return self.rng.choice([other for other in self.policy.objects[kind]
                                if name in self.policy.lineage(kind, other)])

    def named(self, key, asker):
        """Parties that the allow's list lets pass."""
        names = [asker] if asker and self.rng.random() < 0.2 else []
        for entry in self.allow.get(key, []):
            if self.rng.random() < 0.3:
                names.append(self.rng.choice(self.members(entry)))
        return names

    def members(self, entry):
        if entry in self.organisations:
            return [entry]
        return [name for name in self.organisations + self.classes if entry in self.policy.classes(name)]

    def good_time(self, asker):
        """An instant, one in three on a bound, at which allow and asker are valid, if there is one."""
        sections = [self.allow] + ([self.policy.objects["organisation"][asker]] if asker else [])
        good = [when for when in self.instants()
                if all(evaluator.begun(section, when) and not evaluator.ended(section, when) for section in sections)]
        return self.rng.choice(good or self.instants())

    def instants(self):
        return [when + self.rng.choice(NEAR) for when in (self.bounds or [anypolicy.FIRST_DAY]) for _ in range(2)]

    # Changes

    def when(self, facts):
        """Another time, and a clock that is believed or not, with a mark near a bound or near that time."""
        rng = self.rng
        self.time = rng.choice(self.instants())
        if rng.random() < 0.6:
            facts["clock"] = "unsynchronised"
            if rng.random() < 0.3:
                del facts["clock"]
        if rng.random() < 0.7:
            mark = rng.choice((self.time + BEHIND, self.time + rng.choice(NEAR), *self.instants()))
            if rng.random() < 0.8:
                mark = min(mark, self.time + BEHIND)
            self.mark(facts, mark)

    def mark(self, facts, mark):
        facts["mark"] = anypolicy.spell_time(self.rng, mark)

    def clock(self, facts):
        if self.rng.random() < 0.2:
            facts["clock"] = "behind"
        else:
            self.mark(facts, self.time + BEHIND + self.rng.choice((0, 1, 1, SECOND, anypolicy.DAY)))

    def peer(self, facts):
        rng = self.rng
        what = rng.choice(("uid", "groups", "unit"))
        facts[what] = {"uid": rng.choice((0, 2000, 2003, 4001)), "groups": [rng.choice((0, 3000, 3002, 4001))],
                       "unit": rng.choice(anypolicy.UNITS)}[what]

    def label(self, facts):
        for what in ("unit", "label"):
            facts.pop(what, None)

    def two_hats(self, facts):
        """The facts of another peer too, as far as one caller can have both."""
        if not self.askers:
            return
        other = self.of_peer(self.rng.choice(self.askers))
        facts["groups"] = facts["groups"] + other.pop("groups")
        facts.update(other)

    def term(self, facts):
        rng = self.rng
        for what in anypolicy.some(rng, ("purpose", "gallery", "on_behalf_of", "recipients"), 2):
            if what in ("on_behalf_of", "recipients"):
                facts[what] = facts[what] + rng.sample(STRANGE_NAMES, 2)
            elif what in facts:
                facts[what] = rng.choice(STRANGE_NAMES)

    def party(self, facts):
        what = self.rng.choice(("on_behalf_of", "recipients"))
        named = anypolicy.some(self.rng, self.organisations + self.classes, 3)
        facts[what] = facts[what] + named * self.rng.choice((1, 1, 2))

    def broader(self, facts):
        """An ancestor in the place of what is asked for, or of a party."""
        facts["purpose"] = self.rng.choice(sorted(self.policy.lineage("purpose", facts["purpose"])))
        parties = facts["recipients"]
        facts["recipients"] = [self.rng.choice(sorted(self.policy.classes(name))) for name in parties]

    def operation(self, facts):
        facts["operation"] = self.rng.choice(OPERATIONS)
        facts.pop("gallery", None)
        if facts["operation"] != "compare":
            facts["gallery"] = self.rng.choice(self.galleries)

    def purpose(self, facts):
        facts["purpose"] = self.rng.choice(self.purposes)

    def gallery(self, facts):
        if facts["operation"] != "compare":
            facts["gallery"] = self.rng.choice(self.galleries)

    def stopped(self, facts):
        """What a stand-down stops, as far as the asker may be that of its list."""
        stand_downs = list(self.policy.of("stand-down"))
        if stand_downs:
            _, stand_down = self.rng.choice(stand_downs)
            facts["operation"] = self.rng.choice(entries_of(stand_down, "Operation", OPERATIONS))
            facts["purpose"] = self.below("purpose", self.rng.choice(entries_of(stand_down, "Purpose", self.purposes)))
            facts.pop("gallery", None)
            if facts["operation"] != "compare":
                facts["gallery"] = self.rng.choice(entries_of(stand_down, "Gallery", self.galleries))

    def role(self, facts):
        facts["sought"] = self.rng.choice(ROLES)
        if self.rng.random() < 0.2:
            del facts["sought"]

    def kind(self, facts):
        facts["probe"] = self.rng.choice(KINDS)
        if self.rng.random() < 0.2:
            del facts["probe"]

    def requirement(self, facts):
        for what in anypolicy.some(self.rng, self.allow.get("Require", GIVEN), 2):
            facts.pop(what, None)
            if self.rng.random() < 0.3:
                facts[what] = ""

    def rate(self, facts):
        names = [name for name, allow in self.policy.of("allow") if "Rate" in allow]
        facts["used"] = {}
        for name in names:
            most = int(self.policy.objects["allow"][name]["Rate"].partition("/")[0])
            facts["used"][name] = max(0, most + self.rng.choice((-1, 0, 0, 1)))

    def limits(self, facts):
        rng = self.rng
        facts["limit"] = rng.choice((1, 4, 5, 6, 999, 1000, 1001, 2**31 - 1))
        lowest, places = rng.choice((-10**9, 5 * 10**8)), rng.choice((0, 1, 2, 2, 6, 6, 7, 9))
        facts["minimum_similarity"] = round(Decimal(rng.randint(lowest, 10**9)) / 10**9, places)

    def no_request(self, facts):
        """One thing that no request may hold."""
        rng = self.rng
        beyond = Decimal(rng.choice((-1, 1))) * Decimal(rng.choice(("1.000001", "1.0000000001", "2")))
        what, value = rng.choice((
            ("operation", "search"), ("sought", "nobody"), ("purpose", rng.choice(BAD_NAMES)),
            ("gallery", rng.choice(BAD_NAMES)), ("limit", rng.choice((0, -1))),
            ("minimum_similarity", beyond),
            ("on_behalf_of", [rng.choice(BAD_NAMES)]), ("recipients", [*self.classes[:1], rng.choice(BAD_NAMES)]),
            ("on_behalf_of", self.classes[:1] * 17), ("recipients", self.classes[:1] * rng.choice((16, 17))),
            ("probe", "portrait"), ("clock", "right"), ("no gallery", None)))
        if what != "no gallery":
            facts[what] = value
        elif facts["operation"] == "compare":
            facts["gallery"] = self.galleries[0]
        else:
            del facts["gallery"]

    # One at a time

    def make_fitting(self):
        facts = self.fitting()
        facts["time"] = anypolicy.spell_time(self.rng, self.time)
        return facts

    def make(self):
        rng = self.rng
        facts = self.fitting()
        chosen = rng.sample(range(len(self.changes)), rng.choice((0, 1, 1, 1, 2, 2, 3)))
        for number in sorted(chosen):
            self.changes[number](facts)
        if rng.random() < 0.02:
            self.no_request(facts)
        facts["time"] = anypolicy.spell_time(rng, self.time)
        return facts
