#!/usr/bin/env python3
"""A child of the frontend that has been taken over: a program with its user and its descriptor says whatever it likes to
the real guard, with the real worker behind, and real frontend children for honest callers beside it.

First what somebody thought of (support/childcases.py), then MATCHGUARD_TAKEN messages (10,000) by chance, from
MATCHGUARD_TAKEN_SEED or another seed each day. No match without a leaf, no leaf changed, no crash, nothing beyond what the
leaf allows.

Usage: taken-child.py BUILD    (root)
"""
import json
import os
import pathlib
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import childcases  # noqa: E402
import fakeguard as wire  # noqa: E402
import nursery  # noqa: E402
import service  # noqa: E402
import taken  # noqa: E402
import wild  # noqa: E402
from childcases import ENDED, NOTHING  # noqa: E402
from fakefrontend import encode_call, encode_job  # noqa: E402

PLAYERS = [*((uid, service.MATCH) for uid in taken.ATTACKER_UIDS), (0, service.AUDIT), (0, service.ADMIN)]


# ------------------------------------------------------------------------------------------ in the attacker's process

def receipts_of(child, answers):
    """The decisions that answers name; and what is wrong with an answer."""
    child.faults += [f"an answer of connection {answer['connection']}"
        for answer in answers if answer["connection"] != child.own]
    return [[child.uid, answer["receipt"]["decision"]] for answer in answers if answer["receipt"]]


def match_calls():
    """What a child of Match says."""
    vector = childcases.VECTOR
    one = [("", "test-16", vector)]
    calls = [{"operation": "identify", "job": one, "limit": 3, "case": "2020-118"},
             {"operation": "identify", "job": one, "floor": 400000},
             {"operation": "identify-stored", "job": [("s-01", "", b"")]},
             {"operation": "verify", "job": [("s-01", "test-16", vector)]},
             {"operation": "compare", "gallery": None, "job": one * 2, "behalf": ["other"], "recipients": ["other"]},
             {"operation": "enrol", "purpose": "gallery-upkeep", "job": [("s-98", "test-16", vector)]},
             {"operation": "remove", "purpose": "gallery-upkeep", "job": [("s-01", "", b"")]},
             {"operation": "list", "purpose": "gallery-upkeep", "job": [("", "", b"")], "probe": None}]
    return [encode_call(0, 0, **{**fields, "job": encode_job(fields["job"])}) for fields in calls] * 3 + simple_calls(
        "get-receipt", "who-am-i", "get-status", "reload", "rebase")


def simple_calls(*kinds):
    return [encode_call(0, 0, kind=kind, request="0" * 32) for kind in kinds]


def detail_call(kind, rest):
    return struct.pack("<QQB", 0, 0, wire.CALLS.index(kind)) + rest


LEAF = b"\1" + struct.pack("<Q", 4)
CALLS = {service.MATCH: match_calls(),
         service.AUDIT: [*simple_calls("get-receipt", "get-checkpoint"),
             detail_call("open-details", LEAF + wire.text("curious")),
                         detail_call("open-details", b"\0" + wire.text("0" * 32) + wire.text("curious"))],
         service.ADMIN: [*simple_calls("get-status", "reload", "rebase"), detail_call("count-details", LEAF),
             detail_call("erase", LEAF),
                         detail_call("erase", b"\2" + wire.text("s-01")),
                         detail_call("count-details", b"\3" + struct.pack("<Q", 0))]}
OTHERS = [(wire.SPAWN, struct.pack("<QBI", 1, 0, 0)), (wire.CHILD_GONE, struct.pack("<QI", 1, 0)),
    (wire.CONNECT, struct.pack("<Q", 1)),
          (wire.CREDIT, struct.pack("<I", 64)), (wire.HANG_UP, struct.pack("<Q", 1)), (wire.ANSWER, bytes(120)),
          (wild.HELLO, bytes(16) + wire.text("0.1.0") + wire.text("opencl/gpu") + wire.text("cpu/avx2") + wire.text("")
           + bytes(40) + wire.texts(["faces"])),
          (wild.ENGINE, wire.text("cpu/avx2") + wire.text("a device") + bytes(16) + wire.text("")),
          (wild.RESULT, struct.pack("<Q", 9) + wire.text("ok") + wire.text("") + bytes(34) + wire.text("cpu/avx2") + bytes(4)),
          (wild.JOB, bytes(64)), (wild.CHECKPOINT, wire.text("note") + bytes(10)), (wild.CANCEL, struct.pack("<Q", 9))]


class Player:
    """One child and what it says by chance."""

    def __init__(self, child, chance):
        self.child, self.chance, self.wild = child, chance.chance, chance
        self.serial, self.receipts = 0, []

    def _valid(self):
        """Something that it might say, on its connection and in its turn."""
        child, how = self.child, self.chance.random()
        if how < 0.75:
            return wire.CALL, struct.pack("<QQ", child.own, self.serial + 1) + self.chance.choice(CALLS[child.interface])[16:]
        if how < 0.9:
            return wire.REFUSED, struct.pack("<QB", child.own, self.chance.randrange(4))
        if how < 0.92:
            return wire.CLOSED, struct.pack("<Q", child.own)
        return self.chance.choice(OTHERS)

    def play(self):
        """Says one to three things."""
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            shot = self.wild.shot(*self._valid())
            if not self.child.shoot(shot):
                return
            # One that is taken uses up a serial; one that is not ends the child.
            self.serial += shot.kind == wire.CALL

    def listen(self):
        """Return: whether the child has had its end."""
        lives = self.child.settle()
        self.receipts += receipts_of(self.child, self.child.take_answers())
        return not lives

    def report(self):
        self.child.close()
        return [self.child.ended, self.child.sent, self.receipts, self.child.faults]


def one_case(child, make, expected):
    """Return: what came of it, receipts, faults."""
    child.shoot(*make(child))
    lives = child.settle()
    if lives and isinstance(expected, int):
        child.pump(lambda: any(answer["connection"] == child.own for answer in child.answers))
    answers = child.take_answers()
    result = [ENDED if not lives else answers[-1]["kind"] if answers else NOTHING, receipts_of(child, answers), child.faults]
    child.close()
    return result


def play_round(players, most):
    """Return: reports of those children that have ended, or have said enough."""
    for player in players.values():
        player.play()
    over = [number for number, player in players.items() if player.listen() or player.child.sent >= most]
    return {number: players.pop(number).report() for number in over}


def serve_attacker(test):
    """Plays what it is told with the children that it is given."""
    players, chance = {}, wild.Wild(wild.seed_of_the_day())
    while True:
        data, fds, _, _ = socket.recv_fds(test, 65536, 1)
        if not data:
            return
        what, which, number, whose = json.loads(data)
        child = nursery.Child(number, whose, fds[0]) if fds else None
        if what == "case":
            _, make, expected = childcases.CASES[which]
            reply = one_case(child, make, expected)
        elif what == "elsewhere":
            reply = one_case(child, childcases.elsewhere(childcases.ELSEWHERE[which][1]), ENDED)
        elif what == "give":
            players[number] = Player(child, chance)
            continue
        else:
            reply = play_round(players, most=40)
        test.send(json.dumps(reply).encode())


# --------------------------------------------------------------------------------------------------- from the outside

class Attack:
    """Lets the attacker loose, and keeps count."""

    def __init__(self, scene, tally):
        self.scene, self.tally = scene, tally
        self.nursery = nursery.Nursery(scene, {uid for uid, _ in PLAYERS})
        self.attacker = scene.process(taken.FRONTEND, serve_attacker)
        self.breaches, self.receipts = 0, []

    def note(self, label, receipts, faults):
        self.receipts += receipts
        for fault in faults:
            self.tally.check(False, f"{label}: {fault}")

    def crafted(self, what, which, whose):
        """Return: what came of one case."""
        self.nursery.want(*whose)
        number, whose, fd = self.nursery.take()
        came, receipts, faults = self.attacker.ask([what, which, number, whose], [fd])
        os.close(fd)
        self.nursery.bury(number, whose)
        self.note((what, which), receipts, faults)
        self.breaches += came == ENDED
        return came

    def all_crafted(self):
        for which, (name, _, expected) in enumerate(childcases.CASES):
            came = self.crafted("case", which, PLAYERS[which % len(taken.ATTACKER_UIDS)])
            self.tally.check(came == expected, f"{name}: {came} instead of {expected}")
        for which, (interface, kind) in enumerate(childcases.ELSEWHERE):
            came = self.crafted("elsewhere", which, (0, interface))
            self.tally.check(came == ENDED, f"{kind} on {interface}: {came}")

    def give(self, players):
        """Children of these for the attacker."""
        for whose in players:
            self.nursery.want(*whose)
        numbers = {}
        for _ in players:
            number, whose, fd = self.nursery.take()
            self.attacker.tell(["give", 0, number, whose], [fd])
            os.close(fd)
            numbers[number] = whose
        return numbers

    def by_chance(self, n):
        sent, numbers = 0, self.give(PLAYERS)
        while sent < n:
            free = []
            for number, (ended, said, receipts, faults) in self.attacker.ask(["play", 0, 0, None]).items():
                free.append(numbers.pop(int(number)))
                self.nursery.bury(int(number), free[-1])
                self.note("by chance", receipts, faults)
                sent += said
                self.breaches += ended
            numbers.update(self.give(free))
        for number, whose in numbers.items():
            self.nursery.bury(number, whose)
        return sent


def main():
    tally = service.Tally()
    seed, n = wild.seed_of_the_day(), taken.messages(sys.argv[1])
    scene = taken.Scene(sys.argv[1], tally)
    try:
        scene.start_guard()
        attack = Attack(scene, tally)
        scene.start_tapped_worker()
        scene.start_frontend(attack.nursery.path)
        scene.service.wait_for("X_MATCHGUARD_SERVING")
        scene.enrol()
        scene.begin()
        begun = time.monotonic()
        attack.all_crafted()
        crafted = time.monotonic() - begun
        sent = attack.by_chance(n)
        print(f"{len(childcases.CASES) + len(childcases.ELSEWHERE)} crafted in {crafted:.1f} s, {sent} by chance from seed {seed} in "
              f"{time.monotonic() - begun - crafted:.1f} s, {attack.breaches} children ended, {len(attack.receipts)} requests")
        leaves = scene.end()
        recorded = taken.breaches(leaves)
        tally.check(recorded == attack.breaches, f"{attack.breaches} breaches, {recorded} recorded")
        for uid, decision in attack.receipts:
            leaf = leaves[decision]
            if leaf["kind"] != "request" or leaf["uid"] != uid:
                tally.check(False, f"uid {uid} was given the receipt of {leaf}")
        tally.check(len(attack.receipts) > sent / 50, f"{len(attack.receipts)} requests only")
    finally:
        scene.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
