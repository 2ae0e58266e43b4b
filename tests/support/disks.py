"""Small disks for component tests: real file systems that fill up, turn read-only, or fail.

Disk is an ext4 in a file, mounted over a folder; Case is a service whose state is on one. Nobody else sees the mounts,
and they end with the test: private_mounts() comes first. Needs root and a loop device.
"""
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time

import killer
import service

CLONE_NEWNS = 0x20000
EXT4_IOC_SHUTDOWN = 0x8004587D  # as if the disk were pulled: every later read and write is an error
NO_LOG_FLUSH = 2


CALLERS = (service.NGO_UID, service.POLICE_UID, service.STRANGER_UID)


def error_of(reply):
    """The last part of an error's name; "" of an answer, None where there was none."""
    return reply.get("error", "").rpartition(".")[2] if reply else None


def private_mounts():
    """From here on this process and its children have mounts of their own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


class Disk:
    """An ext4 of some MiB, for the state folder of a service or a part of it."""

    def __init__(self, mebibytes=24, inodes=None, under="state", pool=0):
        """@pool: MiB of the tmpfs that the image lies on, thinly: less than the disk seems to have."""
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="matchguard-test."))
        self.pool, self.root = self.dir / "pool", self.dir / under
        self.image = self.pool / "image"
        self.pool.mkdir()
        self.root.mkdir(parents=True)
        if pool:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pool}m", "tmpfs", self.pool], check=True)
        self.is_thin = pool > 0
        with open(self.image, "wb") as image:
            image.truncate(mebibytes << 20)
        more = ["-N", str(inodes)] if inodes else []
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", *more, self.image], check=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop,errors=remount-ro", self.image, self.root], check=True)

    def free_bytes(self):
        space = os.statvfs(self.root)
        return space.f_bavail * space.f_frsize

    def fill(self, leave=0):
        """Takes what is left, to the last block."""
        with open(self.root / "filler", "ab", buffering=0) as filler:
            size = filler.tell()
            while self.free_bytes() > leave:
                try:
                    size += 4096
                    os.posix_fallocate(filler.fileno(), 0, size + max(0, (self.free_bytes() - leave) // 2))
                    size = os.fstat(filler.fileno()).st_size
                except OSError:
                    break

    def make_room(self):
        (self.root / "filler").unlink()

    def take_inodes(self):
        for i in range(1 << 20):
            try:
                open(self.root / f"inode-{i}", "w", encoding="ascii").close()
            except OSError:
                return

    def give_inodes(self):
        for path in self.root.glob("inode-*"):
            path.unlink()

    def turn_read_only(self):
        """What the kernel does when it finds the file system damaged."""
        subprocess.run(["mount", "-o", "remount,abort", self.root], check=True)

    def fail(self):
        """From now on the disk answers nothing but errors."""
        fd = os.open(self.root, os.O_RDONLY)
        fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(fd)

    def unmount(self):
        """Waits for the last of those that were killed to be gone."""
        deadline = time.monotonic() + service.PATIENCE
        while subprocess.run(["umount", self.root], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.root} is busy")
            time.sleep(0.05)

    def repair(self):
        """What an administrator does after the disk is back: check it, mount it again."""
        self.unmount()
        subprocess.run(["fsck.ext4", "-fy", self.image], capture_output=True, check=False)
        self.mount()

    def empty_pool(self):
        """From now on a block that was never written has no place: writing it is an error of the device."""
        with open(self.pool / "others", "wb", buffering=0) as others:
            try:
                while others.write(b"\0" * 4096) == 4096:
                    pass
            except OSError:
                pass

    def refill_pool(self):
        (self.pool / "others").unlink()

    def close(self):
        self.unmount()
        if self.is_thin:
            subprocess.run(["umount", "-l", self.pool], check=True)
        shutil.rmtree(self.dir)


class Case:
    """A service on a small disk of its own, with one face in the gallery."""

    def __init__(self, build, tally, **disk):
        self.tally = tally
        self.disk = Disk(**disk)
        self.service = service.Service(build, directory=self.disk.dir)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.service.close()
        self.disk.close()

    def start(self, **guard):
        self.service.start(**guard)
        self.check(error_of(self.service.call(*service.enrol([("a", service.unit(0))]), uid=service.ARCHIVE_UID)) == "", "nothing works")

    def check(self, condition, what):
        return self.tally.check(condition, what)

    def fill_until_refused(self):
        """Again and again: the write-ahead log has blocks of its own, and the ballast sets some free once."""
        for _ in range(2000):
            self.disk.fill()
            reply = self.service.call(*service.identify())
            if error_of(reply) == "TrailUnavailable":
                return
        raise RuntimeError(f"the disk is full, and: {reply}")

    def refused(self, why, label):
        """Everybody is refused, and for the true reason."""
        for uid in CALLERS:
            reply = self.service.call(*service.identify(), uid=uid)
            self.check(error_of(reply) == "TrailUnavailable" and why in reply["parameters"]["reason"],
                       f"{label}, uid {uid}: {reply}")
        reply = self.service.call(*service.enrol([("b", service.unit(1))]), uid=service.ARCHIVE_UID)
        self.check(error_of(reply) == "TrailUnavailable", f"{label}, enrol: {reply}")

    def status(self):
        return json.loads(self.service.tool("status", "--json")[1])["status"]

    def told(self, label, parts):
        """The status, as text and as JSON, and the log say where, what, since when, and what to do."""
        status = self.status()
        fault = status["trailFault"]
        self.check(not status["trailWritten"] and not status["serving"], f"{label}: {status}")
        for part in (str(self.service.state), *parts):
            self.check(part in fault and part in self.service.log("guard"), f"{label}: '{part}' is not said: {fault}")
        self.check(status["trailFaultSince"].startswith(time.strftime("%Y-", time.gmtime())), f"{label}: {status['trailFaultSince']}")
        text = " ".join(self.service.tool("status")[1].split())
        self.check(fault in text and "cannot be written since" in text, f"{label}: {text}")

    def served_again(self, label):
        self.check(killer.wait_until(lambda: error_of(self.service.call(*service.identify())) == ""),
                   f"{label}: it could serve, and does not: {self.service.log('guard')}")

    def verified(self, label):
        status, out, err = self.service.tool("audit", "verify")
        self.check(status == 0, f"{label}: {out}{err}")

    def size(self):
        return int(self.service.call(f"{service.AUDIT}.GetCheckpoint", uid=0)["parameters"]["checkpoint"].splitlines()[1])

    def gallery(self):
        return sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns)
                      for path in (self.service.state / "galleries").iterdir())
