#!/usr/bin/env python3
"""Holds one thread of a process, as a debugger does, while its others go on: a loop that stands still, a disk that does not answer.

  hold PID THREAD [SYSCALL]   the thread of that name, or the first one for `main`; at once, or where it next makes that system
                              call. Until SIGTERM, or until the process is gone. Says `ready`, and `held` once it is
"""
import ctypes
import os
import pathlib
import signal
import struct
import sys
import time

SEIZE, INTERRUPT, DETACH, SYSCALL, GET_SYSCALL_INFO = 0x4206, 0x4207, 17, 24, 0x420e
TRACESYSGOOD, ENTRY, WALL = 1, 1, 0x40000000
NUMBERS = {"x86_64": {"fdatasync": 75}, "aarch64": {"fdatasync": 83}}
libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, tid, address=None, data=None):
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(tid), ctypes.c_void_p(address), data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {tid}")


def name_of(task):
    try:
        return (task / "comm").read_text().strip()
    except OSError:  # it has just ended
        return None


def find(pid, name):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if name == "main" and task.name == pid or name_of(task) == name:
            return int(task.name)
    sys.exit(f"process {pid} has no thread {name}")


def enters(tid, number):
    info = ctypes.create_string_buffer(88)
    ptrace(GET_SYSCALL_INFO, tid, len(info), info)
    return info.raw[0] == ENTRY and struct.unpack_from("<Q", info.raw, 24)[0] == number


def stop(*_):
    raise SystemExit


def wait_for(tid, number):
    """Lets it go on until it enters the call."""
    print("ready", flush=True)
    while True:
        ptrace(SYSCALL, tid)
        _, status = os.waitpid(tid, WALL)
        if not os.WIFSTOPPED(status):
            raise SystemExit
        if os.WSTOPSIG(status) == signal.SIGTRAP | 0x80 and enters(tid, number):
            return


def hold(tid, number):
    ptrace(SEIZE, tid, None, ctypes.c_void_p(TRACESYSGOOD))
    ptrace(INTERRUPT, tid)
    os.waitpid(tid, WALL)
    if number:
        wait_for(tid, number)
    print("held", flush=True)
    while os.waitpid(tid, WALL | os.WNOHANG)[0] == 0:
        time.sleep(0.02)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    thread = find(sys.argv[1], sys.argv[2])
    try:
        hold(thread, NUMBERS[os.uname().machine][sys.argv[3]] if sys.argv[3:] else None)
    finally:
        # One that runs has to be stopped first; its end, and that of this process, let go of it as well.
        try:
            ptrace(DETACH, thread)
        except OSError:
            pass
