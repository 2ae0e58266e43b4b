#!/usr/bin/env python3
"""What is left of the engine's speed at the end of the whole way: 64 connections identify, through frontend and guard, with a permit that is durable
before each search and an outcome after it, in a gallery of 100,000 templates that was enrolled through the service.

In each round, in turn: what the engine does alone with a batch of 16 (matchguard-worker --benchmark, the same threads and instructions); the service on that
gallery; the service on a gallery of 1,000, which is the way alone. Half of the probes are of somebody who is in the gallery. Prints calls a second with
the latencies, the share of the engine's rate (aim: 70 %), and where the processors' time of a call goes: what the way takes of it no search has. On a
machine that does other things besides, believe these rather than the rates.

Usage: end-to-end.py BUILD LOAD-PROGRAM [--json] [TEMPLATES [DIMENSION]]      (as root; 1 GB of memory and of disk, 3 minutes)
"""
import array
import base64
import json
import pathlib
import random
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import service as mg  # noqa: E402
from under_load import cpu_times, measure, print_cpu  # noqa: E402

CONNECTIONS, ROUNDS, PROBES, FEW = 64, 3, 256, 1000
CALLS = {"faces": 10000, "few": 20000}
A_CALL = 200  # templates that one call enrols
AIM = 0.7
INSTRUCTIONS = ("avx512-vnni", "avx2", "scalar")  # fastest first, as the worker chooses


def say(text):
    print(text, file=sys.stderr, flush=True)


def policy(dimension):
    gallery = f"[Gallery]\nDescription=Bench\nModel=bench\nDimension={dimension}\n"
    return {**mg.POLICY, "faces.gallery": gallery, "few.gallery": gallery}


class People:
    """Templates of people that do not exist: numbers by chance, some of which come back in a probe with noise."""

    def __init__(self, dimension):
        self.dimension = dimension
        self.kept = []  # templates that probes are made of

    def vector(self, generator):
        # Even numbers do: in so many dimensions their directions are as good as normal ones, and made much faster.
        return array.array("f", array.array("h", generator.randbytes(2 * self.dimension)))

    def subjects(self, n, generator):
        for i in range(n):
            vector = self.vector(generator)
            if len(self.kept) < PROBES // 2 and i % (n * 2 // PROBES) == 0:
                self.kept.append(vector)
            yield f"s{i}", vector

    def probe(self, i, generator):
        noise = self.vector(generator)
        return array.array("f", (a + b * 0.6 for a, b in zip(self.kept[i // 2], noise))) if i % 2 == 0 else noise


def template(vector):
    return {"model": "bench", "kind": "photograph", "data": base64.b64encode(vector.tobytes()).decode()}


def enrol(service, gallery, subjects):
    connection, waiting, n = service.connect(mg.ARCHIVE_UID), [], 0

    def send():
        reply = connection.call(f"{mg.MATCH}.Enrol", {"gallery": gallery, "statement": mg.statement("gallery-upkeep"), "entries": waiting},
                                timeout=120)
        assert "error" not in reply, reply
        service.take_notifications()

    for subject, vector in subjects:
        waiting.append({"subject": subject, "template": template(vector)})
        n += 1
        if len(waiting) == A_CALL:
            send()
            waiting.clear()
            if n % 20000 == 0:
                say(f"enrolled {n} in {gallery}")
    if waiting:
        send()
    connection.close()


def call_file(service, gallery, probes):
    path = service.dir / f"{gallery}.calls"
    path.write_bytes(b"\0".join(json.dumps({"method": f"{mg.MATCH}.Identify", "parameters": {
        "gallery": gallery, "probe": template(probe), "statement": mg.statement()}}).encode() for probe in probes))
    path.chmod(0o644)
    return path


def engine_rates(build, templates, dimension):
    """Return: the instruction set that the worker chooses here, and its searches a second by threads and batch."""
    for isa in INSTRUCTIONS:
        done = subprocess.run([f"{build}/daemon/worker/matchguard-worker", "--benchmark", "--json", f"--isa={isa}", f"--templates={templates}",
                               f"--dimension={dimension}"], capture_output=True, text=True, check=False, timeout=600)
        if done.returncode == 0:
            searches = json.loads(done.stdout)["galleries"][0]["searches"]
            return isa, {(row["threads"], row["batch"]): row["queriesPerSecond"] for row in searches}
    raise RuntimeError(done.stderr)


def run_round(service, build, load, files, shape):
    """Return: figures by gallery, CPU time of a call by gallery and thread, and what the engine does alone."""
    figures, spent = {}, {}
    isa, rates = engine_rates(build, *shape)
    for gallery, path in files.items():
        before = cpu_times(service)
        figures[gallery] = measure([["setpriv", f"--reuid={mg.NGO_UID}", f"--regid={mg.NGO_UID}", "--clear-groups", load,
                                     str(service.path(mg.MATCH)), str(path), '"matched"', str(CONNECTIONS), str(CALLS[gallery])]])
        after = cpu_times(service)
        spent[gallery] = {label: (after[label] - before.get(label, 0)) / CALLS[gallery] for label in after}
        service.take_notifications()
    return {"isa": isa, "rates": rates, "figures": figures, "spent": spent}


def summary(rounds, shape):
    middle = {gallery: {key: statistics.median(r["figures"][gallery][key] for r in rounds) for key in ("perSecond", "p50us", "p99us")}
              for gallery in CALLS}
    threads = max(n for n, _ in rounds[0]["rates"])
    engine = statistics.median(r["rates"][(threads, 16)] for r in rounds)
    one = statistics.median(r["rates"][(1, 16)] for r in rounds)
    return {"templates": shape[0], "dimension": shape[1], "connections": CONNECTIONS, "isa": rounds[0]["isa"], "threads": threads,
            "enginePerSecond": engine, "engineOneThreadPerSecond": one, "service": middle["faces"], "wayAlone": middle["few"],
            "share": middle["faces"]["perSecond"] / engine, "aim": AIM}


def print_summary(result, spent):
    print(f"{result['templates']} templates of {result['dimension']} dimensions, {CONNECTIONS} connections, {result['isa']}\n")
    print(f"{'':44} {'calls/s':>9} {'p50 us':>9} {'p99 us':>9}")
    print(f"{'engine alone, batch 16, threads: ' + str(result['threads']):44} {result['enginePerSecond']:>9.0f}")
    print(f"{'engine alone, batch 16, threads: 1':44} {result['engineOneThreadPerSecond']:>9.0f}")
    for name, row in (("service", result["service"]), (f"service, {FEW} templates: the way alone", result["wayAlone"])):
        print(f"{name:44} {row['perSecond']:>9.0f} {row['p50us']:>9.0f} {row['p99us']:>9.0f}")
    print(f"\nshare of the engine's rate: {100 * result['share']:.0f} % (aim {100 * AIM:.0f} %: "
          f"{'met' if result['share'] >= AIM else 'MISSED'})")
    whole, way = sum(spent["faces"].values()), sum(spent["few"].values())
    print(f"a call takes {whole:.0f} us of the processors, of which {way:.0f} us are its way: {100 * (1 - way / whole):.0f} % are left for searching "
          "where all of them are busy")
    print_cpu(spent, CONNECTIONS)


def main():
    words = [word for word in sys.argv[1:] if word != "--json"]
    build, load = words[:2]
    shape = (int(words[2]) if len(words) > 2 else 100000, int(words[3]) if len(words) > 3 else 512)
    generator, people = random.Random(1), People(shape[1])
    service = mg.Service(build, policy(shape[1])).start()
    try:
        enrol(service, "faces", people.subjects(shape[0], generator))
        enrol(service, "few", people.subjects(FEW, generator))
        probes = [people.probe(i, generator) for i in range(PROBES)]
        files = {gallery: call_file(service, gallery, probes) for gallery in CALLS}
        rounds = []
        for number in range(ROUNDS):
            rounds.append(run_round(service, build, load, files, shape))
            say(f"round {number + 1} of {ROUNDS}")
        result = summary(rounds, shape)
        spent = rounds[-1]["spent"]
        if "--json" in sys.argv:
            print(json.dumps({**result, "processorMicroseconds": spent}, indent=1))
        else:
            print_summary(result, spent)
    finally:
        service.close()


main()
