#!/usr/bin/env python3
"""The audit commands on the trail of a real service: what an auditor sees of it, and what changes are found.

Usage: audit.py --build FOLDER    (root: it plays several users)
"""
import argparse
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import run as running
from run import MODEL, WHY, service

import killer

RESCUE = ["--gallery", "faces", *WHY, *MODEL, "probe.f32"]


class Trail:
    """A service that has enrolled, found, refused, and been asked for somebody else; stopped, its export kept."""

    def __init__(self, build):
        self.run = running.Run(build)
        self.tool = self.run.tool
        self.dir = self.run.dir
        self.service = self.dir / "d"
        self.export = self.service / "state/export"
        self.vkey = (self.dir / "kept.vkey")
        self.run.start()
        self.run.wait_until_served()
        assert running.enrol_some(self.run).returncode == 0
        (self.dir / "probe.f32").write_bytes(struct.pack("<16f", *service.unit(2)))
        self.permit = self.identify(service.NGO_UID)["receipt"]
        self.early = self.keep("early")
        self.denial = self.identify(service.POLICE_UID, status=1)["parameters"]["receipt"]
        self.proxy = self.identify(service.NGO_UID, "--recipient", "police", status=1)["parameters"]["receipt"]
        self.receipt = self.dir / "receipt.json"
        self.receipt.write_text(self.asked("receipt", "--dir", self.service, self.permit["request"],
                                           uid=service.NGO_UID, status=0))
        shutil.copy(self.service / "state/public/log.vkey", self.vkey)

    def identify(self, uid, *more, status=0):
        done = self.run.call("identify", "--json", *more, *RESCUE, uid=uid)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def keep(self, name):
        """A copy of the export, once it holds the last request."""
        assert killer.wait_until(lambda: self.permit["request"] in self.asked("search", "--dir", self.service, "--json"))
        # What is about to be put in its place is none of it.
        return pathlib.Path(shutil.copytree(self.export, self.dir / name, ignore=shutil.ignore_patterns(".tmp")))

    def asked(self, command, *arguments, uid=0, status=None, columns=200):
        """What an audit command prints; its exit status is checked where one is given."""
        who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
        done = subprocess.run([*who, self.tool, "audit", command, *map(str, arguments)], text=True,
                              capture_output=True, timeout=service.PATIENCE, env={**os.environ, "COLUMNS": str(columns)})
        assert status is None or done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout + (done.stderr if done.returncode else "")

    def records(self, *filters):
        lines = self.asked("search", "--export", self.export, "--json", *filters, status=0).splitlines()
        return [json.loads(line) for line in lines]

    def close(self):
        self.run.close()


# ------------------------------------------------------------------------------------ while the service runs

def a_receipt_is_given_to_whoever_asked(trail):
    kept = json.loads(trail.receipt.read_text())
    assert set(kept) == {"decision", "decisionProof", "outcome", "outcomeProof"}, kept
    assert json.loads(kept["decision"])["request"] == trail.permit["request"]
    assert kept["decisionProof"].startswith("c2sp.org/tlog-proof@v1\n")


def a_receipt_is_not_given_to_somebody_else(trail):
    said = trail.asked("receipt", "--dir", trail.service, trail.permit["request"], uid=service.POLICE_UID, status=1)
    assert "no such request" in said, said


def an_auditor_gets_anybodys_receipt_and_has_it_checked(trail):
    kept = trail.dir / "auditors.json"
    said = trail.asked("receipt", "--audit", "--dir", trail.service, "--output", kept, "--vkey", trail.vkey,
                       trail.denial["request"], status=0)
    assert "deny" in said and "outcome" not in json.loads(kept.read_text()), said
    assert kept.stat().st_mode & 0o777 == 0o600


def a_live_export_verifies(trail):
    said = trail.asked("verify", "--dir", trail.service, "--vkey", trail.vkey, status=0)
    assert said.startswith("No fault was found.\n"), said


# ------------------------------------------------------------------------------------ after it was stopped

def the_whole_trail_verifies(trail):
    found = json.loads(trail.asked("verify", "--export", trail.export, "--vkey", trail.vkey, "--json", status=0))
    assert found["verified"] and not found["ownKey"] and found["faultCount"] == 0, found
    assert (found["permits"], found["denials"], found["outcomes"], found["open"]) == (2, 2, 2, 0), found
    assert found["starts"] == 1 and found["policiesLoaded"] == 1, found


def it_has_grown_from_what_was_kept(trail):
    proof = trail.dir / "proof"
    proof.write_text(json.loads(trail.receipt.read_text())["outcomeProof"])
    trail.asked("verify", "--export", trail.export, "--since", trail.early / "checkpoint", "--since", trail.receipt,
                "--since", proof, status=0)


def an_export_put_back_is_told_by_a_later_checkpoint(trail):
    said = trail.asked("verify", "--export", trail.early, "--since", trail.export / "checkpoint", status=1)
    assert "the log has shrunk" in said, said


def another_key_is_not_believed(trail):
    text = trail.vkey.read_text()
    other = text[:-5] + ("A" if text[-5] != "A" else "B") + text[-4:]
    said = trail.asked("verify", "--export", trail.export, "--vkey", other.strip(), status=1)
    assert "No fault" not in said, said


def a_flipped_bit_is_found_in_a_copy(trail):
    entries = next((trail.export / "tile/entries").rglob("*/[0-9]*"))
    for at in range(40, entries.stat().st_size, 97):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(shutil.copytree(trail.export, pathlib.Path(folder) / "export"))
            newest = max((copy / "tile/entries").rglob("*/[0-9]*"), key=lambda path: path.stat().st_size)
            data = bytearray(newest.read_bytes())
            data[at] ^= 1
            newest.write_bytes(data)
            said = trail.asked("verify", "--export", copy, status=1)
            assert said.startswith("It does not verify."), said
            said = trail.asked("search", "--export", copy, status=1)
            assert "was signed" in said or "does not verify" in said, said


def a_search_joins_permits_with_what_came_of_them(trail):
    rows = trail.records("--verdict", "permit", "--operation", "identify")
    assert [row["leaf"]["request"] for row in rows] == [trail.permit["request"]]
    assert rows[0]["outcome"]["of"] == rows[0]["leaf"]["index"] == trail.permit["decisionIndex"]
    assert rows[0]["outcome"]["index"] == trail.permit["outcomeIndex"]


def a_search_finds_by_each_filter(trail):
    denied = [trail.denial["request"], trail.proxy["request"]]
    for filters, wanted in [(["--verdict", "deny"], denied), (["--reason", "moratorium"], denied),
                            (["--organisation", "city-police"], denied[:1]), (["--uid", service.POLICE_UID], denied[:1]),
                            (["--request", denied[1]], denied[1:]), (["--verdict", "deny", "--limit", "1"], denied[1:]),
                            (["--gallery", "nowhere"], []), (["--until", "2020-01-01"], []),
                            (["--since", "2020-01-01", "--verdict", "deny"], denied)]:
        assert [row["leaf"]["request"] for row in trail.records(*filters)] == wanted, filters


def a_table_shows_who_asked_for_whom_and_why_not(trail):
    said = trail.asked("search", "--export", trail.export, "--verdict", "deny", status=0)
    assert "shown to police" in said and "moratorium police-use" in said and "city-police" in said, said


def a_table_fits_the_terminal_and_loses_nothing(trail):
    wide = trail.asked("search", "--export", trail.export, columns=1000, status=0)
    for columns in (80, 100, 133):
        said = trail.asked("search", "--export", trail.export, columns=columns, status=0)
        assert max(map(len, said.splitlines())) <= columns, said
        assert sorted("".join(said.split())) == sorted("".join(wide.split())), said


def a_word_that_no_record_can_hold_is_no_question(trail):
    for filters in (["--kind", "requests"], ["--reason", "moratoria"], ["--operation", "search"], ["--verdict", "denied"],
                    ["--request", "1"]):
        said = trail.asked("search", "--export", trail.export, *filters, status=2)
        assert filters[0] in said and filters[1] in said, said


def a_record_is_shown_by_index_outcome_and_request_alike(trail):
    whole = trail.asked("show", "--export", trail.export, trail.permit["request"], status=0)
    assert "permit, under the allow rescue" in whole and "child-2" not in whole, whole
    for place in (trail.permit["decisionIndex"], trail.permit["outcomeIndex"]):
        assert trail.asked("show", "--export", trail.export, place, status=0) == whole
    trail.asked("show", "--export", trail.export, "99999", status=1)
    trail.asked("show", "--export", trail.export, "f" * 32, status=1)


def a_kept_receipt_is_checked_without_the_service(trail):
    said = trail.asked("receipt", "--check", trail.receipt, "--vkey", trail.vkey, status=0)
    assert "permit" in said and "outcome" in said, said


def a_receipt_that_was_changed_does_not_hold(trail):
    kept = json.loads(trail.receipt.read_text())
    other = trail.dir / "other.json"
    for member, old, new in [("decision", "permit", "denied"), ("outcome", '"ok"', '"no"'), ("decisionProof", "index ", "index 1"),
                             ("outcomeProof", "\n\n", "\n")]:
        other.write_text(json.dumps({**kept, member: kept[member].replace(old, new, 1)}))
        trail.asked("receipt", "--check", other, "--vkey", trail.vkey, status=1)
    other.write_text(json.dumps({**kept, "outcome": kept["decision"], "outcomeProof": kept["decisionProof"]}))
    trail.asked("receipt", "--check", other, "--vkey", trail.vkey, status=1)


def a_receipt_without_its_key_is_no_question(trail):
    trail.asked("receipt", "--check", trail.receipt, status=2)
    trail.asked("receipt", status=2)


def without_the_service_no_receipt_is_to_be_had(trail):
    trail.asked("receipt", "--dir", trail.service, trail.permit["request"], status=3)


RUNNING = [a_receipt_is_given_to_whoever_asked, a_receipt_is_not_given_to_somebody_else,
           an_auditor_gets_anybodys_receipt_and_has_it_checked, a_live_export_verifies]
STOPPED = [the_whole_trail_verifies, it_has_grown_from_what_was_kept, an_export_put_back_is_told_by_a_later_checkpoint,
           another_key_is_not_believed, a_flipped_bit_is_found_in_a_copy, a_search_joins_permits_with_what_came_of_them,
           a_search_finds_by_each_filter, a_table_shows_who_asked_for_whom_and_why_not,
           a_table_fits_the_terminal_and_loses_nothing, a_word_that_no_record_can_hold_is_no_question,
           a_record_is_shown_by_index_outcome_and_request_alike, a_kept_receipt_is_checked_without_the_service,
           a_receipt_that_was_changed_does_not_hold, a_receipt_without_its_key_is_no_question,
           without_the_service_no_receipt_is_to_be_had]


def try_all(tests, trail):
    """How many of them failed."""
    failed = 0
    for test in tests:
        try:
            test(trail)
        except Exception as error:  # whatever it is, the others are still to be run
            failed += 1
            print(f"{test.__name__}: {type(error).__name__}: {error}")
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    trail = Trail(parser.parse_args().build)
    try:
        failed = try_all(RUNNING, trail)
        assert trail.run.stop() == 0, trail.run.said()
        failed += try_all(STOPPED, trail)
    finally:
        trail.close()
    print(f"{len(RUNNING) + len(STOPPED) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
