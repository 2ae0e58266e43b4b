#!/usr/bin/env python3
"""The whole way of a request, measured: calls a second and latencies for denials and for identify (a permit: two durable
records around a job of the worker) on a gallery of 1,000 templates (small on purpose: the path is measured, not the
arithmetic) at 1, 16, 64 and 256 connections, beside a raw epoll echo of the same call in the same round. In the same run:
what the trail alone does on this disk beside a bare loop of syncs and one of SQLite inserts (trail.c), a round trip through
dbus-broker (bus-peer; as root, with its package), and how fast the trail that came of it is verified and replayed. Prints
tables of the median of three interleaved rounds, ratios, and where the CPU time of a request goes.

Usage: path.py BUILD LOAD-PROGRAM TRAIL-BENCH BUS-BENCH      (as root)
"""
import json
import pathlib
import random
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import service as mg  # noqa: E402
from under_load import cpu_times, measure, print_cpu  # noqa: E402

DIMENSION, TEMPLATES, ROUNDS = 128, 1000, 3
CALLS = {1: 1500, 16: 12000, 64: 24000, 256: 24000}
BUS_CALLS = 20000
PER_CALLER = 64  # connections that one uid may hold
CALLERS = [mg.NGO_UID + 100 * i for i in range(max(CALLS) // PER_CALLER)]


def policy():
    files = dict(mg.POLICY)
    files["rescuer.organisation"] = ("[Organisation]\nDescription=A rescuer\nClass=ngo\n[Peer]\n"
                                     f"User={' '.join(map(str, CALLERS))}\n")
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


def print_table(results):
    print(f"{'connections':>11} {'what':<9} {'calls/s':>9} {'p50 us':>9} {'p99 us':>9}  share of echo")
    for (connections, name), rounds in results.items():
        middle = {key: statistics.median(r[key] for r in rounds) for key in ("perSecond", "p50us", "p99us")}
        echo = statistics.median(r["perSecond"] for r in results[(connections, "echo")])
        print(f"{connections:>11} {name:<9} {middle['perSecond']:>9.0f} {middle['p50us']:>9.0f} "
              f"{middle['p99us']:>9.0f}  {middle['perSecond'] / echo:.3f}", flush=True)


def measure_rounds(service, runs_of):
    """Return: the figures of each round, and the CPU time of one call at 64 connections by thread."""
    results, spent = {}, {}
    for number in range(ROUNDS):
        for connections, calls in CALLS.items():
            for name, commands in runs_of(connections, calls).items():
                before = cpu_times(service)
                results.setdefault((connections, name), []).append(measure(commands))
                if connections == 64 and name != "echo":
                    after = cpu_times(service)
                    spent[name] = {label: (after[label] - before.get(label, 0)) / calls for label in after}
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
    return results, spent


def print_peers(trail_bench, bus_bench):
    print("\nThe trail alone, on the same disk", flush=True)
    subprocess.run([trail_bench, "/tmp"], check=True, timeout=300)
    print("\nA round trip through dbus-broker", flush=True)
    peer = pathlib.Path(__file__).resolve().parent / "bus-peer"
    subprocess.run([peer, bus_bench, str(BUS_CALLS), *map(str, CALLS)], check=True, timeout=300)


def print_reading(service):
    """How fast an auditor's tools go through the trail that these rounds have made."""
    size = len(service.leaves())
    print(f"\nThe trail that came of it, {size} leaves", flush=True)
    for command in ("verify", "replay"):
        started = time.monotonic()
        status, _, stderr = service.tool("audit", command)
        took = time.monotonic() - started
        assert status == 0, stderr
        print(f"  audit {command}: {size / took:.0f} leaves/s", flush=True)


def main():
    build, load, trail_bench, bus_bench = sys.argv[1:5]
    generator = random.Random(1)
    service = mg.Service(build, policy()).start()
    try:
        enrol(service, generator)
        probe = {"model": "bench", "kind": "photograph", "data": mg.template(vector(generator))}
        permitted = call_file(service, "permitted.json", {"gallery": "faces", "probe": probe, "statement": mg.statement()})
        denied = call_file(service, "denied.json", {
            "gallery": "faces", "probe": probe, "statement": mg.statement(recipients=["city-police"])})
        socket = str(service.path(mg.MATCH))

        def runs_of(connections, calls):
            callers = CALLERS[:-(-connections // PER_CALLER)]
            n = [str(connections // len(callers)), str(calls // len(callers))]

            def ask(path, expect):
                return [["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", load, socket, str(path), expect, *n]
                        for uid in callers]
            return {"echo": [[load, "--echo", str(permitted), str(connections), str(calls)]],
                    "denial": ask(denied, "matchguard.Match.Denied"), "identify": ask(permitted, '"matched"')}

        results, spent = measure_rounds(service, runs_of)
        print_table(results)
        print_cpu(spent, 64)
        service.stop()
        print_reading(service)
        print_peers(trail_bench, bus_bench)
    finally:
        service.close()


main()
