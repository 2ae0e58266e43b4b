#!/usr/bin/env python3
"""How many leaves a second are verified and replayed, on a log of real decisions under three policies.

Beside what reading and hashing the same bytes takes: sha256sum(1) and openssl(1) over all bundles and tiles. The second
verifier, in Python, runs over a log of a hundredth of the size. CPU is that of all threads: on a machine that is busy, or has
one core, look at it rather than at the clock. Memory is the largest resident size; that of the small log shows whether it
grows with the log.

Usage: verify.py BUILD MAKE-DECISIONS [LEAVES]      (default 1,000,000; takes 1 KB of disk a leaf, removed at the end)
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SUPPORT = pathlib.Path(__file__).resolve().parent.parent / "support"
sys.path.insert(0, str(SUPPORT))
import decision_policies  # noqa: E402

ROUNDS = 3


def run(command, status):
    """Return: seconds on the clock, seconds of CPU, MB resident at most."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    said = process.stdout.read()
    _, ended, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(ended) == status, (command[:4], said[-2000:])
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def files_of(export):
    return sorted(str(path) for path in (export / "tile").rglob("*") if path.is_file())


def bare(export, folder):
    """The same log without its policies: no decision can be made anew, which verify reports."""
    folder.mkdir()
    for path in export.iterdir():
        if path.name != "policy":
            (folder / path.name).symlink_to(path)
    return folder


def make(maker, folder, leaves, policies):
    begun = time.monotonic()
    subprocess.run([maker, folder, str(leaves), "1", *policies], check=True)
    print(f"made {leaves:,} leaves in {time.monotonic() - begun:.0f} s")
    return folder / "export"


def table(rows):
    print(f"{'':34}{'leaves':>11}{'seconds':>9}{'CPU':>7}{'leaves/s':>11}{'a CPU s':>10}{'MB':>7}")
    for (name, leaves), measured in rows.items():
        clock, cpu, memory = (statistics.median(column) for column in zip(*measured))
        print(f"{name:34}{leaves:>11,}{clock:>9.2f}{cpu:>7.2f}{leaves / clock:>11,.0f}{leaves / cpu:>10,.0f}{memory:>7.0f}")


def measure(tool, large, small, folder):
    """Return: figures by what was done and to how many leaves, measured in turn."""
    logs = {int((log / "checkpoint").read_text().splitlines()[1]): log for log in (large, small)}
    n_large, n_small = logs
    files = files_of(large)
    listed = folder / "files"
    listed.write_text("\0".join(files))
    without = bare(large, folder / "bare")
    audit = [tool, "audit"]
    done = [
        ("verify", n_large, [*audit, "verify", "--export", large], 0),
        ("verify, no decision made anew", n_large, [*audit, "verify", "--export", without], 1),
        ("replay", n_large, [*audit, "replay", "--export", large], 0),
        ("replay --policy", n_large, [*audit, "replay", "--export", large, "--policy", folder / "policies/wide"], 0),
        ("sha256sum of its files", n_large, ["xargs", "-0", "-a", listed, "sha256sum"], 0),
        ("openssl dgst of its files", n_large, ["xargs", "-0", "-a", listed, "openssl", "dgst", "-sha256"], 0),
        ("verify", n_small, [*audit, "verify", "--export", small], 0),
        ("check_export.py, no decisions", n_small, [sys.executable, SUPPORT / "check_export.py", small], 0),
    ]
    rows = {}
    for _ in range(ROUNDS):
        for name, leaves, command, status in done:
            rows.setdefault((name, leaves), []).append(run([str(word) for word in command], status))
    return rows


def main():
    build, maker = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    leaves = int(sys.argv[3]) if len(sys.argv) > 3 else 1000000
    folder = pathlib.Path(tempfile.mkdtemp(prefix="matchguard-bench."))
    try:
        policies = decision_policies.write_all(folder / "policies")
        large = make(maker, folder / "large", leaves, policies)
        small = make(maker, folder / "small", max(leaves // 100, 1000), policies)
        size = sum(os.path.getsize(path) for path in files_of(large))
        print(f"bundles and tiles of the large one: {size / 1e6:.0f} MB; cores: {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
        table(measure(build / "tools/matchguard", large, small, folder))
    finally:
        shutil.rmtree(folder)


main()
