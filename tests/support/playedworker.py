"""A worker that is played: connected to the real guard, it says what a test wants. Its words are made by workercases."""
import os
import select
import socket

import wild
from relay import HELLO, JOB
from workercases import Asked, encode_hello


class Line:
    """A connection to the guard."""

    def __init__(self, path, *hello):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(path)
        self.shoot(hello or [wild.Shot(HELLO, encode_hello())])

    def shoot(self, shots):
        """Return: how many went out."""
        for sent, shot in enumerate(shots):
            if not shot.send(self.sock):
                return sent
        return len(shots)

    def receive(self, timeout=20):
        """The next packet; None at the end."""
        if not select.select([self.sock], [], [], timeout)[0]:
            raise TimeoutError("the guard says nothing")
        try:
            data, fds, _, _ = socket.recv_fds(self.sock, 65536, 4)
        except ConnectionResetError:
            return None
        for fd in fds:
            os.close(fd)
        return (data[0], data[8:]) if data else None

    def job(self):
        """The next job; None at the end."""
        while True:
            packet = self.receive()
            if packet is None:
                return None
            if packet[0] == JOB:
                return Asked(packet[1])

    def close(self):
        self.sock.close()
