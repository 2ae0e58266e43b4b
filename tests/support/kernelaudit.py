"""The kernel's audit, for tests: switched on while one runs and put back afterwards, and listened to.

The kernel has one audit for the whole machine, so only one test at a time has it (a lock under /run). Needs root, a kernel
with audit, and the package auditd for auditctl; a test that lacks one of these fails and says so.
"""
import fcntl
import os
import pathlib
import re
import select
import socket
import struct
import subprocess

NETLINK_AUDIT, GROUP_READLOG, SO_RCVBUFFORCE = 9, 1, 33
MAC_CHECK, USYS_CONFIG, INTEGRITY_FAIL, POLICY_LOAD = 1134, 1111, 2109, 2310


class Unusable(Exception):
    """Why the kernel's audit cannot be used here."""


def auditctl(*arguments):
    try:
        done = subprocess.run(["auditctl", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unusable("auditctl is not installed; tools/install-packages test") from error
    if done.returncode != 0:
        raise Unusable(f"auditctl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def is_enabled():
    found = re.search(r"^enabled (\d)", auditctl("-s"), re.M)
    if not found:
        raise Unusable("auditctl -s does not say whether audit is enabled")
    return int(found.group(1))


class Audit:
    """Audit is on within; afterwards it is as it was."""

    def __enter__(self):
        # pylint: disable=consider-using-with
        self.lock = open("/run/matchguard-test-audit.lock", "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.before, self.n_marks = is_enabled(), 0
        if self.before == 0:
            auditctl("-e", "1")
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        try:
            self.socket.bind((0, 1 << (GROUP_READLOG - 1)))
        except OSError as error:
            self.__exit__()
            raise Unusable(f"the audit multicast cannot be heard: {error}") from error
        return self

    def __exit__(self, *_):
        self.socket.close()
        if self.before != is_enabled():
            auditctl("-e", str(self.before))
        self.lock.close()

    def records(self):
        """What the kernel has said since the last call: (type, serial, text). It says everything in its order, so that all is
        there once it has said a message of the test's own."""
        self.n_marks += 1
        mark, found = f"matchguard-test {os.getpid()} {self.n_marks}", []
        auditctl("-m", mark)
        while not found or mark not in found[-1][2]:
            if not select.select([self.socket], [], [], 60)[0]:
                raise Unusable("the kernel does not say what it was told")
            data, (port, _) = self.socket.recvfrom(1 << 16)
            kind = struct.unpack_from("=IH", data)[1]
            text = data[16:].rstrip(b"\0").decode()
            serial = re.match(r"audit\([0-9.]+:(\d+)\): ", text)
            if port == 0 and serial:
                found.append((kind, int(serial.group(1)), text))
        return found[:-1]

    def of(self, origin_exe):
        """Those of one program: (type, serial, fields)."""
        mine = []
        for kind, serial, text in self.records():
            message = re.search(r"msg='(.*)'$", text)
            if message and f'exe="{origin_exe}"' in message.group(1):
                mine.append((kind, serial, dict(word.split("=", 1) for word in message.group(1).split(" "))))
        return mine


def decoded(value):
    """A value that libaudit may have encoded."""
    if value.startswith('"'):
        return value.strip('"')
    return None if value == "?" else bytes.fromhex(value).decode()


def exe_of(program):
    return str(pathlib.Path(program).resolve())
