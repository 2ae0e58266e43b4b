#!/usr/bin/env python3
"""`matchguard policy decide` against golden files: facts in, decisions out, byte for byte; and of each policy what
`matchguard policy show --json` holds of it, so that its digest can be computed from that alone.

Usage: check.py TOOL

Each folder here is a case:

  policy/   the policy
  golden    blocks of three lines: why, facts, what is printed for them; DIGEST stands for the policy's digest
  layers    weaker layers, a folder a line, relative to the case (optional)
  ids       the .ids entry, where the policy holds names of accounts (optional)

The golden lines were worked out from the rules, not printed by the program; the digest is computed here.
"""
import hashlib
import json
import pathlib
import subprocess
import sys


def texts_of(layers):
    """Path to bytes of every file that takes effect; a stronger layer replaces the file of the same name."""
    texts = {}
    for layer in reversed(layers):
        for path in layer.rglob("*"):
            name = path.relative_to(layer).as_posix()
            if path.is_file() and not name.startswith(("README", ".")) and not name.endswith(("~", ".test")):
                texts[name.encode()] = path.read_bytes()
    return sorted(texts.items())


def digest_of(layers, ids):
    entries = texts_of(layers) + ([(b".ids", ids)] if ids else [])
    return hashlib.sha256(b"".join(b"%s\0%d\0%s" % (name, len(text), text) for name, text in entries)).hexdigest()


def blocks_of(path):
    for block in path.read_text().split("\n\n"):
        why, facts, expected = block.strip("\n").split("\n")
        yield why.removeprefix("# "), facts, expected


def is_shown(tool, layers, ids, digest):
    """Whether the files that take effect are what is shown, with their digest."""
    run = subprocess.run([tool, "policy", "show", "--json", *(f"--policy-dir={layer}" for layer in layers)],
                         capture_output=True, text=True)
    shown = json.loads(run.stdout) if run.returncode == 0 else {}
    expected = texts_of(layers) + ([(b".ids", ids)] if ids else [])
    return (shown.get("digest") == digest
            and [(file["path"].encode(), file["text"].encode()) for file in shown["files"]] == expected)


def check_case(tool, case):
    """Returns (passed, failed)."""
    layers = [case / "policy"]
    if (case / "layers").exists():
        layers += [(case / line).resolve() for line in (case / "layers").read_text().splitlines()]
    ids = (case / "ids").read_bytes() if (case / "ids").exists() else b""
    blocks = list(blocks_of(case / "golden"))
    digest = digest_of(layers, ids)
    run = subprocess.run([tool, "policy", "decide", "--facts", "-", *(f"--policy-dir={layer}" for layer in layers)],
                         input="".join(facts + "\n" for _, facts, _ in blocks), capture_output=True, text=True)
    printed = run.stdout.splitlines()
    if not printed:
        print(f"{case.name}: nothing was printed:\n{run.stderr}")
        return 0, len(blocks)
    failed = 0
    for number, (why, facts, expected) in enumerate(blocks):
        got = printed[number] if number < len(printed) else "nothing"
        if got != expected.replace("DIGEST", digest):
            failed += 1
            print(f"{case.name}: {why}\n  facts    {facts}\n  expected {expected}\n  got      {got.replace(digest, 'DIGEST')}")
    shown = is_shown(tool, layers, ids, digest)
    if not shown:
        print(f"{case.name}: `policy show --json` shows another policy")
    status = 1 if any(expected.startswith('{"error"') for _, _, expected in blocks) else 0
    if run.returncode != status or len(printed) != len(blocks):
        failed += 1
        print(f"{case.name}: exit status {run.returncode}, expected {status}; {len(printed)} lines for {len(blocks)}")
    return len(blocks) - min(failed, len(blocks)) + shown, failed + (not shown)


def main():
    tool = pathlib.Path(sys.argv[1]).resolve()
    here = pathlib.Path(__file__).resolve().parent
    results = [check_case(tool, path.parent) for path in sorted(here.glob("*/golden"))]
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
