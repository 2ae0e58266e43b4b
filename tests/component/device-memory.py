#!/usr/bin/env python3
"""Of a template that was removed nothing is left on the device once the removal is answered, and of all others nothing once the worker has stopped: looked for in
the memory of the real worker, of which PoCL's device has a part, and in each buffer that is given back. With room for the whole gallery, and with less than half of that.

Usage: device-memory.py BUILD    (root)
"""
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import broken_opencl as broken  # noqa: E402
import killer  # noqa: E402
import matching  # noqa: E402
import processes  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

DIMENSION = 64
OTHERS = 560
COMPACTED = 300  # removals, after which fewer rows hold a template than do not, so that the gallery is compacted
ROWS, CODE_MAX = 64, 127  # of a block; the largest code (daemon/worker/codes.h)
LARGE = 40000    # templates: 2.9 MB of codes
LITTLE = "1M"    # of the device's memory


class Site:
    def __init__(self, build, tally):
        self.tally, self.chance = tally, random.Random(5)
        self.service = mg.Service(build, policy=matching.policy({"faces": (DIMENSION, "consolidated")}), in_memory=True)
        self.device = broken.Device(build, self.service.dir)
        self.marked = {}  # subject: its template
        self.service.start_guard()
        self.service.wait_for("READY")
        self.service.start_frontend()

    def start_worker(self, *arguments):
        self.device.mend()
        self.service.start_worker(arguments=("--engine=opencl", *arguments), environment=self.device.environment())
        ready = killer.wait_until(lambda: error_of(self.service.call(*matching.identify("faces", [1.0] * DIMENSION))) == "", 20)
        self.tally.check(ready, f"no worker: {self.service.log('worker')}")

    def stop_worker(self, what):
        self.tally.check(self.service.kill("worker", 15) == 0, f"{what}: {self.service.log('worker')}")
        n = self.device.seen("clReleaseMemObject")
        self.tally.check(n > 1 and self.device.left() == 0, f"{what}: {self.device.left()} of {n} buffers were not overwritten")

    # ------------------------------------------------------------------------------------------------ the gallery

    def enrol(self, entries):
        for first in range(0, len(entries), 100):
            reply = self.service.call(*matching.enrol("faces", entries[first:first + 100]), uid=mg.ARCHIVE_UID)
            self.tally.check(error_of(reply) == "", f"{reply}")

    def enrol_all(self):
        """Somebody marked before, among and behind the others: of a template of ones only, each code is as large as can be, and known."""
        self.marked = {f"m{i}": [float(self.chance.choice((-1, 1))) for _ in range(DIMENSION)] for i in range(8)}
        others = [(f"o{i}", matching.vector(self.chance, DIMENSION)) for i in range(OTHERS)]
        for i, entry in enumerate(self.marked.items()):
            others.insert(i * len(others) // len(self.marked), entry)
        self.enrol(others)

    def remove(self, subject):
        reply = self.service.call(*matching.remove("faces", subject), uid=mg.ARCHIVE_UID)
        self.tally.check(error_of(reply) == "", f"{reply}")

    def file_number(self):
        """Another one once the gallery was compacted: a new file takes the old one's place."""
        return (self.service.state / "galleries/faces.gallery").stat().st_ino

    def search(self, subject):
        """Return: whether it is found, as itself."""
        reply = self.service.call(*matching.identify("faces", self.marked[subject], limit=1))
        return error_of(reply) == "" and matching.candidates(reply) == [(subject, 1.0)]

    # ------------------------------------------------------------------------------------------------ the memory

    def count(self, subject):
        """How often its code stands in the memory of the worker, in the layout of a block."""
        codes = bytes(128 + int(CODE_MAX * value) for value in self.marked[subject])
        groups = [codes[i:i + 4] for i in range(0, DIMENSION, 4)]
        return sum(count_spread(part, groups) for part in processes.memory(self.service.processes["worker"].pid, "rw"))

    def copies_are(self, subject, right, what):
        found = self.count(subject)
        self.tally.check(found in right, f"{what}: {found} copies of {subject} are in the memory")


def count_spread(data, groups):
    """How often groups of bytes stand in it at the distance that they have in a block."""
    n, at = 0, data.find(groups[0])
    while at >= 0:
        n += all(data[at + i * ROWS * 4:at + i * ROWS * 4 + 4] == group for i, group in enumerate(groups))
        at = data.find(groups[0], at + 1)
    return n


def the_whole_gallery_fits(build, tally):
    site = Site(build, tally)
    try:
        site.start_worker()
        site.enrol_all()
        for subject in ("m0", "m3", "m7"):
            site.tally.check(site.search(subject), f"{subject} is not found")
            site.copies_are(subject, (2,), "searched")
            site.remove(subject)
            site.copies_are(subject, (0,), "removed")
            site.tally.check(not site.search(subject), f"{subject} is found again")
        before = site.file_number()
        for i in range(COMPACTED):
            site.remove(f"o{i}")
        tally.check(killer.wait_until(lambda: site.file_number() != before, 10), "the gallery is not compacted")
        site.tally.check(site.search("m1"), "m1 is not found")
        killer.wait_until(lambda: site.count("m1") == 2, 2)
        site.copies_are("m1", (2,), "compacted")
        site.remove("m1")
        site.copies_are("m1", (0,), "compacted, and removed")
        site.stop_worker("with room for all")
        site.service.stop()
    finally:
        site.service.close()


def not_even_half_of_it_fits(build, tally):
    site = Site(build, tally)
    try:
        subprocess.run([site.service.build / "tests/support/make-gallery", site.service.state / "galleries", "faces", f"test-{DIMENSION}",
                        str(DIMENSION), str(LARGE)], check=True)
        site.start_worker(f"--device-memory={LITTLE}")
        site.enrol_all()
        for subject in ("m2", "m4"):
            for _ in range(3):
                site.tally.check(site.search(subject), f"{subject} is not found")
            site.copies_are(subject, (1, 2), "searched in parts")
            site.remove(subject)
            site.copies_are(subject, (0,), "removed")
            site.tally.check(not site.search(subject), f"{subject} is found again")
        site.stop_worker("with little room")
        site.service.stop()
    finally:
        site.service.close()


def main():
    tally = mg.Tally()
    the_whole_gallery_fits(sys.argv[1], tally)
    not_even_half_of_it_fits(sys.argv[1], tally)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
