"""Messages that nobody would send: valid ones of every type, changed along their structure, from a seed.

A Shot is what goes out by one sendmsg(2): a header, a body beside it or in a memfd, and descriptors. Wild makes them from
valid messages: it knows where their fields begin (LAYOUTS, along daemon/wire/message.h), so that what it changes is a
number, a length, a text or the order of fields more often than a byte anywhere.
"""
import array
import datetime
import fcntl
import os
import random
import socket
import struct

from fakeguard import (ANSWER, CALL, CHILD_GONE, CLOSED, CONNECT, CREDIT, HANG_UP, REFUSED, SPAWN)
from relay import CANCEL, CHECKPOINT, ENGINE, GALLERY, HELLO, JOB, RESULT

HEADER = 8
INLINE_MAX = 65536 - HEADER
BODY_MAX = 2 << 20
F_ADD_SEALS, ALL_SEALS = 1033, 0x1 | 0x2 | 0x4 | 0x8
NUMBERS = [0, 1, 2, 0x7f, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 2 ** 53 - 1, 2 ** 53, 2 ** 63 - 1, 2 ** 63,
    2 ** 64 - 1,
           0x7ff0000000000000, 0x7ff8000000000001, 0xfff0000000000000, 0x3ff0000000000001]
TEXTS = [b"", b"a", b"ok", b"faces", b"identify", b"compare", b"../../etc/shadow", b"a b", b"Faces", b"\xff\xfe",
    b"\xed\xa0\x80",
         b"a\nb", b"x" * 64, b"x" * 65, b"y" * 513, b"z" * 65535, b"\"},{\"kind\":\"request\"", b"%s%n%s", b"0" * 32,
         b"worker-gone",
         b"model-mismatch", b"bad-template", b"rescuer", b"any", b"missing-child-reunion"]

MATCH = "str opt str opt opt list list opt opt opt ?8 ?4 blob"
LAYOUTS = {SPAWN: "8 1 4", CHILD_GONE: "8 4", CONNECT: "8", HANG_UP: "8", CLOSED: "8", CREDIT: "4", REFUSED: "8 1",
           CALL: "8 8 1 " + MATCH, HELLO: "=16 str str str str 8 =32 list", CANCEL: "8", CHECKPOINT: "str 8 hashes",
           JOB: "8 8 hashes 8 =32 blob blob",
           RESULT: "8 str str 1 ?8 8 8 8 8 str candidates list", GALLERY: "str 1 8 8", ENGINE: "str str 8 8 str"}
# Not STOPPING: it has no body to change, and whoever says it by chance is given nothing more to play with.
TYPES = [*LAYOUTS, ANSWER, 0, 3, 15, 20, 35, 52, 67, 255]


def pieces(kind, body):
    """A valid body as the fields that it is made of, lengths and flags apart; anything else as one piece."""
    found, at = [], 0

    def take(n):
        nonlocal at
        if at + n > len(body):
            raise ValueError("not such a message")
        found.append(body[at:at + n])
        at += n
        return int.from_bytes(found[-1], "little")

    def many(each):
        for _ in range(take(2)):
            for one in each:
                field(one)

    def field(form):
        if form == "str":
            take(take(2) + 1)
        elif form == "blob":
            take(take(4))
        elif form in ("list", "candidates", "hashes"):
            many({"list": ["str"], "candidates": ["str", "?8"], "hashes": ["=32"]}[form])
        elif form in ("opt", "?8", "?4"):
            if take(1):
                field("str" if form == "opt" else form[1:])
        else:
            take(int(form.lstrip("=")))

    try:
        for form in LAYOUTS.get(kind, "").split():
            field(form)
            if kind == CALL and len(found) == 3 and found[2] != b"\0":
                break
    except ValueError:
        return [body]
    return [*found, body[at:]] if at < len(body) else found


class Shot:
    """One packet as it goes out."""

    def __init__(self, kind, body, flags=None, zero=0, length=None, n_fds=0, memfd=None):
        """@memfd: None or how its body lies there: "sealed", "open" or "short"."""
        self.kind, self.body, self.n_fds = kind, body, n_fds
        self.memfd = memfd or ("sealed" if len(body) > INLINE_MAX else None)
        self.flags = int(self.memfd is not None) if flags is None else flags
        self.zero, self.length = zero, len(body) if length is None else length

    def header(self):
        return struct.pack("<BBHI", self.kind, self.flags, self.zero, self.length & 0xffffffff)

    def send(self, sock):
        """Return: whether it went out; raises BlockingIOError where there is no room just now."""
        fds = []
        if self.memfd:
            fds.append(os.memfd_create("packet", os.MFD_ALLOW_SEALING))
            os.write(fds[0], self.body[:len(self.body) // 2] if self.memfd == "short" else self.body)
            fcntl.fcntl(fds[0], F_ADD_SEALS, ALL_SEALS if self.memfd != "open" else 0x2)
        fds += [os.open("/dev/null", os.O_RDONLY) for _ in range(self.n_fds)]
        data = self.header() + (b"" if self.memfd else self.body)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            sock.sendmsg([data], rights)
        except (BrokenPipeError, ConnectionResetError):
            return False
        finally:
            for fd in fds:
                os.close(fd)
        return True


class Wild:
    """Changes messages. Everything that chance decides comes from one seed."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.earlier = []

    def shot(self, kind, body):
        """A packet made from a valid message: most often one that it has changed, sometimes as it is, sometimes an earlier
        one again."""
        if self.earlier and self.chance.random() < 0.05:
            return self.chance.choice(self.earlier)
        how = self.chance.random()
        for _ in range(self.chance.choice((1, 1, 1, 2, 4)) if how > 0.2 else 0):
            body = self.chance.choice(self.CHANGES)(self, kind, body)[:BODY_MAX + 1]
        shot = Shot(kind, body)
        if how > 0.85:
            self._spoil(shot)
        self._keep(shot)
        return shot

    def _keep(self, shot):
        if len(self.earlier) < 64:
            self.earlier.append(shot)
        else:
            self.earlier[self.chance.randrange(64)] = shot

    def _spoil(self, shot):
        """Something about the packet that is not the body."""
        def memfd(how):
            shot.memfd, shot.flags = how, 1

        self.chance.choice((
            lambda: setattr(shot, "kind", self.chance.choice(TYPES)), lambda: setattr(shot, "flags",
                self.chance.choice((0, 1, 2, 255))),
            lambda: setattr(shot, "zero", self.chance.choice((1, 255, 65535))),
            lambda: setattr(shot, "length", self.chance.choice((0, 1, shot.length - 1, shot.length + 1, *NUMBERS))),
            lambda: setattr(shot, "n_fds", self.chance.randrange(1, 8)),
            lambda: memfd("sealed"), lambda: memfd("open"), lambda: memfd("short")))()

    # ------------------------------------------------------------------------------------------ the changes

    def _flip(self, kind, body):
        changed = bytearray(body)
        for _ in range(self.chance.choice((1, 1, 3, 8)) if body else 0):
            changed[self.chance.randrange(len(body))] ^= 1 << self.chance.randrange(8)
        return bytes(changed)

    def _truncate(self, kind, body):
        return body[:self.chance.randrange(len(body) + 1)]

    def _extend(self, kind, body):
        return body + self.chance.choice((b"\0", b"\xff" * 8, body, b"\0" * self.chance.choice((1000, 70000)),
            self._large(body)))

    def _large(self, body):
        """Rarely as much as a packet may have, and a byte more: that takes time to make."""
        return b"\0" * (BODY_MAX - len(body) + self.chance.randrange(2)) if self.chance.random() < 0.05 else b"\0"

    def _number(self, kind, body):
        """A field, most often a number, becomes another."""
        found = pieces(kind, body)
        at = self.chance.choice([i for i, piece in enumerate(found) if len(piece) in (1, 2, 4, 8)] or [0])
        found[at:at + 1] = [(self.chance.choice(NUMBERS) & (1 << 8 * len(piece)) - 1).to_bytes(len(piece), "little")
                            for piece in found[at:at + 1]]
        return b"".join(found)

    def _step(self, kind, body):
        """A number becomes the one beside it: a length that is off by one, the next index, the next serial."""
        found = pieces(kind, body)
        at = self.chance.choice([i for i, piece in enumerate(found) if len(piece) in (1, 2, 4, 8)] or [0])
        found[at:at + 1] = [((int.from_bytes(piece, "little") + self.chance.choice((-1, 1))) % (1 << 8 * len(piece) if piece
            else 1))
                            .to_bytes(len(piece), "little") for piece in found[at:at + 1]]
        return b"".join(found)

    def _text(self, kind, body):
        """A text becomes another, with its right length."""
        found = pieces(kind, body)
        texts = [i for i in range(1, len(found)) if len(found[i - 1]) == 2 and
                 len(found[i]) == int.from_bytes(found[i - 1], "little") + 1 and found[i].endswith(b"\0")]
        if not texts:
            return self._flip(kind, body)
        at, word = self.chance.choice(texts), self.chance.choice(TEXTS)
        found[at - 1:at + 1] = [struct.pack("<H", len(word)), word + b"\0"]
        return b"".join(found)

    def _swap(self, kind, body):
        found = pieces(kind, body)
        a, b = (self.chance.randrange(max(len(found), 1)) for _ in range(2))
        if found:
            found[a], found[b] = found[b], found[a]
        return b"".join(found)

    def _repeat(self, kind, body):
        found = pieces(kind, body)
        at = self.chance.randrange(max(len(found), 1))
        return b"".join(found[:at + 1] + found[at:at + 1] * (2000 if self.chance.random() < 0.02
            else self.chance.choice((1, 1, 30))) + found[at + 1:])

    def _drop(self, kind, body):
        found = pieces(kind, body)
        at = self.chance.randrange(max(len(found), 1))
        return b"".join(found[:at] + found[at + 1:])

    def _noise(self, kind, body):
        return self.chance.randbytes(self.chance.choice((0, 1, 8, 9, 64, 4096)))

    CHANGES = (_flip, _truncate, _extend, _number, _number, _step, _step, _text, _text, _text, _swap, _repeat, _drop, _noise)


def seed_of_the_day():
    """The seed that was asked for, or one that every day is another."""
    return int(os.environ.get("MATCHGUARD_TAKEN_SEED") or datetime.date.today().strftime("%Y%m%d"))
