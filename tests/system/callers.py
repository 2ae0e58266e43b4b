#!/usr/bin/env python3
"""Callers that keep a service busy while it is restarted, stopped, killed and reloaded, and that write down what became of
each call; and the trail held against what they were told.

  callers run CALL OUT CONNECTIONS   each connection sends the call in CALL, one after the other, a moment later where that
                                     failed, anew where it was closed, until SIGTERM; then those under way are waited for. A line of JSON a call in
                                     OUT, and the counts of the endings on standard output
  callers check OUT LEAVES           whether each receipt in OUT is in LEAVES (of `matchguard audit search --json`), with its
                                     decision and its outcome, each answer is what its leaf allows, and no call hung
  callers lost OUT LEAVES            how many searches were done, and are none of the answers in OUT

A call ends as `answered`, as the name of an error, as `closed` (the connection ended before a reply), `refused` (nobody
listened), or `hung` (no reply in LIMIT seconds).
"""
import collections
import json
import signal
import socket
import sys
import threading
import time

SOCKET = "/run/matchguard/org.matchguard.Match"
LIMIT = 120


class Caller(threading.Thread):
    """One connection at a time, one call at a time."""

    def __init__(self, call, ended, stop):
        super().__init__()
        self.call, self.ended, self.stop, self.socket = call, ended, stop, None

    def run(self):
        while not self.stop.is_set():
            began = time.time()
            ending, reply = self.one()
            self.ended(began=began, took=time.time() - began, ending=ending, receipt=reply.get("receipt"),
                       allow=reply.get("allow"), candidates=len(reply.get("candidates", ())))
            if ending in ("closed", "refused", "hung"):
                self.socket = None
            if ending != "answered":
                self.stop.wait(0.02)

    def one(self):
        try:
            if not self.socket:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(LIMIT)
                self.socket.connect(SOCKET)
        except (FileNotFoundError, ConnectionRefusedError):
            return "refused", {}
        except (socket.timeout, BlockingIOError):
            return "hung", {}
        try:
            self.socket.sendall(self.call)
            data = b""
            while not data.endswith(b"\0"):
                more = self.socket.recv(65536)
                if not more:
                    return "closed", {}
                data += more
        except socket.timeout:
            return "hung", {}
        except OSError:
            return "closed", {}
        reply = json.loads(data[:-1])
        return reply.get("error", "answered").split(".")[-1], reply.get("parameters", {})


def run(call, out, connections):
    stop, lock, endings = threading.Event(), threading.Lock(), collections.Counter()
    with open(out, "w") as lines:
        def ended(**fields):
            with lock:
                endings[fields["ending"]] += 1
                lines.write(json.dumps(fields) + "\n")
                lines.flush()

        callers = [Caller(open(call, "rb").read() + b"\0", ended, stop) for _ in range(int(connections))]
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    print(json.dumps(endings))


def faults_of_answer(call, leaf, outcome):
    if outcome["result"] != "ok":
        yield "answered, and recorded as " + outcome["result"]
    if call["allow"] != leaf["rule"]:
        yield "permitted by another rule than " + leaf["rule"]
    if (call["candidates"] > 0) != (leaf["release"] != "decision"):
        yield "its leaf releases the " + leaf["release"]


def faults_of(call, decisions):
    receipt = call["receipt"]
    if call["ending"] == "hung":
        yield "hung"
    if call["ending"] == "answered" and not receipt:
        yield "answered without a receipt"
    if not receipt:
        return
    entry = decisions.get(receipt["decisionIndex"])
    if not entry or entry["leaf"].get("request") != receipt["request"]:
        yield "its decision is not in the trail"
        return
    outcome = entry.get("outcome")
    if receipt.get("outcomeIndex") != (outcome or {}).get("index"):
        yield "its outcome is not in the trail, or another"
    elif call["ending"] == "answered":
        yield from faults_of_answer(call, entry["leaf"], outcome)


def check(out, leaves):
    decisions = {}
    for line in open(leaves):
        entry = json.loads(line)
        decisions[entry["leaf"]["index"]] = entry
    calls = [json.loads(line) for line in open(out)]
    wrong = 0
    for call in calls:
        for fault in faults_of(call, decisions):
            wrong += 1
            if wrong <= 5:
                print(fault, json.dumps(call))
    receipts = sum(bool(call["receipt"]) for call in calls)
    longest = max(call["took"] for call in calls)
    print(f"{len(calls)} calls, {receipts} receipts, {wrong} faults, the longest took {longest:.2f} s")
    return 1 if wrong or not calls else 0


def lost(out, leaves):
    told = {call["receipt"]["request"] for call in map(json.loads, open(out)) if call["ending"] == "answered"}
    done = {entry["leaf"]["request"] for entry in map(json.loads, open(leaves))
            if entry["leaf"].get("operation") == "identify" and (entry.get("outcome") or {}).get("result") == "ok"}
    print(len(done - told))


if __name__ == "__main__":
    sys.exit({"run": run, "check": check, "lost": lost}[sys.argv[1]](*sys.argv[2:]))
