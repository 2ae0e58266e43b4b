"""Galleries for component tests, and what a search of them has to answer, read from the rules and from nothing of the worker.

Vectors are lists of numbers that float32 holds exactly. Similarities come out with the worker's bits: products of two float32 are
exact in double precision, element i is added to lane i % 16, and lanes are added pairwise (daemon/worker/kernel.h).

Book is what a gallery holds, epoch by epoch, by what the service has acknowledged; it judges answers by the epoch that they name.
"""
import math
import struct

import service as mg

LANES = 16


def vector(chance, dimension=16):
    values = [chance.uniform(-1, 1) for _ in range(dimension)]
    return list(struct.unpack(f"<{dimension}f", struct.pack(f"<{dimension}f", *values)))


def dot(a, b):
    lanes = [0.0] * LANES
    for i, (x, y) in enumerate(zip(a, b)):
        lanes[i % LANES] += x * y
    width = LANES // 2
    while width:
        for i in range(width):
            lanes[i] += lanes[i + width]
        width //= 2
    return lanes[0]


def cosine(a, b):
    return max(-1.0, min(1.0, dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))))


def answer(templates, similarity, limit, floor=-1.0, consolidated=True):
    """The right candidates.

    @templates   (subject, vector) in the order in which they came
    @similarity  of a vector to the probe
    """
    scored = ((-similarity(found), subject, row) for row, (subject, found) in enumerate(templates))
    hits, seen = [], set()
    for negative, subject, _ in sorted(score for score in scored if -score[0] >= floor):
        if not consolidated or subject not in seen:
            hits.append((subject, -negative))
        seen.add(subject)
    return hits[:limit]


def candidates(reply):
    """What an answer says: (subject, similarity)."""
    return [(candidate["subject"], candidate["similarity"]) for candidate in reply["parameters"]["candidates"]]


# ------------------------------------------------------------------ calls

FLOOR, LIMIT = -1.0, 50  # of the allow: everything is compared, so that the worker's own order is seen


def policy(galleries, **more):
    """A policy with galleries: {name: (dimension, kind)}; the rescuer searches, the keeper keeps."""
    files = {name: text for name, text in mg.POLICY.items() if not name.endswith(".gallery")}
    for name, (dimension, kind) in galleries.items():
        files[f"{name}.gallery"] = (f"[Gallery]\nDescription=Gallery {name}\nModel=test-{dimension}\nDimension={dimension}\n"
                                    f"Kind={kind}\n")
    files["rescue.allow"] = files["rescue.allow"].replace("MinimumSimilarity=0.3", f"MinimumSimilarity={FLOOR}").replace(
        "MaximumCandidates=5", f"MaximumCandidates={LIMIT}")
    return {**files, **more}


def template(values):
    return {"model": f"test-{len(values)}", "kind": "photograph", "data": mg.template(values)}


def identify(gallery, probe, limit=10, floor=FLOOR):
    return f"{mg.MATCH}.Identify", {"gallery": gallery, "statement": mg.statement(), "probe": template(probe), "limit": limit,
                                    "minimumSimilarity": floor}


def enrol(gallery, entries):
    return f"{mg.MATCH}.Enrol", {"gallery": gallery, "statement": mg.statement("gallery-upkeep"),
                                 "entries": [{"subject": subject, "template": template(values)} for subject, values in entries]}


def remove(gallery, subject):
    return f"{mg.MATCH}.Remove", {"gallery": gallery, "statement": mg.statement("gallery-upkeep"), "subject": subject}


def listed(service, gallery):
    """All subjects of a gallery, as the service lists them; or the reply that says why not."""
    subjects = []
    while True:
        reply = service.call(f"{mg.MATCH}.List", {"gallery": gallery, "statement": mg.statement("gallery-upkeep"), "limit": 1000,
                                                  "after": subjects[-1] if subjects else None}, uid=mg.ARCHIVE_UID)
        if "error" in reply or not reply["parameters"]["subjects"]:
            return reply if "error" in reply else subjects
        subjects += reply["parameters"]["subjects"]


class Book:
    """The changes of a gallery by the epoch that each made, and the templates at any of them."""

    def __init__(self, consolidated=True):
        self.consolidated = consolidated
        self.first = 0, []  # the epoch that is known without changes, and its templates
        self.changes = {}   # epoch: ("enrol", entries) or ("remove", subject)
        self.known = {}     # (probe, vector): similarity

    def changed(self, reply, what, which):
        self.changes[reply["parameters"]["galleryEpoch"]] = (what, which)

    def states(self):
        """(epoch, templates), from the first epoch on, as long as none is missing."""
        epoch, templates = self.first
        yield epoch, templates
        while epoch + 1 in self.changes:
            epoch += 1
            what, which = self.changes[epoch]
            templates = templates + which if what == "enrol" else [entry for entry in templates if entry[0] != which]
            yield epoch, templates

    def last(self):
        """The last epoch that is known, and its templates."""
        return list(self.states())[-1]

    def forget(self, until):
        """Drops what was before an epoch."""
        self.first = next(state for state in self.states() if state[0] == until)
        self.changes = {epoch: change for epoch, change in self.changes.items() if epoch > until}

    def similarity(self, probe, found):
        key = id(probe), id(found)
        if key not in self.known:
            self.known[key] = cosine(probe, found), probe, found  # kept, so that nothing else comes to have their ids
        return self.known[key][0]

    def faults(self, answers):
        """What is wrong with answers to searches: (probe, limit, floor, reply) each."""
        left, found = {}, []
        for one in answers:
            left.setdefault(one[3]["parameters"]["galleryEpoch"], []).append(one)
        for epoch, templates in self.states():
            for probe, limit, floor, reply in left.pop(epoch, ()):
                right = answer(templates, lambda values, probe=probe: self.similarity(probe, values), limit, floor,
                               self.consolidated)
                if candidates(reply) != right:
                    found.append(f"at epoch {epoch} {candidates(reply)} instead of {right}")
                if reply["parameters"]["searched"] != len(templates):
                    found.append(f"at epoch {epoch} {reply['parameters']['searched']} of {len(templates)} were compared")
        return found + [f"epoch {epoch} is of no change that was acknowledged" for epoch in left]
