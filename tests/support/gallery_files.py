#!/usr/bin/env python3
"""Reads the three files of a gallery, by matchguard-gallery(5) and nothing else.

Gallery(folder, name) holds what is there, and fails where the files are not as the page says: the page is right, or the
program is. Checksums come from libxxhash through ctypes; codes are held against the bound that they promise.

Usage: gallery_files.py FOLDER NAME
"""
import ctypes
import hashlib
import math
import pathlib
import struct
import sys

SLOT, HEAD, ROWS = 4096, 4096, 64


class Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


LIBRARY = ctypes.CDLL("libxxhash.so.0")
LIBRARY.XXH3_64bits_withSeed.restype = ctypes.c_uint64
LIBRARY.XXH3_128bits_withSeed.restype = Hash128
for function in (LIBRARY.XXH3_64bits_withSeed, LIBRARY.XXH3_128bits_withSeed):
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]


class Fault(Exception):
    """The files are not as the page says."""


def need(condition, what):
    if not condition:
        raise Fault(what)


def xxh64(data, seed):
    return LIBRARY.XXH3_64bits_withSeed(data, len(data), seed % 2**64)


def xxh128(data, seed):
    found = LIBRARY.XXH3_128bits_withSeed(data, len(data), seed % 2**64)
    return struct.pack("<QQ", found.low, found.high)


def checked(block, what):
    need(hashlib.sha256(block[32:]).digest() == block[:32], f"{what}: its SHA-256 is another")
    return block[32:]


class Gallery:
    """name, model, dimension, consolidated, epoch; rows: {row: (subject, vector)}; n_rows with those that are empty."""

    def __init__(self, folder, name):
        self.folder, self.file = pathlib.Path(folder), name
        self.read_journal((self.folder / f"{name}.gallery").read_bytes())
        self.read_originals((self.folder / f"{name}.originals").read_bytes())
        self.n_blocks = self.read_codes((self.folder / f"{name}.codes").read_bytes())

    # ------------------------------------------------------------------ NAME.gallery

    def read_journal(self, data):
        slots = [data[at:at + SLOT] for at in (0, SLOT)]
        # One of the two may be behind or torn, if the program did not end by itself.
        whole = [slot for slot in slots if hashlib.sha256(slot[32:]).digest() == slot[:32]]
        need(whole, "no slot is whole")
        self.read_slot(whole[0][32:])
        need(len(data) >= self.length >= 2 * SLOT, f"{len(data)} bytes, and {self.length} are committed")
        names, live, at = {}, 0, 2 * SLOT
        positions, removed = [], set()
        while at < self.length:
            kind, n, first = struct.unpack_from("<IIQ", data, at + 16)
            need(n > 0, f"a record of nothing at {at}")
            body = data[at + 16:at + 32 + (8 * n if kind == 2 else 0)]
            need(data[at:at + 16] == xxh128(body, self.keys[0] + at), f"the sum of the record at {at}")
            if kind == 1:
                need(first == len(positions), f"the ordinal of the record at {at}")
                positions += [at + 32 + 80 * i for i in range(n)]
                at += 32 + 80 * n
            else:
                need(kind == 2 and first == 0, f"the kind of the record at {at}")
                for ordinal in struct.unpack(f"<{n}Q", body[16:]):
                    need(ordinal < len(positions) and ordinal not in removed, f"{ordinal} is removed, and is not there")
                    removed.add(ordinal)
                at += 32 + 8 * n
        need(at == self.length, "the last record goes on behind the committed length")
        for ordinal, position in enumerate(positions):
            entry = data[position:position + 80]
            if ordinal in removed:
                need(not any(entry), f"entry {ordinal} is removed, and not overwritten")
                continue
            need(entry[:16] == xxh128(entry[16:], self.keys[0] + position), f"the sum of entry {ordinal}")
            names[ordinal] = entry[16:].rstrip(b"\0").decode()
            live += 1
        need((len(positions), live) == (self.n_rows, self.n_live), f"{len(positions)} entries, {live} of them live")
        self.names = names

    def read_slot(self, body):
        need(body[:8] == b"mgallery" and struct.unpack_from("<I", body, 8) == (2,), f"{body[:12]} is no journal")
        self.file_id = body[12:28]
        self.keys = struct.unpack("<QQ", self.file_id)
        self.dimension, self.consolidated = struct.unpack_from("<IB", body, 28)
        self.name, at = self.text(body, 33)
        self.model, at = self.text(body, at)
        self.epoch, self.length, self.n_rows, self.n_live = struct.unpack_from("<QQQQ", body, at)
        need(not any(body[at + 32:]), "a slot has something behind its end")

    @staticmethod
    def text(body, at):
        n, = struct.unpack_from("<H", body, at)
        need(body[at + 2 + n] == 0, "a text without its NUL")
        return body[at + 2:at + 2 + n].decode(), at + 3 + n

    # ------------------------------------------------------------------ what begins the other two

    def check_head(self, data, magic):
        body = checked(data[:HEAD], magic)
        need(body[:32] == magic.encode().ljust(8, b"\0") + struct.pack("<I", 1) + self.file_id + struct.pack("<I", self.dimension),
             f"the head of {magic}")
        need(not any(body[32:]), f"the head of {magic} has something behind its end")

    # ------------------------------------------------------------------ NAME.originals

    def read_originals(self, data):
        self.check_head(data, "mgorigin")
        padded = -(-self.dimension // 16) * 16
        said = padded * 4 + 8
        size = -(-(said + 8) // 64) * 64
        need(len(data) == HEAD + self.n_rows * size, f"{len(data)} bytes of originals for {self.n_rows} rows")
        self.vectors = {}
        for row in range(self.n_rows):
            slot = data[HEAD + row * size:HEAD + (row + 1) * size]
            if row not in self.names:
                need(not any(slot), f"row {row} is removed, and its original is not overwritten")
                continue
            need(struct.unpack_from("<Q", slot, said) == (xxh64(slot[:said], self.keys[0] + row),), f"the sum of original {row}")
            vector = struct.unpack_from(f"<{self.dimension}f", slot)
            need(not any(slot[self.dimension * 4:padded * 4]) and not any(slot[said + 8:]), f"padding of original {row}")
            lanes = [0.0] * 16
            for i, value in enumerate(vector):
                lanes[i % 16] += value * value
            square, = struct.unpack_from("<d", slot, padded * 4)
            need(math.isclose(square, sum(lanes), rel_tol=1e-12), f"the square of original {row}")
            self.vectors[row] = vector
        self.rows = {row: (self.names[row], self.vectors[row]) for row in self.names}

    # ------------------------------------------------------------------ NAME.codes

    def read_codes(self, data):
        self.check_head(data, "mgcodes")
        groups = -(-self.dimension // 4)
        size = ROWS * (groups * 4 + 8)
        stride = size + 64
        n_blocks = self.n_rows // ROWS
        need(len(data) == HEAD + n_blocks * stride, f"{len(data)} bytes of codes for {self.n_rows} rows")
        for number in range(n_blocks):
            block = data[HEAD + number * stride:HEAD + (number + 1) * stride]
            mask, digest = struct.unpack_from("<QQ", block, size)
            need(digest == xxh64(block[:size + 8], self.keys[1] + number), f"the sum of block {number}")
            need(mask == sum(1 << row for row in range(ROWS) if number * ROWS + row in self.names), f"the mask of block {number}")
            need(not any(block[size + 16:]), f"padding of block {number}")
            for row in range(ROWS):
                self.check_code(block, groups, row, number * ROWS + row)
        return n_blocks

    def check_code(self, block, groups, row, at):
        code = [byte - 128 for group in range(groups)
                for byte in block[(group * ROWS + row) * 4:(group * ROWS + row) * 4 + 4]]
        scale, = struct.unpack_from("<f", block, groups * 4 * ROWS + row * 4)
        residual, = struct.unpack_from("<f", block, (groups * 4 + 4) * ROWS + row * 4)
        if at not in self.vectors:
            need(not any(code) and residual == -math.inf, f"row {at} holds nothing, and has a code")
            return
        vector = self.vectors[at]
        norm = math.sqrt(sum(value * value for value in vector))
        off = math.sqrt(sum((value / norm - scale * q) ** 2 for value, q in zip(vector, code, strict=False)))
        need(not any(code[self.dimension:]), f"the code of row {at} goes on behind its dimension")
        need(off <= residual <= off * 1.001 + 1e-6, f"the code of row {at} is {off} off, and says {residual}")


if __name__ == "__main__":
    try:
        gallery = Gallery(sys.argv[1], sys.argv[2])
    except Fault as fault:
        sys.exit(f"{sys.argv[2]}: {fault}")
    print(f"{gallery.name}: {gallery.n_live} of {gallery.n_rows} rows hold a template of {gallery.model}, {gallery.dimension} "
          f"dimensions; epoch {gallery.epoch}; {gallery.n_blocks} blocks")
