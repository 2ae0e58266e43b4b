#!/usr/bin/env python3
"""`matchguard policy explain` against golden files, on rows of tests/scenarios.

Usage: check.py TOOL [--write]

SCENARIO-ROW.golden is what is printed for that row of SCENARIO.test, byte for byte. Of each row of every scenario that
loads it is checked, too, that no line is wider than 78 columns unless it is one word, that the sentence at the top is
the one at the end, and that with --json the decision is what `policy decide` prints. --write writes the golden files
anew, to be read before they are believed.
"""
import json
import pathlib
import subprocess
import sys

SCENARIOS = pathlib.Path(__file__).resolve().parent.parent.parent / "scenarios"


class Scenario:
    def __init__(self, tool, folder):
        self.tool, self.folder = tool, folder
        layers = folder / ".layers"
        self.layers = [".", *(layers.read_text().split() if layers.exists() else [])]
        self.rows = [json.loads(line) for line in (folder / f"{folder.name}.test").read_text().splitlines()]

    def run(self, command, row, *options):
        run = subprocess.run([self.tool, "policy", command, "--facts", "-", *options,
                              *(f"--policy-dir={layer}" for layer in self.layers)],
                             input=json.dumps(self.rows[row - 1]["facts"]) + "\n", capture_output=True, text=True,
                             cwd=self.folder)
        return run.stdout if run.returncode == 0 else run.stderr


def faults_of(scenario, row):
    """What is wrong with the explanation of any row, whatever it says."""
    text = scenario.run("explain", row)
    if any(len(line) > 78 and " " in line.strip() for line in text.splitlines()):
        yield "a line is too wide"
    if text.count(text.split("\n\n")[0] + "\n") != 2:
        yield "the verdict stands not first and last"
    if json.loads(scenario.run("explain", row, "--json"))["decision"] != json.loads(scenario.run("decide", row)):
        yield "the decision is another one"


def check_golden(tool, path, write):
    name, row = path.stem.rsplit("-", 1)
    text = Scenario(tool, SCENARIOS / name).run("explain", int(row))
    if write:
        path.write_text(text)
    if text == path.read_text():
        return 0
    print(f"{path.name}: explained otherwise:\n{text}")
    return 1


def main():
    tool, write = pathlib.Path(sys.argv[1]).resolve(), "--write" in sys.argv[2:]
    goldens = sorted(pathlib.Path(__file__).resolve().parent.glob("*.golden"))
    failed = sum(check_golden(tool, path, write) for path in goldens)
    passed = len(goldens) - failed
    for path in sorted(SCENARIOS.glob("*/*.test")):
        scenario = Scenario(tool, path.parent)
        for row in range(1, len(scenario.rows) + 1):
            faults = list(faults_of(scenario, row))
            passed, failed = passed + (not faults), failed + bool(faults)
            for fault in faults:
                print(f"{path.name}:{row}: {fault}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not goldens else 0


if __name__ == "__main__":
    sys.exit(main())
