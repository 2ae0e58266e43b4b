#!/usr/bin/env python3
"""What was removed is nowhere in the worker any more when the removal is answered: not in its own memory, and not in that of the device. PoCL's is the worker's
own, so that root can look through both.

The device's memory is small. A gallery that gave way to another, one that is larger than all of it, one that was compacted: each stands in
the worker once, and twice as far as it is on the device, and nowhere else.

Usage: device-forgets.py BUILD    (root)
"""
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import devices  # noqa: E402
import killer  # noqa: E402
import matching  # noqa: E402
import memory  # noqa: E402
import service as mg  # noqa: E402

DIMENSION, ROWS = 1024, memory.ROWS
LIMIT = "1M"  # room for 15 blocks, each a part of its own
AT_ONCE = 150
GALLERIES = ("small", "middle", "large", "untidy")


class Site:
    def __init__(self, build, tally):
        self.tally, self.chance = tally, random.Random(8)
        self.service = mg.Service(build, policy=matching.policy({name: (DIMENSION, "event") for name in GALLERIES}), in_memory=True)
        self.build = pathlib.Path(build).resolve()
        self.bulk = self.vector()

    def vector(self):
        return matching.vector(self.chance, DIMENSION)

    def start(self):
        self.service.start_guard()
        self.service.wait_for("READY")
        self.service.start_worker(arguments=("--engine=opencl", f"--device-memory={LIMIT}"),
                                  environment={**devices.POCL, "POCL_CACHE_DIR": str(self.build / "pocl-cache")})
        self.service.start_frontend()
        self.service.wait_for("X_MATCHGUARD_SERVING")

    def call(self, call, uid):
        reply = self.service.call(*call, uid=uid)
        self.tally.check("error" not in reply, f"{call[0]}: {reply} {self.service.log('worker')}")

    def enrol(self, gallery, n_blocks):
        """Fills blocks. Return: the first template of the first and of the last block; all others are one and the same."""
        templates = [("bulk", self.bulk)] * (n_blocks * ROWS)
        first, last = ("first", self.vector()), ("last", self.vector())
        templates[0], templates[-ROWS] = first, last
        for at in range(0, len(templates), AT_ONCE):
            self.call(matching.enrol(gallery, templates[at:at + AT_ONCE]), mg.ARCHIVE_UID)
        return first[1], last[1]

    def remove(self, gallery, subject):
        self.call(matching.remove(gallery, subject), mg.ARCHIVE_UID)

    def search(self, gallery):
        self.call(matching.identify(gallery, self.bulk), mg.NGO_UID)

    def look(self):
        return memory.Memory(self.service.processes["worker"].pid)

    def stands(self, vector, n, what):
        """Its code is in so many blocks."""
        found = self.look().rows(vector)
        self.tally.check(found == n, f"{what}: {found} times, not {n}")

    def is_gone(self, vector, what):
        found = self.look().found(vector)
        self.tally.check(not found, f"{what}: {found}")


def removed(site):
    first, last = site.enrol("small", 4)
    site.stands(first, 1, "nobody has searched yet")
    site.search("small")
    site.stands(first, 2, "a gallery that is on the device")
    # It was what was searched for, too: as it stands in the gallery, and sent by somebody who has it.
    site.call((f"{mg.MATCH}.IdentifyStored", {"gallery": "small", "statement": mg.statement(), "subject": "first", "limit": 1,
                                              "minimumSimilarity": matching.FLOOR}), mg.NGO_UID)
    site.call(matching.identify("small", first), mg.NGO_UID)
    site.remove("small", "first")
    site.is_gone(first, "what was removed")
    # And while others go on searching.
    connection = site.service.connect()
    for _ in range(30):
        connection.send(*matching.identify("small", site.bulk))
    site.stands(last, 2, "while it is searched")
    site.remove("small", "last")
    site.is_gone(last, "what was removed while others searched")
    site.tally.check(all("error" not in connection.receive() for _ in range(30)), "they were answered")
    connection.close()


def gave_way_or_went_through(site):
    middle = site.enrol("middle", 12)
    site.search("middle")
    large = site.enrol("large", 20)
    site.stands(middle[1], 2, "the last block of a gallery that is on the device")
    site.search("large")
    site.stands(middle[0], 1, "the first block of a gallery that gave way")
    site.stands(middle[1], 1, "the last block of a gallery that gave way")
    site.stands(large[0], 2, "what stays of a gallery that does not fit")
    site.stands(large[1], 1, "what only went through")
    site.remove("large", "last")
    site.is_gone(large[1], "what only went through and was removed")
    site.remove("large", "first")
    site.is_gone(large[0], "what stayed and was removed")


def compacted(site):
    first, last = site.enrol("untidy", 6)
    site.search("untidy")
    site.stands(first, 2, "before a compaction")
    path = site.service.state / "galleries/untidy.originals"
    before = path.stat().st_size
    site.remove("untidy", "bulk")
    site.tally.check(killer.wait_until(lambda: path.stat().st_size < before / 2), "it is not compacted")
    site.tally.check(killer.wait_until(lambda: site.look().rows(first) == 1), "the device has the old rows still")
    site.search("untidy")
    site.stands(last, 2, "after a compaction")
    site.remove("untidy", "last")
    site.is_gone(last, "what was removed after a compaction")


def main():
    # With it malloc overwrites what is freed, so that it would not be seen who forgets to.
    os.environ.pop("MALLOC_PERTURB_", None)
    tally = mg.Tally()
    site = Site(sys.argv[1], tally)
    try:
        site.start()
        for scenario in (removed, gave_way_or_went_through, compacted):
            scenario(site)
    finally:
        site.service.close()
    return tally.finish()


sys.exit(main())
