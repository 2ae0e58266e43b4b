"""Callers for tests of who is asking: processes that live in a cgroup, a namespace and with credentials of the test's choice,
connect, change, and end; and others that get the number of one that has ended. Needs root.
"""
import array
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import service as mg

CLONE_NEWCGROUP, CLONE_NEWUSER, CLONE_NEWPID = 0x02000000, 0x10000000, 0x20000000
SYS_CLONE3 = 435  # on every architecture
PR_SET_DUMPABLE = 4
SO_PEERPIDFD = 77
libc = ctypes.CDLL(None, use_errno=True)


def kernel_keeps_peers():
    """Whether this machine's kernel has SO_PEERPIDFD."""
    here, there = socket.socketpair()
    with here, there:
        try:
            os.close(here.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD))
        except OSError:
            return False
    return True


def old_kernel(build, error):
    """The environment of a guard for which SO_PEERPIDFD fails so (tests/support/old-kernel.c)."""
    library = pathlib.Path(build) / "tests/support/libtest-old-kernel.so"
    assert library.exists(), library
    # A sanitized guard would have its own library be the first, and has nothing to fear of this one.
    asan = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
    return {"LD_PRELOAD": str(library), "MATCHGUARD_TEST_PEERPIDFD": str(error), "ASAN_OPTIONS": asan}


class Cgroups:
    """The unified hierarchy of this machine, mounted once more; folders that were made go again. One at a time has it: a
    folder of one would else be gone, or stay, because of another."""

    def __init__(self):
        self.lock = open("/run/matchguard-test-cgroups.lock", "wb")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="matchguard-cgroup."))
        subprocess.run(["mount", "-t", "cgroup2", "none", str(self.root)], check=True)
        self.made = []

    def folder(self, path):
        """Makes it with all above it."""
        folder = self.root
        for name in path.strip("/").split("/"):
            folder = folder / name
            if not folder.exists():
                folder.mkdir()
                self.made.append(folder)
        return folder

    def close(self):
        for folder in reversed(self.made):
            for _ in range(50):
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.02)  # what was in it is still ending
        subprocess.run(["umount", str(self.root)], check=True)
        self.root.rmdir()
        self.lock.close()


def move(pid, folder):
    """Puts a process into a cgroup; 0: oneself."""
    (folder / "cgroup.procs").write_text(str(pid))


# ---------------------------------------------------------------------- what a peer is to be, one step after another

def within(folder):
    return lambda: move(0, folder)


def user(uid, groups=()):
    def step():
        os.setgroups(list(groups))
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    return step


def effective(uid, real):
    """As a set-uid program of `uid` is, started by `real`."""
    def step():
        os.setgroups([])
        os.setresgid(real, uid, uid)
        os.setresuid(real, uid, uid)
    return step


def unshare(flags):
    if libc.unshare(flags) < 0:
        raise OSError(ctypes.get_errno(), "unshare")


def own_namespaces(flags, mapped=True):
    """A user namespace of its own, as any user may have, and more; in it root, or nobody."""
    def step():
        uid = os.getuid()
        libc.prctl(PR_SET_DUMPABLE, 1)  # else its own files in /proc would be root's still
        unshare(CLONE_NEWUSER | flags)
        if mapped:
            pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1\n")
        assert os.getuid() == 0 if mapped else os.getuid() != uid
    return step


def own_pids():
    """A pid namespace of its own, in which the peer is the first process; it ends with the test's end of its control."""
    unshare(CLONE_NEWPID)
    inside = os.fork()
    if inside > 0:
        os.waitpid(inside, 0)
        os._exit(0)


def fork_as(number):
    """fork(2), the child with this number, which nobody has any more."""
    for _ in range(20):
        tid = ctypes.c_int(number)
        args = (ctypes.c_uint64 * 11)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(tid), 1, 0)
        pid = libc.syscall(ctypes.c_long(SYS_CLONE3), args, ctypes.c_size_t(ctypes.sizeof(args)))
        if pid >= 0:
            return pid
        if ctypes.get_errno() != errno.EEXIST:
            break
        time.sleep(0.02)
    raise OSError(ctypes.get_errno(), f"no process can have the number {number}")


class Peer:
    """A live process that took these steps, and does as it is told."""

    def __init__(self, *steps, number=None, actions=None):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = self.number = os.fork() if number is None else fork_as(number)
        if self.pid == 0:
            try:
                self._be(theirs, steps, actions or {})
            except BaseException as error:  # whatever it is: the test must hear of it, and this process must not go on
                theirs.send(repr(error).encode())
            finally:
                os._exit(1)
        theirs.close()
        self._expect(b"ready")

    @staticmethod
    def _be(control, steps, actions):
        # Copies of the test's connections would keep these open.
        for fd in map(int, os.listdir("/proc/self/fd")):
            if fd > 2 and fd != control.fileno():
                with contextlib.suppress(OSError):
                    os.close(fd)
        for step in steps:
            step()
        control.send(b"ready")
        while message := control.recv(4096):
            request = json.loads(message)
            if "act" in request:
                actions[request["act"]]()
                control.send(b"ready")
                continue
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.connect(request["connect"])
                control.sendmsg([b"ready"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])

    def _expect(self, *expected):
        message, fds, _, _ = socket.recv_fds(self.control, 4096, 1)
        if message not in expected:
            raise RuntimeError(f"the peer says {message}")
        return fds

    def connect(self, path):
        self.control.send(json.dumps({"connect": str(path)}).encode())
        return mg.Connection(socket.socket(fileno=self._expect(b"ready")[0]))

    def act(self, name):
        """Does one of its actions; one that executes another program is heard to have gone."""
        self.control.send(json.dumps({"act": name}).encode())
        self._expect(b"ready", b"")

    def kill(self, reap=True):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitid(os.P_PID, self.pid, os.WEXITED | (0 if reap else os.WNOWAIT))
            self.control.close()
        if reap:
            self.pid = 0
