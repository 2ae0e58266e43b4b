"""What a taken-over guard tells the worker about one job, in the place of the true one, and what must come of it: a table.

A row is a name, what is said (a function of the job as it came; it returns packets), and what must happen: a part of the reason
with which the worker refuses, or one for each of several jobs; DONE, or ENDED, the worker ends. The true job follows nowhere:
its index is as good as new, so that nothing but what was changed can be the reason.
"""
import copy
import json
import struct

import definitions
import wild
from relay import CANCEL, CHECKPOINT, ENGINE, HELLO, JOB, RESULT, Job
from wild import Shot

DONE, ENDED = "done", "ended"
NOT_IN_LOG, OTHER_JOB, NONE_ACCEPTED = "not in the log", "not the one that was recorded", "no checkpoint was accepted"
LEAF_MAX = 16384


def changed(**members):
    """The job, but for some members; what is a function is given the member as it was."""
    def make(at):
        other = copy.copy(at.job)
        for name, value in members.items():
            setattr(other, name, value(getattr(other, name)) if callable(value) else value)
        return [Shot(JOB, other.pack())]
    return make


def leaf(old, new):
    """Bytes of the leaf, as many as there were."""
    def change(data):
        assert old in data, (old, data)
        return data.replace(old, new, 1)
    return changed(leaf=change)


def member(name, value):
    """A member of the leaf is another."""
    def change(data):
        fields = json.loads(data)
        assert fields.get(name) != value
        return json.dumps({**fields, name: value}, sort_keys=True, separators=(",", ":")).encode()
    return changed(leaf=change)


def flip(at):
    def change(data):
        spot = at % len(data)
        return data[:spot] + bytes([data[spot] ^ 1]) + data[spot + 1:]
    return change


def flip_node(i):
    def change(path):
        path = list(path)
        path[i % len(path)] = flip(7)(path[i % len(path)])
        return path
    return changed(path=change)


def instead(kind, verdict=None):
    """Another leaf of the log, with its true path to the checkpoint at hand."""
    def make(at):
        leaves = at.leaves(at.job.tree_size)
        index, found = next((index, entry) for index, entry in enumerate(leaves) if json.loads(entry)["kind"] == kind
                            and verdict in (None, json.loads(entry).get("verdict")) and index != at.job.index)
        return changed(index=index, leaf=found, path=definitions.audit_path(index, leaves))(at)
    return make


def under_its_name(kind, verdict=None):
    """Another leaf of the log, with its true path, that is said to be the job's."""
    def make(at):
        shot, = instead(kind, verdict)(at)
        return [Shot(JOB, struct.pack("<Q", at.job.index) + shot.body[8:])]
    return make


def again(which):
    """A job that was done before, in this session, with a true path of now."""
    def make(at):
        old, leaves = at.done[which], at.leaves(at.job.tree_size)
        other = copy.copy(old)
        other.tree_size, other.path = at.job.tree_size, definitions.audit_path(old.index, leaves)
        return [Shot(JOB, other.pack())]
    return make


def as_it_was(at):
    return [Shot(JOB, at.done[-1].pack())]


def entry(change):
    """The bytes of the work."""
    return changed(data=change)


def then_the_job(*shots):
    return lambda at: [*(shot(at) for shot in shots), Shot(JOB, at.job.pack())]


class Note:
    """A CHECKPOINT taken apart."""

    def __init__(self, body):
        n, = struct.unpack_from("<H", body)
        self.text = body[2:2 + n].decode()
        self.old_size, n_proof = struct.unpack_from("<QH", body, 3 + n)
        self.proof = [body[13 + n + 32 * i:45 + n + 32 * i] for i in range(n_proof)]

    def shot(self):
        data = self.text.encode()
        proof = struct.pack("<QH", self.old_size, len(self.proof)) + b"".join(self.proof)
        return Shot(CHECKPOINT, struct.pack("<H", len(data)) + data + b"\0" + proof)


def checkpoint(change, which=-1):
    """A checkpoint that came, changed, before the job."""
    def make(at):
        note = Note(at.checkpoints[which])
        change(note)
        return note.shot()
    return then_the_job(make)


def note(change):
    def apply(found):
        found.text = change(found.text)
    return checkpoint(apply)


def lines(change):
    """The lines of a note: origin, size, root, nothing, signatures."""
    def apply(text):
        found = text.split("\n")
        change(found)
        return "\n".join(found)
    return note(apply)


def set_line(number, change):
    def apply(found):
        found[number] = change(found[number])
    return lines(apply)


def flip_base64(text, at=20):
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]


def proof(change, old_size=None):
    def apply(found):
        found.proof = change(found.proof)
        found.old_size = found.old_size if old_size is None else old_size(found.old_size)
    return checkpoint(apply)


def raw(kind, make=lambda at: at.job.pack(), **more):
    return lambda at: [Shot(kind, make(at), **more)]


def same(data):
    return data


LEAVES = [
    *((f"{name} is {value!r}", member(name, value)) for name, value in (
        ("limit", 1000), ("limit", 1), ("release", "scores"), ("release", "decision"), ("floor", 0), ("floor", 2000000),
        ("gallery", "voices"),
        ("gallery-kind", "event"), ("gallery-maximum", 9), ("operation", "list"), ("operation", "identify-stored"),
        ("operation", "remove"),
        ("model", "other"), ("dimension", 8), ("uid", 0), ("verdict", "deny"), ("kind", "outcome"), ("worker", "0" * 32),
        ("v", 2), ("index", 0),
        ("policy", "0" * 64), ("time", 0), ("organisation", "keeper"), ("allow", "upkeep"), ("job", "A" * 43),
        ("more", "than there was"))),
    ("one byte of the leaf", changed(leaf=flip(100))), ("its last byte", changed(leaf=flip(-1))),
    ("a space in it", changed(leaf=lambda data: data + b" ")),
    ("a leaf cut", changed(leaf=lambda data: data[:-1])), ("a leaf twice", changed(leaf=lambda data: data * 2)),
    ("a leaf of one byte", changed(leaf=b"{")), ("the largest leaf", changed(leaf=b"x" * LEAF_MAX)),
]

PROOFS = [
    *((f"hash {i} of the path", flip_node(i)) for i in range(4)), ("the last hash of the path", flip_node(-1)),
    ("no path", changed(path=[])), ("a path too short", changed(path=lambda path: path[:-1])),
    ("a path without its first", changed(path=lambda path: path[1:])),
    ("a path too long", changed(path=lambda path: [*path, bytes(32)])), ("a path twice", changed(path=lambda path: path * 2)),
    ("a path turned round", changed(path=lambda path: path[::-1])), ("128 hashes", changed(path=[bytes(32)] * 128)),
    ("the next index", changed(index=lambda index: index + 1)), ("the index before", changed(index=lambda index: index - 1)),
    ("the first index", changed(index=0)), ("the last index", changed(index=2 ** 64 - 1)),
]

SIZES = [*((f"a size of {what}", changed(tree_size=change)) for what, change in (
    ("one less", lambda size: size - 1), ("one more", lambda size: size + 1), ("nothing", 0),
    ("the last number", 2 ** 64 - 1)))]

# With true paths, which takes the export its time: all of them in the place of one job.
OTHERS = [
    (instead("request", "deny"), "no permit"), (instead("start"), "no request"), (instead("policy"), "no request"),
    (instead("outcome"), "no request"),
    (instead("request", "permit"), "another session"), (again(-1), "after the last one"), (again(0), "after the last one"),
    (under_its_name("request", "deny"), NOT_IN_LOG), (under_its_name("start"), NOT_IN_LOG),
]

WORK = [
    *((f"byte {at} of the work", entry(flip(at))) for at in (0, 1, 5, 8, 12, 40, -1)),
    ("a byte more of it", entry(lambda data: data + b"\0")),
    ("a byte less of it", entry(lambda data: data[:-1])), ("no work", entry(lambda data: b"")),
    ("the work twice", entry(lambda data: data * 2)),
    ("1 MiB of work", entry(lambda data: bytes(1 << 20))),
    ("another model in it", entry(lambda data: data.replace(b"test-16", b"test-61"))),
    *((f"byte {at} of the salt", changed(salt=flip(at))) for at in (0, 31)), ("no salt", changed(salt=bytes(32))),
    ("work and salt of the job before", lambda at: changed(data=at.done[-1].data, salt=at.done[-1].salt)(at)),
    ("the salt of the job before", lambda at: changed(salt=at.done[-1].salt)(at)),
]

CHECKPOINTS = [
    *((f"a signature with byte {at} flipped", note(lambda text, at=at: flip_base64(text, at))) for at in (-10, -30, -100)),
    ("another root", set_line(2, flip_base64)), ("another size", set_line(1, lambda size: str(int(size) + 1))),
    ("a smaller size", set_line(1, lambda size: str(int(size) - 1))),
    ("a size of nothing", set_line(1, lambda size: "0")),
    ("a size with a zero before it", set_line(1, lambda size: f"0{size}")),
    ("another log", set_line(0, lambda origin: f"{origin}x")), ("no log", set_line(0, lambda origin: "")),
    ("no signature", note(lambda text: text.partition("\n\n")[0] + "\n\n")),
    ("no note", note(lambda text: "")), ("a line more", lines(lambda found: found.insert(3, "more"))),
    ("a line less", lines(lambda found: found.pop(2))),
    ("signatures of others only", lines(lambda found: found.__setitem__(slice(4, None),
        [line for line in found[4:] if "/epoch" in line] + [""]))),
    ("a note without its last newline", note(lambda text: text[:-1])),
    ("a note of 60,000 bytes", note(lambda text: text + "x" * 60000)),
    ("the first checkpoint", checkpoint(same, 0)), ("the one before", checkpoint(same, -2)),
    ("the last one again", checkpoint(same)),
    ("the last one, from nothing", proof(lambda hashes: [], lambda size: 0)),
    ("the last one, from far away", proof(same, lambda size: 2 ** 64 - 1)),
    ("the last one, with a hash more", proof(lambda hashes: [*hashes, bytes(32)])),
    ("the last one with 128", proof(lambda hashes: [bytes(32)] * 128)),
]

UNREADABLE = [
    *((f"a job cut at {at}", raw(JOB, lambda at_, at=at: at_.job.pack()[:at])) for at in (0, 8, 17, 60, -1)),
    ("a job with a byte more", raw(JOB, lambda at: at.job.pack() + b"\0")), ("a job without a leaf", changed(leaf=b"")),
    ("a leaf too large", changed(leaf=b"x" * (LEAF_MAX + 1))), ("129 hashes", changed(path=[bytes(32)] * 129)),
    ("a checkpoint cut", raw(CHECKPOINT, lambda at: at.checkpoints[-1][:-1])),
    ("a cancelling cut", raw(CANCEL, lambda at: bytes(7))),
    *((f"message {kind}", raw(kind)) for kind in (0, 1, 32, HELLO, RESULT, ENGINE, 63, 67, 255)), ("flags", raw(JOB, flags=2)),
    ("a zero that is none", raw(JOB, zero=1)),
    ("a length that is not so", raw(JOB, length=9)), ("an open memfd",
        raw(JOB, lambda at: at.job.pack() + bytes(70000), memfd="open")),
    ("descriptors with a job", raw(JOB, n_fds=1)), ("descriptors with a checkpoint",
        raw(CHECKPOINT, lambda at: at.checkpoints[-1], n_fds=2)),
]


def cancel(change):
    return lambda at: Shot(CANCEL, struct.pack("<Q", change(at.job.index) % 2 ** 64))


TRUE = [
    ("as it came", changed()), ("no deadline to speak of", changed(deadline=2 ** 64 - 1)),
    ("others cancelled first", then_the_job(cancel(lambda i: i + 1), cancel(lambda i: 0))),
    ("itself cancelled first", then_the_job(cancel(same))),
]

CASES = [*((*row, NOT_IN_LOG) for row in LEAVES + PROOFS), *((*row, "last checkpoint") for row in SIZES),
    ("the last job as it was", as_it_was, "last checkpoint"),
         ("other leaves of the log", lambda at: [shot for make, _ in OTHERS for shot in make(at)],
             tuple(why for _, why in OTHERS)),
         *((*row, OTHER_JOB) for row in WORK),
         *((*row, NONE_ACCEPTED) for row in CHECKPOINTS), *((*row, DONE) for row in TRUE),
         *((*row, ENDED) for row in UNREADABLE)]


def readable(shot):
    """Whether the worker can read a packet, as far as this can be told: else it ends."""
    if shot.kind not in (JOB, CHECKPOINT, CANCEL) or shot.n_fds or shot.zero or shot.length != len(shot.body):
        return False
    if shot.memfd != ("sealed" if len(shot.body) > wild.INLINE_MAX else None) or shot.flags != int(shot.memfd is not None):
        return False
    found = wild.pieces(shot.kind, shot.body)
    if shot.kind == CANCEL:
        return len(found) == 1 and len(found[0]) == 8
    if shot.kind == CHECKPOINT:
        n_proof = int.from_bytes(found[3], "little") if len(found) > 3 else 129
        return n_proof <= 128 and len(found) == 4 + n_proof and found[1].endswith(b"\0") and found[1].count(b"\0") == 1 and is_utf8(found[1])
    n_path = int.from_bytes(found[2], "little") if len(found) > 2 else 129
    return n_path <= 128 and len(found) == 3 + n_path + 6 and 1 <= len(found[-3]) <= LEAF_MAX


def is_utf8(data):
    try:
        return bool(data.decode()) or True
    except UnicodeDecodeError:
        return False


def is_true(body, job):
    """Whether a JOB is one as it came, but for its deadline."""
    try:
        other = Job(body)
    except (AssertionError, struct.error):
        return False
    other.deadline = job.deadline
    return other.pack() == job.pack()
