#!/usr/bin/env python3
"""Promise 5: a crash at any instant leaves at most a decision without an outcome, and the next start closes it.
Frontend child and worker are killed at each step of a request, the guard at each step of its own start and stop, and
all of them at random under load.

Usage: promise-5-crash.py BUILD [SEED]    (root)
"""
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

START_CALLS = ["pwrite64", "fdatasync", "fsync", "renameat", "unlinkat", "ftruncate", "fallocate", "mkdirat", "sendmsg"]
SLOW = 0.3  # seconds that a sync is made to take
STOP_CALLS = ["pwrite64", "fdatasync", "fsync", "renameat", "unlinkat", "ftruncate", "sendto", "write", "close"]


def a_child_killed_at_each_step(rig, name, call, uid):
    """The child of one uid dies while its client waits: the client hears nothing wrong, and the next one is served."""
    def child():
        # A connection that is open keeps the child; a new one makes it where it has gone.
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            holder.append(rig.service.connect(uid))
            if holder[-1].call(f"{mg.MATCH}.WhoAmI", timeout=15):
                return killer.children_of(rig.pid("frontend"))[f"mg-match-{uid}"]
            holder.pop().close()
            time.sleep(0.01)
        raise TimeoutError("no child serves")

    holder, points = [], 0
    for syscall, number, _, killed in killer.kill_at_each(
            child, lambda where: rig.ask(f"{name}, child before {where[0]} {where[1]}", call, uid, holder[-1]),
            rig.service.dir):
        points += killed
        for connection in holder:
            connection.close()
        holder.clear()
    rig.tally.check(points > 5, f"{name}: only {points} points of the child were reached")
    rig.points += points
    print(f"{name}, child killed: {points} points")


def a_worker_killed_at_each_step(rig, name, call, uid, least):
    points = crashes.kill_program(rig, "worker", lambda label: rig.ask(f"{name}, {label}", call, uid), rig.restart_worker)
    rig.tally.check(points >= least, f"{name}: only {points} points of the worker were reached")
    print(f"{name}, worker killed: {points} points")


def leave_open(rig):
    """Kills the guard while the worker has three jobs. Return: a copy of the folder as it was left."""
    os.kill(rig.pid("worker"), signal.SIGSTOP)
    size = rig.size()
    connections = [rig.service.connect() for _ in range(3)]
    for connection in connections:
        connection.send(*mg.identify())
    rig.tally.check(killer.wait_until(lambda: rig.size() == size + 3), "the decisions are not recorded")
    rig.service.kill("guard")
    os.kill(rig.pid("worker"), signal.SIGCONT)
    for connection in connections:
        rig.tally.check(rig.answer(connection, 1) is None, "answered without an outcome")
        connection.close()
    for program in ("guard", "frontend", "worker"):
        rig.service.kill(program)
    copy = rig.service.dir / "left"
    shutil.copytree(rig.service.state, copy)
    return copy


def put_back(rig, copy):
    shutil.rmtree(rig.service.state)
    shutil.copytree(copy, rig.service.state)


def a_start_killed_at_each_step(rig):
    """The start that is to close what was left open dies itself; whatever it left, the one after closes it once."""
    copy = leave_open(rig)
    points = 0
    for call in START_CALLS:
        for number in range(1, 200):
            put_back(rig, copy)
            prefix = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                      f"inject={call}:signal=KILL:when={number}"]
            rig.service.start_guard(prefix=prefix)
            try:
                killed = not rig.service.wait_for("READY", guard_may_end=True)
            except TimeoutError as error:
                rig.tally.check(False, f"start, {call} {number}: {error}")
                killed = True
            for pid in killer.children_of(rig.pid("guard")).values():
                os.kill(pid, signal.SIGKILL)  # strace's child: the guard itself, where it came through
            rig.service.kill("guard")
            if not killed:
                break
            points += 1
            rig.restart()
            leaves = rig.service.wait_exported(lambda leaves: leaves[-1]["kind"] == "policy")
            for fault in crashes.outcome_faults(leaves) + crashes.start_faults(leaves):
                rig.tally.check(False, f"start killed before {call} {number}: {fault}")
            rig.verify(f"start killed before {call} {number}")
            for program in ("guard", "frontend", "worker"):
                rig.service.kill(program)
    rig.tally.check(points > 15, f"only {points} points of the start were reached")
    rig.points += points
    print(f"start killed: {points} points")
    put_back(rig, copy)
    rig.restart()
    starts = [leaf for leaf in rig.service.wait_exported(lambda leaves: leaves[-1]["kind"] == "policy")
              if leaf["kind"] == "start"]
    rig.tally.check(starts[-1]["open"] == 3, f"the crash was to leave three requests open: {starts[-1]}")


def every_checkpoint_of_a_start_verifies(rig):
    """Whoever copies the export while a start closes what was left open copies a sound log, however slow the disk is."""
    copy = leave_open(rig)
    rig.service.start_guard(prefix=["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e",
                                    f"inject=fdatasync:delay_enter={int(SLOW * 1e6)}"])
    sizes = set()
    while not rig.service.notified.get("READY"):
        rig.verify("while a start is slow")
        sizes.add(len(rig.service.leaves()))
        with contextlib.suppress(TimeoutError):
            rig.service.wait_for("READY", timeout=0.02)
    rig.tally.check(killer.wait_until(lambda: len(rig.service.leaves()) not in sizes, 3), "the start is not exported")
    rig.verify("after a slow start")
    for pid in killer.children_of(rig.pid("guard")).values():
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(copy)
    rig.restart()


def a_stop_killed_at_each_step(rig):
    """A stop that does not come to its end is a crash like another: `stop` is there or is not, the next start knows."""
    points = 0
    for call in STOP_CALLS:
        for number in range(1, 60):
            tracer = killer.kill_at(rig.pid("guard"), call, number)
            status = rig.service.kill("guard", how=signal.SIGTERM)
            tracer.detach()
            killed = status == -9
            points += killed
            rig.tally.check(status in (0, -9), f"stop, {call} {number}: status {status}")
            rig.restart()
            rig.verify(f"stop killed before {call} {number}")
            if not killed:
                break
    rig.tally.check(points > 5, f"only {points} points of the stop were reached")
    rig.points += points
    print(f"stop killed: {points} points")


class Load(threading.Thread):
    """One client that asks as fast as it can, and goes on through every crash."""

    def __init__(self, rig, uid, call):
        super().__init__(daemon=True)
        self.rig, self.uid, self.call = rig, uid, call
        self.path, self.caller = rig.service.path(mg.MATCH), mg.Caller(uid)
        self.answers, self.ending, self.connection = [], False, None

    def run(self):
        while not self.ending:
            try:
                self.connection = self.caller.connect(self.path)
                while not self.ending:
                    for _ in range(4):
                        self.connection.send(*self.call)
                    for _ in range(4):
                        reply = self.connection.receive(timeout=0.5)
                        if reply is None:
                            raise ConnectionError("the service ended")
                        self.answers.append(("under load", reply))
            except (ConnectionError, TimeoutError, OSError):
                pass
            if self.connection:
                self.connection.close()

    def end(self):
        self.ending = True
        self.join(10)
        self.caller.kill()


def kills_under_load(rig, seed):
    """Whatever is killed whenever: every answer that was heard is in the log."""
    chance = random.Random(seed)
    loads = [Load(rig, mg.NGO_UID, mg.identify()), Load(rig, mg.POLICE_UID, mg.identify()),
             Load(rig, mg.ARCHIVE_UID, mg.enrol([("under-load", mg.unit(1))])), Load(rig, mg.NGO_UID, mg.identify())]
    for load in loads:
        load.start()
    for i in range(12):
        time.sleep(0.05 + chance.random() * 0.3)
        if chance.random() < 0.5:
            rig.service.kill("worker")
            rig.points += 1
            time.sleep(chance.random() * 0.05)
        rig.service.kill("guard")
        rig.points += 1
        rig.restart()
        rig.verify(f"under load, kill {i} (seed {seed})")
    time.sleep(0.2)
    for load in loads:
        load.end()
        rig.answers += load.answers
    counts = [len(load.answers) for load in loads]
    rig.tally.check(min(counts) > 20, f"there was no load: {counts} answers")
    print(f"under load: {sum(counts)} answers, seed {seed}")


def crashes_of_requests(rig):
    removal = (f"{mg.MATCH}.Remove", {"gallery": "faces", "subject": "s-7", "statement": mg.statement("gallery-upkeep")})
    a_child_killed_at_each_step(rig, "a match", mg.identify(), mg.NGO_UID)
    a_child_killed_at_each_step(rig, "a denial", mg.identify(), mg.POLICE_UID)
    a_worker_killed_at_each_step(rig, "a match", mg.identify(), mg.NGO_UID, least=8)
    a_worker_killed_at_each_step(rig, "a removal", removal, mg.ARCHIVE_UID, least=8)


def crashes_of_starts_and_stops(rig):
    every_checkpoint_of_a_start_verifies(rig)
    a_stop_killed_at_each_step(rig)
    a_start_killed_at_each_step(rig)


def crashes_at_random(rig):
    kills_under_load(rig, int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10000))


def main():
    tally = mg.Tally()
    points = 0
    for part in (crashes_of_requests, crashes_of_starts_and_stops, crashes_at_random):
        rig = crashes.Rig(sys.argv[1], tally)
        try:
            rig.ask("enrol", mg.enrol([(f"s-{i}", mg.unit(i)) for i in range(8)]), mg.ARCHIVE_UID)
            part(rig)
            rig.judge(part.__name__)
            points += rig.points
        finally:
            rig.close()
    print(f"{points} points tried")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
