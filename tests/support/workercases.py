"""What a taken-over worker says, each on a connection of its own, and what must come of it: tables.

RESULTS: a name, the operation and the release of the request that it is about, what is said (a function of the job; it returns
packets), and what must happen. HELLOS: a name and the first thing said.
ENDED: the guard ends the worker, and the caller hears that there is none. TOLD: the caller is answered, within the leaf.
BOTH: the caller is answered, and then the worker is ended.
"""
import json
import os
import struct

import fakeguard as wire
import wild
from childcases import Raw, in_memfd
from relay import CANCEL, CHECKPOINT, ENGINE as ENGINE_TOLD, HELLO, JOB, RESULT, Job
from wild import Shot

ENDED, TOLD, BOTH = "ended", "told", "both"
ENGINE, FALLBACK, VERSION = "opencl/gpu", "cpu/avx2", "0.1.0"
LEAK = "made.up.word"  # what must not come out anywhere; no digest holds its dots
SEARCHES = ("identify", "identify-stored")
NAN, INFINITY = float("nan"), float("inf")


def encode_hello(session=bytes(16), version=VERSION, engine=ENGINE, fallback=FALLBACK, origin="", size=0, root=bytes(32),
                 galleries=("faces",)):
    return (session + wire.text(version) + wire.text(engine) + wire.text(fallback) + wire.text(origin) + struct.pack("<Q", size)
            + root + wire.texts(galleries))


def encode_engine(engine=ENGINE, device="NVIDIA H200", memory=126 << 30, used=2 << 30, failure=""):
    return wire.text(engine) + wire.text(device) + struct.pack("<QQ", memory, used) + wire.text(failure)


def encode_result(index, result="ok", why="", matched=False, score=None, searched=0, epoch=0, count=0, microseconds=9,
    engine=FALLBACK,
                  candidates=(), subjects=()):
    return (struct.pack("<Q", index % 2 ** 64) + wire.text(result) + wire.text(why) + bytes([matched]) + wire.similarity(score)
            + struct.pack("<QQQQ", searched, epoch, count, microseconds) + wire.text(engine) + struct.pack("<H",
                len(candidates))
            + b"".join(wire.text(who) + wire.similarity(how) for who, how in candidates) + wire.texts(subjects))


class Asked:
    """A job as the worker sees it, and what an honest one could answer."""

    def __init__(self, body):
        job = Job(body)
        self.index, self.leaf = job.index, json.loads(job.leaf)
        self.operation, self.release = self.leaf["operation"], self.leaf.get("release")
        self.entries = wire.decode_job(job.data)
        self.floor = (self.leaf.get("floor", 0) - 1000000) / 1000000

    def found(self, n=None, similar=0.9):
        """Candidates as the release has them, each a little worse than the one before."""
        n = self.leaf["limit"] if n is None else n
        return [(f"s-{i:02}", similar - i / 1000 if self.release == "scores" else None) for i in range(n)]

    def fields(self):
        if self.operation in SEARCHES:
            return {"matched": True, "searched": 12, "epoch": 1, "engine": ENGINE,
                    "candidates": () if self.release == "decision" else self.found()}
        if self.operation in ("verify", "compare"):
            return {"matched": True, "score": 0.9 if self.release == "scores" else None, "searched": 1,
                    "epoch": int(self.operation == "verify")}
        if self.operation == "list":
            return {"epoch": 1, "subjects": ["s-00", "s-01"]}
        return {"epoch": 2, "count": len(self.entries)}

    def result(self, **changed):
        return encode_result(**{"index": self.index, **self.fields(), **changed})


def says(**changed):
    """The honest result, but for what is changed; what is a function is given the job."""
    return lambda job: [Shot(RESULT, job.result(**{name: value(job) if callable(value) else value for name,
        value in changed.items()}))]


def scores(*found):
    return says(candidates=found)


def fails(result, why="", **more):
    return says(**{"result": result, "why": why, "matched": False, "score": None, "candidates": (), "subjects": (), "count": 0,
        "engine": FALLBACK, **more})


def also(*shots):
    """The honest result, and then something else."""
    return lambda job: [Shot(RESULT, job.result()), *(shot(job) for shot in shots)]


FAILED = {"engine": FALLBACK, "used": 0, "failure": "clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES"}
NO_DEVICE = {"engine": FALLBACK, "device": "", "memory": 0, "used": 0}


def before(**changed):
    """What it tells of its engine, and then the honest result."""
    return lambda job: [Shot(ENGINE_TOLD, encode_engine(**changed)), Shot(RESULT, job.result())]


def cut(at):
    return lambda job: [Shot(RESULT, job.result()[:at])]


def packet(**more):
    return lambda job: [Shot(RESULT, job.result(), **more)]


def row(operation, release):
    return lambda name, make, expected=ENDED: (f"{operation} for {release}: {name}", operation, release, make, expected)


def of_searches(operation):
    s, c, d = row(operation, "scores"), row(operation, "candidates"), row(operation, "decision")
    return [
        s("as it should be", says(), TOLD), c("as it should be", says(), TOLD), d("as it should be", says(), TOLD),
        s("nobody", says(matched=False, candidates=()), TOLD), d("nobody", says(matched=False), TOLD),
        s("exactly the floor", scores(("s-00", 0.35)), TOLD), s("another epoch of the gallery", says(epoch=7, searched=0),
            TOLD),
        *((kind("one more than the limit", says(candidates=lambda job: job.found(job.leaf["limit"] + 1)))) for kind in (s, c)),
        *((kind("a thousand", says(candidates=lambda job: job.found(1000, 1.0)))) for kind in (s, c)),
        *((kind("1001", says(candidates=lambda job: job.found(1001)))) for kind in (s, c)),
        d("a candidate", scores(("s-00", None))), d("a candidate with its score", scores(("s-00", 0.9))),
        d("subjects", says(subjects=("s-00",))), d("a similarity", says(score=0.9)), c("a similarity", says(score=0.9)),
        s("a similarity beside the list", says(score=0.9)), c("scores", scores(("s-00", 0.9))),
        s("no scores", scores(("s-00", None))),
        s("one score of two", scores(("s-00", 0.9), ("s-01", None))),
        s("below the floor", scores(("s-00", 0.349999))), s("the last below the floor", scores(("s-00", 0.9), ("s-01", 0.2))),
        s("out of order", scores(("s-00", 0.8), ("s-01", 0.9))), s("a tie out of order", scores(("s-01", 0.8), ("s-00", 0.8))),
        s("somebody twice", scores(("s-00", 0.9), ("s-00", 0.8))), c("somebody twice", scores(("s-00", None), ("s-00", None))),
        *(s(f"a similarity of {value}", scores(("s-00", value))) for value in (NAN, INFINITY, -INFINITY, 1.1, -0.5, 1e300)),
        *(c(f"the subject {name!r}", scores((name, None))) for name in ("", "a b", "../x", "x" * 65, "\u00e9", "a\n", "a\"b",
            "a/b")),
        s("a match with nobody", says(candidates=())), c("somebody and no match", says(matched=False)),
        s("subjects beside the candidates", says(subjects=("s-00",))), s("a count", says(count=1)),
        d("a count", says(count=12345)),
        *(d(f"{name} {value}", says(**{name: value})) for name in ("searched", "epoch", "microseconds")
            for value in (2 ** 53, 2 ** 64 - 1)),
    ]


def of_results():
    s, d = row("identify", "scores"), row("identify", "decision")
    return [
        *(d(f"the engine {engine[:20]!r}", says(engine=engine)) for engine in ("", LEAK, f"{ENGINE} {LEAK}", "a\"b", "x" * 65,
            "x" * 60000)),
        s("the engine that answers in its place", says(engine=FALLBACK), TOLD),
        d("a refusal of the device's", fails("worker-refused", engine=ENGINE)),
        *(s(f"before it, {what}", before(**changed), TOLD) for what, changed in (
            ("what it searches on", {}), ("that the device failed", FAILED), ("that it has no device", NO_DEVICE),
            ("more used than there is", {"used": 2 ** 53 - 1, "memory": 0}))),
        *(s(f"before it, {what}", before(**changed)) for what, changed in (
            ("a third engine", {"engine": LEAK}), ("an engine that is none", {"engine": ""}),
            ("a device of 128 bytes", {"device": "x" * 128}), ("a device with an escape", {"device": "\x1b[2J"}),
            ("a device of two lines", {"device": f"a\n{LEAK}"}), ("a failure of 256 bytes", {**FAILED, "failure": "x" * 256}),
            ("a failure of two lines", {**FAILED, "failure": "a\nb"}), ("much memory", {"memory": 2 ** 53}),
            ("much in use", {"used": 2 ** 64 - 1}))),
        s("before it, an engine cut short", lambda job: [Shot(ENGINE_TOLD, encode_engine()[:-1]), Shot(RESULT, job.result())]),
        s("before it, an engine and a byte", lambda job: [Shot(ENGINE_TOLD, encode_engine() + b"\0"), Shot(RESULT, job.result())]),
        s("before it, an engine with a descriptor",
          lambda job: [Shot(ENGINE_TOLD, encode_engine(), n_fds=1), Shot(RESULT, job.result())]),
        s("before it, 1,000 failures", lambda job: [*(Shot(ENGINE_TOLD, encode_engine(**(FAILED if i % 2 else {})))
                                                      for i in range(1000)), Shot(RESULT, job.result())], TOLD),
        *(d(f"the result {word!r}", fails(word)) for word in ("", "OK", LEAK, "worker-gone", "unknown", "mirror-required",
            "denied", "ok ", "x" * 60000)),
        *(d(f"{word} with a match", fails(word, matched=True)) for word in ("timeout", "no-subject", "worker-refused")),
        *(s(f"{word} with what was found", fails(word, candidates=(("s-00", 0.9),))) for word in ("timeout", "bad-template")),
        s("timeout with subjects", fails("timeout", subjects=("s-00",))),
        s("timeout with a similarity", fails("timeout", score=0.9)),
        *(d(f"{word} with words", fails(word, f"{LEAK} s-00 0.93"), TOLD)
          for word in ("timeout", "overloaded", "worker-refused", "no-subject", "gallery-damaged", "caller-gone")),
        d("ok with words", says(why=f"{LEAK} s-00 0.93"), TOLD),
        d("words of 513 bytes", fails("timeout", "x" * 513)), d("words of two lines", fails("worker-refused", f"a\n{LEAK}")),
        d("words with an escape", fails("worker-refused", f"\x1b[2J{LEAK}")),
        d("a bad template", fails("bad-template", "not finite, or all zero"), TOLD),
        d("another model", fails("model-mismatch", "test-16"), TOLD),
        *(d(f"a bad template: {why[:20]!r}", fails("bad-template", why))
          for why in ("", f"{LEAK} s-00 0.93", "16 dimensions instead of 16", "12 dimensions instead of 16",
              "16 dimensions instead of 93")),
        *(d(f"another model: {why!r}", fails("model-mismatch", why)) for why in ("", LEAK, "s-00", "test-16 ")),
        *(s(f"a result of {what}", says(index=change)) for what, change in (
            ("the leaf after", lambda job: job.index + 1), ("the leaf before", lambda job: job.index - 1),
            ("the first leaf", 0),
            ("a leaf far away", 2 ** 40), ("the last number", 2 ** 64 - 1))),
        s("the result twice", also(lambda job: Shot(RESULT, job.result())), BOTH),
        s("another result afterwards", also(lambda job: Shot(RESULT, job.result(candidates=(("s-07", 0.9),)))), BOTH),
        s("a hello afterwards", also(lambda job: Shot(HELLO, encode_hello())), BOTH),
        s("a hello of another engine afterwards", also(lambda job: Shot(HELLO, encode_hello(engine=LEAK))), BOTH),
        s("that it stops, twice", also(*[lambda job: Shot(wire.STOPPING, b"")] * 2), BOTH),
        s("that it stops, with a byte", lambda job: [Shot(wire.STOPPING, b"\0")]),
        s("that it stops, with a descriptor", lambda job: [Shot(wire.STOPPING, b"", n_fds=1)]),
        s("a hello instead", lambda job: [Shot(HELLO, encode_hello())]),
        s("10,000 results of nothing", lambda job: [Shot(RESULT, job.result(index=job.index + i)) for i in range(1, 10001)]),
        s("the end instead of a result", lambda job: []),
        *(s(f"cut at {at}", cut(at)) for at in (0, 1, 7, 8, 9, 10, 12, 14, 16, 20, 40, -30, -2, -1)),
        s("a byte more", lambda job: [Shot(RESULT, job.result() + b"\0")]),
        s("twice in one packet", lambda job: [Shot(RESULT, job.result() * 2)]),
        s("a flag that is neither", lambda job: [Shot(RESULT, job.result().replace(b"\2\0ok\0\0\0\0\1", b"\2\0ok\0\0\0\0\2"))]),
        s("65,535 candidates of nothing", lambda job: [Shot(RESULT, job.result(candidates=())[:-4] + b"\xff\xff\0\0")]),
        s("65,535 subjects of nothing", lambda job: [Shot(RESULT, job.result(candidates=())[:-2] + b"\xff\xff")]),
        *(s(f"message {kind}", lambda job, kind=kind: [Shot(kind, job.result())])
          for kind in (0, 1, 2, 16, 17, 18, 19, 32, 33, 34, 47, 50, 51, 52, CHECKPOINT, JOB, CANCEL, 255)),
        *(s(f"flags {flags}", packet(flags=flags)) for flags in (1, 2, 255)), s("a zero that is none", packet(zero=1)),
        *(s(f"a length of {n}", packet(length=n)) for n in (0, 1, 2 ** 32 - 1)),
        *(s(f"{n} descriptors", packet(n_fds=n)) for n in (1, 2, 3, 20)),
        *(s(f"a {how} memfd", packet(memfd=how)) for how in ("sealed", "open", "short")),
        s("2 MiB of words", says(why="x" * 60000, subjects=("y" * 65000,) * 30)),
        *(s(f"a memfd {what}", lambda job, make=make: [retyped(make(job)[0])]) for what, make in (
            ("of zeros", in_memfd()), ("of nothing", in_memfd(size=0)), ("of too much", in_memfd(size=wild.BODY_MAX + 1)),
            ("to be written only", in_memfd(how=os.O_WRONLY)), ("of huge pages",
                in_memfd(flags=os.MFD_ALLOW_SEALING | 4, size=2 << 20)))),
    ]


def retyped(raw):
    return Raw(bytes([RESULT]) + raw.data[1:], raw.make_fds)


def of_pairs():
    found = []
    for operation in ("verify", "compare"):
        s, c, d = (row(operation, release) for release in ("scores", "candidates", "decision"))
        found += [
            s("as it should be", says(), TOLD), c("as it should be", says(), TOLD), d("as it should be", says(), TOLD),
            s("no match", says(matched=False, score=None), TOLD), s("exactly the floor", says(score=0.35), TOLD),
            s("no match and how near", says(matched=False, score=0.2)),
            s("no match and a score above the floor", says(matched=False)),
            s("a match below the floor", says(score=0.34)), s("a match without its score", says(score=None)),
            s("NaN", says(score=NAN)),
            s("a score of 1.1", says(score=1.1)), c("a score", says(score=0.9)), d("a score", says(score=0.9)),
            s("candidates", says(candidates=(("s-00", 0.9),))), d("candidates", says(candidates=(("s-00", None),))),
            d("subjects", says(subjects=("s-00",))), d("a count", says(count=93)),
            d("the engine that searches galleries", says(engine=ENGINE))]
    compare = row("compare", "decision")
    return [*found, compare("an epoch of no gallery", says(epoch=93))]


def of_changes():
    enrol, remove, listed = row("enrol", None), row("remove", None), row("list", None)
    return [
        enrol("as it should be", says(), TOLD), remove("as it should be", says(), TOLD),
        listed("as it should be", says(), TOLD),
        *(enrol(f"{n} stored of 2", says(count=n)) for n in (0, 1, 3, 2 ** 52)),
        *(kind("a match", says(matched=True)) for kind in (enrol, remove, listed)),
        *(kind("the engine that searches galleries", says(engine=ENGINE)) for kind in (enrol, remove, listed)),
        *(kind("a candidate", scores(("s-00", None))) for kind in (enrol, remove, listed)),
        *(kind("a similarity", says(score=0.9)) for kind in (enrol, remove, listed)),
        *(kind("what was searched", says(searched=93)) for kind in (enrol, remove, listed)),
        *(kind("subjects", says(subjects=("s-00",))) for kind in (enrol, remove)), listed("a count", says(count=93)),
        listed("nobody", says(subjects=()), TOLD), listed("more than the limit",
            says(subjects=[f"s-{i:02}" for i in range(11)])),
        listed("out of order", says(subjects=("s-01", "s-00"))), listed("somebody twice", says(subjects=("s-00", "s-00"))),
        listed("a subject that is none", says(subjects=("a b",))), listed("1001 subjects",
            says(subjects=[f"s-{i:04}" for i in range(1001)]))]


RESULTS = [*of_searches("identify"), *of_results(), *of_pairs(), *of_changes()]


def hello(**changed):
    return lambda: [Shot(HELLO, encode_hello(**changed))]


HELLOS = [
    ("an engine that is none", hello(engine="")), ("an engine with a quote", hello(engine="a\"b")),
    ("an engine of 65 bytes", hello(engine="x" * 65)),
    ("an engine of two lines", hello(engine="a\nb")), *((f"a fallback {name[:10]!r}", hello(fallback=name))
        for name in ("", "a\"b", "a\nb", "x" * 65)), ("a version that is none", hello(version="")),
    ("a version with an escape", hello(version="\x1b[2J")),
    ("another log", hello(origin="example.org/other")), ("a log that is none", hello(origin="x" * 60000)),
    ("more of the log than there is", hello(size=10 ** 9)), ("the last size", hello(size=2 ** 64 - 1)),
    ("a gallery that is none", hello(galleries=("../faces",))), ("a gallery without a name", hello(galleries=("",))),
    ("a gallery twice", hello(galleries=("faces", "faces"))), ("galleries out of order", hello(galleries=("b", "a"))),
    ("4097 galleries", hello(galleries=[f"g-{i}" for i in range(4097)])),
    ("a byte more", lambda: [Shot(HELLO, encode_hello() + b"\0")]),
    *((f"cut at {at}", lambda at=at: [Shot(HELLO, encode_hello()[:at])]) for at in (0, 1, 15, 16, 20, 40, -1)),
    ("its device first", lambda: [Shot(ENGINE_TOLD, encode_engine())]), ("a result first", lambda: [Shot(RESULT, encode_result(0))]), ("two of them", lambda: [Shot(HELLO, encode_hello())] * 2),
    ("with a descriptor", lambda: [Shot(HELLO, encode_hello(), n_fds=1)]),
    ("in an open memfd", lambda: [Shot(HELLO, encode_hello(), memfd="open")]),
    *((f"message {kind} first", lambda kind=kind: [Shot(kind, struct.pack("<Q", 1))])
        for kind in (0, 2, 32, 33, 34, CHECKPOINT, JOB, CANCEL, wire.STOPPING, 255)),
    ("that it stops, first", lambda: [Shot(wire.STOPPING, b"")]),
]
