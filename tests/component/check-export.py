#!/usr/bin/env python3
"""The exported log against a second implementation of RFC 6962 (tests/support/check_export.py).

 1. A log grows through 1,000 random sizes; at each the signed root is the one that the leaves have.
 2. At some of those sizes, and at the boundaries of tiles, the whole folder is checked, file by file.
 3. Of clocks, marks, policies and epochs, leaves that break a rule are told from those that keep it.
 4. Where a writer was killed, what it wrote before the checkpoint that would have named it is let be, and nothing else.
 5. In a small export with three epochs one bit is flipped in every byte of every file, files are removed, added, cut and extended:
    each must be reported.

Usage: check-export.py MAKE-EXPORT [--grown]      prints "N passed, M failed"; exit status 0 when none failed

With --grown without 5, which tries nothing but the reader here: for a MAKE-EXPORT that takes longer.
"""
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import check_export  # noqa: E402

LARGEST = 70000
BOUNDARIES = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 65279, 65280, 65535, 65536, 65537, LARGEST]
WHOLE = 8  # random sizes at which the whole folder is checked, beside the boundaries
MUTATED = 12  # entries in the export whose bits are flipped: less than a bundle
MUTATED_FULL = 258  # and one with full tiles, in which every 64th byte is flipped


class Maker:
    """make-export, which grows a log as it is told."""

    def __init__(self, program, folder):
        self.process = subprocess.Popen([program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def grow(self, size, flags=""):
        self.process.stdin.write(f"{size}{flags}\n".encode())
        self.process.stdin.flush()
        note = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("make-export ended")
            note.append(line)
            # A note has one empty line, and make-export puts another behind it.
            if line == b"\n" and note.count(b"\n") == 2:
                return b"".join(note[:-1])

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise SystemExit("make-export failed")


def leaf(index):
    return b'{"epoch":0,"index":%d,"kind":"beat","text":"%s","v":1}' % (index, b"x" * min(index, 40))


class Frontier:
    """The roots of the complete subtrees, as a list of (level, hash): all that a growing tree needs."""

    def __init__(self):
        self.size, self.parts = 0, []

    def grow(self, size):
        while self.size < size:
            level, value = 0, check_export.leaf_hash(leaf(self.size))
            while self.parts and self.parts[-1][0] == level:
                value = check_export.node_hash(self.parts.pop()[1], value)
                level += 1
            self.parts.append((level, value))
            self.size += 1

    def root(self):
        if not self.parts:
            return check_export.tree_hash([])
        value = self.parts[-1][1]
        for _, left in reversed(self.parts[:-1]):
            value = check_export.node_hash(left, value)
        return value


def told(*leaves):
    """Whether these leaves break a rule of those between leaves."""
    marks, spans = check_export.Marks(), check_export.Spans()
    try:
        for index, fields in enumerate(leaves):
            check_export.check_policy(fields, index)
            marks.leaf(fields, index)
            spans.leaf(fields, index)
    except check_export.Fault:
        return True
    return False


def compare_rules(tally):
    def at(seconds, clock="synchronised", **fields):
        return {"wall": seconds * 1000000, "clock": clock, **fields}

    def jump(seconds, came_from, goes_to, clock="behind", **fields):
        return at(seconds, clock, kind="jump", **{"from": came_from * 1000000, "to": goes_to * 1000000}, **fields)

    def request(seconds, mark, clock="synchronised"):
        return at(seconds, clock, kind="request", **({} if mark is None else {"mark": mark * 1000000}))

    def after(minutes, kind="beat", **fields):
        return {"time": minutes * 60000000, "kind": kind, **fields}

    kept = [(after(0), after(15, "epoch"), after(16), after(31, "epoch")), (after(0), after(90, "start")),
            (after(0), after(90, "gap"), after(105)), (after(5), after(90, "jump"), after(106)), (after(9), after(5)),
            (after(0), after(10), after(90, "start"), after(96)),
            (), (at(9), at(4)), (at(9), at(3, "behind")), (at(9, "unsynchronised"), at(3)),
            (at(9), request(10, 9), request(11, 10)), (request(9, None, "unsynchronised"), request(10, None)),
            (at(90), jump(50, 90, 50, by=0), request(51, 50), at(45, "behind")),
            (at(90), jump(50, 90, 50), request(51, 90, "behind")),
            ({"result": "loaded", "wider": 1},), ({"result": "loaded", "wider": 0},), ({"result": "rejected"},)]
    broken = [(after(0), after(15), after(17)), (after(0), after(17, "epoch")), (after(0), after(10), after(90, "start"), after(97)),
              (after(0), after(90, "jump", by=0)), (after(0), after(9, "epoch"), after(26)),
              (at(9), at(3)), (at(9), at(4, "behind")), (at(9, "behind"),), (at(9), request(10, 10)), (at(9), request(10, None)),
              (request(9, 9),), (at(90), jump(50, 89, 50, by=0)), (at(90), jump(50, 90, 51, by=0)),
              (jump(50, 90, 50, "unsynchronised", by=0),), (at(90), jump(50, 90, 50), request(51, 50)),
              (at(90), jump(50, 90, 50, by=0), request(51, 90)), ({"result": "loaded", "wider": 2},),
              ({"result": "rejected", "wider": 0},), ({"result": "loaded", "wider": "1"},)]
    for leaves in kept:
        tally.expect(not told(*leaves), f"kept, and told: {leaves}")
    for leaves in broken:
        tally.expect(told(*leaves), f"broken, and not told: {leaves}")


class Tally:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def expect(self, good, what):
        self.passed += good
        self.failed += not good
        if not good and self.failed < 20:
            print(what)


def compare_roots(program, folder, tally):
    numbers = random.Random(20200610)
    sizes = sorted(numbers.sample(range(1, LARGEST), 1000) + BOUNDARIES)
    whole = set(BOUNDARIES) | set(numbers.sample(sizes, WHOLE))
    maker, frontier, vkey = Maker(program, folder), Frontier(), None
    for size in sizes:
        note = maker.grow(size, "x" if size in whole else "")
        vkey = vkey or check_export.parse_vkey((folder / "export/log.vkey").read_bytes())
        frontier.grow(size)
        # The signature of every tenth: one takes longer in Python than the tree does.
        if size % 10 == 0 or size in whole:
            said = check_export.open_checkpoint(note, vkey)
        else:
            lines = note.decode().split("\n")
            said = int(lines[1]), check_export.strict_base64(lines[2], "root")
        tally.expect(said == (size, frontier.root()), f"size {size}: another root")
        if size in whole:
            fault = fault_in(folder / "export")
            tally.expect(fault is None, f"size {size}: {fault}")
    maker.close()


def fault_in(export, killed=False):
    try:
        check_export.Export(export, killed).check()
    except check_export.Fault as fault:
        return str(fault)
    return None


def mutate(path, data, tally, step):
    """Every change of one file must be seen."""
    changed = bytearray(data)
    for at in range(0, len(data), step):
        bit = 1 << (at % 8)
        changed[at] ^= bit
        path.write_bytes(changed)
        tally.expect(fault_in(tally.export) is not None, f"{path}: bit {bit} of byte {at} flipped, unseen")
        changed[at] ^= bit
    for what, other in (("cut", data[:-1]), ("extended", data + b"\0"), ("doubled", data + data), ("emptied", b"")):
        path.write_bytes(other)
        tally.expect(fault_in(tally.export) is not None, f"{path}: {what}, unseen")
    path.write_bytes(data)


def make_small(program, folder, tally, size):
    maker = Maker(program, folder)
    maker.grow(3, "e")
    maker.grow(size - 2, "ex")
    maker.grow(size, "aex" if size == MUTATED_FULL else "ax")
    maker.close()
    tally.export = folder / "export"
    fault = fault_in(tally.export)
    tally.expect(fault is None, f"{folder}: {fault}")


def mutate_all(folder, tally, size, step):
    tally.export = folder / "export"
    needed = [path for path in sorted(tally.export.rglob("*")) if path.is_file()]
    for path in needed:
        data = path.read_bytes()
        mutate(path, data, tally, step if len(data) > 4096 else 1)
        if path.parent.name.endswith(".p") and int(path.name) != size % 256:
            continue  # a partial tile of an earlier checkpoint may go
        path.unlink()
        tally.expect(fault_in(tally.export) is not None, f"{path}: removed, unseen")
        path.write_bytes(data)
    for name in ("tile/0/007", "epoch/7"):
        extra = tally.export / name
        extra.write_bytes((tally.export / "epoch/1").read_bytes())
        tally.expect(fault_in(tally.export) is not None, f"{name}, a file that nothing calls for, unseen")
        extra.unlink()
    tally.expect(fault_in(tally.export) is None, "the export is as it was")


def compare_killed(program, folder, tally):
    """A checkpoint of 250 leaves, beside the tiles of 300 and the end of an epoch; the partial tiles are gone, for the full ones are there."""
    maker, export = Maker(program, folder), folder / "export"
    maker.grow(250, "ex")
    checkpoint = (export / "checkpoint").read_bytes()
    maker.grow(300, "ex")
    maker.close()
    (export / "checkpoint").write_bytes(checkpoint)
    tally.expect(fault_in(export) is not None, "what a kill leaves is no fault of a writer that ended by itself")
    tally.expect(fault_in(export, killed=True) is None, f"what a kill leaves: {fault_in(export, killed=True)}")
    for name, what in (("tile/entries/000", "a leaf"), ("tile/0/000", "a hash"), ("epoch/0", "the end of an epoch"), ("log.vkey", "a key")):
        data = (export / name).read_bytes()
        for other in (bytes([*data[:40], data[40] ^ 1, *data[41:]]), data[:60]):
            (export / name).write_bytes(other)
            tally.expect(fault_in(export, killed=True) is not None, f"{what} that is changed, unseen where a writer was killed")
        (export / name).write_bytes(data)
    for name in ("tile/0/001.p/300", "tile/0/000.p/007", "tile/6/000", "epoch/01", "other"):
        path = export / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"")
        tally.expect(fault_in(export, killed=True) is not None, f"{name}, unseen where a writer was killed")
        path.unlink()


def main():
    if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["--grown"]):
        raise SystemExit(__doc__[__doc__.index("Usage"):])
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="check-export.") as name:
        folder = pathlib.Path(name)
        compare_roots(sys.argv[1], folder / "grown", tally)
        compare_rules(tally)
        compare_killed(sys.argv[1], folder / "killed", tally)
        for small, size, step in (("small", MUTATED, 1), ("full", MUTATED_FULL, 64)):
            make_small(sys.argv[1], folder / small, tally, size)
            if sys.argv[2:] != ["--grown"]:
                mutate_all(folder / small, tally, size, step)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


sys.exit(main())
