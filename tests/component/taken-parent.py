#!/usr/bin/env python3
"""A parent of the frontend that has been taken over: a program with its user says whatever it likes to the real guard, on its
own channel and in the place of every child, with the real worker behind. Honest callers, whose connections it is given, ask
throughout; what comes to them is its to decide, but not what is decided, matched and recorded, nor in whose name.

First what somebody thought of (CASES), then MATCHGUARD_TAKEN messages (10,000) by chance, from MATCHGUARD_TAKEN_SEED or
another seed each day. In the end a real frontend comes, and everybody is served.

Usage: taken-parent.py BUILD    (root)
"""
import json
import os
import pathlib
import select
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import childcases  # noqa: E402
import fakeguard as wire  # noqa: E402
import service  # noqa: E402
import taken  # noqa: E402
import wild  # noqa: E402
from fakefrontend import FakeFrontend, encode_call  # noqa: E402
from wild import Shot  # noqa: E402

PROBE = childcases.PROBE
# What has come to its end afterwards: the parent with all it had, the first of two children, the second, nothing.
ALL, FIRST, SECOND, NOTHING = "all", "first", "second", "nothing"


# ------------------------------------------------------------------------------------------ in the attacker's process

def drained(sock):
    """Takes what has come. Return: whether the guard has ended it."""
    while select.select([sock], [], [], 0)[0]:
        try:
            data, fds, _, _ = socket.recv_fds(sock, 65536, 4)
        except ConnectionResetError:
            return True
        for fd in fds:
            os.close(fd)
        if not data:
            return True
    return False


class Parent:
    """A connection as the frontend, with the children that the guard wants for the callers who are there."""

    def __init__(self, path, n_children):
        self.front, self.sent = FakeFrontend(path), 0
        self.children = []
        while len(self.children) < n_children:
            child = self.front.child()
            child.sock.setblocking(True)
            if child.pump(lambda child=child: child.connections and child.credits > 0):
                child.own = min(child.connections)
                self.children.append(child)
        self.first, self.second = self.children[0], self.children[-1]

    def shoot(self, sock, *shots):
        """Return: whether all of them went out."""
        self.sent += len(shots)
        return all(shot.send(sock) for shot in shots)

    def came(self):
        """What has ended, once the guard has seen what was said: it takes whatever is there in turn."""
        for child in (self.second, self.second, self.first, self.first):
            try:
                child.call(child.own, kind="who-am-i")
                child.pump(lambda child=child: bool(child.answers))
                child.answers.clear()
            except OSError:
                pass
        if drained(self.front.sock):
            return ALL
        ended = [name for child, name in ((self.first, FIRST), (self.second, SECOND)) if child.ended or drained(child.sock)]
        return " ".join(ended) or NOTHING

    def close(self):
        self.front.close()
        for child in self.children:
            for sock in (child.sock, *child.connections.values()):
                sock.close()


def gone(number, status=0):
    return struct.pack("<QI", number % 2 ** 64, status)


def to_guard(*shots):
    """On the parent's own channel; a function is given the parent."""
    return lambda parent: parent.shoot(parent.front.sock, *(shot(parent) if callable(shot) else shot for shot in shots))


def as_child(which, *shots):
    """In the place of the first or the second child."""
    return lambda parent: parent.shoot(getattr(parent, which).sock, *(shot(parent) for shot in shots))


def call_on(which, serial=1, **fields):
    """A call on the connection of one of the two."""
    return lambda parent: Shot(wire.CALL, encode_call(getattr(parent, which).own, serial, **{"job": PROBE, **fields}))


def refusal(which):
    """What a child may say at any time."""
    return lambda parent: Shot(wire.REFUSED, struct.pack("<QB", getattr(parent, which).own, 0))


def told_gone(*which, status=0):
    return lambda parent: parent.shoot(parent.front.sock, *(Shot(wire.CHILD_GONE, gone(getattr(parent, name).id, status))
        for name in which))


def both(*steps):
    return lambda parent: [step(parent) for step in steps]


def close_pair(parent):
    """The end of a child without a word: it is seen by its descriptor."""
    parent.first.sock.shutdown(socket.SHUT_RDWR)


def hand_over(which):
    """The guard is given a descriptor back that it has given out."""
    def make(parent):
        fds = {"pair": lambda: parent.first.sock, "client": lambda: next(iter(parent.first.connections.values())),
               "channel": lambda: parent.front.sock}[which]()
        wire.send_packet(parent.front.sock, wire.CHILD_GONE, gone(0), [fds.fileno()])
    return make


def second_parent(parent):
    """As often as it likes: one frontend is there."""
    for _ in range(50):
        second = FakeFrontend(parent.front.sock.getpeername())
        assert second.sock.recv(1) == b"", "a second frontend was let in"
        second.close()


def kernel_refuses(parent):
    """What the account may not, whoever has it."""
    internal = pathlib.Path(parent.front.sock.getpeername()).parent
    for path, kind in ((internal / "worker", socket.SOCK_SEQPACKET), (internal.parent / service.ADMIN, socket.SOCK_STREAM),
                       (internal.parent / service.AUDIT, socket.SOCK_STREAM)):
        try:
            socket.socket(socket.AF_UNIX, kind).connect(str(path))
        except PermissionError:
            continue
        raise AssertionError(f"{path} lets it in")
    for path in ("state", "state/export", "galleries"):
        assert not os.access(internal.parents[1] / path, os.R_OK | os.X_OK), f"{path} is open to it"


def packets(**more):
    return to_guard(Shot(wire.CHILD_GONE, gone(2 ** 40), **more))


CASES = [
    # On its own channel it has two words: CHILD_GONE, and once STOPPING. Of children that are none it says nothing.
    *((f"message {kind}", to_guard(Shot(kind, gone(0))), ALL)
      for kind in (0, 1, 3, 15, 16, 17, 18, 19, 20, 31, 32, 33, 34, 35, 47, 48, 49, 50, 63, 64, 65, 66, 67, 128, 255)),
    *((f"a child's {name}", to_guard(lambda parent, kind=kind, make=make: Shot(kind, make(parent.first.own))), ALL)
      for name, kind, make in (
        ("call", wire.CALL, lambda own: encode_call(own, 1, job=PROBE)),
        ("end", wire.CLOSED, lambda own: struct.pack("<Q", own)),
        ("refusal", wire.REFUSED, lambda own: struct.pack("<QB", own, 0)))),
    ("a spawn of its own", to_guard(Shot(wire.SPAWN, struct.pack("<QBI", 77, 1, 0))), ALL),
    *((f"an end cut at {at}", to_guard(Shot(wire.CHILD_GONE, gone(0)[:at])), ALL) for at in range(12)),
    *((f"an end with {n} bytes more", to_guard(Shot(wire.CHILD_GONE, gone(0) + bytes(n))), ALL)
        for n in (1, 12, 60000, 100000, wild.BODY_MAX - 12)),
    *((f"{n} descriptors", packets(n_fds=n), ALL) for n in (1, 2, 3, 4, 20)),
    *((f"flags {n}", packets(flags=n), ALL) for n in (1, 2, 3, 255)),
    *((f"zero is {n}", packets(zero=n), ALL) for n in (1, 65535)),
    *((f"a length of {n}", packets(length=n), ALL) for n in (0, 11, 13, 2 ** 32 - 1)),
    *((f"a {how} memfd", packets(memfd=how), ALL) for how in ("sealed", "open", "short")),
    *((f"its {which} for the guard", hand_over(which), ALL) for which in ("pair", "client", "channel")),
    *((f"the end of child {number}", to_guard(Shot(wire.CHILD_GONE, gone(number))), NOTHING)
        for number in (0, 2 ** 20, 2 ** 63, 2 ** 64 - 1)),
    ("1,000 ends of nobody", to_guard(*[Shot(wire.CHILD_GONE, gone(2 ** 32 + i)) for i in range(1000)]), NOTHING),
    ("the end of a child before the last", to_guard(lambda parent: Shot(wire.CHILD_GONE, gone(parent.first.id - 100))),
        NOTHING),
    ("it stops", to_guard(Shot(wire.STOPPING, b"")), NOTHING),
    ("it stops twice", to_guard(Shot(wire.STOPPING, b""), Shot(wire.STOPPING, b"")), ALL),
    ("it stops, with a byte", to_guard(Shot(wire.STOPPING, b"\0")), ALL),
    ("it stops, with a descriptor", to_guard(Shot(wire.STOPPING, b"", n_fds=1)), ALL),
    # Children that it says are gone are gone; the others go on.
    ("the end of a child that lives", told_gone("first"), FIRST), ("of the other", told_gone("second"), SECOND),
    ("of both", told_gone("first", "second"), f"{FIRST} {SECOND}"), ("twice", told_gone("first", "first"), FIRST),
    *((f"with status {status}", told_gone("first", status=status), FIRST) for status in (9, 2 ** 31, 2 ** 32 - 1)),
    ("a call, and the child is gone", both(as_child("first", call_on("first")), told_gone("first")), FIRST),
    ("59 calls, and the child is gone", both(as_child("first", *[call_on("first", i) for i in range(1, 60)]),
        told_gone("first")), FIRST),
    ("a child's channel closed", close_pair, FIRST), ("and told so", both(close_pair, told_gone("first")), FIRST),
    ("told, and closed then", both(told_gone("first"), close_pair), FIRST),
    ("gone, and nonsense then", both(told_gone("first"), to_guard(Shot(77, b"nonsense"))), ALL),
    ("a call in the way of the end of all", both(as_child("first", call_on("first")), to_guard(Shot(77, b""))), ALL),
    # In the place of a child it may do what that child may, and nothing of another one's.
    *((f"{words} in the place of the first", as_child("first", make), FIRST) for words, make in (
        ("a call on the second's connection", call_on("second")),
        ("who-am-i on the second's connection", call_on("second", kind="who-am-i")),
        ("a call on no connection", lambda parent: Shot(wire.CALL, encode_call(0, 1, job=PROBE))),
        ("the end of the second's connection", lambda parent: Shot(wire.CLOSED, struct.pack("<Q", parent.second.own))),
        ("a refusal of the second's connection", lambda parent: Shot(wire.REFUSED, struct.pack("<QB", parent.second.own, 0))),
        ("the guard's refusal", lambda parent: Shot(wire.REFUSED, struct.pack("<QB", parent.first.own, 4))),
        ("the end of a child", lambda parent: Shot(wire.CHILD_GONE, gone(parent.second.id))),
        ("a spawn", lambda parent: Shot(wire.SPAWN, struct.pack("<QBI", 77, 1, 0))),
        ("a reload", call_on("first", kind="reload")),
        ("a rebase", call_on("first", kind="rebase")), ("a checkpoint", call_on("first", kind="get-checkpoint")),
        ("a credit for itself", lambda parent: Shot(wire.CREDIT, struct.pack("<I", 1000))),
        ("an answer", lambda parent: Shot(wire.ANSWER, bytes(100))), ("a serial ahead", call_on("first", 9)))),
    ("a call of the first by the second", both(as_child("second", call_on("first")), as_child("first", refusal("first"))),
        SECOND),
    ("both swapped", both(as_child("second", call_on("first")), as_child("first", call_on("second"))), f"{FIRST} {SECOND}"),
    ("200 calls at once", as_child("first", *[call_on("first", i) for i in range(1, 200)]), FIRST),
    ("50 more frontends", second_parent, NOTHING), ("what the kernel refuses", kernel_refuses, NOTHING),
]
# Ends that are no breach: the parent's word, and channels that close.
WITHOUT_A_WORD = ("the end of a child that lives", "of the other", "of both", "twice", "a call, and the child is gone",
    "a child's channel closed",
                  "and told so", "told, and closed then", "59 calls, and the child is gone",
                  *(f"with status {n}" for n in (9, 2 ** 31, 2 ** 32 - 1)))


class Player:
    """One connection as the frontend, and what it says by chance."""

    def __init__(self, path, chance):
        self.wild, self.dice = chance, chance.chance
        self.parent = Parent(path, self.dice.choice((1, 2, 3)))
        self.children = list(self.parent.children)
        self.sent = self.answered = 0

    def _say(self, child):
        """Something on its own channel, or in the place of a child, now and then of another one's connection."""
        if self.dice.random() < 0.2:
            number = self.dice.choice((child.id, child.id + 1, self.dice.randrange(2 ** 20)))
            sock, shot = self.parent.front.sock, self.wild.shot(wire.CHILD_GONE, gone(number))
        else:
            on = child if self.dice.random() < 0.9 else self.dice.choice(self.parent.children)
            words = self.dice.choice(({"limit": 3}, {"kind": "who-am-i"},
                {"operation": "compare", "gallery": None, "job": PAIR}, {"case": "1"}))
            call = encode_call(on.own, child.serials.get(on.own, 0) + 1, **{"job": PROBE, **words})
            sock, shot = child.sock, self.wild.shot(wire.CALL, call)
            # One that is taken uses up a serial; one that is not ends the child.
            child.serials[on.own] = child.serials.get(on.own, 0) + (shot.kind == wire.CALL)
        self.sent += shot.send(sock)

    def _settle(self, child):
        """Return: whether the guard has read everything, and the child is still there."""
        child.answers.clear()
        try:
            serial = child.call(child.own, kind="who-am-i")
            child.pump(lambda: any(answer["serial"] == serial for answer in child.answers) or not child.connections)
        except OSError:
            child.ended = True
        self.answered += len(child.answers)
        return not child.ended and bool(child.connections)

    def play(self):
        """Return: whether the guard has ended it."""
        over = False
        while self.children and not over and self.sent < 60:
            child = self.dice.choice(self.children)
            for _ in range(self.dice.choice((1, 1, 2, 3))):
                self._say(child)
            if not self._settle(child):
                self.children.remove(child)
            over = drained(self.parent.front.sock)
        self.parent.close()
        return over


def play_by_chance(path, chance, n):
    """Return: how much it said, how often all was ended, and how much was answered."""
    sent = ended = answered = 0
    while sent < n:
        player = Player(path, chance)
        ended += player.play()
        sent += player.sent
        answered += player.answered
    return [sent, ended, answered]


PAIR = childcases.encode_job([("", "test-16", childcases.VECTOR)] * 2)


def attacker_at(path):
    def serve(test):
        chance = wild.Wild(wild.seed_of_the_day())
        while data := test.recv(65536):
            what, which = json.loads(data)
            if what == "case":
                parent = Parent(path, 2)
                CASES[which][1](parent)
                came = parent.came()
                parent.close()
            else:
                came = play_by_chance(path, chance, which)
            test.send(json.dumps(came).encode())
    return serve


# --------------------------------------------------------------------------------------------------- from the outside

def all_crafted(attacker, tally):
    """Return: how many breaches there were."""
    breaches = 0
    for which, (name, _, expected) in enumerate(CASES):
        came = attacker.ask(["case", which])
        tally.check(came == expected, f"{name}: {came} instead of {expected}")
        breaches += 0 if expected == NOTHING or name in WITHOUT_A_WORD else len(expected.split())
    return breaches


def main():
    tally = service.Tally()
    seed, n = wild.seed_of_the_day(), taken.messages(sys.argv[1])
    scene = taken.Scene(sys.argv[1], tally)
    try:
        scene.start_guard()
        attacker = scene.process(taken.FRONTEND, attacker_at(str(scene.service.path("frontend"))))
        scene.start_tapped_worker()
        scene.start_frontend()
        scene.service.wait_for("X_MATCHGUARD_SERVING")
        scene.enrol()
        scene.begin(pause=0.001)
        scene.service.kill("frontend")
        begun = time.monotonic()
        breaches = all_crafted(attacker, tally)
        crafted = time.monotonic() - begun
        tally.check(scene.recorded(breaches) == breaches, f"{breaches} breaches, {scene.recorded(breaches)} recorded")
        begun = time.monotonic()
        sent, ended, answered = taken.by_chance(attacker, n)
        print(f"{len(CASES)} crafted in {crafted:.1f} s, {sent} by chance from seed {seed} in {time.monotonic() - begun:.1f} s, "
              f"{ended} times ended, {answered} answers")
        scene.start_frontend()
        leaves = scene.end()
        uids = {leaf["uid"] for leaf in leaves if leaf["kind"] == "request"}
        tally.check(uids == {service.ARCHIVE_UID, *(uid for uid, _ in taken.HONEST)}, f"requests of {uids}")
        tally.check(taken.breaches(leaves) >= breaches + ended // 2, "breaches are not recorded")
        tally.check(answered > sent / 200, f"{answered} answers only")
    finally:
        scene.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
