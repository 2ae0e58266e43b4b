#!/usr/bin/env python3
"""How a worker with a device starts and what it keeps of its freedom: on PoCL it serves under a filter that kills and that binds every thread, a driver's as well,
and signals are its own again. An engine that cannot be had ends it with a message that says what to do; `auto` falls back on the processor, also where
drivers were looked through in vain; a GPU that works it takes, which is a played one of NVIDIA's. --list-devices tells the same to people and programs, with
drivers and without. All the same whatever this machine has.

Usage: device-starts.py BUILD    (root)
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import devices  # noqa: E402
import service as mg  # noqa: E402


# meson adds the folder of the played library, which is for those alone that ask for it.
ENVIRONMENT = {**devices.POCL, "LD_LIBRARY_PATH": ""}


class Site:
    """A service whose worker is started again and again."""

    def __init__(self, build, tally):
        self.build, self.tally = pathlib.Path(build), tally
        self.service = mg.Service(build)
        self.service.environment |= {**ENVIRONMENT, "POCL_CACHE_DIR": str(self.service.dir / "cache")}
        self.service.start_guard()
        self.service.wait_for("READY")
        self.service.start_frontend()

    def start(self, what, arguments=(), prefix=(), **environment):
        """Starts a worker and searches with it. Return: what it is, as the status says; None where it does not serve."""
        self.end()
        self.service.start_worker(prefix, arguments, environment=environment)
        try:
            self.service.wait_for("X_MATCHGUARD_SERVING")
        except TimeoutError:
            raise RuntimeError(f"{what}: {self.service.log('worker')}") from None
        self.service.call(*mg.enrol([("child-1", mg.unit(0))]), uid=mg.ARCHIVE_UID)
        reply = self.service.call(*mg.identify())
        found = [each["subject"] for each in reply["parameters"].get("candidates", [])]
        self.tally.check(found == ["child-1"], f"{what}: {reply} {self.service.log('worker')}")
        return json.loads(self.service.tool("status", "--json")[1])["status"]["engine"]

    def end(self):
        if "worker" in self.service.processes:
            self.service.kill("worker")
            self.service.wait_for("X_MATCHGUARD_SERVING", "0")
        (self.service.dir / "worker.log").unlink(missing_ok=True)

    def refuses(self, what, arguments, said, **environment):
        """A worker that ends at once, and says why."""
        self.end()
        self.service.start_worker(devices.WITHOUT_GPU, arguments, environment=environment)
        status, log = self.service.processes.pop("worker").wait(mg.PATIENCE), self.service.log("worker")
        self.tally.check(status == 10, f"{what}: exit status {status}")
        for words in said:
            self.tally.check(words in log, f"{what}: '{words}' in {log}")


def of_status(path, key):
    return next(line.split()[1] for line in path.read_text().splitlines() if line.startswith(f"{key}:"))


def serves_on_pocl(site):
    tally = site.tally
    engine = site.start("PoCL", ("--engine=opencl",))
    tally.check(engine == "opencl/cpu", f"it serves on {engine}")
    worker = pathlib.Path(f"/proc/{site.service.processes['worker'].pid}")
    tasks = list((worker / "task").iterdir())
    unnamed = [task for task in tasks if (task / "comm").read_text().strip() == "matchguard-work"]
    tally.check(len(unnamed) > 1, "no thread of PoCL's was seen")
    for task in tasks:
        tally.check(of_status(task / "status", "Seccomp") == "2" and of_status(task / "status", "NoNewPrivs") == "1",
                    f"a thread {(task / 'comm').read_text().strip()} is not bound by the filter")
        tally.check(int(of_status(task / "status", "SigBlk"), 16) >> signal.SIGTERM - 1 & 1, "a thread takes SIGTERM")
    caught, ignored = (int(of_status(worker / "status", key), 16) for key in ("SigCgt", "SigIgn"))
    mine = 1 << signal.SIGBUS - 1
    tally.check(caught & (1 << signal.SIGRTMIN - 3) - 1 == mine, f"signals are caught that are not the worker's: {caught:x}")
    tally.check(ignored >> signal.SIGXFSZ - 1 & 1 and ignored >> signal.SIGPIPE - 1 & 1, f"ignored: {ignored:x}")
    engine = site.start("PoCL by its name, from the environment", MATCHGUARD_ENGINE="opencl", MATCHGUARD_DEVICE="PTHREAD",
                        MATCHGUARD_DEVICE_MEMORY="64M")
    tally.check(engine == "opencl/cpu", f"by name it serves on {engine}")


def falls_back(site):
    for what, prefix, said in (("auto, where there is no GPU", devices.WITHOUT_GPU, ()), ("auto, where a GPU might be", devices.WITH_RENDER_NODES, (
            "cuda cannot be used: ", "opencl cannot be used: there is no GPU, but 0 (pthread"))):
        engine, log = site.start(what, ("--engine=auto",), prefix), site.service.log("worker")
        site.tally.check(engine.startswith("cpu/"), f"{what}: it serves on {engine}")
        site.tally.check(all(words in log for words in said) and (bool(said) or log == ""), f"{what}: it says {log!r}")
    engine = site.start("auto, of a GPU by its name", prefix=devices.WITHOUT_GPU, MATCHGUARD_ENGINE="auto", MATCHGUARD_DEVICE="Tesla")
    site.tally.check(engine.startswith("cpu/") and "Tesla" in site.service.log("worker"), f"{engine}: {site.service.log('worker')}")


def says_what_is_not_used(site):
    """Of a device, where the processor is asked for by its name; and nothing where nobody speaks of one."""
    for what, arguments, environment in (("a device", ("--device=0",), {}), ("its memory", (), {"MATCHGUARD_DEVICE_MEMORY": "64M"}), ("neither", (), {})):
        engine, log = site.start(f"cpu, and {what}", ("--engine=cpu", *arguments), **environment), site.service.log("worker")
        said = "as --engine=cpu or $MATCHGUARD_ENGINE asks for: what --device= and --device-memory=" in log
        site.tally.check(engine.startswith("cpu/") and said == (what != "neither"), f"cpu, and {what}: it serves on {engine}, and says {log!r}")


def takes_a_gpu(site):
    """Where it works; else the processor, and the log says why."""
    worker, played = devices.played_gpu(site.build, site.service.dir / "played") or (None, None)
    if not worker:
        return
    ours, site.service.programs["worker"] = site.service.programs["worker"], worker
    for what, fault, said in (("works", "", ()), ("does not open", "cuDevicePrimaryCtxRetain:1:999", ("cuda device 0 (Played? GPU 0) does not work: ",)),
                              ("does not compute", "cuLaunchKernel:1:719", ("cuda device 0 (Played? GPU 0) does not work: ",))):
        engine = site.start(f"auto, with a GPU that {what}", ("--engine=auto",), devices.WITH_GPU, PLAYED_CUDA_FAULT=fault, **played)
        log = site.service.log("worker")
        site.tally.check(engine.startswith("cpu/" if said else "cuda/sm_90"), f"a GPU that {what}: it serves on {engine}: {log}")
        site.tally.check(all(words in log for words in said), f"a GPU that {what}: it says {log}")
    site.end()
    site.service.programs["worker"] = ours


def refuses(site):
    said = ("There is no engine as --engine= or $MATCHGUARD_ENGINE asks for", "--list-devices", "gpu.conf", "OPERATIONS.md")
    site.refuses("no driver of OpenCL", ("--engine=opencl",), (*said, "opencl cannot be used"), OCL_ICD_VENDORS="/nowhere")
    site.refuses("no such device", ("--engine=opencl", "--device=7"), (*said, "there is no device '7', but 0 (pthread"))
    site.refuses("no NVIDIA", (), (*said, "cuda cannot be used: "), MATCHGUARD_ENGINE="cuda")


def run(program, *arguments, **environment):
    return subprocess.run([*devices.WITHOUT_GPU, program, *arguments], capture_output=True, text=True, check=False, timeout=mg.PATIENCE,
                          env={**os.environ, **ENVIRONMENT, **environment})


def lists(site):
    tally, program = site.tally, site.build / "daemon/worker/matchguard-worker"
    cache = {"POCL_CACHE_DIR": site.service.environment["POCL_CACHE_DIR"]}
    done = run(program, "--list-devices", POCL_CACHE_DIR=str(site.service.dir / "fresh"), MATCHGUARD_DEVICE="Tesla")
    tally.check(done.stderr == "", f"it says what is of a worker: {done.stderr}")
    tally.check(done.returncode == 0 and "opencl        0  cpu" in done.stdout and "pthread" in done.stdout, f"for people: {done}")
    found = json.loads(run(program, "--list-devices", "--json", **cache).stdout)
    tally.check([(each["engine"], each["number"], each["kind"], each["gpu"]) for each in found["devices"]] == [("opencl", 0, "cpu", False)],
                f"for programs: {found}")
    missing = {each["engine"]: each for each in found["missing"]}
    tally.check(list(missing) == ["cuda"] and "libcuda.so.1" in missing["cuda"]["remedy"], f"what is missing: {found}")
    done = run(program, "--list-devices", OCL_ICD_VENDORS="/nowhere", **cache)
    tally.check(done.returncode == 0 and "opencl cannot be used" in done.stdout and "There is no device" in done.stdout
                and "/etc/OpenCL/vendors" in done.stdout, f"without drivers: {done}")
    alone = site.service.dir / "alone"
    alone.mkdir()
    shutil.copy(program, alone)
    done = run(alone / "matchguard-worker", "--list-devices")
    tally.check(done.returncode == 0 and done.stdout.count("cannot be used") == 2 and "matchguard-opencl" in done.stdout,
                f"without modules: {done}")
    found = json.loads(run(alone / "matchguard-worker", "--list-devices", "--json").stdout)
    tally.check(not found["devices"] and len(found["missing"]) == 2, f"without modules, for programs: {found}")


def main():
    if os.getuid() != 0:
        print("needs root")
        return 77
    tally = mg.Tally()
    site = Site(sys.argv[1], tally)
    try:
        serves_on_pocl(site)
        falls_back(site)
        says_what_is_not_used(site)
        takes_a_gpu(site)
        refuses(site)
        lists(site)
    finally:
        site.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
