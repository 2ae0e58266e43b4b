#!/usr/bin/env python3
"""A device that fails under the real worker and the real guard: no answer is wrong, none is lost, each record names the engine that answered, and operators read
what happened and what to do. At every call of the driver, while queries, an enrolment and a removal are under way; at the start; and a device
that computes nonsense, which is never believed.

The device is PoCL's, behind tests/support/broken-opencl.c.

Usage: device-fails.py BUILD [SEED]    (root)
"""
import collections
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import broken_opencl as broken  # noqa: E402
import killer  # noqa: E402
import matching  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

DIMENSION, SUBJECTS, CALLERS, PIPELINED = 24, 900, 6, 8
ERRORS = {broken.CL_DEVICE_NOT_AVAILABLE: "CL_DEVICE_NOT_AVAILABLE", broken.CL_OUT_OF_RESOURCES: "CL_OUT_OF_RESOURCES",
          broken.CL_MEM_OBJECT_ALLOCATION_FAILURE: "CL_MEM_OBJECT_ALLOCATION_FAILURE",
          broken.CL_BUILD_PROGRAM_FAILURE: "CL_BUILD_PROGRAM_FAILURE"}
FAILED = "has failed"


class Site:
    def __init__(self, build, tally, chance):
        self.tally, self.chance = tally, chance
        self.service = mg.Service(build, policy=matching.policy({"faces": (DIMENSION, "event")}), in_memory=True)
        self.device = broken.Device(build, self.service.dir)
        self.book = matching.Book(consolidated=False)
        self.serial = self.n_answered = 0
        self.service.start_guard()
        self.service.wait_for("READY")
        self.service.start_frontend()

    # ------------------------------------------------------------------------------------------------ the worker

    def start_worker(self):
        (self.service.dir / "worker.log").unlink(missing_ok=True)
        self.service.start_worker(arguments=("--engine=opencl",), environment=self.device.environment())

    def start(self):
        self.device.mend()
        self.start_worker()
        ready = killer.wait_until(lambda: error_of(self.service.call(*matching.identify("faces", [1.0] * DIMENSION))) == "")
        self.n_answered += ready
        return self.tally.check(ready, f"no worker: {self.service.log('worker')}")

    def refuses_to_start(self, what, said):
        """The worker ends by itself, and says why."""
        process = self.service.processes["worker"]
        ended = killer.wait_until(lambda: process.poll() is not None)
        log = self.service.log("worker")
        self.tally.check(ended and process.returncode == 10, f"{what}: exit status {process.returncode}: {log}")
        for part in said:
            self.tally.check(part in log, f"{what}: '{part}' in {log}")
        self.service.kill("worker")

    # ------------------------------------------------------------------------------------------------ calls

    def change(self, call, what, which):
        reply = self.service.call(*call, uid=mg.ARCHIVE_UID)
        if self.tally.check(error_of(reply) == "", f"{what}: {reply}"):
            self.book.changed(reply, what, which)

    def enrol(self, n):
        self.serial += 1
        entries = [(f"s{self.serial}.{i}", matching.vector(self.chance, DIMENSION)) for i in range(n)]
        self.change(matching.enrol("faces", entries), "enrol", entries)

    def remove(self):
        subject = self.chance.choice(self.book.last()[1])[0]
        self.change(matching.remove("faces", subject), "remove", subject)

    def search(self, what, n_callers=1):
        """Several at once. Return: how many were answered."""
        sent = []
        for connection in [self.service.connect() for _ in range(n_callers)]:
            for _ in range(PIPELINED):
                probe, limit = matching.vector(self.chance, DIMENSION), self.chance.choice((1, 10, 50))
                connection.send(*matching.identify("faces", probe, limit=limit))
                sent.append((connection, probe, limit))
        replies = [connection.receive() for connection, _, _ in sent]
        lost = [reply for reply in replies if error_of(reply) != ""]
        self.tally.check(not lost, f"{what}: {len(lost)} of {len(sent)} are not answered: {lost[:1]}")
        answers = [(probe, limit, matching.FLOOR, reply) for (_, probe, limit), reply in zip(sent, replies) if error_of(reply) == ""]
        for connection in {one[0] for one in sent}:
            connection.close()
        for fault in self.book.faults(answers)[:3]:
            self.tally.check(False, f"{what}: {fault}")
        self.n_answered += len(answers)
        return len(answers)

    def engines(self, n):
        """By which engine the last searches were answered, by their records."""
        def answered(leaves):
            return [leaf for leaf in leaves if leaf["kind"] == "outcome" and leaf["result"] == "ok"
                    and leaves[leaf["of"]]["operation"] == "identify"]
        leaves = self.service.wait_exported(lambda leaves: len(answered(leaves)) >= self.n_answered)
        return [leaf["engine"] for leaf in answered(leaves)[-n:]]

    def are_of(self, n, is_right, what):
        engines = self.engines(n)
        self.tally.check(len(engines) == n and is_right(engines), f"{what}: answered by {collections.Counter(engines)}")

    # ------------------------------------------------------------------------------------------------ what people see

    def told(self, call, error):
        """The log says it once, with device, call and remedy; `status` as well."""
        killer.wait_until(lambda: FAILED in self.service.log("worker"))
        lines = [line for line in self.service.log("worker").splitlines() if FAILED in line]
        self.tally.check(len(lines) == 1, f"{call}: {len(lines)} messages: {self.service.log('worker')}")
        for part in ("pthread-", "opencl/", f"{call}: {ERRORS[error]}", "cpu/", "restart matchguard-worker"):
            self.tally.check(lines and part in lines[0], f"{call}: '{part}' in {lines}")
        found = killer.wait_until(lambda: ERRORS[error] in self.service.tool("status")[1])
        self.tally.check(found, f"{call}: not in the status: {self.service.tool('status')[1]}")

    def stop_worker(self, what):
        status = self.service.kill("worker", 15)
        self.tally.check(status == 0, f"{what}: exit status {status}: {self.service.log('worker')}")


def is_device(engine):
    return engine.startswith("opencl/")


def fails_while(site, call, error, under_way):
    """Answers by the device, then `under_way` while it fails, then answers by the processor."""
    if not site.start():
        return
    what = f"{call}, {under_way.__name__}"
    site.are_of(site.search(f"{what}, before"), lambda engines: all(map(is_device, engines)), f"{what}, before")
    site.device.fail(call, error, after=site.chance.randrange(4))
    under_way(site, what)
    site.told(call, error)
    site.enrol(3)
    site.remove()
    site.are_of(site.search(f"{what}, after"), lambda engines: not any(map(is_device, engines)), f"{what}, after")
    site.stop_worker(what)


def works(site):
    """Without a fault, for what the others are held against: and when it stops, nothing of a template or probe is left on the device."""
    site.are_of(site.search("a device that works", CALLERS), lambda engines: all(map(is_device, engines)), "a device that works")
    site.stop_worker("a device that works")
    n = site.device.seen("clReleaseMemObject")
    site.tally.check(n > 1 and site.device.left() == 0, f"{site.device.left()} of {n} buffers were not overwritten")


def queries(site, what):
    n = site.search(what, CALLERS)
    # The last is answered by the processor; once it answers, the device is not asked again.
    site.are_of(n, lambda engines: not is_device(engines[-1]), what)


def an_enrolment(site, what):
    for _ in range(4):
        site.enrol(2)
        site.search(what)


def a_removal(site, what):
    site.device.fail("clEnqueueWriteBuffer", broken.CL_OUT_OF_RESOURCES)
    site.remove()


def at_the_start(site):
    for call, error in (("clBuildProgram", broken.CL_BUILD_PROGRAM_FAILURE), ("clCreateBuffer", broken.CL_MEM_OBJECT_ALLOCATION_FAILURE)):
        site.device.mend()
        site.device.fail(call, error)
        site.start_worker()
        site.refuses_to_start(call, (f"{call}: {ERRORS[error]}", "pthread-", "--engine="))


def computes_nonsense(site):
    """From the beginning: it is found out before it is asked anything."""
    for call, word in (("clEnqueueNDRangeKernel", 0), ("clEnqueueReadBuffer", 0xffffffff), ("clEnqueueReadBuffer", 1)):
        site.device.mend()
        site.device.pretend(call, word)
        site.start_worker()
        site.refuses_to_start(f"{call} with {word:#x}", ("pthread-", "--engine="))


def computes_nonsense_later(site):
    """What no device can have found is a failure, and never answered with or written where there is no room; nor are no rows, of a
    kernel that did not run."""
    for call, word in (("clEnqueueReadBuffer", 0x7fffffff), ("clEnqueueNDRangeKernel", 0)):
        if not site.start():
            return
        what = f"{call} with {word:#x}, later"
        site.device.pretend(call, word, after=1)
        n = site.search(what, 2)
        site.are_of(n, lambda engines: not is_device(engines[-1]), what)
        site.tally.check(FAILED in site.service.log("worker"), f"{what}: {site.service.log('worker')}")
        site.stop_worker(what)


def main():
    tally, seed = mg.Tally(), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10000)
    print(f"seed {seed}")
    site = Site(sys.argv[1], tally, random.Random(seed))
    began = time.monotonic()
    try:
        if site.start():
            for _ in range(SUBJECTS // 60):
                site.enrol(60)
            works(site)
        for call, error, under_way in (("clEnqueueNDRangeKernel", broken.CL_OUT_OF_RESOURCES, queries),
                                       ("clEnqueueReadBuffer", broken.CL_DEVICE_NOT_AVAILABLE, queries),
                                       ("clEnqueueWriteBuffer", broken.CL_OUT_OF_RESOURCES, an_enrolment),
                                       ("clEnqueueWriteBuffer", broken.CL_OUT_OF_RESOURCES, a_removal)):
            fails_while(site, call, error, under_way)
        computes_nonsense_later(site)
        computes_nonsense(site)
        at_the_start(site)
        site.service.stop()
        print(f"{time.monotonic() - began:.1f} s")
    finally:
        site.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
