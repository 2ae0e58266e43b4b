"""What processes take: memory, descriptors, threads. For tests that look for leaks."""
import contextlib
import os
import pathlib

import killer
from memory import touched

LARGEST_MAPPING = 1 << 30  # a sanitizer's shadow is larger, and holds no bytes of anybody


def family(pid):
    """A process and its children."""
    return [pid, *killer.children_of(pid).values()]


def status(pid, key):
    """A number of proc(5)'s status; of a process that is gone 0."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == key:
                return int(value.split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def seconds(pid):
    """Processor time that all of its threads have used, in whole ticks of the kernel's."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def n_descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def resident(pid):
    """KiB in memory: all, and what is no file's."""
    return status(pid, "VmRSS"), status(pid, "RssAnon")


def slope(samples):
    """Of (x, y): the least squares' line's."""
    n = len(samples)
    mean_x, mean_y = (sum(values) / n for values in zip(*samples))
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / (sum((x - mean_x) ** 2 for x, _ in samples) or 1)


def memory(pid, access="r"):
    """All pages of a process that it has with such access, and has ever touched, as far as root can read them."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem, \
            open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for line in maps:
            begin, end = (int(number, 16) for number in line.split()[0].split("-"))
            if not line.split()[1].startswith(access) or end - begin > LARGEST_MAPPING:
                continue
            for first, last in touched(pagemap, begin, end):
                with contextlib.suppress(OSError):  # [vvar] and guard pages
                    mem.seek(first)
                    yield mem.read(last - first)
