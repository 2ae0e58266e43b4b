#!/usr/bin/env python3
"""A frontend child that has been taken over: how it fares with the real guard, and everybody else beside it, over more than one
message. What becomes of single ones is taken-child's.

No fact of the kernel's replaced, never a match, an answer or a receipt of another uid; and whatever it does, the guard goes
on for everybody else.

Usage: takeover.py --build FOLDER    (root: it plays several users)
"""
import argparse
import os
import pathlib
import signal
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import fakefrontend  # noqa: E402
import fakeguard  # noqa: E402
import service  # noqa: E402

NGO, POLICE, KEEPER = service.NGO_UID, service.POLICE_UID, service.ARCHIVE_UID


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


def a_parent_that_talks_nonsense_is_ended_and_another_may_come(scene):
    honest, (theirs,) = scene.child(NGO)
    fakeguard.send_packet(scene.frontend.sock, 77, b"nonsense")
    assert fakefrontend.receive(scene.frontend.sock) is None
    assert not honest.pump(lambda: False), "its children end with it"
    scene.frontend.close()
    scene.frontend = fakefrontend.FakeFrontend(scene.service.path("frontend"))
    assert scene.still_serves()


def a_flood_keeps_nobody_else_out(scene):
    """A child that never stops talking: three processes do nothing else."""
    child, (connection,) = scene.child(KEEPER)
    body = struct.pack("<BBHIQB", fakeguard.REFUSED, 0, 0, 9, connection, 0)
    talkers = []
    for _ in range(3):
        talkers.append(os.fork())
        if talkers[-1] == 0:
            try:
                while True:
                    child.sock.send(body)
            finally:
                os._exit(0)
    try:
        other, (theirs,) = scene.child(NGO)
        assert other.answered(theirs, kind="who-am-i")["kind"] == fakeguard.WHO_AM_I
    finally:
        for talker in talkers:
            os.kill(talker, signal.SIGKILL)
            os.waitpid(talker, 0)


def what_no_operation_has_does_not_stand_in_the_leaf(scene):
    child, (connection,) = scene.child(KEEPER)
    answer = child.answered(connection, operation="list", purpose="gallery-upkeep", probe="Jane-Doe-1971", limit=10,
                            job=fakefrontend.encode_job([("", "", b"")]))
    assert answer["kind"] == fakeguard.LIST, answer
    leaf = scene.leaves(lambda all: len(all) > answer["receipt"]["decision"])[answer["receipt"]["decision"]]
    assert leaf["asked-limit"] == 10 and "probe" not in leaf, leaf


TESTS = [an_honest_call_is_matched_and_recorded_for_the_kernels_uid, whatever_it_says_it_is_the_uid_of_its_clients,
         it_never_hears_the_answer_of_another_uid, nor_its_receipt, more_calls_than_credits_end_it,
         its_end_closes_its_connections_and_no_other, one_that_does_not_read_is_ended_before_it_fills_the_guard,
         a_dead_caller_gets_nothing, a_flood_keeps_nobody_else_out, what_no_operation_has_does_not_stand_in_the_leaf,
         a_parent_that_talks_nonsense_is_ended_and_another_may_come]


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
