"""The policy language a second time: files and facts in, decisions out.

Written from the rules of matchguard.policy(5) alone, by somebody who had not seen policy/, so that a misreading of the
rules would have to happen twice to go unseen. Slow and plain on purpose: sets, dictionaries and exact numbers, one
function a rule. It reads policies that load; what makes one invalid is not its business.
"""
import datetime
import functools
import hashlib
import math
import pathlib
import re
from decimal import Decimal

OPERATIONS = ("identify", "identify-stored", "verify", "compare", "enrol", "remove", "list")
SEARCHES = ("identify", "identify-stored", "verify", "compare")
PROBED = ("identify", "verify", "compare", "enrol")
ROLES = ("victim", "missing", "deceased", "incapacitated", "witness", "suspect", "claimant", "unknown")
KINDS = ("photograph", "video-frame", "sketch", "composite", "edited", "synthetic", "unknown")
GIVEN = ("case", "authorisation", "operator")
CLOCKS = ("synchronised", "unsynchronised", "behind")

LISTS = {"Class", "User", "Group", "Unit", "Operation", "Purpose", "Gallery", "Except", "Organisation", "Sought",
         "OnBehalfOf", "Recipient", "Probe", "Require", "Party"}
IGNORED = re.compile(r"README.*|\..*|.*~|.*\.test")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LIST_MAX = 16

SECOND = 1_000_000  # microseconds, in which all instants here are counted
BEHIND = 5 * SECOND
NEVER = -math.inf  # the loosening time when it has never come: before every instant
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
FLOOR_STEP = Decimal("0.05")  # divides 1, so that no floor is rounded up past it
SIMILARITY_STEP = Decimal("0.000001")


@functools.cache
def instant(text):
    """Microseconds since 1970 of a date or an RFC 3339 time."""
    if len(text) == len("YYYY-MM-DD"):
        text += "T00:00:00Z"
    moment = datetime.datetime.fromisoformat(text)
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


# Files


def logical_lines(text):
    """Lines without comments; one that ends in a backslash goes on in the next that is no comment."""
    pending = ""
    for line in text.split("\n"):
        if line.lstrip().startswith(("#", ";")):
            continue
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        yield (pending + line).strip()
        pending = ""


def assign(section, key, value):
    if not value:
        section.pop(key, None)
    elif key in LISTS:
        section[key] = section.get(key, []) + value.split()
    else:
        section[key] = value


def apply(thing, text):
    """Adds one file or drop-in to an object: its own section's keys stand in it, its peers under "Peer"."""
    section = None
    for line in logical_lines(text):
        if line == "[Peer]":
            section = {}
            thing["Peer"].append(section)
        elif line.startswith("["):
            section = thing
        elif line:
            key, _, value = line.partition("=")
            assign(section, key.strip(), value.strip())


def strongest(folders, pattern):
    """Name to path of what the folders hold, strongest first; None for what is masked."""
    found = {}
    for folder in folders:
        for path in folder.glob(pattern) if folder.is_dir() else ():
            if path.is_dir() or IGNORED.fullmatch(path.name):
                continue
            masked = path.is_symlink() and path.resolve() == pathlib.Path("/dev/null")
            found.setdefault(path.name, None if masked else path)
    return dict(sorted(found.items(), key=lambda entry: entry[0].encode()))


def digest_of(texts, ids=()):
    entries = sorted((path.encode(), text) for path, text in texts.items())
    if ids:
        entries.append((b".ids", "".join(f"{line}\n" for line in sorted(ids)).encode()))
    return hashlib.sha256(b"".join(b"%s\0%d\0%s" % (path, len(text), text) for path, text in entries)).hexdigest()


def account(file, name):
    """The number of a user or a group, by the file that holds them."""
    for line in pathlib.Path(file).read_text().splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2])
    raise KeyError(name)


class Policy:
    """What the files come to: of each type its objects, by name in byte order; and the digests."""

    def __init__(self, layers):
        self.objects = {kind: {} for kind in ("class", "purpose", "gallery", "organisation", "moratorium", "release",
                                              "stand-down", "allow", "invariant")}
        self.digests = {}  # by file name
        self.ids = set()
        texts = {}
        layers = [pathlib.Path(layer) for layer in layers]
        for file, path in strongest(layers, "*.*").items():
            if path is None:
                continue
            own = {file: path}
            for name, drop_in in strongest([layer / f"{file}.d" for layer in layers], "*.conf").items():
                if drop_in is not None:
                    own[f"{file}.d/{name}"] = drop_in
            own = {where: source.read_bytes() for where, source in own.items()}
            self.add(file, own)
            texts.update(own)
        for objects in self.objects.values():
            for name in sorted(objects):
                objects[name] = objects.pop(name)
        self.digest = digest_of(texts, self.ids)
        self.released = {release["Moratorium"] for release in self.objects["release"].values()}

    def add(self, file, texts):
        thing = {"Peer": []}
        for text in texts.values():
            apply(thing, text.decode())
        name, _, kind = file.rpartition(".")
        self.objects[kind][name] = thing
        self.digests[file] = digest_of(texts)
        for peer in thing["Peer"]:
            for key, word, accounts in (("User", "user", "/etc/passwd"), ("Group", "group", "/etc/group")):
                peer[key] = [self.number(word, accounts, entry) for entry in peer.get(key, [])]

    def number(self, word, accounts, entry):
        if entry.isdigit():
            return int(entry)
        number = account(accounts, entry)
        self.ids.add(f"{word} {entry} {number}")
        return number

    def of(self, kind):
        return self.objects[kind].items()

    # Names

    def lineage(self, kind, name):
        """The name of a class or a purpose and all its ancestors."""
        names = []
        while name is not None:
            names.append(name)
            name = self.objects[kind][name].get("Parent")
        return set(names)

    def classes(self, party):
        if party in self.objects["class"]:
            return self.lineage("class", party)
        return set().union(*(self.lineage("class", name) for name in self.objects["organisation"][party]["Class"]))

    def may_be_of(self, party, name):
        """Whether a party may be of a class: who says "government" may mean the police."""
        return name in self.classes(party) or party in self.lineage("class", name)

    def purpose_may_be(self, purpose, name):
        return name in self.lineage("purpose", purpose) or purpose in self.lineage("purpose", name)

    def may_be(self, party, entry):
        """Whether a party may be an entry, organisation or class, of an invariant's Party."""
        if party == entry:
            return True
        if entry in self.objects["class"]:
            return self.may_be_of(party, entry)
        return party in self.classes(entry)

    def knows_party(self, name):
        return name in self.objects["class"] or name in self.objects["organisation"]


# Requests


class Request:
    """Facts with their defaults, instants as numbers, and the clock as the guard judges it."""

    def __init__(self, facts):
        self.uid = facts["uid"]
        self.groups = set(facts.get("groups", []))
        self.unit = facts.get("unit")
        self.label = facts.get("label")
        self.operation = facts["operation"]
        self.gallery = facts.get("gallery")
        self.purpose = facts["purpose"]
        self.sought = facts.get("sought", "unknown")
        self.on_behalf_of = set(facts["on_behalf_of"])
        self.recipients = set(facts["recipients"])
        self.probe = facts.get("probe", "unknown")
        self.given = {what for what in GIVEN if facts.get(what)}
        self.limit = facts.get("limit")
        self.floor = facts.get("minimum_similarity")
        self.used = facts.get("used", {})
        self.time = instant(facts["time"])
        self.mark = instant(facts["mark"]) if "mark" in facts else None
        self.clock = self.judged(facts.get("clock"))
        self.loosening = self.loosening_time()

    def judged(self, said):
        if said == "behind" or self.mark is not None and self.time < self.mark - BEHIND:
            return "behind"
        return "synchronised" if said == "synchronised" else "unsynchronised"

    def loosening_time(self):
        if self.clock == "synchronised":
            return self.time
        return NEVER if self.mark is None else min(self.mark, self.time)

    def parties(self, asker):
        return {asker} | self.on_behalf_of | self.recipients


def bad_names(names):
    return len(names) > LIST_MAX or not all(NAME.fullmatch(name) for name in names)


def no_request(facts):
    """The fact for which this is no request at all, or None."""
    gallery = facts.get("gallery")
    bad = {
        "operation": facts["operation"] not in OPERATIONS,
        "purpose": not NAME.fullmatch(facts["purpose"]),
        "gallery": (facts["operation"] == "compare") != (gallery is None)
        or gallery is not None and not NAME.fullmatch(gallery),
        "sought": facts.get("sought", "unknown") not in ROLES,
        "on_behalf_of": bad_names(facts["on_behalf_of"]),
        "recipients": bad_names(facts["recipients"]),
        "probe": facts["operation"] in PROBED and facts.get("probe", "unknown") not in KINDS,
        "limit": facts.get("limit", 1) < 1,
        "minimum_similarity": not -1 <= facts.get("minimum_similarity", 0) <= 1,
        "clock": facts.get("clock", "synchronised") not in CLOCKS,
    }
    return next((fact for fact in bad if bad[fact]), None)


# Conditions


def has_any(section, key):
    """Whether a list that may hold `any`, and does so by default, holds it."""
    return section.get(key, ["any"]) == ["any"]


def holds(section, key, *names):
    return has_any(section, key) or any(name in section[key] for name in names if name is not None)


def names_one(section, key, names):
    """Whether a list that is empty by default names one of these."""
    return any(name in section.get(key, []) for name in names)


def may_concern(policy, section, purpose):
    """Whether a purpose may be one of a prohibition's list."""
    return has_any(section, "Purpose") or any(policy.purpose_may_be(purpose, entry) for entry in section["Purpose"])


def begun(section, when):
    return "From" not in section or when >= instant(section["From"])


def ended(section, when):
    return "Until" in section and when >= instant(section["Until"])


def is_peer(peer, request):
    return ((not peer["User"] or request.uid in peer["User"])
            and (not peer["Group"] or bool(request.groups & set(peer["Group"])))
            and ("Unit" not in peer or request.unit in peer["Unit"])
            and ("SecurityLabel" not in peer or request.label == peer["SecurityLabel"]))


def is_valid(section, request):
    return begun(section, request.loosening) and not ended(section, request.time)


def may_be_valid(section, request):
    return begun(section, request.time) and not ended(section, request.loosening)


def is_in_force(policy, name, moratorium, request):
    if not begun(moratorium, request.time):
        return False
    until = moratorium.get("Until", "further-notice")
    over = until == "further-notice" or request.loosening >= instant(until)
    if moratorium.get("OnExpiry", "hold") == "lapse":
        return not over
    return not (over and name in policy.released)


def covers(policy, name, moratorium, request, asker):
    return (is_in_force(policy, name, moratorium, request)
            and holds(moratorium, "Operation", request.operation)
            and may_concern(policy, moratorium, request.purpose)
            and holds(moratorium, "Gallery", request.gallery)
            and any(policy.may_be_of(party, entry)
                    for party in request.parties(asker) for entry in moratorium["Class"]))


def stands_down(policy, stand_down, request, asker):
    return (holds(stand_down, "Organisation", asker)
            and holds(stand_down, "Operation", request.operation)
            and may_concern(policy, stand_down, request.purpose)
            and holds(stand_down, "Gallery", request.gallery))


def missing(allow, request):
    return sorted(set(allow.get("Require", [])) - request.given)


def unmet(policy, allow, request, asker):
    """The conditions of an allow that a request does not meet, in the order in which they are told."""
    def all_named(parties, key):
        return all(names_one(allow, key, {party} | policy.classes(party)) for party in parties - {asker})

    met = {
        "Organisation": names_one(allow, "Organisation", {asker}) or names_one(allow, "Class", policy.classes(asker)),
        "Operation": holds(allow, "Operation", request.operation),
        "Purpose": holds(allow, "Purpose", *policy.lineage("purpose", request.purpose)),
        "Gallery": holds(allow, "Gallery", request.gallery),
        # Without Sought, where no operation of the allow is a search, no role is held.
        "Sought": request.operation not in SEARCHES or "Sought" in allow and holds(allow, "Sought", request.sought),
        "Probe": request.operation not in PROBED or request.probe in allow.get("Probe", ["photograph", "video-frame"]),
        "OnBehalfOf": all_named(request.on_behalf_of, "OnBehalfOf"),
        "Recipient": all_named(request.recipients, "Recipient"),
        "From": begun(allow, request.loosening),
        "Until": not ended(allow, request.time),
        "Require": not missing(allow, request),
    }
    return [condition for condition in met if not met[condition]]


# The decision


def deny(reason, asker=None, moratoria=(), **more):
    decision = {"verdict": "deny", "reason": reason, "moratoria": list(moratoria), **more}
    if asker is not None:
        decision["organisation"] = asker
    return {key: value for key, value in decision.items() if value is not None}


def identify(policy, request):
    """The asker, or None and the reason why there is none."""
    peers = {name: organisation for name, organisation in policy.of("organisation")
             if any(is_peer(peer, request) for peer in organisation["Peer"])}
    if not peers:
        return None, "unknown-peer"
    if sum(may_be_valid(organisation, request) for organisation in peers.values()) > 1:
        return None, "ambiguous-peer"
    valid = [name for name, organisation in peers.items() if is_valid(organisation, request)]
    return (valid[0], None) if valid else (None, "expired-organisation")


def unknown_term(policy, request):
    if request.purpose not in policy.objects["purpose"]:
        return request.purpose
    if request.gallery is not None and request.gallery not in policy.objects["gallery"]:
        return request.gallery
    for name in sorted(request.on_behalf_of) + sorted(request.recipients):
        if not policy.knows_party(name):
            return name
    return None


def rounded_up(number, step):
    return math.ceil(number / step) * step


def limits_of(allow, request):
    release = allow.get("Release", "candidates")
    limits = {"release": release}
    if request.operation in SEARCHES or request.operation == "list":
        limits["maximumCandidates"] = int(allow.get("MaximumCandidates", "10"))
        if request.limit is not None:
            limits["maximumCandidates"] = min(limits["maximumCandidates"], request.limit)
    if request.operation in SEARCHES:
        limits["minimumSimilarity"] = Decimal(allow["MinimumSimilarity"])
        if request.floor is not None:
            step = SIMILARITY_STEP if release == "scores" else FLOOR_STEP
            limits["minimumSimilarity"] = max(limits["minimumSimilarity"], rounded_up(Decimal(request.floor), step))
    return limits


def is_used_up(name, allow, request):
    return "Rate" in allow and request.used.get(name, 0) >= int(allow["Rate"].partition("/")[0])


def nearest(lacking):
    """Of each allow's unmet conditions, in byte order of the allows, the shortest."""
    if not lacking:
        return None
    name = min(lacking, key=lambda allow: len(lacking[allow]))
    return {"allow": name, "unmet": lacking[name]}


def judge(policy, request, asker):
    """Steps 4 to 9, for an asker whose terms are all declared."""
    for _, stand_down in policy.of("stand-down"):
        if stands_down(policy, stand_down, request, asker):
            return deny("stood-down", asker, notice=stand_down["Reason"])

    moratoria = [name for name, moratorium in policy.of("moratorium")
                 if covers(policy, name, moratorium, request, asker)]
    lacking = {name: unmet(policy, allow, request, asker) for name, allow in policy.of("allow")}
    for name, allow in policy.of("allow"):
        excepted = all(name in policy.objects["moratorium"][moratorium].get("Except", []) for moratorium in moratoria)
        if lacking[name] or not excepted:
            continue
        if is_used_up(name, allow, request):
            return deny("rate-limited", asker, moratoria, allow=name)
        return {"verdict": "permit", "allow": name, "organisation": asker, "moratoria": moratoria,
                "limits": limits_of(allow, request)}

    if moratoria:
        return deny("moratorium", asker, moratoria, nearest=nearest(lacking),
                    notice=policy.objects["moratorium"][moratoria[0]].get("Notice"))
    for name, allow in policy.of("allow"):
        if lacking[name] == ["Require"]:
            return deny("missing-requirement", asker, missing=missing(allow, request), nearest=nearest(lacking))
    return deny("not-allowed", asker, nearest=nearest(lacking))


def verdict(policy, request):
    if request.clock == "behind":
        return deny("clock-untrusted")
    asker, reason = identify(policy, request)
    if asker is None:
        return deny(reason)
    term = unknown_term(policy, request)
    if term is not None:
        return deny("unknown-term", asker, term=term)
    return judge(policy, request, asker)


def decide(policy, facts):
    """The whole decision upon one object of facts, numbers as int or Decimal."""
    parameter = no_request(facts)
    if parameter is not None:
        return {"error": "InvalidParameter", "parameter": parameter}
    return {**verdict(policy, Request(facts)), "policy": policy.digest}


def matches(policy, invariant, request, asker):
    """Whether a request, by this asker, is one that the invariant says is never permitted."""
    moratorium = invariant.get("While")
    return (begun(invariant, request.time) and not ended(invariant, request.time)
            and (moratorium is None
                 or is_in_force(policy, moratorium, policy.objects["moratorium"][moratorium], request))
            and (has_any(invariant, "Party")
                 or any(policy.may_be(party, entry)
                        for party in request.parties(asker) for entry in invariant["Party"]))
            and holds(invariant, "Operation", request.operation)
            and may_concern(policy, invariant, request.purpose)
            and holds(invariant, "Sought", request.sought)
            and holds(invariant, "Gallery", request.gallery))
