"""Starts the real programs for component tests, and calls them.

Service plays systemd: makes the listening sockets, hands them to matchguardd, waits for its readiness, starts worker and
frontend. Each process can be started alone, under a prefix (strace ...), killed, and started again on the same folder.

Caller is a process of another user that stays alive and opens connections for the test: the kernel's word for who
connected is then that user's, and the connector lives as long as the test wants it to.

Needs root, because it plays several users.
"""
import array
import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import traces

MATCH, ADMIN, AUDIT = "org.matchguard.Match", "org.matchguard.Admin", "org.matchguard.Audit"
LISTENERS = [(MATCH, socket.SOCK_STREAM, 0o666), (ADMIN, socket.SOCK_STREAM, 0o600), (AUDIT, socket.SOCK_STREAM, 0o660),
             ("frontend", socket.SOCK_SEQPACKET, 0o600), ("worker", socket.SOCK_SEQPACKET, 0o600)]

BUNDLE = 256  # leaves in a file of the export
PROCESSOR = {"MATCHGUARD_ENGINE": "cpu"}  # what searches where a test says nothing else, also on a machine with a GPU

# Seconds until a test gives up waiting for what must come. No limit of the product's, and none that a busy machine reaches.
PATIENCE = 120

NGO_UID, POLICE_UID, ARCHIVE_UID, STRANGER_UID = 3001, 3002, 3003, 3999

# Small and complete: an organisation that may search, one that may not, one that fills the gallery.
POLICY = {
    "ngo.class": "[Class]\nDescription=Organisations that rescue people\n",
    "government.class": "[Class]\nDescription=Government\n",
    "law-enforcement.class": "[Class]\nDescription=Law enforcement\nParent=government\n",
    "police.class": "[Class]\nDescription=Police\nParent=law-enforcement\n",
    "archive.class": "[Class]\nDescription=Those who keep the gallery\n",
    "missing-child-reunion.purpose": "[Purpose]\nDescription=Reunite missing children with their families\n",
    "gallery-upkeep.purpose": "[Purpose]\nDescription=Fill and clear galleries\n",
    "faces.gallery": "[Gallery]\nDescription=Missing children\nModel=test-16\nDimension=16\n",
    "rescuer.organisation": f"[Organisation]\nDescription=A rescuer\nClass=ngo\n[Peer]\nUser={NGO_UID}\n",
    "city-police.organisation": f"[Organisation]\nDescription=A police department\nClass=police\n[Peer]\nUser={POLICE_UID}\n",
    "keeper.organisation": f"[Organisation]\nDescription=Keeps the gallery\nClass=archive\n[Peer]\nUser={ARCHIVE_UID}\n",
    "rescue.allow": "[Allow]\nDescription=Rescuers find missing children\nClass=ngo\n"
                    "Operation=identify identify-stored verify compare\nPurpose=missing-child-reunion\nGallery=any\n"
                    "Sought=missing victim\nMinimumSimilarity=0.3\nMaximumCandidates=5\nRelease=scores\n",
    "upkeep.allow": "[Allow]\nDescription=The keeper fills and clears\nOrganisation=keeper\n"
                    "Operation=enrol remove list\nPurpose=gallery-upkeep\nGallery=any\nMaximumCandidates=1000\n",
    "police-use.moratorium": "[Moratorium]\nDescription=No police use\nNotice=Police use is suspended.\nClass=law-enforcement\n"
                             "From=2020-06-10\n",
}


def write_policy(directory, files):
    """Writes a policy directory that the service accepts."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    return directory


def is_sanitized(build):
    """Whether the programs are several times slower, and larger, than those that are installed."""
    return b"libasan" in pathlib.Path(build, "daemon/guard/matchguardd").read_bytes()


def contents(folder):
    """The bytes of every file, by its path. Where the service takes one away meanwhile, all are read anew."""
    while True:
        try:
            return {path: path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file()}
        except FileNotFoundError:
            continue


def template(values):
    """Little-endian float32, base64."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def unit(i, dimension=16):
    """The i-th axis."""
    return [1.0 if j == i % dimension else 0.0 for j in range(dimension)]


def statement(purpose="missing-child-reunion", **more):
    return {"purpose": purpose, "sought": "missing", "onBehalfOf": [], "recipients": [], **more}


def identify(probe=None, **more):
    """A call that the test policy permits to the rescuer."""
    parameters = {"gallery": "faces", "statement": statement(),
                  "probe": {"model": "test-16", "kind": "photograph", "data": template(probe or unit(0))}}
    return f"{MATCH}.Identify", {**parameters, **more}


def enrol(entries):
    return f"{MATCH}.Enrol", {
        "gallery": "faces", "statement": statement("gallery-upkeep"),
        "entries": [{"subject": subject, "template": {"model": "test-16", "kind": "photograph", "data": template(vector)}}
                    for subject, vector in entries]}


def until(condition, timeout=30):
    """Waits until something is so. Return: what the condition gave last."""
    deadline = time.monotonic() + timeout
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


class Connection:
    """One Varlink connection: raw bytes, or calls."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def send_raw(self, data):
        self.sock.sendall(data)

    def send(self, method, parameters=None, **more):
        self.send_raw(json.dumps({"method": method, "parameters": parameters or {}, **more}).encode() + b"\0")

    def receive(self, timeout=PATIENCE):
        """The next reply; None when the service closed the connection."""
        deadline = time.monotonic() + timeout
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError("no reply")
            try:
                data = self.sock.recv(1 << 20)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.buffer += data
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method, parameters=None, timeout=PATIENCE, **more):
        try:
            self.send(method, parameters, **more)
        except (BrokenPipeError, ConnectionResetError):
            return None
        return self.receive(timeout)

    def close(self):
        self.sock.close()


class Caller:
    """A live process of some user; connections it opens are given to the test."""

    def __init__(self, uid):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self.control.close()
            try:
                self._serve(theirs, uid)
            finally:
                os._exit(1)
        theirs.close()

    @staticmethod
    def _serve(control, uid):
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        while True:
            path = control.recv(4096).decode()
            if not path:
                os._exit(0)
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(path)
                control.sendmsg([b"ok"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])
            except OSError as error:
                control.send(str(error).encode())
            sock.close()

    def connect(self, path):
        self.control.send(str(path).encode())
        message, fds, _, _ = socket.recv_fds(self.control, 4096, 1)
        if message != b"ok":
            raise ConnectionError(message.decode())
        return Connection(socket.socket(fileno=fds[0]))

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
            self.control.close()


def memory_folder():
    """Where files lie in memory, so that a sync costs nothing; None where there is no such place with room. A process
    that is killed leaves the same there as on a disk; what a cut of power leaves is for other tests."""
    with contextlib.suppress(FileNotFoundError):
        if shutil.disk_usage("/dev/shm").free > 512 << 20:
            return "/dev/shm"
    return None


class Service:
    """The programs on one private folder."""

    def __init__(self, build, policy=None, directory=None, in_memory=False):
        self.build = pathlib.Path(build)
        where = memory_folder() if in_memory else None
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="matchguard-test.", dir=where))
        self.dir_is_own = directory is None
        self.dir.chmod(0o711)
        self.run, self.state = self.dir / "run", self.dir / "state"
        for path, mode in ((self.run, 0o755), (self.run / "internal", 0o700), (self.state, 0o700),
                           (self.state / "galleries", 0o700)):
            path.mkdir(exist_ok=True)
            path.chmod(mode)
        self.policy = write_policy(self.dir / "policy.d", POLICY if policy is None else policy)
        self.programs = {"guard": self.build / "daemon/guard/matchguardd",
                         "frontend": self.build / "daemon/frontend/matchguard-frontend",
                         "worker": self.build / "daemon/worker/matchguard-worker"}
        self.environment = {}  # what each of them has beside the test's own
        self.arguments = {"guard": [], "frontend": [], "worker": []}  # what each of them is always given
        # Under accounts of their own (support/taken.py) peers and policy are not the caller's.
        self.guard_options = ["--private"]
        self.processes, self.callers, self.listeners = {}, {}, []
        self.notify = None
        self.notified = {}

    # ------------------------------------------------------------------ processes

    def path(self, name):
        return (self.run / "internal" / name) if name in ("frontend", "worker") else self.run / name

    def listen(self):
        """Makes the listening sockets; they outlive the guard, as systemd's do."""
        for name, kind, mode in LISTENERS:
            path = self.path(name)
            path.unlink(missing_ok=True)
            sock = socket.socket(socket.AF_UNIX, kind)
            sock.bind(str(path))
            path.chmod(mode)
            sock.listen(512)
            self.listeners.append(sock)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.dir / "notify"
        path.unlink(missing_ok=True)
        self.notify.bind(str(path))

    def start_guard(self, prefix=(), arguments=(), environment=None, stopped=False):
        """Starts it; where `stopped`, only up to its first step, for a tracer to attach: SIGCONT lets it go on."""
        if not self.listeners:
            self.listen()
        self.take_notifications()  # what the one before said
        self.notified = {}
        first = 3
        source = [sock.fileno() for sock in self.listeners]

        def hand_over():
            # High copies first, so that no descriptor is overwritten before it has been moved.
            high = [os.dup2(fd, 200 + i) for i, fd in enumerate(source)]
            for i, fd in enumerate(high):
                os.dup2(fd, first + i)
                os.close(fd)

        names = ":".join(name for name, _, _ in LISTENERS)
        environment = {**os.environ, **self.environment, "LISTEN_FDS": str(len(source)), "LISTEN_FDNAMES": names,
                       "NOTIFY_SOCKET": str(self.dir / "notify"), **(environment or {})}
        policy = ["--policy-dir", str(self.policy)] if self.policy else []  # None: the system's
        command = [str(self.programs["guard"]), *self.guard_options, "--state", str(self.state), *policy,
                   *self.arguments["guard"], *arguments]
        # The shell becomes the guard: only so does it know the pid that LISTEN_PID must name, under strace too.
        script = f'LISTEN_PID=$$; export LISTEN_PID; {"kill -STOP $$; " if stopped else ""}exec "$@"'
        log = open(self.dir / "guard.log", "ab")
        self.processes["guard"] = subprocess.Popen(
            [*traces.prefix(prefix), "sh", "-c", script, "sh", *command], env=environment, preexec_fn=hand_over,
            stdout=log, stderr=log, pass_fds=tuple(range(first, first + len(source))))

    def start_frontend(self, prefix=(), path=None):
        """Starts it; with a path, on whoever listens there instead of the guard."""
        log = open(self.dir / "frontend.log", "ab")
        self.processes["frontend"] = subprocess.Popen(
            [*traces.prefix(prefix), str(self.programs["frontend"]), "--connect", str(path or self.path("frontend")),
             *self.arguments["frontend"]], stdout=log, stderr=log, env={**os.environ, **self.environment})

    def start_worker(self, prefix=(), arguments=(), path=None, environment=None):
        """Starts it; with a path, on whoever listens there instead of the guard."""
        log = open(self.dir / "worker.log", "ab")
        self.processes["worker"] = subprocess.Popen(
            [*traces.prefix(prefix), str(self.programs["worker"]), "--connect", str(path or self.path("worker")), "--galleries",
             str(self.state / "galleries"), "--vkey", str(self.state / "public/log.vkey"),
             *self.arguments["worker"], *arguments], stdout=log, stderr=log,
            env={**PROCESSOR, **os.environ, **self.environment, **(environment or {})})

    def wait_for(self, key, value="1", timeout=PATIENCE, guard_may_end=False):
        """Waits for an sd_notify(3) assignment. Return: False when the guard ended first."""
        deadline = time.monotonic() + timeout
        while self.notified.get(key) != value:
            if self.processes["guard"].poll() is not None:
                if guard_may_end:
                    return False
                raise RuntimeError(f"the guard ended: {self.log('guard')}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {key}={value}: {self.notified} {self.log('guard')}")
            self.take_notifications(0.05)
        return True

    def take_notifications(self, timeout=0):
        """Reads what the guard has notified: where nobody does, sd_notify(3) waits for room after a few."""
        while self.notify and select.select([self.notify], [], [], timeout)[0]:
            for line in self.notify.recv(65536).decode().splitlines():
                name, _, said = line.partition("=")
                self.notified[name] = said
            timeout = 0

    def start(self, **guard):
        self.start_guard(**guard)
        self.wait_for("READY")
        self.start_worker()
        self.start_frontend()
        self.wait_for("X_MATCHGUARD_SERVING")
        return self

    def kill(self, name, how=signal.SIGKILL):
        """Ends one process, however it was started, and waits for it."""
        process = self.processes.pop(name, None)
        if process and process.poll() is None:
            process.send_signal(how)
        if process:
            process.wait(PATIENCE)
            return process.returncode
        return None

    def stop(self):
        """A clean stop: the guard first, then the others see it go."""
        status = self.kill("guard", signal.SIGTERM)
        for name in ("frontend", "worker"):
            self.kill(name, signal.SIGTERM)
        return status

    def close(self):
        for name in list(self.processes):
            self.kill(name)
        for caller in self.callers.values():
            caller.kill()
        for sock in self.listeners:
            sock.close()
        if self.notify:
            self.notify.close()
        if self.dir_is_own:
            shutil.rmtree(self.dir, ignore_errors=True)

    def log(self, name):
        path = self.dir / f"{name}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    # ------------------------------------------------------------------ calls

    def caller(self, uid):
        if uid not in self.callers:
            self.callers[uid] = Caller(uid)
        return self.callers[uid]

    def connect(self, uid=NGO_UID, interface=MATCH):
        return self.caller(uid).connect(self.path(interface))

    def call(self, method, parameters=None, uid=NGO_UID, interface=None, **more):
        """One call on a connection of its own."""
        self.take_notifications()
        connection = self.connect(uid, interface or method.rpartition(".")[0])
        try:
            return connection.call(method, parameters, **more)
        finally:
            connection.close()

    def tool(self, *arguments, uid=None, check=None):
        """Runs the tool on this folder. Return: (status, stdout, stderr)."""
        self.take_notifications()
        command = [str(self.build / "tools/matchguard"), *map(str, arguments), "--dir", str(self.dir)]
        if uid is not None:
            command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if check is not None:
            assert done.returncode == check, (command, done.returncode, done.stdout, done.stderr)
        return done.returncode, done.stdout, done.stderr

    # ------------------------------------------------------------------ the trail

    def leaves(self, export=None):
        """Every leaf of the export, or of one that was put aside, in order."""
        return self.more_leaves([], export)

    def more_leaves(self, known, export=None):
        """Appends to the leaves that are known those that the export has beside them. Return: all."""
        while True:
            try:
                found = self._read_leaves(export or self.state / "export", len(known) // BUNDLE)
                break
            except FileNotFoundError:
                # The guard takes an unfinished bundle away once a longer one stands in its place.
                continue
        known += found[len(known) % BUNDLE:]
        return known

    def _read_leaves(self, export, first_bundle):
        return [json.loads(entry) for entry in self.read_entries(export, first_bundle)]

    @staticmethod
    def read_entries(export, first_bundle=0):
        """The bytes of the leaves that the checkpoint covers: those beyond it no tool shows yet."""
        try:
            size = int((export / "checkpoint").read_text().split("\n")[1])
        except FileNotFoundError:  # nothing was exported yet
            size = 0
        found = []
        for number in range(first_bundle, -(-size // BUNDLE)):
            digits = f"{number:03d}"
            groups = [digits.zfill(-(-len(digits) // 3) * 3)[at:at + 3] for at in range(0, len(digits), 3)]
            path = export / "tile/entries" / "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
            count = min(BUNDLE, size - number * BUNDLE)
            try:
                data = (path if count == BUNDLE else path.with_name(f"{path.name}.p") / str(count)).read_bytes()
            except FileNotFoundError:
                data = path.read_bytes()  # a full bundle takes the place of unfinished ones before the checkpoint says so
            at = 0
            for _ in range(count):
                length = int.from_bytes(data[at:at + 2], "big")
                found.append(data[at + 2:at + 2 + length])
                at += 2 + length
        return found

    def wait_exported(self, done, timeout=PATIENCE):
        """Waits until the exported leaves satisfy a condition. Return: the leaves."""
        deadline = time.monotonic() + timeout
        while True:
            leaves = self.leaves()
            if done(leaves):
                return leaves
            if time.monotonic() > deadline:
                raise TimeoutError(f"the export holds {[leaf['kind'] for leaf in leaves]}")
            time.sleep(0.1)


class Tally:
    """Counts checks of a script and prints the closing line."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, condition, what):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)
        return condition

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
