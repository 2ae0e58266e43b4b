"""Small disks for component tests: real file systems that fill up, turn read-only, or fail.

Disk is an ext4 in a file, mounted over a folder. Nobody else sees the mounts, and they end with the test:
private_mounts() comes first. Needs root and a loop device.
"""
import ctypes
import fcntl
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time

CLONE_NEWNS = 0x20000
EXT4_IOC_SHUTDOWN = 0x8004587D  # as if the disk were pulled: every later read and write is an error
NO_LOG_FLUSH = 2


def private_mounts():
    """From here on this process and its children have mounts of their own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


class Disk:
    """An ext4 of some MiB, for the state folder of a service or a part of it."""

    def __init__(self, mebibytes=24, inodes=None, under="state"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="matchguard-test."))
        self.image, self.root = self.dir / "image", self.dir / under
        self.root.mkdir(parents=True)
        with open(self.image, "wb") as image:
            image.truncate(mebibytes << 20)
        more = ["-N", str(inodes)] if inodes else []
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", *more, self.image], check=True)
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
        deadline = time.monotonic() + 5
        while subprocess.run(["umount", self.root], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.root} is busy")
            time.sleep(0.05)

    def repair(self):
        """What an administrator does after the disk is back: check it, mount it again."""
        self.unmount()
        subprocess.run(["fsck.ext4", "-fy", self.image], capture_output=True, check=False)
        subprocess.run(["mount", "-o", "loop,errors=remount-ro", self.image, self.root], check=True)

    def close(self):
        self.unmount()
        shutil.rmtree(self.dir)
