"""What stands in the memory of a process: every form in which a template, or its code, could be kept there.

The place of a code in a block is written anew here, by what worker/codes.h says of it.
"""
import array
import math
import os
import struct

ROWS, LARGEST, BIAS = 64, 127, 128
PAGE = os.sysconf("SC_PAGE_SIZE")


def code(values):
    """The whole numbers of a template: the largest becomes 127."""
    values = struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values))
    per = LARGEST / max(abs(value) for value in values)
    return [int(value * per + math.copysign(0.5, value)) for value in values]


def forms(values):
    """Ways in which a template is written one number after the other."""
    whole = code(values)
    return {"float32": struct.pack(f"<{len(values)}f", *values), "float64": struct.pack(f"<{len(values)}d", *values),
            "bytes": struct.pack(f"{len(whole)}b", *whole), "codes": bytes(number + BIAS for number in whole),
            "whole numbers": struct.pack(f"<{len(whole)}h", *whole)}


def touched(pagemap, begin, end):
    """The stretches of addresses that have pages, or had them and were swapped out."""
    entries = array.array("Q", os.pread(pagemap.fileno(), (end - begin) // PAGE * 8, begin // PAGE * 8))
    first = None
    for at, entry in enumerate([*entries, 0]):
        has_page = entry >> 62 != 0
        if has_page and first is None:
            first = at
        elif not has_page and first is not None:
            yield begin + first * PAGE, begin + at * PAGE
            first = None


class Memory:
    """All that a process can write to, and the files of a folder that it has mapped, as they are now."""

    def __init__(self, pid, folder="/galleries/"):
        self.pieces = []  # of memory, without what was never touched
        while not self._read(pid, folder):  # it changed in the middle
            self.pieces.clear()

    def _read(self, pid, folder):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem, \
                open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
            for line in maps:
                addresses, permissions, *_ = line.split(maxsplit=2)
                if permissions[0] == "r" and (permissions[1] == "w" or folder in line):
                    begin, end = (int(address, 16) for address in addresses.split("-"))
                    for first, last in touched(pagemap, begin, end):
                        try:
                            self.pieces.append(os.pread(mem.fileno(), last - first, first))
                        except OSError:
                            return False
                        if len(self.pieces[-1]) != last - first:
                            return False
        return True

    @property
    def size(self):
        return sum(len(piece) for piece in self.pieces)

    def rows(self, values):
        """How often the code stands in a row of a block."""
        biased = bytes(number + BIAS for number in code(values))
        groups = [biased[at:at + 4] for at in range(0, len(biased), 4)]
        return sum(self._rows(piece, groups) for piece in self.pieces)

    @staticmethod
    def _rows(piece, groups):
        n, at = 0, piece.find(groups[0])
        while at >= 0:
            n += all(piece[at + i * 4 * ROWS:at + i * 4 * ROWS + 4] == group for i, group in enumerate(groups))
            at = piece.find(groups[0], at + 1)
        return n

    def found(self, values):
        """Every form in which the template is there, and how often."""
        counts = {name: sum(piece.count(data) for piece in self.pieces) for name, data in forms(values).items()}
        return {name: n for name, n in {"rows of blocks": self.rows(values), **counts}.items() if n > 0}
