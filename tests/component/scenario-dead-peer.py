#!/usr/bin/env python3
"""The scenario dead-peer: the caller has exited, and somebody else holds its socket. Nothing is answered, and the record
says so. The connector is a process of its own that hands its descriptor to this script, and then dies.

Usage: scenario-dead-peer.py BUILD    (root)
"""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import held  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402


class Scene:
    def __init__(self, build, tally):
        self.tally, self.service = tally, mg.Service(build)
        self.service.start()
        self.service.call(*mg.enrol([("a", mg.unit(0)), ("b", mg.unit(1))]), uid=mg.ARCHIVE_UID)

    def connect(self, uid):
        """A connection and the process that made it."""
        caller = mg.Caller(uid)
        connection = caller.connect(self.service.path(mg.MATCH))
        # The frontend has it, and it works, as long as the connector lives.
        self.tally.check(connection.call(f"{mg.MATCH}.WhoAmI")["parameters"]["uid"] == uid, "the connection does not work")
        return connection, caller

    def silent(self, what, connection):
        """The end, and not a byte before it."""
        try:
            reply = connection.receive()
            self.tally.check(reply is None and not connection.buffer, f"{what}: heard {reply} {connection.buffer}")
        except TimeoutError:
            self.tally.check(False, f"{what}: the connection goes on")
        connection.close()

    def since(self, size):
        """The leaves from there on, once all is recorded. Refusals are folded for a second, and then recorded with one of the
        test's own; a request follows them."""
        connection = self.service.connect(mg.ARCHIVE_UID)
        connection.send(*mg.identify(), oneway=True)
        self.service.wait_exported(lambda leaves: any(map(self.is_own, leaves[size:])), timeout=30)
        connection.call(*mg.identify())
        connection.close()
        leaves = self.service.wait_exported(lambda leaves: len(leaves) >= self.size())
        return [leaf for leaf in leaves[size:] if not self.is_own(leaf)]

    @staticmethod
    def is_own(leaf):
        return leaf["kind"] == "refused" and leaf["why"] == "oneway"

    def n_open(self):
        return self.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]["requests"]["open"]

    def size(self):
        return int(self.service.call(f"{mg.AUDIT}.GetCheckpoint", uid=0)["parameters"]["checkpoint"].splitlines()[1])


def gone_before_it_asks(scene):
    for uid in (mg.NGO_UID, mg.POLICE_UID):
        size = scene.size()
        connection, caller = scene.connect(uid)
        caller.kill()
        connection.send(*mg.identify())
        scene.silent(f"gone before it asks, uid {uid}", connection)
        leaves = scene.since(size)
        scene.tally.check([leaf for leaf in leaves if leaf["kind"] == "request" and leaf["uid"] == uid] == [],
                          f"uid {uid}: a call of a dead caller was decided")
        refused = [leaf for leaf in leaves if leaf["kind"] == "refused"]
        scene.tally.check([(leaf["why"], leaf["count"], leaf["uid"]) for leaf in refused] == [("caller-gone", 1, uid)],
                          f"uid {uid}: the record says {refused}")


def gone_before_it_was_accepted(scene):
    """It connected while the guard could not look, and was dead when it did."""
    size = scene.size()
    os.kill(scene.service.processes["guard"].pid, signal.SIGSTOP)
    caller = mg.Caller(mg.NGO_UID)
    connection = caller.connect(scene.service.path(mg.MATCH))
    connection.send(*mg.identify())
    caller.kill()
    os.kill(scene.service.processes["guard"].pid, signal.SIGCONT)
    scene.silent("gone before it was accepted", connection)
    leaves = scene.since(size)
    scene.tally.check([leaf for leaf in leaves if leaf["kind"] == "request" and leaf["uid"] == mg.NGO_UID] == [],
                      "decided for a caller that was never seen alive")
    scene.tally.check([leaf["why"] for leaf in leaves if leaf["kind"] == "refused"] == ["caller-gone"],
                      f"the record says {[leaf for leaf in leaves if leaf['kind'] == 'refused']}")


def gone_while_its_decision_is_written(scene):
    """A permit is not forwarded, a denial is not told; both stand in the log."""
    for uid in (mg.NGO_UID, mg.POLICE_UID):
        size = scene.size()
        connection, caller = scene.connect(uid)
        writer = held.Hold(scene.service.processes["guard"].pid, "trail")
        connection.send(*mg.identify())
        scene.tally.check(killer.wait_until(lambda: scene.n_open() == 1), "the request is not under way")
        caller.kill()
        writer.let_go()
        scene.silent(f"gone while its decision is written, uid {uid}", connection)
        leaves = scene.since(size)
        requests = [leaf for leaf in leaves if leaf["kind"] == "request" and leaf["uid"] == uid]
        outcomes = [leaf for leaf in leaves if leaf["kind"] == "outcome"]
        scene.tally.check(len(requests) == 1, f"uid {uid}: {requests}")
        if uid == mg.NGO_UID:
            scene.tally.check([(leaf["of"], leaf["result"]) for leaf in outcomes] == [(requests[0]["index"], "caller-gone")],
                              f"the outcome is {outcomes}")
            scene.tally.check("searched" not in outcomes[0] or outcomes[0]["searched"] == 0, f"it was matched: {outcomes}")
        else:
            scene.tally.check(outcomes == [], f"a denial has an outcome: {outcomes}")
            scene.tally.check(not any(leaf["kind"] == "refused" for leaf in leaves),
                              "`refused` counts what never became a request, and this did")


def gone_while_the_worker_is_at_it(scene):
    """A search ends as caller-gone; what changed a gallery says that it did."""
    worker = scene.service.processes["worker"].pid
    for uid, call, result in ((mg.NGO_UID, mg.identify(), "caller-gone"),
                              (mg.ARCHIVE_UID, mg.enrol([("late", mg.unit(2))]), ("ok", "caller-gone"))):
        size = scene.size()
        connection, caller = scene.connect(uid)
        os.kill(worker, signal.SIGSTOP)
        connection.send(*call)
        scene.tally.check(killer.wait_until(lambda size=size: scene.size() > size), "the decision is not recorded")
        caller.kill()
        os.kill(worker, signal.SIGCONT)
        scene.silent(f"gone while the worker is at it, uid {uid}", connection)
        leaves = scene.since(size)
        outcomes = [leaf for leaf in leaves if leaf["kind"] == "outcome"]
        scene.tally.check(len(outcomes) == 1 and outcomes[0]["result"] in result, f"uid {uid}: {outcomes}")
        if outcomes and outcomes[0]["result"] == "ok":
            listed = scene.service.call(f"{mg.MATCH}.List", {"gallery": "faces", "statement": mg.statement("gallery-upkeep")},
                                        uid=mg.ARCHIVE_UID)["parameters"]["subjects"]
            scene.tally.check("late" in listed, f"the outcome is ok, and the gallery holds {listed}")


def its_child_does_not_count_for_it(scene):
    """The connector's own child holds the socket and goes on asking on it."""
    size = scene.size()
    reader, writer = os.pipe()
    connector = os.fork()
    if connector == 0:
        os.setgroups([])
        os.setresgid(mg.NGO_UID, mg.NGO_UID, mg.NGO_UID)
        os.setresuid(mg.NGO_UID, mg.NGO_UID, mg.NGO_UID)
        sock = mg.socket.socket(mg.socket.AF_UNIX, mg.socket.SOCK_STREAM)
        sock.connect(str(scene.service.path(mg.MATCH)))
        connection = mg.Connection(sock)
        connection.call(f"{mg.MATCH}.WhoAmI")
        parent = os.getpid()
        if os.fork() > 0:
            os._exit(0)
        while os.getppid() == parent:
            time.sleep(0.01)
        try:
            reply = connection.call(*mg.identify())
        except (TimeoutError, OSError) as error:
            reply = error
        os.write(writer, repr(reply).encode())
        os._exit(0)
    os.waitpid(connector, 0)
    os.close(writer)
    said = os.read(reader, 65536).decode()
    os.close(reader)
    scene.tally.check(said == "None", f"the child of a dead connector hears {said}")
    leaves = scene.since(size)
    scene.tally.check([leaf for leaf in leaves if leaf["kind"] == "request" and leaf["uid"] == mg.NGO_UID] == [],
                      "the child was decided for")
    scene.tally.check([leaf["why"] for leaf in leaves if leaf["kind"] == "refused"] == ["caller-gone"], f"{leaves}")


def main():
    tally = mg.Tally()
    scene = Scene(sys.argv[1], tally)
    try:
        for test in (gone_before_it_asks, gone_before_it_was_accepted, gone_while_its_decision_is_written,
                     gone_while_the_worker_is_at_it, its_child_does_not_count_for_it):
            test(scene)
        tally.check(scene.service.stop() == 0, "the guard does not stop cleanly")
        tally.check(scene.service.tool("audit", "verify")[0] == 0, "the trail does not verify")
    finally:
        scene.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
