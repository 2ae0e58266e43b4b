#!/usr/bin/env python3
"""Each program confines itself after its start-up and before the first byte from outside: from a socket nothing is read before its
filter stands, and no thread is made before, which Landlock would not bind. The worker makes those of its engine, and a driver
its own, between Landlock and the filter: these read from no socket, and the filter is set for all threads at once.

Seen by strace(1) from each program's first step, with a client that has sent its call before anybody could read it. The guard and
its own process that reads passwd(5) talk to each other before: over a pair of sockets that the guard made, which is not outside.

Usage: confined-first.py BUILD    (root)
"""
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service as mg  # noqa: E402
import traces  # noqa: E402

READER = "mg-etc-reader"  # which reads from the guard only
WORKER = "matchguard-worker"
PROCESSES = ("matchguardd", READER, "matchguard-frontend", "mg-match", WORKER)
READS = ("read", "readv", "recvfrom", "recvmsg", "recvmmsg", "accept", "accept4")
MAKES = ("clone", "clone3", "fork", "vfork")
CALLS = (*READS, *MAKES, "socketpair", "seccomp", "landlock_create_ruleset", "landlock_restrict_self", "execve", "prctl")
LINE = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
SOCKET = re.compile(r"\d+<socket:\[(\d+)\]>")
NAME = re.compile(r'PR_SET_NAME, "([^"]*)"')


class Thread:
    """What a thread did, in order, by its log. A process that was forked has its maker's name and Landlock, and needs a filter of
    its own."""

    def __init__(self, path, maker=None, is_thread=False):
        self.lines = [match.groups() for match in map(LINE.match, path.read_text(errors="replace").splitlines()) if match]
        self.name = maker.name if maker else ""
        self.own_pairs = maker.own_pairs if maker else set()
        self.is_locked = maker is not None and maker.is_locked
        self.is_filtered = is_thread and maker.is_filtered
        self.n_early = 0  # threads that it made before its filter
        self.n_read = 0
        self.made = []  # (pid, whether it is a thread)
        self.faults = []
        for call, arguments, result in self.lines:
            self.step(call, arguments, int(result))

    def step(self, call, arguments, result):
        if call == "execve" and result == 0:
            self.name = arguments.split('"')[1].rpartition("/")[2]
        elif call == "prctl" and NAME.match(arguments):
            self.name = NAME.match(arguments)[1]
        elif call == "socketpair":
            self.own_pairs |= set(SOCKET.findall(arguments))
        elif call == "landlock_create_ruleset" and result < 0:
            self.is_locked = True  # as far as this kernel can
        elif call == "landlock_restrict_self":
            self.is_locked |= result == 0
        elif call == "seccomp" and arguments.startswith("SECCOMP_SET_MODE_FILTER"):
            self.is_filtered |= result == 0
            if self.n_early and result == 0 and "SECCOMP_FILTER_FLAG_TSYNC" not in arguments:
                self.faults.append(f"its filter binds one of its {self.n_early + 1} threads")
        elif call in READS:
            self.read(call, arguments)
        elif call in MAKES and result > 0:
            self.make(result, "CLONE_THREAD" in arguments)

    def read(self, call, arguments):
        sock = SOCKET.match(arguments)
        if sock and sock[1] not in self.own_pairs:
            self.n_read += 1
            if not self.is_filtered:
                self.faults.append(f"{call}({arguments[:80]} before its filter stands")

    def make(self, pid, is_thread):
        self.made.append((pid, is_thread))
        self.n_early += is_thread and not self.is_filtered
        if is_thread and not (self.is_locked and (self.is_filtered or self.name == WORKER)):
            self.faults.append("makes a thread before it is confined")


def follow(folder, pid, maker=None, is_thread=False):
    """A thread and all that it made."""
    thread = Thread(folder / f"log.{pid}", maker, is_thread)
    yield thread
    for made, made_thread in thread.made:
        yield from follow(folder, made, thread, made_thread)


def traced(build, folder):
    """The threads of a service that was started under strace, served two calls and stopped."""
    service = mg.Service(build, in_memory=True)
    prefix = ("strace", "-DDD", "-ff", "-qq", "-y", "-o", f"{folder}/log", "-e", f"trace={','.join(CALLS)}", "-e", "signal=none")
    try:
        service.listen()
        connection = service.connect()
        connection.send(*mg.identify())
        service.start_guard(prefix)
        service.wait_for("READY")
        service.start_worker(prefix)
        service.start_frontend(prefix)
        assert connection.receive(), "nobody answers"
        # The first may have been answered without a worker; this one gives it a job.
        service.wait_for("X_MATCHGUARD_SERVING")
        assert connection.call(*mg.identify()), "nobody answers"
        pids = [process.pid for process in service.processes.values()]
        service.stop()
    finally:
        service.close()
    traces.wait_for_tracers(folder)
    return [thread for pid in pids for thread in follow(folder, pid)]


def main():
    if os.getuid() != 0:
        print("needs root")
        return 77
    tally = mg.Tally()
    with tempfile.TemporaryDirectory(prefix="matchguard-strace.") as folder:
        threads = traced(sys.argv[1], pathlib.Path(folder))
    for name in PROCESSES:
        mine = [thread for thread in threads if thread.name.startswith(name)]
        tally.check(any(thread.is_filtered and (thread.n_read or name == READER) for thread in mine),
                    f"{name}: none was seen that confined itself and read something")
    for thread in threads:
        tally.check(not thread.faults, f"{thread.name}: {thread.faults[:3]}")
        print(f"{thread.name:24}{thread.n_read:4} reads of a socket")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
