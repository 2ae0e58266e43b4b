#!/usr/bin/env python3
"""Epochs, with the real programs and epochs of a second: what a stolen key of today cannot sign is yesterday.

 1. Under load and idle, epochs end in time, one after the other; both verifiers follow them, also while the log grows.
 2. Nothing of an ended epoch's seed is left, in the file or in the memory of the guard, and no core dump can be made.
 3. Killed, or failed, before and behind each write of the seed file, the guard goes on with the next start.
 4. Who was away for longer than an epoch ends it with the first commit.
 5. A seed that is missing, damaged, older, newer or another log's is refused, and put back it serves.

Usage: epochs.py BUILD    (root)
"""
import hashlib
import hmac
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import check_export  # noqa: E402
import killer  # noqa: E402
import processes  # noqa: E402
import service as mg  # noqa: E402
from clock import Clock  # noqa: E402

SLOT = 2048
EXIT_STORAGE = 11


class Epochs:
    def __init__(self, build, tally):
        self.tally = tally
        self.service = mg.Service(build)
        self.state = self.service.state
        self.seed_file = self.state / "trail/epoch.seed"
        self.clock = Clock(build, self.service.dir)

    def lasting(self, length):
        """What a guard is started with whose epochs last so long."""
        config = self.service.dir / "guard.conf"
        config.write_text(f"[Guard]\nEpochLength={length}\n")
        return {"arguments": ["--config", str(config)], "environment": self.clock.environment()}

    def start_guard(self, length="1s", **more):
        self.service.start_guard(**self.lasting(length), **more)

    def start(self):
        self.service.start(**self.lasting("1s"))

    def kill(self):
        for name in ("guard", "frontend", "worker"):
            self.service.kill(name)

    def n_ended(self):
        return sum(leaf["kind"] == "epoch" for leaf in self.service.leaves())

    def wait_ended(self, count):
        self.service.wait_exported(lambda leaves: sum(leaf["kind"] == "epoch" for leaf in leaves) >= count)

    def slots(self):
        """What the seed file holds: {epoch: seed}."""
        data, found = self.seed_file.read_bytes(), {}
        for at in (0, SLOT):
            slot = data[at:at + 80]
            if hashlib.sha256(slot[:48]).digest() == slot[48:]:
                found[int.from_bytes(slot[8:16], "big")] = slot[16:48]
        return found

    def verify(self, what):
        """By the tool, with keys kept from the first start; and, where nobody writes any more, by the other verifier."""
        keys = ["--vkey", self.state / "public/log.vkey", "--epoch0-vkey", self.state / "public/epoch0.vkey"]
        done = self.service.tool("audit", "verify", *keys)
        self.tally.check(done[0] == 0, f"{what}: audit verify: {done}")
        if "guard" in self.service.processes:
            return
        try:
            check_export.Export(self.state / "export", killed="kill -9" in what).check()
        except check_export.Fault as fault:
            self.tally.check(False, f"{what}: the other verifier: {fault}")


def epochs_end_in_time_under_load_and_idle(epochs):
    epochs.start()

    def has_ended():
        for _ in range(100):
            answer = epochs.service.call(*mg.identify())
            epochs.tally.check("error" not in answer, f"{answer}")
        return epochs.n_ended() >= 2

    epochs.tally.check(killer.wait_until(has_ended), "no epochs end under load")
    at_load = epochs.n_ended()
    epochs.verify("under load")
    epochs.wait_ended(at_load + 2)
    epochs.verify("idle")
    ends = [leaf for leaf in epochs.service.leaves() if leaf["kind"] == "epoch"]
    for one, other in zip(ends, ends[1:], strict=False):
        seconds = (other["time"] - one["time"]) / 1e6
        # Their length is the product's; whatever stands still with the machine in between is not.
        epochs.tally.check(0.9 < seconds < 30, f"epoch {other['epoch']} lasted {seconds} s")
    epochs.tally.check(len({leaf["next"] for leaf in ends}) == len(ends), "a key is used for two epochs")
    for name in ("log.vkey", "epoch0.vkey"):
        epochs.tally.check((epochs.state / "public" / name).read_bytes() == (epochs.state / "export" / name).read_bytes(), name)


def secrets_of(seed):
    """A seed, and what is made of it to sign: Ed25519's own seed and the number that it multiplies by."""
    sign_seed = hmac.digest(seed, b"sign", "sha256")
    number = bytearray(hashlib.sha512(sign_seed).digest()[:32])
    number[0] &= 248
    number[31] = number[31] & 127 | 64
    return {"seed": seed, "first half of the seed": seed[:16], "second half of the seed": seed[16:], "Ed25519 seed": sign_seed,
            "Ed25519 number": bytes(number)}


def found_in_memory(pid, secrets):
    found = set()
    for part in processes.memory(pid):
        found |= {what for what, secret in secrets.items() if secret in part}
    return found


def seed_in_memory(epochs, pid):
    """An epoch at hand and its seed, which the search finds: in the middle of a turn there are two in the file, or another in memory."""
    found = []

    def finds():
        slots = epochs.slots()
        found.extend(item for item in slots.items() if len(slots) == 1 and {"seed", "Ed25519 seed"} <= found_in_memory(pid, secrets_of(item[1])))
        return found

    assert killer.wait_until(finds), f"the search does not find a seed at hand: {sorted(epochs.slots())}"
    return found[0]


def nothing_is_left_of_an_ended_epoch(epochs):
    pid = epochs.service.processes["guard"].pid
    for _ in range(2):
        epoch, seed = seed_in_memory(epochs, pid)
        killer.wait_until(lambda: epoch not in epochs.slots())
        data = epochs.seed_file.read_bytes()
        epochs.tally.check(seed[:16] not in data and seed[16:] not in data, f"the file still holds the seed of epoch {epoch}")
        epochs.wait_ended(epoch + 1)  # its checkpoint is out: the turn is done
        left = found_in_memory(pid, secrets_of(seed))
        epochs.tally.check(not left, f"memory still holds of epoch {epoch}: {left}")
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text(encoding="utf-8")
    epochs.tally.check(re.search(r"Max core file size +0 +0 ", limits), f"the guard may dump core: {limits}")
    locked = int(re.search(r"VmLck:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))[1])
    epochs.tally.check(locked >= 12 or "sanitize" in str(epochs.service.build), f"{locked} kB of memory are locked")


def a_turn_may_end_anywhere(epochs):
    """Each of the calls that a turn makes on the seed file: two writes and two syncs."""
    for how, ending, call, number in (("signal=KILL", -9, "pwrite64", 1), ("signal=KILL", -9, "pwrite64", 2),
                                      ("signal=KILL", -9, "fdatasync", 1), ("signal=KILL", -9, "fdatasync", 2),
                                      ("error=EIO", EXIT_STORAGE, "pwrite64", 1), ("error=EIO", EXIT_STORAGE, "fdatasync", 2)):
        what = f"{how} at {call} {number} of a turn"
        epochs.start_guard(prefix=["strace", "-f", "-o", "/dev/null", "-P", str(epochs.seed_file), "-e", f"trace={call}",
                                   "-e", f"inject={call}:{how}:when={number}"])
        status = epochs.service.processes.pop("guard").wait(mg.PATIENCE)
        epochs.tally.check(status == ending, f"{what}: the guard ended with {status}: {epochs.service.log('guard')}")
        seeds, ended = epochs.slots(), epochs.n_ended()
        epochs.tally.check(1 <= len(seeds) <= 2, f"{what}: the seeds of {sorted(seeds)}")
        epochs.start_guard()
        epochs.service.wait_for("READY")
        epochs.wait_ended(ended + 1)
        epochs.verify(f"after {what}")
        data = epochs.seed_file.read_bytes()
        epochs.tally.check(not any(seeds[one] in data for one in seeds if one < max(seeds)), f"{what}: an old seed is left")
        epochs.kill()
        epochs.verify(f"after {what}, and kill -9")


def who_was_away_ends_the_epoch_at_once(epochs):
    """For twice as long as one lasts, by the clock. Where it is not over at once, it goes on for minutes."""
    epochs.start_guard()
    epochs.service.wait_for("READY")
    epochs.service.stop()
    epochs.clock.set(20 * 60)
    n_before = len(epochs.service.leaves())
    epochs.start_guard("10min")
    epochs.service.wait_for("READY")
    leaves = epochs.service.wait_exported(lambda leaves: len(leaves) >= n_before + 3)
    first = leaves[n_before:n_before + 3]
    epochs.tally.check([leaf["kind"] for leaf in first] == ["start", "policy", "epoch"], f"after a pause: {first}")
    epochs.tally.check(epochs.service.stop() == 0, "a clean stop")
    epochs.verify("after a pause")


def a_seed_that_is_not_the_logs_is_refused(epochs, build, tally):
    mine = epochs.seed_file.read_bytes()
    [(epoch, seed)] = epochs.slots().items()
    other = Epochs(build, tally)
    try:
        other.start_guard()
        other.service.wait_for("READY")
        other.kill()
        foreign = next(iter(other.slots().values()))
    finally:
        other.service.close()

    def of(number, seed):
        slot = b"MGEPOCH1" + number.to_bytes(8, "big") + seed
        data = bytearray(2 * SLOT)
        data[number % 2 * SLOT:number % 2 * SLOT + 80] = slot + hashlib.sha256(slot).digest()
        return bytes(data)

    damaged = bytearray(mine)
    damaged[epoch % 2 * SLOT + 20] ^= 1
    database = (epochs.state / "trail/trail.db").read_bytes()
    for what, data, said in (("missing", None, "is missing"), ("damaged", bytes(damaged), "is damaged"),
                             ("empty", b"", "is damaged"), ("another log's", of(epoch, foreign), "is not the seed of this log"),
                             ("newer", of(epoch + 1, hmac.digest(seed, b"matchguard/ratchet/v1", "sha256")), "is of a later epoch"),
                             ("older", of(epoch - 2, seed), "older than the database")):
        epochs.seed_file.unlink(missing_ok=True)
        if data is not None:
            epochs.seed_file.write_bytes(data)
        epochs.start_guard()
        status = epochs.service.processes.pop("guard").wait(mg.PATIENCE)
        log = epochs.service.log("guard").splitlines()[-1]
        tally.check(status == 1 and said in log and "--new-log" in log, f"a seed that is {what}: {status}: {log}")
        tally.check((epochs.state / "trail/trail.db").read_bytes() == database, f"a seed that is {what}: the database changed")
        left = epochs.seed_file.read_bytes() if epochs.seed_file.exists() else None
        tally.check(left == data, f"a seed that is {what}: the file changed")
    epochs.seed_file.write_bytes(mine)
    epochs.start()
    tally.check("error" not in epochs.service.call(*mg.identify()), "with its own seed it serves")
    epochs.service.stop()
    epochs.verify("with its own seed again")


def a_log_without_its_epochs_is_a_fault(epochs):
    """The tool on copies: what a thief of the log's key alone would have to leave out."""
    export, copy = epochs.state / "export", epochs.service.dir / "copy"
    last = max(int(path.name) for path in (export / "epoch").iterdir())
    stripped = "\n".join((export / "checkpoint").read_text().split("\n")[:-2]) + "\n"
    for what, change in (("epoch0.vkey", lambda: (copy / "epoch0.vkey").unlink()),
                         ("an ended epoch", lambda: (copy / f"epoch/{last // 2}").unlink()),
                         ("the epoch's line of the checkpoint", lambda: (copy / "checkpoint").write_text(stripped))):
        shutil.copytree(export, copy)
        change()
        status, out, err = epochs.service.tool("audit", "verify", "--export", copy)
        epochs.tally.check(status == 1 and "epoch" in out + err, f"without {what}: {status} {out}{err}")
        shutil.rmtree(copy)


def main():
    tally = mg.Tally()
    epochs = Epochs(sys.argv[1], tally)
    try:
        epochs_end_in_time_under_load_and_idle(epochs)
        nothing_is_left_of_an_ended_epoch(epochs)
        epochs.kill()
        epochs.verify("kill -9")
        a_turn_may_end_anywhere(epochs)
        who_was_away_ends_the_epoch_at_once(epochs)
        a_seed_that_is_not_the_logs_is_refused(epochs, sys.argv[1], tally)
        a_log_without_its_epochs_is_a_fault(epochs)
    finally:
        epochs.service.close()
    return tally.finish()


if os.geteuid() != 0:
    print("needs root")
    sys.exit(77)
sys.exit(main())
