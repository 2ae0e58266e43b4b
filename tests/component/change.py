#!/usr/bin/env python3
"""Releasing moratoria, standing down and reloading: what the commands of the tool do to the files and to the real service,
and what they refuse to do. Two scenarios go by their names here: release and kill-switch.

Usage: change.py BUILD [TEST...]     (root: it plays several users)
"""
import hashlib
import json
import os
import pathlib
import pty
import select
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import service as mg  # noqa: E402

ALLOW = ("[Allow]\nDescription=The police search, once nothing stands in the way\nClass=police\nOperation=identify\n"
         "Purpose=missing-child-reunion\nGallery=faces\nSought=missing\nMinimumSimilarity=0.3\n")
HOLD = ("[Moratorium]\nDescription=One year\nNotice=Suspended.\nClass=law-enforcement\nFrom=2020-06-10\nUntil=2021-06-10\n"
        "ReviewBy=2021-01-01\n")
POLICY = {**mg.POLICY, "police-search.allow": ALLOW}
INVARIANT = "[Invariant]\nDescription=Never the police\nNever=permit\nParty=law-enforcement\nFrom=2020-06-10\n"


class Site:
    """The service on a policy, and the commands that change it."""

    def __init__(self, build, policy=None, weak=None):
        self.service = mg.Service(build, {**POLICY, **(policy or {})})
        self.build, self.policy = pathlib.Path(build).resolve(), self.service.policy
        arguments = []
        if weak:
            self.weak = mg.write_policy(self.service.dir / "weak.d", weak)
            arguments = ["--policy-dir", str(self.weak)]
        self.start = {"arguments": arguments}
        self.service.start(**self.start)
        self.service.call(*mg.enrol([("child-0", mg.unit(0))]), uid=mg.ARCHIVE_UID)

    def close(self):
        self.service.close()

    def tool(self, *arguments, status=0, uid=None):
        """Return: what it printed, stdout before stderr."""
        code, out, err = self.service.tool(*arguments, uid=uid)
        assert code == status, (arguments, code, out, err)
        return out + err

    def json(self, *arguments, status=0):
        code, out, err = self.service.tool(*arguments, "--json")
        assert code == status, (arguments, code, out, err)
        return json.loads(out)

    def ask(self, uid):
        """What a search by somebody comes to: permit, or the parameters of its denial."""
        reply = self.service.call(*mg.identify(), uid=uid)
        return "permit" if "error" not in reply else reply["parameters"]

    def reason(self, uid):
        said = self.ask(uid)
        return said if said == "permit" else said["reason"]

    def status(self):
        return self.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]

    def files(self):
        """Everything in the strongest folder, hidden files too: a change that was refused leaves it as it was."""
        return {path.name: os.readlink(path) if path.is_symlink() else path.read_text() for path in self.policy.iterdir()}

    def at_terminal(self, *arguments):
        return Terminal([str(self.build / "tools/matchguard"), *map(str, arguments), "--dir",
                         str(self.service.dir)])


class Terminal:
    """A command at a pseudo terminal."""

    def __init__(self, command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)
        self.said = ""

    def read(self):
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # The other side is closed.
            data = b""
        self.said += data.decode(errors="replace")
        return bool(data)

    def until(self, text, timeout=mg.PATIENCE):
        deadline = time.monotonic() + timeout
        while text not in self.said:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0] and self.read(), (text, self.said)
        return self

    def answer(self, keys):
        os.write(self.fd, keys.encode())
        return self

    def end(self):
        """Return: (exit status or minus the signal, everything that was said)."""
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.said


# --------------------------------------------------------------------------------------------------- scenarios

def release(site):
    """A moratorium that holds beyond its date: released it ends, once a trusted clock says that the date has come; the
    release withdrawn, it stands again."""
    (site.policy / "one-year.moratorium").write_text(HOLD)
    (site.policy / "police-use.moratorium").unlink()
    site.tool("reload")
    assert site.reason(mg.POLICE_UID) == "moratorium"
    said = site.tool("moratorium", "release", "one-year", "--reason", "The law answers it now", "--yes")
    file = (site.policy / "one-year.release").read_text()
    listed = next(m for m in site.json("moratorium", "list")["moratoria"] if m["name"] == "one-year")
    assert f"Digest={listed['digest']}\n" in file and "Reason=The law answers it now\n" in file, file
    assert file.startswith("# matchguard moratorium release, 2") and "moratorium withdraw one-year" in file, file
    assert listed["releases"] == [{"file": str(site.policy / "one-year.release"), "reason": "The law answers it now"}]
    trusted = site.status()["clock"] == "synchronised"
    assert site.reason(mg.POLICE_UID) == ("permit" if trusted else "moratorium"), said
    assert listed["inForce"] != trusted, listed
    assert ("does not stand" if trusted else "no synchronised clock") in said, said
    site.tool("moratorium", "withdraw", "one-year", "--yes")
    assert site.reason(mg.POLICE_UID) == "moratorium" and not (site.policy / "one-year.release").exists()


def a_release_until_further_notice_needs_no_clock(site):
    assert site.reason(mg.POLICE_UID) == "moratorium"
    said = site.tool("moratorium", "release", "police-use", "--reason", "decided", "--yes")
    assert "+ city-police may now identify" in said and "kind of request gets more than before, 0 less." in said, said
    assert site.reason(mg.POLICE_UID) == "permit"
    said = site.tool("moratorium", "withdraw", "police-use", "--yes")
    assert "- city-police may no longer identify" in said, said
    assert site.reason(mg.POLICE_UID) == "moratorium"
    assert "police-use.release" not in site.files()


def kill_switch(site):
    before = site.files()
    site.tool("stand-down", "on", "--reason", "A fault in the model", "--yes")
    for uid in (mg.NGO_UID, mg.POLICE_UID):
        said = site.ask(uid)
        assert said["reason"] == "stood-down" and said["notice"] == "A fault in the model", (uid, said)
    reply = site.service.call(*mg.enrol([("x", mg.unit(1))]), uid=mg.ARCHIVE_UID)
    assert reply["parameters"]["reason"] == "stood-down", reply
    assert set(site.files()) - set(before) == {"operator.stand-down"}
    assert any("stand-down operator" in line for line in site.status()["standing"])
    site.tool("stand-down", "off", "--yes")
    assert site.files() == before
    assert site.reason(mg.NGO_UID) == "permit" and site.reason(mg.POLICE_UID) == "moratorium"


# -------------------------------------------------------------------------------------------------- stand-downs

def a_stand_down_of_a_part_leaves_the_rest(site):
    site.tool("stand-down", "on", "--reason", "audit", "--organisation", "city-police", "--organisation", "rescuer",
              "--operation", "identify", "--gallery", "faces", "--name", "audit", "--yes")
    assert site.reason(mg.NGO_UID) == "stood-down"
    assert "error" not in site.service.call(*mg.enrol([("x", mg.unit(1))]), uid=mg.ARCHIVE_UID)
    text = (site.policy / "audit.stand-down").read_text()
    assert "Organisation=city-police\nOrganisation=rescuer\nOperation=identify\nGallery=faces\n" in text, text


def of_several_stand_downs_it_is_asked_which(site):
    site.tool("stand-down", "off", "--yes", status=1)
    site.tool("stand-down", "on", "--reason", "one", "--yes")
    site.tool("stand-down", "on", "--reason", "another", "--name", "other", "--yes")
    said = site.tool("stand-down", "off", "--yes", status=2)
    assert "operator" in said and "another" in said, said
    assert {"operator.stand-down", "other.stand-down"} <= set(site.files())
    status, said = (site.at_terminal("stand-down", "off").until("Which one").answer("other\n").until("[y/N]")
                    .answer("y\n").end())
    assert status == 0 and "other.stand-down" not in site.files(), said
    assert "operator.stand-down" in site.files()
    site.tool("stand-down", "off", "nothing-like-it", "--yes", status=1)


def whoever_is_in_a_hurry_is_told_afterwards(site):
    said = site.tool("stand-down", "on", "--reason", "one", "--yes")
    assert said.index("in force") < said.index("rescuer may no longer"), said
    said = site.tool("stand-down", "off", "--yes")
    assert said.index("rescuer may now") < said.index("in force"), said
    shown = site.json("stand-down", "on", "--reason", "one", "--yes")
    assert shown["inForce"] and not shown["wider"] and {line["kind"] for line in shown["changes"]} == {"denied"}, shown


def one_that_is_on_is_not_written_over(site):
    site.tool("stand-down", "on", "--reason", "one", "--yes")
    before = site.files()
    said = site.tool("stand-down", "on", "--reason", "two", "--yes", status=1)
    assert "operator.stand-down (one)" in said, said
    assert site.files() == before


# ------------------------------------------------------------------------------------------------- the question

def without_a_yes_nothing_is_written(site):
    before = site.files()
    for command in (["moratorium", "release", "police-use", "--reason", "r"], ["moratorium", "withdraw", "police-use"],
                    ["stand-down", "on", "--reason", "r"], ["stand-down", "off"]):
        assert "--yes" in site.tool(*command, status=2)
    for keys in ("n\n", "\n", "yesterday\n", "\x04", "\x03"):
        status, said = (site.at_terminal("moratorium", "release", "police-use", "--reason", "r").until("[y/N]")
                        .answer(keys).end())
        assert status == (-2 if keys == "\x03" else 1), (keys, status, said)
    assert site.files() == before
    assert site.reason(mg.POLICE_UID) == "moratorium"


def the_change_is_shown_before_the_question(site):
    terminal = site.at_terminal("moratorium", "release", "police-use", "--reason", "r").until("[y/N]")
    shown, _, _ = terminal.said.partition("Release the moratorium police-use?")
    assert "+ city-police may now identify" in shown, terminal.said
    assert "police-use.release" not in site.files()
    status, said = terminal.answer("y\n").end()
    assert status == 0 and "in force" in said, said
    assert site.reason(mg.POLICE_UID) == "permit"


# ------------------------------------------------------------------------------------------- what is refused

def a_reload_that_is_refused_puts_everything_back(site):
    """The fault comes in while the question is open, so that only the service sees it."""
    site.tool("moratorium", "release", "police-use", "--reason", "r", "--yes")
    for command in (["stand-down", "on", "--reason", "r"], ["moratorium", "withdraw", "police-use"]):
        before = site.files()
        terminal = site.at_terminal(*command).until("[y/N]")
        (site.policy / "broken.class").write_text("[Class]\nColour=red\n")
        status, said = terminal.answer("y\n").end()
        (site.policy / "broken.class").unlink()
        assert status == 1 and "broken.class:2:1" in said and "again as it was" in said, said
        assert site.files() == before, (before, site.files())
    assert site.reason(mg.POLICE_UID) == "permit", "the release stands"
    site.tool("reload")


def a_release_that_breaks_an_invariant_is_not_written(site):
    before = site.files()
    said = site.tool("moratorium", "release", "police-use", "--reason", "r", "--yes", status=1)
    assert "never-police.invariant" in said and "would not load" in said, said
    assert site.files() == before
    assert site.reason(mg.POLICE_UID) == "moratorium"


def what_cannot_be_released_says_why(site):
    (site.policy / "lapsing.moratorium").write_text(HOLD + "OnExpiry=lapse\n")
    site.tool("reload")
    before = site.files()

    def refused(name, words):
        said = site.tool("moratorium", "release", name, "--reason", "r", "--yes", status=1)
        assert words in said, said

    refused("lapsing", "lapses by itself, on 2021-06-10")
    refused("nothing", "there are: lapsing, police-use")
    said = site.tool("moratorium", "withdraw", "police-use", "--yes", status=1)
    assert "is not released" in said, said
    assert site.files() == before
    site.tool("moratorium", "release", "police-use", "--reason", "r", "--yes")
    refused("police-use", "released already, by " + str(site.policy / "police-use.release"))


def a_file_that_releases_another_is_not_written_over(site):
    (site.policy / "one-year.moratorium").write_text(HOLD)
    site.tool("moratorium", "release", "one-year", "--reason", "r", "--yes")
    (site.policy / "one-year.release").rename(site.policy / "police-use.release")
    site.tool("reload")
    before = site.files()
    said = site.tool("moratorium", "release", "police-use", "--reason", "r", "--yes", status=1)
    assert "releases the moratorium one-year" in said, said
    assert site.files() == before
    site.tool("moratorium", "withdraw", "one-year", "--yes")
    assert "police-use.release" not in site.files(), "withdrawn by the name of the moratorium, not of the file"


def bad_values_are_said_and_not_written(site):
    before = site.files()
    said = site.tool("stand-down", "on", "--reason", "r", "--organisation", "nobody", "--yes", status=1)
    assert str(site.policy / "operator.stand-down") + ":5:14: undeclared name 'nobody'" in said, said
    for arguments in (["--reason", "two\nlines"], ["--reason", "a\x1b[31mb"], ["--reason", "r\\"], ["--reason", "  "],
                      ["--reason", "r", "--organisation", "x\nReason=y"], ["--reason", "r", "--name", "../x"],
                      ["--reason", "r", "--name", "Upper"], []):
        site.tool("stand-down", "on", *arguments, "--yes", status=2)
    assert site.files() == before


def only_the_owner_changes_policy(site):
    before = site.files()
    said = site.tool("stand-down", "on", "--reason", "r", "--yes", uid=mg.NGO_UID, status=3)
    assert "open to root only" in said, said
    said = site.tool("stand-down", "on", "--reason", "r", "--yes", "--policy-dir", site.policy, uid=mg.NGO_UID, status=1)
    assert "Permission denied" in said, said
    assert site.files() == before


# --------------------------------------------------------------------------------------- where the service reads

def a_release_of_a_weaker_folder_is_masked(site):
    assert site.reason(mg.POLICE_UID) == "permit", "it is shipped released"
    said = site.tool("moratorium", "withdraw", "police-use", "--yes")
    assert "masked" in said, said
    assert site.files()["police-use.release"] == "/dev/null"
    assert (site.weak / "police-use.release").exists() and site.reason(mg.POLICE_UID) == "moratorium"
    site.tool("moratorium", "release", "police-use", "--reason", "again", "--yes")
    assert site.reason(mg.POLICE_UID) == "permit" and "Reason=again" in site.files()["police-use.release"]
    site.tool("moratorium", "withdraw", "police-use", "--yes")
    assert site.reason(mg.POLICE_UID) == "moratorium"


def without_the_service_the_file_stays(site):
    site.service.stop()
    for sock in site.service.listeners:
        sock.close()
    site.service.listeners.clear()
    site.service.path(mg.ADMIN).unlink()
    before = site.files()
    said = site.tool("stand-down", "on", "--reason", "r", "--yes", status=3)
    assert "--policy-dir" in said and site.files() == before, f"which folders are meant is not guessed: {said}"
    said = site.tool("stand-down", "on", "--reason", "r", "--yes", "--policy-dir", site.policy, status=3)
    assert "when the service starts" in said, said
    site.service.start(**site.start)
    assert site.reason(mg.NGO_UID) == "stood-down"


def an_image_is_changed_without_the_service(site):
    image = mg.write_policy(site.service.dir / "image.d", POLICY)
    before = site.files()
    site.tool("stand-down", "on", "--reason", "r", "--yes", "--policy-dir", image, status=2)
    site.tool("stand-down", "on", "--reason", "r", "--yes", "--policy-dir", image, "--no-reload")
    assert (image / "operator.stand-down").exists() and site.files() == before
    site.tool("stand-down", "on", "--reason", "r", "--yes", "--policy-dir", site.policy, "--no-reload")
    assert site.reason(mg.NGO_UID) == "permit"
    site.tool("reload")
    assert site.reason(mg.NGO_UID) == "stood-down"


def a_run_tells_its_own_folders(site):
    """Started on a relative folder, and asked from elsewhere."""
    folder = site.service.dir / "elsewhere"
    mg.write_policy(folder / "mine.d", POLICY)
    tool = str(site.build / "tools/matchguard")
    run = subprocess.Popen([tool, "run", "--dir", "d", "--policy-dir", "mine.d"], cwd=folder, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
    try:
        assert run.stdout.readline() == "ready\n"
        done = subprocess.run([tool, "stand-down", "on", "--reason", "r", "--yes", "--json", "--dir", str(folder / "d")],
                              capture_output=True, text=True, timeout=mg.PATIENCE, check=False)
        assert done.returncode == 0, done
        assert json.loads(done.stdout)["files"][0]["path"] == str(folder / "mine.d/operator.stand-down"), done
    finally:
        run.terminate()
        run.wait(mg.PATIENCE)
        run.stdout.close()


# -------------------------------------------------------------------------------------------- reload and its trial

def a_dry_run_shows_what_a_reload_would_change(site):
    running = site.status()["policy"]
    assert "is the one that runs" in site.tool("reload", "--dry-run")
    (site.policy / "police-use.moratorium").unlink()
    said = site.tool("reload", "--dry-run")
    assert "+ city-police may now identify" in said, said
    shown = site.json("reload", "--dry-run")
    assert shown["running"] == running != shown["onDisk"] and shown["wider"] and shown["changes"], shown
    assert site.status()["policy"] == running and site.reason(mg.POLICE_UID) == "moratorium", "nothing was loaded"
    said = site.tool("stand-down", "on", "--reason", "r", "--yes")
    assert "comes into force with this" in said, said
    said = site.tool("reload")
    assert "in force before" in said, said
    (site.policy / "operator.stand-down").unlink()
    status, said = site.at_terminal("reload").end()
    assert status == 0 and "more than before, 0 less." in said, said
    assert site.status()["policy"] == shown["onDisk"]


def a_dry_run_says_the_faults(site):
    (site.policy / "broken.class").write_text("[Class]\nColour=red\n")
    said = site.tool("reload", "--dry-run", status=1)
    assert "broken.class:2:1" in said, said


def a_dry_run_looks_at_other_folders_too(site):
    other = mg.write_policy(site.service.dir / "other.d", mg.POLICY)
    os.chown(other / "police.class", mg.NGO_UID, mg.NGO_UID)  # as where somebody prepares a policy
    said = site.tool("reload", "--dry-run", "--policy-dir", other)
    assert "is the one that runs" not in said, said
    site.tool("reload", "--policy-dir", other, status=2)


def an_archive_that_was_changed_is_not_believed(site):
    archived = site.service.state / "export/policy" / site.status()["policy"] / "police.class"
    archived.chmod(0o644)
    archived.write_text("[Class]\nDescription=Nothing\n")
    said = site.tool("reload", "--dry-run", status=1)
    assert "archive has been changed" in said, said


def a_stale_release_is_taken_away_by_withdrawing(site):
    site.tool("moratorium", "release", "police-use", "--reason", "r", "--yes")
    with open(site.policy / "police-use.moratorium", "a") as moratorium:
        moratorium.write("# Another text.\n")
    said = site.tool("reload", "--dry-run", status=1)
    assert "police-use.release:5:8" in said, said
    said = site.tool("stand-down", "on", "--reason", "r", "--yes", status=1)
    assert "systemctl stop" in said, said
    site.tool("moratorium", "withdraw", "police-use", "--yes")
    assert site.reason(mg.POLICE_UID) == "moratorium" and site.reason(mg.NGO_UID) == "permit"


def moratoria_are_listed_with_what_they_come_to(site):
    (site.policy / "one-year.moratorium").write_text(HOLD + "Except=rescue\nPurpose=missing-child-reunion\n")
    said = site.tool("moratorium", "list")
    assert "runs another one" in said, said
    site.tool("reload")
    said = " ".join(site.tool("moratorium", "list").split())
    for words in ("one-year: in force", "description One year", "covers law-enforcement", "purpose missing-child-reunion",
                  "excepted rescue", "review by 2021-01-01, which has passed", "released no",
                  "held beyond 2021-06-10 until somebody releases it", "excepted nobody", "one-year.moratorium"):
        assert words in said, (words, said)
    listed = site.json("moratorium", "list")
    assert listed["policy"] == listed["running"] == site.status()["policy"]
    assert [m["name"] for m in listed["moratoria"]] == ["one-year", "police-use"]
    assert listed["moratoria"][0]["except"] == ["rescue"] and listed["moratoria"][0]["reviewBy"] == "2021-01-01", listed
    done = site.tool("moratorium", "list", "--policy-dir", site.policy, uid=mg.NGO_UID)
    assert "police-use: in force" in done, "anybody who can read the files may list them"


def shipped_release():
    """The release of the test policy's moratorium, for a weaker folder."""
    text = POLICY["police-use.moratorium"].encode()
    digest = hashlib.sha256(b"police-use.moratorium\0%d\0%s" % (len(text), text)).hexdigest()
    return {"police-use.release": f"[Release]\nMoratorium=police-use\nDigest={digest}\nReason=shipped\n"}


TESTS = {
    release: {}, a_release_until_further_notice_needs_no_clock: {}, kill_switch: {},
    a_stand_down_of_a_part_leaves_the_rest: {}, of_several_stand_downs_it_is_asked_which: {},
    whoever_is_in_a_hurry_is_told_afterwards: {},
    one_that_is_on_is_not_written_over: {}, without_a_yes_nothing_is_written: {},
    the_change_is_shown_before_the_question: {}, a_reload_that_is_refused_puts_everything_back: {},
    a_release_that_breaks_an_invariant_is_not_written: {"policy": {"never-police.invariant": INVARIANT}},
    what_cannot_be_released_says_why: {}, a_file_that_releases_another_is_not_written_over: {},
    bad_values_are_said_and_not_written: {}, only_the_owner_changes_policy: {},
    a_release_of_a_weaker_folder_is_masked: {"weak": shipped_release()}, without_the_service_the_file_stays: {},
    an_image_is_changed_without_the_service: {}, a_run_tells_its_own_folders: {},
    a_dry_run_shows_what_a_reload_would_change: {}, a_dry_run_says_the_faults: {}, a_dry_run_looks_at_other_folders_too: {},
    an_archive_that_was_changed_is_not_believed: {}, a_stale_release_is_taken_away_by_withdrawing: {},
    moratoria_are_listed_with_what_they_come_to: {},
}


def main():
    passed = failed = 0
    for test, more in TESTS.items():
        if sys.argv[2:] and test.__name__ not in sys.argv[2:]:
            continue
        site = Site(sys.argv[1], **more)
        try:
            test(site)
            passed += 1
        except (AssertionError, OSError, ValueError, KeyError, TimeoutError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"FAILED {test.__name__}: {error}", flush=True)
        finally:
            site.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
