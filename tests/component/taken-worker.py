#!/usr/bin/env python3
"""A worker that has been taken over: a program with its user says whatever it likes to the real guard, which has real callers.

First what somebody thought of (support/workercases.py), then MATCHGUARD_TAKEN messages (10,000) by chance, from
MATCHGUARD_TAKEN_SEED or another seed each day. Whatever it says, no caller hears more than the leaf of its request allows,
the trail holds, and a worker that comes afterwards serves everybody.

Usage: taken-worker.py BUILD    (root)
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import clock  # noqa: E402
import honest  # noqa: E402
import service  # noqa: E402
import taken  # noqa: E402
import wild  # noqa: E402
import workercases  # noqa: E402
from playedworker import Line  # noqa: E402
from relay import CANCEL, CHECKPOINT, ENGINE, HELLO, JOB, RESULT  # noqa: E402
from workercases import ENDED, LEAK, TOLD, encode_engine, encode_hello, encode_result  # noqa: E402

MARK = 1350000  # the floor that only those requests have which a case is about
UIDS = {release: uid for uid, release in taken.HONEST}


# ------------------------------------------------------------------------------------------ in the attacker's process

def is_marked(job):
    return job.leaf.get("floor") == MARK or job.operation in ("enrol", "remove", "list")


def play_result(test, path, make):
    """Answers everybody, until the request of the case comes. Return: what came of what was said then."""
    line, ready, said, later = Line(path), False, False, set()
    while job := line.job():
        # The guard has read the hello: a request from now on is this worker's.
        ready = ready or test.send(b"1")
        # Everybody asks again only after an answer: whoever does has been answered since, so all before was read.
        if said and job.leaf["uid"] in later:
            line.close()
            return TOLD
        shots = [wild.Shot(RESULT, job.result())]
        if is_marked(job):
            said, shots = True, make(job)
        elif said:
            later.add(job.leaf["uid"])
        line.shoot(shots)
        if not shots:
            break
    line.close()
    return ENDED


def play_hello(path, make):
    """Whoever begins with a proper hello may be told something before what follows it is read; nobody else."""
    shots = make()
    line = Line(path, *shots)
    came = line.receive()
    try:
        while came and len(shots) > 1:
            came = line.receive()
    except TimeoutError:
        pass
    line.close()
    return ENDED if came is None else TOLD


OTHERS = [(HELLO, encode_hello()), (ENGINE, encode_engine()), (ENGINE, encode_engine(**workercases.FAILED)), (JOB, bytes(64)), (CHECKPOINT, bytes(12)), (CANCEL, bytes(8)), (32, bytes(40)),
    (2, bytes(12))]


def play_by_chance(path, chance, n):
    """Return: how much it said, to how many jobs, and how often it was ended."""
    sent = jobs = ended = 0
    dice = chance.chance
    while sent < n:
        line = Line(path, *([chance.shot(HELLO, encode_hello(galleries=["faces", "voices"]))] if dice.random() < 0.2 else []))
        sent += 1
        if dice.random() < 0.3:
            sent += line.shoot([chance.shot(*dice.choice([*OTHERS, (RESULT, encode_result(dice.randrange(2000)))]))])
        while job := line.job():
            jobs += 1
            kind, body = (RESULT, job.result()) if dice.random() < 0.95 else dice.choice(OTHERS)
            sent += line.shoot([chance.shot(kind, body) for _ in range(dice.choice((1, 1, 1, 2)))])
        ended += 1
        line.close()
    return [sent, jobs, ended]


def attacker_at(path):
    def serve(test):
        chance = wild.Wild(wild.seed_of_the_day())
        while data := test.recv(65536):
            what, which = json.loads(data)
            if what == "result":
                came = play_result(test, path, workercases.RESULTS[which][3])
            elif what == "hello":
                came = play_hello(path, workercases.HELLOS[which][1])
            else:
                came = play_by_chance(path, chance, which)
            test.send(json.dumps(came).encode())
    return serve


# --------------------------------------------------------------------------------------------------- from the outside

def marked_call(operation):
    """A call that a case is about, and which of the three kinds of honest.Honest it is."""
    probe = {"model": "test-16", "kind": "photograph", "data": service.template(service.unit(0))}
    pair = {"probe": probe, "statement": service.statement(), "minimumSimilarity": 0.35}
    upkeep = {"gallery": "faces", "statement": service.statement("gallery-upkeep")}
    return {"identify": (0, service.identify(minimumSimilarity=0.35)),
            "verify": (1, (f"{service.MATCH}.Verify", {**pair, "gallery": "faces", "subject": "s-01"})),
            "compare": (2, (f"{service.MATCH}.Compare", {**pair, "reference": probe})),
            "enrol": (None, service.enrol([("t-00", service.unit(0)), ("t-01", service.unit(1))])),
            "remove": (None, (f"{service.MATCH}.Remove", {**upkeep, "subject": "s-01"})),
            "list": (None, (f"{service.MATCH}.List", {**upkeep, "limit": 10}))}[operation]


class Attack:
    def __init__(self, scene, tally):
        self.scene, self.tally = scene, tally
        self.attacker = scene.process(taken.WORKER, attacker_at(str(scene.service.path("worker"))))
        self.callers = {release: honest.Honest(scene.service, uid, release, floor=0.35) for uid, release in taken.HONEST}
        scene.service.caller(service.ARCHIVE_UID)
        self.connections = {}

    def ask(self, release, call):
        """Return: the reply to a call of a user whose allow releases so much."""
        if release not in self.connections:
            caller = self.callers[release].caller if release else self.scene.service.caller(service.ARCHIVE_UID)
            self.connections[release] = caller.connect(self.scene.service.path(service.MATCH))
        return self.connections[release].call(*call, timeout=40)

    def result(self, which):
        name, operation, release, _, expected = workercases.RESULTS[which]
        kind, call = marked_call(operation)
        self.attacker.ask(["result", which])
        reply = self.ask(release, call)
        came = self.attacker.hear()
        error = reply.get("error", "").rpartition(".")[2]
        fault = self.callers[release]._fault(kind, reply) if release else None
        self.tally.check(came == (TOLD if expected == TOLD else ENDED), f"{name}: {came} instead of {expected}")
        self.tally.check((error == "WorkerUnavailable") == (expected == ENDED), f"{name}: the caller hears {reply}")
        self.tally.check(not fault and LEAK not in json.dumps(reply), f"{name}: {fault}: {reply}")

    def tree_size(self):
        return json.loads(self.scene.service.tool("status", "--json")[1])["status"]["treeSize"]

    def all_crafted(self):
        self.crafted_from = self.tree_size()
        for which in range(len(workercases.RESULTS)):
            self.result(which)
        for which, (name, _) in enumerate(workercases.HELLOS):
            came = self.attacker.ask(["hello", which])
            self.tally.check(came == ENDED, f"a hello, {name}: {came}")
        self.crafted_to = self.tree_size()

    def no_leak(self, leaves):
        """Nothing that the worker made up stands in the trail."""
        made_up = [leaf for leaf in leaves if LEAK in json.dumps(leaf)]
        self.tally.check(not made_up, f"the worker's own words are in the trail: {made_up[:2]}")

    def two_engines(self, leaves):
        """Whatever a worker says, its records name the two engines of its hello, which is the same in all crafted cases, and
        the device's for nothing but searches that were answered."""
        named = {(leaf["engine"], leaves[leaf["of"]]["operation"] in workercases.SEARCHES and leaf["result"] == "ok")
                 for leaf in leaves[self.crafted_from:self.crafted_to] if "engine" in leaf}
        self.tally.check(named == {(workercases.ENGINE, True), (workercases.FALLBACK, True), (workercases.FALLBACK, False)},
                         f"records of crafted results name {named}")


def after_the_deadline(build, tally):
    """A result that comes when its caller has been told otherwise: it is passed over, once."""
    started = service.Service(build)
    try:
        moved = clock.Clock(build, started.dir)
        moved.set(0, boottime=-60)
        started.start_guard(environment=moved.environment())
        started.wait_for("READY")
        line = Line(str(started.path("worker")))
        started.start_frontend()
        started.wait_for("X_MATCHGUARD_SERVING")
        caller = started.connect()
        caller.send(*service.identify())
        late = line.job()
        moved.set(0, boottime=-20)
        # A refusal, which arms a timer: only then does sd-event look at the others again.
        started.call(*service.identify(gallery="../faces"))
        reply = caller.receive()
        tally.check(reply.get("parameters", {}).get("result") == "timeout", f"40 seconds without a word: {reply}")
        line.shoot([wild.Shot(RESULT, late.result())])
        caller.send(*service.identify())
        line.shoot([wild.Shot(RESULT, line.job().result())])
        reply = caller.receive()
        tally.check("error" not in reply, f"after a late result: {reply}")
        line.shoot([wild.Shot(RESULT, late.result())])
        tally.check(line.job() is None, "a late result is told twice")
        tally.check(started.stop() == 0 and started.tool("audit", "verify")[0] == 0, "the trail does not verify")
        outcomes = [leaf["result"] for leaf in started.leaves() if leaf["kind"] == "outcome"]
        tally.check(outcomes == ["timeout", "ok"], f"the outcomes are {outcomes}")
    finally:
        started.close()


def main():
    tally = service.Tally()
    after_the_deadline(sys.argv[1], tally)
    seed, n = wild.seed_of_the_day(), taken.messages(sys.argv[1])
    scene = taken.Scene(sys.argv[1], tally)
    try:
        scene.start_guard()
        attack = Attack(scene, tally)
        scene.start_worker()
        scene.start_frontend()
        scene.service.wait_for("X_MATCHGUARD_SERVING")
        scene.enrol()
        scene.begin(pause=0.001)
        scene.service.kill("worker")
        begun = time.monotonic()
        attack.all_crafted()
        crafted = time.monotonic() - begun
        sent, jobs, ended = taken.by_chance(attack.attacker, n)
        print(f"{len(workercases.RESULTS) + len(workercases.HELLOS)} crafted in {crafted:.1f} s, {sent} by chance from seed {seed} in "
              f"{time.monotonic() - begun - crafted:.1f} s about {jobs} jobs, {ended} times ended")
        scene.start_worker()
        leaves = scene.end()
        attack.no_leak(leaves)
        attack.two_engines(leaves)
        tally.check(jobs > sent / 5, f"{jobs} jobs only")
    finally:
        scene.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
