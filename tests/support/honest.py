"""Callers that do nothing wrong, while somebody else does: each asks throughout, on one connection, and looks at whatever
comes back: is it no more than what the leaf of its request allows?
"""
import re
import threading
import time

import service

SUBJECT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
ERRORS = {"WorkerUnavailable": {"reason"}, "Overloaded": set(), "Failed": {"result"}, "TrailUnavailable": {"reason"},
          "NoSuchSubject": set(), "ModelMismatch": {"expected"}, "BadTemplate": {"reason"}}
RESULTS = {"timeout", "worker-refused", "caller-gone", "gallery-full", "gallery-damaged"}
REASON = re.compile(r"not finite, or all zero|16 dimensions instead of \d+|no worker took the request .*")
SLACK = 1e-9


class Honest(threading.Thread):
    """One caller; `release`, `limit` and `floor` are those of its allow."""

    def __init__(self, started, uid, release, limit=5, floor=0.3):
        super().__init__(daemon=True)
        self.service, self.uid, self.release, self.limit, self.floor = started, uid, release, limit, floor
        self.caller = service.Caller(uid)
        self.answered = self.errors = self.closed = 0
        self.faults, self.receipts = [], []  # (decision, outcome, error, number of candidates)
        self.stopping = threading.Event()
        self.pause = 0.02

    def run(self):
        connection, number = None, 0
        while not self.stopping.is_set():
            try:
                connection = connection or self.caller.connect(self.service.path(service.MATCH))
                reply = connection.call(*self._call(number), timeout=60)
            except (TimeoutError, ConnectionError) as error:
                self.faults.append(f"uid {self.uid}: {error!r}")
                return
            number += 1
            if reply is None:
                self.closed += 1
                connection.close()
                connection = None
            else:
                self._look(number - 1, reply)
            time.sleep(self.pause)

    def _call(self, number):
        """Identify, Verify and Compare in turn."""
        kind = number % 3
        if kind == 0:
            return service.identify()
        probe = {"model": "test-16", "kind": "photograph", "data": service.template(service.unit(0))}
        parameters = {"probe": probe, "statement": service.statement()}
        if kind == 1:
            return f"{service.MATCH}.Verify", {**parameters, "gallery": "faces", "subject": "s-01"}
        return f"{service.MATCH}.Compare", {**parameters, "reference": probe}

    def _look(self, number, reply):
        fault = self._fault(number, reply)
        if fault:
            self.faults.append(f"uid {self.uid} ({self.release}): {fault}: {reply}")

    def _fault(self, number, reply):
        """What is wrong with a reply by itself; None: nothing."""
        parameters = dict(reply.get("parameters", {}))
        receipt = parameters.pop("receipt", None)
        error = reply.get("error", "").rpartition(".")[2]
        candidates = parameters.get("candidates", [])
        if receipt:
            self.receipts.append((receipt["decisionIndex"], receipt.get("outcomeIndex"), error, len(candidates)))
        if error:
            self.errors += 1
            return self._error_fault(error, parameters)
        self.answered += 1
        if not receipt or "outcomeIndex" not in receipt:
            return "an answer without its records"
        if number % 3 == 0:
            return self._search_fault(parameters, candidates)
        similarity = parameters.pop("similarity", None)
        expected = {"matched", "allow"} | ({"galleryEpoch"} if number % 3 == 1 else set())
        if set(parameters) != expected:
            return "other members than the interface has"
        if (similarity is not None) != (self.release == "scores" and parameters["matched"]):
            return "a similarity that is not released"
        return None if similarity is None or self.floor - SLACK <= similarity <= 1 + SLACK else "below the floor"

    @staticmethod
    def _error_fault(error, parameters):
        if error not in ERRORS or set(parameters) - ERRORS[error]:
            return "an error that is none"
        if error == "Failed" and parameters["result"] not in RESULTS:
            return "a failure that is none"
        if parameters.get("expected", "test-16") != "test-16":
            return "another model than the leaf's"
        if error in ("BadTemplate", "WorkerUnavailable") and not REASON.fullmatch(parameters["reason"]):
            return "words of somebody else"
        return None

    def _search_fault(self, parameters, candidates):
        if set(parameters) != {"candidates", "matched", "searched", "galleryEpoch", "allow"}:
            return "other members than the interface has"
        if len(candidates) > (0 if self.release == "decision" else self.limit):
            return "more candidates than are released"
        if self.release != "decision" and parameters["matched"] != bool(candidates):
            return "matched, and nobody is there"
        scores = [candidate.get("similarity") for candidate in candidates]
        for rank, candidate in enumerate(candidates, 1):
            if set(candidate) != {"rank", "subject"} | ({"similarity"} if self.release == "scores" else set()):
                return "more or less than is released"
            if candidate["rank"] != rank or not SUBJECT.fullmatch(candidate["subject"]):
                return "a candidate that is none"
        if len({candidate["subject"] for candidate in candidates}) != len(candidates):
            return "somebody twice"
        if self.release != "scores":
            return None
        if scores != sorted(scores, reverse=True):
            return "out of order"
        return None if all(self.floor - SLACK <= score <= 1 + SLACK for score in scores) else "below the floor"

    def finish(self):
        """Stops asking. Return: whether it had an end."""
        self.stopping.set()
        self.join(70)
        self.caller.kill()
        return not self.is_alive()

    def record_faults(self, leaves):
        """What the trail says otherwise than the receipts, or of somebody else."""
        for decision, outcome, error, n in self.receipts:
            leaf = leaves[decision]
            if leaf["kind"] != "request" or leaf["uid"] != self.uid or leaf["verdict"] != "permit" or leaf["release"] != self.release:
                yield f"uid {self.uid} was given the receipt of {leaf}"
            elif outcome is None:
                continue
            elif leaves[outcome]["of"] != decision or (leaves[outcome]["result"] == "ok") != (not error):
                yield f"uid {self.uid} was told {error or 'ok'} of {leaves[outcome]}"
            elif not error and leaves[outcome].get("candidates", n) != n:
                yield f"uid {self.uid} was given {n} candidates of {leaves[outcome]}"
