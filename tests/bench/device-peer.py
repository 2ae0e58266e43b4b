#!/usr/bin/env python3
"""What a library for matrices takes for a search on a GPU of NVIDIA's: the product of all templates with all queries, and the best ten of each query.

Usage: device-peer.py TEMPLATES BATCH... [--device=NUMBER]

  PyTorch     where this Python has it: in halves, and in bytes where it can, in pieces of the gallery; the best of each piece, and of those
  cuBLAS      else, by ctypes: likewise, but the product alone. It has nothing to find the best with, so that whoever uses it takes longer than this

Neither is exact: templates are rounded to halves or bytes, and nothing is compared again. Prints JSON: of each batch the way that took least. `device` is by
the GPU's clock, `end to end` from queries in the host's memory to their best there. Where nothing can be measured it says why. device.py calls it, as a
process of its own, so that no memory of the GPU stays taken.
"""
import argparse
import ctypes
import glob
import json
import os
import statistics
import sys
import time

DIMENSION = 512
BEST = 10
PRODUCTS = 1 << 28  # at once, so that they take half a gigabyte, or one
WARM_UP, ROUNDS, SECONDS = 3, 200, 2.0


class Missing(Exception):
    """There is no such peer here, or it cannot be used."""


def repeated(measure_once):
    """The median of each of the times that a call returns, in seconds."""
    for _ in range(WARM_UP):
        measure_once()
    times, until = [], time.monotonic() + SECONDS
    while len(times) < 5 or (len(times) < ROUNDS and time.monotonic() < until):
        times.append(measure_once())
    return [statistics.median(each) for each in zip(*times)]


def row_of(way, batch, device, end_to_end=None):
    row = {"way": way, "batch": batch, "deviceSecondsPerQuery": device / batch}
    return row if end_to_end is None else row | {"secondsPerQuery": end_to_end / batch}


class Torch:
    """A gallery on the GPU, once a kind of number."""

    def __init__(self, options):
        try:
            import torch  # pylint: disable=import-outside-toplevel
        except ImportError as error:
            raise Missing(f"this Python has no PyTorch ({error})") from error
        if not torch.cuda.is_available():
            raise Missing(f"PyTorch {torch.__version__} finds no GPU that it can use")
        self.torch, self.options = torch, options
        self.device = torch.device("cuda", options.device)
        self.name = f"PyTorch {torch.__version__}"
        torch.manual_seed(1)

    def random(self, n, kind, device):
        """Templates of norm 1, and of norm 127 as bytes; made in pieces."""
        torch = self.torch
        made = torch.empty(n, DIMENSION, dtype=kind, device=device)
        for piece in made.split(1 << 20):
            rows = torch.nn.functional.normalize(torch.randn(len(piece), DIMENSION, device=device))
            piece.copy_((rows * 127).round() if kind == torch.int8 else rows)
        return made

    def best_of(self, gallery, queries, batch):
        torch, found, first = self.torch, [], 0
        for piece in gallery.split(max(PRODUCTS // batch, BEST)):
            # Bytes are multiplied with bytes by this call alone, whose name says that it may change.
            products = torch._int_mm(queries, piece.T) if piece.dtype == torch.int8 else queries @ piece.T
            values, rows = products.topk(min(BEST, len(piece)))
            found.append((values, rows + first))
            first += len(piece)
        values, places = torch.cat([each[0] for each in found], 1).topk(min(BEST, first))
        return values.cpu(), torch.cat([each[1] for each in found], 1).gather(1, places).cpu()

    def measure(self, gallery, batch):
        torch = self.torch
        queries = self.random(batch, gallery.dtype, "cpu").pin_memory()

        def once():
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begun = time.perf_counter()
            begin.record()
            self.best_of(gallery, queries.to(self.device, non_blocking=True), batch)
            end.record()
            took = time.perf_counter() - begun
            end.synchronize()
            return begin.elapsed_time(end) / 1e3, took

        return repeated(once)

    def rows(self):
        for way, kind in ("halves", self.torch.float16), ("bytes", self.torch.int8):
            gallery = self.random(self.options.templates, kind, self.device)
            for batch in self.options.batch:
                try:
                    yield row_of(way, batch, *self.measure(gallery, batch))
                except RuntimeError as error:  # No product of bytes of so few queries, or no memory.
                    print(f"{self.name}, {way}, batch {batch}: {str(error).splitlines()[0]}", file=sys.stderr)
            del gallery


class Cublas:
    """Products alone, of what memory happens to hold."""

    WAYS = {"halves": (2, 2, 2, 68, ctypes.c_float), "bytes": (1, 3, 10, 70, ctypes.c_int)}  # bytes a number, its kind, that of sums, of computing

    def __init__(self, options):
        self.options = options
        self.cudart, self.cublas = self.load("cudart"), self.load("cublas")
        self.call(self.cudart.cudaSetDevice, options.device)
        self.handle = ctypes.c_void_p()
        self.call(self.cublas.cublasCreate_v2, ctypes.byref(self.handle))
        version = ctypes.c_int()
        self.call(self.cublas.cublasGetVersion_v2, self.handle, ctypes.byref(version))
        self.name = f"cuBLAS {version.value}, the product alone"

    @staticmethod
    def load(name):
        tried = [f"lib{name}.so.{version}" for version in (14, 13, 12, 11)] + sorted(glob.glob(f"/usr/local/cuda*/lib64/lib{name}.so.*"))
        for path in tried:
            try:
                return ctypes.CDLL(path)
            except OSError:
                continue
        raise Missing(f"there is no lib{name}.so, of CUDA 11 to 14, where libraries are or in /usr/local/cuda*/lib64")

    @staticmethod
    def call(function, *arguments):
        error = function(*arguments)
        if error != 0:
            raise Missing(f"cuBLAS cannot be used ({function.__name__}: error {error})")

    def allocate(self, size):
        """Random bytes, none of which is a part of a half that is no number: what is computed has its share in how fast it is."""
        address, piece = ctypes.c_void_p(), os.urandom(min(size, 1 << 24)).translate(bytes(each & 0xbb for each in range(256)))
        self.call(self.cudart.cudaMalloc, ctypes.byref(address), ctypes.c_size_t(size))
        for offset in range(0, size, len(piece)):
            self.call(self.cudart.cudaMemcpy, ctypes.c_void_p(address.value + offset), piece, ctypes.c_size_t(min(len(piece), size - offset)), 1)
        return address

    def multiply(self, way, gallery, queries, products, batch):
        """All pieces of the gallery, each of which has its templates one behind the other, with all queries; into the same place."""
        size, kind, of_sums, computing, number = self.WAYS[way]
        one, zero = number(1), number(0)
        at_once = max(PRODUCTS // batch // 16 * 16, 16)
        for first in range(0, self.options.templates, at_once):
            n = min(at_once, self.options.templates - first)
            self.call(self.cublas.cublasGemmEx, self.handle, 1, 0, n, batch, DIMENSION, ctypes.byref(one),
                      ctypes.c_void_p(gallery.value + first * DIMENSION * size), kind, DIMENSION, queries, kind, DIMENSION,
                      ctypes.byref(zero), products, of_sums, n, computing, -1)

    def measure(self, way, batch):
        size, sums = self.WAYS[way][0], 2 if way == "halves" else 4
        sizes = self.options.templates * DIMENSION * size, batch * DIMENSION * size, max(PRODUCTS, 16 * batch) * sums
        memories, events = [], [ctypes.c_void_p(), ctypes.c_void_p()]
        for event in events:
            self.call(self.cudart.cudaEventCreate, ctypes.byref(event))

        def once():
            milliseconds = ctypes.c_float()
            self.call(self.cudart.cudaEventRecord, events[0], None)
            self.multiply(way, *memories, batch)
            self.call(self.cudart.cudaEventRecord, events[1], None)
            self.call(self.cudart.cudaEventSynchronize, events[1])
            self.call(self.cudart.cudaEventElapsedTime, ctypes.byref(milliseconds), *events)
            return (milliseconds.value / 1e3,)

        try:
            for each in sizes:
                memories.append(self.allocate(each))
            return repeated(once)
        finally:
            for memory in memories:
                self.cudart.cudaFree(memory)

    def rows(self):
        for way in self.WAYS:
            for batch in self.options.batch:
                try:
                    yield row_of(way, batch, *self.measure(way, batch))
                except Missing as error:
                    print(f"{self.name}, {way}, batch {batch}: {error}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("templates", type=int)
    parser.add_argument("batch", type=int, nargs="+")
    parser.add_argument("--device", type=int, default=0)
    options = parser.parse_args()
    reasons = []
    for kind in Torch, Cublas:
        try:
            peer = kind(options)
        except Missing as missing:
            reasons.append(str(missing))
            continue
        best = {}
        for row in peer.rows():
            time_of = row.get("secondsPerQuery", row["deviceSecondsPerQuery"])
            if row["batch"] not in best or time_of < best[row["batch"]][0]:
                best[row["batch"]] = time_of, row
        print(json.dumps({"peer": peer.name, "rows": [row for _, row in best.values()]}))
        return 0
    print(json.dumps({"peer": None, "why": reasons}))
    return 0


sys.exit(main())
