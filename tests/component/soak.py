#!/usr/bin/env python3
"""Searches of all kinds while galleries change, for as long as it is wanted: each answer is the one of the epoch that it names, and no process
grows, or keeps descriptors or threads.

Usage: soak.py BUILD [SEED]    (root)

MATCHGUARD_SOAK_SECONDS says for how long (10), MATCHGUARD_ENGINE by which engine the worker is to search.
"""
import collections
import json
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import killer  # noqa: E402
import matching  # noqa: E402
import processes  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

SECONDS = float(os.environ.get("MATCHGUARD_SOAK_SECONDS", "10"))
IN_MEMORY_SECONDS = 60  # a trail of more would take much of the memory
GALLERIES = {"faces": (16, "consolidated"), "visits": (48, "event")}
PROBES, VECTORS = 24, 300  # of each gallery: few, so that what is known of them is bounded
SUBJECTS = 60              # of each changer
PAUSE = 0.008              # between the calls of a client
TICK = 0.5                 # between two looks
ENGINE = os.environ.get("MATCHGUARD_ENGINE", "cpu")
ENOUGH = 10 * SECONDS      # answers
KEEP = 10                  # ticks that an answer may take
WARM = 0.35                # of the time, until which memory may grow
CACHE_SECONDS = 150        # until the cache of the guard's database is full
# What is no leak, whatever the time: allocators, and in the guard what its database keeps of pages (daemon/trail/store.c).
# So do drivers of devices in their first searches.
SETTLED_SECONDS = 60
PERMIT_BYTES = 16  # that the guard keeps of each permit of the last day, up to a million of an organisation and allow (daemon/guard/rates.c)
GROWTH_KIB = {"guard": 66 << 10 if WARM * SECONDS < CACHE_SECONDS else 4 << 10, "frontend": 512,
              "worker": 4 << 10 if ENGINE != "cpu" and SECONDS < SETTLED_SECONDS else 512}


class Client(threading.Thread):
    """Somebody who does one thing after the other until the end; connections are made anew now and then."""

    def __init__(self, soak, uid):
        super().__init__(daemon=True)
        self.soak, self.uid = soak, uid
        self.chance = random.Random(soak.chance.random())
        self.connection = None
        self.n = 0

    def call(self, call):
        if self.connection is None or self.chance.random() < 0.01:
            if self.connection:
                self.connection.close()
            with self.soak.lock:  # Callers take one request at a time.
                self.connection = self.soak.service.connect(self.uid)
        self.n += 1
        reply = self.connection.call(*call)
        if reply is None:
            self.soak.fault(f"a connection ended: {call[0]}")
            self.connection = None
        return reply

    def run(self):
        while not self.soak.over.is_set():
            self.step()
            time.sleep(PAUSE)
        if self.connection:
            self.connection.close()


class Searcher(Client):
    def __init__(self, soak):
        super().__init__(soak, mg.NGO_UID)

    def step(self):
        name = self.chance.choice(list(GALLERIES))
        probe = self.chance.choice(self.soak.probes[name])
        limit, floor = self.chance.choice((1, 5, 50)), self.chance.choice((-1.0, 0.0, 0.25, 0.5))
        reply = self.call(matching.identify(name, probe, limit, floor))
        if reply and error_of(reply) == "":
            self.soak.answers[name].append((probe, limit, floor, reply))
        elif reply:
            self.soak.fault(f"a search: {reply}")


class Changer(Client):
    """Keeps about SUBJECTS subjects of a gallery."""

    def __init__(self, soak, name, number):
        super().__init__(soak, mg.ARCHIVE_UID)
        self.name, self.number, self.serial, self.subjects = name, f"c{number}", 0, []

    def step(self):
        if self.chance.random() * 2 * SUBJECTS < len(self.subjects):
            subject = self.subjects.pop(self.chance.randrange(len(self.subjects)))
            self.change(matching.remove(self.name, subject), "remove", subject)
            return
        self.serial += 1
        # Names come again, after a while, so that nothing rests on their being new.
        subject = f"{self.number}.{self.serial % 1000}"
        if subject not in self.subjects:
            self.subjects.append(subject)
        entries = [(subject, self.chance.choice(self.soak.vectors[self.name])) for _ in range(self.chance.choice((1, 1, 2, 8)))]
        self.change(matching.enrol(self.name, entries), "enrol", entries)

    def change(self, call, what, which):
        reply = self.call(call)
        if reply and error_of(reply) == "":
            self.soak.changes[self.name].append((reply, what, which))
        elif reply:
            self.soak.fault(f"{what} {which}: {reply}")


class Visitor(Client):
    """All else, what is refused included."""

    def step(self):
        what, who, right = self.chance.choice((
            (("Verify", {"gallery": "faces", "subject": "c0.1", "probe": self.template()}), self.uid, ("", "NoSuchSubject")),
            (("IdentifyStored", {"gallery": "visits", "subject": "c2.1"}), self.uid, ("", "NoSuchSubject")),
            (("Compare", {"probe": self.template(), "reference": self.template()}), self.uid, ("",)),
            (("Identify", {"gallery": "faces", "probe": matching.template([1.0] * 20)}), self.uid, ("ModelMismatch",)),
            (("Identify", {"gallery": "faces", "probe": matching.template([0.0] * 16)}), self.uid, ("BadTemplate",)),
            (("Identify", {"gallery": "faces", "probe": self.template()}), mg.POLICE_UID, ("Denied",)),
        ))
        call = f"{mg.MATCH}.{what[0]}", {**what[1], "statement": mg.statement()}
        if who == self.uid:
            reply = self.call(call)
        else:
            with self.soak.lock:
                reply = self.soak.service.call(*call, uid=who)
        if reply and error_of(reply) not in right:
            self.soak.fault(f"{what[0]}: {reply}")

    def template(self):
        return matching.template(self.chance.choice(self.soak.probes["faces"]))


def drain(queue):
    """What is in it by now; others fill it meanwhile."""
    return [queue.popleft() for _ in range(len(queue))]


class Soak:
    def __init__(self, build, tally, chance):
        self.tally, self.chance, self.lock, self.over = tally, chance, threading.Lock(), threading.Event()
        self.service = mg.Service(build, policy=matching.policy(GALLERIES), in_memory=SECONDS <= IN_MEMORY_SECONDS)
        self.probes = {name: [matching.vector(chance, size) for _ in range(PROBES)] for name, (size, _) in GALLERIES.items()}
        self.vectors = {name: [matching.vector(chance, size) for _ in range(VECTORS)] for name, (size, _) in GALLERIES.items()}
        self.books = {name: matching.Book(kind == "consolidated") for name, (_, kind) in GALLERIES.items()}
        self.changes = {name: collections.deque() for name in GALLERIES}  # by the changers, for the books
        self.answers = {name: collections.deque() for name in GALLERIES}  # by the searchers, to be judged
        self.waiting = {name: [] for name in GALLERIES}     # answers whose epoch is not known yet
        self.epochs = {name: collections.deque(maxlen=KEEP) for name in GALLERIES}
        self.samples = {name: [] for name in ("guard", "frontend", "worker")}
        self.n_judged = self.n_faults = 0
        self.service.start()
        self.clients = [Searcher(self), Searcher(self), Searcher(self), Visitor(self, mg.NGO_UID),
                        *(Changer(self, name, i) for i, name in enumerate(["faces", "faces", "visits", "visits"]))]

    def fault(self, what):
        self.n_faults += 1
        if self.n_faults < 20:
            self.tally.check(False, what)

    def judge(self, everything=False):
        """Holds answers against the books, as far as these go."""
        for name, book in self.books.items():
            for change in drain(self.changes[name]):
                book.changed(*change)
            self.waiting[name] += drain(self.answers[name])
            known = book.last()[0]
            ready = [one for one in self.waiting[name] if everything or one[3]["parameters"]["galleryEpoch"] <= known]
            self.waiting[name] = [one for one in self.waiting[name] if one not in ready] if len(ready) < len(self.waiting[name]) else []
            for fault in book.faults(ready):
                self.fault(f"{name}: {fault}")
            self.n_judged += len(ready)
            self.epochs[name].append(known)
            if len(self.epochs[name]) == KEEP:
                book.forget(self.epochs[name][0])

    def pids(self, name):
        return processes.family(self.service.processes[name].pid)

    def sample(self, at):
        for name, samples in self.samples.items():
            found = [processes.resident(pid) for pid in self.pids(name)]
            samples.append((at, sum(all_of_it for all_of_it, _ in found), sum(anonymous for _, anonymous in found),
                            sum(client.n for client in self.clients)))

    def kept(self):
        """Descriptors and threads of a service that nobody uses."""
        return {name: (sum(map(processes.n_descriptors, self.pids(name))), sum(processes.status(pid, "Threads") for pid in self.pids(name)))
                for name in self.samples}

    def run(self):
        for client in self.clients[:4]:  # So that each of the frontend's children is there, and every gallery.
            client.step()
        for client in self.clients[4:]:
            client.step()
        with self.lock:
            self.service.call(*matching.identify("faces", self.probes["faces"][0]), uid=mg.POLICE_UID)
        before = self.kept()
        for client in self.clients:
            client.start()
        begin = time.monotonic()
        # A slow machine has longer to answer enough.
        while time.monotonic() - begin < SECONDS or (self.n_judged <= ENOUGH and time.monotonic() - begin < 20 * SECONDS):
            time.sleep(TICK)
            self.service.take_notifications()
            self.judge()
            self.sample(time.monotonic() - begin)
        self.over.set()
        for client in self.clients:
            client.join(30)
            self.tally.check(not client.is_alive(), "a client waits for ever")
        self.judge(everything=True)
        # Each client had a connection when the first look was taken, and has none now.
        fewer = killer.wait_until(lambda: all(now <= then for name in before for now, then in zip(self.kept()[name], before[name])), 10)
        self.tally.check(fewer, f"descriptors and threads: {before}, and in the end {self.kept()}")

    def look_at_memory(self):
        for name, samples in self.samples.items():
            warm = [one for one in samples if one[0] > WARM * SECONDS]
            grown = warm[-1][2] - warm[0][2]
            permits = (warm[-1][3] - warm[0][3]) * PERMIT_BYTES // 1024 if name == "guard" else 0
            per_minute = processes.slope([(at / 60, anonymous) for at, _, anonymous, _ in warm])
            print(f"{name}: {samples[0][1]} KiB at first, {warm[0][1]} warm, {warm[-1][1]} in the end; of it no file's {warm[-1][2]}, "
                  f"{per_minute:+.0f} a minute{f', at most {permits} in all for permits' if permits else ''}", flush=True)
            self.tally.check(grown < GROWTH_KIB[name] + permits, f"{name} grows: {[one[2] for one in samples[::max(1, len(samples) // 40)]]}")

    def finish(self):
        self.look_at_memory()
        self.tally.check(self.n_judged > ENOUGH, f"{self.n_judged} answers")
        self.tally.check(self.n_faults == 0, f"{self.n_faults} faults")
        engine = json.loads(self.service.tool("status", "--json")[1])["status"]["worker"]["engine"]
        self.tally.check(engine.startswith(ENGINE), f"answered by {engine}, not {ENGINE}: {self.service.log('worker')}")
        self.tally.check(self.service.stop() == 0, "no clean stop")
        changes = {name: book.last()[0] for name, book in self.books.items()}
        print(f"{self.n_judged} searches judged, {sum(client.n for client in self.clients)} calls, epochs {changes}", flush=True)


def main():
    tally = mg.Tally()
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10000)
    print(f"seed {seed}")
    soak = Soak(sys.argv[1], tally, random.Random(seed))
    try:
        soak.run()
        soak.finish()
    finally:
        soak.over.set()
        soak.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
