"""What must hold after every crash, and how the service is put together again: for the tests of promises 1, 2 and 5.

Rig keeps one service on one folder through hundreds of crashes. Every attempt is noted with the size of the log before
it and with the answer that the client got, if any; judge() then holds all of them against the leaves.
"""
import time

import killer
import service as mg

ERRORS = {"WorkerUnavailable": {"worker-gone"}, "NoSuchSubject": {"no-subject"}, "Overloaded": {"overloaded"},
          "Failed": {"timeout", "worker-refused", "caller-gone", "gallery-damaged", "gallery-full"}}


def answer_fault(leaves, reply):
    """What is wrong with an answer, by the leaves of the log; None: nothing."""
    parameters, error = reply.get("parameters", {}), reply.get("error", "").rpartition(".")[2]
    receipt = parameters.get("receipt")
    if receipt is None:
        return None if error in ("TrailUnavailable", "Overloaded") else f"an answer without a receipt: {reply}"
    if receipt["decisionIndex"] >= len(leaves):
        return f"decision {receipt['decisionIndex']} is not in the log of {len(leaves)}"
    decision = leaves[receipt["decisionIndex"]]
    if decision["kind"] != "request" or decision["request"] != receipt["request"]:
        return f"leaf {decision['index']} is not of this request"
    if error == "Denied":
        if decision["verdict"] != "deny" or decision["reason"] != parameters["reason"]:
            return f"denied, but the leaf says {decision}"
        return None
    if decision["verdict"] != "permit":
        return f"answered, but the leaf says {decision}"
    if error == "Overloaded" and "outcomeIndex" not in receipt:
        return None
    if receipt.get("outcomeIndex", len(leaves)) >= len(leaves):
        return f"outcome {receipt.get('outcomeIndex')} is not in the log of {len(leaves)}"
    outcome = leaves[receipt["outcomeIndex"]]
    if outcome["kind"] != "outcome" or outcome["of"] != decision["index"]:
        return f"leaf {outcome['index']} is not the outcome of {decision['index']}"
    if outcome["result"] not in ERRORS.get(error, {"ok"}):
        return f"{error or 'an answer'}, but the outcome is {outcome['result']}"
    return None


def outcome_faults(leaves, running=False):
    """Permits without exactly one later outcome, outcomes of nothing; with `running`, those of the last run are let be."""
    last_start = max(leaf["index"] for leaf in leaves if leaf["kind"] == "start")
    permits = {leaf["index"]: 0 for leaf in leaves if leaf["kind"] == "request" and leaf["verdict"] == "permit"}
    faults = []
    for leaf in leaves:
        if leaf["kind"] == "outcome":
            if leaf["of"] not in permits or leaf["of"] >= leaf["index"]:
                faults.append(f"outcome {leaf['index']} is of no permit before it")
            else:
                permits[leaf["of"]] += 1
    for index, count in permits.items():
        if count != 1 and not (running and index > last_start and count == 0):
            faults.append(f"permit {index} has {count} outcomes")
    return faults


def start_faults(leaves):
    """Each start: what it says it found, and the outcomes that it closes at once."""
    faults = []
    for leaf in (leaf for leaf in leaves if leaf["kind"] == "start"):
        before = leaves[:leaf["index"]]
        outcomes = {other["of"] for other in before if other["kind"] == "outcome"}
        left = [other["index"] for other in before
                if other["kind"] == "request" and other["verdict"] == "permit" and other["index"] not in outcomes]
        if leaf["size"] != leaf["index"] or leaf["open"] != len(left):
            faults.append(f"start {leaf['index']} says size {leaf['size']} open {leaf['open']}, left were {left}")
        clean = int(not before or before[-1]["kind"] == "stop")
        if leaf["clean"] != clean:
            faults.append(f"start {leaf['index']} says clean {leaf['clean']}")
        closed = leaves[leaf["index"] + 1:leaf["index"] + 1 + len(left)]
        if [(other["kind"], other.get("of"), other.get("result")) for other in closed] != \
                [("outcome", index, "unknown") for index in left]:
            # The run may itself have ended before it had written all of them; the next start says so.
            following = [other for other in closed if other["kind"] == "start"]
            if not following:
                faults.append(f"start {leaf['index']} does not close {left}")
    return faults


class Rig:
    """A service that is crashed again and again."""

    def __init__(self, build, tally, policy=None, in_memory=False):
        self.service = mg.Service(build, policy, in_memory=in_memory)
        self.tally = tally
        self.answers = []  # (label, reply): every answer that any client got
        self.points = 0
        self.service.start()

    def pid(self, name):
        return self.service.processes[name].pid

    def is_at_rest(self):
        """Whether every thread of the programs waits for something, or has ended."""
        pids = [process.pid for process in self.service.processes.values()]
        return all(map(killer.is_at_rest, [*pids, *(child for pid in pids for child in killer.children_now(pid))]))

    def ask(self, label, call, uid=mg.NGO_UID, connection=None):
        """One call, which may go unanswered. Return: the reply or None."""
        own = connection or self.service.connect(uid)
        try:
            own.send(*call)
            reply = self.answer(own)
        except TimeoutError:
            self.tally.check(False, f"{label}: neither an answer nor the end")
            reply = None
        except (ConnectionError, BrokenPipeError):
            reply = None
        finally:
            if not connection:
                own.close()
        if reply is not None:
            self.answers.append((label, reply))
        return reply

    def answer(self, connection, timeout=mg.PATIENCE):
        """The answer to a call that was sent; None: the service ended before it. A guard that is dead may not even have
        accepted the connection, so that nobody ends it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            ended = "guard" not in self.service.processes or killer.has_ended(self.pid("guard"))
            if not ended and killer.has_ended(self.pid("frontend")):
                self.service.kill("frontend")
                self.service.start_frontend()  # as systemd would: without one nobody is let in
            try:
                return connection.receive(timeout=0.02)
            except TimeoutError:
                if ended:
                    return None
        raise TimeoutError("no answer")

    def restart(self):
        """All three again, on the same folder; those that are left see the guard go."""
        for name in ("guard", "frontend", "worker"):
            self.service.kill(name)
        self.service.start_guard()
        self.service.wait_for("READY")
        self.revive()

    def revive(self, timeout=mg.PATIENCE):
        """Starts frontend and worker where they have ended, as systemd does, until the guard serves. A guard accepts first
        whoever waited on its socket, be it one that was killed meanwhile, and turns away the other until that is gone."""
        service, deadline = self.service, time.monotonic() + timeout
        while True:
            for name, start in (("frontend", service.start_frontend), ("worker", service.start_worker)):
                if name not in service.processes or service.processes[name].poll() is not None:
                    start()
            try:
                return service.wait_for("X_MATCHGUARD_SERVING", timeout=0.05, guard_may_end=True)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def restart_worker(self):
        self.service.kill("worker")
        self.service.wait_for("X_MATCHGUARD_SERVING", "0")
        self.service.start_worker()
        self.service.wait_for("X_MATCHGUARD_SERVING", "1")

    def subjects(self, uid=mg.ARCHIVE_UID):
        """All subjects of the gallery, by List."""
        found, after = [], {}
        while True:
            reply = self.ask("list", (f"{mg.MATCH}.List", {"gallery": "faces", "limit": 1000, **after,
                                                          "statement": mg.statement("gallery-upkeep")}), uid)
            if reply is None or reply.get("error", "").endswith("NoSuchSubject") or not reply["parameters"].get("subjects"):
                return found
            found += reply["parameters"]["subjects"]
            after = {"after": found[-1]}

    def size(self):
        """The size of the committed log."""
        note = self.service.call(f"{mg.AUDIT}.GetCheckpoint", uid=0)["parameters"]["checkpoint"]
        return int(note.splitlines()[1])

    def n_open(self):
        """How many requests are under way."""
        return self.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]["requests"]["open"]

    def verify(self, label):
        status, out, err = self.service.tool("audit", "verify")
        return self.tally.check(status == 0, f"{label}: audit verify says {status}\n{out}{err}")

    def judge(self, label):
        """Ends the service cleanly and looks at the whole log. Return: the leaves."""
        status = self.service.stop()
        self.tally.check(status == 0, f"{label}: a clean stop ends with {status}\n{self.service.log('guard')}")
        leaves = self.service.leaves()
        self.tally.check(leaves[-1]["kind"] == "stop" and leaves[-1]["open"] == 0, f"{label}: the last leaf is {leaves[-1]}")
        self.verify(label)
        for what, reply in self.answers:
            fault = answer_fault(leaves, reply)
            self.tally.check(fault is None, f"{label} {what}: {fault}")
        for fault in outcome_faults(leaves) + start_faults(leaves):
            self.tally.check(False, f"{label}: {fault}")
        return leaves

    def close(self):
        self.service.close()


def kill_program(rig, name, attempt, recover, calls=None):
    """Kills a program at each step of attempt(label), and recovers. Return: the number of points."""
    points = 0
    for call, number, _, killed in killer.kill_at_each(
            lambda: rig.pid(name), lambda where: attempt(f"{name} before {where[0]} {where[1]}"), rig.service.dir, calls):
        if killed:
            points += 1
            recover()
            rig.verify(f"{name} before {call} {number}")
    rig.points += points
    return points


def timed(action):
    begin = time.monotonic()
    result = action()
    return result, time.monotonic() - begin
