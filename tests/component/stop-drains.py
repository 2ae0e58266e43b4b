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
import held  # noqa: E402
import service as mg  # noqa: E402


def worker_thread(service, name):
    """The thread of the worker of this name."""
    pid = service.processes["worker"].pid
    return next(task for task in pathlib.Path(f"/proc/{pid}/task").iterdir() if (task / "comm").read_text() == f"{name}\n")


def n_waits(thread):
    """How often a thread has begun to wait, 0 while it does not."""
    said = dict(line.split(":\t") for line in (thread / "status").read_text().splitlines())
    return int(said["voluntary_ctxt_switches"]) if said["State"].startswith("S") else 0


def open_connection(service, uid=mg.NGO_UID):
    """One that has been served once, so that nothing of it is on its way."""
    connection = service.connect(uid)
    assert "error" not in connection.call(f"{mg.MATCH}.WhoAmI")
    return connection


def hold_a_call(service):
    """The worker's thread that runs searches is held where it makes something durable, as before each job. Return: who holds
    it, and the connection that waits for it."""
    connection = open_connection(service)
    job = held.Hold(service.processes["worker"].pid, "reads", "fdatasync")
    connection.send(*mg.identify())
    job.wait()
    return job, connection


def stop_frontend(service):
    """As systemd does: the parent and every child."""
    pid = service.processes["frontend"].pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for each in (pid, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):  # the parent was faster
            os.kill(each, signal.SIGTERM)


def ends(service, name, timeout=20):
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
    job, connection = hold_a_call(service)
    idle, keeper = open_connection(service), open_connection(service, mg.ARCHIVE_UID)
    stop_frontend(service)
    tally.check(idle.receive() is None and keeper.receive() is None, "who waits for nothing is sent away at once")
    service.wait_for("X_MATCHGUARD_SERVING", "0")  # who crosses that on the way is closed
    late = service.connect()
    late.send(f"{mg.MATCH}.WhoAmI")
    tally.check(runs_for(service, "frontend"), "the frontend waits for the call")
    job.let_go()
    reply = connection.receive()
    tally.check(answered(reply), f"the frontend stops: the call is answered: {reply}")
    tally.check(connection.receive() is None, "then its connection ends")
    tally.check(ends(service, "frontend") == 0, f"and the frontend: {service.log('frontend')}")
    service.wait_for("X_MATCHGUARD_SERVING", "0")
    service.start_frontend()
    service.wait_for("X_MATCHGUARD_SERVING")
    tally.check("error" not in (late.receive() or {"error": "closed"}), "who came meanwhile waits for the next, and is served")
    tally.check(answered(service.call(*mg.identify())), "so are others")


def check_worker(service, tally):
    job, connection = hold_a_call(service)
    behind, change = open_connection(service), open_connection(service, mg.ARCHIVE_UID)
    behind.send(*mg.identify())
    changes = worker_thread(service, "changes")
    before = mg.until(lambda: n_waits(changes))
    change.send(*mg.enrol([("late", mg.unit(9))]))
    mg.until(lambda: n_waits(changes) > before)  # it has begun it, and waits for what the other is about to write
    service.processes["worker"].send_signal(signal.SIGTERM)
    service.wait_for("X_MATCHGUARD_SERVING", "0")
    tally.check(runs_for(service, "worker"), "the worker waits for its job")
    error = (service.call(*mg.identify()) or {}).get("error", "")
    tally.check(error.endswith("WorkerUnavailable"), f"who asks meanwhile hears at once that there is none: {error}")
    job.let_go()
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
    job, connection = hold_a_call(service)
    service.processes["worker"].send_signal(signal.SIGTERM)
    tally.check(mg.until(lambda: "does not end in time" in service.log("worker")), "a worker whose job takes too long waits no more")
    job.let_go()
    tally.check(ends(service, "worker") == 0, f"it ends: {service.log('worker')}")
    reply = connection.receive()
    tally.check(reply.get("error", "").endswith("WorkerUnavailable"), f"and the caller hears of it: {reply}")
    service.wait_for("X_MATCHGUARD_SERVING", "0")  # else what follows takes it for served that is not yet
    service.start_worker()
    service.wait_for("X_MATCHGUARD_SERVING")


def check_guard(service, tally):
    """The guard first, as `matchguard run` does: every permit has its outcome."""
    job, connection = hold_a_call(service)
    service.processes["guard"].send_signal(signal.SIGTERM)
    tally.check(runs_for(service, "guard"), "the guard waits for the call")
    job.let_go()
    reply = connection.receive()
    # The guard that ends cuts its callers' connections, now and then before the frontend has written what it was given.
    tally.check(reply is None or answered(reply), f"the guard stops: the call is answered, or cut: {reply}")
    tally.check(connection.receive() is None, "then its connection ends")
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
