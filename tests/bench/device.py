#!/usr/bin/env python3
"""An engine on a device: how fast beside the processor's, and, where asked, whether it is exact; with what is aimed at for it.

Usage: device.py BUILD [--engine=opencl|cuda] [--device=DEVICE] [--templates=N,N] [--exact[=TEMPLATES]]

  (nothing)     PoCL, 100,000 templates of 512 dimensions, with one thread on either side: it is the processor, too
  --engine=cuda           the same on a GPU of NVIDIA, with a million and 20 million templates (120 GB of memory; without, the million alone)
  --exact       before that the exactness suite on the device, as tests/run has it for PoCL, and a gallery of a million templates, or so many

On a GPU of NVIDIA's, after each gallery, device-peer.py measures what PyTorch or cuBLAS takes for the same, if this Python or this machine has one of them; call
this program with a Python that has PyTorch, since cuBLAS finds no best. --device= has to be a number for that.

Times are by `matchguard-worker --benchmark`, which answers on the device and on the processor in turn, confined: a driver that makes a call that is
not in the list ends it, and that is said. "device" is by the device's own clock, "end to end" by ours, from the call of the engine to its answer, with the
exact comparison of what the device found. Best on a machine that does nothing else: PoCL's thread waits for a processor once a round where others have it. A figure that is missed is no error; a wrong answer is, and an end before time.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

PEER = pathlib.Path(__file__).resolve().parent / "device-peer.py"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Programs, and which of their tests: of CUDA's driver alone those that need not look into the device's memory or have it fail.
EXACT = {"opencl": [("test-worker-device", "*")], "cuda": [("test-worker-device", "*"),
                                                           ("test-worker-device-cuda", "device_cuda/@(gives|hands|writes|finds|works)*")]}
EXACT_OF_ANY = [("test-worker-exact", "*"), ("test-worker-exact-device", "*"), ("test-worker-exact-driver", "*")]
PEER_BATCHES = ["1", "1024"]
SIZES = {"opencl": [100_000], "cuda": [1_000_000, 20_000_000]}

# What is aimed at: of which engine, templates, batch; what; whether it is a least or a most. Of CUDA for an H200.
AIMS = [
    ("opencl", 100_000, 1, "timesProcessor", "times as fast as the processor", ">=", 0.35),
    ("opencl", 1_000_000, 1, "timesProcessor", "times as fast as the processor", ">=", 0.35),
    ("cuda", 1_000_000, 1, "deviceSecondsPerQuery", "s a query, device", "<=", 0.16e-3),
    ("cuda", 1_000_000, 1, "secondsPerQuery", "s a query, end to end", "<=", 0.16e-3),
    ("cuda", 20_000_000, 1, "deviceSecondsPerQuery", "s a query, device", "<=", 2.7e-3),
    ("cuda", 20_000_000, 1, "secondsPerQuery", "s a query, end to end", "<=", 2.7e-3),
    ("cuda", 1_000_000, 1024, "deviceQueriesPerSecond", "queries a second, device", ">=", 500_000),
    ("cuda", 1_000_000, 1024, "queriesPerSecond", "queries a second, end to end", ">=", 500_000),
]


class Failure(Exception):
    pass


def ending_of(status):
    if status == -signal.SIGSYS:
        return "made a system call that confine.c does not list; --log-seccomp shows which"
    return f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"


def examine(options):
    """The exactness suite, on the device. Each program says how many of its tests it held."""
    build = options.build
    environment = {**os.environ, "MATCHGUARD_EXACT_ENGINE": options.engine, "MATCHGUARD_EXACT_MODULES": str(build / "daemon/worker"),
                   "MATCHGUARD_DEVICE_MODULE": str(build / f"daemon/worker/engine-{options.engine}.so"),
                   "MATCHGUARD_EXACT_LARGE": str(options.exact)}
    if options.device:
        environment["MATCHGUARD_EXACT_DEVICE"] = options.device
    for name, tests in EXACT[options.engine] + EXACT_OF_ANY:
        done = subprocess.run([build / "tests/unit/worker" / name, "--filter", tests], env=environment, capture_output=True, text=True, check=False)
        said = COLOUR.sub("", done.stdout + done.stderr)
        tally = re.findall(r"Synthesis: (.*)", said)
        print(f"{name:26} {tally[-1] if tally else ending_of(done.returncode)}", flush=True)
        if done.returncode != 0:
            raise Failure(said[-3000:])


def measure(options, n_templates):
    """What the benchmark says of one gallery, and of the device; None where memory does not suffice."""
    command = [options.build / "daemon/worker/matchguard-worker", "--benchmark", "--json", f"--engine={options.engine}",
               f"--templates={n_templates}", *options.worker]
    done = subprocess.run(command, env=options.environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"matchguard-worker --benchmark {ending_of(done.returncode)}\n{done.stderr}")
    said = json.loads(done.stdout)
    if not said["galleries"]:
        print(f"{n_templates} templates: not measured\n{done.stderr}")
        return None
    gallery, = said["galleries"]
    rows = {row["batch"]: row for row in gallery["onDevice"]["searches"]}
    for row in rows.values():
        if "deviceSecondsPerQuery" in row:
            row["deviceQueriesPerSecond"] = 1 / row["deviceSecondsPerQuery"]
    print_gallery(said, gallery, rows)
    return rows


def print_gallery(said, gallery, rows):
    on_device, device = gallery["onDevice"], said["device"]
    print(f"\n{gallery['templates']} templates of {said['dimension']} on {device['engine']}: {device['name']}; in turn with "
          f"{on_device['beside']} on {said['processor']}\n{'batch':>7} {'ms, device':>12} {'ms, end to end':>14} {'ms, processor':>14} "
          f"{'queries/s':>11} {'x processor':>12} {'codes GB/s':>11}")
    for batch, row in rows.items():
        print(f"{batch:7} {1e3 * row.get('deviceSecondsPerQuery', 0):12.4f} {1e3 * row['secondsPerQuery']:14.4f} "
              f"{1e3 * row['processorSecondsPerQuery']:14.4f} {row['queriesPerSecond']:11.0f} {row['timesProcessor']:12.2f} "
              f"{row.get('bytesPerSecond', 0) / 1e9:11.1f}", flush=True)


def measure_peer(options, n_templates, rows):
    """What others take for that on the same GPU, in a process of its own: it gives back what it took of the GPU's memory."""
    if options.device and not options.device.isdigit():
        print("\nBeside it: nothing, because --device= is no number")
        return
    done = subprocess.run([sys.executable, PEER, str(n_templates), *PEER_BATCHES, f"--device={options.device or 0}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{PEER.name} {ending_of(done.returncode)}\n{done.stderr}")
    said = json.loads(done.stdout)
    if not said["peer"]:
        print(f"\nBeside it: no peer was found here: {'; '.join(said['why'])}", flush=True)
        return
    print(f"\nBeside it, on the same GPU, not exact: {said['peer']}\n{'batch':>7} {'ms, device':>12} {'x peer':>9} {'ms, end to end':>14} {'x peer':>9}  "
          "templates as")
    for peer in said["rows"]:
        own, line = rows.get(peer["batch"], {}), f"{peer['batch']:7}"
        for key, width in ("deviceSecondsPerQuery", 12), ("secondsPerQuery", 14):
            both = key in peer and key in own
            line += f" {1e3 * peer[key]:{width}.4f}" if key in peer else f" {'-':>{width}}"
            line += f" {peer[key] / own[key]:9.2f}" if both else f" {'-':>9}"
        print(f"{line}  {peer['way']}", flush=True)
    print(done.stderr, end="", flush=True)


def print_aims(engine, measured):
    print("\nAims")
    for of, templates, batch, key, words, sense, wanted in AIMS:
        if of != engine or templates not in measured:
            continue
        reached = ((measured[templates] or {}).get(batch) or {}).get(key)
        met = reached is not None and (reached >= wanted if sense == ">=" else reached <= wanted)
        ending = "not measured" if reached is None else f"{reached:<9.4g} {'met' if met else 'missed'}"
        print(f"  {templates:>9}, batch {batch:>4}, {words:32} {sense} {wanted:<9g} {ending}")


def parse():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--engine", choices=sorted(SIZES), default="opencl")
    parser.add_argument("--device")
    parser.add_argument("--templates", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--exact", nargs="?", type=int, const=1_000_000)
    options = parser.parse_args()
    options.worker = [f"--device={options.device}"] if options.device else []
    options.environment = dict(os.environ)
    if options.engine == "opencl":
        # PoCL takes all processors, unless it is told otherwise. What it compiles is kept beside what was built.
        options.worker.append("--threads=1")
        options.environment |= {"POCL_MAX_PTHREAD_COUNT": "1", "POCL_CACHE_DIR": str(options.build / "pocl-cache")}
    return options


def main():
    options = parse()
    try:
        if options.exact:
            examine(options)
        measured = {}
        for n in options.templates or SIZES[options.engine]:
            measured[n] = measure(options, n)
            if measured[n] and options.engine == "cuda":
                measure_peer(options, n, measured[n])
    except Failure as failure:
        print(failure)
        return 1
    print_aims(options.engine, measured)
    return 0


sys.exit(main())
