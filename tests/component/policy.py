#!/usr/bin/env python3
"""The policy commands as somebody at a terminal sees them: two layers, what they print, and how they end.

Usage: policy.py TOOL
"""
import json
import pathlib
import subprocess
import sys
import tempfile

FACTS = {"uid": 7, "operation": "enrol", "gallery": "g", "purpose": "p", "on_behalf_of": [], "recipients": [],
         "probe": "photograph", "time": "2020-07-01", "clock": "synchronised"}

WEAK = {
    "c.class": "[Class]\nDescription=c\n",
    "g.gallery": "[Gallery]\nDescription=g\nModel=m\nDimension=16\n",
    "p.purpose": "[Purpose]\nDescription=p\n",
    "o.organisation": "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=7\n",
    "a.allow": "[Allow]\nDescription=weak\nClass=c\nOperation=enrol\nPurpose=p\nGallery=g\n",
    "gone.class": "[Class]\nDescription=gone\n",
}
STRONG = {
    "a.allow": "[Allow]\nDescription=strong\nClass=c\nOperation=enrol\nPurpose=p\nGallery=g\nRelease=scores\n",
    "a.allow.d/x.conf": "# a comment without an end",
}


def row(name, expect, **facts):
    return json.dumps({"name": name, "facts": {**FACTS, **facts}, "expect": expect}) + "\n"


class Check:
    def __init__(self, tool, folder):
        self.tool, self.folder = tool, folder
        self.passed = self.failed = 0
        self.put("weak", WEAK)
        self.put("strong", STRONG)
        (folder / "strong/gone.class").symlink_to("/dev/null")

    def put(self, layer, files):
        for name, text in files.items():
            path = self.folder / layer / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, command, *arguments, layers=("strong", "weak")):
        return subprocess.run([self.tool, "policy", command, *(f"--policy-dir={layer}" for layer in layers), *arguments],
                              capture_output=True, text=True, cwd=self.folder)

    def expect(self, what, found, wanted):
        if found == wanted:
            self.passed += 1
            return
        self.failed += 1
        print(f"{what}:\n  found  {found!r}\n  wanted {wanted!r}")

    def check_show(self):
        shown = self.run("show", "--cat")
        self.expect("show --cat ends well", shown.returncode, 0)
        self.expect("show --cat", shown.stdout, "".join([
            "# strong/a.allow\n", STRONG["a.allow"],
            "\n# weak/a.allow: replaced by strong/a.allow\n",
            "\n# strong/a.allow.d/x.conf\n# a comment without an end\n",
            "\n# weak/c.class\n", WEAK["c.class"],
            "\n# weak/g.gallery\n", WEAK["g.gallery"],
            "\n# strong/gone.class: a link to /dev/null, which masks\n",
            "\n# weak/gone.class: masked by strong/gone.class\n",
            "\n# weak/o.organisation\n", WEAK["o.organisation"],
            "\n# weak/p.purpose\n", WEAK["p.purpose"]]))
        self.expect("show --cat of one", self.run("show", "--cat", "c.class").stdout,
                    "# weak/c.class\n" + WEAK["c.class"])
        one = self.run("show", "c.class").stdout
        self.expect("show of one", (one.count("[Class]"), "[Allow]" in one), (1, False))
        files = json.loads(self.run("show", "--json", "a.allow").stdout)["files"]
        self.expect("show --json of one", [file["path"] for file in files], ["a.allow", "a.allow.d/x.conf"])
        for arguments in (["gone.class"], ["--json", "gone.class"], ["a"], ["--cat", "a"]):
            missing = self.run("show", *arguments)
            self.expect(f"show {arguments} of nothing", (missing.returncode, missing.stdout), (1, ""))
            self.expect(f"show {arguments} says so", "the policy has no object" in missing.stderr, True)
        self.expect("two objects", self.run("show", "c.class", "a.allow").returncode, 2)
        self.expect("two ways", self.run("show", "--cat", "--json").returncode, 2)

    def check_check(self):
        warning = ("strong/a.allow:7:9: warning: 'scores' in 'Release' without 'Rate': enough scores give a template "
                   "away; expected a rate [scores-without-rate]\n")
        found = self.run("check")
        self.expect("check warns", (found.returncode, found.stdout.split("\n", 2)[2]), (0, warning))
        self.expect("check --strict", (self.run("check", "--strict").returncode), 1)
        warnings = json.loads(self.run("check", "--json").stdout)
        self.expect("check --json", [warnings["warnings"], warnings["accepted"]],
                    [[{"lint": "scores-without-rate", "file": "strong/a.allow", "line": 7, "column": 9,
                       "text": "'scores' in 'Release' without 'Rate': enough scores give a template away; expected a "
                               "rate"}], []])
        self.put("strong", {"a.allow.d/x.conf": "# check: accept scores-without-rate because of a test\n"})
        found = self.run("check", "--strict")
        self.expect("check accepts", (found.returncode, found.stdout.split("\n", 2)[2]),
                    (0, "1 further warning is accepted by comments.\n"))
        accepted = json.loads(self.run("check", "--json").stdout)["accepted"]
        self.expect("check --json accepts", [entry["because"] for entry in accepted], ["of a test"])
        self.put("weak", {"o.organisation": "[Organisation]\nDescription=o\nClass=c\nUntil=2020-07-15\n[Peer]\nUser=7\n"})
        for at, n in (("2020-06-01", 0), ("2020-07-01", 1), ("2021-01-01", 1)):
            found = self.run("check", "--at", at)
            self.expect(f"check at {at}", found.stdout.count("[about-to-expire]"), n)
        self.put("weak", {"o.organisation": WEAK["o.organisation"]})

    def check_test(self):
        nothing = self.run("test")
        self.expect("no tests", (nothing.returncode, nothing.stdout), (1, "0 passed, 0 failed\n"))
        self.expect("no tests are told", "no test was run" in nothing.stderr, True)
        self.put("weak", {"a.test": row("permitted", {"verdict": "permit", "limits": {"release": "scores"}}),
                          "b.test": row("weak", {"verdict": "permit"})})
        self.put("strong", {"b.test": row("refused", {"verdict": "permit", "reason": "x", "moratoria": []},
                                          purpose="none")})
        found = self.run("test")
        self.expect("one of two fails", found.returncode, 1)
        self.expect("test", found.stdout, "\n".join([
            "pass: permitted (weak/a.test:1)",
            "  why           Permitted: o may enrol in g for p under a.",
            "fail: refused (strong/b.test:1)",
            '  expected      verdict "permit"',
            '  came          verdict "deny"',
            '  expected      reason "x"',
            '  came          reason "unknown-term"',
            "  why           Denied, unknown-term: 'none' in purpose is not declared.",
            "1 passed, 1 failed", ""]))
        whole = json.loads(self.run("test", "--json").stdout)
        self.expect("test --json", [whole["passed"], whole["failed"], whole["faults"]], [1, 1, []])
        self.expect("its rows", [(entry["file"], entry["line"], entry["name"], entry["passed"], entry["wrong"])
                                 for entry in whole["rows"]],
                    [("weak/a.test", 1, "permitted", True, []),
                     ("strong/b.test", 1, "refused", False, ["verdict", "reason"])])
        self.expect("what came", whole["rows"][1]["decision"]["term"], "none")
        self.expect("one file", self.run("test", "weak/a.test").returncode, 0)
        self.expect("one folder", self.run("test", "weak").stdout.splitlines()[-1], "2 passed, 0 failed")
        self.expect("no file", self.run("test", "nowhere.test").returncode, 1)
        self.put(".", {"c.test": row("one", {"limits": {"release": "scores"}}) + "{}\n"})
        faulty = self.run("test", "c.test")
        self.expect("a faulty row fails", (faulty.returncode, faulty.stdout.splitlines()[-1]), (1, "1 passed, 0 failed"))
        self.expect("by its place", faulty.stderr.splitlines()[0],
                    "c.test:2: 'name' is missing or of a wrong type; expected a string")

    def check_numbers(self):
        """1 and 1.0 are one number, and nothing else is."""
        self.put(".", {"allow/a.allow": "[Allow]\nDescription=n\nClass=c\nOperation=compare\nPurpose=p\nGallery=any\n"
                                        "Sought=any\nMinimumSimilarity=1\n"})
        facts = {key: value for key, value in FACTS.items() if key != "gallery"}
        for floor, status in ((1, 0), (1.0, 0), ("1", 1), (0.9, 1)):
            limits = {"minimumSimilarity": floor, "maximumCandidates": 10, "release": "candidates"}
            test = {"name": "n", "facts": {**facts, "operation": "compare"},
                    "expect": {"limits": limits}}
            self.put(".", {"n.test": json.dumps(test) + "\n"})
            found = self.run("test", "n.test", layers=("allow", "weak"))
            self.expect(f"a floor of {floor!r}", found.returncode, status)


def main():
    with tempfile.TemporaryDirectory() as folder:
        check = Check(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(folder))
        check.check_show()
        check.check_check()
        check.check_test()
        check.check_numbers()
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed or not check.passed else 0


if __name__ == "__main__":
    sys.exit(main())
