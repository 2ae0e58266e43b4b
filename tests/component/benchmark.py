#!/usr/bin/env python3
"""matchguard-worker --benchmark on a tiny gallery: a table and JSON of the promised shape, confined, as any user, without a guard or a folder; and on PoCL
where its driver is built.

Usage: benchmark.py BUILD
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import devices  # noqa: E402
import service  # noqa: E402

WORKER = pathlib.Path(sys.argv[1]).resolve() / "daemon/worker/matchguard-worker"
TEMPLATES, DIMENSION = 130, 48
OPENCL = WORKER.parent / "engine-opencl.so"
# What PoCL compiles is kept; what it leaks is its own.
ENVIRONMENT = {**service.PROCESSOR, **devices.POCL, "POCL_CACHE_DIR": str(WORKER.parents[2] / "pocl-cache"), "ASAN_OPTIONS": "detect_leaks=0"}
BATCHES = [1, 16, 256]
DEVICE_BATCHES = [1, 16, 256, 1024]
passed, failed = 0, 0


def check(what, holds, seen=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"FAILED: {what} {seen}")


def run(*options, user=None):
    return subprocess.run([WORKER, "--benchmark", *options], capture_output=True, text=True, timeout=service.PATIENCE, check=False, user=user,
                          extra_groups=None if user is None else [], env={**os.environ, **ENVIRONMENT})


def figures(searches, kind):
    return [row[kind] for row in searches if kind in row]


def json_has_what_is_promised():
    done = run("--json", f"--templates={TEMPLATES}", f"--dimension={DIMENSION}", "--threads=2", user=65534)
    check("ends well", done.returncode == 0, done.stderr)
    said = json.loads(done.stdout)
    check("says for what", (said["dimension"], said["k"]) == (DIMENSION, 10) and said["processor"], done.stdout)
    check("counts processors", said["processors"] == len(os.sched_getaffinity(0)), said["processors"])
    gallery, = said["galleries"]
    check("made the gallery", gallery["templates"] == TEMPLATES, gallery)
    rows = -(-TEMPLATES // 64) * 64
    check("8 bytes a template beside a byte a dimension", gallery["hotBytes"] == rows * (DIMENSION + 8), gallery)
    check("read by one thread and by two", [row["threads"] for row in gallery["read"]] == [1, 2], gallery)
    check("reading takes time", all(1e6 < row["bytesPerSecond"] < 1e13 for row in gallery["read"]), gallery)
    searches = gallery["searches"]
    sets = sorted({row["isa"] for row in searches})
    check("plain C works everywhere", "scalar" in sets, sets)
    check("each of all kinds once", sorted((row["isa"], row["threads"], row["batch"]) for row in searches) ==
          [(isa, threads, batch) for isa in sets for threads in (1, 2) for batch in BATCHES], searches)
    check("a rate is a time turned over", all(0.99 < row["secondsPerQuery"] * row["queriesPerSecond"] < 1.01 for row in searches), searches)
    check("shares are above nothing", all(share > 0 for kind in ("ofRead", "ofTile") for share in figures(searches, kind)), searches)
    tiles = {row["isa"] for row in said["tiles"]}
    check("a tile for each set but plain C", tiles == set(sets) - {"scalar"}, tiles)
    check("a share of it as well", {row["isa"] for row in searches if "ofTile" in row} == tiles, searches)
    return sets


def table_has_a_line_for_each_search():
    done = run(f"--templates={TEMPLATES}", f"--dimension={DIMENSION}", "--threads=1", "--isa=scalar")
    check("ends well", done.returncode == 0, done.stderr)
    check("names the gallery", f"{TEMPLATES} templates of {DIMENSION} dimensions" in done.stdout, done.stdout)
    lines = re.findall(r"^  scalar +(\d+) +(\d+) +[\d.]+ +\d+ +\d+ % +-$", done.stdout, re.MULTILINE)
    check("one a batch", lines == [("1", str(batch)) for batch in BATCHES], done.stdout)
    check("tells meanwhile what it does", f"Making up {TEMPLATES} templates" in done.stderr, done.stderr)


def within(a_product, b):
    return 0.99 * b < a_product < 1.01 * b


def device_has_what_is_promised():
    done = run("--json", f"--templates={TEMPLATES}", f"--dimension={DIMENSION}", "--threads=1", "--isa=scalar", "--engine=opencl")
    check("ends well", done.returncode == 0, done.stderr)
    said = json.loads(done.stdout)
    device = said["device"]
    check("names engine and device", device["engine"].startswith("opencl/") and device["name"] and device["memory"] > 0, device)
    gallery, = said["galleries"]
    on_device = gallery["onDevice"]
    check("says beside what", on_device["beside"] == "cpu/scalar", on_device)
    check("it went there", on_device["memoryUsed"] >= gallery["hotBytes"] and on_device["firstSeconds"] > 0, on_device)
    check("the processor's searches as ever", [row["batch"] for row in gallery["searches"]] == BATCHES, gallery)
    rows = on_device["searches"]
    check("one a batch", [row["batch"] for row in rows] == DEVICE_BATCHES, rows)
    for row in rows:
        check("a rate is a time turned over", within(row["secondsPerQuery"] * row["queriesPerSecond"], 1), row)
        check("how many times as fast", within(row["secondsPerQuery"] * row["timesProcessor"], row["processorSecondsPerQuery"]), row)
        worked = row["deviceSecondsPerQuery"] * row["batch"]
        check("it worked while it was asked", 0 < row["deviceSecondsPerQuery"] < row["secondsPerQuery"], row)
        check("read every code once", within(row["bytesPerSecond"] * worked, gallery["hotBytes"]), row)
        check("multiplied each with each", within(row["operationsPerSecond"] * worked, 2 * TEMPLATES * DIMENSION * row["batch"]), row)


def table_has_a_line_for_each_batch_of_a_device():
    done = run(f"--templates={TEMPLATES}", f"--dimension={DIMENSION}", "--threads=1", "--isa=scalar", "--engine=opencl")
    check("ends well", done.returncode == 0, done.stderr)
    check("names engine and device", re.search("^Searching with opencl/[a-z]+: .+, [0-9]+ MB", done.stdout, re.MULTILINE), done.stdout)
    lines = re.findall(r"^ +(\d+) +[\d.]+ +\d+ +[\d.]+ +[\d.]+ +[\d.]+ +\d+$", done.stdout, re.MULTILINE)
    check("one a batch", lines == [str(batch) for batch in DEVICE_BATCHES], done.stdout)


def says_what_is_wrong(sets):
    table = [
        (["--templates=0"], 2, "--templates wants a number from 1 to 100000000, not '0'"),
        (["--dimension=8"], 2, "--dimension wants a number from 16 to 1024, not '8'"),
    ]
    table += [([f"--isa={isa}", "--templates=64"], 1, "does not have what --isa= names")
              for isa in ("avx512-vnni", "avx2") if isa not in sets]
    for options, status, message in table:
        done = run(*options)
        check(f"{options} ends with {status}", done.returncode == status, done.returncode)
        check(f"{options} says why", message in done.stderr, done.stderr)


def ends_when_it_is_told():
    """Nobody has to wait for what takes minutes."""
    with subprocess.Popen([WORKER, "--benchmark", "--templates=1000000", "--dimension=64"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(service.PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        check("ends by SIGINT", status == -signal.SIGINT, f"{status} after {said}")


table_has_a_line_for_each_search()
ends_when_it_is_told()
says_what_is_wrong(json_has_what_is_promised())
if OPENCL.exists():
    device_has_what_is_promised()
    table_has_a_line_for_each_batch_of_a_device()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
