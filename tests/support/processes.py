"""What processes take: memory, descriptors, threads. For tests that look for leaks."""
import os
import pathlib

import killer


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
