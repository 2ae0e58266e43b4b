"""What a taken-over child of the frontend says, each on a channel of its own, and what must come of it: a table.

A row is a name, what is said (a function of the child; it returns packets), and what must happen: ENDED, the guard ends the
child and records a refusal; NOTHING, it goes on and nobody hears anything; or the kind of the answer.
"""
import fcntl
import os
import struct

import fakeguard as wire
import service
import wild
from fakefrontend import encode_call, encode_job
from wild import Shot

ENDED, NOTHING = "ended", "nothing"
IDENTIFY, DENIED, INVALID = wire.IDENTIFY, wire.DENIED, wire.INVALID_PARAMETER
MFD_HUGETLB = 4

VECTOR = struct.pack("<16f", 1.0, *[0.0] * 15)
PROBE = encode_job([("", "test-16", VECTOR)])


class Raw:
    """Bytes as they are, with descriptors that are made for them."""

    def __init__(self, data, make_fds=lambda: []):
        self.data, self.make_fds = data, make_fds

    def send(self, sock):
        fds = self.make_fds()
        try:
            wire.socket.send_fds(sock, [self.data], fds)
        except (BrokenPipeError, ConnectionResetError):
            return False
        finally:
            for fd in fds:
                os.close(fd)
        return True


def call(child, serial=1, **fields):
    return Shot(wire.CALL, encode_call(child.own, serial, **{"job": PROBE, **fields}))


def said(**fields):
    return lambda child: [call(child, **fields)]


def body(change):
    """A call whose bytes are changed."""
    return lambda child: [Shot(wire.CALL, change(call(child, case="2020-118", behalf=["rescuer"], limit=3, floor=500000).body))]


def of(kind, make):
    return lambda child: [Shot(kind, make(child))]


def connection(number):
    return struct.pack("<Q", number % 2 ** 64)


def in_memfd(flags=os.MFD_ALLOW_SEALING, size=100000, how=os.O_RDWR):
    def make():
        memfd = os.memfd_create("packet", flags)
        os.ftruncate(memfd, size)
        fcntl.fcntl(memfd, wild.F_ADD_SEALS, wild.ALL_SEALS)
        if how == os.O_RDWR:
            return [memfd]
        other = os.open(f"/proc/self/fd/{memfd}", how)
        os.close(memfd)
        return [other]
    return lambda child: [Raw(struct.pack("<BBHI", wire.CALL, 1, 0, size), make)]


def with_fds(make_fds, flags=0):
    def make(child):
        data = call(child).body
        header = struct.pack("<BBHI", wire.CALL, flags, 0, 100000 if flags else len(data))
        return [Raw(header if flags else header + data, make_fds)]
    return make


def null(n):
    return lambda: [os.open("/dev/null", os.O_RDONLY) for _ in range(n)]


def packet(**more):
    return lambda child: [Shot(wire.CALL, call(child).body, **more)]


def details(kind, rest):
    return lambda child: [Shot(wire.CALL, struct.pack("<QQB", child.own, 1, wire.CALLS.index(kind)) + rest)]


LEAF_1 = b"\1" + struct.pack("<Q", 1)
CUTS = (0, 1, 7, 8, 15, 16, 17, 18, 20, 40, 80, 120, -65, -1)

# What cannot be read.
UNREADABLE = [
    *((f"a call cut at {at}", body(lambda data, at=at: data[:at])) for at in CUTS),
    ("a call with a byte more", body(lambda data: data + b"\0")), ("a call twice in one packet", body(lambda data: data * 2)),
    ("a NUL in a name", body(lambda data: data.replace(b"identify", b"iden\0ify"))),
    ("a name without its NUL", body(lambda data: data.replace(b"identify\0", b"identifyx"))),
    ("no UTF-8 in a name", body(lambda data: data.replace(b"identify", b"iden\xffify"))),
    ("a surrogate in a case", body(lambda data: data.replace(b"2020-118", b"20\xed\xa0\x80118"))),
    ("an overlong NUL", body(lambda data: data.replace(b"2020-118", b"20\xc0\x80-118"))),
    ("a flag that is neither", body(lambda data: data.replace(b"\1\5\0faces", b"\2\5\0faces"))),
    ("a length beyond the end", body(lambda data: data.replace(b"\10\0identify", b"\xff\xffidentify"))),
    ("a job beyond the end", body(lambda data: data[:-len(PROBE) - 4] + b"\xff\xff\xff\xff" + PROBE)),
    ("a job short of the end", body(lambda data: data[:-len(PROBE) - 4] + b"\1\0\0\0" + PROBE)),
    ("65,535 parties", body(lambda data: data.replace(b"\1\0\7\0rescuer", b"\xff\xff\7\0rescuer"))),
    ("17 parties", said(behalf=["rescuer"] * 17)), ("17 recipients", said(recipients=["rescuer"] * 17)),
    ("a case of 513 bytes", said(case="x" * 513)), ("an authorisation of 513 bytes", said(authorisation="x" * 513)),
    ("an operator of 513 bytes", said(operator="x" * 513)),
    ("a floor above one", said(floor=1000001)), ("a floor below minus one", said(floor=-1000001)),
    ("the least floor", said(floor=-2 ** 31)),
    *((f"kind {kind} of a call", said(kind=kind)) for kind in (10, 127, 255)),
    *((f"the id {text!r}", said(kind="get-receipt", request=text)) for text in ("", "0" * 31, "0" * 33, "A" * 32, "g" * 32)),
]

# What a child has no business with.
NOT_ITS_OWN = [
    *((f"a call on {what}", lambda child, at=at: [Shot(wire.CALL, encode_call((child.own + at) % 2 ** 64, 1, job=PROBE))])
      for what, at in (("the connection before", -1), ("one that is not yet", 1000), ("one far away", 2 ** 63))),
    *((f"a call on connection {n}", lambda child, n=n: [Shot(wire.CALL, encode_call(n, 1, job=PROBE))])
        for n in (0, 1, 2, 3, 2 ** 64 - 1)),
    *((f"serials {serials}", lambda child, serials=serials: [call(child, serial) for serial in serials])
      for serials in ((0,), (2,), (1, 1), (1, 3), (2 ** 64 - 1,), (1, 2, 1))),
    ("200 calls at once", lambda child: [call(child, serial) for serial in range(1, 200)]),
    *((f"{kind} of another interface", said(kind=kind)) for kind in ("reload", "get-checkpoint", "rebase")),
    ("details of a leaf", details("open-details", LEAF_1 + wire.text("curious"))),
    ("the number of details", details("count-details", LEAF_1)),
    ("erasing by subject", details("erase", b"\2" + wire.text("s-01"))),
    ("erasing by age", details("erase", b"\3" + struct.pack("<Q", 0))),
    *((f"message {kind}", of(kind, lambda child: connection(child.own)))
      for kind in (0, 1, 2, 3, 15, 16, 17, 18, 19, 20, 31, 35, 47, 48, 49, 50, 63, 64, 65, 66, 67, 128, 255)),
    *((f"the end of connection {n}", of(wire.CLOSED, lambda child, n=n: connection(n))) for n in (0, 1, 2 ** 64 - 1)),
    ("the end of the connection before", of(wire.CLOSED, lambda child: connection(child.own - 1))),
    ("the end of a connection twice", lambda child: of(wire.CLOSED, lambda c: connection(c.own))(child) * 2),
    ("a call after the end", lambda child: [*of(wire.CLOSED, lambda c: connection(c.own))(child), call(child)]),
    ("an end without a connection", of(wire.CLOSED, lambda child: b"")),
    ("an end with a byte more", of(wire.CLOSED, lambda child: connection(child.own) + b"\0")),
    *((f"a refusal for {why}", of(wire.REFUSED, lambda child, why=why: connection(child.own) + bytes([why])))
        for why in (4, 5, 255)),
    *((f"a refusal of connection {n}", of(wire.REFUSED, lambda child, n=n: connection(n) + b"\0"))
        for n in (0, 1, 2 ** 64 - 1)),
    ("a refusal without a reason", of(wire.REFUSED, lambda child: connection(child.own))),
    ("a refusal with a byte more", of(wire.REFUSED, lambda child: connection(child.own) + b"\0\0")),
]

# What is no packet.
NO_PACKET = [
    *((f"{n} bytes of a header", lambda child, n=n: [Raw(call(child).header()[:n])]) for n in (1, 4, 7)),
    ("noise", lambda child: [Raw(bytes(range(256)) * 20)]),
    *((f"flags {flags}", packet(flags=flags)) for flags in (1, 2, 3, 255)),
    *((f"zero is {n}", packet(zero=n)) for n in (1, 256, 65535)),
    *((f"a length of {n}", packet(length=n)) for n in (0, 1, 2 ** 31, 2 ** 32 - 1)),
    ("a small body in a memfd", packet(memfd="sealed")), ("an open memfd", packet(memfd="open")),
    ("half a memfd", packet(memfd="short")),
    *((f"{n} descriptors", packet(n_fds=n)) for n in (1, 2, 3, 4, 20)),
    ("a memfd without a body", in_memfd(size=0)), ("a memfd of more than a packet", in_memfd(size=wild.BODY_MAX + 1)),
    ("a memfd of zeros", in_memfd()), ("a memfd that may only be written", in_memfd(how=os.O_WRONLY)),
    ("a memfd by its path only", in_memfd(how=os.O_PATH)),
    ("a memfd of huge pages", in_memfd(flags=os.MFD_ALLOW_SEALING | MFD_HUGETLB, size=2 << 20)),
    ("the null device for a memfd", with_fds(null(1), 1)),
    ("a folder for a memfd", with_fds(lambda: [os.open("/", os.O_PATH)], 1)),
    ("no descriptor for a memfd", with_fds(lambda: [], 1)),
    ("a pipe for a memfd", with_fds(lambda: list(os.pipe()), 1)),
]

# What is read, and is no request; no leaf says that it was one.
INVALID_PARAMETERS = [
    *((f"{field} {value!r}", said(**{field: value})) for field, values in (
        ("gallery", ("../faces", "Faces", None, "", "f" * 64, "faces\n")), ("purpose", ("", "a b", "x" * 64, "missing\nchild")),
        ("sought", ("anybody", "")), ("probe", ("drawing", "Photograph")),
        ("behalf", (["any thing"], [""], ["rescuer", "Rescuer"])),
        ("recipients", (["Rescuer"], ["../rescuer"])), ("limit", (0, 2 ** 53, 2 ** 64 - 1)),
        ("operation", ("drop", "", "IDENTIFY", "compare")),
        ("job", (b"", b"\1\0\0\0\0", b"\1\xff\xff\xff\xff", b"\2" + PROBE[1:], PROBE + b"x", PROBE[:-1],
                 encode_job([("s-01", "test-16", VECTOR)]), encode_job([("", "a model", VECTOR)]),
                 encode_job([("", "test-16", VECTOR[:-1])]),
                 encode_job([("", "test-16", b"")]), encode_job([("", "", VECTOR)]),
                 encode_job([("", "test-16", bytes(4 * 4097))]),
                 encode_job([("", "test-16", VECTOR)] * 2)))) for value in values),
    ("a subject that is none", said(operation="verify", job=encode_job([("a/b", "test-16", VECTOR)]))),
    ("a probe for a stored subject", said(operation="identify-stored", job=PROBE)),
    ("a large call with a name that is none", said(gallery="f" * 65000)),
]

# What is a request: it is decided for the uid that the kernel named, whatever else it says.
DECIDED = [
    ("a search", said(), IDENTIFY), ("a search for 1000", said(limit=1000), IDENTIFY),
    ("a search with no floor", said(floor=-1000000), IDENTIFY),
    ("a search in the name of root", said(operator="uid 0", case="uid=0", authorisation="root"), IDENTIFY),
    ("an enrolment", said(operation="enrol", purpose="gallery-upkeep", job=encode_job([("s-99", "test-16", VECTOR)])), DENIED),
    ("a removal", said(operation="remove", purpose="gallery-upkeep", job=encode_job([("s-01", "", b"")])), DENIED),
    ("a list", said(operation="list", purpose="gallery-upkeep", job=encode_job([("", "", b"")])), DENIED),
    ("a search for the police", said(behalf=["city-police"]), DENIED),
    ("a search told to the police", said(recipients=["city-police"]), DENIED),
    ("another purpose", said(purpose="gallery-upkeep"), DENIED), ("no role", said(sought=None), DENIED),
    ("a gallery that is none", said(gallery="voices"), DENIED),
    ("a template of zeros", said(job=encode_job([("", "test-16", bytes(64))])), wire.BAD_TEMPLATE),
    ("a template of NaN", said(job=encode_job([("", "test-16", struct.pack("<16f", *[float("nan")] * 16))])),
        wire.BAD_TEMPLATE),
    ("a template of another dimension", said(job=encode_job([("", "test-16", VECTOR[:32])])), wire.BAD_TEMPLATE),
    ("another model", said(job=encode_job([("", "subject.17", VECTOR)])), wire.MODEL_MISMATCH),
    ("the receipt of nobody", said(kind="get-receipt", request="0" * 32), wire.NO_SUCH_REQUEST),
    ("who it is", said(kind="who-am-i"), wire.WHO_AM_I), ("the public status", said(kind="get-status"), wire.STATUS),
    *((f"a refusal for {why}", of(wire.REFUSED, lambda child, why=why: connection(child.own) + bytes([why])), NOTHING)
        for why in range(4)),
    ("the end of its connection", of(wire.CLOSED, lambda child: connection(child.own)), NOTHING),
]

CASES = [*((*row, ENDED) for row in UNREADABLE + NOT_ITS_OWN + NO_PACKET), *((*row, INVALID) for row in INVALID_PARAMETERS),
    *DECIDED]

# On the sockets of the auditor and the administrator, as root: everything that they do not have.
ELSEWHERE = [(interface, kind) for interface, kinds in (
    (service.AUDIT, ("match", "who-am-i", "reload", "rebase", "get-status", "count-details", "erase")),
    (service.ADMIN, ("match", "who-am-i", "get-receipt", "get-checkpoint", "open-details"))) for kind in kinds]


def elsewhere(kind):
    """A call of some kind that can be read."""
    if kind in ("open-details", "count-details", "erase"):
        return details(kind, LEAF_1 + (wire.text("curious") if kind == "open-details" else b""))
    return said(kind=kind, request="0" * 32)
