"""What simulated taken-over processes are let loose in: the real programs under accounts of their own, honest callers of
three kinds, and what must hold afterwards, looked at from the outside.

Scene has guard, frontend and worker run under their accounts, and whoever plays one of them runs under the same and holds
what that one would hold, so that what the kernel lets it do is true as well. A tap stands between guard and worker, with
the worker's account: which jobs came, and what became of them, is not the worker's word.

Needs root, and mounts of its own (accounts are made in a private /etc/passwd).
"""
import contextlib
import hashlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import time
import traceback

import disks
import honest
import service
from relay import JOB, RESULT, Job, result_of

ACCOUNTS = {"matchguard": 2801, "matchguard-frontend": 2802, "matchguard-worker": 2803}
GUARD, FRONTEND, WORKER = ACCOUNTS.values()
CANDIDATES_UID, DECISION_UID = 3004, 3005
ATTACKER_UIDS = list(range(3101, 3113))
HONEST = ((service.NGO_UID, "scores"), (CANDIDATES_UID, "candidates"), (DECISION_UID, "decision"))


def allow(organisation, release):
    return (f"[Allow]\nDescription=Finds missing children\nOrganisation={organisation}\n"
            "Operation=identify identify-stored verify compare\nPurpose=missing-child-reunion\nGallery=any\n"
            f"Sought=missing victim\nMinimumSimilarity=0.3\nMaximumCandidates=5\nRelease={release}\n")


def organisation(uids):
    return f"[Organisation]\nDescription=One that searches\nClass=ngo\n[Peer]\nUser={' '.join(map(str, uids))}\n"


POLICY = {**service.POLICY, "rescue.allow": allow("rescuer", "scores"),
          "finder.organisation": organisation([CANDIDATES_UID]), "finder.allow": allow("finder", "candidates"),
          "teller.organisation": organisation([DECISION_UID]), "teller.allow": allow("teller", "decision"),
          "other.organisation": organisation(ATTACKER_UIDS), "other.allow": allow("other", "candidates")}


def own_accounts(folder):
    """Makes the accounts, for this process and its children only."""
    disks.private_mounts()
    for name, line in (("passwd", "{0}:x:{1}:{1}::/:/bin/false\n"), ("group", "{0}:x:{1}:\n")):
        kept = [text for text in pathlib.Path("/etc", name).read_text().splitlines(keepends=True)
                if text.partition(":")[0] not in ACCOUNTS]
        copy = folder / name
        copy.write_text("".join([*kept, *(line.format(*account) for account in ACCOUNTS.items())]))
        copy.chmod(0o644)
        disks.subprocess.run(["mount", "--bind", copy, f"/etc/{name}"], check=True)


def messages(build):
    """How many messages by chance are said: 10,000, or as many as MATCHGUARD_TAKEN says; less where each costs more."""
    return int(os.environ.get("MATCHGUARD_TAKEN") or (1000 if service.is_sanitized(build) else 10000))


def setpriv(uid):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


class Process:
    """A process of an account that runs a function on its end of a socket, and holds nothing else."""

    def __init__(self, uid, serve):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(theirs.fileno(), 3)
                os.closerange(4, 65536)
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                serve(socket.socket(fileno=3))
                os._exit(0)
            except BaseException:  # noqa: BLE001: nothing of the test may run on here
                traceback.print_exc()
                os._exit(1)
        theirs.close()

    def ask(self, message, fds=(), timeout=300):
        """Tells it something, with descriptors. Return: its answer."""
        self.tell(message, fds)
        return self.hear(timeout)

    def tell(self, message, fds=()):
        socket.send_fds(self.sock, [json.dumps(message).encode()], list(fds))

    def hear(self, timeout=300):
        if not select.select([self.sock], [], [], timeout)[0]:
            raise TimeoutError(f"process {self.pid} says nothing")
        data = self.sock.recv(1 << 20)
        if not data:
            raise RuntimeError(f"process {self.pid} ended")
        return json.loads(data)

    def close(self):
        self.sock.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


PORTION = 500  # messages


def by_chance(attacker, n):
    """Has an attacker say so much by chance: a portion at a time, so that the limit of an answer is none of the machine's.
    Return: the sums of what it tells of each, of which the first is how much it said."""
    sums = attacker.ask(["chance", min(PORTION, n)])
    while sums[0] < n:
        told = attacker.ask(["chance", min(PORTION, n - sums[0])])
        sums = [had + more for had, more in zip(sums, told, strict=True)]
    return sums


# ------------------------------------------------------------------------------------------------------ the tap

def pass_on(sock, other, note):
    """One packet, from one side to the other. Return: False at the end."""
    try:
        data, fds, _, _ = socket.recv_fds(sock, 65536, 4)
        if not data:
            return False
        kind, flags, _, n = struct.unpack("<BBHI", data[:8])
        if note and kind in (JOB, RESULT):
            body = os.pread(fds[0], n, 0) if flags & 1 else data[8:]
            if kind == JOB:
                job = Job(body)
                note.write(f"job {job.index} {hashlib.sha256(job.leaf).hexdigest()}\n")
            else:
                note.write("result {0} {1}\n".format(*result_of(body)))
            note.flush()
        other.setblocking(True)
        socket.send_fds(other, [data], fds)
    except (BrokenPipeError, ConnectionResetError):
        return False
    for fd in fds:
        os.close(fd)
    return True


def serve_tap(listen_path, guard_path, note_path):
    def serve(_):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(listen_path))
        listener.listen(4)
        _.send(b"1")
        with open(note_path, "w", encoding="utf-8") as note:
            while True:
                worker, _ignored = listener.accept()
                guard = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                guard.connect(str(guard_path))
                ends = {worker: guard, guard: worker}
                while all(pass_on(sock, ends[sock], note) for sock in select.select([*ends], [], [])[0]):
                    pass
                worker.close()
                guard.close()
    return serve


# ---------------------------------------------------------------------------------------------------- the scene

def breaches(leaves):
    """How often a frontend, or a child of it, broke the rules."""
    return sum(leaf["count"] for leaf in leaves if leaf["kind"] == "refused" and leaf["why"] == "frontend")



def status_of(pid):
    """Resident KiB, and open descriptors."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return (int(next(line for line in lines if line.startswith("VmRSS")).split()[1]), len(os.listdir(f"/proc/{pid}/fd")))


class Scene:
    """The service, honest callers, and what was there before the attack."""

    def __init__(self, build, tally):
        self.service, self.tally = service.Service(build, POLICY, in_memory=True), tally
        self.processes, self.honest, self.before = [], [], None
        started = self.service
        self.line = started.run / "line"
        self.galleries, self.vkey = started.dir / "galleries", started.dir / "log.vkey"
        own_accounts(started.dir)
        started.guard_options = []
        started.run.joinpath("internal").chmod(0o711)
        for path, uid in ((started.state, GUARD), (self.line, WORKER), (self.galleries, WORKER)):
            path.mkdir(exist_ok=True)
            os.chown(path, uid, uid)
            path.chmod(0o700)
        started.listen()
        os.chown(started.path("frontend"), FRONTEND, FRONTEND)
        os.chown(started.path("worker"), WORKER, WORKER)
        (started.dir / "notify").chmod(0o666)

    def start_guard(self):
        self.service.start_guard(prefix=setpriv(GUARD))
        self.service.wait_for("READY")
        # As PID 1 hands it out: a copy that the worker can read, of what only the guard may.
        shutil.copy(self.service.state / "public/log.vkey", self.vkey)
        self.vkey.chmod(0o644)

    def process(self, uid, serve):
        self.processes.append(Process(uid, serve))
        return self.processes[-1]

    def start_worker(self, path=None):
        self.service.start_worker(prefix=setpriv(WORKER), path=path,
                                  arguments=("--galleries", str(self.galleries), "--vkey", str(self.vkey)))

    def start_tapped_worker(self):
        tap = self.process(WORKER, serve_tap(self.line / "worker", self.service.path("worker"), self.line / "notes"))
        tap.hear()
        self.start_worker(self.line / "worker")

    def start_frontend(self, path=None):
        self.service.start_frontend(prefix=setpriv(FRONTEND), path=path)

    def enrol(self, n=12):
        """A gallery with more to find than anybody may be told, some of it below the floor."""
        entries = [(f"s-{i:02}", [1.0, i / 3, *[0.0] * 14]) for i in range(n)]
        reply = self.service.call(*service.enrol(entries), uid=service.ARCHIVE_UID)
        assert "error" not in reply, reply

    def begin(self, pause=0.02):
        """Honest callers begin; what is there by now must be there afterwards. Everything forked has to be by now."""
        for uid, release in HONEST:
            self.honest.append(honest.Honest(self.service, uid, release))
        for caller in self.honest:
            caller.pause = pause
            caller.start()
        self.service.wait_exported(lambda leaves: len(leaves) > 8)
        self.before = (self.service.read_entries(self.service.state / "export"), status_of(self.pid("guard")))

    def pid(self, name):
        return self.service.processes[name].pid

    # ------------------------------------------------------------------------------------------------ afterwards

    def served_again(self, least=3, timeout=60):
        """Whether every honest caller gets answers now."""
        had = [caller.answered for caller in self.honest]
        deadline = time.monotonic() + timeout
        while any(caller.answered < before + least for caller, before in zip(self.honest, had, strict=True)):
            if time.monotonic() > deadline or not all(caller.is_alive() for caller in self.honest):
                return False
            self.service.take_notifications(0.02)
        return True

    def end(self, alive=("guard", "frontend", "worker")):
        """Looks at everything. Return: the leaves."""
        check, started = self.tally.check, self.service
        check(self.served_again(), "the honest callers are not served afterwards")
        for caller in self.honest:
            check(caller.finish(), f"the honest caller {caller.uid} hangs")
        for name in alive:
            check(started.processes[name].poll() is None, f"the {name} has ended: {started.log(name)}")
        self._check_memory()
        check(started.stop() == 0, f"the guard does not stop cleanly: {started.log('guard')}")
        for name in ("guard", "frontend", "worker"):
            check("Sanitizer" not in started.log(name) and "runtime error" not in started.log(name), started.log(name))
        status, out, error = started.tool("audit", "verify")
        check(status == 0, f"the trail does not verify: {out}{error}")
        entries = started.read_entries(started.state / "export")
        check(entries[:len(self.before[0])] == self.before[0] and len(self.before[0]) > 8, "leaves have changed")
        leaves = [json.loads(entry) for entry in entries]
        for caller in self.honest:
            for fault in [*caller.faults, *caller.record_faults(leaves)][:5]:
                check(False, fault)
        self._check_matches(entries, leaves)
        return leaves

    def _check_memory(self):
        kilobytes, n_fds = status_of(self.pid("guard"))
        maps = pathlib.Path(f"/proc/{self.pid('guard')}/maps").read_text()
        # SQLite may keep 64 MiB of pages; what was freed is kept aside by a sanitizer, as much as 256 MiB.
        bound = (512 if "asan" in maps else 96) << 10
        self.tally.check(kilobytes < self.before[1][0] + bound, f"the guard grew from {self.before[1][0]} to {kilobytes} KiB")
        self.tally.check(n_fds < self.before[1][1] + 40, f"the guard's descriptors went from {self.before[1][1]} to {n_fds}")

    def _check_matches(self, entries, leaves):
        """Every job that came to the worker was a permit of the log, byte by byte, and came once; nothing else was done."""
        notes, jobs = self.line / "notes", set()
        for line in notes.read_text().splitlines() if notes.exists() else []:
            kind, index, word = line.split(" ")
            index = int(index)
            if kind == "job":
                if index in jobs:
                    self.tally.check(False, f"job {index} came twice")
                jobs.add(index)
                if hashlib.sha256(entries[index]).hexdigest() != word or leaves[index].get("verdict") != "permit":
                    self.tally.check(False, f"job {index} is not {leaves[index]}")
            elif index not in jobs:
                self.tally.check(False, f"a result of {index}, which was no job")
        outcomes = {leaf["of"] for leaf in leaves if leaf["kind"] == "outcome" and leaf["result"] == "ok"}
        if notes.exists():
            self.tally.check(bool(jobs) and outcomes <= jobs, f"outcomes of what was no job: {sorted(outcomes - jobs)[:5]}")

    def recorded(self, least, timeout=30):
        """How many breaches of a frontend's rules the trail has, as soon as there are so many."""
        deadline = time.monotonic() + timeout
        while breaches(self.service.leaves()) < least and time.monotonic() < deadline:
            self.service.take_notifications(0.1)
        return breaches(self.service.leaves())

    def close(self):
        for caller in self.honest:
            caller.stopping.set()
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.close()
        self.service.close()
