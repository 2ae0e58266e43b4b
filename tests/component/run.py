#!/usr/bin/env python3
"""matchguard run and the commands that call the service, with the real programs, from outside.

Usage: run.py --build FOLDER    (root: it plays several users)
"""
import argparse
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service  # noqa: E402
import traces  # noqa: E402

PROGRAMS = {"matchguardd": "guard", "matchguard-worker": "worker", "matchguard-frontend": "frontend"}


def npy(rows):
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }\n" % (len(rows), len(rows[0]))
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
            + b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows))


class Run:
    """One `matchguard run` with the test policy, on a folder of its own."""

    def __init__(self, build):
        self.tool = str(pathlib.Path(build) / "tools/matchguard")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="matchguard-run."))
        self.dir.chmod(0o711)
        service.write_policy(self.dir / "policy", service.POLICY)
        self.process = None

    def start(self, *arguments, wait=True):
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(
            [*traces.prefix(), self.tool, "run", "--dir", str(self.dir / "d"), "--policy-dir", str(self.dir / "policy"),
             *arguments],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env={**os.environ, **service.PROCESSOR})
        if wait:
            assert select.select([self.process.stdout], [], [], 20)[0], f"not ready: {self.said()}"
            line = self.process.stdout.readline()
            assert line == "ready\n", f"{line!r} {self.said()}"
        return self

    def said(self):
        return (self.dir / "log").read_text(errors="replace")[-3000:]

    def children(self):
        """The pids of the three programs, by name."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.process.pid and fields[0] != "Z":
                    name = pathlib.Path((entry / "cmdline").read_bytes().split(b"\0")[0].decode()).name
                    found[PROGRAMS[name]] = int(entry.name)
            except (OSError, ValueError, KeyError, IndexError):
                continue
        return found

    def call(self, *arguments, uid=0, **more):
        """A command of the tool as some user. Return: the finished process."""
        who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
        command, *rest = arguments
        return subprocess.run([*who, self.tool, command, "--dir", str(self.dir / "d"), *rest], text=True,
                              capture_output=True, timeout=60, cwd=self.dir, **more)

    def serves(self):
        done = self.call("status", "--json")
        return done.returncode == 0 and json.loads(done.stdout)["status"]["serving"]

    def wait_until_served(self):
        """After one of the three has gone."""
        deadline = time.monotonic() + 15
        while len(self.children()) < 3 or not self.serves():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def wait(self, timeout=20):
        status = self.process.wait(timeout)
        self.process.stdout.close()
        self.log.close()
        return status

    def stop(self):
        self.process.terminate()
        return self.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def gone(pids, timeout=10):
    deadline = time.monotonic() + timeout
    while any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


WHY = ["--purpose", "missing-child-reunion", "--sought", "missing"]
UPKEEP = ["--gallery", "faces", "--purpose", "gallery-upkeep"]
MODEL = ["--model", "test-16", "--kind", "photograph"]


def enrol_some(run, n=5):
    (run.dir / "t.npy").write_bytes(npy([service.unit(i) for i in range(n)]))
    (run.dir / "s.txt").write_text("".join(f"child-{i}\n" for i in range(n)))
    return run.call("enrol", *UPKEEP, *MODEL, "t.npy", "s.txt", uid=service.ARCHIVE_UID)


# ------------------------------------------------------------------------------------------------ the tests

def a_clean_stop_ends_with_status_0(run):
    run.start()
    pids = run.children()
    assert set(pids) == {"guard", "worker", "frontend"}, pids
    assert run.stop() == 0, run.said()
    assert gone(pids.values())


def an_interrupt_stops_too(run):
    run.start()
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 0, run.said()


def told_twice_at_once_is_told_once(run):
    run.start()
    guard = run.children()["guard"]
    os.kill(guard, signal.SIGSTOP)  # so that it has not ended when the second signal comes
    run.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    run.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    os.kill(guard, signal.SIGCONT)
    assert run.wait() == 0, run.said()


def it_starts_again_on_the_same_folder(run):
    run.start()
    assert enrol_some(run).returncode == 0
    assert run.stop() == 0
    run.start()
    (run.dir / "t0.f32").write_bytes(struct.pack("<16f", *service.unit(0)))
    found = run.call("identify", "--gallery", "faces", *WHY, *MODEL, "--json", "t0.f32", uid=service.NGO_UID)
    assert found.returncode == 0, found
    assert json.loads(found.stdout)["candidates"][0]["subject"] == "child-0", found.stdout
    assert run.stop() == 0


def one_run_a_folder(run):
    run.start()
    second = subprocess.run([run.tool, "run", "--dir", str(run.dir / "d"), "--policy-dir", str(run.dir / "policy")],
                            capture_output=True, text=True, timeout=20)
    assert second.returncode == 1 and "another 'matchguard run'" in second.stderr, second
    assert run.call("whoami").returncode == 0


def a_worker_that_dies_is_started_again(run):
    run.start()
    before = run.children()
    os.kill(before["worker"], signal.SIGKILL)
    assert gone([before["worker"]])
    run.wait_until_served()
    after = run.children()
    assert after["worker"] != before["worker"] and after["guard"] == before["guard"]
    assert enrol_some(run).returncode == 0, run.said()


def a_frontend_that_dies_is_started_again(run):
    run.start()
    before = run.children()
    os.kill(before["frontend"], signal.SIGKILL)
    assert gone([before["frontend"]])
    run.wait_until_served()
    assert run.children()["guard"] == before["guard"]


def what_dies_again_and_again_stops_everything(run):
    run.start()
    pids = run.children()
    deadline = time.monotonic() + 20
    while run.process.poll() is None and time.monotonic() < deadline:
        worker = run.children().get("worker")
        if worker:
            with contextlib.suppress(ProcessLookupError):  # killed the last time, and only now gone
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.02)
    assert run.wait() == 1, run.said()
    assert "again and again" in run.said()
    assert gone(pids.values())


def a_guard_that_dies_stops_everything(run):
    run.start()
    pids = run.children()
    os.kill(pids["guard"], signal.SIGKILL)
    assert run.wait() == 1
    assert gone(pids.values())


def nothing_outlives_a_run_that_is_killed(run):
    run.start()
    pids = run.children()
    run.process.kill()
    run.wait()
    assert gone(pids.values())


def a_policy_that_does_not_load_is_said(run):
    (run.dir / "policy/bad.class").write_text("[Class]\nColour=red\n")
    run.start(wait=False)
    assert run.wait() == 1
    assert "bad.class:2" in run.said(), run.said()


def callers_are_told_apart_by_their_user(run):
    run.start()
    for uid, organisation in ((service.NGO_UID, "rescuer"), (service.POLICE_UID, "city-police"),
                              (service.STRANGER_UID, None)):
        said = run.call("whoami", "--json", uid=uid)
        assert said.returncode == 0, said
        assert json.loads(said.stdout).get("organisation") == organisation, said.stdout
        assert json.loads(said.stdout)["uid"] == uid


def the_commands_do_what_they_say(run):
    run.start()
    said = enrol_some(run)
    assert said.returncode == 0 and said.stdout.startswith("Stored 5 templates in the gallery faces."), said
    (run.dir / "p.npy").write_bytes(npy([service.unit(3)]))
    (run.dir / "q.f32").write_bytes(struct.pack("<16f", *service.unit(4)))

    def ngo(*arguments):
        return run.call(*arguments, uid=service.NGO_UID)

    said = ngo("identify", "--gallery", "faces", *WHY, *MODEL, "p.npy")
    assert said.returncode == 0 and "1. child-3   similarity 1.0000" in said.stdout, said
    said = ngo("identify", "--gallery", "faces", *WHY, "--stored", "child-2")
    # A search by what is stored leaves the subject itself out, and nobody else here is alike.
    assert said.returncode == 0 and "Nobody was found." in said.stdout and "4 templates" in said.stdout, said
    said = ngo("verify", "--gallery", "faces", *WHY, *MODEL, "child-3", "p.npy")
    assert said.returncode == 0 and said.stdout.startswith("They match."), said
    said = ngo("verify", "--gallery", "faces", *WHY, *MODEL, "child-1", "p.npy")
    assert said.returncode == 0 and said.stdout.startswith("They do not match."), said
    said = ngo("compare", *WHY, *MODEL, "p.npy", "q.f32")
    assert said.returncode == 0 and said.stdout.startswith("They do not match."), said

    def keeper(*arguments):
        return run.call(*arguments, uid=service.ARCHIVE_UID)

    said = keeper("list", *UPKEEP)
    assert said.returncode == 0 and said.stdout.split() == [f"child-{i}" for i in range(5)], said
    said = keeper("list", *UPKEEP, "--limit", "2", "--after", "child-1")
    assert said.stdout.split() == ["child-2", "child-3"], said
    said = keeper("remove", *UPKEEP, "child-3")
    assert said.returncode == 0 and said.stdout.startswith("Removed 1 template of child-3."), said
    said = ngo("identify", "--gallery", "faces", *WHY, *MODEL, "p.npy")
    assert said.returncode == 0 and said.stdout.startswith("Nobody was found."), said
    said = ngo("verify", "--gallery", "faces", *WHY, *MODEL, "child-3", "p.npy")
    assert said.returncode == 1 and "no such subject" in said.stderr, said


def a_refusal_says_rule_notice_and_place(run):
    run.start()
    (run.dir / "p.npy").write_bytes(npy([service.unit(3)]))
    search = ["identify", "--gallery", "faces", *WHY, *MODEL, "p.npy"]
    said = run.call(*search, uid=service.POLICE_UID)
    assert said.returncode == 1 and said.stdout == "", said
    for words in ("Refused: searching the gallery faces.", "moratorium: ", "police-use", "Police use is suspended.",
                  "request ", "leaf "):
        assert words in said.stderr, (words, said.stderr)
    said = run.call(*search, "--json", uid=service.POLICE_UID)
    reply = json.loads(said.stdout)
    assert said.returncode == 1 and reply["error"] == "org.matchguard.Match.Denied", said
    assert reply["parameters"]["reason"] == "moratorium" and reply["parameters"]["receipt"]["decisionIndex"] > 0, reply


def status_is_full_for_root_and_little_for_others(run):
    run.start()
    full = json.loads(run.call("status", "--json").stdout)["status"]
    little = json.loads(run.call("status", "--json", uid=service.STRANGER_UID).stdout)["status"]
    assert set(little) == {"version", "serving", "engine"} and little["serving"], little
    assert little.items() <= full.items() and {"policy", "treeSize", "rootHash", "worker"} <= set(full), full
    assert run.call("status").returncode == 0


def a_gallery_that_is_no_longer_declared_is_named_and_out_of_reach(run):
    run.start()
    assert enrol_some(run).returncode == 0
    (run.dir / "t0.f32").write_bytes(struct.pack("<16f", *service.unit(0)))
    ask = ["identify", "--gallery", "faces", *WHY, *MODEL, "t0.f32"]
    declaration = run.dir / "policy/faces.gallery"
    declared = declaration.read_text()

    def undeclared():
        return json.loads(run.call("status", "--json").stdout)["status"]["worker"]["galleriesNotDeclared"]

    assert undeclared() == []
    declaration.unlink()
    assert run.call("reload").returncode == 0
    assert undeclared() == ["faces"], undeclared()
    said = run.call(*ask, uid=service.NGO_UID)
    assert said.returncode == 1 and "unknown-term" in said.stderr, said
    worker = run.children()["worker"]
    os.kill(worker, signal.SIGKILL)
    assert gone([worker])
    run.wait_until_served()
    assert undeclared() == ["faces"], undeclared()
    declaration.write_text(declared)
    assert run.call("reload").returncode == 0
    assert undeclared() == []
    said = run.call(*ask, uid=service.NGO_UID)
    assert said.returncode == 0 and "child-0" in said.stdout, said


def reload_takes_a_good_policy_and_refuses_a_bad_one(run):
    run.start()
    allow = run.dir / "policy/rescue.allow"
    allow.write_text(allow.read_text().replace("Release=scores", "Release=decision"))
    said = run.call("reload")
    assert said.returncode == 0, said
    bad = run.dir / "policy/bad.class"
    bad.write_text("[Class]\nColour=red\n")
    said = run.call("reload")
    assert said.returncode == 1 and "bad.class:2" in said.stderr, said
    bad.unlink()
    said = run.call("reload", uid=service.NGO_UID)
    assert said.returncode == 3, said


def a_template_of_another_model_is_said(run):
    run.start()
    assert enrol_some(run).returncode == 0
    said = run.call("identify", "--gallery", "faces", *WHY, "--model", "other", "--kind", "photograph", "t0.f32",
                    uid=service.NGO_UID)
    assert said.returncode == 1 and "t0.f32: No such file" in said.stderr, said
    (run.dir / "t0.f32").write_bytes(struct.pack("<16f", *service.unit(0)))
    said = run.call("identify", "--gallery", "faces", *WHY, "--model", "other", "--kind", "photograph", "t0.f32",
                    uid=service.NGO_UID)
    assert said.returncode == 1 and "of another model" in said.stderr and "test-16" in said.stderr, said


TESTS = [a_clean_stop_ends_with_status_0, an_interrupt_stops_too, told_twice_at_once_is_told_once,
         it_starts_again_on_the_same_folder,
         one_run_a_folder, a_worker_that_dies_is_started_again, a_frontend_that_dies_is_started_again,
         what_dies_again_and_again_stops_everything, a_guard_that_dies_stops_everything,
         nothing_outlives_a_run_that_is_killed, a_policy_that_does_not_load_is_said,
         callers_are_told_apart_by_their_user, the_commands_do_what_they_say, a_refusal_says_rule_notice_and_place,
         status_is_full_for_root_and_little_for_others,
         a_gallery_that_is_no_longer_declared_is_named_and_out_of_reach, reload_takes_a_good_policy_and_refuses_a_bad_one,
         a_template_of_another_model_is_said]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("tests", nargs="*", help="only these")
    arguments = parser.parse_args()
    passed = failed = 0
    for test in TESTS:
        if arguments.tests and test.__name__ not in arguments.tests:
            continue
        run = Run(arguments.build)
        try:
            test(run)
            passed += 1
        except (AssertionError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"FAILED {test.__name__}: {error}")
        finally:
            run.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
