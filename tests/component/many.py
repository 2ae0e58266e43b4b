#!/usr/bin/env python3
"""64 connections of four organisations that do all operations at once, through frontend and guard: each answer is the one of the
gallery at the epoch that it names, knows every change that was answered before it was asked for, and nobody starves.

Lasts five seconds, or MATCHGUARD_MANY_SECONDS, and until there are enough answers to say whether somebody starved.

Usage: many.py BUILD    (root)
"""
import collections
import itertools
import json
import math
import os
import pathlib
import random
import select
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service as mg  # noqa: E402

SECONDS = float(os.environ.get("MATCHGUARD_MANY_SECONDS", "5"))
OTHER_UID = 3004
POLICY = {**mg.POLICY,
          "other.organisation": f"[Organisation]\nDescription=Another rescuer\nClass=ngo\n[Peer]\nUser={OTHER_UID}\n"}
# Of each kind how many connections, and whose.
CONNECTIONS = [("identify", mg.NGO_UID, 22), ("identify-stored", mg.NGO_UID, 8), ("identify", OTHER_UID, 2), ("verify", OTHER_UID, 6),
               ("verify", mg.NGO_UID, 4), ("compare", OTHER_UID, 4), ("change", mg.ARCHIVE_UID, 8), ("list", mg.ARCHIVE_UID, 4),
               ("refused", mg.POLICE_UID, 6)]
N_CHANGING = 8
LEAST = 8  # answers for each on average, before it ends
FLOOR, LIMIT = 0.3, 5  # the policy's
UPKEEP = mg.statement("gallery-upkeep")

dice = random.Random(7)
# Whole numbers, so that every sum is exact and a similarity has one value, however it is computed.
VECTORS = [[float(dice.randint(-50, 50)) for _ in range(16)] for _ in range(60)]


def similarity(i, j, known={}):  # noqa: B006  (it is a memory)
    pair = min(i, j), max(i, j)
    if pair not in known:
        a, b = VECTORS[i], VECTORS[j]
        dot, squares = sum(x * y for x, y in zip(a, b)), sum(x * x for x in a) * sum(x * x for x in b)
        known[pair] = max(-1.0, min(1.0, dot / math.sqrt(squares)))
    return known[pair]


def template(i):
    return {"model": "test-16", "kind": "photograph", "data": mg.template(VECTORS[i])}


class Caller:
    """One connection that asks again as soon as it is answered. What it asked for, and what came, is kept for later."""

    def __init__(self, scene, number, kind, connection):
        self.scene, self.kind, self.connection = scene, kind, connection
        self.buffer = b""
        self.mine = {f"c{number}-{i}": None for i in range(4)}  # of one that changes: the subjects that it alone has
        self.n_answered = 0

    def ask(self):
        self.least = self.scene.n_changed
        self.asked, method, parameters = getattr(self, self.kind.replace("-", "_"))()
        self.connection.send(f"{mg.MATCH}.{method}", parameters)

    def identify(self):
        probe = dice.randrange(60)
        return probe, "Identify", {"gallery": "faces", "statement": mg.statement(), "probe": template(probe)}

    refused = identify

    def identify_stored(self):
        subject = dice.choice(self.scene.names)
        return subject, "IdentifyStored", {"gallery": "faces", "statement": mg.statement(), "subject": subject}

    def verify(self):
        subject, probe = dice.choice(self.scene.names), dice.randrange(60)
        return (subject, probe), "Verify", {"gallery": "faces", "subject": subject, "statement": mg.statement(), "probe": template(probe)}

    def compare(self):
        pair = dice.randrange(60), dice.randrange(60)
        return pair, "Compare", {"statement": mg.statement(), "probe": template(pair[0]), "reference": template(pair[1])}

    def list(self):
        return None, "List", {"gallery": "faces", "statement": UPKEEP, "limit": 1000}

    def change(self):
        subject = dice.choice(list(self.mine))
        if self.mine[subject]:
            self.mine[subject] = None
            return (subject, None), "Remove", {"gallery": "faces", "subject": subject, "statement": UPKEEP}
        self.mine[subject] = [dice.randrange(60) for _ in range(dice.randint(1, 3))]
        return (subject, self.mine[subject]), "Enrol", {
            "gallery": "faces", "statement": UPKEEP,
            "entries": [{"subject": subject, "template": template(i)} for i in self.mine[subject]]}

    def read(self):
        """Takes what has come. Return: whether that is an answer."""
        data = self.connection.sock.recv(1 << 20)
        assert data, f"the connection of {self.kind} was closed"
        self.buffer += data
        if not self.buffer.endswith(b"\0"):
            return False
        reply, self.buffer = json.loads(self.buffer[:-1]), b""
        self.n_answered += 1
        self.scene.take(self, reply)
        return True


class Scene:
    def __init__(self, service):
        self.service = service
        self.names = [f"s{i}" for i in range(20)]
        self.content = {name: [2 * i, 2 * i + 1] for i, name in enumerate(self.names)}
        entries = [{"subject": name, "template": template(i)} for name in self.names for i in self.content[name]]
        reply = service.call(f"{mg.MATCH}.Enrol", {"gallery": "faces", "statement": UPKEEP, "entries": entries}, uid=mg.ARCHIVE_UID)
        assert reply["parameters"]["galleryEpoch"] == 1, reply
        self.n_changed = 1  # the last epoch that somebody was told of, and all before
        self.changes = {}  # epoch: (subject, templates)
        self.reads = []
        numbers = itertools.count()
        self.callers = [Caller(self, next(numbers), kind, service.connect(uid)) for kind, uid, n in CONNECTIONS for _ in range(n)]
        self.names += [name for caller in self.callers if caller.kind == "change" for name in caller.mine]

    def take(self, caller, reply):
        if caller.kind == "change":
            epoch = reply.get("parameters", {}).get("galleryEpoch")
            assert epoch and epoch not in self.changes, f"{caller.asked}: {reply}"
            self.changes[epoch] = caller.asked
            self.n_changed = max(self.n_changed, epoch)
        else:
            self.reads.append((caller.kind, caller.asked, caller.least, self.n_changed + N_CHANGING, reply))

    def run(self):
        poll = select.poll()
        callers = {caller.connection.sock.fileno(): caller for caller in self.callers}
        for fd, caller in callers.items():
            poll.register(fd, select.POLLIN)
            caller.ask()
        n_open, end, n_answered = len(callers), time.monotonic() + SECONDS, 0
        while n_open:
            events = poll.poll(20000)
            assert events, "nobody is answered any more"
            for fd, _ in events:
                if not callers[fd].read():
                    continue
                n_answered += 1
                if time.monotonic() < end or n_answered < LEAST * len(callers):
                    callers[fd].ask()
                else:
                    n_open -= 1

    # ------------------------------------------------------------------------------------------------ what has to come

    def best(self, content, probes, but=None):
        found = [(max(similarity(i, j) for i in probes for j in rows), subject) for subject, rows in content.items() if subject != but]
        ranked = sorted((-value, subject) for value, subject in found if value >= FLOOR)[:LIMIT]
        return [(subject, -value) for value, subject in ranked]

    def is_right(self, kind, asked, content, said):
        if kind in ("identify", "identify-stored"):
            probes, but = ([asked], None) if kind == "identify" else (content[asked], asked)
            got = [(candidate["subject"], candidate["similarity"]) for candidate in said["candidates"]]
            searched = sum(len(rows) for subject, rows in content.items() if subject != but)
            return got == self.best(content, probes, but) and said["searched"] == searched
        if kind == "list":
            return said["subjects"] == sorted(content)
        subject, probe = asked
        rows = content[subject] if kind == "verify" else [subject]
        value = max(similarity(probe, i) for i in rows)
        return said["matched"] == (value >= FLOOR) and said.get("similarity") == (value if said["matched"] else None)

    def contents(self):
        """The gallery by epoch."""
        content = dict(self.content)
        yield 1, content
        for epoch in sorted(self.changes):
            subject, rows = self.changes[epoch]
            content = {**content, subject: rows} if rows else {name: had for name, had in content.items() if name != subject}
            yield epoch, content

    def check(self, tally):
        tally.check(sorted(self.changes) == list(range(2, len(self.changes) + 2)), "each change is an epoch of its own, and none is left out")
        contents = dict(self.contents())
        for kind, asked, least, most, reply in self.reads:
            error, said = reply.get("error", "").rpartition(".")[2], reply["parameters"]
            if kind == "refused":
                tally.check(error == "Denied", f"who may not search hears {reply}")
            elif error == "NoSuchSubject" and kind in ("identify-stored", "verify"):
                subject = asked if kind == "identify-stored" else asked[0]
                tally.check(any(subject not in contents[i] for i in range(least, most + 1) if i in contents),
                            f"{kind} of {asked}, which was there from {least} to {most}: {reply}")
            elif kind == "compare":
                tally.check(self.is_right(kind, asked, {}, said), f"compare {asked}: {reply}")
            else:
                epoch = said.get("galleryEpoch", 0)
                tally.check(least <= epoch <= most, f"{kind} asked at {least} and answered before {most} names epoch {epoch}: {reply}")
                tally.check(epoch in contents and self.is_right(kind, asked, contents[epoch], said), f"{kind} of {asked} at {epoch}: {reply}")


def main():
    if os.getuid() != 0:
        print("needs root")
        return 77
    tally = mg.Tally()
    service = mg.Service(sys.argv[1], policy=POLICY)
    try:
        service.start()
        scene = Scene(service)
        scene.run()
        scene.check(tally)
        for caller in scene.callers:
            tally.check(caller.n_answered >= 2, f"one that does {caller.kind} was answered {caller.n_answered} times, {LEAST} on average")
        log = (service.dir / "guard.log").read_text()
        tally.check("broke the rules" not in log, f"nobody broke a rule: {log}")
        n = collections.Counter(kind for kind, *_ in scene.reads)
        print(f"{len(scene.callers)} connections, {len(scene.changes)} changes, {dict(n)}")
    finally:
        service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
