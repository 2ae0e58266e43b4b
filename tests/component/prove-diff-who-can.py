#!/usr/bin/env python3
"""prove, who-can and diff as somebody at a terminal sees them: what they print, how they end, and that `policy decide`
says the same of each example.

Usage: prove-diff-who-can.py TOOL
"""
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

ALLOW = ("[Allow]\nDescription=Lost children\nClass=ngo\nOperation=identify list\nPurpose=rescue\nGallery=children\n"
         "Sought=missing\nMinimumSimilarity=0.6\n")
COMPARE = ("[Allow]\nDescription=Two pictures\nOrganisation=thorn\nOperation=compare\nPurpose=any\nGallery=any\n"
           "Sought=any\nMinimumSimilarity=-0.25\nRequire=case\nRate=9/h\nRelease=scores\nOnBehalfOf=thorn\n")
OLD = {
    "ngo.class": "[Class]\nDescription=c\n",
    "police.class": "[Class]\nDescription=c\n",
    "rescue.purpose": "[Purpose]\nDescription=p\n",
    "trial.purpose": "[Purpose]\nDescription=p\n",
    "children.gallery": "[Gallery]\nDescription=g\nModel=m\nDimension=16\n",
    "thorn.organisation": "[Organisation]\nDescription=o\nClass=ngo\n[Peer]\nUser=7\n",
    "yard.organisation": "[Organisation]\nDescription=o\nClass=police\n[Peer]\nUser=8\nUnit=yard.service\n",
    "compare.allow": COMPARE,
    "find.allow": ALLOW,
    "no-police.invariant": "[Invariant]\nDescription=Nothing for the police\nNever=permit\nParty=police\n",
    "no-trial.invariant": "[Invariant]\nDescription=Nobody is searched for a trial\nNever=permit\nPurpose=trial\n"
                          "Operation=identify identify-stored verify\n",
}
# The police may see what is found, once a moratorium has lapsed.
BROKEN = {**OLD, "find.allow": ALLOW + "Recipient=yard\n",
          "pause.moratorium": "[Moratorium]\nDescription=m\nClass=police\nUntil=2020-07-01T12:00:00.000001Z\n"
                              "OnExpiry=lapse\n"}
NEW = {**OLD, "find.allow": ALLOW + "Require=operator\nMaximumCandidates=3\nFrom=2020-02-01\n",
       "compare.allow": COMPARE.replace("9/h", "12/d") + "Recipient=ngo\n"}


EXAMPLE = ('{"uid":7,"groups":[],"operation":"identify","gallery":"children","purpose":"rescue","sought":"missing",'
           '"on_behalf_of":[],"recipients":["yard"],"probe":"photograph","time":"2020-07-01T12:00:00.000001Z",'
           '"clock":"synchronised"}')
HOLDS = """\
holds  no-police
  never         Nothing for the police
  stands in     old/no-police.invariant:1
holds  no-trial
  never         Nobody is searched for a trial
  stands in     old/no-trial.invariant:1
All hold: no request whatever is permitted and forbidden by one of them.
"""
BREAKS = f"""\
BROKEN no-police
  never         Nothing for the police
  stands in     broken/no-police.invariant:1
  permitted by  find at broken/find.allow:1
  for example, as matchguard policy decide --unproved permits it:
{EXAMPLE}
holds  no-trial
  never         Nobody is searched for a trial
  stands in     broken/no-trial.invariant:1
1 of 2 is broken: the service does not load this policy.
"""
ROWS_HEAD = "Permitted at 2020-07-01 with a synchronised clock,\neach name alone or with others:\n\n"
COMPARES = """\
compare (old/compare.allow:1)
  who           thorn
  may           compare
  for           rescue, trial
  in            no gallery: two templates are compared
  seeking       any
  by            photograph, video-frame
  on behalf of  thorn
  seen by       nobody else
  stating       case
  gives         scores, at most 10, from a similarity of -0.25 on; 9/h an
                organisation
"""
FINDS = """\
find (old/find.allow:1)
  who           thorn
  may           identify, list
  for           rescue
  in            children
  seeking       missing
  by            photograph, video-frame
  on behalf of  nobody else
  seen by       nobody else
  gives         candidates, at most 10, from a similarity of 0.6 on
"""
WIDE = """\
find (wide/find.allow:1)
  who           organisation-with-a-long-name-00,
                organisation-with-a-long-name-01,
                organisation-with-a-long-name-02,
                organisation-with-a-long-name-03,
                organisation-with-a-long-name-04,
                organisation-with-a-long-name-05,
                organisation-with-a-long-name-06,
                organisation-with-a-long-name-07,
                organisation-with-a-long-name-08, thorn
  may           list
  for           rescue
  in            children
  on behalf of  nobody else
  seen by       nobody else
  gives         candidates, at most 10
"""
CHANGES = """\
+ thorn may now compare for any purpose, by photograph, video-frame, stating case, seen by ngo; by allow compare, \
was denied: not-allowed
- thorn may no longer identify for rescue in any gallery, seeking missing, by photograph, video-frame, not stating \
operator, from 2020-02-01; by allow find, now denied: missing-requirement
- thorn may no longer list for rescue in any gallery, not stating operator, from 2020-02-01; by allow find, now \
denied: missing-requirement
- thorn may no longer identify for rescue in any gallery, seeking missing, by photograph, video-frame, from \
2020-02-01, while the clock is not synchronised; by allow find, now denied: not-allowed
- thorn may no longer list for rescue in any gallery, from 2020-02-01, while the clock is not synchronised; by allow \
find, now denied: not-allowed
- thorn gets less from identify for rescue in any gallery, seeking missing, by photograph, video-frame, stating \
operator, from 2020-02-01; at most 3, was 10; by allow find
- thorn gets less from list for rescue in any gallery, stating operator, from 2020-02-01; at most 3, was 10; by allow \
find
~ thorn gets something else from compare for any purpose, by photograph, video-frame, stating case; 12/d, was 9/h; by \
allow compare
For times that have passed, and so for no request to come:
- thorn may no longer identify for rescue in any gallery, seeking missing, by photograph, video-frame, until \
2020-02-01; by allow find, now denied: not-allowed
- thorn may no longer list for rescue in any gallery, until 2020-02-01; by allow find, now denied: not-allowed
"""


def wide_policy():
    """Names enough for rows of several lines."""
    names = {f"organisation-with-a-long-name-{i:02}": i for i in range(9)}
    return {**OLD, **{f"{name}.organisation": f"[Organisation]\nDescription=o\nClass=ngo\n[Peer]\nUser={100 + i}\n"
                      for name, i in names.items()}}


class Check:
    def __init__(self, tool, folder):
        self.tool, self.folder = tool, folder
        self.passed = self.failed = 0
        for name, files in (("old", OLD), ("new", NEW), ("broken", BROKEN), ("wide", wide_policy()),
                            ("none", {name: text for name, text in OLD.items() if "invariant" not in name}),
                            ("bad", {**OLD, "find.allow": "[Allow]\n"})):
            (folder / name).mkdir()
            for path, text in files.items():
                (folder / name / path).write_text(text)

    def run(self, *arguments, stdin=None):
        return subprocess.run([self.tool, "policy", *arguments], capture_output=True, text=True, cwd=self.folder,
                              input=stdin, check=False)

    def expect(self, what, found, wanted):
        if found == wanted:
            self.passed += 1
            return
        self.failed += 1
        print(f"{what}:\n  found  {found!r}\n  wanted {wanted!r}")

    def expect_said(self, what, arguments, status, out, err=""):
        """The whole of stdout, and what stderr begins with."""
        found = self.run(*arguments)
        self.expect(what, (found.returncode, found.stdout), (status, out))
        self.expect(f"{what}, on stderr", found.stderr[:len(err)] if err else found.stderr, err)

    def decide(self, policy, example):
        """A policy's decision upon an example, which is a line of text or an object."""
        line = example if isinstance(example, str) else json.dumps(example)
        return json.loads(self.run("decide", f"--policy-dir={policy}", "--unproved", "--facts", "-",
                                   stdin=line + "\n").stdout)

    def expect_usage(self, what, arguments, err):
        self.expect_said(what, arguments, 2, "", f"matchguard policy {arguments[0]}: {err}\nUsage: ")

    def expect_narrow(self, what, text):
        long = [line for line in text.splitlines() if len(line) > 80 and not line.startswith("{")]
        self.expect(f"{what} is at most 80 columns wide", long, [])

    def check_prove(self):
        self.expect_said("all hold", ["prove", "--policy-dir=old"], 0, HOLDS)
        self.expect_said("one is broken", ["prove", "--policy-dir=broken"], 1, BREAKS)
        self.expect_said("there is none", ["prove", "--policy-dir=none"], 0,
                         "The policy has no invariant, so that there is nothing to prove.\n")
        self.expect_said("a policy with a fault", ["prove", "--policy-dir=bad"], 1, "", "bad/find.allow:1:1: ")
        self.expect_said("no policy", ["prove", "--policy-dir=nowhere"], 1, "",
                         "matchguard: --policy-dir nowhere: No such file or directory\n")
        self.expect_usage("an argument", ["prove", "broken"], "it takes no argument 'broken'")
        self.expect_narrow("prove", self.run("prove", "--policy-dir=broken").stdout)

    def check_prove_json(self):
        found = self.run("prove", "--policy-dir=broken", "--json")
        proof = json.loads(found.stdout)
        self.expect("prove --json", (found.returncode, list(proof)), (1, ["policy", "invariants"]))
        broken, holding = proof["invariants"]
        self.expect("what holds", holding, {
            "invariant": "no-trial", "description": "Nobody is searched for a trial",
            "file": "broken/no-trial.invariant", "line": 1, "holds": True})
        example = broken.pop("example")
        self.expect("what is broken", broken, {
            "invariant": "no-police", "description": "Nothing for the police", "file": "broken/no-police.invariant",
            "line": 1, "holds": False, "allow": "find", "confirmed": True})
        self.expect("its example", example, json.loads(EXAMPLE))
        # The example as it is printed: permitted under that allow, and a microsecond before it is not.
        decision = self.decide("broken", EXAMPLE)
        self.expect("decide permits it", (decision["verdict"], decision["allow"]), ("permit", "find"))
        self.expect("by the same policy", decision["policy"], proof["policy"])
        before = self.decide("broken", {**example, "time": "2020-07-01T12:00:00Z"})
        self.expect("not before", before["moratoria"], ["pause"])
        self.expect("what holds does so", self.run("prove", "--policy-dir=old", "--json").returncode, 0)

    def check_who_can(self):
        at = ["--at", "2020-07-01"]
        self.expect_said("who can", ["who-can", "--policy-dir=old", *at], 0, ROWS_HEAD + COMPARES + "\n" + FINDS)
        self.expect_said("who can list", ["who-can", "--policy-dir=wide", "--operation=list", *at], 0, ROWS_HEAD + WIDE)
        self.expect_said("who can look for suspects", ["who-can", "--policy-dir=old", "--sought=suspect", *at], 0,
                         ROWS_HEAD + COMPARES.replace("seeking       any", "seeking       suspect"))
        self.expect_said("nobody", ["who-can", "--policy-dir=old", "--organisation=yard", *at], 0,
                         ROWS_HEAD[:-1] + "nothing of the kind\n")
        self.expect("at an instant", [self.run("who-can", "--policy-dir=new", "--operation=list", "--json", "--at",
                                               at).stdout.count('"allow"')
                                      for at in ("2020-01-31T23:59:59.999999Z", "2020-02-01")], [0, 1])
        self.expect("now", self.run("who-can", "--policy-dir=old").stdout.split("\n", 2)[2],
                    "\n" + COMPARES + "\n" + FINDS)
        for policy in ("old", "wide"):
            self.expect_narrow("who-can", self.run("who-can", f"--policy-dir={policy}", *at).stdout)

    def check_who_can_json(self):
        found = json.loads(self.run("who-can", "--policy-dir=old", "--json", "--at=2020-07-01").stdout)
        self.expect("who-can --json", found["at"], "2020-07-01")
        compares, finds = found["permitted"]
        roles = ["victim", "missing", "deceased", "incapacitated", "witness", "suspect", "claimant", "unknown"]
        self.expect("who compares", compares, {
            "allow": "compare", "file": "old/compare.allow", "line": 1, "organisations": ["thorn"],
            "operations": ["compare"], "purposes": ["rescue", "trial"], "galleries": [], "sought": roles,
            "probe": ["photograph", "video-frame"], "onBehalfOf": ["thorn"], "recipients": [], "require": ["case"],
            "release": "scores", "maximumCandidates": 10, "minimumSimilarity": -0.25, "rate": "9/h"})
        self.expect("who finds", finds, {
            "allow": "find", "file": "old/find.allow", "line": 1, "organisations": ["thorn"],
            "operations": ["identify", "list"], "purposes": ["rescue"], "galleries": ["children"],
            "sought": ["missing"], "probe": ["photograph", "video-frame"], "onBehalfOf": [], "recipients": [],
            "require": [], "release": "candidates", "maximumCandidates": 10, "minimumSimilarity": 0.6})
        lists = json.loads(self.run("who-can", "--policy-dir=old", "--json", "--operation=list").stdout)["permitted"]
        self.expect("a list is of nobody sought", [key for row in lists for key in row if key in
                                                   ("sought", "probe", "minimumSimilarity")], [])
        nothing = self.run("who-can", "--policy-dir=old", "--json", "--sought=suspect", "--operation=list")
        self.expect("nothing is an empty list", json.loads(nothing.stdout)["permitted"], [])
        for row in (compares, finds):
            self.check_row(row)

    def check_row(self, row):
        """Every combination of a row is permitted under its allow."""
        for operation, purpose, gallery, sought, probe, recipient in itertools.product(
                row["operations"], row["purposes"], row["galleries"] or [None], row["sought"], row["probe"],
                [[], ["thorn"]]):
            facts = {"uid": 7, "operation": operation, "purpose": purpose, "sought": sought, "probe": probe,
                     "on_behalf_of": row["onBehalfOf"], "recipients": recipient, "time": "2020-07-01",
                     "clock": "synchronised"}
            facts |= {"gallery": gallery} if gallery else {}
            facts |= {key: "1" for key in row["require"]}
            decision = self.decide("old", facts)
            self.expect(f"{operation} for {purpose} of {sought}", (decision["verdict"], decision.get("allow")),
                        ("permit", row["allow"]))

    def check_who_can_faults(self):
        for option, name, text in (
                ("organisation", "police", "organisation; expected one that 'matchguard policy show' lists"),
                ("purpose", "any", "purpose; expected one that 'matchguard policy show' lists"),
                ("gallery", "g", "gallery; expected one that 'matchguard policy show' lists"),
                ("operation", "search", "operation; expected identify, identify-stored, verify, compare, enrol, remove, "
                                        "list"),
                ("sought", "child", "role; expected victim, missing, deceased, incapacitated, witness, suspect, "
                                    "claimant, unknown"),
                ("probe", "photo", "kind of probe; expected photograph, video-frame, sketch, composite, edited, "
                                   "synthetic, unknown"),
                ("on-behalf-of", "x", "organisation or class; expected one that 'matchguard policy show' lists"),
                ("recipient", "x", "organisation or class; expected one that 'matchguard policy show' lists")):
            self.expect_said(f"an unknown {option}", ["who-can", "--policy-dir=old", f"--{option}={name}"], 1, "",
                             f"matchguard: --{option} {name}: there is no such {text}\n")
        for time in ("2020-13-01", "1969-12-31", "now", ""):
            self.expect_usage(f"--at {time}", ["who-can", "--policy-dir=old", "--at", time],
                              f"--at wants YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ from 1970 on, not '{time}'")
        self.expect_usage("an argument", ["who-can", "thorn"], "it takes no argument 'thorn'")
        self.expect_said("a policy that does not load", ["who-can", "--policy-dir=broken"], 1, "",
                         "broken/no-police.invariant:1:1: invariant 'no-police' does not hold: ")

    def check_diff(self):
        self.expect_said("nothing changes", ["diff", "old", "old"], 0, "No request is answered otherwise.\n")
        found = self.run("diff", "old", "new")
        lines = [line for line in found.stdout.splitlines() if not line.startswith("    {")]
        self.expect("what changes", (found.returncode, lines), (0, CHANGES.splitlines()))
        for arguments in ([], ["old"], ["old", "new", "old"]):
            self.expect_usage(f"{len(arguments)} folders", ["diff", *arguments], "it takes two folders, OLD and NEW")
        self.expect_said("no folder", ["diff", "old", "nowhere"], 1, "",
                         "matchguard: --policy-dir nowhere: No such file or directory\n")
        self.expect_said("a fault", ["diff", "bad", "old"], 1, "", "bad/find.allow:1:1: ")
        self.expect_said("a broken invariant", ["diff", "old", "broken"], 1, "",
                         "broken/no-police.invariant:1:1: invariant 'no-police' does not hold: ")
        nothing = self.run("diff", "old", "old", "--json")
        self.expect("nothing, as JSON", json.loads(nothing.stdout), {"wider": False, "changes": []})

    def check_examples(self):
        """Each example is decided otherwise by the two, or its rate is used up otherwise."""
        for old, new, wider in (("old", "new", True), ("new", "old", True), ("old", "broken", True),
                                ("broken", "old", False), ("wide", "old", False), ("old", "wide", True)):
            found = json.loads(self.run("diff", old, new, "--unproved", "--json").stdout)
            text = self.run("diff", old, new, "--unproved").stdout
            self.expect(f"{old} to {new} is wider", found["wider"], wider)
            self.expect(f"{old} to {new} changes something", len(found["changes"]) > 1, True)
            for change in found["changes"]:
                self.expect("a change", (sorted(set(change) - {"until"}), change["confirmed"]),
                            (["confirmed", "example", "kind", "text"], True))
                self.expect("is in the text", change["text"] in text, True)
                self.check_change(old, new, change)

    def check_change(self, old, new, change):
        verdicts = {"permitted": ("deny", "permit"), "denied": ("permit", "deny")}
        example, label = change["example"], change["text"]
        before, after = self.decide(old, example), self.decide(new, example)
        self.expect(f"verdicts: {label}", (before["verdict"], after["verdict"]),
                    verdicts.get(change["kind"], ("permit", "permit")))
        if change["kind"] not in verdicts and before["limits"] == after["limits"]:
            used = [{**example, "used": {before["allow"]: n, after["allow"]: n}} for n in range(15)]
            self.expect(f"rates: {label}", any(self.decide(old, facts)["verdict"] != self.decide(new, facts)["verdict"]
                                               for facts in used), True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        check = Check(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(folder))
        check.check_prove()
        check.check_prove_json()
        check.check_who_can()
        check.check_who_can_json()
        check.check_who_can_faults()
        check.check_diff()
        check.check_examples()
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed or not check.passed else 0


if __name__ == "__main__":
    sys.exit(main())
