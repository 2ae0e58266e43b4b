#!/usr/bin/env python3
"""Whether `matchguard policy decide` and evaluator.py, two readings of the same rules, come to the same decisions upon
random facts under random policies. Every key of a decision counts.

Usage: agree.py TOOL SEED PAIRS

Prints how often each ending came up and fails where one was rare, for a rule that never decides is not tested. What
disagrees is printed with its policy; the same seed makes the same pairs.
"""
import collections
import json
import random
import subprocess
import sys
import tempfile
from decimal import Decimal

import anyfacts
import anypolicy
import evaluator

FACTS_A_POLICY = 400
SHOWN_MAX = 5
LEAST_SHARE = 0.01
ENDINGS = ("permit", "clock-untrusted", "unknown-peer", "ambiguous-peer", "expired-organisation", "unknown-term",
           "stood-down", "rate-limited", "moratorium", "missing-requirement", "not-allowed", "no request")


def ending_of(decision):
    if "error" in decision:
        return "no request"
    return decision.get("reason", decision["verdict"])


def ask(tool, layers, lines):
    """The tool's answers; its exit status says whether a line was no request."""
    run = subprocess.run([tool, "policy", "decide", "--facts", "-", *(f"--policy-dir={layer}" for layer in layers)],
                         input="\n".join(lines), capture_output=True, text=True)
    answers = [json.loads(line, parse_float=Decimal) for line in run.stdout.splitlines()]
    if len(answers) != len(lines) or run.returncode != any("error" in answer for answer in answers):
        raise RuntimeError(f"{len(lines)} facts, {len(answers)} decisions, status {run.returncode}: "
                           f"{run.stderr[-2000:]}")
    return answers


def in_order(decision):
    """As it is compared and printed: the order of an object's keys means nothing."""
    return json.dumps(decision, sort_keys=True, default=float)


def policy_text(layers):
    """All files of a policy, for people."""
    parts = []
    for layer in layers:
        for path in sorted(path for path in layer.rglob("*") if not path.is_dir()):
            parts.append(f"--- {path.relative_to(layer.parent)}\n{path.read_text()}")
    return "".join(parts)


class Comparison:
    def __init__(self, tool, seed):
        self.tool = tool
        self.seed = seed
        self.endings = collections.Counter()
        self.on_bound = 0
        self.disagreements = 0

    def compare_policy(self, number, n_facts):
        """One policy and facts for it; its randomness is its own, so that it can be made again alone."""
        rng = random.Random(f"{self.seed}/{number}")
        with tempfile.TemporaryDirectory(prefix="matchguard-agree.") as folder:
            layers = anypolicy.write_policy(rng, anypolicy.World(rng), folder)
            policy = evaluator.Policy(layers)
            maker = anyfacts.Facts(rng, policy)
            lines = [json.dumps(maker.make(), default=float) for _ in range(n_facts)]
            try:
                answers = ask(self.tool, layers, lines)
            except RuntimeError as failure:
                self.disagree(number, layers, f"{failure}\n")
                return
            for line, answer in zip(lines, answers):
                facts = json.loads(line, parse_float=Decimal)
                decision = evaluator.decide(policy, facts)
                self.count(maker, facts, decision)
                if decision != answer:
                    self.disagree(number, layers, f"facts:     {line}\nevaluator: {in_order(decision)}\n"
                                                  f"tool:      {in_order(answer)}\n")

    def count(self, maker, facts, decision):
        self.endings[ending_of(decision)] += 1
        if ending_of(decision) != "no request":
            request = evaluator.Request(facts)
            self.on_bound += (request.time in maker.bounds or request.loosening in maker.bounds
                              or request.mark == request.time + evaluator.BEHIND)

    def disagree(self, number, layers, what):
        self.disagreements += 1
        if self.disagreements <= SHOWN_MAX:
            print(f"policy {number} of seed {self.seed}:\n{policy_text(layers)}{what}")

    def finish(self, pairs):
        for ending in ENDINGS:
            print(f"{self.endings[ending]:8}  {ending}")
        print(f"{pairs:8}  pairs, {self.on_bound} of them exactly on a bound, {self.disagreements} disagree")
        rare = [ending for ending in ENDINGS if self.endings[ending] < pairs * LEAST_SHARE]
        if rare:
            print(f"too rare to mean anything: {', '.join(rare)}")
        return 1 if rare or self.disagreements else 0


def main():
    tool, seed, pairs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    comparison = Comparison(tool, seed)
    for number, start in enumerate(range(0, pairs, FACTS_A_POLICY)):
        comparison.compare_policy(number, min(FACTS_A_POLICY, pairs - start))
    return comparison.finish(pairs)


if __name__ == "__main__":
    sys.exit(main())
