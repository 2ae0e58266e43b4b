#!/usr/bin/env python3
"""Whether what the tool says of invariants is true by evaluator.py, on random policies.

Of an invariant that is said not to hold, the request that is told must be permitted and matched. Of one that is said
to hold, nobody may find such a request: many are tried that the policy's allows are made for.

Usage: agree-invariants.py TOOL SEED POLICIES
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from decimal import Decimal

import agree
import anyfacts
import anypolicy
import evaluator

TRIES = 300
LEAST_SHARE = 0.2  # of all invariants: those that hold, those that do not, those found out here as well


def told(tool, layers):
    """What the tool says of each invariant, by name."""
    run = subprocess.run([tool, "policy", "prove", "--json", *(f"--policy-dir={layer}" for layer in layers)],
                         capture_output=True, text=True)
    if not run.stdout:
        raise RuntimeError(f"it proves nothing: {run.stderr[-2000:]}")
    proofs = {proof["invariant"]: proof for proof in json.loads(run.stdout, parse_float=Decimal)["invariants"]}
    if run.returncode == all(proof["holds"] for proof in proofs.values()):
        raise RuntimeError(f"status {run.returncode} with {run.stdout}")
    return proofs


def breaks(policy, invariant, facts):
    """Whether facts are permitted and match, and under which allow; with what the proof is about."""
    if facts.get("clock") != "synchronised" or "used" in facts:
        return None
    decision = evaluator.decide(policy, facts)
    if decision.get("verdict") != "permit":
        return None
    request = evaluator.Request(facts)
    return decision["allow"] if evaluator.matches(policy, invariant, request, decision["organisation"]) else None


def tries(rng, policy):
    maker = anyfacts.Facts(rng, policy)
    for _ in range(TRIES):
        yield json.loads(json.dumps(maker.make_fitting(), default=float), parse_float=Decimal)


class Proofs:
    def __init__(self, tool, seed):
        self.tool = tool
        self.seed = seed
        self.holding = self.broken = self.found = self.faults = 0

    def check_policy(self, number):
        rng = random.Random(f"invariants/{self.seed}/{number}")
        with tempfile.TemporaryDirectory(prefix="matchguard-agree.") as folder:
            world = anypolicy.World(rng)
            layers = anypolicy.write_policy(rng, world, folder)
            anypolicy.write_invariants(rng, world, pathlib.Path(folder) / "invariants")
            layers = [pathlib.Path(folder) / "invariants", *layers]
            policy = evaluator.Policy(layers)
            try:
                proofs = told(self.tool, layers)
            except RuntimeError as failure:
                self.fault(number, layers, str(failure))
                return
            asked = list(tries(rng, policy))
            for name in policy.objects["invariant"]:
                wrong = self.check_invariant(policy, name, proofs[name], asked)
                if wrong:
                    self.fault(number, layers, wrong)

    def check_invariant(self, policy, name, proof, asked):
        """What is wrong with what was told of an invariant, or None."""
        invariant = policy.objects["invariant"][name]
        own = next((facts for facts in asked if breaks(policy, invariant, facts)), None)
        if proof["holds"]:
            self.holding += 1
            return own and f"{name} is said to hold, but this is permitted: {json.dumps(own, default=float)}"
        self.broken += 1
        self.found += own is not None
        if breaks(policy, invariant, proof["example"]) != proof["allow"]:
            return f"{name} is said to be broken by what does not break it: {json.dumps(proof, default=float)}"
        return None

    def fault(self, number, layers, what):
        self.faults += 1
        if self.faults <= agree.SHOWN_MAX:
            print(f"policy {number} of seed {self.seed}:\n{agree.policy_text(layers)}{what}\n")

    def finish(self):
        print(f"{self.holding} invariants hold, {self.broken} do not, {self.found} of these were found out here too, "
              f"{self.faults} faults")
        rare = min(self.holding, self.broken, self.found) < LEAST_SHARE * (self.holding + self.broken)
        if rare:
            print("too few of one kind to mean anything")
        return 1 if rare or self.faults else 0


def main():
    tool, seed, policies = sys.argv[1], sys.argv[2], int(sys.argv[3])
    proofs = Proofs(tool, seed)
    for number in range(policies):
        proofs.check_policy(number)
    return proofs.finish()


if __name__ == "__main__":
    sys.exit(main())
