"""Stands between the real guard and the real worker: passes their packets on, and keeps what the worker was shown.

The packets are taken apart by hand, along daemon/wire/packet.h and message.h.
"""
import contextlib
import select
import socket
import struct
import threading

HELLO, RESULT, GALLERY, ENGINE, CHECKPOINT, JOB, CANCEL = 48, 49, 50, 51, 64, 65, 66


class Job:
    """A JOB taken apart; pack() puts it together again."""

    def __init__(self, body):
        self.index, self.tree_size = struct.unpack_from("<QQ", body)
        at = 16
        n, = struct.unpack_from("<H", body, at)
        self.path = [body[at + 2 + 32 * i:at + 34 + 32 * i] for i in range(n)]
        at += 2 + 32 * n
        self.deadline, = struct.unpack_from("<Q", body, at)
        self.salt = body[at + 8:at + 40]
        at += 40
        n, = struct.unpack_from("<I", body, at)
        self.leaf = body[at + 4:at + 4 + n]
        at += 4 + n
        n, = struct.unpack_from("<I", body, at)
        self.data = body[at + 4:at + 4 + n]
        assert at + 4 + n == len(body), "a byte of the job is left over"

    def pack(self):
        return (struct.pack("<QQH", self.index, self.tree_size, len(self.path)) + b"".join(self.path)
                + struct.pack("<Q", self.deadline) + self.salt + struct.pack("<I", len(self.leaf)) + self.leaf
                + struct.pack("<I", len(self.data)) + self.data)


def result_of(body):
    """Index, result and reason of a RESULT."""
    index, n = struct.unpack_from("<QH", body)
    at = 10
    result = body[at:at + n].decode()
    at += n + 1
    n, = struct.unpack_from("<H", body, at)
    return index, result, body[at + 2:at + 2 + n].decode()


class Relay:
    """Listens on a path of its own for the worker, and connects to the guard for it."""

    def __init__(self, path, guard_path):
        self.path, self.guard_path = str(path), str(guard_path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.worker = self.guard = None
        self.to_worker = []

    def start(self):
        """Waits for the worker, and passes on until either side ends. The packets kept are those of this session."""
        self.worker, _ = self.listener.accept()
        self.guard = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.guard.connect(self.guard_path)
        self.to_worker = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        worker, guard = self.worker, self.guard
        while True:
            for sock in select.select([worker, guard], [], [])[0]:
                try:
                    data, fds, _, _ = socket.recv_fds(sock, 65536, 2)
                except ConnectionResetError:  # whoever was killed had not read everything
                    data, fds = b"", []
                if not data:
                    for end in (worker, guard):
                        with contextlib.suppress(OSError):
                            end.shutdown(socket.SHUT_RDWR)  # a process that was forked since may have it too
                        end.close()
                    return
                if sock is guard:
                    self.to_worker.append(data)
                socket.send_fds(worker if sock is guard else guard, [data], fds)
                for fd in fds:
                    socket.close(fd)

    def checkpoints(self):
        return [data for data in self.to_worker if data[0] == CHECKPOINT]

    def shown_size(self):
        """The size of the log that the last checkpoint tells of: the second line of its note, which stands behind
        the packet's head and a length."""
        return int(self.checkpoints()[-1][10:].split(b"\n")[1])
