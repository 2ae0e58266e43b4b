"""A clock that a test sets: preloaded into a real guard by tests/support/clock.c."""
import os
import pathlib
import struct
import time


class Clock:
    """What one guard takes for the wall clock: this machine's, moved by so many seconds, and synchronised or not."""

    def __init__(self, build, directory):
        self.library = pathlib.Path(build) / "tests/support/libtest-clock.so"
        self.path = pathlib.Path(directory) / "clock"
        assert self.library.exists(), self.library
        self.set(0)

    def set(self, moved, synchronised=True, boottime=0):
        """Takes effect at once, without a word to the guard. @boottime: how far the clock of its timers is moved."""
        self.moved = moved
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        # In one piece, so that the guard never sees half of it.
        os.pwrite(fd, struct.pack("<qqq", round(moved * 1000000), int(synchronised), round(boottime * 1000000)), 0)
        os.close(fd)

    def now(self):
        return time.time() + self.moved

    def environment(self):
        # A sanitized guard would have its own library be the first, and has nothing to fear of this one.
        asan = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        return {"LD_PRELOAD": str(self.library), "MATCHGUARD_TEST_CLOCK": str(self.path), "ASAN_OPTIONS": asan}
