#!/usr/bin/env python3
"""evaluator.py against what people wrote down: the scenarios of this folder, and what an invariant matches.

Usage: check-evaluator.py
"""
import json
import pathlib
import sys
from decimal import Decimal

import evaluator

HERE = pathlib.Path(__file__).parent

# What is forbidden, what is asked instead of FACTS by leander of class leander-county, and whether that matches.
# government > law-enforcement > police, and austin-police is of that; public-safety > criminal-investigation > theft.
FACTS = {"uid": 2011, "groups": [], "operation": "identify", "gallery": "faces", "purpose": "criminal-investigation",
         "sought": "missing", "on_behalf_of": [], "recipients": [], "time": "2020-07-01", "clock": "synchronised"}
MATCHES = (
    ("everything", {}, {}, True),
    ("the asker by name", {"Party": ["leander"]}, {}, True),
    ("the asker by an ancestor of its class", {"Party": ["government"]}, {}, True),
    ("an asker beside the class", {"Party": ["law-enforcement"]}, {}, False),
    ("a recipient by name", {"Party": ["austin-police"]}, {"recipients": ["austin-police"]}, True),
    ("a recipient by its class", {"Party": ["police"]}, {"recipients": ["austin-police"]}, True),
    ("whom it is for by an ancestor", {"Party": ["law-enforcement"]}, {"on_behalf_of": ["austin-police"]}, True),
    ("a broader class than that of the entry", {"Party": ["police"]}, {"recipients": ["government"]}, True),
    ("a class that the entry's organisation is of", {"Party": ["austin-police"]}, {"recipients": ["police"]}, True),
    ("one that it is of by descent", {"Party": ["austin-police"]}, {"on_behalf_of": ["law-enforcement"]}, True),
    ("a class that it is not of", {"Party": ["austin-police"]}, {"recipients": ["ngo"]}, False),
    ("another organisation of that class", {"Party": ["town-police"]}, {"recipients": ["austin-police"]}, False),
    ("another operation", {"Operation": ["verify", "list"]}, {}, False),
    ("a purpose by its ancestor", {"Purpose": ["public-safety"]}, {}, True),
    ("a purpose by what it may be", {"Purpose": ["theft"]}, {}, True),
    ("another purpose", {"Purpose": ["missing-person"]}, {}, False),
    ("a role", {"Sought": ["suspect", "missing"]}, {}, True),
    ("a role that is not said", {"Sought": ["unknown"]}, {"sought": "unknown"}, True),
    ("another role", {"Sought": ["suspect"]}, {}, False),
    ("another gallery", {"Gallery": ["mugshots"]}, {}, False),
    ("no gallery", {"Gallery": ["faces"]}, {"operation": "compare", "gallery": None}, False),
    ("no gallery, and any", {"Gallery": ["any"]}, {"operation": "compare", "gallery": None}, True),
    ("its first instant", {"From": "2020-07-01"}, {}, True),
    ("the instant before it", {"From": "2020-07-01T00:00:00.000001Z"}, {}, False),
    ("the instant that ends it", {"Until": "2020-07-01"}, {}, False),
    ("its last instant", {"Until": "2020-07-01T00:00:00.000001Z"}, {}, True),
    ("while a moratorium stands", {"While": "no-police"}, {}, True),
    ("before a moratorium stands", {"While": "no-police"}, {"time": "2020-06-09"}, False),
)


def layers_of(folder):
    weaker = folder / ".layers"
    return [folder] + ([folder / line for line in weaker.read_text().splitlines()] if weaker.exists() else [])


def check_scenarios():
    """Yields a name and whether its expectation is met, for every line of every scenario."""
    for path in sorted(HERE.glob("*/*.test")):
        policy = evaluator.Policy(layers_of(path.parent))
        for line in path.read_text().splitlines():
            case = json.loads(line, parse_float=Decimal)
            decision = evaluator.decide(policy, case["facts"])
            met = all(decision.get(key) == value for key, value in case["expect"].items())
            yield f"{path.parent.name}: {case['name']}", met


def check_matches():
    policy = evaluator.Policy([HERE / "neighbour", HERE / "small-policy", HERE / "broad-purpose"])
    for name, invariant, asked, expected in MATCHES:
        request = evaluator.Request({**FACTS, **asked})
        yield f"an invariant and {name}", evaluator.matches(policy, invariant, request, "leander") == expected


def main():
    outcomes = [*check_scenarios(), *check_matches()]
    failed = [name for name, met in outcomes if not met]
    print("\n".join(failed))
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
