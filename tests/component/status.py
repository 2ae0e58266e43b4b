#!/usr/bin/env python3
"""`matchguard status` in each state that it has words for: brought about for real, read in words and as JSON, by root and
by anybody; and the log level, with what is said at which.

Usage: status.py BUILD    (root)
"""
import json
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import clock as test_clock  # noqa: E402
import killer  # noqa: E402
import playedworker  # noqa: E402
import service as mg  # noqa: E402
import workercases  # noqa: E402
from relay import ENGINE, RESULT  # noqa: E402
from wild import Shot  # noqa: E402

SECRETS = ("Secret-Case", "Secret-Order", "Secret-Person", "child-7")


class Site:
    """A service whose clock a test sets, with one subject in its gallery."""

    def __init__(self, build, tally):
        self.tally, self.service = tally, mg.Service(build, in_memory=True)
        self.clock = test_clock.Clock(build, self.service.dir)
        self.config = self.service.dir / "matchguard.conf"
        self.configure("EpochLength=2s")

    def configure(self, lines):
        """The file stays the same one: of another a reload says that it is out of reach, see reload-reach.py. The name has to
        be looked up, which is another process's."""
        self.config.write_text(f"[Guard]\nRequestRate=root 1000/s\n{lines}\n")

    def start_guard(self):
        self.service.start_guard(arguments=("--config", str(self.config)), environment=self.clock.environment())
        self.service.wait_for("READY")

    def start(self):
        self.start_guard()
        self.service.start_worker()
        self.service.start_frontend()
        self.serves()

    def serves(self):
        self.service.take_notifications()
        killer.wait_until(lambda: self.told()[1]["status"].get("serving"), 20)

    def told(self, uid=None):
        """Return: (exit status, what --json printed)."""
        code, out, err = self.service.tool("status", "--json", uid=uid)
        assert out, err
        return code, json.loads(out)

    def words(self, uid=None):
        code, out, _ = self.service.tool("status", uid=uid)
        return code, " ".join(out.split())

    def findings(self):
        return [(finding["severity"], finding["what"], finding["remedy"]) for finding in self.told()[1]["findings"]]

    def expect(self, severity, what, remedy):
        """Such a finding comes, the exit status follows from all there are, and people read the same."""
        def there():
            return any(finding[0] == severity and what in finding[1] and remedy in finding[2] for finding in self.findings())
        self.tally.check(killer.wait_until(there, 20), f"no {severity} '{what}' with '{remedy}': {self.findings()}")
        code, told = self.told()
        errors = any(finding["severity"] == "error" for finding in told["findings"])
        self.tally.check(code == (1 if errors else 0), f"{what}: exit status {code}")
        code, text = self.words()
        self.tally.check(code == (1 if errors else 0) and what in text and remedy in text, f"'{what}' in words: {code} {text}")

    def expect_none(self, when):
        self.tally.check(killer.wait_until(lambda: not self.findings(), 20), f"{when}: {self.findings()}")
        self.tally.check(self.words()[1].startswith("matchguard serves. Nothing is wrong."), f"{when}: {self.words()}")
        self.tally.check(self.words()[0] == 0, f"{when}: exit status")


def everything_is_well(site):
    tally, service = site.tally, site.service
    site.expect_none("a new service")
    text = site.words()[1]
    for part in ("Policy runs ", "the one on disk is the same", "excepted: ", "Trail origin ", "epoch number ", " UTC, ",
                 "Worker engine ", "faces templates: 1; changed so often: 1", "Mirrors kernel audit ", "Load up ", "log level info"):
        tally.check(part in text, f"'{part}' in the whole picture: {text}")
    before = site.told()[1]["status"]["epoch"]["number"]
    tally.check(killer.wait_until(lambda: site.told()[1]["status"]["epoch"]["number"] > before, 10), "epochs go on")
    tally.check(site.told()[1]["status"]["epoch"]["late"] is False, "and are not late")
    service.call(*mg.enrol([("child-8", mg.unit(1)), ("child-9", mg.unit(2))]), uid=mg.ARCHIVE_UID)
    gallery = site.told()[1]["status"]["worker"]["galleries"]["faces"]
    tally.check(gallery == {"damaged": False, "templates": 3, "epoch": 2}, f"{gallery}")


def anybody_is_told_nothing_of_others(site, serving, words):
    tally = site.tally
    code, told = site.told(uid=mg.STRANGER_UID)
    allowed = {"version", "serving", "engine"} if serving else {"version", "serving", "notServing"}
    tally.check(set(told["status"]) <= allowed | {"engine"} and told["status"]["serving"] is serving, f"a stranger: {told}")
    tally.check(told["status"].get("notServing", []) == words and code == (0 if serving else 1), f"a stranger: {code} {told}")
    tally.check(len(told["findings"]) == len(words), f"a stranger: {told}")
    text = site.words(uid=mg.STRANGER_UID)[1] + json.dumps(told)
    for name in ("police", "thorn", "faces", "rescue", "moratorium", "NVIDIA", str(site.service.dir), *SECRETS):
        tally.check(name not in text, f"a stranger is told of {name}: {text}")
    text = site.words(uid=mg.STRANGER_UID)[1]
    tally.check(text.startswith("matchguard serves. version " if serving else "matchguard does not serve. 1 error."), text)


def policy_and_configuration(site):
    service = site.service
    mg.write_policy(service.policy, {"more.class": "[Class]\nDescription=One more\n"})
    site.expect("warning", "The policy on disk is not the one that runs.", "'matchguard reload --dry-run'")
    mg.write_policy(service.policy, {"more.class": "[Class]\nNonsense=1\n"})
    site.expect("error", "The policy on disk does not load", "'matchguard policy check'")
    site.expect("error", f"{service.policy}/more.class:1:1", "mend it and 'matchguard reload'")
    (service.policy / "more.class").unlink()
    service.tool("stand-down", "on", "--reason", "A fault in the model", "--yes", check=0)
    site.expect("warning", "The stand-down operator is in force", "'matchguard stand-down off operator'")
    service.tool("stand-down", "off", "--yes", check=0)
    site.expect_none("the stand-down is over")
    site.configure("Nonsense=1")
    service.tool("reload", check=0)
    site.expect("error", f"{site.config}:3:1: unknown key", f"Mend {site.config}")
    site.configure("Origin=late.example/log")
    service.tool("reload", check=0)
    site.expect("error", f"{site.config}:3:8: the log is called \"{site.told()[1]['status']['origin']}\"", f"Mend {site.config}")
    site.configure("EpochLength=2s")
    service.tool("reload", check=0)
    site.expect_none("the configuration is mended")


def the_clock(site):
    site.clock.set(0, synchronised=False)
    site.expect("warning", "The clock is not synchronised", "timedatectl")
    site.clock.set(-3600)
    site.expect("error", "and is behind a record of", "'matchguard rebase'")
    site.clock.set(0)
    site.expect_none("the clock is right again")


def too_many(site):
    service = site.service
    connections = [service.connect() for _ in range(80)]
    site.expect("warning", "There was too much to do", "RequestRate=")
    for connection in connections:
        connection.close()


def strangers_on_internal_sockets(site):
    service = site.service
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(service.path("worker")))
        site.tally.check(stranger.recv(100) == b"", "a second worker is let in")
    site.expect("warning", "a stranger came on an internal socket and was turned away", "taken over")


def ask_played(site, connection, line, make):
    """A search that a played worker answers: with what @make says of its job. Return: the index of its record."""
    connection.send(*mg.identify())
    line.shoot(make(line.job()))
    reply = connection.receive()
    site.tally.check("error" not in reply, f"{reply}")
    return reply["parameters"]["receipt"]["outcomeIndex"]


def kill_worker(service):
    """Once the guard has seen it, another one may come."""
    service.kill("worker")
    service.wait_for("X_MATCHGUARD_SERVING", "0")


def a_device(site):
    """A worker with a device that fails: what people are told, and what the records name before and afterwards."""
    service, tally = site.service, site.tally
    kill_worker(service)
    line = playedworker.Line(str(service.path("worker")))
    line.shoot([Shot(ENGINE, workercases.encode_engine())])
    site.serves()
    status = site.told()[1]["status"]
    tally.check((status["engine"], status["worker"]["engine"]) == ("opencl/gpu",) * 2, f"{status}")
    tally.check(status["worker"]["device"] == {"name": "NVIDIA H200", "memory": 126 << 30, "used": 2 << 30}, f"{status['worker']}")
    tally.check("engine opencl/gpu on NVIDIA H200, 2.0 of 126 GiB" in site.words()[1], f"{site.words()}")
    anybody_is_told_nothing_of_others(site, True, [])
    connection = service.connect()
    before = ask_played(site, connection, line, lambda job: [Shot(RESULT, job.result())])
    failed = Shot(ENGINE, workercases.encode_engine(**workercases.FAILED))
    fine = Shot(ENGINE, workercases.encode_engine())
    after = ask_played(site, connection, line, lambda job: [failed, fine, failed, Shot(RESULT, job.result(engine=workercases.FALLBACK))])
    site.expect("warning", f"The device NVIDIA H200 failed ({workercases.FAILED['failure']}): searches are answered by the processor",
                "what 'matchguard run' has printed")
    tally.check("engine cpu/avx2, as opencl/gpu on NVIDIA H200 has failed" in site.words()[1], f"{site.words()}")
    anybody_is_told_nothing_of_others(site, True, [])
    told = site.told()[1]["status"]["events"]["device-failed"]
    tally.check(told["count"] == 1 and "answered by cpu/avx2 from now on" in told["said"], f"told once a session: {told}")
    connection.close()
    line.close()
    killer.wait_until(lambda: len(service.leaves()) > after, 20)
    engines = [service.leaves()[index]["engine"] for index in (before, after)]
    tally.check(engines == ["opencl/gpu", "cpu/avx2"], f"the records name {engines}")
    service.start_worker()
    site.serves()
    tally.check("device" not in site.told()[1]["status"]["worker"], "another worker has the device of the one before")
    tally.check(not any("device" in what for _, what, _ in site.findings()), f"{site.findings()}")


def the_worker(site, other_vkey):
    service, tally = site.service, site.tally
    kill_worker(service)
    site.expect("error", "No worker is there", "what 'matchguard run' has printed")
    anybody_is_told_nothing_of_others(site, False, ["worker"])
    path = service.state / "galleries/faces.gallery"
    good = path.read_bytes()
    path.write_bytes(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:])
    service.start_worker()
    site.expect("error", "The gallery faces is not on the disk as it was stored", f"Restore {path} from a backup")
    tally.check("faces damaged" in site.words()[1], f"{site.words()}")
    kill_worker(service)
    path.write_bytes(good)
    (service.state / "galleries/old.gallery").write_bytes(good)
    service.start_worker()
    site.expect("warning", "The worker keeps a gallery old that the policy does not declare", "old.gallery")
    kill_worker(service)
    (service.state / "galleries/old.gallery").unlink()
    service.start_worker(arguments=("--vkey", str(other_vkey)))
    site.serves()
    tally.check(mg_error(service.call(*mg.identify())) == "Failed", "a worker with another key believes a job")
    site.expect("error", "The worker did not believe what was permitted", "--vkey of this log")
    kill_worker(service)
    service.start_worker()
    site.serves()


def a_start_after_a_kill(site):
    for name in ("guard", "frontend", "worker"):
        site.service.kill(name)
    site.start()
    site.expect("notice", "The run before this one did not end with a stop", "'matchguard audit verify'")


def mg_error(reply):
    return reply.get("error", "").rpartition(".")[2]


def log_of(site, name):
    return (site.service.dir / f"{name}.log").read_text(errors="replace")


def stands_still(look, seconds=0.5):
    """What is seen, once it has not changed for so long."""
    seen, since = look(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.02)
        now = look()
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


def ask_with_secrets(site):
    more = {"caseReference": SECRETS[0], "authorisation": SECRETS[1], "operator": SECRETS[2]}
    reply = site.service.call(*mg.identify(statement=mg.statement(**more)))
    site.tally.check(mg_error(reply) == "" and reply["parameters"]["candidates"][0]["subject"] == SECRETS[3], f"{reply}")
    site.service.call(*mg.identify(statement=mg.statement(**more)), uid=mg.POLICE_UID)
    return reply["parameters"]["receipt"]["request"]


def steps_at_debug(site):
    """Of each step something is said, by all three; and of what was asked, nothing."""
    service, tally = site.service, site.tally
    tally.check(service.tool("log-level")[1] == "info (matchguard.conf: info)\n", "the level to begin with")
    ask_with_secrets(site)
    quiet = {name: len(log_of(site, name)) for name in ("guard", "frontend", "worker")}
    code, out, _ = service.tool("log-level", "debug")
    tally.check(code == 0 and out == "debug (matchguard.conf: info)\n", f"log-level debug: {code} {out}")
    site.expect("notice", "The log level is debug until the next start", "'matchguard log-level --default'")
    request = ask_with_secrets(site)
    wanted = {"guard": [f"Request {request} of uid {mg.NGO_UID}", *(f": {state}." for state in (
        "decided", "decision-recorded", "submitted", "resulted", "outcome-recorded", "ended")), "denied (moratorium)"],
        "frontend": ["call 1: to be decided", "call 1: answered"], "worker": ["its job is believed", ": ok, after"]}
    for name, parts in wanted.items():
        killer.wait_until(lambda: all(part in log_of(site, name)[quiet[name]:] for part in parts), 20)
        for part in parts:
            tally.check(part in log_of(site, name)[quiet[name]:], f"{name} says nothing of '{part}': {log_of(site, name)}")
    # Whoever comes later says as much.
    for name in ("frontend", "worker"):
        service.kill(name)
        quiet[name] = len(log_of(site, name))
    service.wait_for("X_MATCHGUARD_SERVING", "0")
    service.start_frontend()
    service.start_worker()
    service.wait_for("X_MATCHGUARD_SERVING")
    ask_with_secrets(site)
    for name in ("frontend", "worker"):
        tally.check(killer.wait_until(lambda: wanted[name][0] in log_of(site, name)[quiet[name]:], 20), f"a new {name}: {log_of(site, name)}")
    service.tool("log-level", "--default", check=0)
    ask_with_secrets(site)  # behind which the level has come to all of them
    quiet = stands_still(lambda: {name: len(log_of(site, name)) for name in quiet})
    ask_with_secrets(site)
    time.sleep(0.3)
    for name, before in quiet.items():
        tally.check(log_of(site, name)[before:] == "", f"{name} goes on: {log_of(site, name)[before:]}")
        said = log_of(site, name)
        for secret in (*SECRETS, mg.identify()[1]["probe"]["data"][:40]):
            tally.check(secret not in said, f"{name} says {secret} (promise 8)")


def levels_of_the_file(site):
    service, tally = site.service, site.tally

    def level_is(wanted):
        return killer.wait_until(lambda: site.told()[1]["status"]["log"] == wanted, 20)

    site.configure("LogLevel=error")
    service.tool("reload", check=0)
    tally.check(level_is({"level": "error", "configured": "error"}), f"a reload reads it: {site.told()[1]['status']['log']}")
    tally.check(killer.wait_until(lambda: "the level error and above" in log_of(site, "guard"), 20), "that less is said is said before")
    before = len(log_of(site, "guard"))
    service.tool("stand-down", "on", "--reason", "x", "--yes", check=0)
    service.tool("stand-down", "off", "--yes", check=0)
    said = stands_still(lambda: log_of(site, "guard")[before:])
    # What became a leaf is told at any level.
    tally.check("was loaded" in said and "stand-down" not in said, f"at the level error: {said}")
    service.tool("log-level", "notice", check=0)
    service.tool("reload", check=0)
    tally.check(level_is({"level": "notice", "configured": "error"}), "what was said by hand outlives a reload")
    for arguments in (("loud",), ("debug", "info"), ("debug", "--default")):
        tally.check(service.tool("log-level", *arguments)[0] == 2, f"log-level {arguments}")
    tally.check(service.tool("log-level", "debug", uid=mg.NGO_UID)[0] == 3, "anybody sets the level")
    reply = service.call(f"{mg.ADMIN}.SetLogLevel", {"level": "loud"}, uid=0)
    tally.check(mg_error(reply) == "InvalidParameter", f"{reply}")
    for name in ("guard", "frontend", "worker"):
        service.kill(name, signal.SIGTERM)
    site.start()
    tally.check(level_is({"level": "error", "configured": "error"}), "and not the next start")
    site.configure("LogLevel=loud")
    tally.check(service.kill("guard", signal.SIGTERM) == 0, "no clean stop")
    site.service.start_guard(arguments=("--config", str(site.config)))
    tally.check(service.processes["guard"].wait(30) == 1 and "no level of the log" in log_of(site, "guard"), "a level that is none")


def nobody_answers(site):
    service, tally = site.service, site.tally
    service.kill("guard")
    site.configure("")
    site.start_guard()
    service.kill("frontend")
    began = time.monotonic()
    code, out, _ = service.tool("status")
    tally.check(code == 3 and "Nobody answers at the sockets" in out, f"no frontend: {code} {out}")
    tally.check(time.monotonic() - began > 4.9, "it waits for five seconds")
    code, out, _ = service.tool("status", "--socket", str(service.dir / "nowhere"), "--json")
    tally.check(code == 2 or "There is no socket in" in out, f"no socket: {code} {out}")


def main():
    build = sys.argv[1]
    tally = mg.Tally()
    other = mg.Service(build, in_memory=True)
    site = Site(build, tally)
    try:
        other.start_guard()
        other.wait_for("READY")
        site.start()
        site.service.call(*mg.enrol([(SECRETS[3], mg.unit(0))]), uid=mg.ARCHIVE_UID)
        everything_is_well(site)
        anybody_is_told_nothing_of_others(site, True, [])
        steps_at_debug(site)
        the_clock(site)
        policy_and_configuration(site)
        too_many(site)
        strangers_on_internal_sockets(site)
        a_device(site)
        the_worker(site, other.state / "public/log.vkey")
        a_start_after_a_kill(site)
        levels_of_the_file(site)
        nobody_answers(site)
    finally:
        site.service.close()
        other.close()
    return tally.finish()


sys.exit(main())
