#!/usr/bin/env python3
"""Details, opened and erased through the real service.

Opening: the salt and the bytes that an auditor gets are what the leaf commits to, by a few lines that share nothing with the
programs; that somebody looked is in the log before anything is told; who may look and who may erase are different people.
Erasing: by request, by subject, by age, by hand and by itself; afterwards no file of the trail holds a byte of it, raw or
encoded, nor its salt, while all else still opens and every proof holds. Killed in between, the service comes back with the
leaf and without the bytes, or with neither erased.

Usage: details.py BUILD      (as root)     MATCHGUARD_DETAILS_KILLS: how often it is killed (default 8)
"""
import base64
import hashlib
import json
import os
import pathlib
import random
import sqlite3
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import killer  # noqa: E402
import service as mg  # noqa: E402
from clock import Clock  # noqa: E402

AUDITOR_UID = 3050
DAY = 86400
N_MANY = 1600  # details that take several steps to erase


def url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def commitment(detail):
    """What a leaf says of a detail, as matchguard-trail(7) has it."""
    return url(hashlib.sha256(b"matchguard/detail/v1\n" + from_url(detail["salt"]) + detail["detail"].encode()).digest())


def members(detail):
    """The detail's members, with what is base64url decoded."""
    found = json.loads(detail["detail"])
    for name in ("authorisation", "case", "operator", "reason"):
        if name in found:
            found[name] = from_url(found[name]).decode()
    if "subjects" in found:
        found["subjects"] = [from_url(word).decode() for word in found["subjects"].split(" ")]
    return found


class World:
    """A service with an auditor, and what was asked of it."""

    def __init__(self, build, config=""):
        self.service = mg.Service(build)
        self.clock = Clock(build, self.service.dir)
        self.n_vectors = 0
        self.config = self.service.dir / "matchguard.conf"
        self.config.write_text(config)
        self.start()

    def start(self):
        self.service.start(arguments=["--config", str(self.config)], environment=self.clock.environment())
        os.chown(self.service.path(mg.AUDIT), 0, AUDITOR_UID)

    def audit(self, method, uid=AUDITOR_UID, **parameters):
        return self.service.call(f"{mg.AUDIT}.{method}", parameters, uid=uid)

    def admin(self, method, **parameters):
        return self.service.call(f"{mg.ADMIN}.{method}", parameters, uid=0)

    def open(self, **which):
        return self.audit("OpenDetails", reason="complaint 12/2026", **which)

    def vector(self, i):
        """Like the i-th axis, and like no other one that was asked for."""
        self.n_vectors += 1
        return [value + self.n_vectors / 10000 for value in mg.unit(i)]

    def enrol(self, subjects):
        entries = [(subject, self.vector(i)) for i, subject in enumerate(subjects)]
        reply = self.service.call(*mg.enrol(entries), uid=mg.ARCHIVE_UID)
        return reply["parameters"]["receipt"]

    def search(self, i, **words):
        self.probe = self.vector(i)
        reply = self.service.call(*mg.identify(self.probe, statement=mg.statement(**words)))
        return reply["parameters"]["receipt"]

    def files(self):
        return b"\n".join(mg.contents(self.service.state / "trail").values())

    def exported(self):
        """The leaves, once the export holds all that the service has recorded so far."""
        size = int(self.audit("GetCheckpoint")["parameters"]["checkpoint"].split("\n")[1])
        return self.service.wait_exported(lambda leaves: len(leaves) >= size)

    def details(self, **which):
        return self.open(**which)["parameters"]["details"]


def traces(details, subjects=()):
    """Every form in which the bytes of details could stand in a file, by name. Of subjects only those that nobody else's
    details name."""
    found = {}
    for detail in details:
        number = detail["index"]
        found[f"salt of {number}"] = from_url(detail["salt"])
        found[f"salt of {number} as base64url"] = detail["salt"].encode()
        if not set(json.loads(detail["detail"])) <= {"count", "session"}:
            found[f"detail of {number}"] = detail["detail"].encode()
        for name, value in json.loads(detail["detail"]).items():
            if name in ("authorisation", "case", "operator", "reason", "probe"):
                found[f"{name} of {number}"] = value.encode()
            if name in ("authorisation", "case", "operator", "reason"):
                found[f"{name} of {number} decoded"] = from_url(value)
    for subject in subjects:
        found[f"subject {subject}"] = subject.encode()
        found[f"subject {subject} as base64url"] = url(subject.encode()).encode()
    return found


def opening(tally, world):
    world.enrol(["child.1", "child.2", "child.3"])
    receipt = world.search(1, caseReference="case 4711/ä", authorisation="order no 5", operator="desk 3")
    before = len(world.exported())
    reply = world.open(request=receipt["request"])
    tally.check("error" not in reply, f"an auditor opens: {reply}")
    opened = reply["parameters"]
    leaves = world.exported()
    record = leaves[opened["recorded"]]
    tally.check(opened["recorded"] >= before and record["kind"] == "disclose" and record["by"] == AUDITOR_UID and
                record["of"] == receipt["decisionIndex"], f"it is recorded: {record}")
    indices = [detail["index"] for detail in opened["details"]]
    tally.check(indices == [receipt["decisionIndex"], receipt["outcomeIndex"]], f"of decision and outcome: {indices}")
    for detail in opened["details"]:
        tally.check(json.loads(detail["leaf"]) == leaves[detail["index"]], f"the leaf is the exported one: {detail['leaf']}")
        tally.check(commitment(detail) == leaves[detail["index"]]["detail"], f"the commitment of {detail['index']} opens")
        tally.check(json.dumps(json.loads(detail["detail"]), sort_keys=True, separators=(",", ":")) == detail["detail"],
                    "the detail is canonical")
    decision, outcome = (members(detail) for detail in opened["details"])
    tally.check((decision["case"], decision["authorisation"], decision["operator"]) == ("case 4711/ä", "order no 5", "desk 3"),
                f"what was stated: {decision}")
    tally.check(decision["probe"] == hashlib.sha256(base64.b64decode(mg.template(world.probe))).hexdigest(), "the probe's digest")
    tally.check("child.2" in outcome["subjects"], f"who was found: {outcome}")
    for which in ({"index": receipt["decisionIndex"]}, {"index": receipt["outcomeIndex"]}):
        tally.check([d["detail"] for d in world.details(**which)] == [d["detail"] for d in opened["details"]], f"by {which}")
    why = world.details(index=opened["recorded"])
    tally.check(len(why) == 1 and commitment(why[0]) == record["detail"] and members(why[0])["reason"] == "complaint 12/2026",
                f"the reason is committed to: {why}")
    return receipt


def refusals(tally, world, receipt):
    """Who may not, and what is no call. None of it leaves a record."""
    before = len(world.exported())
    for uid, interface in ((mg.NGO_UID, mg.AUDIT), (mg.NGO_UID, mg.ADMIN), (AUDITOR_UID, mg.ADMIN)):
        try:
            world.service.connect(uid, interface).close()
            tally.check(False, f"uid {uid} may connect to {interface}")
        except ConnectionError:
            tally.check(True, "")
    reply = world.audit("Erase", request=receipt["request"])
    tally.check(reply["error"] == "org.varlink.service.MethodNotFound", f"the auditor erases nothing: {reply}")
    request, index = receipt["request"], receipt["decisionIndex"]
    for parameters, fault in (({"request": request}, "reason"), ({"request": request, "reason": ""}, "reason"),
                              ({"request": request, "reason": "a\nb"}, "reason"), ({"reason": "x"}, "request"),
                              ({"request": request, "index": index, "reason": "x"}, "index"),
                              ({"request": "abc", "reason": "x"}, "request"), ({"subject": "a", "reason": "x"}, "subject"),
                              ({"request": request, "reason": "x" * 513}, "reason")):
        reply = world.audit("OpenDetails", **parameters)
        tally.check(reply.get("parameters", {}).get("parameter") == fault, f"{parameters}: {reply}")
    for parameters, fault in (({}, "request"), ({"request": request, "subject": "a"}, "subject"), ({"olderThanDays": 0}, "olderThanDays"),
                              ({"olderThanDays": 36501}, "olderThanDays"), ({"subject": "a b"}, "subject")):
        for method in ("Erase", "CountDetails"):
            reply = world.admin(method, **parameters)
            tally.check(reply.get("parameters", {}).get("parameter") == fault, f"{method} {parameters}: {reply}")
    nobody = "0" * 32
    tally.check(world.open(request=nobody)["error"].endswith("NoSuchRequest"), "no such request to open")
    tally.check(world.open(index=1 << 50)["error"].endswith("NoSuchRequest"), "no such leaf to open")
    tally.check(world.open(index=1)["error"].endswith("NoDetails"), "a leaf that commits to nothing")
    tally.check(world.admin("Erase", request=nobody)["error"].endswith("NoSuchRequest"), "no such request to erase")
    reply = world.admin("Erase", subject="nobody.at.all")
    tally.check(reply["parameters"] == {"count": 0}, f"nothing to erase: {reply}")
    kinds = [leaf["kind"] for leaf in world.exported()[before:] if leaf["kind"] != "beat"]  # which comes after a minute
    tally.check(kinds == [], f"none of it is recorded: {kinds}")


def contents(details):
    return [(detail["index"], detail["salt"], detail["detail"]) for detail in details]


def gone(tally, world, what, details, subjects=()):
    data = world.files()
    found = [name for name, trace in traces(details, subjects).items() if trace in data]
    tally.check(not found, f"{what}: still in the files: {found}")


def erasing(tally, world, receipt):
    service = world.service
    names = ["lost.anna", "lost.berta", "lost.carla"]
    enrolled = world.enrol(names)
    searches = {name: world.search(i, caseReference=f"file of {name}") for i, name in enumerate(names)}
    bystander = world.search(9, caseReference="file of nobody else")
    kept_before = contents(world.details(request=bystander["request"]))

    victim = world.details(request=receipt["request"])
    data = world.files()
    missing = [name for name, trace in traces(victim).items() if trace not in data and "decoded" not in name and "as base64url" not in name]
    tally.check(not missing, f"before, the files hold what will be looked for: {missing}")
    reply = world.admin("Erase", request=receipt["request"])
    tally.check(reply["parameters"]["count"] == 2, f"erased by request: {reply}")
    gone(tally, world, "by request", victim)
    leaf = world.exported()[reply["parameters"]["recorded"]]
    tally.check((leaf["kind"], leaf["by"], leaf["of"], leaf["count"]) == ("erase", 0, receipt["decisionIndex"], 2), f"{leaf}")
    after = world.details(request=receipt["request"])
    tally.check([detail["erased"] for detail in after] == [True, True] and "salt" not in after[0], f"it says so: {after}")
    tally.check(world.admin("Erase", request=receipt["request"])["parameters"] == {"count": 0}, "erasing twice erases nothing more")

    victim = world.details(request=searches["lost.anna"]["request"]) + world.details(request=enrolled["request"])
    count = world.admin("CountDetails", subject="lost.anna")["parameters"]
    reply = world.admin("Erase", subject="lost.anna")["parameters"]
    # The enrolment names all three, and each search of one axis lists others as far as they are alike at all.
    tally.check(count == {"count": reply["count"]} and reply["count"] >= 4, f"by subject: {count} {reply}")
    gone(tally, world, "by subject", victim, ["lost.anna"])
    leaf = world.exported()[reply["recorded"]]
    tally.check(leaf["count"] == reply["count"] and "of" not in leaf, f"{leaf}")
    everywhere = b"".join(data for path, data in mg.contents(service.dir).items() if "galleries" not in path.parts)
    for form in (b"lost.anna", url(b"lost.anna").encode()):
        tally.check(form not in everywhere, f"{form} stands in no file of the service, journal included")
    tally.check(contents(world.details(request=bystander["request"])) == kept_before, "what others stated is held as before")


def proofs_hold(tally, world):
    world.exported()
    status, out, err = world.service.tool("audit", "verify")
    tally.check(status == 0, f"audit verify: {status} {out} {err}")


def with_the_tool(tally, world):
    service, vkey = world.service, world.service.state / "public/log.vkey"
    receipt = world.search(2, caseReference="case of the tool", operator="desk 9")
    call = ("audit", "details", receipt["request"], "--reason", "because")
    status, out, err = service.tool(*call, "--vkey", vkey)
    tally.check(status == 0 and "case of the tool" in out and "desk 9" in out and "stand in the log" in out, f"{status} {out} {err}")
    status, out, err = service.tool(*call, "--json")
    tally.check(status == 0 and json.loads(out)["details"][0]["members"]["case"] == "case of the tool" and
                json.loads(out)["details"][0]["holds"] is True, f"{status} {out} {err}")
    status, out, err = service.tool("audit", "details", receipt["outcomeIndex"], "--reason", "because")
    tally.check(status == 0 and "child.3" in out, f"by index: {status} {out} {err}")
    status, out, err = service.tool("audit", "details", receipt["request"])
    tally.check(status == 2 and "--reason" in err, f"without a reason: {status} {out} {err}")
    status, out, err = service.tool("audit", "details", receipt["request"], "--reason", "curious", uid=mg.NGO_UID)
    tally.check(status == 3 and "matchguard-audit" in err, f"by anybody: {status} {out} {err}")
    status, out, err = service.tool("audit", "erase", "--subject", "child.3")
    tally.check(status == 2 and "--yes" in err, f"nobody to ask: {status} {out} {err}")
    status, out, err = service.tool("audit", "erase", "--older-than", "90m", "--yes")
    tally.check(status == 2 and "90d" not in out, f"no age: {status} {out} {err}")
    status, out, err = service.tool("audit", "erase", "--request", receipt["request"], "--yes")
    tally.check(status == 0 and out.startswith("2 details were erased"), f"erase: {status} {out} {err}")
    status, out, err = service.tool(*call)
    tally.check(status == 0 and "was erased" in out, f"details of what was erased: {status} {out} {err}")
    status, out, err = service.tool("audit", "erase", "--older-than", "1d", "--yes", "--json")
    tally.check(status == 0 and json.loads(out) == {"count": 0}, f"nothing is that old: {status} {out} {err}")
    status, out, err = service.tool("status", "--json")
    held = json.loads(out)["status"]["details"]
    tally.check(held["held"] > 0 and "oldest" in held and "retentionDays" not in held, f"status: {held}")


def changed_behind_its_back(tally, world):
    """Whoever writes into the database is not served: what is held of details must be what the leaves commit to."""
    service = world.service
    receipt = world.search(1, caseReference="case of before")
    service.stop()

    def change(before, after):
        database = sqlite3.connect(service.state / "trail/trail.db")
        row, = database.execute("SELECT b FROM detail WHERE i = ?", (receipt["decisionIndex"],)).fetchone()
        other = row.replace(url(before).encode(), url(after).encode())
        tally.check(other != row, "the row was found")
        database.execute("UPDATE detail SET b = ? WHERE i = ?", (other, receipt["decisionIndex"]))
        database.commit()
        database.close()

    change(b"case of before", b"case of AFTER!")
    service.start_guard()
    tally.check(not service.wait_for("READY", guard_may_end=True), "a changed detail is served")
    tally.check("what it holds of details is not what its leaves say" in service.log("guard"), service.log("guard"))
    service.kill("guard")
    change(b"case of AFTER!", b"case of before")
    world.start()
    status, out, err = service.tool("audit", "details", receipt["request"], "--reason", "because")
    tally.check(status == 0 and "case of before" in out, f"put back, it is opened: {status} {out} {err}")


def killed_in_between(tally, world):
    """SIGKILL at random instants around an erasure: leaf and erasure are one, and what is erased is gone after the restart."""
    service, outcomes = world.service, {"erased": 0, "held": 0}
    rounds = int(os.environ.get("MATCHGUARD_DETAILS_KILLS", "8"))
    for i in range(rounds):
        name = f"round.{i}"
        receipts = [world.enrol([name]) for _ in range(3)]
        details = [world.details(request=receipt["request"])[0] for receipt in receipts]
        connection = service.connect(0, mg.ADMIN)
        connection.send(f"{mg.ADMIN}.Erase", {"subject": name})
        threading.Event().wait(random.choice((0, random.uniform(0, 0.004), random.uniform(0, 0.02))))
        service.kill("guard")
        connection.close()
        service.stop()
        world.start()
        leaves = world.exported()
        start = max(leaf["index"] for leaf in leaves if leaf["kind"] == "start")
        erases = [leaf for leaf in leaves[receipts[0]["decisionIndex"]:start] if leaf["kind"] == "erase"]
        opened = [world.details(request=receipt["request"])[0]["erased"] for receipt in receipts]
        tally.check(all(opened) or not any(opened), f"round {i}: erased as a whole or not at all: {opened}")
        tally.check(sum(leaf["count"] for leaf in erases) == (len(receipts) * 2 if all(opened) else 0),
                    f"round {i}: the leaves say what happened: {erases} {opened}")
        if all(opened):
            gone(tally, world, f"round {i}, after the restart", details, [name])
        outcomes["erased" if all(opened) else "held"] += 1
    print(f"killed {rounds} times: {outcomes['erased']} erasures had happened, {outcomes['held']} had not")


class Asker(threading.Thread):
    """Sends requests in advance, so that there is always one whose turn it is, until it is told to stop."""

    AHEAD = 40

    def __init__(self, service, uid):
        super().__init__(daemon=True)
        self.connection, self.stopping, self.n_lost = service.connect(uid), threading.Event(), 0

    def run(self):
        while not self.stopping.is_set():
            for _ in range(self.AHEAD):
                self.connection.send(*mg.identify(mg.unit(3)))
            self.n_lost += sum(self.connection.receive() is None for _ in range(self.AHEAD))

    def stop(self):
        self.stopping.set()
        self.join()
        self.connection.close()


def under_load(tally, world):
    """A long erasure goes on in steps, and leaves requests their way: some are decided between its first and its last step."""
    service = world.service
    connection = service.connect(mg.POLICE_UID)
    for begin in range(0, N_MANY, 50):
        for i in range(begin, begin + 50):
            connection.send(*mg.identify(mg.unit(i), statement=mg.statement(caseReference=f"case {i} of many")))
        for _ in range(50):
            connection.receive()
    connection.close()
    askers = [Asker(service, uid) for uid in (mg.NGO_UID, mg.POLICE_UID, mg.ARCHIVE_UID)]
    before = len(world.exported())
    for asker in askers:
        asker.start()
    world.clock.set(2 * DAY)
    count = world.admin("Erase", olderThanDays=1)["parameters"]
    for asker in askers:
        asker.stop()
    leaves = world.exported()[before:]
    at = [place for place, leaf in enumerate(leaves) if leaf["kind"] == "erase"]
    erases = [leaves[place] for place in at]
    tally.check(sum(leaf["count"] for leaf in erases) == count["count"] and len(erases) >= 4 and
                all(leaf["count"] <= 512 for leaf in erases), f"in steps: {count} {erases}")
    between = sum(leaf["kind"] == "request" for leaf in leaves[at[0]:at[-1]])
    tally.check(between > 0, f"no request is decided meanwhile: {at} of {len(leaves)}")
    tally.check(sum(asker.n_lost for asker in askers) == 0, "requests are not answered")
    last = url(f"case {N_MANY - 1} of many".encode()).encode()
    tally.check(b" of many" not in world.files() and last not in world.files(), "and it is all gone")


def by_itself(tally, build):
    """DetailRetention=, which a clock set forward does not reach."""
    world = World(build, "[Guard]\nDetailRetention=12w\n")
    service, clock = world.service, world.clock
    try:
        world.enrol(["kept.for.long"])
        victim = world.search(0, caseReference="case of long ago")
        details = world.details(request=victim["request"])
        service.stop()
        clock.set(85 * DAY, synchronised=False)
        world.start()
        time.sleep(2)
        tally.check(not world.details(request=victim["request"])[0]["erased"], "a clock set forward erases nothing")
        service.stop()
        clock.set(85 * DAY)
        world.start()
        leaves = service.wait_exported(lambda leaves: leaves[-1]["kind"] == "erase" or any(
            leaf["kind"] == "erase" for leaf in leaves))
        leaf = next(leaf for leaf in leaves if leaf["kind"] == "erase")
        tally.check("by" not in leaf and "of" not in leaf and leaf["count"] >= 4, f"{leaf}")
        killer.wait_until(lambda: not any(trace in world.files() for trace in traces(details).values()))
        gone(tally, world, "by age", details, ["kept.for.long"])
        status = world.admin("GetStatus")["parameters"]["status"]["details"]
        tally.check(status["retentionDays"] == 84, f"{status}")
        proofs_hold(tally, world)
    finally:
        service.close()


def main():
    tally = mg.Tally()
    build = sys.argv[1]
    world = World(build)
    try:
        receipt = opening(tally, world)
        refusals(tally, world, receipt)
        erasing(tally, world, receipt)
        with_the_tool(tally, world)
        changed_behind_its_back(tally, world)
        killed_in_between(tally, world)
        under_load(tally, world)
        proofs_hold(tally, world)
    finally:
        world.service.close()
    by_itself(tally, build)
    return tally.finish()


sys.exit(main())
