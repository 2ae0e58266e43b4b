#!/usr/bin/env python3
"""Makes the golden vectors beside it from the definitions; README.md says what they are.

Usage: make.py            writes them
       make.py --check    compares them with what stands there
"""
import base64
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from definitions import (audit_path, bundle, consistency, next_seed, note, public_key, sha256, signing_seed,  # noqa: E402
                         tree_hash, vkey)

ORIGIN = "matchguard.example/audit"
LOG_SEED, EPOCH_SEED = bytes([0x11]) * 32, bytes([0x22]) * 32
SIZE = 270
EPOCHS_END = (5, 199)  # indices of the `epoch` leaves
CHECKPOINTS = (0, 1, 6, 200, 256, 270)
PROOFS = ((0, 1), (3, 6), (4, 6), (255, 256), (256, 270), (269, 270))
BOOT = "5f0c1f0e6c6d4a6f9f3d0d3b7a1c2e4d"
POLICY = hashlib.sha256(b"an example").hexdigest()


# ------------------------------------------------------------------------------------------------------ keys

def epoch_seed(number):
    seed = EPOCH_SEED
    for _ in range(number):
        seed = next_seed(seed)
    return seed


def epoch_key(number):
    return signing_seed(epoch_seed(number))


def epoch_at(index):
    """The epoch of a leaf: how many epoch leaves precede it."""
    return sum(end < index for end in EPOCHS_END)


def key_line(name, seed):
    key = public_key(seed)
    return f"{name} {seed.hex()} {key.hex()} {vkey(name, key)}"


# ---------------------------------------------------------------------------------------------------- leaves

def commitment(purpose, salt, data):
    digest = sha256(f"matchguard/{purpose}/v1\n".encode(), salt, data)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


DETAIL = (bytes(range(32)), b'{"case":"' + base64.urlsafe_b64encode(b"MC-2020-17").rstrip(b"=") + b'"}')
JOB = (bytes(range(32, 64)), bytes(range(256)))
REQUEST = {"uid": 1200, "pid": 4000, "identity": "pidfd", "operation": "identify", "gallery": "missing-persons",
           "purpose": "missing-child-reunion", "sought": "missing", "probe": "photograph", "policy": POLICY}
KINDS = {
    0: {"kind": "start", "program": "0.1.0", "size": 0, "root": sha256(b"").hex(), "open": 0, "clean": 1},
    1: {"kind": "policy", "new": POLICY, "result": "loaded", "via": "start"},
    2: {"kind": "request", **REQUEST, "request": "a1" * 9 + f"{2:014x}", "verdict": "deny", "reason": "moratorium",
        "rule": "police-use", "moratoria": "police-use", "organisation": "city-police", "behalf": "county-sheriff state-police"},
    3: {"kind": "request", **REQUEST, "request": "b2" * 9 + f"{3:014x}", "verdict": "permit", "rule": "rescue",
        "organisation": "rescuer", "floor": 1600000, "limit": 5, "release": "scores", "given": "case",
        "detail": commitment("detail", *DETAIL), "job": commitment("job", *JOB)},
    4: {"kind": "outcome", "of": 3, "result": "ok", "candidates": 1, "matched": 1, "searched": 1000, "microseconds": 901},
    SIZE - 1: {"kind": "stop", "open": 0},
}


def leaf(index):
    time = 1790000000000000 + 1000000 * index
    fields = {"boot": BOOT, "boottime": 7000000 + 1000000 * index, "clock": "synchronised", "epoch": epoch_at(index),
              "index": index, "time": time, "v": 1, "wall": time, **KINDS.get(index, {"kind": "beat"})}
    if index in EPOCHS_END:
        fields.update(kind="epoch", next=public_key(epoch_key(epoch_at(index) + 1)).hex())
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


# ---------------------------------------------------------------------------------------------- C2SP texts

def checkpoint(leaves, size):
    # The last leaf that it covers is of its epoch: the checkpoint right behind an epoch leaf is the epoch's last.
    epoch = epoch_at(max(size - 1, 0))
    return note(ORIGIN, size, tree_hash(leaves[:size]),
                [(ORIGIN, LOG_SEED), (f"{ORIGIN}/epoch{epoch}", epoch_key(epoch))])


def proof(leaves, index, size):
    path = "".join(base64.b64encode(node).decode() + "\n" for node in audit_path(index, leaves[:size]))
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{path}\n".encode() + checkpoint(leaves, size)


# ------------------------------------------------------------------------------------------------- the files

def sizes_of_interest():
    return [*range(1, 18), 200, 255, 256, 257, SIZE]


def hexes(hashes):
    return " ".join(node.hex() for node in hashes) or "-"


def make():
    leaves = [leaf(index) for index in range(SIZE)]
    epochs = range(len(EPOCHS_END) + 1)
    lines = {
        "keys": [key_line(ORIGIN, LOG_SEED), *(key_line(f"{ORIGIN}/epoch{n}", epoch_key(n)) for n in epochs)],
        "ratchet": [f"{n} {epoch_seed(n).hex()} {epoch_key(n).hex()}" for n in epochs],
        "leaves": [entry.decode() for entry in leaves],
        "leaf-hashes": [f"{index} {sha256(bytes(1), entry).hex()}" for index, entry in enumerate(leaves)],
        "roots": [f"{size} {tree_hash(leaves[:size]).hex()}" for size in range(SIZE + 1)],
        "inclusion": [f"{index} {size} {hexes(audit_path(index, leaves[:size]))}" for size in sizes_of_interest()
                      for index in sorted({*range(min(size, 17)), size // 2, size - 1})],
        "consistency": [f"{old} {size} {hexes(consistency(old, leaves[:size]))}" for size in sizes_of_interest()
                        for old in sorted({*range(1, min(size, 17) + 1), size // 2 or 1, size})],
        "commitments": [f"{purpose} {salt.hex()} {data.hex() or '-'} {commitment(purpose, salt, data)}"
                        for purpose, (salt, data) in (("detail", DETAIL), ("job", JOB), ("detail", (JOB[0], b"")))],
    }
    files = {name: "".join(line + "\n" for line in content).encode() for name, content in lines.items()}
    files.update({f"checkpoint.{size}": checkpoint(leaves, size) for size in CHECKPOINTS})
    files.update({f"proof.{index}.{size}": proof(leaves, index, size) for index, size in PROOFS})
    for n, part in enumerate((leaves[:256], leaves[256:])):
        files[f"bundle.{n}"] = bundle(part)
        files[f"tile.0.{n}"] = b"".join(sha256(bytes(1), entry) for entry in part)
    return files


def check(files):
    passed, failed = 0, 0
    own = {"README.md", "make.py"}
    for name in sorted({path.name for path in HERE.iterdir() if path.is_file()} | set(files) - own):
        path = HERE / name
        if name in own or (name in files and path.exists() and path.read_bytes() == files[name]):
            passed += 1
        else:
            failed += 1
            print(f"{path}: {'not what make.py makes' if name in files else 'not one of the vectors'}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


def main():
    files = make()
    if sys.argv[1:] == ["--check"]:
        return check(files)
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    for name, data in files.items():
        (HERE / name).write_bytes(data)
    return 0


sys.exit(main())
