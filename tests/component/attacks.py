#!/usr/bin/env python3
"""Root after the fact, with the keys that lie on the machine: each attack that a log can suffer, and which of three auditors
notices. One has the log's key and RFC 6962 and nothing else; one also follows the chain of epochs (`audit verify` with the
first epoch's key from outside the machine); one also kept an old checkpoint. What is printed is a table of who notices what,
and every cell must be as it stands here: what goes unnoticed is as much a part of the promise as what does not.

Usage: attacks.py BUILD       (as root)
"""
import base64
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import killer  # noqa: E402
import service as mg  # noqa: E402
from clock import Clock  # noqa: E402
from definitions import tree_hash, verifies  # noqa: E402
from attacker import Keys, Log, note_parts, read_entries  # noqa: E402

LATER = 600  # seconds after which an auditor comes back: far beyond what a live log may be silent
SEEN, MISSED = "noticed", "missed"


class Machine:
    """A service whose epochs last a second, or as long as is wanted; its whole state can be kept and put back, as a disk image
    would be."""

    def __init__(self, build):
        self.service = mg.Service(build)
        self.build = pathlib.Path(build)
        self.clock = Clock(build, self.service.dir)

    def arguments(self, epochs_last="1s"):
        config = self.service.dir / "matchguard.conf"
        config.write_text(f"[Guard]\nEpochLength={epochs_last}\n")
        return ("--config", str(config))

    def start(self, epochs_last="1s"):
        self.service.start(arguments=self.arguments(epochs_last))
        return self

    def ask(self, uid=mg.NGO_UID, who="s1"):
        """A denial of the police, or a permitted comparison of an organisation."""
        return self.service.call(f"{mg.MATCH}.Compare", {
            "probe": {"model": "test-16", "kind": "photograph", "data": mg.template(mg.unit(1))},
            "reference": {"model": "test-16", "kind": "photograph", "data": mg.template(mg.unit(2))},
            "statement": mg.statement(caseReference=who)}, uid=uid)

    def live(self, n_epochs):
        """Lets so many epochs end, each with a denial of the police in it."""
        for _ in range(n_epochs):
            self.ask()
            denied = self.ask(mg.POLICE_UID)["parameters"]["receipt"]["decisionIndex"]
            self.service.wait_exported(
                lambda leaves, denied=denied: any(leaf["kind"] == "epoch" for leaf in leaves[denied:]))

    def settle(self):
        """The export as far as the log. Return: the newest checkpoint."""
        checkpoint = self.service.call(f"{mg.AUDIT}.GetCheckpoint", uid=0)["parameters"]["checkpoint"]
        self.service.wait_exported(lambda leaves: len(leaves) >= int(checkpoint.split("\n")[1]))
        return checkpoint.encode()

    def keep(self, name):
        """A copy of the state at one instant. Return: its folder."""
        image, guard = self.service.dir / name, self.service.processes.get("guard")
        if guard:
            guard.send_signal(signal.SIGSTOP)
            assert killer.wait_until(lambda: killer.is_stopped(guard.pid))
        try:
            shutil.copytree(self.service.state, image)
        finally:
            if guard:
                guard.send_signal(signal.SIGCONT)
        return image

    def put_back(self, image):
        shutil.rmtree(self.service.state)
        shutil.copytree(image, self.service.state)

    def crash(self):
        for name in ("guard", "frontend", "worker"):
            self.service.kill(name)


class Auditors:
    """The three of them, with what they took from the machine when they came first."""

    def __init__(self, machine):
        self.machine = machine
        self.folder = machine.service.dir / "auditor"
        self.folder.mkdir()
        for name in ("log.vkey", "epoch0.vkey"):
            shutil.copy(machine.service.state / "public" / name, self.folder / name)
        self.log_key = base64.b64decode((self.folder / "log.vkey").read_text().split("+", 2)[2])[1:]

    def sees_plainly(self, export):
        """Whether somebody with the log's key and RFC 6962 finds a fault."""
        data = (export / "checkpoint").read_bytes()
        origin, size, root, signatures = note_parts(data)
        signed = any(name == origin and verifies(self.log_key, data[:data.index(b"\n\n") + 1], blob[4:])
                     for name, blob in signatures)
        try:
            leaves = read_entries(export, size)
        except FileNotFoundError:  # nothing is there for the size that was signed
            return True
        return not (signed and size == len(leaves) and root == tree_hash(leaves))

    def verify(self, export, *arguments, later=0):
        self.machine.clock.set(later)
        done = subprocess.run([self.machine.build / "tools/matchguard", "audit", "verify", "--export", export, "--vkey",
                               self.folder / "log.vkey", "--epoch0-vkey", self.folder / "epoch0.vkey", "--fresh", *arguments],
                              capture_output=True, text=True, timeout=mg.PATIENCE, check=False,
                              env={"PATH": "/usr/bin:/bin", **self.machine.clock.environment()})
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 1, done.stdout + done.stderr

    def judge(self, export, checkpoint, later=0):
        """What each of them says. Return: three words, and what was printed."""
        old = self.folder / "old-checkpoint"
        old.write_bytes(checkpoint)
        by_epochs, epochs_said = self.verify(export, later=later)
        by_old, old_said = self.verify(export, "--since", str(old), later=later)
        return [SEEN if seen else MISSED for seen in (self.sees_plainly(export), by_epochs, by_old)], epochs_said + old_said


class Suite:
    def __init__(self, build, tally):
        self.tally = tally
        self.machine = Machine(build).start()
        self.auditors = Auditors(self.machine)
        self.n = 0

    def expect(self, attack, export, checkpoint, expected, later=0):
        got, said = self.auditors.judge(export, checkpoint, later)
        print(f"  {attack:<74} {got[0]:<8} {got[1]:<8} {got[2]:<8}", flush=True)
        self.tally.check(got == list(expected), f"{attack}: {got}, not {expected}\n{said}")

    def folder(self):
        self.n += 1
        return self.machine.service.dir / f"forged-{self.n}"

    def log(self):
        return Log(self.machine.service.state / "export")

    def keys(self):
        return Keys(self.machine.service.state / "trail")


def denial_long_ago(log):
    """A denial of the police in an epoch that has ended, and is not the first."""
    return next(leaf for leaf in log.fields() if leaf["kind"] == "request" and leaf["verdict"] == "deny"
                and leaf["epoch"] >= 1 and leaf["epoch"] in log.notes)


def without_signing(suite, kept):
    """Flip, drop, insert, reorder: nothing is signed anew."""
    def flip(leaves):
        leaves[2] = leaves[2].replace(b'"boottime":', b'"boottime":1', 1)

    def drop(leaves):
        del leaves[3]

    def insert(leaves):
        leaves.insert(3, leaves[2])

    def swap(leaves):
        leaves[2], leaves[3] = leaves[3], leaves[2]
    for name, change in (("flip", flip), ("drop", drop), ("insert", insert), ("reorder", swap)):
        log = suite.log()
        change(log.leaves)
        suite.expect(f"{name} without signing anew", log.write(suite.folder()), kept, (SEEN, SEEN, SEEN))


def rewrite_closed_epoch(suite, kept):
    """A denial vanishes from an epoch that has ended; the keys of now sign all that they can."""
    keys = suite.keys()

    def vanish():
        log = suite.log()
        denial = denial_long_ago(log)
        fields = log.fields()
        del fields[denial["index"]]
        log.set_fields(fields)
        return log, denial["epoch"]

    log, epoch = vanish()
    log.sign(keys)
    suite.expect("rewrite a closed epoch, sign anew, leave epoch/N", log.write(suite.folder()), kept, (MISSED, SEEN, SEEN))
    for number in log.notes:
        if number >= epoch:
            log.resign_epoch(number, keys)
    suite.expect("rewrite a closed epoch, sign anew, epoch/N by the seed of now", log.write(suite.folder()), kept,
                 (MISSED, SEEN, SEEN))
    log, epoch = vanish()
    log.name_own_key(epoch, keys)
    log.name_own_key(epoch + 1, keys)
    for number in log.notes:
        if number >= epoch:
            log.resign_epoch(number, keys)
    log.sign(keys)
    suite.expect("rewrite a closed epoch, sign anew, a chain of keys of one's own", log.write(suite.folder()), kept,
                 (MISSED, SEEN, SEEN))


def rewrite_current_epoch(suite, old):
    """A denial vanishes from the epoch that has not ended: one that lasts longer than this takes."""
    machine = suite.machine
    machine.start("15min")
    machine.ask(mg.POLICE_UID)
    machine.ask()
    kept = machine.settle()
    log, keys = suite.log(), suite.keys()
    fields = log.fields()
    place = max(leaf["index"] for leaf in fields if leaf["kind"] == "request" and leaf["verdict"] == "deny")
    assert fields[place]["epoch"] == fields[-1]["epoch"] == keys.epoch, "the epoch has ended in between"
    del fields[place]
    log.set_fields(fields)
    log.sign(keys)
    export = log.write(suite.folder())
    suite.expect("rewrite inside the current epoch; the checkpoint kept is older", export, old, (MISSED, MISSED, MISSED))
    suite.expect("rewrite inside the current epoch; the checkpoint kept is newer", export, kept, (MISSED, MISSED, SEEN))
    assert machine.service.stop() == 0
    machine.start()


def truncate(suite, kept):
    """Back to a checkpoint that the log itself has signed: the end of epoch 1."""
    log = suite.log()
    _, size, _, _ = note_parts(log.notes[1])
    log.leaves, log.checkpoint = log.leaves[:size], log.notes[1]
    suite.expect("truncate to a genuine older checkpoint; looked at ten minutes later", log.write(suite.folder()), kept,
                 (MISSED, SEEN, SEEN), later=LATER)
    log.notes = {number: data for number, data in log.notes.items() if number <= 1}
    suite.expect("truncate likewise, later epochs' files too; looked at ten minutes later", log.write(suite.folder()), kept,
                 (MISSED, SEEN, SEEN), later=LATER)


def restore_image(suite):
    """The whole disk as it was, the seed of then included; then without it."""
    machine = suite.machine
    machine.live(1)
    image = machine.keep("image")
    seed = machine.service.state / "trail/epoch.seed"
    machine.live(2)
    kept = machine.settle()
    newer_seed = seed.read_bytes()
    machine.crash()
    machine.put_back(image)
    suite.expect("restore an old disk image; looked at ten minutes later", machine.service.state / "export", kept,
                 (MISSED, SEEN, SEEN), later=LATER)
    machine.start()
    machine.live(1)
    machine.settle()
    suite.expect("restore an old disk image that holds its seed, and serve on", machine.service.state / "export", kept,
                 (MISSED, MISSED, SEEN))
    machine.crash()
    machine.put_back(image)
    seed.write_bytes(newer_seed)
    machine.service.start_guard(arguments=machine.arguments())
    started = machine.service.wait_for("READY", guard_may_end=True)
    suite.tally.check(not started, "a guard served an old image with the seed of now")
    print(f"  {'restore an old disk image under the seed of now: the guard refuses to serve':<74}", flush=True)
    machine.crash()
    machine.put_back(image)


def fork(suite):
    """Two clients are shown two logs: one image goes on twice."""
    machine = suite.machine
    image = machine.keep("fork")
    exports, notes = [], []
    for who in ("one", "other"):
        machine.put_back(image)
        machine.start()
        machine.ask(who=who)
        machine.ask(mg.POLICE_UID, who=who)
        notes.append(machine.settle())
        exports.append(machine.keep(f"shown-{who}") / "export")
        machine.crash()
    suite.expect("show two clients two logs: the first, by a checkpoint of the second", exports[0], notes[1],
                 (MISSED, MISSED, SEEN))
    suite.expect("show two clients two logs: the second, by a checkpoint of the first", exports[1], notes[0],
                 (MISSED, MISSED, SEEN))


def main():
    tally = mg.Tally()
    suite = Suite(sys.argv[1], tally)
    try:
        print(f"  {'attack':<74} {'log key':<8} {'+epochs':<8} {'+kept':<8}")
        suite.machine.live(3)
        kept = suite.machine.settle()
        suite.expect("none", suite.machine.service.state / "export", kept, (MISSED, MISSED, MISSED))
        assert suite.machine.service.stop() == 0  # each epoch is a leaf, and more than 256 of them nobody here rewrites
        without_signing(suite, kept)
        rewrite_closed_epoch(suite, kept)
        truncate(suite, kept)
        rewrite_current_epoch(suite, kept)
        restore_image(suite)
        fork(suite)
    finally:
        suite.machine.service.close()
    return tally.finish()


sys.exit(main())
