#!/usr/bin/env python3
"""Promise 4: the trail only grows. Whatever is done to the files behind the guard's back, it does not go on as if
nothing were; whatever is done to a copy of the export, a verifier finds it.

Usage: promise-4-only-grows.py BUILD    (root)
"""
import base64
import hashlib
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service as mg  # noqa: E402

BEHIND = 10  # the exit status of a guard whose database and export do not belong together


class History:
    """A service with some history, stopped; copies of its folder are damaged and started."""

    def __init__(self, build, tally):
        self.build, self.tally = build, tally
        self.service = mg.Service(build)
        self.service.start()
        self.some()
        self.service.stop()
        self.old = self.keep("old")
        self.service.start()
        self.some()
        # As a crash leaves it: the database beside its write-ahead log.
        for name in ("guard", "frontend", "worker"):
            self.service.kill(name)
        self.crashed = self.keep("crashed")
        self.service.start()
        self.some()
        self.service.stop()
        self.new = self.keep("new")

    def some(self):
        self.service.call(*mg.enrol([("a", mg.unit(0)), ("b", mg.unit(1))]), uid=mg.ARCHIVE_UID)
        for uid in (mg.NGO_UID, mg.POLICE_UID, mg.STRANGER_UID):
            self.service.call(*mg.identify(), uid=uid)

    def keep(self, name):
        copy = self.service.dir / f"kept-{name}"
        shutil.copytree(self.service.state, copy)
        return copy

    def put(self, copy):
        shutil.rmtree(self.service.state)
        shutil.copytree(copy, self.service.state)
        return self.service.state

    def start(self):
        """Return: None where the guard serves, else its exit status and what it said."""
        log = self.service.dir / "guard.log"
        log.unlink(missing_ok=True)
        self.service.start_guard()
        if self.service.wait_for("READY", guard_may_end=True):
            self.service.kill("guard")
            return None, self.service.log("guard")
        return self.service.kill("guard"), self.service.log("guard")

    def refuses(self, what, statuses=(BEHIND,)):
        before = {path: path.read_bytes() for path in sorted((self.service.state / "export").rglob("*")) if path.is_file()}
        status, said = self.start()
        self.tally.check(status in statuses, f"{what}: status {status}: {said}")
        self.tally.check("trail" in said or "export" in said or "database" in said, f"{what}: it does not say why: {said}")
        after = {path: path.read_bytes() for path in sorted((self.service.state / "export").rglob("*")) if path.is_file()}
        self.tally.check(before == after, f"{what}: the export was changed by a guard that refused")


def flip(path, offset, bit=1):
    data = bytearray(path.read_bytes())
    data[offset] ^= bit
    path.write_bytes(data)


def what_stands_where_it_stood_is_started(history):
    for what, copy in (("a clean stop", history.new), ("a crash", history.crashed)):
        history.put(copy)
        status, said = history.start()
        history.tally.check(status is None, f"after {what}: status {status}: {said}")


def an_older_or_missing_half_is_refused(history):
    state = history.put(history.new)
    shutil.rmtree(state / "trail")
    shutil.copytree(history.old / "trail", state / "trail")
    history.refuses("an older copy of the trail")
    history.refuses("an older copy of the trail, started once more")

    state = history.put(history.new)
    (state / "export/checkpoint").unlink()
    history.refuses("the exported checkpoint removed")

    state = history.put(history.new)
    shutil.rmtree(state / "export")
    history.refuses("the export removed")

    for name in ("trail.db", None):
        state = history.put(history.new)
        if name:
            (state / "trail" / name).unlink()
        else:
            shutil.rmtree(state / "trail")
        history.refuses(f"{name or 'the trail'} removed")

    state = history.put(history.new)
    (state / "trail/trail.db").write_bytes(b"")
    history.refuses("an empty database")

    # Both halves older, the database the older one: rolled back beyond what was published.
    state = history.put(history.crashed)
    shutil.rmtree(state / "trail")
    shutil.copytree(history.old / "trail", state / "trail")
    history.refuses("an older trail under a newer export")

    # A key of another log.
    state = history.put(history.new)
    (state / "trail/log.key").write_bytes(bytes(32))
    history.refuses("another key", statuses=(1, BEHIND))
    state = history.put(history.new)
    (state / "trail/log.key").unlink()
    history.refuses("no key", statuses=(1, BEHIND))


def another_log_is_refused(history):
    """A database that is as long, and sound in itself, but tells another story."""
    other = mg.Service(history.build)
    try:
        other.start()
        for _ in range(40):
            other.call(*mg.identify(), uid=mg.POLICE_UID)
        other.stop()
        state = history.put(history.new)
        shutil.rmtree(state / "trail")
        shutil.copytree(other.state / "trail", state / "trail")
        history.refuses("the trail of another log")
        # The same key: then the signature says nothing, and only the tree does.
        other.start()
        other.stop()
        state = history.put(history.new)
        (state / "export/checkpoint").write_bytes((other.state / "export/checkpoint").read_bytes())
        history.refuses("the checkpoint of another log")
    finally:
        other.close()


def a_fork_under_one_key_is_refused(history):
    """Two futures of one log, both signed by its key: whichever is put under the other's export is found."""
    copies = []
    for uids in ((mg.NGO_UID, mg.POLICE_UID), (mg.STRANGER_UID, mg.NGO_UID, mg.NGO_UID)):
        history.put(history.old)
        history.service.start()
        for uid in uids:
            history.service.call(*mg.identify(), uid=uid)
        history.service.stop()
        copies.append(history.keep(f"future-{len(copies)}"))
    for trail, export in (copies, copies[::-1]):
        state = history.put(export)
        shutil.rmtree(state / "trail")
        shutil.copytree(trail / "trail", state / "trail")
        history.refuses("another future of the same log")
    for mine, other in (copies, copies[::-1]):
        status, out = verify(history.build, mine / "export", "--since", other / "export/checkpoint")
        history.tally.check(status == 1, f"a fork is not found with --since the other's checkpoint: {out}")
    return copies


def a_damaged_database_is_refused(history):
    """A flipped bit or a cut: refused, or found before anything is served, or (unused bytes) without any effect."""
    chance = random.Random(7)
    size = (history.new / "trail/trail.db").stat().st_size
    served = 0
    places = [0, 18, 28, 100, 4096] + [chance.randrange(size) for _ in range(45)]
    for place in places:
        state = history.put(history.new)
        flip(state / "trail/trail.db", place, 1 << chance.randrange(8))
        status, said = history.start()
        if status is None:
            served += 1
            code, out = verify(history.build, state / "export")
            history.tally.check(code == 0, f"served with bit {place} flipped, and the export has a fault: {out}")
            # What was there before is there still; the leaves of this start may follow.
            before = json_leaves(history.new / "export")
            history.tally.check(history.service.leaves()[:len(before)] == before, f"bit {place}: history changed")
        else:
            history.tally.check(status in (1, BEHIND) and said.strip(), f"bit at {place}: status {status}: {said}")
    print(f"{len(places)} flipped bits: {served} met nothing that is read")
    for length in (size // 2, size - 4096, 4096, 100):
        state = history.put(history.new)
        with open(state / "trail/trail.db", "r+b") as file:
            file.truncate(length)
        history.refuses(f"the database cut to {length}", statuses=(1, BEHIND))


def leaves_flipped_in_the_database_are_refused(history):
    """Every leaf's bytes in the database, one at a time: rewriting history in place is never served."""
    data = (history.new / "trail/trail.db").read_bytes()
    places = []
    for word in (b'"verdict":"deny"', b'"verdict":"permit"', b'"uid":', b'"reason":'):
        at = data.find(word)
        while at >= 0:
            places.append(at + len(word) - 2)
            at = data.find(word, at + 1)
    history.tally.check(len(places) > 20, "no leaves found in the database")
    for place in places[::3]:
        state = history.put(history.new)
        flip(state / "trail/trail.db", place)
        history.refuses(f"a leaf changed at {place}", statuses=(1, BEHIND))


# ------------------------------------------------------------------------------------------------ copies of the export

def json_leaves(export):
    data, found = b"".join(path.read_bytes() for path in widest(export)), []
    while data:
        length = int.from_bytes(data[:2], "big")
        found.append(json.loads(data[2:2 + length]))
        data = data[2 + length:]
    return found


def widest(export):
    """The newest form of each bundle."""
    best = {}
    for path in (export / "tile/entries").rglob("*"):
        if path.is_file():
            number, _, width = str(path.relative_to(export / "tile/entries")).partition(".p/")
            key = int(number.replace("x", "").replace("/", ""))
            best.setdefault(key, {})[int(width) if width else 256] = path
    return [best[key][max(best[key])] for key in sorted(best)]


def verify(build, export, *arguments):
    done = subprocess.run([str(pathlib.Path(build) / "tools/matchguard"), "audit", "verify", "--export", str(export),
                           *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def a_changed_copy_is_found(history):
    export = history.new / "export"
    status, out = verify(history.build, export)
    history.tally.check(status == 0, f"the export as it is: {out}")
    status, out = verify(history.build, export, "--since", history.old / "export/checkpoint")
    history.tally.check(status == 0, f"the export since its own past: {out}")
    status, out = verify(history.build, history.old / "export", "--since", export / "checkpoint")
    history.tally.check(status == 1, f"an older copy, with a newer checkpoint kept: {out}")

    bundle = widest(export)[-1].relative_to(export)
    for old, new in ((b'"verdict":"deny"', b'"verdict":"DENY"'), (b'"uid":3002', b'"uid":3001'),
                     (b'"reason":"moratorium"', b'"reason":"stood-down"')):
        copy = history.service.dir / "copy"
        shutil.copytree(export, copy)
        data = (copy / bundle).read_bytes()
        history.tally.check(old in data, f"{old} is not in the export")
        (copy / bundle).write_bytes(data.replace(old, new, 1))
        status, out = verify(history.build, copy)
        history.tally.check(status == 1 and "fault" in out, f"{old} changed to {new}: {out}")
        shutil.rmtree(copy)


# ------------------------------------------------------------------------------------------ a log written anew, signed

def merkle_root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\1" + merkle_root(hashes[:half]) + merkle_root(hashes[half:])).digest()


def sign(seed, message, folder):
    """Ed25519 by openssl(1), which shares no code with the guard."""
    key = folder / "key.der"
    key.write_bytes(bytes.fromhex("302e020100300506032b657004220420") + seed)
    (folder / "message").write_bytes(message)
    subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(key), "-keyform", "DER", "-in",
                    str(folder / "message"), "-out", str(folder / "signature")], check=True)
    return (folder / "signature").read_bytes()


def rewrite(export, seed, folder, change):
    """The export as whoever has the machine and the key would write it anew: every file agrees with every other."""
    leaves = [json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode() for leaf in change(json_leaves(export))]
    assert len(leaves) < 256
    hashes = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    shutil.rmtree(export / "tile")
    for path, data in ((export / f"tile/entries/000.p/{len(leaves)}",
                        b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)),
                       (export / f"tile/0/000.p/{len(leaves)}", b"".join(hashes))):
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    note = (export / "checkpoint").read_text()
    body, _, signatures = note.partition("\n\n")
    origin = body.splitlines()[0]
    text = f"{origin}\n{len(leaves)}\n{base64.b64encode(merkle_root(hashes)).decode()}\n"
    dash, name, old = signatures.splitlines()[0].split(" ")
    key_id = base64.b64decode(old)[:4]
    signature = base64.b64encode(key_id + sign(seed, text.encode(), folder)).decode()
    (export / "checkpoint").write_text(f"{text}\n{dash} {name} {signature}\n")


def a_log_written_anew_is_found_by_what_was_kept(history):
    """With the key everything since the last checkpoint that somebody kept can be forged; before it, nothing."""
    seed = (history.new / "trail/log.key").read_bytes()
    folder = pathlib.Path(tempfile.mkdtemp(dir=history.service.dir))

    def acquit(leaves):
        """Makes a stranger of whom a moratorium refused: what the policy would have answered him, word for word."""
        for leaf in leaves:
            if leaf.get("reason") == "moratorium":
                leaf.update(uid=mg.STRANGER_UID, reason="unknown-peer")
                for key in ("organisation", "rule", "moratoria"):
                    leaf.pop(key, None)
                break
        return leaves

    copy = history.service.dir / "anew"
    shutil.copytree(history.new / "export", copy)
    rewrite(copy, seed, folder, lambda leaves: leaves)
    status, out = verify(history.build, copy, "--since", history.old / "export/checkpoint")
    history.tally.check(status == 0, f"written anew without a change: {out}")
    shutil.rmtree(copy)
    shutil.copytree(history.new / "export", copy)
    rewrite(copy, seed, folder, acquit)
    status, out = verify(history.build, copy)
    history.tally.check(status == 0, f"a forgery by the key holder cannot be seen from itself, and yet: {out}")
    status, out = verify(history.build, copy, "--since", history.old / "export/checkpoint")
    history.tally.check(status == 1, f"a forgery before a kept checkpoint: {out}")
    # And put under the guard: it does not go on with either half.
    state = history.put(history.new)
    shutil.rmtree(state / "export")
    shutil.copytree(copy, state / "export")
    history.refuses("a forged export")


def a_new_log_names_the_old_one(history):
    state = history.put(history.new)
    (state / "trail/trail.db").unlink()
    history.refuses("the database lost")
    service = history.service
    service.start_guard(arguments=["--new-log"])
    service.wait_for("READY")
    service.kill("guard", how=15)
    leaves = service.leaves()
    previous = hashlib.sha256((history.new / "export/checkpoint").read_bytes()).hexdigest()
    history.tally.check(leaves[0]["kind"] == "start" and leaves[0].get("previous") == previous,
                        f"a new log begins with {leaves[0]}")
    kept = [path for path in state.rglob("checkpoint") if path.read_bytes() == (history.new / "export/checkpoint").read_bytes()]
    history.tally.check(kept, "the old export was not kept aside")


def main():
    tally = mg.Tally()
    history = History(sys.argv[1], tally)
    try:
        for test in (what_stands_where_it_stood_is_started, an_older_or_missing_half_is_refused, another_log_is_refused,
                     a_fork_under_one_key_is_refused, a_damaged_database_is_refused,
                     leaves_flipped_in_the_database_are_refused, a_changed_copy_is_found,
                     a_log_written_anew_is_found_by_what_was_kept, a_new_log_names_the_old_one):
            test(history)
    finally:
        history.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
