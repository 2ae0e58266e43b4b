"""Random policies that load, for agree.py: small, full of overlaps, and spelled in every way that the syntax has.

An object is drafted twice. The second draft is a decoy: it stands where something stronger replaces it, in a weaker
layer or in the file below a drop-in, and must not be seen in any decision.
"""
import datetime
import os
import pathlib

import evaluator
from evaluator import KINDS, LISTS, OPERATIONS, ROLES, SEARCHES, SECOND

# Some sort otherwise as names than as file names, some are words that mean something elsewhere.
NAMES = ("a", "a-", "a-b", "a-b-c", "a0", "ab", "b", "b-1", "b1", "0", "0-0", "9z", "c", "c-", "cc", "identify",
         "suspect", "photograph", "none", "list", "x" * 63)
USERS = ("2000", "2001", "2002", "2003", "2004", "2005", "2006", "2007", "2008", "2009", "root")
GROUPS = ("3000", "3001", "3002", "3003", "root")
UNITS = ("search.service", "search@1.service", "other.service")
LABELS = ("system_u:system_r:search_t:s0", "other")
DAY = 24 * 60 * 60 * SECOND
FIRST_DAY = evaluator.instant("2020-06-10")
LAYERS_MAX = 3


def some(rng, names, most):
    return rng.sample(list(names), rng.randint(1, min(most, len(names))))


def perhaps(rng, chance, make):
    """A key's value, or None where it is not assigned."""
    return make() if rng.random() < chance else None


def spell_time(rng, when):
    """An instant in one of the ways to write it."""
    zone = datetime.timedelta(minutes=rng.choice((0, 0, 0, 120, -330, 840, -1)))
    local = evaluator.EPOCH + datetime.timedelta(microseconds=when) + zone
    if not zone and when % DAY == 0 and rng.random() < 0.7:
        return local.strftime("%Y-%m-%d")
    fraction = f".{local.microsecond:06}"
    if rng.random() < 0.8:
        fraction = fraction.rstrip("0").rstrip(".")
    minutes = round(zone / datetime.timedelta(minutes=1))
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    if not minutes:
        offset = rng.choice(("Z", "+00:00", "-00:00"))
    return local.strftime("%Y-%m-%dT%H:%M:%S") + fraction + offset


def spell_similarity(rng):
    """A decimal with at most six places, most of them near a multiple of 0.05."""
    millionths = rng.choice((-1_000_000, 1_000_000, 0, rng.randint(-1_000_000, 1_000_000),
                             *(rng.randint(-18, 18) * 50_000 + rng.choice((-1, 0, 0, 1)) for _ in range(4))))
    text = f"{'-' if millionths < 0 else ''}{abs(millionths) // 1_000_000}.{abs(millionths) % 1_000_000:06}"
    return text.rstrip("0").rstrip(".") if rng.random() < 0.7 else text


class World:
    """The names and instants of one policy, and drafts of objects on them: keys to values, lists as lists."""

    def __init__(self, rng):
        self.rng = rng
        parties = rng.sample(NAMES, rng.randint(5, 11))
        n_classes = rng.randint(2, len(parties) - 3)
        self.classes, self.organisations = parties[:n_classes], parties[n_classes:]
        self.purposes = rng.sample(NAMES, rng.randint(2, 5))
        self.galleries = rng.sample(NAMES, rng.randint(1, 3))
        self.allows = rng.sample(NAMES, rng.choice((0, 1, 2, 3, 4, 4, 5, 6)))
        self.moratoria = rng.sample(NAMES, rng.choice((0, 1, 1, 2, 3)))
        self.stand_downs = rng.sample(NAMES, rng.choice((0, 0, 1, 2)))
        # Few instants for many bounds, so that bounds of several objects fall together.
        self.instants = sorted(FIRST_DAY + rng.randint(0, 500) * DAY + rng.choice((0, rng.randint(0, DAY - 1)))
                               for _ in range(rng.randint(2, 6)))

    def list_or_any(self, names, chance=0.4):
        return ["any"] if self.rng.random() < chance else some(self.rng, names, 3)

    def window(self, chance):
        """From and Until, each perhaps, in their order."""
        first, last = sorted(self.rng.choices(self.instants, k=2))
        if first == last:
            last += self.rng.choice((1, SECOND, DAY))
        return {"From": perhaps(self.rng, chance, lambda: spell_time(self.rng, first)),
                "Until": perhaps(self.rng, chance, lambda: spell_time(self.rng, last))}

    def child(self, names, name):
        """A class or purpose: its parent is one named before it, so that there is no cycle."""
        before = names[:names.index(name)]
        return {"Description": "A name", "Parent": perhaps(self.rng, 0.7, lambda: self.rng.choice(before))
                if before else None}

    def gallery(self, _name):
        return {"Description": "Faces", "Model": "face-512", "Dimension": "512",
                "Kind": perhaps(self.rng, 0.3, lambda: "event")}

    def organisation(self, _name):
        return {"Description": "An organisation", "Class": some(self.rng, self.classes, 2), **self.window(0.3)}

    def peer(self):
        rng = self.rng
        by_user = rng.random() < 0.8
        return {"User": some(rng, USERS, 2) if by_user else None,
                "Group": perhaps(rng, 0.2 if by_user else 1, lambda: some(rng, GROUPS, 2)),
                "Unit": perhaps(rng, 0.3, lambda: some(rng, UNITS, 2)),
                "SecurityLabel": perhaps(rng, 0.2, lambda: rng.choice(LABELS))}

    def moratorium(self, _name):
        rng = self.rng
        keys = {"Description": "No use", "Class": some(rng, self.classes, 2), **self.window(0.6),
                "Notice": perhaps(rng, 0.6, lambda: f"Not for you; ask in {rng.randint(1, 9)} weeks"),
                "Operation": perhaps(rng, 0.4, lambda: self.list_or_any(OPERATIONS)),
                "Purpose": perhaps(rng, 0.5, lambda: self.list_or_any(self.purposes)),
                "Gallery": perhaps(rng, 0.4, lambda: self.list_or_any(self.galleries)),
                "Except": perhaps(rng, 0.6 if self.allows else 0, lambda: some(rng, self.allows, 3)),
                "OnExpiry": perhaps(rng, 0.4, lambda: "hold")}
        if keys["Until"] is None:
            keys["Until"] = perhaps(rng, 0.5, lambda: "further-notice")
        elif rng.random() < 0.5:
            keys["OnExpiry"] = "lapse"
        return keys

    def stand_down(self, _name):
        rng = self.rng
        return {"Reason": f"Stopped for reason {rng.randint(1, 9)}",
                "Organisation": perhaps(rng, 0.7, lambda: self.list_or_any(self.organisations, 0.2)),
                "Operation": perhaps(rng, 0.7, lambda: self.list_or_any(OPERATIONS, 0.2)),
                "Purpose": perhaps(rng, 0.7, lambda: self.list_or_any(self.purposes, 0.2)),
                "Gallery": perhaps(rng, 0.4, lambda: self.list_or_any(self.galleries, 0.2))}

    def allow(self, _name):
        rng = self.rng
        whom = rng.choice(("Organisation", "Class", "both"))
        parties = self.organisations + self.classes
        keys = {"Description": "May ask", **self.window(0.3),
                "Organisation": some(rng, self.organisations, 2) if whom != "Class" else None,
                "Class": some(rng, self.classes, 2) if whom != "Organisation" else None,
                "Operation": self.list_or_any(OPERATIONS),
                "Purpose": self.list_or_any(self.purposes, 0.3), "Gallery": self.list_or_any(self.galleries, 0.5),
                "Sought": self.list_or_any(ROLES), "Probe": perhaps(rng, 0.6, lambda: some(rng, KINDS, 4)),
                "OnBehalfOf": perhaps(rng, 0.5, lambda: some(rng, parties, 3)),
                "Recipient": perhaps(rng, 0.5, lambda: some(rng, parties, 3)),
                "Require": perhaps(rng, 0.6, lambda: some(rng, evaluator.GIVEN, 3)),
                "MinimumSimilarity": spell_similarity(rng),
                "MaximumCandidates": perhaps(rng, 0.7, lambda: str(rng.choice((1, 5, 50, 1000)))),
                "Release": perhaps(rng, 0.7, lambda: rng.choice(("decision", "candidates", "scores"))),
                "Rate": perhaps(rng, 0.6, lambda: f"{rng.randint(1, 9)}/{rng.choice(('s', 'min', 'h', 'd'))}")}
        if not {"any", *SEARCHES} & set(keys["Operation"]) and rng.random() < 0.5:
            keys["Sought"] = keys["MinimumSimilarity"] = None
        if keys["Release"] == "decision" and {"any", "list"} & set(keys["Operation"]):
            keys["Release"] = "candidates"
        return keys


    def invariant(self):
        """Narrow in one or two things, so that each of them decides often."""
        rng = self.rng
        lists = {"Party": self.organisations + self.classes, "Operation": OPERATIONS, "Purpose": self.purposes,
                 "Sought": ROLES, "Gallery": self.galleries}
        narrow = some(rng, ("Party", "Party", "Operation", "Purpose", "Sought", "Gallery"), 2)
        return {"Description": "Never", "Never": "permit", **self.window(0.2),
                **{key: some(rng, lists[key], rng.choice((1, 1, 2))) for key in narrow},
                "While": perhaps(rng, 0.3 if self.moratoria else 0, lambda: rng.choice(self.moratoria))}


# Spelling


def spell_assignment(rng, key, value):
    """A line, or one that goes on in a second behind a comment."""
    around = rng.choice(("", "", " "))
    if " " in value and rng.random() < 0.2:
        head, _, tail = value.partition(" ")
        return f"{key}={head}\\\n; a comment, which does not go on \\\n{tail}"
    return f"{around}{key}{around}={around}{value}{around}"


def spell_list(rng, key, entries):
    lines = []
    while entries:
        n = rng.randint(1, len(entries))
        lines.append(spell_assignment(rng, key, rng.choice((" ", "  ", "\t")).join(entries[:n])))
        entries = entries[n:]
    return lines


def spell_keys(rng, keys):
    """The lines of a section, in any order of its keys."""
    lines = []
    for key in rng.sample(list(keys), len(keys)):
        if keys[key] is not None:
            lines += spell_list(rng, key, keys[key]) if key in LISTS else [spell_assignment(rng, key, keys[key])]
    return lines


def override(rng, keys, decoy):
    """Splits an object in two: what its file says, some of it a decoy, and what a drop-in makes of that."""
    file, drop_in = {}, {}
    for key in dict.fromkeys([*keys, *decoy]):
        value, other = keys.get(key), decoy.get(key)
        how = rng.choice(("file", "drop-in", "decoy"))
        if how == "decoy" and other is not None:
            file[key] = other
            drop_in[key] = [""] + (value or []) if key in LISTS else value or ""
        elif how == "drop-in":
            drop_in[key] = value
        elif isinstance(value, list) and len(value) > 1:
            file[key], drop_in[key] = value[:1], value[1:]
        else:
            file[key] = value
    return file, drop_in


def spell_override(rng, keys):
    """A drop-in's lines: of a list whose first entry is empty, the reset comes before the rest."""
    resets = [f"{key}=" for key, value in keys.items() if isinstance(value, list) and value[0] == ""]
    rest = {key: [entry for entry in value if entry] if isinstance(value, list) else value
            for key, value in keys.items()}
    return resets + spell_keys(rng, rest)


class Writer:
    """Puts objects into the layers of one policy."""

    def __init__(self, rng, root):
        self.rng = rng
        self.layers = [pathlib.Path(root) / f"layer-{number}" for number in range(rng.randint(1, LAYERS_MAX))]
        for layer in self.layers:
            layer.mkdir()

    def write(self, path, section, lines):
        """A file in some layer, perhaps over one that must not be seen."""
        number = self.rng.randrange(len(self.layers))
        self.put(number, path, "\n".join(["# Made at random", f"[{section}]", *lines, ""]))
        if number + 1 < len(self.layers) and self.rng.random() < 0.3:
            self.put(number + 1, path, f"[{section}]\nThis is replaced and must not be read\n")

    def put(self, number, path, text):
        where = self.layers[number] / path
        where.parent.mkdir(exist_ok=True)
        where.write_text(text)

    def mask(self, path, text):
        """Something that would change decisions, in a weaker layer than the link that takes it out."""
        number = self.rng.randrange(len(self.layers))
        where = self.layers[number] / path
        where.parent.mkdir(exist_ok=True)
        os.symlink("/dev/null", where)
        if number + 1 < len(self.layers):
            self.put(number + 1, path, text)

    def write_object(self, file, section, keys, decoy, peers=()):
        """An object in its file, or in that and a drop-in; peers in either."""
        peers = [["[Peer]", *spell_keys(self.rng, peer)] for peer in peers]
        if self.rng.random() < 0.6:
            self.write(file, section, sum(peers, spell_keys(self.rng, keys)))
            return
        own, drop_in = override(self.rng, keys, decoy)
        n_own = self.rng.randint(0, len(peers))
        self.write(file, section, sum(peers[:n_own], spell_keys(self.rng, own)))
        self.write(f"{file}.d/{self.rng.choice(('10-a', '9', 'a', 'z~z'))}.conf", section,
                   sum(peers[n_own:], spell_override(self.rng, drop_in)))
        if self.rng.random() < 0.2:
            self.mask(f"{file}.d/zz.conf", f"[{section}]\nThis is masked and must not be read\n")


def write_traps(writer, world):
    """What must not count: a masked allow for everything with a drop-in, and files that are none."""
    everything = ("[Allow]\nDescription=Everything\nClass=" + " ".join(world.classes)
                  + "\nOperation=any\nPurpose=any\nGallery=any\nSought=any\nMinimumSimilarity=-1\n")
    if writer.rng.random() < 0.3:
        writer.mask("0-open.allow", everything)
        writer.put(0, "0-open.allow.d/more.conf", "[Allow]\nMaximumCandidates=1000\n")
    if writer.rng.random() < 0.3:
        for name in ("README.allow", "0-open.allow~", ".open.allow", "open.test"):
            writer.put(0, name, everything)


def write_releases(writer, world, moratoria):
    """Releases of some that do not lapse; their digest is that of the text as it stands now."""
    digests = evaluator.Policy(writer.layers).digests
    for name in world.moratoria:
        if moratoria[name]["OnExpiry"] != "lapse" and writer.rng.random() < 0.5:
            writer.write(f"over-{name}"[:63] + ".release", "Release", spell_keys(writer.rng, {
                "Moratorium": name, "Digest": digests[f"{name}.moratorium"], "Reason": "It has been answered"}))


def write_policy(rng, world, root):
    """Writes a policy on a world under an empty folder and returns its layers, strongest first."""
    writer = Writer(rng, root)
    parts = (
        ("class", "Class", world.classes, lambda name: world.child(world.classes, name)),
        ("purpose", "Purpose", world.purposes, lambda name: world.child(world.purposes, name)),
        ("gallery", "Gallery", world.galleries, world.gallery),
        ("organisation", "Organisation", world.organisations, world.organisation),
        ("moratorium", "Moratorium", world.moratoria, world.moratorium),
        ("stand-down", "StandDown", world.stand_downs, world.stand_down),
        ("allow", "Allow", world.allows, world.allow),
    )
    moratoria = {}
    for suffix, section, names, draft in parts:
        for name in names:
            keys = draft(name)
            peers = [world.peer() for _ in range(rng.choice((0, 1, 1, 1, 2)))] if suffix == "organisation" else ()
            writer.write_object(f"{name}.{suffix}", section, keys, draft(name), peers)
            if suffix == "moratorium":
                moratoria[name] = keys
    write_traps(writer, world)
    write_releases(writer, world, moratoria)
    return writer.layers


def write_invariants(rng, world, folder):
    """A layer of a few invariants, which may hold or not."""
    folder.mkdir()
    for name in rng.sample(NAMES, rng.randint(1, 4)):
        lines = spell_keys(rng, world.invariant())
        (folder / f"{name}.invariant").write_text("\n".join(["[Invariant]", *lines, ""]))
