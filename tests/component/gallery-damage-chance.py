#!/usr/bin/env python3
"""Galleries that are not on the disk as they were stored, in ways that component/gallery-damage does not try: at rest, by chance and by
what somebody thought of; under the running worker, and then changed and read anew; on a disk that cannot read any more. A search of
such a gallery is answered by the rules (tests/support/matching.py), or gallery-damaged and the gallery is named; never wrongly. Other
galleries serve.

Usage: gallery-damage-chance.py BUILD    (root)

MATCHGUARD_DAMAGE=N says how many damages by chance each file has at rest (8); MATCHGUARD_DAMAGE_SEED gives a day's again.
"""
import datetime
import os
import pathlib
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import disks  # noqa: E402
import killer  # noqa: E402
import matching  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

N = int(os.environ.get("MATCHGUARD_DAMAGE", "8"))
SEED = int(os.environ.get("MATCHGUARD_DAMAGE_SEED") or datetime.date.today().strftime("%Y%m%d"))

HEAD = 4096  # of originals and codes; the journal has two
GALLERIES = {"faces": (64, "consolidated"), "visits": (16, "event"), "others": (64, "consolidated")}
VICTIMS = ("faces", "visits")
PROBES = 12
FILES = ("gallery", "originals", "codes")
SLOT = {16: 128, 64: 320}     # bytes of an original
BLOCK = {16: 1600, 64: 4672}  # bytes of a block of codes and what stands behind it


class Damaged:
    """A service with three galleries, what they answer, and their files as they ought to be."""

    def __init__(self, build, tally, directory=None):
        self.tally, self.chance = tally, random.Random(SEED)
        self.service = mg.Service(build, policy=matching.policy(GALLERIES), directory=directory, in_memory=True)
        self.folder, self.kept = self.service.state / "galleries", self.service.dir / "kept"
        self.books, self.asked = {}, {}
        self.n_right = self.n_damaged = self.log_begins = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.service.close()

    def fill(self):
        """Some blocks of templates, some of them removed; of the rest a few of the same subject."""
        for name, (dimension, kind) in GALLERIES.items():
            entries = [(f"{name[0]}{i % 250}", matching.vector(self.chance, dimension)) for i in range(330)]
            self.books[name] = matching.Book(kind == "consolidated")
            self.change(name, "enrol", entries)
            for i in range(0, 60, 3):
                self.change(name, "remove", f"{name[0]}{i}")

    def change(self, name, what, which):
        call = matching.enrol(name, which) if what == "enrol" else matching.remove(name, which)
        reply = self.service.call(*call, uid=mg.ARCHIVE_UID)
        self.tally.check(error_of(reply) == "", f"{what}: {reply}")
        self.books[name].changed(reply, what, which)
        return reply

    def templates(self, name):
        """What it ought to hold."""
        return self.books[name].last()[1]

    def probes(self, name):
        """Always the same for a gallery, so that right answers are worked out once."""
        if name not in self.asked:
            stored = [values for _, values in self.templates(name)]
            self.asked[name] = [stored[i * (len(stored) - 1) // (PROBES - 3)] for i in range(PROBES - 2)]
            self.asked[name] += [matching.vector(self.chance, GALLERIES[name][0]) for _ in range(2)]
        return self.asked[name]

    # -------------------------------------------------------------- asking

    def ask(self, name, n=PROBES):
        """The replies to searches for templates that are stored, from one end to the other, and for strangers."""
        probes = self.probes(name)[::-(-PROBES // n)]
        connection = self.service.connect()
        for probe in probes:
            connection.send(*matching.identify(name, probe))
        asked = [(probe, 10, -1.0, connection.receive()) for probe in probes]
        connection.close()
        return asked

    def judge(self, name, asked, label):
        """Right, or damaged. Return: whether something was damaged."""
        right = [one for one in asked if one[3] is not None and error_of(one[3]) == ""]
        for fault in self.books[name].faults(right):
            self.tally.check(False, f"{label}: {name}: {fault}")
        other = [one[3] for one in asked if one not in right]
        for reply in other:
            self.tally.check(error_of(reply) == "Failed" and reply["parameters"]["result"] == "gallery-damaged",
                             f"{label}: {name}: {reply}")
        self.n_right += len(right)
        self.n_damaged += len(other)
        return bool(other)

    def look(self, victim, label):
        """The victim is right or damaged, and then it is named; the others are right. Return: whether it is damaged."""
        damaged = self.judge(victim, self.ask(victim), label)
        for name in GALLERIES:
            if name != victim:
                self.tally.check(not self.judge(name, self.ask(name, 4), label), f"{label}: {name} is damaged too")
        self.tally.check(self.named_damaged() == ([victim] if damaged else []), f"{label}: status names {self.named_damaged()}")
        alive = self.service.processes["worker"].poll() is None
        self.tally.check(alive, f"{label}: the worker has ended: {self.log()}")
        return damaged

    def named_damaged(self):
        """The galleries that the status calls so."""
        galleries = self.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]["worker"]["galleries"]
        return [name for name in GALLERIES if galleries.get(name, {}).get("damaged")]

    def log(self):
        """What the present worker has said."""
        return (self.service.dir / "worker.log").read_bytes()[self.log_begins:].decode(errors="replace")

    # -------------------------------------------------------------- files

    def path(self, name, file):
        return self.folder / f"{name}.{file}"

    def serves(self):
        return error_of(self.service.call(*matching.identify("others", self.probes("others")[0]))) == ""

    def begin_worker(self):
        """Starts it. Return: whether it serves."""
        path = self.service.dir / "worker.log"
        self.log_begins = path.stat().st_size if path.exists() else 0
        self.service.start_worker()
        worker = self.service.processes["worker"]
        return killer.wait_until(lambda: worker.poll() is not None or self.serves()) and worker.poll() is None

    def end_worker(self):
        self.service.kill("worker", signal.SIGTERM)

    def keep(self):
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.folder, self.kept)

    def restore(self):
        for path in self.folder.iterdir():
            if path.name != "seen-log":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in self.kept.iterdir():
            if path.name != "seen-log":
                shutil.copy2(path, self.folder)

    def at_rest(self, victim, label, harm):
        """Harms files while no worker runs. Return: whether the gallery is damaged."""
        self.end_worker()
        self.restore()
        harm()
        if not self.tally.check(self.begin_worker(), f"{label}: no gallery is served: {self.log()}"):
            return None
        return self.look(victim, label)


# ------------------------------------------------------------------ harm

def flip(path, at, bit=1):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ bit]))


def zero(path, at, n):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(bytes(n))


def exchange(path, a, b, n):
    """Exchanges two pieces of a file."""
    data = bytearray(path.read_bytes())
    data[a:a + n], data[b:b + n] = data[b:b + n], data[a:a + n]
    path.write_bytes(data)


def truncate(path, size):
    os.truncate(path, size)


def append(path, data):
    with open(path, "ab") as file:
        file.write(data)


def replace_by(path, make):
    path.unlink()
    make(path)


def by_chance(damaged, whole, path):
    """One of the harms at a random place of a file, which is as long as when it was whole."""
    chance, size = damaged.chance, whole.stat().st_size
    at = chance.randrange(size)
    what = chance.choice(("flip", "flip", "flip", "zero", "truncate"))
    if what == "flip":
        bit = chance.randrange(8)
        return f"bit {bit} of byte {at}", lambda: flip(path, at, 1 << bit)
    if what == "zero":
        n = chance.choice((8, 512, 4096))
        return f"{n} zeros at {at}", lambda: zero(path, at, min(n, size - at))
    return f"cut at {at} of {size}", lambda: truncate(path, at)


def known_harms(damaged, victim):
    """(what, harm, what must come of it): True damaged, False right as ever, None one of them."""
    dimension = GALLERIES[victim][0]
    journal, originals, codes = (damaged.path(victim, file) for file in FILES)
    slot, block = SLOT[dimension], BLOCK[dimension]
    foreign = "visits" if victim == "faces" else "faces"
    yield "an empty journal", lambda: truncate(journal, 0), True
    yield "a journal without its last byte", lambda: truncate(journal, journal.stat().st_size - 1), None
    yield "a journal without its last page", lambda: truncate(journal, journal.stat().st_size - 4096), True
    yield "another gallery's journal", lambda: shutil.copy(damaged.path(foreign, "gallery"), journal), True
    yield "zeros for both heads of the journal", lambda: zero(journal, 0, 2 * HEAD), True
    yield "zeros for one head of the journal", lambda: zero(journal, 0, HEAD), None
    yield "something behind the journal", lambda: append(journal, b"x" * 5000), None
    yield "a folder for a journal", lambda: replace_by(journal, os.mkdir), True
    yield "empty originals", lambda: truncate(originals, 0), True
    yield "originals without their last byte", lambda: truncate(originals, originals.stat().st_size - 1), True
    yield "another gallery's originals", lambda: shutil.copy(damaged.path(foreign, "originals"), originals), True
    yield "originals exchanged", lambda: exchange(originals, HEAD + 300 * slot, HEAD + 329 * slot, slot), None
    yield "all originals moved on by one", lambda: exchange(originals, HEAD, HEAD + slot, 329 * slot), True
    yield "something behind the originals", lambda: append(originals, b"x" * 5000), False
    yield "a folder for originals", lambda: replace_by(originals, os.mkdir), True
    yield "a link for originals", lambda: replace_by(originals, lambda path: path.symlink_to(damaged.path("others", "originals"))), True
    yield "a pipe for a journal", lambda: replace_by(journal, os.mkfifo), True
    yield "a folder for codes", lambda: replace_by(codes, os.mkdir), True
    yield "empty codes", lambda: truncate(codes, 0), False
    yield "codes without their last block", lambda: truncate(codes, codes.stat().st_size - block), False
    yield "codes cut in a block", lambda: truncate(codes, HEAD + 2 * block + 100), False
    yield "another gallery's codes", lambda: shutil.copy(damaged.path(foreign, "codes"), codes), False
    yield "codes exchanged", lambda: exchange(codes, HEAD + 2 * block, HEAD + 3 * block, block), False
    yield "zeros for codes", lambda: zero(codes, HEAD, 5 * block), False
    yield "no codes and an original that is damaged", lambda: (codes.unlink(), flip(originals, HEAD + 322 * slot)), True


def filled(build, tally, directory=None):
    """A service that serves, with its files put aside as they ought to be."""
    damaged = Damaged(build, tally, directory)
    damaged.service.start()
    damaged.fill()
    damaged.end_worker()
    damaged.keep()
    tally.check(damaged.begin_worker(), f"nothing is served: {damaged.log()}")
    return damaged


def files_at_rest(build, tally):
    with filled(build, tally) as damaged:
        n = 0
        for victim in VICTIMS:
            for what, harm, must in known_harms(damaged, victim):
                label = f"{victim} at rest: {what}"
                is_damaged = damaged.at_rest(victim, label, harm)
                tally.check(must is None or is_damaged in (must, None), f"{label}: {'damaged' if is_damaged else 'as if nothing were'}")
                n += 1
            for path in (damaged.path(victim, file) for file in FILES for _ in range(N)):
                what, harm = by_chance(damaged, damaged.kept / path.name, path)
                damaged.at_rest(victim, f"{path.name} at rest: {what}", harm)
                n += 1
        print(f"{n} damages at rest: {damaged.n_right} right answers, {damaged.n_damaged} gallery-damaged", flush=True)


# ------------------------------------------------------------------ under the running worker

def change_all(damaged, victim, label):
    """An enrolment and a removal, which may be refused but not forgotten; then the next start, which finds what was answered or damage."""
    entries = [("new", matching.vector(damaged.chance, GALLERIES[victim][0])) for _ in range(70)]
    subject = damaged.templates(victim)[100][0]
    for call, change in ((matching.enrol(victim, entries), ("enrol", entries)), (matching.remove(victim, subject), ("remove", subject))):
        reply = damaged.service.call(*call, uid=mg.ARCHIVE_UID)
        if error_of(reply) == "":
            damaged.books[victim].changed(reply, *change)
        else:
            gone = error_of(reply) == "WorkerUnavailable"
            damaged.tally.check(gone or reply["parameters"].get("result") == "gallery-damaged", f"{label}: {reply}")
        if damaged.service.processes["worker"].poll() is not None:
            damaged.begin_worker()
    damaged.look(victim, f"{label}, after changes")
    damaged.end_worker()
    damaged.tally.check(damaged.begin_worker(), f"{label}: the next start serves nothing: {damaged.log()}")
    damaged.look(victim, f"{label}, after the next start")


def live_harms(damaged, victim):
    """(what, harm, what must come of it) as above, of files that are open."""
    journal, originals, codes = (damaged.path(victim, file) for file in FILES)
    slot = SLOT[GALLERIES[victim][0]]
    yield "a bit of the first original that is asked for", lambda: flip(originals, HEAD + first_row(damaged, victim) * slot + 5), True
    yield "originals cut in the middle", lambda: truncate(originals, HEAD + 100 * slot), True
    yield "originals cut to nothing", lambda: truncate(originals, 0), True
    yield "zeros for originals", lambda: zero(originals, HEAD, 330 * slot), True
    yield "no originals any more", originals.unlink, False
    yield "a journal cut to nothing", lambda: truncate(journal, 0), False
    yield "a journal without its last page", lambda: truncate(journal, journal.stat().st_size - 4096), False
    yield "zeros for the heads of a journal", lambda: zero(journal, 0, 2 * HEAD), False
    yield "no journal any more", journal.unlink, False
    yield "codes cut to nothing", lambda: truncate(codes, 0), False
    yield "zeros for codes", lambda: zero(codes, 0, codes.stat().st_size), False
    yield "no codes any more", codes.unlink, False


def first_row(damaged, victim):
    """The row of the first template that is left: rows are never filled again."""
    removed = {which for what, which in damaged.books[victim].changes.values() if what == "remove"}
    entries = damaged.books[victim].changes[1][1]
    return next(row for row, (subject, _) in enumerate(entries) if subject not in removed)


def files_under_the_worker(build, tally):
    with filled(build, tally) as damaged:
        n = 0
        for victim in VICTIMS:
            kept = dict(damaged.books[victim].changes)
            chances = [(f"{path.name}: {what}", harm, None) for path in (damaged.path(victim, file) for file in FILES for _ in range(N // 4))
                       for what, harm in [by_chance(damaged, damaged.kept / path.name, path)]]
            known = list(live_harms(damaged, victim)) if victim == VICTIMS[0] else []
            for what, harm, must in [*known, *chances]:
                label = f"{victim} under the worker: {what}"
                damaged.books[victim].changes = dict(kept)
                damaged.at_rest(victim, label, lambda: None)
                harm()
                is_damaged = damaged.look(victim, label)
                tally.check(must is None or is_damaged == must, f"{label}: {'damaged' if is_damaged else 'as if nothing were'}")
                tally.check(not is_damaged or damaged.look(victim, f"{label}, again"), f"{label}: it is whole again")
                change_all(damaged, victim, label)
                n += 1
            damaged.books[victim].changes = dict(kept)
        print(f"{n} damages under the worker: {damaged.n_right} right answers, {damaged.n_damaged} gallery-damaged", flush=True)


def a_disk_that_cannot_read_any_more(build, tally):
    """The end of the disk is gone: what of the originals is not in memory is an error of the device."""
    disk = disks.Disk(under="state/galleries")
    try:
        with filled(build, tally, disk.dir) as damaged:
            damaged.end_worker()
            disk.unmount()
            disk.mount()
            tally.check(damaged.begin_worker(), f"a disk mounted again: {damaged.log()}")
            tally.check(not damaged.judge("others", damaged.ask("others"), "a whole disk"), "others is damaged on a whole disk")
            os.truncate(disk.image, 1 << 20)
            tally.check(damaged.judge("faces", damaged.ask("faces"), "no disk"), "nobody saw that the disk is gone")
            tally.check(not damaged.judge("others", damaged.ask("others"), "no disk"), "others is damaged, and was read before")
            tally.check(damaged.named_damaged() == ["faces"], f"status names {damaged.named_damaged()}")
            tally.check(damaged.service.processes["worker"].poll() is None, f"the worker has ended: {damaged.log()}")
    finally:
        disk.close()


def main():
    print(f"seed {SEED}")
    disks.private_mounts()
    tally = mg.Tally()
    for test in (files_at_rest, files_under_the_worker, a_disk_that_cannot_read_any_more):
        began = time.monotonic()
        test(sys.argv[1], tally)
        print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
