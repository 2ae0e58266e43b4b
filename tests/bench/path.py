#!/usr/bin/env python3
"""The whole way of a request, measured: calls a second and latencies for denials and for identify on a gallery of 1,000
templates (small on purpose: the path is measured, not the arithmetic) at 1, 16 and 64 connections, beside a raw epoll echo
of the same call in the same round. Prints a table of the median of three interleaved rounds, and ratios.

Usage: path.py BUILD LOAD-PROGRAM      (as root)
"""
import json
import pathlib
import random
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import service as mg  # noqa: E402

DIMENSION, TEMPLATES, ROUNDS = 128, 1000, 3
CALLS = {1: 1500, 16: 12000, 64: 24000}


def policy():
    files = dict(mg.POLICY)
    files["faces.gallery"] = f"[Gallery]\nDescription=Bench\nModel=bench\nDimension={DIMENSION}\n"
    return files


def vector(generator):
    return [generator.gauss(0, 1) for _ in range(DIMENSION)]


def enrol(service, generator):
    for start in range(0, TEMPLATES, 200):
        reply = service.call(f"{mg.MATCH}.Enrol", {
            "gallery": "faces", "statement": mg.statement("gallery-upkeep"),
            "entries": [{"subject": f"s{i}", "template": {"model": "bench", "kind": "photograph",
                                                           "data": mg.template(vector(generator))}}
                        for i in range(start, start + 200)]}, uid=mg.ARCHIVE_UID)
        assert "error" not in reply, reply


def call_file(service, name, parameters):
    path = service.dir / name
    path.write_text(json.dumps({"method": f"{mg.MATCH}.Identify", "parameters": parameters}))
    path.chmod(0o644)
    return path


def measure(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout} {done.stderr}")
    return json.loads(done.stdout)


def main():
    build, load = sys.argv[1:3]
    generator = random.Random(1)
    service = mg.Service(build, policy()).start()
    try:
        enrol(service, generator)
        probe = {"model": "bench", "kind": "photograph", "data": mg.template(vector(generator))}
        permitted = call_file(service, "permitted.json", {"gallery": "faces", "probe": probe, "statement": mg.statement()})
        denied = call_file(service, "denied.json", {
            "gallery": "faces", "probe": probe, "statement": mg.statement(recipients=["city-police"])})
        as_caller = ["setpriv", f"--reuid={mg.NGO_UID}", f"--regid={mg.NGO_UID}", "--clear-groups"]
        socket = str(service.path(mg.MATCH))
        results = {}
        for _ in range(ROUNDS):
            for connections, calls in CALLS.items():
                n = [str(connections), str(calls)]
                runs = {"echo": [load, "--echo", str(permitted), *n],
                        "denial": [*as_caller, load, socket, str(denied), "matchguard.Match.Denied", *n],
                        "identify": [*as_caller, load, socket, str(permitted), '"matched"', *n]}
                for name, command in runs.items():
                    results.setdefault((connections, name), []).append(measure(command))
        print(f"{'connections':>11} {'what':<9} {'calls/s':>9} {'p50 us':>9} {'p99 us':>9}  share of echo")
        for (connections, name), rounds in results.items():
            middle = {key: statistics.median(r[key] for r in rounds) for key in ("perSecond", "p50us", "p99us")}
            echo = statistics.median(r["perSecond"] for r in results[(connections, "echo")])
            print(f"{connections:>11} {name:<9} {middle['perSecond']:>9.0f} {middle['p50us']:>9.0f} "
                  f"{middle['p99us']:>9.0f}  {middle['perSecond'] / echo:.3f}")
        service.stop()
    finally:
        service.close()


main()
