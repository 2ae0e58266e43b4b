#!/usr/bin/env python3
"""A second implementation of what verifies an exported log, written from the specifications alone:

    RFC 6962 section 2.1 (Merkle tree), RFC 8032 (Ed25519), c2sp.org/signed-note, c2sp.org/tlog-checkpoint,
    c2sp.org/tlog-tiles, and the rules of docs for leaves (canonical JSON, marks), epochs and policy/<digest>/.

It shares nothing with the programs that it checks, reads everything strictly, and takes nothing for granted that is
in the folder: every file must be one that the checkpoint calls for, or a partial tile that agrees with it. Where the writer
was killed there may be what the next checkpoint would have called for, which is written before it.

Usage: check_export.py DIR [--vkey FILE]      exit status 0: all is well; 1: a fault, which is named; 2: usage
"""
import base64
import binascii
import hashlib
import json
import pathlib
import re
import sys

WIDTH, HASH_SIZE = 256, 32


class Fault(Exception):
    pass


# Ed25519, RFC 8032 section 5.1: verification only.

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, d - c, d + c, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_mul(s, point):
    result = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            result = point_add(result, point)
        point = point_add(point, point)
        s >>= 1
    return result


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def point_decompress(data):
    y = int.from_bytes(data, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
verified = {}  # results by what was asked: the same checkpoint is looked at many times in the tests


def ed25519_verify(public, message, signature):
    key = (public, message, signature)
    if key not in verified:
        verified[key] = ed25519_compute(public, message, signature)
    return verified[key]


def ed25519_compute(public, message, signature):
    a, r = point_decompress(public), point_decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    return point_equal(point_mul(s, BASE), point_add(r, point_mul(h, a)))


# The tree, RFC 6962 section 2.1.

def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_hash(hashes):
    """MTH as the RFC defines it."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return node_hash(tree_hash(hashes[:k]), tree_hash(hashes[k:]))


def tile_levels(hashes):
    """Every eighth level of the tree, from the leaves: the roots over each whole group of 256 of the one below."""
    levels = []
    while hashes:
        levels.append(hashes)
        hashes = [tree_hash(hashes[i:i + WIDTH]) for i in range(0, len(hashes) - WIDTH + 1, WIDTH)]
    return levels


# Notes.

def strict_base64(text, what):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Fault(f"{what}: not base64") from error
    if base64.b64encode(data).decode() != text:
        raise Fault(f"{what}: base64 that is not canonical")
    return data


def key_id(name, public):
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def parse_vkey(data):
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise Fault("vkey: not ASCII") from error
    if not text.endswith("\n") or "\n" in text[:-1] or text.count("+") < 2:
        raise Fault("vkey: not one line name+id+key")
    name, number, key = text[:-1].split("+", 2)
    typed = strict_base64(key, "vkey")
    if not re.fullmatch("[!-~]+", name) or len(typed) != 33 or typed[0] != 1:
        raise Fault("vkey: not an Ed25519 key")
    if key_id(name, typed[1:]).hex() != number:
        raise Fault("vkey: the key id is not that of name and key")
    return name, typed[1:]


def open_checkpoint(data, vkey, log=None):
    """Size and root, believed only with a signature by the key; the log is the key's name where nothing else is said."""
    name, public = vkey
    log = log or name
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault("checkpoint: not UTF-8") from error
    body, split, signatures = text.partition("\n\n")
    lines = body.split("\n")
    if not split or len(lines) != 3 or not signatures.endswith("\n"):
        raise Fault("checkpoint: not origin, size, root and signatures")
    origin, size, root = lines
    if origin != log:
        raise Fault(f"checkpoint: of the log {origin}, not {log}")
    if not re.fullmatch("0|[1-9][0-9]{0,18}", size):
        raise Fault("checkpoint: the size is no shortest decimal")
    good = 0
    for line in signatures[:-1].split("\n"):
        match = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
        if not match:
            raise Fault("checkpoint: a malformed signature line")
        signature = strict_base64(match.group(2), "checkpoint")
        if match.group(1) != name or signature[:4] != key_id(name, public):
            continue
        if len(signature) != 68 or not ed25519_verify(public, (body + "\n").encode(), signature[4:]):
            raise Fault("checkpoint: the signature is wrong")
        good += 1
    if good != 1:
        raise Fault(f"checkpoint: not signed by the key of {name}")
    root = strict_base64(root, "checkpoint")
    if len(root) != 32:
        raise Fault("checkpoint: the root is not 32 bytes")
    return int(size), root


# Leaves: flat canonical JSON, strings without escapes, integers.

canonical = set()  # leaves that were found so at their index


def check_leaf(data, index):
    if (index, data) in canonical:
        return
    try:
        fields = json.loads(data.decode("ascii"), parse_float=lambda text: None)
    except (UnicodeDecodeError, ValueError) as error:
        raise Fault(f"leaf {index}: not JSON in ASCII") from error
    if not isinstance(fields, dict) or not fields:
        raise Fault(f"leaf {index}: not an object")
    for key, value in fields.items():
        if type(value) not in (str, int) or (isinstance(value, int) and not 0 <= value < 2**53):
            raise Fault(f"leaf {index}: {key} is neither a string nor an integer of 53 bits")
    if json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() != data or b"\\" in data:
        raise Fault(f"leaf {index}: not canonical")
    if "index" in fields and fields["index"] != index:
        raise Fault(f"leaf {index}: says that it is {fields['index']}")
    canonical.add((index, data))


def check_policy(fields, index):
    """`wider` stands in what was loaded, as 0 or 1, or nowhere."""
    if "wider" in fields and (fields.get("result") != "loaded" or fields["wider"] not in (0, 1)):
        raise Fault(f"leaf {index}: wider is {fields['wider']!r} in a policy that was {fields.get('result')}")


class Marks:
    """The mark: the largest wall of the earlier leaves with clock synchronised since the last jump with by, beginning
    at its to. Leaves that say nothing of clocks are looked at for nothing."""

    def __init__(self):
        self.mark = None

    def leaf(self, fields, index):
        if "clock" not in fields or "wall" not in fields:
            return
        wall, clock, rebase = fields["wall"], fields["clock"], fields.get("kind") == "jump" and "by" in fields
        behind = self.mark is not None and wall < self.mark - 5000000
        if behind != (clock == "behind"):
            raise Fault(f"leaf {index}: clock is {clock}, with the wall at {wall} and the mark at {self.mark}")
        if fields.get("kind") == "request" and fields.get("mark") != self.mark:
            raise Fault(f"leaf {index}: mark is {fields.get('mark')}, not {self.mark}")
        if rebase and (self.mark is None or fields.get("from") != self.mark or fields.get("to") != wall):
            raise Fault(f"leaf {index}: the mark {self.mark} is not set back from it to the leaf's own wall")
        if rebase:
            self.mark = wall
        elif clock == "synchronised":
            self.mark = max(self.mark or 0, wall)


class Spans:
    """How long an epoch lasts: log time, but for the time before a start, a gap, and a jump that nobody asked for."""

    LONGEST = 16 * 60 * 1000000

    def __init__(self):
        self.latest, self.span = None, 0

    def leaf(self, fields, index):
        if "time" not in fields:
            return
        kind, time = fields.get("kind"), fields["time"]
        counts = not (kind in ("start", "gap") or (kind == "jump" and "by" not in fields))
        if self.latest is not None and counts:
            self.span += max(0, time - self.latest)
        self.latest = max(self.latest or 0, time)
        if self.span > self.LONGEST:
            raise Fault(f"leaf {index}: its epoch should have ended before it")
        if kind == "epoch":
            self.span = 0


# Tiles.

def tile_name(n):
    parts = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        parts.insert(0, f"x{n % 1000:03d}")
    return "/".join(parts)


def read_bundle(data, count, what):
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at:at + 2], "big")
        if at + 2 > len(data) or at + 2 + length > len(data):
            raise Fault(f"{what}: ends within an entry")
        entries.append(data[at + 2:at + 2 + length])
        at += 2 + length
    if len(entries) != count:
        raise Fault(f"{what}: {len(entries)} entries, not {count}")
    return entries


class Export:
    def __init__(self, folder, killed=False):
        """@killed: the writer did not end by itself."""
        self.folder, self.killed = pathlib.Path(folder), killed
        self.files = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir()}
        self.seen = set()

    def read(self, name):
        self.seen.add(name)
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise Fault(f"{name}: {error.strerror}") from error

    def tile(self, kind, n, width):
        """The name of a tile with so many items, and whether it is the full one: where a writer was killed that may stand in the
        place of the partial ones before a checkpoint says so."""
        full = f"tile/{kind}/{tile_name(n)}"
        partial = f"{full}.p/{width}"
        is_full = width == WIDTH or (self.killed and partial not in self.files and full in self.files)
        return (full if is_full else partial), is_full

    def entries(self, size):
        entries = []
        for n in range((size + WIDTH - 1) // WIDTH):
            count = min(WIDTH, size - n * WIDTH)
            name, is_full = self.tile("entries", n, count)
            entries += read_bundle(self.read(name), WIDTH if is_full else count, name)[:count]
        return entries

    def tiles(self, levels):
        """Every tile that the tree of these leaves has, byte for byte."""
        for level, hashes in enumerate(levels):
            for n in range((len(hashes) + WIDTH - 1) // WIDTH):
                part = b"".join(hashes[n * WIDTH:(n + 1) * WIDTH])
                name, is_full = self.tile(level, n, len(part) // HASH_SIZE)
                data = self.read(name)
                if data[:len(part)] != part or len(data) != (WIDTH * HASH_SIZE if is_full else len(part)):
                    raise Fault(f"{name}: not the hashes of its leaves")

    def older_partial(self, entries, levels):
        """Partial tiles of earlier checkpoints may stand until the full one does."""
        for name in sorted(self.files - self.seen):
            match = re.fullmatch(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})\.p/([1-9][0-9]{0,2})", name)
            if not match:
                continue
            n, width = int(re.sub("[x/]", "", match.group(2))), int(match.group(3))
            if tile_name(n) != match.group(2) or width >= WIDTH:
                continue
            kind = match.group(1)
            items = entries if kind == "entries" else levels[int(kind)] if int(kind) < len(levels) else []
            part = items[n * WIDTH:n * WIDTH + width]
            if len(part) < width and self.killed:
                continue
            if len(part) < width:
                raise Fault(f"{name}: beyond the checkpoint")
            data = self.read(name)
            if (read_bundle(data, width, name) != part) if kind == "entries" else (data != b"".join(part)):
                raise Fault(f"{name}: does not agree with the checkpoint")

    @staticmethod
    def is_beyond(name, levels, n_epochs):
        """Whether a file is one that a later checkpoint calls for, and this one does not."""
        epoch = re.fullmatch(r"epoch/(0|[1-9][0-9]*)", name)
        if epoch:
            return int(epoch[1]) >= n_epochs
        tile = re.fullmatch(r"tile/(entries|[0-5])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", name)
        if not tile or int(tile[3] or 0) >= WIDTH:
            return False
        level, n = 0 if tile[1] == "entries" else int(tile[1]), int(re.sub("[x/]", "", tile[2]))
        n_hashes = len(levels[level]) if level < len(levels) else 0
        return tile_name(n) == tile[2] and n * WIDTH + int(tile[3] or WIDTH) > n_hashes

    def policies(self):
        """policy/<digest>/: the digest over path NUL length NUL bytes of each file, `.ids` last."""
        groups = {}
        for name in self.files:
            match = re.fullmatch(r"policy/([0-9a-f]{64})/(.+)", name)
            if match:
                groups.setdefault(match.group(1), []).append(match.group(2))
        for digest, paths in groups.items():
            state = hashlib.sha256()
            for path in sorted(paths, key=lambda path: (path == ".ids", path.encode())):
                data = self.read(f"policy/{digest}/{path}")
                state.update(path.encode() + b"\0" + str(len(data)).encode() + b"\0" + data)
            if state.hexdigest() != digest:
                raise Fault(f"policy/{digest}: the texts have another digest")

    def epochs(self, vkey, hashes, leaves):
        """The second signature: of the epoch's key, which the end of the epoch before names, the first from epoch0.vkey. Return: how
        many epochs have ended."""
        log = vkey[0]
        key, before, number, spans = parse_vkey(self.read("epoch0.vkey")), None, 0, Spans()
        if key[0] != f"{log}/epoch0":
            raise Fault(f"epoch0.vkey: the key of {key[0]}")
        for index, fields in enumerate(leaves):
            spans.leaf(fields, index)
            if fields.get("epoch") != number:
                raise Fault(f"leaf {index}: epoch is {fields.get('epoch')}, not {number}")
            before = None
            if fields.get("kind") != "epoch":
                continue
            note = self.read(f"epoch/{number}")
            for one in (vkey, key):
                if open_checkpoint(note, one, log) != (index + 1, tree_hash(hashes[:index + 1])):
                    raise Fault(f"epoch/{number}: not the checkpoint of the log up to leaf {index}")
            if not re.fullmatch("[0-9a-f]{64}", fields.get("next", "")):
                raise Fault(f"leaf {index}: no key of the next epoch")
            number += 1
            before, key = key, (f"{log}/epoch{number}", bytes.fromhex(fields["next"]))
        # The checkpoint that ends with the last leaf of an epoch is that epoch's.
        open_checkpoint(self.read("checkpoint"), before or key, log)
        return number

    def check(self, vkey_data=None):
        own = self.read("log.vkey")
        if vkey_data is not None and own != vkey_data:
            raise Fault("log.vkey: not the verifier key that was given")
        vkey = parse_vkey(own)
        size, root = open_checkpoint(self.read("checkpoint"), vkey)
        entries = self.entries(size)
        hashes = [leaf_hash(entry) for entry in entries]
        if tree_hash(hashes) != root:
            raise Fault("checkpoint: the entries have another root")
        marks, leaves = Marks(), []
        for index, entry in enumerate(entries):
            check_leaf(entry, index)
            leaves.append(json.loads(entry))
            check_policy(leaves[index], index)
            marks.leaf(leaves[index], index)
        n_epochs = self.epochs(vkey, hashes, leaves)
        levels = tile_levels(hashes)
        self.tiles(levels)
        self.older_partial(entries, levels)
        self.policies()
        unknown = {name for name in self.files - self.seen if not name.startswith(".tmp/")
                   and not (self.killed and self.is_beyond(name, levels, n_epochs))}
        if unknown:
            raise Fault(f"{sorted(unknown)[0]}: nothing calls for this file")
        return size, root


def main(arguments):
    vkey = None
    if len(arguments) == 3 and arguments[1] == "--vkey":
        vkey = pathlib.Path(arguments[2]).read_bytes()
    elif len(arguments) != 1:
        print(__doc__.rsplit("\n\n", 1)[1], file=sys.stderr)
        return 2
    try:
        size, root = Export(arguments[0]).check(vkey)
    except Fault as fault:
        print(fault)
        return 1
    print(f"{size} entries, root {root.hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
