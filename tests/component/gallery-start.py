#!/usr/bin/env python3
"""The start of a worker with a large gallery: it maps and rebuilds nothing, is ready soon, and takes the memory that codes and names take,
not that of the templates; and answers rightly. The start is warm: the files are in the page cache.

Usage: gallery-start.py BUILD    (root)

MATCHGUARD_START_TEMPLATES says how many templates (50000); MATCHGUARD_START_DIMENSION of how many dimensions (512).
"""
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import matching  # noqa: E402
import processes  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

N = int(os.environ.get("MATCHGUARD_START_TEMPLATES", "50000"))
DIMENSION = int(os.environ.get("MATCHGUARD_START_DIMENSION", "512"))
GALLERY = {"large": (DIMENSION, "consolidated")}
MASK = (1 << 64) - 1

# A million are to be ready in two seconds, on a machine that does nothing else; this one may do much, so that what counts is the
# processor's time. A start that waits for the disk is seen by what it maps.
READY_SECONDS_A_MILLION, READY_SECONDS = 2.0, 0.5
CODES_BYTES = 520 * DIMENSION // 512 + 16  # a template
NAME_BYTES = 200                           # its subject and its row, with room to grow
STARTS = 5


def element(at):
    """As tests/support/make-gallery.c makes it."""
    mixed = (at + 1) * 0x9e3779b97f4a7c15 & MASK
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9 & MASK
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb & MASK
    mixed ^= mixed >> 31
    return (mixed >> 40) / (1 << 23) - 1


def template(row):
    return [element(row * DIMENSION + j) for j in range(DIMENSION)]


class Starts:
    def __init__(self, build, tally):
        self.build, self.tally = pathlib.Path(build), tally
        self.service = mg.Service(build, policy=matching.policy(GALLERY), in_memory=True)
        self.files = {file: self.service.state / "galleries" / f"large.{file}" for file in ("gallery", "originals", "codes")}

    def start(self):
        """Return: the seconds of processor time that it takes until it serves."""
        self.service.take_notifications()
        self.service.notified.pop("X_MATCHGUARD_SERVING", None)
        self.service.start_worker()
        self.service.wait_for("X_MATCHGUARD_SERVING")
        return processes.seconds(self.service.processes["worker"].pid)

    def stop(self):
        self.service.kill("worker", signal.SIGTERM)
        self.service.wait_for("X_MATCHGUARD_SERVING", "0")

    def memory(self, key):
        return processes.status(self.service.processes["worker"].pid, key)

    def best_start(self):
        """The shortest of some starts, and what each took of memory: others use this machine too."""
        times = []
        for _ in range(STARTS):
            times.append(self.start())
            kept = self.memory("RssAnon")
            mapped = self.memory("RssFile") + self.memory("RssShmem")
            self.stop()
        return min(times), kept, mapped

    def state_of_files(self):
        return {file: (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino) for file, path in self.files.items()}

    def search(self):
        """The first, the last, some between, and one that is not there."""
        for row in (0, 1, N // 3, N - 2, N - 1):
            reply = self.service.call(*matching.identify("large", template(row), limit=1))
            right = error_of(reply) == "" and matching.candidates(reply) == [(f"s{row}", 1.0)] and reply["parameters"]["searched"] == N
            self.tally.check(right, f"template {row}: {reply}")
        reply = self.service.call(*matching.identify("large", template(N), limit=1, floor=0.9))
        self.tally.check(error_of(reply) == "" and matching.candidates(reply) == [], f"a stranger: {reply}")

    def run(self):
        self.service.start()
        self.stop()
        empty, empty_kept, empty_mapped = self.best_start()
        subprocess.run([self.build / "tests/support/make-gallery", self.service.state / "galleries", "large", f"test-{DIMENSION}",
                        str(DIMENSION), str(N)], check=True)
        before = self.state_of_files()
        ready, kept, mapped = self.best_start()
        bytes_a_template = (kept - empty_kept) * 1024 / N
        originals = self.files["originals"].stat().st_size
        print(f"{N} templates of {DIMENSION} dimensions: ready in {ready * 1000:.0f} ms of processor time, without any in {empty * 1000:.0f} ms; "
              f"{bytes_a_template:.0f} bytes a template in memory, {(mapped - empty_mapped) / 1024:.1f} MiB of "
              f"{originals / (1 << 20):.0f} MiB originals mapped in", flush=True)
        self.tally.check(ready - empty < READY_SECONDS + READY_SECONDS_A_MILLION * N / 1e6, f"ready after {ready:.2f} s of processor time only")
        self.tally.check(bytes_a_template < CODES_BYTES + NAME_BYTES, f"{bytes_a_template:.0f} bytes a template")
        self.tally.check((mapped - empty_mapped) * 1024 < originals / 20, f"{mapped - empty_mapped} KiB of the originals were read")
        self.tally.check(self.state_of_files() == before, "a start changes files")
        self.start()
        self.search()
        self.tally.check("made again" not in self.service.log("worker"), self.service.log("worker"))


def main():
    tally = mg.Tally()
    starts = Starts(sys.argv[1], tally)
    try:
        starts.run()
    finally:
        starts.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
