"""What benchmarks of the whole service have in common: loads that run side by side, and who has spent what time of the processor."""
import json
import pathlib
import statistics
import subprocess


def measure(commands):
    """Runs loads side by side. Return: their figures as one; the latencies of the middle one and of the worst."""
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands]
    figures = []
    for run in runs:
        stdout, stderr = run.communicate(timeout=300)
        if run.returncode != 0:
            raise RuntimeError(f"{run.args}: {stdout} {stderr}")
        figures.append(json.loads(stdout))
    return {"perSecond": sum(f["perSecond"] for f in figures), "p50us": statistics.median(f["p50us"] for f in figures),
            "p99us": max(f["p99us"] for f in figures)}


def cpu_times(service):
    """CPU time in us of every thread of the service, by what it does."""
    pids = {process.pid: name for name, process in service.processes.items()}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        if pids.get(parent) == "frontend":
            pids[int(stat.parent.name)] = "frontend's child"
    times = {}
    for pid, name in pids.items():
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            label = name if int(thread.name) == pid else f"{name}, {(thread / 'comm').read_text().strip()} {thread.name}"
            times[label] = times.get(label, 0) + int((thread / "schedstat").read_text().split()[0]) / 1000
    return times


def print_cpu(spent, connections):
    print(f"\nCPU time of a request at {connections} connections, us, by thread (over 0.5)")
    for name, times in spent.items():
        print(f"  {name}: {sum(times.values()):.0f} in all", flush=True)
        for label, microseconds in sorted(times.items(), key=lambda item: -item[1]):
            if microseconds > 0.5:
                print(f"    {microseconds:7.1f}  {label}")
