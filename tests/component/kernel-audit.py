#!/usr/bin/env python3
"""The mirror to the kernel's audit, on this machine's own: every decision leaf is held against the record that the kernel
made of it, as the audit multicast tells.

With KernelAudit=required no permit is worked on before its record was read back; where that cannot be, the answer says
so, and nothing crashes or waits for ever. A mirror that fails or hangs delays no answer and loses no leaf.

Audit is switched on while this runs, and put back as it was. Usage: kernel-audit.py BUILD    (root)
"""
import concurrent.futures
import contextlib
import json
import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import kernelaudit as ka  # noqa: E402
import relay  # noqa: E402
import service as mg  # noqa: E402

WITHOUT_WRITE = ("setpriv", "--bounding-set=-audit_write")
WITHOUT_READ = ("setpriv", "--bounding-set=-audit_read")
HANGS = 60   # seconds that a kernel takes for a record which hangs
AWAITED = 2  # seconds that a permit awaits its record
# The leak check cannot run in what is traced already.
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}


class Injected:
    """While it runs, what the guard sends to the kernel's audit fails, or takes its time: its sendto(2), which nothing
    that a request needs uses. What it hears there comes by recvfrom(2)."""

    def __init__(self, run, fault, call="sendto"):
        self.guard = run.service.processes["guard"].pid
        self.strace = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                        f"inject={call}:{fault}", "-p", str(self.guard)])
        deadline = time.monotonic() + 20
        while not self.is_attached():
            if time.monotonic() > deadline or self.strace.poll() is not None:
                raise RuntimeError("strace does not attach")
            time.sleep(0.01)

    def is_attached(self):
        tasks = pathlib.Path(f"/proc/{self.guard}/task").iterdir()
        try:
            return all(f"TracerPid:\t{self.strace.pid}\n" in (task / "status").read_text() for task in tasks)
        except (FileNotFoundError, ProcessLookupError):  # one that has just ended
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.strace.kill()
        self.strace.wait()


class Run:
    """A service of its own, its leaves, and what the kernel recorded of it."""

    def __init__(self, build, mode, prefix=(), environment=None, behind_relay=False, before=None):
        self.service, self.relay = mg.Service(build), None
        if before:
            before(self.service)
        self.config = self.service.dir / "matchguard.conf"
        self.config.write_text(f"[Guard]\nKernelAudit={mode}\nRequestRate=@{mg.NGO_UID} 1000/s\n"
                               f"RequestRate=@{mg.POLICE_UID} 1000/s\nRequestRate=@{mg.ARCHIVE_UID} 1000/s\n")
        self.exe = ka.exe_of(self.service.programs["guard"])
        self.service.start_guard(prefix=prefix, arguments=("--config", str(self.config)), environment=environment)
        self.service.wait_for("READY")
        self.start_worker(behind_relay)
        self.service.start_frontend()
        self.service.wait_for("X_MATCHGUARD_SERVING")

    def start_worker(self, behind_relay):
        if not behind_relay:
            self.service.start_worker()
            return
        path = self.service.path("worker")
        self.relay = relay.Relay(path.with_name("relay"), path)
        self.service.start_worker(path=self.relay.path)
        self.relay.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.service.close()

    def enrol(self):
        return self.service.call(*mg.enrol([(f"child-{i}", mg.unit(i)) for i in range(8)]), uid=mg.ARCHIVE_UID)

    def identify(self, uid=mg.NGO_UID, **more):
        return self.service.call(*mg.identify(**more), uid=uid)

    def whole_status(self):
        return self.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]

    def status(self):
        return self.whole_status()["kernelAudit"]

    def settled(self, heard=0):
        """The status, once the mirror has passed on whatever was answered, and so much came back: it may be a moment
        behind."""
        def look():
            status.update(self.status())
            return status["waiting"] == 0 and status.get("heard", 0) >= heard
        status = {}
        mg.until(look)
        return status

    def stop(self):
        status = self.service.stop()
        return status, self.service.leaves()


def at_once(is_right):
    """Whether an answer comes without the wait for a record. What waits does so each time; a busy machine not."""
    for _ in range(5):
        begun = time.monotonic()
        if not is_right():
            return False
        if time.monotonic() - begun < AWAITED - 0.1:
            return True
    return False


def error_of(reply):
    return (reply.get("error") or "").rpartition(".")[2], reply["parameters"].get("result")


def expected_decision(leaf):
    """The fields of a decision's record, from its leaf; what libaudit adds is not among them."""
    def word(key):
        return str(leaf[key]) if key in leaf else "?"

    def quoted(key):
        return f'"{leaf[key]}"' if key in leaf else "?"
    return {"op": word("operation"), "acct": quoted("organisation"), "sauid": word("uid"), "spid": word("pid"),
            "unit": quoted("unit"), "purpose": word("purpose"), "gallery": word("gallery"), "uuid": word("request"),
            "seqno": word("index"), "reason": word("reason"), "rule": word("rule"), "policy": word("policy")}


def check_decisions(tally, leaves, records):
    """Every decision has its record, and no record is of anything else; denials of strangers may be folded."""
    by_seqno = {int(fields["seqno"]): (serial, fields) for kind, serial, fields in records if kind == ka.MAC_CHECK}
    requests = [leaf for leaf in leaves if leaf["kind"] == "request"]
    tally.check(set(by_seqno) <= {leaf["index"] for leaf in requests}, "there is no record without a decision")
    strangers = [leaf for leaf in requests if leaf.get("reason") == "unknown-peer"]
    for leaf in requests:
        if leaf["index"] not in by_seqno:
            tally.check(leaf in strangers, f"leaf {leaf['index']} has a record")
            continue
        fields = dict(by_seqno[leaf["index"]][1])
        order = list(fields)
        wanted = expected_decision(leaf)
        tally.check({key: fields.get(key) for key in wanted} == wanted, f"its fields: {wanted} {fields}")
        tally.check(order == [*wanted, "repeated", "exe", "hostname", "addr", "terminal", "res"], f"their order: {order}")
        tally.check(fields["res"] == ("success" if leaf["verdict"] == "permit" else "failed"), "its result")
    folded = sum(int(fields["repeated"]) for _, fields in by_seqno.values() if fields["reason"] == "unknown-peer")
    tally.check(folded == len(strangers), f"strangers: {folded} recorded, {len(strangers)} denied")
    return {index: serial for index, (serial, _) in by_seqno.items()}


def check_policies(tally, leaves, records):
    got = [fields for kind, _, fields in records if kind == ka.POLICY_LOAD]
    policies = [leaf for leaf in leaves if leaf["kind"] == "policy"]
    tally.check(len(got) == len(policies), f"{len(policies)} policies, {len(got)} records")
    for leaf, fields in zip(policies, got):
        wanted = {"op": "load-policy", "old-policy": leaf.get("old", "?"), "policy": leaf.get("new", "?"),
                  "seqno": str(leaf["index"]), "sauid": str(leaf.get("by", 4294967295)),
                  "res": "success" if leaf["result"] == "loaded" else "failed"}
        tally.check({key: fields.get(key) for key in wanted} == wanted, f"policy: {wanted} {fields}")
    return policies


def check_checkpoints(tally, run, leaves, records):
    """The checkpoints in the records are this log's, and one can be held against it."""
    got = [fields for kind, _, fields in records if kind == ka.USYS_CONFIG]
    tally.check(len(got) == 2, f"a checkpoint at the start and one at the stop: {got}")
    tally.check(int(got[-1]["seqno"]) == len(leaves), "the last one covers the whole log")
    kept = run.service.dir / "kept"
    kept.write_bytes(bytes.fromhex(got[0]["note"]))
    done = run.service.tool("audit", "verify", "--since", kept)
    tally.check(done[0] == 0, f"the trail goes on from the first: {done}")
    # One of another log, or of a log that was cut, is a fault.
    other = kept.read_bytes().split(b"\n")
    tally.check(other[0].decode() == ka.decoded(got[0]["origin"]), "and names the log")


def yes_mode(build, audit, tally):
    with Run(build, "yes") as run:
        tally.check("error" not in run.enrol(), "enrolled")
        for _ in range(3):
            tally.check("error" not in run.identify(), "the rescuer is permitted")
            tally.check(error_of(run.identify(uid=mg.POLICE_UID))[0] == "Denied", "the police are denied")
        for _ in range(5):
            tally.check(error_of(run.identify(uid=mg.STRANGER_UID))[0] == "Denied", "a stranger is denied")
        run.identify(statement=mg.statement("gallery-upkeep"))
        tally.check(run.service.tool("reload")[0] == 0, "a reload")
        broken = run.service.policy / "broken.allow"
        broken.write_text("[Allow]\nNonsense=1\n")
        tally.check(run.service.tool("reload")[0] == 1, "a reload that is rejected")
        broken.unlink()
        status = run.settled(heard=4)
        tally.check(status["on"] and status["readBack"] and status["lost"] == 0, f"status: {status}")
        # 1 enrolment, 3 permits, 3 of the police, 1 of a stranger, 1 for no purpose, 3 policies, 1 checkpoint
        # It hears the permits of another guard on the machine as well.
        tally.check(status["sent"] == 13 and status["heard"] >= 4, f"status counts: {status}")
        tally.check("kernel audit" in run.service.tool("status")[1], "in words as well")
        # Whether an outcome names the record is a race, which the record does not always lose.
        for _ in range(30):
            run.identify()
        ended, leaves = run.stop()
        tally.check(ended == 0, f"stops cleanly: {ended}")
        records = audit.of(run.exe)
        serials = check_decisions(tally, leaves, records)
        policies = check_policies(tally, leaves, records)
        tally.check([leaf["result"] for leaf in policies] == ["loaded", "loaded", "rejected"], "three policies")
        check_checkpoints(tally, run, leaves, records)
        # With `yes` the serial stands in the outcome where it came in time; then it is the right one.
        outcomes = [leaf for leaf in leaves if leaf["kind"] == "outcome"]
        told = [leaf for leaf in outcomes if "audit" in leaf]
        tally.check(all(leaf["audit"] == serials[leaf["of"]] for leaf in told), "serials in outcomes are the kernel's")
        tally.check(len(told) > 0, "and some came in time")


def scopes(build, audit, tally):
    """`checkpoints` says nothing of decisions, `no` nothing at all."""
    for mode, wanted in (("checkpoints", {ka.USYS_CONFIG}), ("no", set())):
        with Run(build, mode) as run:
            run.identify()
            tally.check(run.status()["on"] == (mode == "checkpoints"), f"{mode}: status")
            run.stop()
            tally.check({kind for kind, _, _ in audit.of(run.exe)} == wanted, f"{mode}: what the kernel hears")


def required_mode(build, audit, tally):
    with Run(build, "required") as run:
        tally.check("error" not in run.enrol(), "required: enrolled")
        # Each with a connection of its own, so that commits, records and jobs overlap.
        connections = [run.service.connect(mg.NGO_UID) for _ in range(32)]

        def ask(connection):
            return [connection.call(*mg.identify()) for _ in range(10)]
        with concurrent.futures.ThreadPoolExecutor(len(connections)) as pool:
            replies = [reply for some in pool.map(ask, connections) for reply in some]
        tally.check(all(reply and "error" not in reply for reply in replies), "required: 320 permits side by side")
        tally.check(error_of(run.identify(uid=mg.POLICE_UID))[0] == "Denied", "required: a denial is a denial")

        # The kernel records nothing: the permit is not worked on, and the caller learns why.
        run.settled()
        ka.auditctl("-e", "0")
        begun = time.monotonic()
        reply = run.identify()
        took = time.monotonic() - begun
        tally.check(error_of(reply) == ("Failed", "mirror-required"), f"no record, no answer: {reply}")
        tally.check(took > AWAITED - 0.1, f"it waits two seconds for the record: {took:.1f}")
        tally.check(at_once(lambda: error_of(run.identify(uid=mg.POLICE_UID))[0] == "Denied"), "a denial waits for nothing")
        run.settled()
        told_of_silence(run, tally)
        ka.auditctl("-e", "1")
        tally.check("error" not in run.identify(), "and permits go out again")
        tally.check("fault" not in run.status(), f"and the status has no fault any more: {run.status()}")
        ended, leaves = run.stop()
        tally.check(ended == 0, f"required: stops cleanly: {ended} {run.service.log('guard')}")
        serials = check_decisions(tally, [leaf for leaf in leaves if leaf["index"] not in missing(leaves)],
                                  audit.of(run.exe))
        outcomes = [leaf for leaf in leaves if leaf["kind"] == "outcome"]
        ok = [leaf for leaf in outcomes if leaf["result"] == "ok"]
        tally.check(len(ok) == 322, f"required: {len(ok)} outcomes are ok")
        tally.check(all(leaf.get("audit") == serials[leaf["of"]] for leaf in ok),
                    "required: each names the kernel's record")
        tally.check(all("audit" not in leaf for leaf in outcomes if leaf["result"] == "mirror-required"),
                    "and the one without a record names none")
        tally.check(run.service.tool("audit", "verify")[0] == 0, "required: the trail verifies")


def told_of_silence(run, tally):
    """Operators learn that the kernel does not record, and what to do: of a second permit within the minute not again."""
    tally.check(error_of(run.identify()) == ("Failed", "mirror-required"), "no record of the second either")
    fault = run.status().get("fault", "")
    tally.check("auditctl -e 1" in fault, f"the status says what is wrong and what to do: {fault}")
    tally.check("auditctl -e 1" in run.service.tool("status")[1], "in words as well")
    told = run.service.log("guard").count("Permits do not go out")
    tally.check(told == 1, f"the log says so once a minute: {told} {run.service.log('guard')}")


def required_and_overlapping(build, audit, tally):
    """Records do not come, and some permit awaits one at any time: the worker is shown what was committed all the same,
    no later than its permit is given up, so that the guard does not keep it for ever."""
    with Run(build, "required", behind_relay=True) as run:
        run.enrol()
        run.settled()
        ka.auditctl("-e", "0")
        connections, given_up, over = [run.service.connect(mg.NGO_UID) for _ in range(2)], [], threading.Event()

        def ask(number):
            time.sleep(number * AWAITED / 2)
            while not over.is_set():
                given_up.append(connections[number].call(*mg.identify()))
        with concurrent.futures.ThreadPoolExecutor(len(connections)) as pool:
            asking = [pool.submit(ask, number) for number in range(len(connections))]
            tally.check(mg.until(lambda: given_up, 30), "overlapping: no permit is given up")
            decision = given_up[0]["parameters"]["receipt"]["decisionIndex"]
            # Meanwhile the next ones await theirs.
            shown = mg.until(lambda: run.relay.shown_size() > decision, 5 * AWAITED)
            over.set()
            tally.check(shown, f"overlapping: the worker is shown {run.relay.shown_size()}, and not leaf {decision}")
            for future in asking:
                future.result()
        tally.check({error_of(reply) for reply in given_up} == {("Failed", "mirror-required")}, f"overlapping: no records: {given_up}")
        ka.auditctl("-e", "1")
        tally.check("error" not in run.identify(), "overlapping: and permits go out again")
        tally.check(run.stop()[0] == 0, "overlapping: a clean stop")
    audit.records()


def ears_that_fail(build, audit, tally):
    """What reads the records back ends for an error: operators learn of it at once, and nothing is permitted any more."""
    with Run(build, "required", environment=TRACED) as run:
        with Injected(run, "error=ENOTCONN", call="recvfrom"):
            tally.check(error_of(run.identify()) == ("Failed", "mirror-required"), "ears: the record does not come")
        tally.check(at_once(lambda: error_of(run.identify()) == ("Failed", "mirror-required")),
                    "ears: nor will it, and nobody waits for it")
        status = run.status()
        tally.check("restart matchguard.service" in status.get("fault", ""), f"ears: status: {status}")
        log = run.service.log("guard")
        tally.check(log.count("cannot be read back any more") == 1, f"ears: the log says so, once: {log}")
        tally.check(run.stop()[0] == 0, "ears: a clean stop")
    audit.records()


def missing(leaves):
    """Decisions made while the kernel recorded nothing: those between the outcome that says so and the one before."""
    lost = {leaf["of"] for leaf in leaves if leaf["kind"] == "outcome" and leaf["result"] == "mirror-required"}
    first = min(lost)
    return {leaf["index"] for leaf in leaves if leaf["kind"] == "request" and leaf["index"] >= first and
            (leaf["index"] in lost or leaf.get("reason") == "moratorium")}


def required_and_unfit(build, audit, tally):
    """Without the capability, or without ears, nothing is permitted, at once, and status says why."""
    for prefix, key, says in ((WITHOUT_WRITE, "fault", "CAP_AUDIT_WRITE"), (WITHOUT_READ, "readFault", "not permitted")):
        with Run(build, "required", prefix) as run:
            tally.check(at_once(lambda: error_of(run.identify()) == ("Failed", "mirror-required")), f"{prefix}: at once")
            status = run.status()
            tally.check(says in status.get(key, ""), f"{prefix}: status: {status}")
            tally.check(error_of(run.identify(uid=mg.POLICE_UID))[0] == "Denied", f"{prefix}: denials as ever")
            tally.check(run.stop()[0] == 0, f"{prefix}: a clean stop")
    audit.records()


def failing(build, audit, tally):
    """What the kernel does not take is lost to the mirror and to nobody else, and the trail says how much."""
    # libaudit calls the second no error: it says that the record was not taken by a 0.
    for how, says in (("ENOBUFS", "buffer"), ("ECONNREFUSED", "refused")):
        failing_with(build, tally, how, says)
    tally.check(ka.MAC_CHECK not in {kind for kind, _, _ in audit.of(ka.exe_of(build / "daemon/guard/matchguardd"))},
                "failing: the kernel has none of it")


def failing_with(build, tally, how, says):
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(Run(build, "yes", environment=TRACED))
        before = run.settled()["sent"]
        stack.enter_context(Injected(run, f"error={how}"))
        run.enrol()
        for _ in range(5):
            tally.check("error" not in run.identify(), "failing: permitted and answered all the same")
        # The first loss is told at once.
        leaves = run.service.wait_exported(lambda some: any(leaf["kind"] == "mirror" for leaf in some))
        first = [leaf for leaf in leaves if leaf["kind"] == "mirror"]
        tally.check(len(first) == 1 and first[0]["to"] == "kernel-audit", f"failing: one leaf in a minute: {first}")
        status = run.settled()
        tally.check(status["sent"] == before and status["lost"] == 6 and says in status["lastError"].lower(),
                    f"failing: status: {status}")
        ended, leaves = run.stop()
        told = [leaf["lost"] for leaf in leaves if leaf["kind"] == "mirror"]
        tally.check(ended == 0 and len(told) == 2 and sum(told) == 6, f"failing: the stop tells the rest: {ended} {told}")
        tally.check(run.service.tool("audit", "verify")[0] == 0, "failing: the trail verifies")


def hanging(build, audit, tally):
    """A kernel that makes the sender wait delays no answer, and a stop only for a bounded time."""
    with Run(build, "yes", environment=TRACED) as run:
        guard = run.service.processes["guard"]
        with Injected(run, f"delay_enter={HANGS * 1000000}"):
            begun = time.monotonic()
            run.enrol()
            for _ in range(5):
                tally.check("error" not in run.identify(), "hanging: permitted and answered")
            tally.check(error_of(run.identify(uid=mg.POLICE_UID))[0] == "Denied", "hanging: denied and answered")
            took = time.monotonic() - begun
            tally.check(took < HANGS, f"hanging: nobody waits: {took:.1f}")
            tally.check(run.status()["waiting"] >= 7, f"hanging: status: {run.status()}")
            guard.send_signal(signal.SIGTERM)
            # A process is there until the tracer lets go of the thread that hangs.
            stat = pathlib.Path(f"/proc/{guard.pid}/stat")
            tally.check(mg.until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z"), "hanging: a stop is bounded")
        ended, leaves = run.stop()
        tally.check(ended == 0 and leaves[-1]["kind"] == "stop", f"hanging: and clean: {ended}")
    audit.records()


def damaged(build, audit, tally):
    """A trail that is not what was exported: the kernel hears of it from a guard that refuses to start."""
    with Run(build, "yes") as run:
        run.stop()
        audit.of(run.exe)
        (run.service.state / "trail/trail.db").unlink()
        run.service.start_guard(arguments=("--config", str(run.config)))
        tally.check(run.service.processes["guard"].wait(20) == 10, "damaged: it refuses to start")
        got = [(kind, fields) for kind, _, fields in audit.of(run.exe)]
        tally.check([kind for kind, _ in got] == [ka.INTEGRITY_FAIL], f"damaged: one record: {got}")
        tally.check(got and got[0][1]["op"] == "check-trail" and got[0][1]["reason"] == "behind" and
                    got[0][1]["res"] == "failed", f"damaged: {got}")


def spoil(service, *statements):
    """Changes a decision with an outcome that is older than the 65,536 leaves which a start holds against everything else;
    :i is its index. Return: the leaf."""
    with contextlib.closing(sqlite3.connect(service.state / "trail/trail.db")) as database, database:
        index, = database.execute("SELECT min(i) FROM outcome_of").fetchone()
        leaf, = database.execute("SELECT b FROM leaf WHERE i = ?", (index,)).fetchone()
        stays, = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'leaf_stays'").fetchone()
        for statement in ("DROP TRIGGER leaf_stays", *statements, stays):
            database.execute(statement, {"i": index} if ":i" in statement else {})
    return json.loads(leaf)


def check_fault_record(tally, what, records):
    got = [(kind, fields) for kind, _, fields in records if kind != ka.USYS_CONFIG]
    tally.check([kind for kind, _ in got] == [ka.INTEGRITY_FAIL], f"{what}: one record: {got}")
    tally.check(got and (got[0][1]["op"], got[0][1]["reason"], got[0][1]["res"]) == ("check-trail", "damaged", "failed"),
                f"{what}: {got}")


def damaged_deep(build, audit, tally):
    """Damage that is met by a guard that serves, or by a start only where it counts permits: the kernel hears of both before
    the guard ends."""
    def grow(service):
        subprocess.run([build / "tests/support/make-decisions", service.state, "66000", "5", service.policy], check=True)
        receipt.update(spoil(service, "UPDATE outcome_of SET outcome = 0 WHERE i = :i"))
    receipt = {}
    with Run(build, "yes", before=grow) as run:
        run.settled()
        audit.of(run.exe)
        connection = run.service.connect(mg.NGO_UID)
        connection.send(f"{mg.MATCH}.GetReceipt", {"request": receipt["request"]})
        tally.check(run.service.processes["guard"].wait(20) == 11, f"serving: it ends: {run.service.log('guard')}")
        check_fault_record(tally, "serving", audit.of(run.exe))
        connection.close()

        spoil(run.service, "UPDATE leaf SET b = CAST(b || x'00' AS BLOB) WHERE i = :i")
        run.service.start_guard(arguments=("--config", str(run.config)))
        tally.check(run.service.processes["guard"].wait(20) == 1, f"counting: it does not start: {run.service.log('guard')}")
        check_fault_record(tally, "counting", audit.of(run.exe))


def main():
    build = pathlib.Path(sys.argv[1])
    tally = mg.Tally()
    try:
        with ka.Audit() as audit:
            for part in (yes_mode, scopes, required_mode, required_and_overlapping, ears_that_fail,
                         required_and_unfit, failing, hanging, damaged, damaged_deep):
                begun = time.monotonic()
                part(build, audit, tally)
                print(f"{part.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
    except ka.Unusable as error:
        tally.check(False, f"the kernel's audit cannot be used on this machine, and nothing of it was tried: {error}")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
