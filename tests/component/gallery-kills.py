#!/usr/bin/env python3
"""The worker is killed at random instants of a storm of enrolments and removals, again and again. After each start everything is there
that was answered, nothing is that was removed, and nothing half: a change that nobody heard of happened as a whole or not at all.

Usage: gallery-kills.py BUILD [SEED]    (root)

MATCHGUARD_GALLERY_KILLS_SECONDS says for how long (12). Every other gallery lies in memory, where a start takes a few milliseconds.
"""
import os
import pathlib
import random
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import killer  # noqa: E402
import matching  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

SECONDS = float(os.environ.get("MATCHGUARD_GALLERY_KILLS_SECONDS", "12"))
DIMENSION = 16
WRITERS = 4      # each has subjects of its own
LIFE = 0.12      # the longest that a worker is let work, in seconds,
ANSWERS = 20     # once it has answered so many changes, every other time fewer
ROUNDS = 5       # at the least
PIPELINED = 3    # calls that a writer sends before it listens
MANY = 40        # subjects of a writer, about: more removals than enrolments beyond


class Writer:
    """Somebody who keeps some subjects of a gallery; what is known of each: its templates, or that it is in doubt what they are."""

    def __init__(self, storm, number):
        self.storm, self.number, self.serial = storm, number, 0
        self.chance = random.Random(storm.chance.random())
        self.known = {}    # subject: its templates, as answered
        self.doubtful = {}  # subject: what they may be, where an answer never came
        self.n_answers = self.n_doubts = 0

    def next_call(self, busy):
        """A change that stands alone: of a subject that no call under way is about."""
        settled = [subject for subject in self.known if subject not in busy]
        if settled and self.chance.random() * len(self.known) > MANY / 2:
            subject = self.chance.choice(settled)
            return matching.remove("faces", subject), subject, []
        if settled and self.chance.random() < 0.3:
            subject = self.chance.choice(settled)
        else:
            self.serial += 1
            subject = f"w{self.number}.{self.serial}"
        more = [matching.vector(self.chance, DIMENSION) for _ in range(self.chance.choice((1, 1, 2, 5, 40)))]
        return matching.enrol("faces", [(subject, values) for values in more]), subject, self.known.get(subject, []) + more

    def heard(self, subject, before, after, reply):
        if reply is None or error_of(reply) in ("WorkerUnavailable", "Overloaded"):
            self.known.pop(subject, None)
            self.doubtful[subject] = (before, after)
            self.n_doubts += 1
            return
        self.storm.tally.check(error_of(reply) == "", f"{subject}: {reply}")
        self.n_answers += 1
        if after:
            self.known[subject] = after
        else:
            self.known.pop(subject, None)
            self.storm.removed.add(subject)
            self.storm.gone.append((subject, before))

    def work(self, connection, until):
        """Changes, until the worker is gone."""
        while not until.is_set():
            sent, busy = [], set()
            for _ in range(PIPELINED):
                call, subject, after = self.next_call(busy)
                busy.add(subject)
                sent.append((subject, self.known.get(subject, []), after))
                connection.send(*call)
            for subject, before, after in sent:
                self.heard(subject, before, after, connection.receive())
        connection.close()


class Storm:
    """A service, its writers, and what is in its gallery by all that was answered."""

    def __init__(self, build, tally, chance, in_memory):
        self.tally, self.chance, self.where = tally, chance, "in memory" if in_memory else "on the disk"
        self.service = mg.Service(build, policy=matching.policy({"faces": (DIMENSION, "event")}), in_memory=in_memory)
        self.removed, self.gone = set(), []  # subjects ever; with their templates, in this round
        self.n_rounds = self.n_looked = 0
        self.service.start()
        self.writers = [Writer(self, i) for i in range(WRITERS)]

    def one(self):
        """A worker's life: a storm, its death, and a look at what the next one has."""
        until = threading.Event()
        threads = [threading.Thread(target=writer.work, args=(self.service.connect(mg.ARCHIVE_UID), until)) for writer in self.writers]
        for thread in threads:
            thread.start()
        begun, wanted = self.n_answers(), self.chance.randrange(ANSWERS) if self.n_rounds % 2 else ANSWERS
        killer.wait_until(lambda: self.n_answers() - begun >= wanted)
        time.sleep(self.chance.random() * LIFE)
        self.service.kill("worker")
        until.set()
        for thread in threads:
            thread.join(2 * mg.PATIENCE)
            self.tally.check(not thread.is_alive(), f"{self.where}: a writer waits for ever")
        self.look_for_removed(f"{self.where}: round {self.n_rounds}")
        while self.chance.random() < 0.2:  # Killed as it starts, too.
            self.service.start_worker()
            time.sleep(self.chance.random() * 0.02)
            self.service.kill("worker")
        self.service.start_worker()
        serves = killer.wait_until(lambda: error_of(self.service.call(*matching.identify("faces", mg.unit(0)))) == "")
        self.n_rounds += 1
        if self.tally.check(serves, f"{self.where}: round {self.n_rounds}: {self.service.log('worker')}"):
            self.look(f"{self.where}: round {self.n_rounds}")

    def n_answers(self):
        return sum(writer.n_answers for writer in self.writers)

    def look_for_removed(self, label):
        """What was removed is on the disk nowhere any more: the answer came after it was overwritten."""
        files = [path.read_bytes() for path in (self.service.state / "galleries").iterdir()]
        for subject, templates in self.gone:
            left = any(struct.pack(f"<{DIMENSION}f", *values) in data for values in templates for data in files)
            self.tally.check(not left, f"{label}: {subject} was removed, and its template is on the disk")
        self.gone = []

    def look(self, label):
        listed = matching.listed(self.service, "faces")
        if not self.tally.check(isinstance(listed, list), f"{label}: {listed}"):
            return
        for writer in self.writers:
            self.settle(writer, set(listed), label)
        known = {subject: templates for writer in self.writers for subject, templates in writer.known.items()}
        self.tally.check(set(listed) == set(known), f"{label}: lost {set(known) - set(listed)}, too many {set(listed) - set(known)}")
        self.tally.check(not set(listed) & self.removed, f"{label}: back again: {set(listed) & self.removed}")
        self.count(known, label)
        self.search(known, label)

    def settle(self, writer, listed, label):
        """What is in doubt is as before the change or as after it."""
        for subject, (before, after) in writer.doubtful.items():
            found = self.n_templates(subject) if subject in listed else 0
            self.tally.check(found in (len(before), len(after)), f"{label}: {subject} has {found} templates of {len(before)} or {len(after)}")
            if found:
                writer.known[subject] = after if found == len(after) else before
        writer.doubtful = {}

    def n_templates(self, subject):
        reply = self.service.call(f"{mg.MATCH}.IdentifyStored", {"gallery": "faces", "subject": subject, "statement": mg.statement(),
                                                                  "limit": 1})
        total = self.service.call(*matching.identify("faces", mg.unit(0)))["parameters"]["searched"]
        return total - reply["parameters"]["searched"] if error_of(reply) == "" else 0

    def count(self, known, label):
        """How many templates there are, in all."""
        total = self.service.call(*matching.identify("faces", mg.unit(0)))["parameters"]["searched"]
        ought = sum(map(len, known.values()))
        self.tally.check(total == ought, f"{label}: {total} templates, not {ought}")

    def search(self, known, label):
        """Some of the templates, each by itself: found as they were enrolled."""
        subjects = self.chance.sample(sorted(known), min(len(known), 25))
        connection = self.service.connect()
        probes = [self.chance.choice(known[subject]) for subject in subjects]
        for probe in probes:
            connection.send(*matching.identify("faces", probe, limit=1))
        for subject, probe in zip(subjects, probes):
            reply = connection.receive()
            self.tally.check(error_of(reply) == "" and matching.candidates(reply) == [(subject, 1.0)], f"{label}: {subject}: {reply}")
            self.n_looked += 1
        connection.close()

    def finish(self):
        self.tally.check(self.service.stop() == 0, f"{self.where}: no clean stop")
        answers, doubts = self.n_answers(), sum(writer.n_doubts for writer in self.writers)
        self.tally.check(answers > 5 * self.n_rounds and doubts > 0, f"{self.where}: {answers} answers, {doubts} in doubt")
        print(f"{self.where}: {self.n_rounds} kills, {answers} changes answered, {doubts} in doubt, {self.n_looked} templates looked up",
              flush=True)


def main():
    tally = mg.Tally()
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for in_memory in (True, False):
        storm = Storm(sys.argv[1], tally, chance, in_memory)
        try:
            end = time.monotonic() + SECONDS / 2
            while time.monotonic() < end or storm.n_rounds < ROUNDS:
                storm.one()
            storm.finish()
        finally:
            storm.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
