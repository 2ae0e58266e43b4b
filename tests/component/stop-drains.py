#!/usr/bin/env python3
"""Frontend, worker and guard told to stop while a job is held in the worker: what the guard had taken is answered, and
nothing else is waited for.

Usage: stop-drains.py BUILD    (root)
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service as mg  # noqa: E402

HOLD = pathlib.Path(__file__).parents[1] / "system" / "hold.py"


class Held:
    """The worker's thread that runs searches, held where it makes something durable, as before each job."""

    def __init__(self, service):
        self.process = subprocess.Popen([sys.executable, HOLD, str(service.processes["worker"].pid), "reads", "fdatasync"],
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def wait(self):
        assert self.process.stdout.readline() == "held\n"

    def let_go(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def open_connection(service, uid=mg.NGO_UID):
    """One that has been served once, so that nothing of it is on its way."""
    connection = service.connect(uid)
    assert "error" not in connection.call(f"{mg.MATCH}.WhoAmI")
    return connection


def hold_a_call(service):
    """Return: who holds the job, and the connection that waits for it."""
    connection = open_connection(service)
    held = Held(service)
    connection.send(*mg.identify())
    held.wait()
    return held, connection


def stop_frontend(service):
    """As systemd does: the parent and every child."""
    pid = service.processes["frontend"].pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for each in (pid, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):  # the parent was faster
            os.kill(each, signal.SIGTERM)


def ends(service, name, timeout=5):
    """Return: its exit status, or what it does instead."""
    try:
        return service.processes[name].wait(timeout)
    except subprocess.TimeoutExpired:
        return "it runs"


def runs_for(service, name, seconds=0.5):
    time.sleep(seconds)
    return service.processes[name].poll() is None


def answered(reply):
    return bool(reply) and "error" not in reply and len(reply["parameters"]["candidates"]) == 1


def check_frontend(service, tally):
    held, connection = hold_a_call(service)
    idle, keeper = open_connection(service), open_connection(service, mg.ARCHIVE_UID)
    stop_frontend(service)
    tally.check(idle.receive(2) is None and keeper.receive(2) is None, "who waits for nothing is sent away at once")
    service.wait_for("X_MATCHGUARD_SERVING", "0")  # who crosses that on the way is closed
    late = service.connect()
    late.send(f"{mg.MATCH}.WhoAmI")
    tally.check(runs_for(service, "frontend"), "the frontend waits for the call")
    held.let_go()
    reply = connection.receive()
    tally.check(answered(reply), f"the frontend stops: the call is answered: {reply}")
    tally.check(connection.receive(2) is None, "then its connection ends")
    tally.check(ends(service, "frontend") == 0, f"and the frontend: {service.log('frontend')}")
    service.wait_for("X_MATCHGUARD_SERVING", "0")
    service.start_frontend()
    service.wait_for("X_MATCHGUARD_SERVING")
    tally.check("error" not in (late.receive() or {"error": "closed"}), "who came meanwhile waits for the next, and is served")
    tally.check(answered(service.call(*mg.identify())), "so are others")


def check_worker(service, tally):
    held, connection = hold_a_call(service)
    behind, change = open_connection(service), open_connection(service, mg.ARCHIVE_UID)
    behind.send(*mg.identify())
    change.send(*mg.enrol([("late", mg.unit(9))]))
    time.sleep(0.3)  # until the worker has it
    service.processes["worker"].send_signal(signal.SIGTERM)
    tally.check(runs_for(service, "worker"), "the worker waits for its job")
    error = (service.call(*mg.identify(), timeout=2) or {}).get("error", "")
    tally.check(error.endswith("WorkerUnavailable"), f"who asks meanwhile hears at once that there is none: {error}")
    held.let_go()
    tally.check(answered(connection.receive()), "the job that was begun is answered")
    reply = change.receive() or {"error": "closed"}
    tally.check("error" not in reply, f"and the change that was begun beside it: {reply}")
    error = (behind.receive() or {}).get("error", "")
    tally.check(error.endswith("WorkerUnavailable"), f"the one behind it is not: {error}")
    tally.check(ends(service, "worker") == 0, f"then it ends: {service.log('worker')}")
    service.wait_for("X_MATCHGUARD_SERVING", "0")
    service.start_worker()
    service.wait_for("X_MATCHGUARD_SERVING")
    tally.check(answered(connection.call(*mg.identify())), "the next one works, on the same connection")


def check_worker_in_time(service, tally):
    held, connection = hold_a_call(service)
    began = time.monotonic()
    service.processes["worker"].send_signal(signal.SIGTERM)
    time.sleep(7)  # longer than it waits
    held.let_go()
    tally.check(ends(service, "worker", 2) == 0, f"a worker whose job takes too long ends: {service.log('worker')}")
    reply = connection.receive()
    tally.check(reply.get("error", "").endswith("WorkerUnavailable"),
                f"and the caller hears of it, after {time.monotonic() - began:.1f} s: {reply}")
    service.wait_for("X_MATCHGUARD_SERVING", "0")  # else what follows takes it for served that is not yet
    service.start_worker()
    service.wait_for("X_MATCHGUARD_SERVING")


def check_guard(service, tally):
    """The guard first, as `matchguard run` does: every permit has its outcome."""
    held, connection = hold_a_call(service)
    service.processes["guard"].send_signal(signal.SIGTERM)
    tally.check(runs_for(service, "guard"), "the guard waits for the call")
    held.let_go()
    reply = connection.receive()
    # The guard that ends cuts its callers' connections, now and then before the frontend has written what it was given.
    tally.check(reply is None or answered(reply), f"the guard stops: the call is answered, or cut: {reply}")
    tally.check(connection.receive(2) is None, "then its connection ends")
    for name in ("guard", "frontend", "worker"):
        tally.check(ends(service, name) == 0, f"the {name} ends: {service.log(name)}")


def check_trail(service, tally):
    leaves = service.leaves()
    results = [leaf["result"] for leaf in leaves if leaf["kind"] == "outcome"]
    tally.check(results == ["ok"] * 3 + ["worker-gone", "ok", "ok", "worker-gone", "ok", "worker-gone", "ok"],
                f"the outcomes: {results}")
    tally.check(not any(leaf["kind"] == "refused" for leaf in leaves), "nothing counts as refused")
    tally.check(leaves[-1]["kind"] == "stop", "the last leaf is the stop")
    log = (service.dir / "guard.log").read_text()
    tally.check("broke the rules" not in log and "has gone" not in log, f"nobody broke a rule, or was missed: {log}")
    tally.check(log.count("Not serving any more") == 2, f"the guard warns where the worker stops, and only there: {log}")


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1])
    try:
        service.start()
        reply = service.call(*mg.enrol([("first", mg.unit(0))]), uid=mg.ARCHIVE_UID)
        assert "error" not in reply, reply
        check_frontend(service, tally)
        check_worker(service, tally)
        check_worker_in_time(service, tally)
        check_guard(service, tally)
        check_trail(service, tally)
    finally:
        service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
