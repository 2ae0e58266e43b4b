#!/usr/bin/env python3
"""A frontend that has been taken over: plays matchguard-frontend to the real guard, and says whatever it likes.

Usage: taken-over.py --build FOLDER    (root)

Clients are real, of several users; only what their children should have read from them is made up here. Whatever a
child says, the guard lives, records what it was told within the bounds of the trail, and goes on serving the others.
"""
import argparse
import fcntl
import os
import pathlib
import select
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import fakeguard as wire  # noqa: E402
import service  # noqa: E402

F_ADD_SEALS, SEALS = 1033, 0x1 | 0x2 | 0x4 | 0x8
DESCRIPTORS_MAX = 4


class Child:
    """The guard's idea of one child: its end of the pair, and what the guard has told it."""

    def __init__(self, number, interface, uid, sock):
        self.id, self.interface, self.uid, self.sock = number, wire.INTERFACES[interface], uid, sock
        self.credits, self.connections, self.serials = 0, [], {}

    def receive(self, timeout=10):
        """The next packet as (type, body); None when the guard has ended the child."""
        packet = wire.receive_packet(self.sock, timeout)
        if packet is None:
            return None
        kind, body = packet
        if kind == wire.CREDIT:
            self.credits += struct.unpack("<I", body)[0]
        elif kind == wire.CONNECT:
            self.connections.append(struct.unpack("<Q", body)[0])
        return packet

    def settle(self):
        """Until it may call on some connection."""
        while not self.connections or not self.credits:
            assert self.receive() is not None, "the guard ended a child that did nothing"
        return self.connections[-1]

    def send(self, kind, body):
        try:
            wire.send_packet(self.sock, kind, body)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def call(self, connection, kind, body=b"", serial=None):
        number = self.serials.get(connection, 0) + 1 if serial is None else serial
        self.serials[connection] = number
        return self.send(wire.CALL, struct.pack("<QQB", connection, number, wire.CALLS.index(kind)) + body)

    def answer(self, timeout=10):
        """The next answer: its kind and the reason in it."""
        while True:
            packet = self.receive(timeout)
            if packet is None:
                return None
            if packet[0] == wire.ANSWER:
                return read_answer(packet[1])

    def is_ended(self, timeout=10):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if self.receive(0.2) is None:
                    return True
            except TimeoutError:
                pass
        return False


def read_answer(body):
    """Kind and reason."""
    fields = wire.Fields(body)
    fields.number(16)
    kind = fields.number(1)
    if fields.boolean():
        fields.text(), fields.text(), fields.number(8)
        if fields.boolean():
            fields.number(8)
    fields.optional(), fields.number(1)
    if fields.boolean():
        fields.number(8)
    fields.number(24)
    for _ in range(fields.number(2)):
        fields.text()
        if fields.boolean():
            fields.number(8)
    fields.texts()
    return kind, fields.optional()


class Frontend:
    """The parent, and all its children, in this process."""

    def __init__(self, started):
        self.service, self.children = started, []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(str(started.path("frontend")))

    def spawned(self, timeout=10):
        """The child that the guard asks for next."""
        assert select.select([self.sock], [], [], timeout)[0], "the guard asks for no child"
        data, fds, _, _ = socket.recv_fds(self.sock, 65536, DESCRIPTORS_MAX)
        number, interface, uid = struct.unpack("<QBI", data[8:])
        child = Child(number, interface, uid, socket.socket(fileno=fds[0]))
        self.children.append(child)
        return child

    def child_for(self, uid, interface=service.MATCH):
        """A client of this user, and its child. Any child that the user has must have been ended before."""
        client = self.service.connect(uid, interface)
        child = self.spawned()
        assert (child.uid, child.interface) == (uid, interface)
        child.settle()
        return client, child

    def bury(self, child):
        """Says that the child's process is gone."""
        child.sock.close()
        wire.send_packet(self.sock, wire.CHILD_GONE, struct.pack("<QI", child.id, 0))


def job(*entries):
    body = struct.pack("<BI", 1, len(entries))
    for subject, model, vector in entries:
        body += wire.text(subject) + wire.text(model) + struct.pack("<I", len(vector)) + vector
    return body


def match(operation, purpose, data, gallery="faces", sought=None, probe=None, limit=None):
    body = wire.text(operation) + wire.optional(gallery) + wire.text(purpose) + wire.optional(sought)
    body += wire.optional(probe) + wire.texts([]) + wire.texts([]) + wire.optional(None) * 3
    body += b"\0" if limit is None else b"\1" + struct.pack("<Q", limit)
    return body + b"\0" + struct.pack("<I", len(data)) + data


def list_call(**more):
    return match("list", "gallery-upkeep", job(("", "", b"")), **more)


# ------------------------------------------------------------------------------------------------- the cases

def breaches(frontend, tally):
    """Each ends the child, and the next client gets another one."""
    def other_interface(child, connection):
        child.call(connection, "reload")

    def opens_details(child, connection):
        child.call(connection, "open-details", b"\1" + struct.pack("<Q", 1) + wire.text("curious"))

    def erases(child, connection):
        child.call(connection, "erase", b"\2" + wire.text("subject.1"))

    def other_connection(child, connection):
        child.call(connection + 1000, "who-am-i")

    def too_many(child, connection):
        # Each takes its time, so that no credit comes back meanwhile.
        for _ in range(200):
            if not child.call(connection, "match", list_call(limit=1)):
                break

    def out_of_turn(child, connection):
        child.call(connection, "who-am-i", serial=7)

    def again(child, connection):
        child.call(connection, "who-am-i")
        child.call(connection, "who-am-i", serial=1)

    def word_of_the_guard(child, connection):
        child.send(wire.REFUSED, struct.pack("<QB", connection, wire.WHY.index("frontend")))

    def own_answer(child, connection):
        child.send(wire.ANSWER, b"")

    def half_a_call(child, connection):
        child.send(wire.CALL, struct.pack("<Q", connection))

    def descriptors(child, connection):
        wire.send_packet(child.sock, wire.CLOSED, struct.pack("<Q", connection), [0])

    def write_only(child, connection):
        memfd = os.memfd_create("packet", os.MFD_ALLOW_SEALING)
        os.ftruncate(memfd, 100000)
        fcntl.fcntl(memfd, F_ADD_SEALS, SEALS)
        blind = os.open(f"/proc/self/fd/{memfd}", os.O_WRONLY)
        child.sock.sendmsg([struct.pack("<BBHI", wire.CALL, 1, 0, 100000)],
                           [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("<i", blind))])
        os.close(memfd)
        os.close(blind)

    for case in (other_interface, opens_details, erases, other_connection, too_many, out_of_turn, again, word_of_the_guard, own_answer,
                 half_a_call, descriptors, write_only):
        client, child = frontend.child_for(service.ARCHIVE_UID)
        case(child, child.settle())
        tally.check(child.is_ended(), f"{case.__name__}: the child is ended")
        tally.check(client.sock.recv(1) == b"", f"{case.__name__}: its client's connection too")
        client.close()
        try:
            frontend.bury(child)
        except BrokenPipeError as error:
            raise AssertionError(f"{case.__name__}: the guard has gone: {frontend.service.log('guard')}") from error


def fields(frontend, tally):
    """What a child puts where the interface has nothing."""
    client, child = frontend.child_for(service.ARCHIVE_UID)
    connection = child.settle()
    child.call(connection, "match", list_call(probe="Jane-Doe-1971", limit=10))
    answer = child.answer()
    tally.check(answer[0] == wire.LIST, f"a probe kind where no probe comes is not looked at: {answer}")
    for limit in (1 << 53, (1 << 64) - 1):
        child.call(connection, "match", list_call(limit=limit))
        tally.check(child.answer() == (wire.INVALID_PARAMETER, "limit"), f"{limit} is no limit")
    child.call(connection, "match", match("identify", "gallery-upkeep", job(("", "", b""))))
    tally.check(child.answer() == (wire.INVALID_PARAMETER, "probe"), "a job of another operation is none")

    leaves = frontend.service.wait_exported(
        lambda all_: any(leaf.get("operation") == "list" and leaf.get("asked-limit") == 10 for leaf in all_))
    leaf = next(leaf for leaf in leaves if leaf.get("asked-limit") == 10)
    tally.check("probe" not in leaf, f"and does not stand in the leaf: {leaf.get('probe')}")
    client.close()
    frontend.bury(child)


def flood(frontend, tally):
    """A child that never stops talking keeps nobody else out."""
    client, child = frontend.child_for(service.ARCHIVE_UID)
    body = struct.pack("<BBHIQB", wire.REFUSED, 0, 0, 9, child.settle(), 0)
    talkers = []
    for _ in range(3):
        talkers.append(os.fork())
        if talkers[-1] == 0:
            try:
                while True:
                    child.sock.send(body)
            finally:
                os._exit(0)
    began = time.monotonic()
    try:
        other, second = frontend.child_for(service.NGO_UID)
        second.call(second.settle(), "who-am-i")
        answered = second.answer() is not None
        other.close()
        frontend.bury(second)
    except (AssertionError, TimeoutError):
        answered = False
    tally.check(answered, f"another user is accepted and answered ({time.monotonic() - began:.1f} s)")
    for talker in talkers:
        os.kill(talker, signal.SIGKILL)
        os.waitpid(talker, 0)
    client.close()
    frontend.bury(child)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    options = parser.parse_args()
    tally = service.Tally()
    started = service.Service(options.build)
    try:
        started.start_guard()
        started.wait_for("READY")
        started.start_worker()
        frontend = Frontend(started)
        started.wait_for("X_MATCHGUARD_SERVING")
        for case in (fields, breaches, flood):
            case(frontend, tally)
        tally.check(started.kill("guard", 15) == 0, f"the guard stops cleanly: {started.log('guard')}")
        leaves = started.wait_exported(lambda all_: all_ and all_[-1]["kind"] == "stop")
        tally.check(sum(leaf["count"] for leaf in leaves if leaf.get("why") == "frontend") == 12, "each breach is recorded")
        status, out, _ = started.tool("audit", "verify")
        tally.check(status == 0, f"the trail verifies: {out}")
    finally:
        started.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
