#!/usr/bin/env python3
"""A frontend child that has been taken over: it says whatever it likes to the real guard, with the real worker behind.

No match without a leaf, no fact of the kernel's replaced, never a match, an answer or a receipt of another uid; and
whatever is said, the guard goes on for everybody else.

Usage: takeover.py --build FOLDER    (root: it plays several users)
"""
import argparse
import os
import pathlib
import random
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import fakefrontend  # noqa: E402
import fakeguard  # noqa: E402
import service  # noqa: E402

NGO, POLICE, KEEPER = service.NGO_UID, service.POLICE_UID, service.ARCHIVE_UID
MALFORMED = fakeguard.INVALID_PARAMETER


def vector(i=0):
    return struct.pack("<16f", *service.unit(i))


PROBE = fakefrontend.encode_job([("", "test-16", vector())])


class Scene:
    """A service whose frontend is the test."""

    def __init__(self, build):
        self.service = service.Service(build)
        self.service.start_guard()
        self.service.wait_for("READY")
        self.service.start_worker()
        self.frontend = fakefrontend.FakeFrontend(self.service.path("frontend"))
        self.service.wait_for("X_MATCHGUARD_SERVING")
        self.children = []
        self.clients = []

    def child(self, uid=NGO, interface=service.MATCH, n_connections=1):
        """A child with clients connected. Return: (child, ids of its connections)."""
        self.clients += [self.service.connect(uid, interface)]
        child = self.frontend.child()
        assert (child.uid, child.interface) == (uid, interface), (child.uid, child.interface)
        self.clients += [self.service.connect(uid, interface) for _ in range(n_connections - 1)]
        assert child.pump(lambda: len(child.connections) == n_connections and child.credits > 0)
        self.children.append(child)
        return child, sorted(child.connections)

    def ended(self, child):
        """Waits until the guard has ended a child, and reports its process gone. Return: True."""
        child.wait_end()
        child.close()
        return True

    def enrol(self, n=4):
        child, (connection,) = self.child(KEEPER)
        job = fakefrontend.encode_job([(f"child-{i}", "test-16", vector(i)) for i in range(n)])
        answer = child.answered(connection, operation="enrol", purpose="gallery-upkeep", job=job)
        assert answer["kind"] == fakeguard.ENROL, answer
        child.close()

    def still_serves(self):
        """Whether an honest child of another uid is served as if nothing had happened."""
        child, (connection,) = self.child(KEEPER)
        answer = child.answered(connection, operation="list", purpose="gallery-upkeep",
                                job=fakefrontend.encode_job([("", "", b"")]))
        assert answer and answer["kind"] == fakeguard.LIST, answer
        child.close()
        return True

    def leaves(self, done):
        return self.service.wait_exported(done)

    def close(self):
        for client in self.clients:
            client.close()
        self.frontend.close()
        self.service.close()


def refusals(leaves, why="frontend"):
    return sum(leaf["count"] for leaf in leaves if leaf["kind"] == "refused" and leaf["why"] == why)


def requests(leaves):
    return [leaf for leaf in leaves if leaf["kind"] == "request"]


# ------------------------------------------------------------------------------------------------- the tests

def an_honest_call_is_matched_and_recorded_for_the_kernels_uid(scene):
    scene.enrol()
    child, (connection,) = scene.child(NGO)
    answer = child.answered(connection, job=PROBE)
    assert answer["kind"] == fakeguard.IDENTIFY and answer["candidates"] == ["child-0"], answer
    leaves = scene.leaves(lambda all: len(all) > answer["receipt"]["outcome"])
    decision, outcome = leaves[answer["receipt"]["decision"]], leaves[answer["receipt"]["outcome"]]
    assert (decision["kind"], decision["uid"], decision["organisation"]) == ("request", NGO, "rescuer"), decision
    assert decision["pid"] == scene.service.caller(NGO).pid and decision["verdict"] == "permit"
    assert outcome["kind"] == "outcome" and outcome["of"] == decision["index"] and outcome["result"] == "ok"


def whatever_it_says_it_is_the_uid_of_its_clients(scene):
    child, (connection,) = scene.child(POLICE)
    for words in ({"purpose": "missing-child-reunion"}, {"behalf": ["rescuer"]}, {"recipients": ["rescuer"]},
                  {"operator": "uid 3001", "case": "organisation=rescuer", "authorisation": "root"}):
        answer = child.answered(connection, job=PROBE, **words)
        assert answer["kind"] == fakeguard.DENIED and answer["reason"] == "moratorium", answer
        leaf = scene.leaves(lambda all: len(all) > answer["receipt"]["decision"])[answer["receipt"]["decision"]]
        assert (leaf["uid"], leaf["organisation"], leaf["verdict"]) == (POLICE, "city-police", "deny"), leaf


def another_childs_connection_is_not_its_own(scene):
    honest, (theirs,) = scene.child(NGO)
    taken, (own,) = scene.child(POLICE)
    taken.send(fakefrontend.CALL, fakefrontend.encode_call(theirs, 1, job=PROBE))
    assert scene.ended(taken)
    assert honest.answered(theirs, job=PROBE)["kind"] == fakeguard.IDENTIFY
    leaves = scene.leaves(lambda all: refusals(all) == 1)
    assert [leaf["uid"] for leaf in requests(leaves)] == [NGO], requests(leaves)


def nor_can_it_end_or_accuse_another_childs_connection(scene):
    honest, (theirs,) = scene.child(NGO)
    for kind, body in ((fakefrontend.CLOSED, struct.pack("<Q", theirs)),
                       (fakefrontend.REFUSED, struct.pack("<QB", theirs, 0))):
        taken, _ = scene.child(POLICE)
        taken.send(kind, body)
        assert scene.ended(taken)
    assert honest.answered(theirs, job=PROBE)["kind"] == fakeguard.IDENTIFY


def it_never_hears_the_answer_of_another_uid(scene):
    scene.enrol()
    honest, (theirs,) = scene.child(NGO)
    taken, (own,) = scene.child(POLICE)
    serials = [honest.call(theirs, job=PROBE) for _ in range(20)]
    assert taken.answered(own, job=PROBE)["kind"] == fakeguard.DENIED
    assert honest.pump(lambda: len(honest.answers) == len(serials))
    assert {a["connection"] for a in honest.answers} == {theirs}
    assert [a["connection"] for a in taken.answers] == [own]


def nor_its_receipt(scene):
    honest, (theirs,) = scene.child(NGO)
    request = honest.answered(theirs, job=PROBE)["receipt"]["request"]
    mine = honest.answered(theirs, kind="get-receipt", request=request)
    assert mine["kind"] == fakeguard.RECEIPT and f'"uid":{NGO}' in mine["texts"][0], mine
    taken, (own,) = scene.child(POLICE)
    for asked in (request, "0" * 32):
        answer = taken.answered(own, kind="get-receipt", request=asked)
        assert answer["kind"] == fakeguard.NO_SUCH_REQUEST and not any(answer["texts"]), answer


def more_calls_than_credits_end_it(scene):
    child, (connection,) = scene.child(service.STRANGER_UID)
    assert child.credits == 1, "a uid that the policy does not name has one call at a time"
    try:
        for _ in range(3):
            child.call(connection, job=PROBE)
    except BrokenPipeError:
        pass  # It was ended at the second one already.
    assert scene.ended(child)
    scene.leaves(lambda all: refusals(all) == 1)
    assert scene.still_serves()


def a_serial_out_of_turn_ends_it(scene):
    for serials in ((2,), (1, 1), (1, 3), (0,), (2 ** 64 - 1,)):
        child, (connection,) = scene.child(NGO)
        for serial in serials:
            child.send(fakefrontend.CALL, fakefrontend.encode_call(connection, serial, job=PROBE))
        assert scene.ended(child), serials
    assert scene.still_serves()


def calls_of_other_interfaces_end_it(scene):
    before = len(scene.leaves(lambda all: any(leaf["kind"] == "policy" for leaf in all)))
    for interface, uid, kinds in ((service.MATCH, NGO, ("reload", "get-checkpoint", "rebase", 7, 255)),
                                  (service.AUDIT, 0, ("match", "who-am-i", "reload", "rebase", "get-status")),
                                  (service.ADMIN, 0, ("match", "who-am-i", "get-receipt", "get-checkpoint"))):
        for kind in kinds:
            child, (connection,) = scene.child(uid, interface)
            child.call(connection, kind=kind, job=PROBE, request="0" * 32)
            assert scene.ended(child), (interface, kind)
    leaves = scene.leaves(lambda all: refusals(all) == 14)
    assert {leaf["kind"] for leaf in leaves[before:]} == {"refused"}, "nothing was decided, reloaded or rebased"
    assert scene.still_serves()


def names_and_numbers_are_checked_again(scene):
    child, (connection,) = scene.child(NGO)
    wrong = [{"gallery": "../faces"}, {"gallery": "Faces"}, {"gallery": None}, {"gallery": ""}, {"purpose": ""},
             {"purpose": "a b"}, {"purpose": "x" * 64}, {"sought": "anybody"}, {"probe": "drawing"},
             {"behalf": ["any thing"]}, {"recipients": ["Rescuer"]}, {"limit": 0}, {"operation": "drop"}, {"operation": ""},
             {"operation": "compare"}, {"job": b""}, {"job": b"\1\0\0\0\0"}, {"job": PROBE + b"x"}, {"job": PROBE[:-1]},
             {"job": fakefrontend.encode_job([("child-1", "test-16", vector())])},
             {"job": fakefrontend.encode_job([("", "a model", vector())])},
             {"job": fakefrontend.encode_job([("", "test-16", vector()[:-1])])},
             {"job": fakefrontend.encode_job([("", "test-16", vector())] * 2)},
             {"operation": "verify", "job": fakefrontend.encode_job([("a/b", "test-16", vector())])},
             {"operation": "identify-stored", "job": PROBE}]
    for fields in wrong:
        answer = child.answered(connection, **{"job": PROBE, **fields})
        assert answer and answer["kind"] == MALFORMED and answer["reason"] and not answer["receipt"], (fields, answer)
    leaves = scene.leaves(lambda all: refusals(all, "malformed") == len(wrong))
    assert not requests(leaves)
    assert child.answered(connection, job=PROBE)["kind"] == fakeguard.IDENTIFY


def what_cannot_be_read_ends_it(scene):
    good = fakefrontend.encode_call(0, 1, job=PROBE)

    def call(connection, **fields):
        return fakefrontend.encode_call(connection, 1, **{"job": PROBE, **fields})

    bodies = [lambda c: b"", lambda c: good[:10], lambda c: call(c) + b"\0", lambda c: call(c)[:-1],
              lambda c: call(c, case="x" * 513), lambda c: call(c, behalf=["rescuer"] * 17),
              lambda c: call(c, floor=1000001), lambda c: call(c, floor=-1000001),
              lambda c: call(c, operator="\udcff".encode("utf-8", "surrogateescape").decode("latin-1")).replace(
                  "ÿ".encode(), b"\xff\xff"),
              lambda c: call(c).replace(b"identify", b"iden\0ify")]
    for body in bodies:
        child, (connection,) = scene.child(NGO)
        child.send(fakefrontend.CALL, body(connection))
        assert scene.ended(child)
    for kind in (0, 1, 2, 16, 17, 18, 19, 35, 48, 49, 64, 65, 66, 255):
        child, (connection,) = scene.child(NGO)
        child.send(kind, struct.pack("<Q", connection))
        assert scene.ended(child), kind
    leaves = scene.leaves(lambda all: refusals(all) == len(bodies) + 14)
    assert not requests(leaves)


def what_is_no_packet_ends_it(scene):
    def unsealed(child, body):
        header, memfd = fakefrontend.unsealed_packet(fakefrontend.CALL, body)
        fakefrontend.send_raw(child.sock, header, [memfd])
        os.close(memfd)

    def with_descriptors(child, body):
        with tempfile.TemporaryFile() as file:
            fakeguard.send_packet(child.sock, fakefrontend.CALL, body, [file.fileno()])

    def raw(data):
        return lambda child, body: fakefrontend.send_raw(child.sock, data)

    for send in (unsealed, with_descriptors, raw(b"\x20"), raw(b"\x20\0\0\0\xff\xff\xff\xff"), raw(b"\x20\2\0\0\0\0\0\0"),
                 raw(b"\x20\1\0\0\0\0\0\1"), raw(b"\x20\0\1\0\0\0\0\0"), raw(os.urandom(5000))):
        child, (connection,) = scene.child(NGO)
        send(child, fakefrontend.encode_call(connection, 1, job=PROBE + b"x" * 100000))
        assert scene.ended(child)
    assert scene.still_serves()


def it_cannot_make_a_record_of_the_guards_own(scene):
    child, (connection,) = scene.child(NGO)
    child.send(fakefrontend.REFUSED, struct.pack("<QB", connection, 4))
    assert scene.ended(child)
    child, (connection,) = scene.child(NGO)
    child.send(fakefrontend.REFUSED, struct.pack("<QB", connection, 9))
    assert scene.ended(child)
    assert scene.still_serves()


def its_end_closes_its_connections_and_no_other(scene):
    honest, (theirs,) = scene.child(NGO)
    other = scene.clients[-1]
    taken, own = scene.child(POLICE, n_connections=3)
    taken.send(99, b"")
    assert scene.ended(taken)
    for client in scene.clients[-3:]:
        assert client.receive(5) is None, "the client must see the end"
    assert honest.answered(theirs, job=PROBE)["kind"] == fakeguard.IDENTIFY
    assert select_nothing(other.sock)


def select_nothing(sock):
    import select
    return not select.select([sock], [], [], 0.2)[0]


def one_that_does_not_read_is_ended_before_it_fills_the_guard(scene):
    scene.enrol()
    child, (connection,) = scene.child(NGO)
    child.credits = 0
    # Answers pile up only as far as credits go: nothing is read here while calls go on.
    sent = 0
    child.sock.setblocking(False)
    try:
        for _ in range(1000):
            child.call(connection, job=PROBE)
            sent += 1
    except OSError:
        pass
    child.sock.setblocking(True)
    assert scene.still_serves()
    assert scene.ended(child)


def a_dead_caller_gets_nothing(scene):
    child, (connection,) = scene.child(NGO)
    scene.service.callers.pop(NGO).kill()
    serial = child.call(connection, job=PROBE)
    assert child.pump(lambda: connection not in child.connections), "the guard hangs up"
    assert not [a for a in child.answers if a["serial"] == serial]
    leaves = scene.leaves(lambda all: refusals(all, "caller-gone") == 1)
    assert not requests(leaves)


def a_second_frontend_is_turned_away(scene):
    second = fakefrontend.FakeFrontend(scene.service.path("frontend"))
    assert fakefrontend.receive(second.sock) is None
    assert scene.still_serves()


def a_parent_that_talks_nonsense_is_ended_and_another_may_come(scene):
    honest, (theirs,) = scene.child(NGO)
    fakeguard.send_packet(scene.frontend.sock, 77, b"nonsense")
    assert fakefrontend.receive(scene.frontend.sock) is None
    assert not honest.pump(lambda: False), "its children end with it"
    scene.frontend.close()
    scene.frontend = fakefrontend.FakeFrontend(scene.service.path("frontend"))
    assert scene.still_serves()


def noise_of_every_sort_is_survived(scene):
    scene.enrol()
    chance = random.Random(7)
    answers = breaches = 0
    for _ in range(400):
        child, (connection,) = scene.child(NGO)
        for serial in range(1, 4):
            body = bytearray(fakefrontend.encode_call(connection, serial, case="2020-118", limit=3, job=PROBE))
            for _ in range(chance.choice((0, 1, 1, 2, 8))):
                body[chance.randrange(8, len(body))] = chance.choice((0, 1, 0x20, 0x61, 0x7f, 0xff, chance.randrange(256)))
            try:
                child.send(fakefrontend.CALL, bytes(body))
                if not child.pump(lambda: len(child.answers) == serial):
                    breaches += 1
                    break
            except BrokenPipeError:
                child.ended = True
                break
        answers += len(child.answers)
        permitted = [a for a in child.answers if a["kind"] == fakeguard.IDENTIFY]
        assert all(a["receipt"] and a["receipt"]["outcome"] for a in permitted)
        child.close()
    assert answers > 100 and breaches > 20, (answers, breaches)
    assert scene.still_serves()


TESTS = [an_honest_call_is_matched_and_recorded_for_the_kernels_uid, whatever_it_says_it_is_the_uid_of_its_clients,
         another_childs_connection_is_not_its_own, nor_can_it_end_or_accuse_another_childs_connection,
         it_never_hears_the_answer_of_another_uid, nor_its_receipt, more_calls_than_credits_end_it,
         a_serial_out_of_turn_ends_it, calls_of_other_interfaces_end_it, names_and_numbers_are_checked_again,
         what_cannot_be_read_ends_it, what_is_no_packet_ends_it, it_cannot_make_a_record_of_the_guards_own,
         its_end_closes_its_connections_and_no_other, one_that_does_not_read_is_ended_before_it_fills_the_guard,
         a_dead_caller_gets_nothing, a_second_frontend_is_turned_away,
         a_parent_that_talks_nonsense_is_ended_and_another_may_come, noise_of_every_sort_is_survived]


def run(test, build):
    """One test on a service of its own, which must end cleanly with a trail that verifies."""
    scene = Scene(build)
    try:
        test(scene)
        assert scene.service.processes["guard"].poll() is None, "the guard ended"
        for child in scene.children:
            child.sock.close()
        status = scene.service.stop()
        assert status == 0, f"stopped with {status}"
        code, out, err = scene.service.tool("audit", "verify", "--export", scene.service.state / "export")
        assert code == 0, (code, out, err)
        return None
    except Exception as error:  # noqa: BLE001: any failure of a test is told, and the next one runs
        return f"{type(error).__name__}: {error}\n{scene.service.log('guard')}"
    finally:
        scene.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if os.getuid() != 0:
        print("needs root")
        return 77
    tally = service.Tally()
    for test in TESTS:
        if arguments.names and test.__name__ not in arguments.names:
            continue
        begun = time.monotonic()
        fault = run(test, arguments.build)
        tally.check(fault is None, f"{test.__name__}: {fault} ({time.monotonic() - begun:.1f} s)")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
