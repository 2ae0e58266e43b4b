#!/usr/bin/env python3
"""Every method through the whole service, with its real effects.

Usage: methods.py BUILD [TEST...]    (root)
"""
import base64
import json
import math
import pathlib
import random
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service as mg  # noqa: E402

DIMENSION = 16
UPKEEP = mg.statement("gallery-upkeep")
# Users of organisations that may see different things.
DECISION_UID, CANDIDATES_UID, SCORES_UID, CLAMPED_UID = 3101, 3102, 3103, 3104


def allow(organisation, release, **keys):
    lines = {"Description": "x", "Organisation": organisation, "Operation": "identify identify-stored verify compare",
             "Purpose": "missing-child-reunion", "Gallery": "any", "Sought": "missing", "MinimumSimilarity": "-1",
             "MaximumCandidates": "1000", "Release": release, **keys}
    return "[Allow]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())


def organisation(uid):
    return f"[Organisation]\nDescription=x\nClass=viewer\n[Peer]\nUser={uid}\n"


POLICY = {**mg.POLICY,
          "viewer.class": "[Class]\nDescription=Whom only allows of their own permit anything\n",
          "event.gallery": "[Gallery]\nDescription=One candidate a template\nModel=test-16\nDimension=16\nKind=event\n",
          "small.gallery": "[Gallery]\nDescription=Soon full\nModel=test-16\nDimension=16\nMaximumTemplates=3\n",
          "sees-decision.organisation": organisation(DECISION_UID), "sees-decision.allow": allow("sees-decision", "decision"),
          "sees-candidates.organisation": organisation(CANDIDATES_UID),
          "sees-candidates.allow": allow("sees-candidates", "candidates"),
          "sees-scores.organisation": organisation(SCORES_UID), "sees-scores.allow": allow("sees-scores", "scores"),
          "sees-little.organisation": organisation(CLAMPED_UID),
          "sees-little.allow": allow("sees-little", "scores", MinimumSimilarity="0.5", MaximumCandidates="3")}


def error_of(reply):
    return reply.get("error", "").rpartition(".")[2]


def cosine(a, b):
    """By the schoolbook, from the values as float32 has them."""
    dot = math.fsum(x * y for x, y in zip(a, b))
    return dot / (math.sqrt(math.fsum(x * x for x in a)) * math.sqrt(math.fsum(y * y for y in b)))


def rounded(values):
    return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))


class World:
    """The service, and what its galleries hold as far as the test knows."""

    def __init__(self, build):
        self.service = mg.Service(build, policy=POLICY)
        self.service.start()
        self.content = {}  # gallery to list of (subject, vector)

    def call(self, method, parameters=None, uid=mg.NGO_UID, interface=mg.MATCH, **more):
        return self.service.call(f"{interface}.{method}", parameters or {}, uid=uid, **more)

    def enrol(self, entries, gallery="faces"):
        method, parameters = mg.enrol(entries)
        parameters["gallery"] = gallery
        reply = self.service.call(method, parameters, uid=mg.ARCHIVE_UID)
        if not error_of(reply):
            self.content.setdefault(gallery, []).extend((subject, rounded(vector)) for subject, vector in entries)
        return reply

    def remove(self, subject, gallery="faces"):
        reply = self.call("Remove", {"gallery": gallery, "subject": subject, "statement": UPKEEP}, uid=mg.ARCHIVE_UID)
        if not error_of(reply):
            self.content[gallery] = [entry for entry in self.content[gallery] if entry[0] != subject]
        return reply

    def list(self, gallery="faces", **more):
        return self.call("List", {"gallery": gallery, "statement": UPKEEP, **more}, uid=mg.ARCHIVE_UID)

    def identify(self, vector, uid=SCORES_UID, gallery="faces", **more):
        method, parameters = mg.identify(vector, gallery=gallery, **more)
        return self.service.call(method, parameters, uid=uid)

    def checkpoint_size(self):
        return int(self.call("GetCheckpoint", uid=0, interface=mg.AUDIT)["parameters"]["checkpoint"].splitlines()[1])

    def expected(self, vector, gallery="faces", floor=-1.0, limit=1000):
        """The true answer: all by the schoolbook, sorted."""
        best = {}
        found = []
        for subject, stored in self.content.get(gallery, []):
            similarity = cosine(rounded(vector), stored)
            found.append((subject, similarity))
            best[subject] = max(best.get(subject, -2), similarity)
        ranked = found if gallery == "event" else list(best.items())
        ranked = [entry for entry in ranked if entry[1] >= floor]
        return sorted(ranked, key=lambda entry: (-entry[1], entry[0]))[:limit]


def vectors(n, seed):
    chance = random.Random(seed)
    return [[chance.gauss(0, 1) for _ in range(DIMENSION)] for _ in range(n)]


# ---------------------------------------------------------------------------------------------------------- galleries

def enrol_stores_all_or_none(world, check):
    reply = world.enrol([("one", mg.unit(0)), ("two", mg.unit(1)), ("one", mg.unit(2))])
    check(reply["parameters"].get("stored") == 3, f"{reply}")
    epoch = reply["parameters"]["galleryEpoch"]
    method, parameters = mg.enrol([("three", mg.unit(3)), ("four", [0.0] * DIMENSION)])
    reply = world.service.call(method, parameters, uid=mg.ARCHIVE_UID)
    check(error_of(reply) == "BadTemplate", f"a norm of zero: {reply}")
    listed = world.list()["parameters"]
    check(listed["subjects"] == ["one", "two"] and listed["galleryEpoch"] == epoch, f"half of a bad enrolment stays: {listed}")
    reply = world.enrol([("three", mg.unit(3))])
    check(reply["parameters"]["galleryEpoch"] > epoch, f"the epoch does not rise: {reply}")


def list_goes_on_after(world, check):
    names = [f"s{i:02}" for i in range(25)] + ["S", "a:b", "_", "-", "."]
    world.enrol([(name, mg.unit(i)) for i, name in enumerate(names)])
    ordered = sorted(names)
    check(world.list()["parameters"]["subjects"] == ordered, "not all, or not by byte")
    found, after = [], {}
    while True:
        part = world.list(limit=7, **after)["parameters"]["subjects"]
        check(len(part) <= 7, f"more than the limit: {part}")
        if not part:
            break
        found += part
        after = {"after": part[-1]}
    check(found == ordered, f"in parts: {found}")
    check(world.list(after="s03z")["parameters"]["subjects"][0] == "s04", "after one that is not there")
    check(world.list(gallery="event")["parameters"]["subjects"] == [], "an empty gallery")
    check(error_of(world.call("List", {"gallery": "faces", "statement": UPKEEP}, uid=mg.NGO_UID)) == "Denied", "who may list?")


def a_full_gallery_says_so(world, check):
    check(world.enrol([("a", mg.unit(0)), ("b", mg.unit(1))], "small")["parameters"]["stored"] == 2, "two of three")
    reply = world.enrol([("c", mg.unit(2)), ("d", mg.unit(3))], "small")
    check(error_of(reply) == "Failed" and reply["parameters"]["result"] == "gallery-full", f"{reply}")
    check(world.list("small")["parameters"]["subjects"] == ["a", "b"], "stored by half")
    check(world.remove("a", "small")["parameters"]["removed"] == 1, "remove")
    check(world.enrol([("c", mg.unit(2)), ("d", mg.unit(3))], "small")["parameters"].get("stored") == 2, "room again")


def a_removed_subject_is_never_found_again(world, check):
    some = vectors(40, seed=1)
    world.enrol([(f"s{i // 2:02}", vector) for i, vector in enumerate(some)])
    reply = world.remove("s07")
    check(reply["parameters"]["removed"] == 2, f"both templates: {reply}")
    epoch = reply["parameters"]["galleryEpoch"]
    check(error_of(world.remove("s07")) == "NoSuchSubject", "removed twice")

    def gone(when):
        found = world.identify(some[14], limit=1000)["parameters"]
        check(len(found["candidates"]) == 19, f"{when}: {len(found['candidates'])} subjects")
        check("s07" not in [candidate["subject"] for candidate in found["candidates"]], f"{when}: found")
        check(found["galleryEpoch"] >= epoch and found["searched"] == 38, f"{when}: {found['searched']} searched")
        check("s07" not in world.list()["parameters"]["subjects"], f"{when}: listed")
        reply = world.call("IdentifyStored", {"gallery": "faces", "subject": "s07", "statement": mg.statement()}, uid=SCORES_UID)
        check(error_of(reply) == "NoSuchSubject", f"{when}: {reply}")
        check(error_of(verify(world, "s07", some[14])) == "NoSuchSubject", f"{when}: verified")

    gone("at once")
    stored = b"".join(mg.contents(world.service.state / "galleries").values())
    for i, there in ((13, True), (14, False), (15, False), (16, True)):
        on_disk = base64.b64decode(mg.template(some[i])) in stored
        check(on_disk == there, f"template {i} is {'' if on_disk else 'not '}on the disk right after the removal")
    world.service.kill("worker")
    world.service.wait_for("X_MATCHGUARD_SERVING", "0")
    world.service.start_worker()
    world.service.wait_for("X_MATCHGUARD_SERVING")
    gone("after kill -9 of the worker")
    for name in ("guard", "frontend", "worker"):
        world.service.kill(name)
    world.service.start()
    gone("after all was killed")
    world.enrol([("s07", some[0])])
    found = world.identify(some[14], limit=1000)["parameters"]["candidates"]
    similarity = [candidate["similarity"] for candidate in found if candidate["subject"] == "s07"]
    check(len(similarity) == 1 and abs(similarity[0] - cosine(rounded(some[14]), rounded(some[0]))) < 1e-12,
          f"enrolled anew, and the old vector counts: {similarity}")


# ------------------------------------------------------------------------------------------------------------ searches

def same(candidates, expected):
    return ([candidate["subject"] for candidate in candidates] == [subject for subject, _ in expected]
            and [candidate["rank"] for candidate in candidates] == list(range(1, len(expected) + 1))
            and all(abs(candidate["similarity"] - similarity) < 1e-12
                    for candidate, (_, similarity) in zip(candidates, expected)))


def identify_gives_the_true_order(world, check):
    some = vectors(300, seed=2)
    for gallery in ("faces", "event"):
        world.enrol([(f"s{i // 3:03}", vector) for i, vector in enumerate(some)], gallery)
        for i, probe in enumerate(vectors(6, seed=3) + some[:2]):
            for floor, limit in ((-1.0, 1000), (-1.0, 1), (0.2, 7), (0.9, 1000)):
                reply = world.identify(probe, gallery=gallery, limit=limit, minimumSimilarity=floor)["parameters"]
                expected = world.expected(probe, gallery, floor, limit)
                check(same(reply["candidates"], expected),
                      f"{gallery} probe {i} floor {floor} limit {limit}: {reply['candidates'][:3]}, expected {expected[:3]}")
                check(reply["searched"] == len(some) and reply["matched"] == bool(expected), f"{gallery}: {reply}")


def ties_go_by_subject(world, check):
    names = ["b", "a", "B", "a1", "-", "zz", "z"]
    world.enrol([(name, mg.unit(4)) for name in names])
    world.enrol([("c", [2 * value for value in mg.unit(4)])])
    found = [candidate["subject"] for candidate in world.identify(mg.unit(4))["parameters"]["candidates"]]
    check(found == sorted([*names, "c"]), f"{found}")
    found = [candidate["subject"] for candidate in world.identify(mg.unit(4), limit=3)["parameters"]["candidates"]]
    check(found == sorted([*names, "c"])[:3], f"cut by the limit: {found}")


def limit_and_floor_are_clamped(world, check):
    world.enrol([(f"s{i}", [math.cos(i * 0.2), math.sin(i * 0.2)] + [0.0] * (DIMENSION - 2)) for i in range(10)])
    wide = world.identify(mg.unit(0), uid=CLAMPED_UID, limit=50, minimumSimilarity=-1)
    check(same(wide["parameters"]["candidates"], world.expected(mg.unit(0), floor=0.5, limit=3)), f"{wide}")
    bare = world.identify(mg.unit(0), uid=CLAMPED_UID)
    check(bare["parameters"]["candidates"] == wide["parameters"]["candidates"], "nothing asked is the allow's")
    narrow = world.identify(mg.unit(0), uid=CLAMPED_UID, limit=2, minimumSimilarity=0.98)
    check(same(narrow["parameters"]["candidates"], world.expected(mg.unit(0), floor=0.98, limit=2)), f"{narrow}")
    leaves = world.service.wait_exported(lambda leaves: leaves[-1]["index"] >= narrow["parameters"]["receipt"]["outcomeIndex"])
    for reply, floor, limit, asked in ((wide, 1500000, 3, (0, 50)), (narrow, 1980000, 2, (1980000, 2))):
        leaf = leaves[reply["parameters"]["receipt"]["decisionIndex"]]
        check((leaf["floor"], leaf["limit"]) == (floor, limit), f"the leaf says {leaf}")
        check((leaf["asked-floor"], leaf["asked-limit"]) == asked, f"asked for, by the leaf: {leaf}")


def a_release_is_what_comes_back(world, check):
    world.enrol([("a", mg.unit(0)), ("b", [1.0, 1.0] + [0.0] * (DIMENSION - 2))])
    scores = world.identify(mg.unit(0), uid=SCORES_UID)["parameters"]
    check([set(candidate) for candidate in scores["candidates"]] == [{"rank", "subject", "similarity"}] * 2, f"{scores}")
    candidates = world.identify(mg.unit(0), uid=CANDIDATES_UID)["parameters"]
    check(candidates["candidates"] == [{"rank": 1, "subject": "a"}, {"rank": 2, "subject": "b"}], f"{candidates}")
    decision = world.identify(mg.unit(0), uid=DECISION_UID)["parameters"]
    check(decision["candidates"] == [] and decision["matched"] is True, f"{decision}")
    nobody = world.identify([-1.0] + [0.0] * (DIMENSION - 1), uid=DECISION_UID, minimumSimilarity=0.5)["parameters"]
    check(nobody["candidates"] == [] and nobody["matched"] is False, f"{nobody}")
    # What was asked is rounded up to 0.05, so that a floor cannot be moved about to read a score: b stands at 0.7071.
    for floor, seen in ((0.69, True), (0.7, True), (0.7000001, False), (0.701, False), (0.7072, False), (0.75, False)):
        found = world.identify(mg.unit(0), uid=CANDIDATES_UID, minimumSimilarity=floor)["parameters"]["candidates"]
        check((len(found) == 2) == seen, f"floor {floor}: {found}")
    for uid, has in ((SCORES_UID, True), (CANDIDATES_UID, False), (DECISION_UID, False)):
        check(("similarity" in verify(world, "a", mg.unit(0), uid)["parameters"]) == has, f"verify, uid {uid}")
        check(("similarity" in compare(world, mg.unit(0), mg.unit(1), uid)["parameters"]) == has, f"compare, uid {uid}")


def identify_stored_is_identify_by_a_subject(world, check):
    some = vectors(60, seed=5)
    world.enrol([(f"s{i:02}", vector) for i, vector in enumerate(some)])
    reply = world.call("IdentifyStored", {"gallery": "faces", "subject": "s10", "statement": mg.statement(), "limit": 5},
                       uid=SCORES_UID)
    found = reply["parameters"]["candidates"]
    expected = world.expected(some[10], limit=6)
    check(expected[0][0] == "s10", "the test's own arithmetic")
    with_itself, without = expected[:5], expected[1:6]
    check(same(found, with_itself) or same(found, without), f"{found}, expected {expected}")
    nobody = world.call("IdentifyStored", {"gallery": "faces", "subject": "nobody", "statement": mg.statement()}, uid=SCORES_UID)
    check(error_of(nobody) == "NoSuchSubject" and "outcomeIndex" in nobody["parameters"]["receipt"], f"{nobody}")


def verify(world, subject, vector, uid=SCORES_UID, **more):
    _, parameters = mg.identify(vector, **more)
    return world.call("Verify", {**parameters, "subject": subject}, uid=uid)


def compare(world, one, other, uid=SCORES_UID, **more):
    _, parameters = mg.identify(one, **more)
    del parameters["gallery"]
    return world.call("Compare", {**parameters, "reference": {"model": "test-16", "kind": "photograph",
                                                              "data": mg.template(other)}}, uid=uid)


def verify_takes_the_best_of_a_subject(world, check):
    some = vectors(4, seed=6)
    world.enrol([("two", some[0]), ("two", some[1]), ("one", some[2])])
    for subject in ("one", "two"):
        reply = verify(world, subject, some[3])["parameters"]
        best = max(cosine(rounded(some[3]), stored) for name, stored in world.content["faces"] if name == subject)
        check(abs(reply["similarity"] - best) < 1e-12 and reply["matched"], f"{subject}: {reply}, expected {best}")
        above = verify(world, subject, some[3], minimumSimilarity=round(best, 3) + 0.002)["parameters"]
        check(above["matched"] is False, f"{subject} above its score: {above}")
    check(error_of(verify(world, "nobody", some[0])) == "NoSuchSubject", "a subject that is not there")


def compare_needs_no_gallery(world, check):
    some = vectors(2, seed=8)
    reply = compare(world, *some)["parameters"]
    check(abs(reply["similarity"] - cosine(rounded(some[0]), rounded(some[1]))) < 1e-12, f"{reply}")
    check(compare(world, some[0], [3 * value for value in some[0]])["parameters"]["similarity"] > 0.999999, "the norm counts")
    check(compare(world, *some, minimumSimilarity=0.999)["parameters"]["matched"] is False, "a high floor")
    _, parameters = mg.identify()
    reply = world.call("Compare", {"probe": parameters["probe"], "reference": {**parameters["probe"], "model": "other"},
                                   "statement": mg.statement()}, uid=SCORES_UID)
    check(error_of(reply) == "ModelMismatch" and reply["parameters"]["expected"] == "test-16", f"two models: {reply}")


def bad_templates_are_named(world, check):
    world.enrol([("a", mg.unit(0))])
    for what, vector in (("too short", mg.unit(0)[:15]), ("too long", mg.unit(0) + [0.0]), ("zero", [0.0] * DIMENSION),
                         ("not a number", [math.nan] + mg.unit(0)[1:]), ("infinite", [math.inf] + mg.unit(0)[1:])):
        for method, reply in (("identify", world.identify(vector)), ("verify", verify(world, "a", vector)),
                              ("compare", compare(world, vector, vector))):
            if method == "compare" and what in ("too short", "too long"):
                continue  # no gallery says how long it is
            check(error_of(reply) == "BadTemplate" and "outcomeIndex" in reply["parameters"]["receipt"],
                  f"{what}, {method}: {reply}")
    method, parameters = mg.identify()
    parameters["probe"]["model"] = "other-16"
    reply = world.service.call(method, parameters, uid=SCORES_UID)
    check(error_of(reply) == "ModelMismatch" and reply["parameters"]["expected"] == "test-16", f"{reply}")
    tiny = world.identify([1e-30] * DIMENSION)
    check(error_of(tiny) == "" and abs(tiny["parameters"]["candidates"][0]["similarity"] - 0.25) < 1e-9, f"tiny: {tiny}")
    huge = world.identify([3e38] * DIMENSION)
    check(error_of(huge) == "" and abs(huge["parameters"]["candidates"][0]["similarity"] - 0.25) < 1e-9, f"huge: {huge}")


# ------------------------------------------------------------------------------------------------- about the service

def who_am_i_is_the_kernel_s_word(world, check):
    reply = world.call("WhoAmI", uid=mg.NGO_UID)["parameters"]
    check(reply["organisation"] == "rescuer" and reply["classes"] == ["ngo"] and reply["uid"] == mg.NGO_UID, f"{reply}")
    check(reply["identity"] in ("pidfd", "uid"), f"{reply}")
    reply = world.call("WhoAmI", uid=mg.POLICE_UID)["parameters"]
    check(sorted(reply["classes"]) == ["government", "law-enforcement", "police"] or reply["classes"] == ["police"], f"{reply}")
    reply = world.call("WhoAmI", uid=mg.STRANGER_UID)["parameters"]
    check("organisation" not in reply and reply["classes"] == [] and reply["uid"] == mg.STRANGER_UID, f"{reply}")
    before = world.checkpoint_size()
    world.call("WhoAmI")
    check(world.checkpoint_size() == before, "WhoAmI is a leaf")


def statuses_tell_what_each_may_know(world, check):
    anybody = world.call("GetStatus", uid=mg.STRANGER_UID)["parameters"]["status"]
    check(anybody["serving"] is True and anybody["version"], f"{anybody}")
    text = json.dumps(anybody)
    for word in ("rescuer", "faces", "police-use", "moratori", "session", "treeSize"):
        check(word not in text, f"anybody is told of {word}: {text}")
    full = world.call("GetStatus", uid=0, interface=mg.ADMIN)["parameters"]["status"]
    check(full["treeSize"] >= 2 and len(full["policy"]) == 64 and full["worker"]["connected"] is True, f"{full}")
    check(any("police-use" in line for line in full["standing"]), f"{full['standing']}")
    world.service.kill("worker")
    world.service.wait_for("X_MATCHGUARD_SERVING", "0")
    full = world.call("GetStatus", uid=0, interface=mg.ADMIN)["parameters"]["status"]
    check(full["worker"]["connected"] is False and full["serving"] is False, f"without a worker: {full}")
    for uid, interface in ((mg.NGO_UID, mg.ADMIN), (mg.NGO_UID, mg.AUDIT)):
        try:
            reply = world.call("GetStatus", uid=uid, interface=interface)
            check(False, f"uid {uid} is let in to {interface}: {reply}")
        except ConnectionError:
            check(True, "")


def receipts_are_one_s_own(world, check):
    world.enrol([("a", mg.unit(0))])
    reply = world.identify(mg.unit(0), uid=mg.NGO_UID)["parameters"]["receipt"]
    denied = world.identify(mg.unit(0), uid=mg.POLICE_UID)["parameters"]["receipt"]
    own = world.call("GetReceipt", {"request": reply["request"]}, uid=mg.NGO_UID)["parameters"]
    check(json.loads(own["decision"])["index"] == reply["decisionIndex"], f"{own}")
    check(json.loads(own["outcome"])["of"] == reply["decisionIndex"], f"{own}")
    check(f"index {reply['decisionIndex']}\n" in own["decisionProof"], own["decisionProof"])
    police = world.call("GetReceipt", {"request": denied["request"]}, uid=mg.POLICE_UID)["parameters"]
    check("outcome" not in police and json.loads(police["decision"])["verdict"] == "deny", f"{police}")
    unknown = world.call("GetReceipt", {"request": "0" * 32}, uid=mg.POLICE_UID)
    other = world.call("GetReceipt", {"request": reply["request"]}, uid=mg.POLICE_UID)
    check(error_of(unknown) == "NoSuchRequest" and other == unknown, f"another's: {other}, unknown: {unknown}")
    check(error_of(world.call("GetReceipt", {"request": denied["request"]}, uid=0)) == "NoSuchRequest", "root on Match")
    for receipt in (reply, denied):
        audit = world.call("GetReceipt", {"request": receipt["request"]}, uid=0, interface=mg.AUDIT)["parameters"]
        check(json.loads(audit["decision"])["request"] == receipt["request"], f"{audit}")
    unknown = world.call("GetReceipt", {"request": "0" * 32}, uid=0, interface=mg.AUDIT)
    check(unknown["error"] == f"{mg.AUDIT}.NoSuchRequest", f"{unknown}")
    for request in ("", "xyz", "0" * 31, "0" * 33, "A" * 32):
        reply = world.call("GetReceipt", {"request": request})
        check(error_of(reply) in ("InvalidParameter", "NoSuchRequest"), f"{request!r}: {reply}")


def reload_is_all_or_nothing_and_recorded(world, check):
    def status():
        return world.call("GetStatus", uid=0, interface=mg.ADMIN)["parameters"]["status"]

    old = status()["policy"]
    rescue = world.service.policy / "rescue.allow"
    text = rescue.read_text()
    rescue.write_text("[Allow]\nnonsense\n")
    reply = world.call("Reload", uid=0, interface=mg.ADMIN)
    check(error_of(reply) == "PolicyRejected" and any("rescue.allow:2" in line for line in reply["parameters"]["faults"]), f"{reply}")
    check(status()["policy"] == old, "a rejected policy took effect")
    check(error_of(world.identify(mg.unit(0), uid=mg.NGO_UID)) == "", "the old policy is not in force any more")
    rescue.unlink()
    reply = world.call("Reload", uid=0, interface=mg.ADMIN)
    check(error_of(reply) == "" and reply["parameters"]["status"]["policy"] != old, f"{reply}")
    new = status()["policy"]
    check(error_of(world.identify(mg.unit(0), uid=mg.NGO_UID)) == "Denied", "the new policy is not in force")
    rescue.write_text(text)
    rescue.chmod(0o644)
    world.service.processes["guard"].send_signal(1)
    world.service.wait_exported(lambda leaves: leaves[-1].get("via") == "signal")
    check(error_of(world.identify(mg.unit(0), uid=mg.NGO_UID)) == "", "SIGHUP did not bring it back")
    world.service.stop()
    leaves = [leaf for leaf in world.service.leaves() if leaf["kind"] == "policy"]
    check([(leaf["result"], leaf["via"]) for leaf in leaves] == [("loaded", "start"), ("rejected", "admin"), ("loaded", "admin"),
                                                                 ("loaded", "signal")], f"{leaves}")
    check([leaf["new"] for leaf in leaves if leaf["result"] == "loaded"] == [old, new, old], f"{leaves}")
    check(leaves[1]["by"] == 0 and leaves[2]["old"] == old, f"{leaves}")
    check({path.name for path in (world.service.state / "export/policy").iterdir()} >= {old, new}, "texts are not archived")


def checkpoints_are_signed_notes(world, check):
    first = world.call("GetCheckpoint", uid=0, interface=mg.AUDIT)["parameters"]["checkpoint"]
    world.identify(mg.unit(0), uid=mg.POLICE_UID)
    second = world.call("GetCheckpoint", uid=0, interface=mg.AUDIT)["parameters"]["checkpoint"]
    for note in (first, second):
        body, _, signature = note.partition("\n\n")
        check(len(body.split("\n")) == 3 and signature.startswith("\u2014 ") and signature.endswith("\n"), note)
    check(int(second.split("\n")[1]) == int(first.split("\n")[1]) + 1, f"{first}{second}")


# ------------------------------------------------------------------------------------------------------------ varlink

def twenty_calls_are_answered_in_their_order(world, check):
    world.enrol([(f"s{i}", mg.unit(i)) for i in range(16)])
    connection = world.service.connect(SCORES_UID)
    expected = []
    for i in range(20):
        kind = i % 4
        if kind == 0:
            connection.send(*mg.identify(mg.unit(i % 16), limit=1))
            expected.append(lambda reply, i=i: reply["parameters"]["candidates"][0]["subject"] == f"s{i % 16}")
        elif kind == 1:
            connection.send(f"{mg.MATCH}.WhoAmI")
            expected.append(lambda reply: reply["parameters"]["uid"] == SCORES_UID)
        elif kind == 2:
            connection.send(*mg.identify(gallery="no-such"))
            expected.append(lambda reply: error_of(reply) == "Denied" and reply["parameters"]["reason"] == "unknown-term")
        else:
            connection.send(f"{mg.MATCH}.NoSuchMethod")
            expected.append(lambda reply: error_of(reply) == "MethodNotFound")
    for i, expectation in enumerate(expected):
        reply = connection.receive()
        check(expectation(reply), f"call {i}: {reply}")
    connection.close()


def flags_of_a_call(world, check):
    connection = world.service.connect(SCORES_UID)
    world.enrol([("a", mg.unit(0))])
    before = world.checkpoint_size()
    reply = connection.call(*mg.identify(), more=True)
    check(error_of(reply) == "" and not reply.get("continues"), f"more: {reply}")
    connection.send(*mg.identify(), oneway=True)
    reply = connection.call(f"{mg.MATCH}.WhoAmI")
    check(reply["parameters"].get("uid") == SCORES_UID, f"after oneway: {reply}")
    leaves = world.service.wait_exported(lambda leaves: leaves[-1]["kind"] == "refused")
    check(leaves[-1]["why"] == "oneway" and leaves[-1]["count"] == 1 and leaves[-1]["uid"] == SCORES_UID, f"{leaves[-1]}")
    check([leaf["kind"] for leaf in leaves[before:]].count("request") == 1, "a oneway call was decided")
    reply = connection.call(f"{mg.MATCH}.WhoAmI", upgrade=True)
    check(error_of(reply) != "" or reply["parameters"].get("uid") == SCORES_UID, f"upgrade: {reply}")
    check(connection.call(f"{mg.MATCH}.WhoAmI")["parameters"]["uid"] == SCORES_UID, "after upgrade")
    connection.close()


def the_service_describes_itself(world, check):
    sources = pathlib.Path(__file__).parents[2] / "daemon/varlink"
    for interface in (mg.MATCH, mg.ADMIN, mg.AUDIT):
        info = world.service.call("org.varlink.service.GetInfo", uid=0, interface=interface)["parameters"]
        check(set(info) == {"vendor", "product", "version", "url", "interfaces"}, f"{info}")
        check(sorted(info["interfaces"]) == sorted([interface, "org.varlink.service"]), f"{info['interfaces']}")
        for name in info["interfaces"]:
            text = world.service.call("org.varlink.service.GetInterfaceDescription", {"interface": name}, uid=0,
                                      interface=interface)["parameters"]["description"]
            check(text == (sources / f"{name}.varlink").read_text(), f"{name} is not served verbatim")
        for other in {mg.MATCH, mg.ADMIN, mg.AUDIT} - {interface}:
            reply = world.service.call("org.varlink.service.GetInterfaceDescription", {"interface": other}, uid=0,
                                       interface=interface)
            check(error_of(reply) == "InterfaceNotFound", f"{interface} describes {other}: {reply}")
            reply = world.service.call(f"{other}.GetStatus", uid=0, interface=interface)
            check(error_of(reply) in ("InterfaceNotFound", "MethodNotFound"), f"{interface} answers for {other}: {reply}")


TESTS = [enrol_stores_all_or_none, list_goes_on_after, a_full_gallery_says_so, a_removed_subject_is_never_found_again,
         identify_gives_the_true_order, ties_go_by_subject, limit_and_floor_are_clamped, a_release_is_what_comes_back,
         identify_stored_is_identify_by_a_subject, verify_takes_the_best_of_a_subject, compare_needs_no_gallery,
         bad_templates_are_named, who_am_i_is_the_kernel_s_word, statuses_tell_what_each_may_know, receipts_are_one_s_own,
         reload_is_all_or_nothing_and_recorded, checkpoints_are_signed_notes, twenty_calls_are_answered_in_their_order,
         flags_of_a_call, the_service_describes_itself]


def main():
    tally = mg.Tally()
    for test in TESTS:
        if sys.argv[2:] and test.__name__ not in sys.argv[2:]:
            continue
        world = World(sys.argv[1])
        try:
            test(world, lambda good, what, test=test: tally.check(good, f"{test.__name__}: {what}"))
        except (KeyError, IndexError, TimeoutError, TypeError, ConnectionError) as error:
            tally.check(False, f"{test.__name__}: {type(error).__name__} {error}; {world.service.log('guard')[-300:]}")
        finally:
            world.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
