"""Plays the guard to the real matchguard-frontend: listens, spawns children, connects clients, reads what children say
and answers as the test wants. The packets are written and read here by hand, along daemon/wire/packet.h and message.h.
"""
import array
import fcntl
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time

import traces
from service import PATIENCE

INTERFACES = ["org.matchguard.Match", "org.matchguard.Admin", "org.matchguard.Audit"]

SPAWN, CHILD_GONE, CONNECT, CREDIT, ANSWER, HANG_UP, CALL, REFUSED, CLOSED = 1, 2, 16, 17, 18, 19, 32, 33, 34
STOPPING = 96
WHY = ["malformed", "oneway", "too-large", "caller-gone", "frontend"]
CALLS = ["match", "get-receipt", "who-am-i", "get-status", "reload", "get-checkpoint", "rebase", "open-details", "count-details", "erase"]

# Kinds of answers, as in message.h.
IDENTIFY, VERIFY, COMPARE, ENROL, REMOVE, LIST, RECEIPT, WHO_AM_I, STATUS, CHECKPOINT = range(10)
(DENIED, TRAIL_UNAVAILABLE, WORKER_UNAVAILABLE, OVERLOADED, FAILED, NO_SUCH_SUBJECT, MODEL_MISMATCH, BAD_TEMPLATE,
 INVALID_PARAMETER, PERMISSION_DENIED, NO_SUCH_REQUEST, POLICY_REJECTED, NOTHING_TO_REBASE) = range(32, 45)


class Fields:
    """Reads little-endian fields one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, size):
        self.at += size
        return int.from_bytes(self.data[self.at - size:self.at], "little")

    def boolean(self):
        return bool(self.number(1))

    def text(self):
        n = self.number(2)
        self.at += n + 1
        assert self.data[self.at - 1] == 0
        return self.data[self.at - n - 1:self.at - 1].decode()

    def optional(self):
        return self.text() if self.boolean() else None

    def texts(self):
        return [self.text() for _ in range(self.number(2))]

    def blob(self):
        n = self.number(4)
        self.at += n
        return self.data[self.at - n:self.at]

    def end(self):
        assert self.at == len(self.data), "a byte is left over"


def text(value):
    data = value.encode()
    return struct.pack("<H", len(data)) + data + b"\0"


def optional(value):
    return b"\0" if value is None else b"\1" + text(value)


def texts(values):
    return struct.pack("<H", len(values)) + b"".join(map(text, values))


def similarity(value):
    return b"\0" if value is None else b"\1" + struct.pack("<d", value)


def decode_job(data):
    fields = Fields(data)
    assert fields.number(1) == 1
    entries = [(fields.text(), fields.text(), fields.blob()) for _ in range(fields.number(4))]
    fields.end()
    return entries


def decode_call(body):
    fields = Fields(body)
    call = {"connection": fields.number(8), "serial": fields.number(8), "kind": CALLS[fields.number(1)]}
    if call["kind"] == "match":
        for name in ("operation", "gallery", "purpose", "sought", "probe"):
            call[name] = fields.text() if name in ("operation", "purpose") else fields.optional()
        call["behalf"], call["recipients"] = fields.texts(), fields.texts()
        call["case"], call["authorisation"], call["operator"] = (fields.optional() for _ in range(3))
        call["limit"] = fields.number(8) if fields.boolean() else None
        call["floor"] = struct.unpack("<i", struct.pack("<I", fields.number(4)))[0] if fields.boolean() else None
        call["job"] = decode_job(fields.blob())
    elif call["kind"] == "get-receipt":
        call["request"] = fields.text()
    elif call["kind"] in ("open-details", "count-details", "erase"):
        call["of"] = fields.number(1)
        call["value"] = fields.text() if call["of"] in (0, 2) else fields.number(8)
        call["reason"] = fields.text() if call["kind"] == "open-details" else None
    fields.end()
    return call


def encode_status(items):
    """Items are (key, value); a list value repeats its key, an empty one stands once."""
    lines = []
    for key, value in items:
        if isinstance(value, list):
            lines += [(key, 3, item, 0) for item in value] or [(key, 3, None, 0)]
        elif isinstance(value, bool):
            lines.append((key, 2, None, int(value)))
        elif isinstance(value, int):
            lines.append((key, 1, None, value))
        else:
            lines.append((key, 0, value, 0))
    return struct.pack("<H", len(lines)) + b"".join(
        text(key) + bytes([kind]) + optional(string) + struct.pack("<Q", number) for key, kind, string, number in lines)


def encode_answer(call, kind, receipt=None, allow=None, matched=False, score=None, searched=0, epoch=0, count=0,
                  candidates=(), subjects=(), reason=None, rule=None, notice=None, missing=(), leaves=(None,) * 4,
                  organisation=None, classes=(), uid=0, unit=None, identity=None, status=()):
    body = struct.pack("<QQB", call["connection"], call["serial"], kind)
    if receipt:
        request, origin, decision, outcome = receipt
        body += b"\1" + text(request) + text(origin) + struct.pack("<Q", decision)
        body += b"\0" if outcome is None else b"\1" + struct.pack("<Q", outcome)
    else:
        body += b"\0"
    body += optional(allow) + bytes([matched]) + similarity(score) + struct.pack("<QQQ", searched, epoch, count)
    body += struct.pack("<H", len(candidates)) + b"".join(text(who) + similarity(how) for who, how in candidates)
    body += texts(subjects) + optional(reason) + optional(rule) + optional(notice) + texts(missing)
    body += b"".join(map(optional, leaves))
    body += b"\0" + struct.pack("<H", 0)  # no record, no details
    body += optional(organisation) + texts(classes) + struct.pack("<I", uid) + optional(unit) + optional(identity)
    return body + encode_status(status)


def send_packet(sock, kind, body, fds=()):
    header = struct.pack("<BBHI", kind, 0, 0, len(body))
    if len(body) + len(header) > 65536:
        memfd = os.memfd_create("packet", os.MFD_ALLOW_SEALING)
        os.write(memfd, body)
        fcntl.fcntl(memfd, 1033, 0x1 | 0x2 | 0x4 | 0x8)  # F_ADD_SEALS: seal, shrink, grow, write
        header, body, fds = struct.pack("<BBHI", kind, 1, 0, len(body)), b"", [memfd, *fds]
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([header + body], rights)


def receive_packet(sock, timeout=PATIENCE):
    """Return: (type, body), or None when the peer is gone. Raises TimeoutError."""
    if not select.select([sock], [], [], timeout)[0]:
        raise TimeoutError("no packet")
    try:
        data, fds, _, _ = socket.recv_fds(sock, 65536, 4)
    except ConnectionResetError:
        return None
    if not data:
        return None
    kind, flags, zero, n = struct.unpack("<BBHI", data[:8])
    body = data[8:]
    assert zero == 0
    if flags & 1:
        body = os.pread(fds[0], n, 0)
    for fd in fds:
        os.close(fd)
    assert len(body) == n
    return kind, body


class Child:
    """The guard's end of one child."""

    def __init__(self, guard, interface, uid=0, credits=16):
        self.guard, self.interface = guard, interface
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guard.n_children += 1
        self.id, self.n_connections = guard.n_children, 0
        send_packet(guard.sock, SPAWN, struct.pack("<QBI", self.id, INTERFACES.index(interface), uid),
                    [theirs.fileno()])
        theirs.close()
        if credits:
            self.credit(credits)

    def credit(self, n):
        send_packet(self.sock, CREDIT, struct.pack("<I", n))

    def connect(self, room=None):
        """A new client, for which no more than so many bytes may wait. Return: (its id, the client's end)."""
        ours, theirs = socket.socketpair()
        if room:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        self.n_connections += 1
        send_packet(self.sock, CONNECT, struct.pack("<Q", self.n_connections), [theirs.fileno()])
        theirs.close()
        return self.n_connections, ours

    def hang_up(self, connection):
        send_packet(self.sock, HANG_UP, struct.pack("<Q", connection))

    def answer(self, call, kind, **fields):
        send_packet(self.sock, ANSWER, encode_answer(call, kind, **fields))

    def receive(self, timeout=PATIENCE):
        """Return: ("call", dict), ("refused", connection, why), ("closed", connection), or None when it is gone."""
        packet = receive_packet(self.sock, timeout)
        if packet is None:
            return None
        kind, body = packet
        if kind == CALL:
            return "call", decode_call(body)
        if kind == REFUSED:
            connection, why = struct.unpack("<QB", body)
            return "refused", connection, WHY[why]
        assert kind == CLOSED, kind
        return ("closed", *struct.unpack("<Q", body))

    def expect_silence(self, seconds=0.2):
        try:
            raise AssertionError(f"unexpected {self.receive(seconds)}")
        except TimeoutError:
            pass


class FakeGuard:
    """Starts the frontend, and accepts it."""

    def __init__(self, program, prefix=()):
        self.n_children = 0
        with tempfile.TemporaryDirectory(prefix="matchguard-test.") as folder:
            path = pathlib.Path(folder) / "frontend"
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            listener.bind(str(path))
            listener.listen(1)
            listener.settimeout(PATIENCE)
            self.process = subprocess.Popen([*traces.prefix(prefix), str(program), "--connect", str(path)])
            self.sock, _ = listener.accept()
            listener.close()

    def spawn(self, interface="org.matchguard.Match", **more):
        return Child(self, interface, **more)

    def child_gone(self, timeout=PATIENCE):
        """Return: (child, wait status)."""
        kind, body = receive_packet(self.sock, timeout)
        assert kind == CHILD_GONE, kind
        return struct.unpack("<QI", body)

    def is_told_of_stop(self, timeout=PATIENCE):
        return receive_packet(self.sock, timeout) == (STOPPING, b"")

    def child_pids(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def newest_pid(self):
        """The process of the child spawned last, as soon as it is there; no child may have ended before."""
        deadline = time.monotonic() + PATIENCE
        while len(self.child_pids()) < self.n_children and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.child_pids()[-1]

    def close(self):
        """The guard goes; the frontend must follow. Return: its exit status."""
        self.sock.close()
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait()
