#!/usr/bin/env python3
"""The scenario straight-to-worker: the worker is called directly, or with an old or forged receipt; it refuses.

Everything is real but the line between guard and worker, on which somebody sits who passes on what both say, keeps it,
and adds to it. Forgeries that need another log's key are unit tests (tests/unit/worker/test-belief.c).

Usage: scenario-straight-to-worker.py BUILD    (root)
"""
import base64
import copy
import hashlib
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import relay  # noqa: E402
import service as mg  # noqa: E402


class Line:
    """A service whose worker is reached through a relay."""

    def __init__(self, build, tally):
        self.tally, self.service = tally, mg.Service(build)
        self.service.start_guard()
        self.service.wait_for("READY")
        self.relay = relay.Relay(self.service.path("worker").with_name("relay"), self.service.path("worker"))
        self.service.start_frontend()
        self.worker()

    def worker(self, *arguments):
        """Starts the worker, or starts it again."""
        if self.service.kill("worker") is not None:
            self.service.wait_for("X_MATCHGUARD_SERVING", "0")
        self.service.start_worker(arguments=arguments, path=self.relay.path)
        self.relay.start()
        self.service.wait_for("X_MATCHGUARD_SERVING", "1")

    def refuses(self, what, *packets, why):
        answer = self.relay.ask(*packets)
        self.tally.check(answer is not None and answer[1] == "worker-refused" and why in answer[2],
                         f"{what}: the worker says {answer}")

    def permitted(self):
        reply = self.service.call(*mg.identify())
        self.tally.check("error" not in reply and reply["parameters"]["matched"], f"the ordinary way: {reply}")
        return self.relay.jobs()[-1]


def changed(job, **members):
    other = copy.copy(job)
    for name, value in members.items():
        setattr(other, name, value)
    return relay.packet(relay.JOB, other.pack())


def nobody_else_is_let_in(line):
    """The socket is not for other users, and there is one worker at a time."""
    service, tally = line.service, line.tally
    path = service.path("worker")
    code = f"import socket; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect({str(path)!r})"
    done = subprocess.run(["setpriv", f"--reuid={mg.NGO_UID}", f"--regid={mg.NGO_UID}", "--clear-groups", sys.executable,
                           "-c", code], capture_output=True, text=True, check=False)
    tally.check(done.returncode != 0 and "Permission" in done.stderr, f"another user connects: {done.stderr}")
    second = relay.socket.socket(relay.socket.AF_UNIX, relay.socket.SOCK_SEQPACKET)
    second.connect(str(path))
    second.settimeout(5)
    tally.check(second.recv(1024) == b"", "a second worker is let in")
    line.permitted()


def a_job_is_done_once(line):
    line.refuses("the same job again", relay.packet(relay.JOB, line.permitted().pack()), why="after the last one")
    old = line.permitted()
    line.permitted()
    line.refuses("a job of the checkpoint before", relay.packet(relay.JOB, old.pack()), why="last checkpoint")
    line.permitted()


def nothing_of_a_job_can_be_changed(line):
    """Each with the next index, as far as the index is not what is changed: only the change can be the reason."""
    job = line.permitted()
    for old, new in ((b'"limit":5', b'"limit":9'), (b'"release":"scores"', b'"release":"scorez"'),
                     (b'"floor":1300000', b'"floor":0300000'), (b'"gallery":"faces"', b'"gallery":"facez"')):
        assert old in job.leaf
        line.refuses(f"{old} changed to {new}", changed(job, leaf=job.leaf.replace(old, new)), why="not in the log")
    line.refuses("another index", changed(job, index=job.index + 1), why="not in the log")
    line.refuses("a leaf cut", changed(job, leaf=job.leaf[:-1]), why="not in the log")
    for i, node in enumerate(job.path):
        path = list(job.path)
        path[i] = bytes([node[0] ^ 1]) + node[1:]
        line.refuses(f"hash {i} of the path", changed(job, path=path), why="not in the log")
    line.refuses("a path too short", changed(job, path=job.path[:-1]), why="not in the log")
    line.refuses("a path too long", changed(job, path=[*job.path, bytes(32)]), why="not in the log")
    line.refuses("another size", changed(job, tree_size=job.tree_size - 1), why="last checkpoint")
    line.permitted()


def a_job_other_than_recorded_is_refused(line):
    """The probe, the subject, the salt: not one bit differs from what the leaf commits to."""
    for what, name, change in (("another probe", "data", lambda data: data[:-4] + b"\0\0\0\1"),
                               ("another model", "data", lambda data: data.replace(b"test-16", b"test-61")),
                               ("another salt", "salt", lambda salt: bytes([salt[0] ^ 1]) + salt[1:]),
                               ("a byte more", "data", lambda data: data + b"\0")):
        def tamper(data, name=name, change=change):
            if data[0] != relay.JOB:
                return data
            job = relay.Job(data[8:])
            return changed(job, **{name: change(getattr(job, name))})

        line.relay.change = tamper
        reply = line.service.call(*mg.identify())
        line.relay.change = None
        line.tally.check(reply.get("error") == f"{mg.MATCH}.Failed" and reply["parameters"]["result"] == "worker-refused",
                         f"{what}: {reply}")
    line.permitted()


def a_denial_s_proof_is_no_permit(line):
    """The leaf of a denial with its true path to the checkpoint of the permit after it."""
    service = line.service
    denied = service.call(*mg.identify(), uid=mg.POLICE_UID)["parameters"]["receipt"]
    job = line.permitted()
    receipt = service.call(f"{mg.AUDIT}.GetReceipt", {"request": denied["request"]}, uid=0)["parameters"]
    # The proof leads to the newest checkpoint, which has the outcome too; a permit's checkpoint has one leaf less.
    leaves = service.wait_exported(lambda leaves: len(leaves) >= job.tree_size)
    line.tally.check(leaves[denied["decisionIndex"]]["verdict"] == "deny", "no denial")
    path = audit_path(service, denied["decisionIndex"], job.tree_size)
    line.refuses("the leaf of a denial", changed(job, index=denied["decisionIndex"], leaf=receipt["decision"].encode(), path=path),
                 why="no permit")
    path = audit_path(service, 0, job.tree_size)
    line.refuses("the leaf of a start", changed(job, index=0, leaf=raw_leaves(service)[0], path=path), why="no request")
    line.permitted()


def sha256(data):
    return hashlib.sha256(data).digest()


def raw_leaves(service):
    found = []
    for path in sorted((service.state / "export/tile/entries").rglob("*"), key=lambda p: p.stat().st_mtime_ns):
        if path.is_file():
            found, data = [], path.read_bytes()
            while data:
                length = int.from_bytes(data[:2], "big")
                found.append(data[2:2 + length])
                data = data[2 + length:]
    return found


def audit_path(service, index, size):
    """RFC 6962 section 2.1.1."""
    def path(leaves, m):
        if len(leaves) == 1:
            return []
        k = 1
        while k * 2 < len(leaves):
            k *= 2
        if m < k:
            return [*path(leaves[:k], m), root(leaves[k:])]
        return [*path(leaves[k:], m - k), root(leaves[:k])]

    def root(leaves):
        if len(leaves) == 1:
            return sha256(b"\0" + leaves[0])
        k = 1
        while k * 2 < len(leaves):
            k *= 2
        return sha256(b"\1" + root(leaves[:k]) + root(leaves[k:]))

    service.wait_exported(lambda leaves: len(leaves) >= size)
    return path(raw_leaves(service)[:size], index)


def a_checkpoint_is_believed_only_with_its_signature(line):
    """Whoever can write to the worker's socket still cannot make it believe in a log."""
    def note_with(data, change):
        n = int.from_bytes(data[8:10], "little")
        note = change(data[10:10 + n].decode())
        body = len(note.encode()).to_bytes(2, "little") + note.encode() + data[10 + n:]
        return relay.packet(relay.CHECKPOINT, body)

    def flip(text, at):
        return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]

    def other_root(note):
        lines = note.split("\n")
        root = bytearray(base64.b64decode(lines[2]))
        root[0] ^= 1
        lines[2] = base64.b64encode(root).decode()
        return "\n".join(lines)

    for what, change in (("a flipped signature", lambda note: flip(note, len(note) - 30)),
                         ("another root", other_root),
                         ("another size", lambda note: note.replace("\n", "\n1", 1)),
                         ("no signature", lambda note: note.partition("\n\n")[0] + "\n\n")):
        job = line.permitted()
        line.refuses(what, note_with(line.relay.checkpoints()[-1], change), relay.packet(relay.JOB, job.pack()),
                     why="no checkpoint was accepted")
        # What it believed before it believes still, so that the next true checkpoint follows on.
        line.permitted()

    first = line.relay.checkpoints()[0]
    job = line.permitted()
    line.refuses("an old checkpoint, truly signed", first, relay.packet(relay.JOB, job.pack()), why="no checkpoint was accepted")
    line.permitted()


def a_session_s_jobs_end_with_it(line):
    """After a restart of the worker: the receipts of before are of another session, for ever."""
    job = line.permitted()
    checkpoint = line.relay.checkpoints()[-1]
    line.worker()
    line.refuses("the last job, after a restart", relay.packet(relay.JOB, job.pack()), why="no checkpoint was accepted")
    line.refuses("the last job with its checkpoint, after a restart", checkpoint, relay.packet(relay.JOB, job.pack()),
                 why="no checkpoint was accepted")
    new = line.permitted()
    line.refuses("an old leaf under a new proof", changed(new, index=job.index, leaf=job.leaf, salt=job.salt, data=job.data,
                                                          path=audit_path(line.service, job.index, new.tree_size)),
                 why="another session")
    line.permitted()


def main():
    tally = mg.Tally()
    line = Line(sys.argv[1], tally)
    try:
        line.service.call(*mg.enrol([("a", mg.unit(0)), ("b", mg.unit(1))]), uid=mg.ARCHIVE_UID)
        for test in (nobody_else_is_let_in, a_job_is_done_once, nothing_of_a_job_can_be_changed,
                     a_job_other_than_recorded_is_refused, a_denial_s_proof_is_no_permit,
                     a_checkpoint_is_believed_only_with_its_signature, a_session_s_jobs_end_with_it):
            test(line)
        tally.check(line.service.stop() == 0, "the guard does not stop cleanly")
        tally.check(line.service.tool("audit", "verify")[0] == 0, "the trail does not verify")
    finally:
        line.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
