#!/usr/bin/env python3
"""dead-peer: the caller has exited, and somebody else holds its socket. Nothing is answered, and the record says so.

Usage: dead-peer.py BUILD    (root: it plays several users)
"""
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import service as mg  # noqa: E402


def silent(connection):
    """Whether nothing but the end comes; what was on its way is waited for."""
    try:
        return connection.receive(5) is None
    except (TimeoutError, BrokenPipeError):
        return True


def send(connection, call):
    try:
        connection.send(*call)
    except (BrokenPipeError, ConnectionResetError):
        pass  # ended already: nothing can be answered


def before_the_request(service, tally):
    """It exits between two requests. What comes by its socket afterwards is no request any more."""
    connection = service.connect()
    first = connection.call(*mg.identify())
    tally.check(first.get("parameters", {}).get("matched"), f"while it lives it is answered: {first}")
    service.callers.pop(mg.NGO_UID).kill()
    send(connection, mg.identify())
    tally.check(silent(connection), "the dead get no answer")
    leaves = service.wait_exported(lambda all: any(leaf["kind"] == "refused" for leaf in all))
    refused = [leaf for leaf in leaves if leaf["kind"] == "refused"]
    tally.check([(leaf["why"], leaf.get("uid")) for leaf in refused] == [("caller-gone", mg.NGO_UID)],
                f"the record says that the caller had gone: {refused}")
    tally.check(sum(leaf["kind"] == "request" and leaf["operation"] == "identify" for leaf in leaves) == 1,
                "what the living asked is the one request")


def during_the_request(service, tally):
    """It exits while the worker is at it: what was found goes nowhere."""
    worker = service.processes["worker"]
    connection = service.connect()
    n_before = len(service.leaves())
    worker.send_signal(signal.SIGSTOP)
    try:
        connection.send(*mg.identify())
        leaves = service.wait_exported(lambda all: any(
            leaf["kind"] == "request" and leaf.get("operation") == "identify" for leaf in all[n_before:]))
        service.callers.pop(mg.NGO_UID).kill()
        time.sleep(0.2)  # a stopped worker cannot say when it has been told; its answer may come in either order
    finally:
        worker.send_signal(signal.SIGCONT)
    tally.check(silent(connection), "what was found for the dead is not told to whoever holds the socket")
    index = next(leaf["index"] for leaf in leaves[n_before:] if leaf["kind"] == "request")
    leaves = service.wait_exported(lambda all: any(leaf["kind"] == "outcome" and leaf["of"] == index for leaf in all))
    outcome = next(leaf for leaf in leaves if leaf["kind"] == "outcome" and leaf["of"] == index)
    tally.check(outcome["result"] == "caller-gone", f"the outcome says so: {outcome}")


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1]).start()
    try:
        service.call(*mg.enrol([("a", mg.unit(0))]), uid=mg.ARCHIVE_UID)
        before_the_request(service, tally)
        during_the_request(service, tally)
        tally.check(service.stop() == 0, f"a clean stop: {service.log('guard')}")
        status, output, errors = service.tool("audit", "verify")
        tally.check(status == 0, f"the trail verifies: {output}{errors}")
    finally:
        service.close()
    return tally.finish()


sys.exit(main())
