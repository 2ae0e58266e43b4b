#!/usr/bin/env python3
"""Promise 3: deny is the starting value. No policy, no rule, unknown caller, no trail, no room, no worker, no frontend:
all refuse, and say truly why.

Usage: promise-3-deny-first.py BUILD    (root)
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import killer  # noqa: E402
import service as mg  # noqa: E402

SMALL = 8 * 1024 * 1024  # a file system of this size is full soon


def error_of(reply):
    return reply.get("error", "").rpartition(".")[2] if reply else None


def broken_policies():
    """Name to the files of a policy that must not load."""
    def without(*names):
        return {name: text for name, text in mg.POLICY.items() if name not in names}

    return {
        "a syntax error": {**mg.POLICY, "rescue.allow": "[Allow\n"},
        "an unknown key": {**mg.POLICY, "rescue.allow": mg.POLICY["rescue.allow"] + "Permit=yes\n"},
        "a required key missing": {**mg.POLICY, "faces.gallery": "[Gallery]\nDescription=x\nModel=m\n"},
        "an undeclared name": without("missing-child-reunion.purpose"),
        "a cycle": {**mg.POLICY, "government.class": "[Class]\nDescription=x\nParent=police\n"},
        "an unknown type": {**mg.POLICY, "x.exception": "[Exception]\nDescription=x\n"},
        "an unknown account": {**mg.POLICY, "rescuer.organisation":
                               "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nUser=nobody-of-this-name\n"},
        "a peer by unit alone": {**mg.POLICY, "rescuer.organisation":
                                 "[Organisation]\nDescription=x\nClass=ngo\n[Peer]\nUnit=a.service\n"},
    }


def refuses_to_start(tally, what, service):
    """The guard must end by itself, record nothing, and say why."""
    service.start_guard()
    ready = service.wait_for("READY", guard_may_end=True)
    status = service.kill("guard")
    said = service.log("guard")
    tally.check(not ready and status not in (0, -9, None) and said.strip(), f"{what}: ready {ready}, status {status}: {said}")
    tally.check(not (service.state / "trail").exists(), f"{what}: a log was begun")


def without_a_loadable_policy_nothing_starts(tally, build):
    for what, files in broken_policies().items():
        service = mg.Service(build, policy=files)
        refuses_to_start(tally, what, service)
        service.close()

    service = mg.Service(build)
    shutil.rmtree(service.policy)
    refuses_to_start(tally, "no policy folder", service)
    service.close()

    # An empty folder is a policy, which knows nobody.
    service = mg.Service(build, policy={})
    service.start()
    for uid in (mg.NGO_UID, mg.ARCHIVE_UID, 0):
        reply = service.call(*mg.identify(), uid=uid)
        tally.check(error_of(reply) == "Denied" and reply["parameters"]["reason"] == "unknown-peer",
                    f"an empty policy, uid {uid}: {reply}")
    service.close()

    for what, spoil in {"writable by others": lambda path: path.chmod(0o666),
                        "writable by its group": lambda path: path.chmod(0o664),
                        "somebody else's": lambda path: os.chown(path, mg.NGO_UID, 0)}.items():
        service = mg.Service(build)
        spoil(service.policy / "rescue.allow")
        refuses_to_start(tally, f"a file {what}", service)
        service.close()
        service = mg.Service(build)
        spoil(service.policy)
        service.policy.chmod(service.policy.stat().st_mode | 0o111)
        refuses_to_start(tally, f"a folder {what}", service)
        service.close()


def without_a_rule_nothing_is_permitted(tally, build):
    service = mg.Service(build, policy={name: text for name, text in mg.POLICY.items() if not name.endswith(".allow")})
    try:
        service.start()
        calls = {"identify": (*mg.identify(), mg.NGO_UID), "enrol": (*mg.enrol([("a", mg.unit(0))]), mg.ARCHIVE_UID)}
        for operation, (method, parameters, uid) in calls.items():
            reply = service.call(method, parameters, uid=uid)
            tally.check(error_of(reply) == "Denied" and reply["parameters"]["reason"] == "not-allowed",
                        f"{operation} without a rule: {reply}")
        for uid in (mg.STRANGER_UID, 0):
            reply = service.call(*mg.identify(), uid=uid)
            tally.check(error_of(reply) == "Denied" and reply["parameters"]["reason"] == "unknown-peer",
                        f"an unknown caller, uid {uid}: {reply}")
        for member, value, reason in [("purpose", "no-such-purpose", "unknown-term"), ("onBehalfOf", ["nobody"], "unknown-term")]:
            method, parameters = mg.identify()
            parameters["statement"][member] = value
            reply = service.call(method, parameters)
            tally.check(error_of(reply) == "Denied" and reply["parameters"]["reason"] == reason, f"{member} {value}: {reply}")
        service.stop()
        leaves = service.leaves()
        tally.check(all(leaf["verdict"] == "deny" for leaf in leaves if leaf["kind"] == "request"), "something was permitted")
        tally.check(not any(leaf["kind"] == "outcome" for leaf in leaves), "a denial has an outcome")
    finally:
        service.close()


def on_a_full_disk_nothing_is_permitted(tally, build):
    """A state folder on a small file system that somebody else fills."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="matchguard-test."))
    (directory / "state").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=0700", "tmpfs", directory / "state"], check=True)
    service = mg.Service(build, directory=directory)
    try:
        service.start()
        tally.check(error_of(service.call(*mg.enrol([("a", mg.unit(0))]), uid=mg.ARCHIVE_UID)) == "", "nothing works")
        filler = service.state / "filler"
        # What is left is taken, and what the ballast sets free when the trail finds no room, until it is told so.
        refused = None
        for _ in range(300):
            with open(filler, "ab", buffering=0) as file:
                try:
                    while file.write(b"\0" * 65536) == 65536:
                        pass
                    while file.write(b"\0" * 512):
                        pass
                except OSError:
                    pass
            refused = service.call(*mg.identify())
            if error_of(refused) == "TrailUnavailable":
                break
        tally.check(error_of(refused) == "TrailUnavailable", f"the disk is full, and: {refused}")
        before = int(service.call(f"{mg.AUDIT}.GetCheckpoint", uid=0)["parameters"]["checkpoint"].splitlines()[1])
        gallery = sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns)
                         for path in (service.state / "galleries").iterdir())
        for uid, call in ((mg.NGO_UID, mg.identify()), (mg.POLICE_UID, mg.identify()), (mg.STRANGER_UID, mg.identify()),
                          (mg.ARCHIVE_UID, mg.enrol([("b", mg.unit(1))]))):
            reply = service.call(*call, uid=uid)
            tally.check(error_of(reply) == "TrailUnavailable", f"full, uid {uid}: {reply}")
        tally.check(gallery == sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns)
                                      for path in (service.state / "galleries").iterdir()), "the gallery changed all the same")
        tally.check("error" not in service.call(f"{mg.MATCH}.WhoAmI"), "WhoAmI needs no room")
        filler.unlink()
        tally.check(killer.wait_until(lambda: error_of(service.call(*mg.identify())) == "", 10),
                    f"room again, and no service: {service.log('guard')}")
        service.stop()
        leaves = service.leaves()
        first = leaves[before]
        tally.check(first["kind"] == "gap" and first["count"] >= 4 and first["since"] <= first["wall"],
                    f"the first leaf with room again is {first}")
        tally.check(service.tool("audit", "verify")[0] == 0, "the trail does not verify")
    finally:
        service.close()
        subprocess.run(["umount", directory / "state"], check=True)
        shutil.rmtree(directory)


def without_a_worker_the_permit_has_its_outcome(tally, build):
    service = mg.Service(build)
    try:
        service.start()
        service.kill("worker")
        service.wait_for("X_MATCHGUARD_SERVING", "0")
        reply = service.call(*mg.identify())
        tally.check(error_of(reply) == "WorkerUnavailable", f"no worker: {reply}")
        tally.check(error_of(service.call(*mg.identify(), uid=mg.POLICE_UID)) == "Denied", "a denial needs no worker")
        service.stop()
        leaves = service.leaves()
        receipt = reply["parameters"]["receipt"]
        decision, outcome = leaves[receipt["decisionIndex"]], [leaf for leaf in leaves if leaf["kind"] == "outcome"]
        tally.check("worker" not in decision, f"a permit without a worker names one: {decision}")
        tally.check([leaf["result"] for leaf in outcome] == ["worker-gone"] and outcome[0]["of"] == decision["index"],
                    f"outcomes {outcome}")
    finally:
        service.close()


def without_a_frontend_nobody_is_let_in(tally, build):
    service = mg.Service(build)
    try:
        service.start_guard()
        service.wait_for("READY")
        service.start_worker()
        tally.check(mg.until(lambda: "A worker is there" in service.log("guard")), f"no worker: {service.log('guard')}")
        connection = service.connect()
        connection.send(*mg.identify())
        try:
            reply = connection.receive(timeout=0.7)
            tally.check(False, f"answered without a frontend: {reply}")
        except TimeoutError:
            tally.check(True, "")
        tally.check(len(service.leaves()) <= 2, "something was recorded without a frontend")
        service.start_frontend()
        reply = connection.receive()
        tally.check(error_of(reply) == "" and "candidates" in reply["parameters"], f"once the frontend is there: {reply}")
        service.wait_for("X_MATCHGUARD_SERVING")
        service.kill("frontend")
        service.wait_for("X_MATCHGUARD_SERVING", "0")
        connection = service.connect()
        connection.send(*mg.identify())
        try:
            tally.check(connection.receive(timeout=0.7) is None, "answered by a frontend that was killed")
        except TimeoutError:
            tally.check(True, "")
    finally:
        service.close()


def main():
    tally = mg.Tally()
    for test in (without_a_loadable_policy_nothing_starts, without_a_rule_nothing_is_permitted,
                 on_a_full_disk_nothing_is_permitted, without_a_worker_the_permit_has_its_outcome,
                 without_a_frontend_nobody_is_let_in):
        test(tally, sys.argv[1])
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
