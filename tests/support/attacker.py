"""Root after the fact: takes the keys that lie on the machine and rewrites an exported log with them, from the definitions.
For tests that show what such a one can do, and who notices.
"""
import base64
import hashlib
import json
import shutil
import struct

from definitions import bundle, note, public_key, signing_seed, tree_hash

SLOT_SIZE = 2048


def read_entries(export, size):
    """The leaves that a checkpoint of an export covers, of less than 256, as bytes."""
    data, leaves = (export / f"tile/entries/000.p/{size}").read_bytes(), []
    while data:
        length = int.from_bytes(data[:2], "big")
        leaves.append(data[2:2 + length])
        data = data[2 + length:]
    return leaves


def canonical(fields):
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


class Keys:
    """What signs on a machine at an instant: the log's key, and the seed of the epoch at hand."""

    def __init__(self, trail):
        self.log = (trail / "log.key").read_bytes()
        self.epoch, self.seed = max(filter(None, map(self._slot, (0, 1), [(trail / "epoch.seed").read_bytes()] * 2)))

    @staticmethod
    def _slot(number, data):
        """As daemon/trail/epoch-key.c lays it out."""
        magic, epoch, seed, digest = struct.unpack_from(">8sQ32s32s", data, SLOT_SIZE * number)
        whole = magic == b"MGEPOCH1" and hashlib.sha256(data[SLOT_SIZE * number:][:48]).digest() == digest
        return (epoch, seed) if whole else None


class Log:
    """An exported log of less than 256 leaves, to be changed and written again."""

    def __init__(self, export):
        self.export = export
        self.checkpoint = (export / "checkpoint").read_bytes()
        self.leaves = read_entries(export, note_parts(self.checkpoint)[1])
        notes = {int(path.name): path.read_bytes() for path in (export / "epoch").iterdir()}
        # The export may have gone on since.
        self.notes = {number: data for number, data in notes.items() if note_parts(data)[1] <= len(self.leaves)}
        self.origin = self.checkpoint.split(b"\n")[0].decode()

    def fields(self):
        return [json.loads(leaf) for leaf in self.leaves]

    def set_fields(self, fields):
        """Other leaves, in order; each is told where it now stands, and where those stand that it names."""
        now_at = {leaf["index"]: index for index, leaf in enumerate(fields)}
        for leaf in fields:
            if "of" in leaf:
                leaf["of"] = now_at[leaf["of"]]
            if leaf.get("request", "").endswith(f"{leaf['index']:014x}"):
                leaf["request"] = leaf["request"][:18] + f"{now_at[leaf['index']]:014x}"
            leaf["index"] = now_at[leaf["index"]]
        self.leaves = [canonical(leaf) for leaf in fields]

    def sign(self, keys, epoch_name=None):
        """A new checkpoint over what the leaves are now, with the keys that there are."""
        name = f"{self.origin}/epoch{keys.epoch}" if epoch_name is None else epoch_name
        self.checkpoint = note(self.origin, len(self.leaves), tree_hash(self.leaves),
                               [(self.origin, keys.log), (name, signing_seed(keys.seed))])

    def resign_epoch(self, number, keys):
        """Signs the checkpoint that ended an epoch anew, over the leaves as they are: by the log's key, and under that
        epoch's name by the only seed that there is."""
        size = 1 + [leaf["kind"] for leaf in self.fields()].index("epoch", self._first_of(number))
        self.notes[number] = note(self.origin, size, tree_hash(self.leaves[:size]),
                                  [(self.origin, keys.log), (f"{self.origin}/epoch{number}", signing_seed(keys.seed))])

    def _first_of(self, number):
        return next(index for index, leaf in enumerate(self.fields()) if leaf["epoch"] == number)

    def name_own_key(self, number, keys):
        """Has the leaf that ends the epoch before `number` name the key that is at hand."""
        fields = self.fields()
        end = self._first_of(number) - 1
        fields[end] = {**fields[end], "next": public_key(signing_seed(keys.seed)).hex()}
        self.set_fields(fields)

    def write(self, directory):
        """A complete export in a folder of its own. Return: the folder."""
        for name in ("log.vkey", "epoch0.vkey"):
            directory.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.export / name, directory / name)
        shutil.copytree(self.export / "policy", directory / "policy")
        hashes = b"".join(hashlib.sha256(b"\0" + leaf).digest() for leaf in self.leaves)
        for path, data in ((f"tile/entries/000.p/{len(self.leaves)}", bundle(self.leaves)),
                           (f"tile/0/000.p/{len(self.leaves)}", hashes), ("checkpoint", self.checkpoint),
                           *((f"epoch/{number}", data) for number, data in self.notes.items())):
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(data)
        return directory


def note_parts(data):
    """Origin, size and root of a checkpoint, and its signature lines: name, and key id with signature."""
    text, _, lines = data.partition(b"\n\n")
    origin, size, root = text.decode().split("\n")
    signatures = [line.split(" ") for line in lines.decode().splitlines()]
    return origin, int(size), base64.b64decode(root), [(name, base64.b64decode(blob)) for _, name, blob in signatures]
