#!/usr/bin/env python3
"""A guard that has been taken over, as far as the worker sees it: a program with the guard's account stands between the real
guard and the real worker, and tells the worker about true jobs what it likes. It has the guard's files, but not the log's key.

First what somebody thought of (support/jobcases.py), each in the place of a true job, then MATCHGUARD_TAKEN messages (10,000)
by chance, from MATCHGUARD_TAKEN_SEED or another seed each day. Nothing is matched, enrolled or removed but what a permit in
the signed log says, once, in its session.

Usage: taken-job.py BUILD    (root)
"""
import hashlib
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import fakeguard as wire  # noqa: E402
import jobcases  # noqa: E402
import service  # noqa: E402
import taken  # noqa: E402
import wild  # noqa: E402
from jobcases import DONE, ENDED  # noqa: E402
from relay import CANCEL, CHECKPOINT, HELLO, JOB, RESULT, Job, result_of  # noqa: E402
from workercases import encode_result  # noqa: E402

MARK = 1350000  # the floor that only those requests have which a case is about
BURST = 10


def is_marked(job):
    return json.loads(job.leaf).get("floor") == MARK


# ------------------------------------------------------------------------------------------ in the attacker's process

class Ended(Exception):
    """The worker has closed its connection."""


class Between:
    """Passes on what guard and worker say, but for one job now and then."""

    def __init__(self, export, path):
        self.export = export
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        self.listener.listen(1)
        os.chmod(path, 0o666)
        self.worker = self.guard = self.job = None

    def begin(self, guard):
        """Another session."""
        self.close()
        self.guard, (self.worker, _) = guard, self.listener.accept()
        self.checkpoints, self.done, self.flying, self.engine = [], [], {}, None

    def close(self):
        for sock in (self.worker, self.guard):
            if sock:
                sock.close()
        self.worker = self.guard = None

    def leaves(self, size):
        """The first leaves of the log: the guard's account may read them as soon as they are exported."""
        while int((self.export / "checkpoint").read_text().split("\n")[1]) < size:
            time.sleep(0.01)
        while True:
            try:
                return service.Service.read_entries(self.export)[:size]
            except FileNotFoundError:  # a bundle that a longer one has replaced
                continue

    def _receive(self, sock):
        try:
            data, fds, _, _ = socket.recv_fds(sock, 65536, 4)
        except ConnectionResetError:
            data, fds = b"", []
        for fd in fds:
            os.close(fd)
        if not data:
            raise Ended
        return data

    def from_worker(self, timeout=20):
        """The next result, which is passed on where it is of a job that was passed on. Return: (bytes, whether it was)."""
        if not select.select([self.worker], [], [], timeout)[0]:
            raise TimeoutError("the worker says nothing")
        data = self._receive(self.worker)
        if data[0] == HELLO:
            hello = wire.Fields(data[8 + 16:])
            _, _, self.engine = hello.text(), hello.text(), hello.text()
            self.guard.send(data)
            return data, True
        job = self.flying.pop(result_of(data[8:])[0], None) if data[0] == RESULT else None
        if job:
            self.done.append(job)
            self.guard.send(data)
        return data, job is not None

    def from_guard(self):
        """What the guard says next: a job is kept back. Return: it, or None."""
        data = self._receive(self.guard)
        if data[0] == JOB:
            return Job(data[8:])
        if data[0] == CHECKPOINT:
            self.checkpoints.append(data[8:])
        self.worker.send(data)
        return None

    def pass_job(self, job):
        self.flying[job.index] = job
        wild.Shot(JOB, job.pack()).send(self.worker)

    def land(self):
        """Until the worker has nothing to do."""
        while self.flying:
            self.from_worker()

    def refuse(self, job):
        """What the guard hears of a job that the worker was never told as it was."""
        wild.Shot(RESULT, encode_result(job.index, "worker-refused", engine=self.engine)).send(self.guard)

    # ------------------------------------------------------------------------------------------------- a case

    def play(self, job, make, expected):
        """Says something in the place of a job. Return: what came of it."""
        self.job = job
        shots = make(self)
        wanted = max(sum(shot.kind == JOB for shot in shots), expected == ENDED)
        if not all(shot.send(self.worker) for shot in shots):
            raise Ended
        reasons = []
        for _ in range(wanted):
            data, _ = self.from_worker()
            index, word, why = result_of(data[8:])
            reasons.append(why if word == "worker-refused" else f"{word} {why}")
        # One that was done is answered as if nothing had been: the guard holds it against the leaf.
        if word == "ok" and index == job.index:
            self.guard.send(data)
            return DONE
        self.refuse(job)
        return " | ".join(reasons)

    # ------------------------------------------------------------------------------------------------- by chance

    def burst(self, job, chance):
        """Says things about a job, and then it. Return: [how many, how many were jobs, how many were done], and faults."""
        dice, shots, faults = chance.chance, [], []
        while len(shots) < BURST:
            how = dice.random()
            if how < 0.9:
                shot = chance.shot(JOB, dice.choice((job, job, job, *self.done[-2:])).pack())
            elif how < 0.95:
                shot = chance.shot(CHECKPOINT, dice.choice(self.checkpoints[-3:]))
            else:
                shot = chance.shot(CANCEL, job.index.to_bytes(8, "little"))
            # What cannot be read ends the worker, which takes its time to come again.
            if jobcases.readable(shot) or dice.random() < 0.003:
                shots.append(shot)
        done = self._say(job, shots, faults)
        jobs = sum(shot.kind == JOB for shot in shots)
        if done:
            self.refuse(job)
        else:
            self.pass_job(job)
        return [len(shots), jobs, done, faults]

    def _say(self, job, shots, faults):
        """Return: how many were done."""
        if not all(shot.send(self.worker) for shot in shots):
            raise Ended
        done = 0
        for _ in range(sum(shot.kind == JOB for shot in shots)):
            data, _ = self.from_worker()
            _, word, _ = result_of(data[8:])
            done += word not in ("worker-refused", "overloaded")
        true = sum(shot.kind == JOB and jobcases.is_true(shot.body, job) for shot in shots)
        if done > min(true, 1):
            faults.append(f"{done} done of {true} that were true")
        return done


def attacker_at(export, path):
    def serve(test):
        between, wanted = Between(export, path), None
        test.send(b"1")
        chance = wild.Wild(wild.seed_of_the_day())
        while True:
            socks = [sock for sock in (test, between.worker, between.guard) if sock]
            for sock in select.select(socks, [], [])[0]:
                if sock is test:
                    data, fds, _, _ = socket.recv_fds(test, 65536, 1)
                    wanted = json.loads(data)
                    if wanted[0] == "session":
                        between.begin(socket.socket(fileno=fds[0]))
                    elif not between.worker:
                        # What was said last has ended it, after it had answered all of that.
                        test.send(json.dumps(ENDED).encode())
                        wanted = None
                    continue
                answer = step(between, sock, wanted, chance)
                if answer is not None:
                    test.send(json.dumps(answer).encode())
                    wanted = None
    return serve


def step(between, sock, wanted, chance):
    """Passes something on, or plays with it. Return: an answer to what was wanted, or None."""
    if sock not in (between.worker, between.guard):
        return None  # it was closed since
    what, which = wanted or (None, None)
    try:
        if sock is between.worker:
            between.from_worker()
            settled = len(between.done) > 2 and len(between.checkpoints) > 2
            return 1 if what == "session" and settled else None
        job = between.from_guard()
        if job is None:
            return None
        if what == "chance":
            between.land()
            return between.burst(job, chance)
        if what == "case" and is_marked(job):
            between.land()
            return between.play(job, *jobcases.CASES[which][1:])
        between.pass_job(job)
    except Ended:
        between.close()
        return ENDED if wanted else None
    return None


# --------------------------------------------------------------------------------------------------- from the outside

def connect_as(uid, path):
    """A connection that an account has made."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(str(path))
        socket.send_fds(theirs, [b"1"], [sock.fileno()])
        os._exit(0)
    theirs.close()
    _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    ours.close()
    os.waitpid(pid, 0)
    return fds[0]


def digest_of(folder):
    """Of the galleries, not of what was seen of the log."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith("seen")}


class Attack:
    def __init__(self, scene, tally):
        self.scene, self.tally = scene, tally
        folder = scene.service.run / "between"
        folder.mkdir(mode=0o755)
        os.chown(folder, taken.GUARD, taken.GUARD)
        self.path = folder / "worker"
        self.attacker = scene.process(taken.GUARD, attacker_at(scene.service.state / "export", self.path))
        self.attacker.hear()
        self.caller = scene.service.caller(taken.CANDIDATES_UID)
        self.connection, self.restarts = None, 0

    def session(self, wait=True):
        """The worker comes, or comes again."""
        had = self.scene.service.kill("worker") if "worker" in self.scene.service.processes else None
        self.scene.start_worker(self.path)
        guard = connect_as(taken.WORKER, self.scene.service.path("worker"))
        self.attacker.tell(["session", 0], [guard])
        os.close(guard)
        if wait:
            self.attacker.hear()
        return had

    def again(self):
        """After it has ended: by itself, and with an error."""
        worker = self.scene.service.processes["worker"]
        try:
            status = worker.wait(20)
        except subprocess.TimeoutExpired:
            status = None
        self.tally.check(status == 1, f"the worker ended with {status}")
        self.restarts += 1
        self.session()

    def case(self, name, which, expected):
        self.connection = self.connection or self.caller.connect(self.scene.service.path(service.MATCH))
        self.attacker.tell(["case", which])
        reply = self.connection.call(*service.identify(minimumSimilarity=0.35))
        came = self.attacker.hear()
        reasons = expected if isinstance(expected, tuple) else (expected,)
        fits = len(came.split(" | ")) == len(reasons) and all(map(str.__contains__, came.split(" | "), reasons))
        self.tally.check(fits, f"{name}: {came} instead of {expected}")
        error = reply.get("error", "").rpartition(".")[2]
        wanted = {DONE: "", ENDED: "WorkerUnavailable"}.get(expected, "Failed")
        self.tally.check(error == wanted, f"{name}: the caller hears {reply}")
        if came == ENDED:
            self.again()

    def by_chance(self, n):
        sent = jobs = done = 0
        while sent < n:
            answer = self.attacker.ask(["chance", 0])
            if answer == ENDED:
                sent += BURST
                self.again()
                continue
            said, of_jobs, were_done, faults = answer
            sent, jobs, done = sent + said, jobs + of_jobs, done + were_done
            for fault in faults:
                self.tally.check(False, f"by chance: {fault}")
        return sent, jobs, done


def nobody_else_is_let_in(scene, tally):
    """The worker's socket is its account's; and there is one at a time."""
    path = scene.service.path("worker")
    for uid in (service.NGO_UID, taken.GUARD, taken.FRONTEND):
        done = subprocess.run([*taken.setpriv(uid), "sh", "-c", f"test -w {path}"], check=False)
        tally.check(done.returncode != 0, f"uid {uid} may connect as the worker")
    second = socket.socket(fileno=connect_as(taken.WORKER, path))
    second.settimeout(5)
    tally.check(second.recv(1024) == b"", "a second worker is let in")


def main():
    tally = service.Tally()
    seed, n = wild.seed_of_the_day(), taken.messages(sys.argv[1])
    scene = taken.Scene(sys.argv[1], tally)
    try:
        scene.start_guard()
        attack = Attack(scene, tally)
        scene.start_frontend()
        attack.session(wait=False)
        scene.service.wait_for("X_MATCHGUARD_SERVING")
        scene.enrol()
        scene.service.call(*service.identify(), uid=service.POLICE_UID)
        scene.begin(pause=0.01)
        attack.attacker.hear()
        nobody_else_is_let_in(scene, tally)
        attack.session()
        galleries = digest_of(scene.galleries)
        begun = time.monotonic()
        for which, (name, _, expected) in enumerate(jobcases.CASES):
            attack.case(name, which, expected)
        crafted = time.monotonic() - begun
        for caller in scene.honest:
            caller.pause = 0
        sent, jobs, done = attack.by_chance(n)
        print(f"{len(jobcases.CASES)} crafted in {crafted:.1f} s, {sent} by chance from seed {seed} in {time.monotonic() - begun - crafted:.1f} s, "
              f"{jobs} of them jobs, {done} done, {attack.restarts} workers ended")
        leaves = scene.end()
        tally.check(galleries and digest_of(scene.galleries) == galleries, "a gallery has changed")
        tally.check(jobs > sent / 2 and done < jobs / 4, f"{jobs} jobs, {done} done")
        asked = sum(leaf["kind"] == "request" and leaf["verdict"] == "permit" for leaf in leaves)
        tally.check(done <= asked, f"{done} done of {asked} permits")
    finally:
        scene.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
