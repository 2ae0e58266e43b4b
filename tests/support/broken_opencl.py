"""An OpenCL device that breaks when a test says so, in a real worker: see broken-opencl.c, which this controls.

Device is a file in the folder of a test. What it says is the same for every worker that starts with its environment, one after the other.
"""
import mmap
import pathlib
import struct

import devices

CALLS = ["clEnqueueNDRangeKernel", "clEnqueueReadBuffer", "clEnqueueWriteBuffer", "clEnqueueFillBuffer", "clFinish", "clCreateBuffer",
         "clBuildProgram", "clReleaseMemObject"]
WORDS = struct.Struct("<IIiI")

CL_DEVICE_NOT_AVAILABLE, CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES, CL_BUILD_PROGRAM_FAILURE = -2, -4, -5, -11


class Device:
    def __init__(self, build, directory):
        self.library = pathlib.Path(build) / "tests/support/libbroken-opencl.so"
        self.path = pathlib.Path(directory) / "broken-opencl"
        self.path.write_bytes(bytes(WORDS.size * len(CALLS)))
        with open(self.path, "r+b") as file:
            self.words = mmap.mmap(file.fileno(), 0)

    def environment(self):
        # What was never written is to be zero, for left().
        return {**devices.POCL, "LD_PRELOAD": str(self.library), "MATCHGUARD_BROKEN_OPENCL": str(self.path), "MALLOC_PERTURB_": "0"}

    def seen(self, call):
        return WORDS.unpack_from(self.words, CALLS.index(call) * WORDS.size)[0]

    def fail(self, call, error, after=0):
        """From the next such call on, or that after so many."""
        self._break(call, error, 0, after)

    def pretend(self, call, word=0, after=0):
        """Likewise, but that it ends well: a kernel does not run, what is read is a word over and over."""
        self._break(call, 0, word, after)

    def _break(self, call, error, word, after):
        at = CALLS.index(call) * WORDS.size
        struct.pack_into("<iI", self.words, at + 8, error, word)
        struct.pack_into("<I", self.words, at + 4, self.seen(call) + 1 + after)

    def left(self):
        """How many buffers were given back with anything but zeros in them."""
        return WORDS.unpack_from(self.words, CALLS.index("clReleaseMemObject") * WORDS.size)[3]

    def mend(self):
        """It works again, and nothing was ever called."""
        self.words[:] = bytes(len(self.words))
