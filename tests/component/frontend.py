#!/usr/bin/env python3
"""matchguard-frontend as processes, under a guard that is played: children, credits, order, hang-ups.

Usage: frontend.py --frontend PROGRAM
"""
import argparse
import array
import base64
import contextlib
import json
import os
import pathlib
import re
import resource
import select
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import fakeguard  # noqa: E402
import killer  # noqa: E402
from service import PATIENCE  # noqa: E402

MATCH, ADMIN, AUDIT = fakeguard.INTERFACES
REQUEST = "0123456789abcdef" * 2
READ_SECONDS = 3   # what a stop gives a client that is still to read (CONNECTION_DRAIN_USEC)
DRAIN_SECONDS = 7  # and all of them together (PARENT_DRAIN_USEC)


def message(method, parameters=None, **more):
    return json.dumps({"method": f"{MATCH}.{method}", "parameters": parameters or {}, **more}).encode() + b"\0"


WHO = message("WhoAmI")


class Replies:
    """Replies as they come."""

    def __init__(self, sock, timeout=PATIENCE):
        self.sock, self.buffer = sock, b""
        sock.settimeout(timeout)

    def next(self):
        while b"\0" not in self.buffer:
            data = self.sock.recv(1 << 16)
            if not data:
                return None
            self.buffer += data
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)


def expect(child, *events):
    for event in events:
        heard = child.receive()
        assert heard == event, f"heard {heard}, not {event}"


def expect_call(child, connection, serial):
    kind, call = child.receive()
    assert kind == "call" and (call["connection"], call["serial"]) == (connection, serial), (kind, call)
    return call


def wait_until(condition, what, timeout=PATIENCE):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def times_waited(pid):
    """How often a process has gone to sleep, once it is asleep."""
    def count():
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"^voluntary_ctxt_switches:\t(\d+)$", status, re.MULTILINE)[1])

    while True:
        before = count()
        time.sleep(0.01)
        if killer.state_of(pid) == "S" and count() == before:
            return before


# ------------------------------------------------------------------------------------------------- the tests

def replies_come_in_the_order_of_calls(guard):
    child = guard.spawn(credits=8)
    connection, sock = child.connect()
    replies = Replies(sock)
    sock.sendall(WHO * 5)
    for serial in range(1, 6):
        call = expect_call(child, connection, serial)
        child.expect_silence(0.02)
        child.answer(call, fakeguard.WHO_AM_I, uid=serial, identity="uid")
        assert replies.next()["parameters"]["uid"] == serial


def connections_do_not_wait_for_each_other(guard):
    child = guard.spawn(credits=8)
    clients = [child.connect() for _ in range(3)]
    for _, sock in clients:
        sock.sendall(WHO)
    calls = {}
    for _ in clients:
        call = child.receive()[1]
        calls[call["connection"]] = call
    for connection, sock in reversed(clients):
        child.answer(calls[connection], fakeguard.WHO_AM_I, uid=connection, identity="uid")
        assert Replies(sock).next()["parameters"]["uid"] == connection


def without_credit_nothing_is_called_and_nothing_read(guard):
    child = guard.spawn(credits=0)
    connection, sock = child.connect()
    sock.setblocking(False)
    sent = 0
    try:
        while True:
            sent += sock.send(b" " * 4096)
    except BlockingIOError:
        pass
    time.sleep(0.1)
    try:
        sock.send(b" " * 4096)
        raise AssertionError("it was read")
    except BlockingIOError:
        pass
    assert sent < 1024 * 1024, "the test would see too-large instead"
    child.credit(1)
    sock.setblocking(True)
    sock.sendall(WHO)
    expect_call(child, connection, 1)


def a_credit_is_spent_by_each_call(guard):
    child = guard.spawn(credits=2)
    clients = [child.connect() for _ in range(5)]
    for _, sock in clients:
        sock.sendall(WHO)
    first = [child.receive()[1] for _ in range(2)]
    child.expect_silence()
    child.answer(first[0], fakeguard.WHO_AM_I, identity="uid")
    child.expect_silence()
    child.credit(1)
    third = child.receive()[1]
    child.expect_silence()
    child.credit(2)
    served = {call["connection"] for call in [*first, third, child.receive()[1], child.receive()[1]]}
    assert served == {connection for connection, _ in clients}, served


def who_waits_first_is_served_first(guard):
    child = guard.spawn(credits=0)
    clients = [child.connect() for _ in range(4)]
    order = [clients[i] for i in (2, 0, 3, 1)]
    last, _ = child.connect()
    child.hang_up(last)
    expect(child, ("closed", last))  # all are there
    pid = guard.newest_pid()
    for _, sock in order:
        before = times_waited(pid)
        sock.sendall(WHO * 3)
        wait_until(lambda before=before: times_waited(pid) > before, "nobody sees that something was sent")
    served = []
    for _ in range(8):
        child.credit(1)
        call = child.receive()[1]
        served.append(call["connection"])
        child.answer(call, fakeguard.WHO_AM_I, identity="uid")
    ids = [connection for connection, _ in order]
    assert served == ids + ids, served


def a_client_that_goes_is_told_and_its_answer_dropped(guard):
    child = guard.spawn()
    connection, sock = child.connect()
    sock.sendall(WHO)
    call = expect_call(child, connection, 1)
    sock.close()
    expect(child, ("closed", connection))
    child.answer(call, fakeguard.WHO_AM_I, identity="uid")
    connection, sock = child.connect()
    sock.sendall(WHO)
    expect_call(child, connection, 1)


def the_guard_hangs_up(guard):
    child = guard.spawn()
    connection, sock = child.connect()
    sock.sendall(WHO)
    expect_call(child, connection, 1)
    child.hang_up(connection)
    expect(child, ("closed", connection))
    assert sock.recv(1) == b""
    child.hang_up(connection)  # it may have crossed with the end
    child.hang_up(12345)
    child.expect_silence()


def a_large_call_travels_in_a_memfd(guard):
    child = guard.spawn()
    connection, sock = child.connect()
    vector = struct.pack("<4096f", *range(4096))
    entries = [{"subject": f"s{i}", "template": {"model": "m", "data": base64.b64encode(vector).decode()}}
               for i in range(40)]
    sock.sendall(message("Enrol", {"gallery": "g", "entries": entries, "statement": {
        "purpose": "p", "onBehalfOf": [], "recipients": []}}))
    call = expect_call(child, connection, 1)
    assert call["job"] == [(f"s{i}", "m", vector) for i in range(40)]
    assert call["probe"] == "unknown"


def a_large_answer_comes_over_whole(guard):
    child = guard.spawn()
    connection, sock = child.connect()
    sock.sendall(WHO)
    call = expect_call(child, connection, 1)
    found = [(f"{i:04}" + "s" * 60, i / 1000) for i in range(1000)]
    child.answer(call, fakeguard.IDENTIFY, candidates=found, matched=True, allow="a", receipt=(REQUEST, "o", 1, 2))
    got = Replies(sock).next()["parameters"]
    assert [(c["subject"], c["similarity"]) for c in got["candidates"]] == found
    assert [c["rank"] for c in got["candidates"]] == list(range(1, 1001))
    assert got["receipt"] == {"request": REQUEST, "origin": "o", "decisionIndex": 1, "outcomeIndex": 2}


def the_status_is_an_object(guard):
    child = guard.spawn(ADMIN)
    connection, sock = child.connect()
    sock.sendall(json.dumps({"method": f"{ADMIN}.Reload"}).encode() + b"\0")
    call = expect_call(child, connection, 1)
    assert call["kind"] == "reload"
    child.answer(call, fakeguard.STATUS, status=[("policy.digest", "ab"), ("policy.galleries", ["x", "y"]), ("size", 7),
                                                 ("ready", True), ("moratoria", [])])
    assert Replies(sock).next()["parameters"] == {
        "status": {"policy": {"digest": "ab", "galleries": ["x", "y"]}, "size": 7, "ready": True, "moratoria": []}}


def a_descriptor_from_a_client_ends_the_connection(guard):
    child = guard.spawn()
    connection, sock = child.connect()
    sock.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')  # so that it has begun to serve
    assert Replies(sock).next()
    pid = guard.newest_pid()
    before = len(os.listdir(f"/proc/{pid}/fd"))
    sock.sendmsg([WHO], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    expect(child, ("refused", connection, "malformed"), ("closed", connection))
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) == before - 1, "descriptors are left open")


def a_client_that_does_not_read_blocks_nobody(guard):
    child = guard.spawn()
    _, deaf = child.connect()
    _, sock = child.connect()
    describe = json.dumps({"method": "org.varlink.service.GetInterfaceDescription",
                           "parameters": {"interface": MATCH}}).encode() + b"\0"
    deaf.setblocking(False)
    try:
        while True:
            deaf.send(describe * 50)
    except BlockingIOError:
        pass
    sock.sendall(WHO)
    call = child.receive()[1]
    child.answer(call, fakeguard.WHO_AM_I, uid=1, identity="uid")
    assert Replies(sock).next()["parameters"]["uid"] == 1
    pid = guard.newest_pid()
    kilobytes = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() // 1024
    assert kilobytes < 50 * 1024, f"{kilobytes} KiB are held for it"


def a_flood_of_faults_does_not_grow_the_child(guard):
    child = guard.spawn()
    _, sock = child.connect()
    pid = guard.newest_pid()
    sock.setblocking(False)
    fault = b'{"method":"x"}\0'
    until = time.monotonic() + 1
    n_sent = n_replies = 0
    while time.monotonic() < until:  # and the guard reads nothing meanwhile
        try:
            n_sent += sock.send(fault * 100)
        except BlockingIOError:
            pass
        try:
            n_replies += sock.recv(1 << 20).count(0)
        except BlockingIOError:
            pass
    kilobytes = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() // 1024
    assert kilobytes < 50 * 1024, f"{kilobytes} KiB after {n_replies} faults"
    n_heard = 0
    while n_heard < n_replies:
        assert child.receive()[2] == "malformed"
        n_heard += 1


def each_child_has_a_process_with_nothing_but_its_own(guard):
    before = set(guard.child_pids())
    match, admin = guard.spawn(uid=1000), guard.spawn(ADMIN, uid=0)
    for child in (match, admin):
        child.connect()[1].close()
        expect(child, ("closed", 1))
    pids = set(guard.child_pids()) - before
    assert len(pids) == 2
    for pid in pids:
        fds = sorted(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
        links = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in fds}
        assert links[0] == links[1] == "/dev/null", links
        kinds = sorted(link.split(":")[0] for fd, link in links.items() if fd > 2)
        assert kinds.count("socket") == 1 and kinds.count("pipe") == 1, links
        assert all(kind in ("socket", "pipe", "anon_inode") for kind in kinds), links
        pipe = next(fd for fd, link in links.items() if fd > 2 and link.startswith("pipe"))
        flags = re.search(r"^flags:\t(\d+)$", pathlib.Path(f"/proc/{pid}/fdinfo/{pipe}").read_text(), re.MULTILINE)[1]
        assert int(flags, 8) & os.O_ACCMODE == os.O_RDONLY, "it can tell others to stop"
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "SigBlk:\t0000000000000000" in status
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        for name, limit in (("core file size", 0), ("processes", 0), ("file size", 2 * 1024 * 1024)):
            line = next(line for line in limits.splitlines() if line.startswith(f"Max {name}"))
            assert line.split()[-3:-1] == [str(limit)] * 2, line
    names = sorted(pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids)
    assert names == ["mg-admin-0", "mg-match-1000"], names


def a_child_that_dies_is_reported(guard):
    child = guard.spawn()
    pid = guard.newest_pid()
    os.kill(pid, 9)
    assert guard.child_gone() == (child.id, 9)
    assert child.receive() is None


def a_child_whose_channel_is_closed_ends(guard):
    child = guard.spawn()
    child.connect()
    child.sock.close()
    assert guard.child_gone() == (child.id, 0)


def a_guard_that_talks_nonsense_loses_the_child(guard):
    for kind, body in ((fakeguard.ANSWER, b"x"), (fakeguard.CONNECT, struct.pack("<Q", 1)), (99, b""),
                       (fakeguard.CREDIT, b""), (fakeguard.CALL, b"")):
        child = guard.spawn()
        fakeguard.send_packet(child.sock, kind, body)
        assert guard.child_gone() == (child.id, 1 << 8), kind


def children_of_one_interface_do_not_serve_another(guard):
    for interface in fakeguard.INTERFACES:
        child = guard.spawn(interface)
        _, sock = child.connect()
        sock.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
        assert Replies(sock).next()["parameters"]["interfaces"] == [interface, "org.varlink.service"]


def the_frontend_ends_with_the_guard(guard):
    child = guard.spawn()
    _, sock = child.connect()
    sock.settimeout(PATIENCE)
    pid = guard.newest_pid()
    assert guard.close() == 0
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the child outlives the frontend")
    assert sock.recv(1) == b""


def a_child_does_not_outlive_the_frontend(guard):
    children = [guard.spawn() for _ in range(8)]  # and the guard's ends of their channels stay open
    while len(guard.child_pids()) < 3:
        pass
    guard.process.kill()
    guard.process.wait()
    for child in children:
        child.sock.settimeout(PATIENCE)
        assert child.receive() is None


def stop(guard, group=True):
    """As systemd does: the parent and every child. The guard hears of it."""
    for pid in [guard.process.pid, *(guard.child_pids() if group else [])]:
        with contextlib.suppress(ProcessLookupError):  # the parent was faster
            os.kill(pid, signal.SIGTERM)
    assert guard.is_told_of_stop()


def expect_end(guard):
    assert guard.process.wait(PATIENCE) == 0, guard.process.returncode


def the_answers_of_a_stop(guard, group):
    child = guard.spawn(credits=2)
    idle, half, busy, piped, waiting = (child.connect() for _ in range(5))
    half[1].sendall(WHO[:7])
    busy[1].sendall(WHO)
    call = expect_call(child, busy[0], 1)
    piped[1].sendall(WHO * 3)
    first = expect_call(child, piped[0], 1)
    waiting[1].sendall(WHO)  # without a credit
    child.expect_silence(0.1)
    stop(guard, group)
    closed = {child.receive() for _ in range(3)}
    assert closed == {("closed", connection) for connection, _ in (idle, half, waiting)}, closed
    for _, sock in (idle, half):
        assert Replies(sock).next() is None
    child.credit(8)
    child.expect_silence()
    for connection, sock, its in ((*busy, call), (*piped, first)):
        assert guard.process.poll() is None, "it has not waited"
        child.answer(its, fakeguard.WHO_AM_I, uid=connection, identity="uid")
        expect(child, ("closed", connection))
        replies = Replies(sock)
        assert replies.next()["parameters"]["uid"] == connection
        try:
            assert replies.next() is None
        except ConnectionResetError:
            assert connection == piped[0], "only who sent what was not looked at is told so"
    assert child.receive() is None
    assert guard.child_gone() == (child.id, 0)
    expect_end(guard)


def a_stop_lets_what_was_called_be_answered(guard):
    the_answers_of_a_stop(guard, group=True)


def a_stop_of_the_parent_alone_is_one_of_all(guard):
    the_answers_of_a_stop(guard, group=False)


def a_stop_takes_nothing_new(guard):
    child = guard.spawn()
    connection, sock = child.connect()
    sock.sendall(WHO)
    call = expect_call(child, connection, 1)
    stop(guard)
    late = guard.spawn(credits=0)
    assert guard.child_gone() == (late.id, 255 << 8)
    assert late.receive() is None
    late_connection, late_sock = child.connect()
    expect(child, ("closed", late_connection))
    assert late_sock.recv(1) == b""
    guard.process.send_signal(signal.SIGTERM)  # told twice it is no more in a hurry
    child.answer(call, fakeguard.WHO_AM_I, identity="uid")
    assert Replies(sock).next()
    assert guard.child_gone() == (child.id, 0)
    expect_end(guard)


def a_stop_ends_at_once_where_nothing_is_under_way(guard):
    children = [guard.spawn(), guard.spawn(ADMIN), guard.spawn(uid=7)]
    clients = [child.connect()[1] for child in children[:2]]
    guard.newest_pid()
    began = time.monotonic()
    stop(guard)
    for sock in clients:
        assert sock.recv(1) == b""
    took = time.monotonic() - began
    assert took < READ_SECONDS, f"{took:.1f} s: nobody is to read any more"
    # Where one is waited for, it goes with its parent, who tells nobody.
    assert sorted(guard.child_gone() for _ in children) == [(child.id, 0) for child in children]
    expect_end(guard)


def a_stop_does_not_wait_for_a_client_that_floods(guard):
    """They are ended long before those that are given time to read, of whom the first and the last to come are some: however slow the machine is."""
    child = guard.spawn()
    found = [(f"{i:04}" + "s" * 60, i / 1000) for i in range(1000)]
    deaf = [child.connect(room=8192)]
    clients = [child.connect() for _ in range(4)]
    deaf.append(child.connect(room=8192))
    for connection, sock in deaf:
        sock.sendall(WHO)
        child.answer(expect_call(child, connection, 1), fakeguard.IDENTIFY, candidates=found, matched=True, allow="a",
                     receipt=(REQUEST, "o", 1, 2))
    for _, sock in clients:
        sock.setblocking(False)
    until = None
    ends, closed = set(), []
    while len(ends) < len(clients) or len(closed) < len(clients) + len(deaf):
        for connection, sock in clients:
            try:
                while connection not in ends:
                    sock.send(b'{"method":"x"}\0' * 100)
                    if not sock.recv(1 << 20):
                        ends.add(connection)
            except BlockingIOError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                ends.add(connection)
        while select.select([child.sock], [], [], 0.01)[0]:
            message = child.receive()
            if message is None:
                break
            if message[0] == "closed":
                closed.append(message[1])
        if until is None:
            stop(guard)
            until = time.monotonic() + PATIENCE
        assert time.monotonic() < until, "it goes on being served"
    assert sorted(closed[-2:]) == sorted(connection for connection, _ in deaf)
    expect_end(guard)


def a_stop_waits_a_moment_for_a_client_that_does_not_read(guard):
    child = guard.spawn()
    clients = [child.connect(room=8192) for _ in range(2)]
    found = [(f"{i:04}" + "s" * 60, i / 1000) for i in range(1000)]
    for connection, sock in clients:
        sock.sendall(WHO)
        child.answer(expect_call(child, connection, 1), fakeguard.IDENTIFY, candidates=found, matched=True, allow="a",
                     receipt=(REQUEST, "o", 1, 2))
    child.expect_silence(0.1)
    began = time.monotonic()
    stop(guard)
    reads, deaf = clients
    assert len(Replies(reads[1]).next()["parameters"]["candidates"]) == 1000
    expect(child, ("closed", reads[0]))
    while True:  # a little now and then is not enough
        deaf[1].recv(2048)
        try:
            assert child.receive(0.2) == ("closed", deaf[0])
            break
        except TimeoutError:
            pass
    took = time.monotonic() - began
    assert took >= READ_SECONDS, f"{took:.1f} s"
    assert guard.child_gone() == (child.id, 0)
    expect_end(guard)


def a_stop_does_not_wait_for_a_guard_that_does_not_answer(guard):
    child = guard.spawn()
    connection, sock = child.connect()
    sock.sendall(WHO)
    expect_call(child, connection, 1)
    began = time.monotonic()
    stop(guard)
    expect_end(guard)
    took = time.monotonic() - began
    assert took >= DRAIN_SECONDS, f"{took:.1f} s"
    assert Replies(sock).next() is None
    assert child.receive() is None


TESTS = [
    replies_come_in_the_order_of_calls, connections_do_not_wait_for_each_other,
    without_credit_nothing_is_called_and_nothing_read, a_credit_is_spent_by_each_call, who_waits_first_is_served_first,
    a_client_that_goes_is_told_and_its_answer_dropped, the_guard_hangs_up, a_large_call_travels_in_a_memfd,
    a_large_answer_comes_over_whole, the_status_is_an_object, a_descriptor_from_a_client_ends_the_connection,
    a_client_that_does_not_read_blocks_nobody, a_flood_of_faults_does_not_grow_the_child,
    each_child_has_a_process_with_nothing_but_its_own, a_child_that_dies_is_reported,
    a_child_whose_channel_is_closed_ends, a_guard_that_talks_nonsense_loses_the_child,
    children_of_one_interface_do_not_serve_another, the_frontend_ends_with_the_guard,
    a_child_does_not_outlive_the_frontend, a_stop_lets_what_was_called_be_answered,
    a_stop_of_the_parent_alone_is_one_of_all, a_stop_takes_nothing_new, a_stop_ends_at_once_where_nothing_is_under_way,
    a_stop_does_not_wait_for_a_client_that_floods, a_stop_waits_a_moment_for_a_client_that_does_not_read,
    a_stop_does_not_wait_for_a_guard_that_does_not_answer,
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frontend", required=True)
    program = parser.parse_args().frontend
    failed = 0
    for test in TESTS:
        guard = fakeguard.FakeGuard(program)
        try:
            test(guard)
        except Exception as error:  # whatever it is, the other tests are to run
            failed += 1
            print(f"FAILED {test.__name__}: {type(error).__name__} {error}")
        guard.close()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
