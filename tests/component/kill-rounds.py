#!/usr/bin/env python3
"""The guard is killed at random instants under load, again and again; frontend and worker now and then. After each round
every answer that any client has heard is in the log, and the log verifies; at the end of each log every permit has its one
outcome, every start says what it found, and what the worker has stored has its permits.

Usage: kill-rounds.py BUILD [SEED]    (root)

MATCHGUARD_KILL_SECONDS says for how long (20). Every other log lies in memory, where a start takes a few milliseconds, and
so many more instants are met; the others on the disk, where a kill meets the guard as it waits for a sync.
"""
import json
import os
import pathlib
import random
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

SECONDS = float(os.environ.get("MATCHGUARD_KILL_SECONDS", "20"))
SECONDS_OF_A_LOG = 5.0
PIPELINED = 4        # calls that a client sends before it listens
PAUSE = 0.004        # between these: more leaves would cost more to look at than a round takes
LIFE = 0.06          # the longest that a guard is let serve, in seconds
EARLY = 0.2          # how many guards are killed before they serve,
EARLY_LIFE = 0.02    # and when at the latest
OTHERS = 0.15        # how often frontend and worker are killed first
HEARD = 4            # in one of so many rounds somebody has been answered before the kill, however slow the machine is


class Client:
    """A process of some user that asks as fast as it can, and writes down every answer."""

    def __init__(self, rig, name, uid, calls):
        self.path, self.read = rig.service.dir / f"{name}.answers", 0
        output = open(self.path, "wb", buffering=0)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                self.ask(str(rig.service.path(mg.MATCH)), calls, output)
            finally:
                os._exit(1)
        output.close()

    @staticmethod
    def ask(path, calls, output):
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection = mg.Connection(sock)
            try:
                sock.connect(path)
                while True:
                    sent = [next(calls) for _ in range(PIPELINED)]
                    for call in sent:
                        connection.send(*call)
                    for call in sent:
                        reply = connection.receive(timeout=0.5)
                        if reply is None:
                            raise ConnectionError
                        output.write(json.dumps([call[1], reply]).encode() + b"\n")
                    time.sleep(PAUSE)
            except (ConnectionError, TimeoutError):
                time.sleep(PAUSE)
            sock.close()

    def has_heard(self):
        """Whether it has written something down since the last look."""
        return self.path.stat().st_size > self.read

    def answers(self):
        """What it has written down since the last look: (parameters, reply)."""
        with open(self.path, "rb") as answers:
            answers.seek(self.read)
            whole = answers.read().rpartition(b"\n")[0] + b"\n"
        self.read += len(whole) if len(whole) > 1 else 0
        return [json.loads(line) for line in whole.splitlines() if line]

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def always(call):
    while True:
        yield call


def enrolments():
    number = 0
    while True:
        number += 1
        yield mg.enrol([(f"s-{number}", mg.unit(number))])


class Rounds:
    """One log, from its beginning to its end."""

    def __init__(self, build, tally, chance, in_memory):
        self.tally, self.chance, self.where = tally, chance, "in memory" if in_memory else "on the disk"
        self.rig = crashes.Rig(build, tally, in_memory=in_memory)
        self.leaves, self.stored = [], set()
        self.n_rounds = self.n_looks = self.n_others = self.n_answers = self.n_served = 0
        self.clients = [Client(self.rig, "rescuer", mg.NGO_UID, always(mg.identify())),
                        Client(self.rig, "police", mg.POLICE_UID, always(mg.identify())),
                        Client(self.rig, "keeper", mg.ARCHIVE_UID, enrolments())]

    def kill(self):
        """Frontend or worker, perhaps; a little later the guard."""
        for name in ("frontend", "worker"):
            if self.chance.random() < OTHERS and name in self.rig.service.processes:
                self.rig.service.kill(name)
                self.n_others += 1
                time.sleep(self.chance.random() * 0.01)
        self.rig.service.kill("guard")
        self.n_rounds += 1

    def one(self):
        """Kills a guard that serves, perhaps the next one while it starts; then looks at what was left."""
        if self.n_looks % HEARD == 0:
            killer.wait_until(lambda: any(client.has_heard() for client in self.clients), 30)
        time.sleep(self.chance.random() * LIFE)
        self.kill()
        while self.chance.random() < EARLY:
            self.rig.service.start_guard()
            time.sleep(self.chance.random() * EARLY_LIFE)
            self.kill()
        heard = [answer for client in self.clients for answer in client.answers()]
        self.rig.restart()
        self.look(heard)

    def look(self, heard):
        """Holds the answers that were heard before the kill against the log that a start has published."""
        label = f"round {self.n_rounds} {self.where}"
        self.rig.service.more_leaves(self.leaves)
        for parameters, reply in heard:
            fault = crashes.answer_fault(self.leaves, reply)
            self.tally.check(fault is None, f"{label}: {fault}")
            if "entries" in parameters and "error" not in reply:
                self.stored.add(parameters["entries"][0]["subject"])
        self.n_looks += 1
        self.n_answers += len(heard)
        self.n_served += bool(heard)
        self.rig.verify(label)

    def finish(self):
        """The last answers, the gallery, a clean stop, and everything once more from its beginning."""
        time.sleep(0.1)
        for client in self.clients:
            client.end()
        heard = [answer for client in self.clients for answer in client.answers()]
        self.n_answers += len(heard)
        self.stored |= {parameters["entries"][0]["subject"] for parameters, reply in heard
                        if "entries" in parameters and "error" not in reply}
        found = set(self.rig.subjects())
        self.rig.answers = [("the last", reply) for _, reply in heard]
        leaves = self.rig.judge(f"{self.n_rounds} rounds {self.where}")
        permits = [leaf for leaf in leaves if leaf["kind"] == "request" and leaf["verdict"] == "permit"
                   and leaf["operation"] == "enrol"]
        self.tally.check(self.stored <= found, f"answered, but not stored: {self.stored - found}")
        self.tally.check(len(found) <= len(permits), f"{len(found)} subjects are stored with {len(permits)} permits")
        self.tally.check(self.n_served > self.n_rounds / 8, f"only {self.n_served} of {self.n_rounds} rounds had answers")
        print(f"{self.where}: {self.n_rounds} rounds, {self.n_served} of them with answers, {self.n_others} kills of frontend or "
              f"worker too; {self.n_answers} answers judged, {len(found)} subjects stored, {len(leaves)} leaves", flush=True)

    def close(self):
        self.rig.close()


def one_log(build, tally, chance, in_memory, seconds):
    """Return: the number of rounds."""
    rounds = Rounds(build, tally, chance, in_memory)
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rounds.one()
        rounds.finish()
    finally:
        rounds.close()
    return rounds.n_rounds


def main():
    tally = mg.Tally()
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10000)
    chance, n_logs = random.Random(seed), max(2, round(SECONDS / SECONDS_OF_A_LOG))
    print(f"seed {seed}")
    begin = time.monotonic()
    n_rounds = sum(one_log(sys.argv[1], tally, chance, i % 2 == 0, SECONDS / n_logs) for i in range(n_logs))
    print(f"{n_rounds} rounds in {time.monotonic() - begin:.0f} s, on {n_logs} logs")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
