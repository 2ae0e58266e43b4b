"""A frontend that was taken over: connects to the real guard as matchguard-frontend does, and says whatever a test wants.

Packets are written by hand (support/fakeguard.py); nothing here holds back what a real frontend would.
"""
import os
import select
import socket
import struct

from fakeguard import (ANSWER, CALL, CHILD_GONE, CONNECT, CREDIT, HANG_UP, INTERFACES, SPAWN, CALLS, Fields,
                       optional, send_packet, text, texts)
from service import PATIENCE


def receive(sock, timeout=PATIENCE):
    """Return: (type, body, descriptors), or None when the guard has ended the channel."""
    if not select.select([sock], [], [], timeout)[0]:
        raise TimeoutError("no packet")
    try:
        data, fds, _, _ = socket.recv_fds(sock, 65536, 4)
    except ConnectionResetError:
        return None
    if not data:
        return None
    kind, flags, _, n = struct.unpack("<BBHI", data[:8])
    body = data[8:]
    if flags & 1:
        body = os.pread(fds[0], n, 0)
        os.close(fds.pop(0))
    return kind, body, fds


def encode_job(entries):
    return b"\1" + struct.pack("<I", len(entries)) + b"".join(
        text(subject) + text(model) + struct.pack("<I", len(vector)) + vector for subject, model, vector in entries)


def encode_call(connection, serial, kind="match", operation="identify", gallery="faces", purpose="missing-child-reunion",
                sought="missing", probe="photograph", behalf=(), recipients=(), case=None, authorisation=None, operator=None,
                limit=None, floor=None, job=b"", request=""):
    body = struct.pack("<QQB", connection, serial, CALLS.index(kind) if isinstance(kind, str) else kind)
    if kind == "get-receipt":
        return body + text(request)
    if kind != "match":
        return body
    body += text(operation) + optional(gallery) + text(purpose) + optional(sought) + optional(probe)
    body += texts(behalf) + texts(recipients) + optional(case) + optional(authorisation) + optional(operator)
    body += b"\0" if limit is None else b"\1" + struct.pack("<Q", limit)
    body += b"\0" if floor is None else b"\1" + struct.pack("<i", floor)
    return body + struct.pack("<I", len(job)) + job


def decode_answer(body):
    """The beginning of an answer: call, kind, receipt, and the rest as bytes."""
    fields = Fields(body)
    answer = {"connection": fields.number(8), "serial": fields.number(8), "kind": fields.number(1), "receipt": None}
    if fields.boolean():
        answer["receipt"] = {"request": fields.text(), "origin": fields.text(), "decision": fields.number(8)}
        answer["receipt"]["outcome"] = fields.number(8) if fields.boolean() else None
    answer["allow"] = fields.optional()
    answer["matched"] = fields.boolean()
    fields.number(8) if fields.boolean() else None
    for _ in range(3):
        fields.number(8)
    answer["candidates"] = []
    for _ in range(fields.number(2)):
        subject = fields.text()
        answer["candidates"].append(subject)
        if fields.boolean():
            fields.number(8)
    answer["subjects"] = fields.texts()
    answer["reason"], answer["rule"], answer["notice"] = (fields.optional() for _ in range(3))
    answer["missing"] = fields.texts()
    answer["texts"] = [fields.optional() for _ in range(4)]
    return answer


class FakeChild:
    """One child, in this process."""

    def __init__(self, frontend, number, interface, uid, fd):
        self.frontend, self.id, self.interface, self.uid = frontend, number, interface, uid
        self.sock = socket.socket(fileno=fd)
        self.connections, self.credits, self.serials, self.answers = {}, 0, {}, []
        self.ended = False

    def pump(self, until, timeout=PATIENCE):
        """Takes packets until a condition holds. Return: whether it did before the guard ended the channel."""
        while not until():
            packet = receive(self.sock, timeout)
            if packet is None:
                self.ended = True
                return False
            kind, body, fds = packet
            if kind == CONNECT:
                self.connections[struct.unpack("<Q", body)[0]] = socket.socket(fileno=fds[0])
            elif kind == CREDIT:
                self.credits += struct.unpack("<I", body)[0]
            elif kind == ANSWER:
                self.answers.append(decode_answer(body))
            elif kind == HANG_UP:
                self.connections.pop(struct.unpack("<Q", body)[0]).close()
        return True

    def wait_end(self):
        """Waits until the guard has ended this child."""
        assert not self.pump(lambda: False), "the guard did not end it"

    def send(self, kind, body, fds=()):
        send_packet(self.sock, kind, body, fds)

    def call(self, connection, **fields):
        """Sends a CALL. Return: its serial."""
        self.serials[connection] = self.serials.get(connection, 0) + 1
        self.send(CALL, encode_call(connection, self.serials[connection], **fields))
        return self.serials[connection]

    def answered(self, connection, **fields):
        """Sends a CALL and waits. Return: the answer; None where the guard ended this child instead."""
        serial = self.call(connection, **fields)
        mine = lambda: [a for a in self.answers if (a["connection"], a["serial"]) == (connection, serial)]
        return mine()[0] if self.pump(lambda: bool(mine())) else None

    def close(self):
        for sock in self.connections.values():
            sock.close()
        self.sock.close()
        self.frontend.tell_gone(self)


class FakeFrontend:
    """The parent, in this process."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(str(path))

    def child(self, timeout=PATIENCE):
        """The child that the guard wants next."""
        packet = receive(self.sock, timeout)
        assert packet and packet[0] == SPAWN, packet
        number, interface, uid = struct.unpack("<QBI", packet[1])
        return FakeChild(self, number, INTERFACES[interface], uid, packet[2][0])

    def tell_gone(self, child):
        send_packet(self.sock, CHILD_GONE, struct.pack("<QI", child.id, 9))

    def close(self):
        self.sock.close()
