#!/usr/bin/env python3
"""Files of a gallery that are not as they were, under the real worker: it answers as it did, or says that the gallery is damaged, and never
anything else; other galleries answer as ever.

 1. A bit flipped in each page of each file, before a start. Codes are made again, and that is said.
 2. Originals that are cut off, or made unreadable, under a worker that has them mapped.
 3. Files that are missing, that are a later gallery's of the same name, or of the format that no release wrote.

Usage: gallery-damage.py BUILD    (root)
"""
import hashlib
import os
import pathlib
import random
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import gallery_files  # noqa: E402
import service as mg  # noqa: E402

PAGE = 4096
FILES = ("faces.gallery", "faces.originals", "faces.codes")
SECOND = {"second.gallery": "[Gallery]\nDescription=Another\nModel=test-16\nDimension=16\n"}
N = 200
VECTORS = {f"s-{i}": [random.Random(i * 16 + j).gauss(0, 1) for j in range(16)] for i in range(N)}
ASKED = [f"s-{i}" for i in range(0, N, 9)]


class Damage:
    def __init__(self, build, tally):
        self.tally = tally
        self.service = mg.Service(build, {**mg.POLICY, **SECOND}, in_memory=True).start()
        self.folder = self.service.state / "galleries"
        self.kept = self.service.dir / "kept"
        for gallery in ("faces", "second"):
            method, parameters = mg.enrol(VECTORS.items())
            reply = self.service.call(method, {**parameters, "gallery": gallery}, uid=mg.ARCHIVE_UID)
            self.tally.check("error" not in reply, f"enrol: {reply}")
        shutil.copytree(self.folder, self.kept)
        self.good = {subject: self.ask(subject) for subject in ASKED}
        for subject, answer in self.good.items():
            self.tally.check(answer[0]["subject"] == subject, f"undisturbed: {answer}")

    def ask(self, subject, gallery="faces"):
        """The candidates, or the name of the failure."""
        method, parameters = mg.identify(VECTORS[subject])
        reply = self.service.call(method, {**parameters, "gallery": gallery})
        if "error" in reply:
            return reply["parameters"].get("result", reply["error"])
        return reply["parameters"]["candidates"]

    def restart(self, change):
        """The worker anew, on files that are as they were but for change()."""
        self.service.kill("worker")
        for name in FILES:
            shutil.copy2(self.kept / name, self.folder)
        change()
        (self.service.dir / "worker.log").write_text("")
        self.service.wait_for("X_MATCHGUARD_SERVING", "0")
        self.service.start_worker()
        self.service.wait_for("X_MATCHGUARD_SERVING")

    def look(self, what):
        """Return: how many questions found the gallery damaged."""
        damaged = 0
        for subject, good in self.good.items():
            answer = self.ask(subject)
            damaged += answer == "gallery-damaged"
            self.tally.check(answer in (good, "gallery-damaged"), f"{what}: {answer}, and not {good}")
        self.tally.check(self.ask(ASKED[0], "second") == self.good[ASKED[0]], f"{what}: another gallery")
        self.tally.check(self.service.processes["worker"].poll() is None, f"{what}: the worker ended")
        return damaged

    def close(self):
        self.service.close()


def a_flipped_bit_in_each_page(damage):
    draw = random.Random(7)
    counts = dict.fromkeys(FILES, 0)
    for name in FILES:
        data = (damage.kept / name).read_bytes()
        for begin in range(0, len(data), PAGE):
            at, bit = draw.randrange(begin, min(begin + PAGE, len(data))), draw.randrange(8)

            def flip(name=name, data=data, at=at, bit=bit):
                (damage.folder / name).write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1:])

            damage.restart(flip)
            what = f"{name}, bit {bit} of byte {at}"
            found = damage.look(what)
            log = damage.service.log("worker")
            counts[name] += found > 0
            if name == "faces.codes":
                damage.tally.check(found == 0, f"{what}: codes are not made again: {log}")
                damage.tally.check("made again" in log and "faces" in log, f"{what}: it is not said: {log}")
                damage.tally.check((damage.folder / name).read_bytes() == data, f"{what}: the file is not as it was")
            elif found:
                damage.tally.check("Gallery faces is damaged" in log, f"{what}: it is not said: {log}")
    damage.tally.check(counts["faces.gallery"] > 0, f"journal: {counts}")
    damage.tally.check(counts["faces.originals"] > 1, f"originals: {counts}")
    print(f"pages that were damage: {counts}")


def originals_cut_off_under_a_worker(damage):
    for length in (0, PAGE, PAGE * 3 + 100):
        damage.restart(lambda: None)
        damage.tally.check(damage.look("nothing done") == 0, "damaged by itself")
        os.truncate(damage.folder / "faces.originals", length)
        damage.tally.check(damage.look(f"originals of {length} bytes") > 0, f"originals of {length} bytes are none, and nobody says so")
        log = damage.service.log("worker")
        damage.tally.check("faces" in log and "damaged" in log, f"it is not said: {log}")


def files_that_are_not_there_or_others(damage):
    second = {name: (damage.kept / name.replace("faces", "second")).read_bytes() for name in FILES}
    for name in FILES:
        for what, change in ((f"without {name}", lambda name=name: (damage.folder / name).unlink()),
                             (f"{name} of another gallery", lambda name=name: (damage.folder / name).write_bytes(second[name]))):
            damage.restart(change)
            found = damage.look(what)
            damage.tally.check((found > 0) == (name != "faces.codes"), f"{what}: {found} damaged")
            left = [path.name for path in damage.folder.glob("faces.*")]
            damage.tally.check(all(other in left for other in FILES if other != name), f"{what}: only {left} are left")
    damage.restart(lambda: None)
    damage.tally.check(damage.look("as it was") == 0, "as it was, it is damaged")
    found = gallery_files.Gallery(damage.folder, "faces")
    damage.tally.check(len(found.rows) == N, f"{len(found.rows)} rows")


def the_format_that_no_release_wrote(damage):
    def make():
        data = bytearray((damage.kept / FILES[0]).read_bytes())
        for at in (0, PAGE):
            data[at + 40] = 1
            data[at:at + 32] = hashlib.sha256(data[at + 32:at + PAGE]).digest()
        (damage.folder / FILES[0]).write_bytes(data)

    damage.restart(make)
    damage.tally.check(damage.look("format 1") == len(ASKED), "format 1 is read")
    log = damage.service.log("worker")
    damage.tally.check("faces.gallery" in log and "Move it out" in log, f"what is to be done is not said: {log}")


def main():
    tally = mg.Tally()
    damage = Damage(sys.argv[1], tally)
    try:
        a_flipped_bit_in_each_page(damage)
        originals_cut_off_under_a_worker(damage)
        files_that_are_not_there_or_others(damage)
        the_format_that_no_release_wrote(damage)
    finally:
        damage.close()
    return tally.finish()


if os.geteuid() != 0:
    print("needs root")
    sys.exit(77)
sys.exit(main())
