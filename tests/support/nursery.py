"""Children of the frontend for whoever plays one that was taken over, beside those of honest callers, which are real.

A filter with the frontend's account stands between the guard and the real frontend: it passes on what both say, and keeps
for the test the children that the guard wants for the attackers' users. The guard's end of such a child, and the clients
that it is for, are real.
"""
import json
import os
import select
import socket
import struct

import fakefrontend
import service
from fakeguard import CHILD_GONE, INTERFACES, send_packet
from taken import FRONTEND

CONNECTIONS = 2  # of each child: one to play on, one to see whether the guard is still listening


def serve_filter(listen_path, guard_path, uids):
    def serve(test):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(listen_path))
        listener.listen(1)
        test.send(b"1")
        frontend, _ = listener.accept()
        guard = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guard.connect(str(guard_path))
        while True:
            for sock in select.select([guard, frontend, test], [], [])[0]:
                data, fds, _, _ = socket.recv_fds(sock, 65536, 4)
                if not data:
                    os._exit(0)
                if sock is test:
                    gone, = json.loads(data)
                    send_packet(guard, CHILD_GONE, struct.pack("<QI", gone, 9))
                elif sock is frontend:
                    guard.send(data)
                else:
                    number, interface, uid = struct.unpack("<QBI", data[8:])
                    if uid in uids:
                        socket.send_fds(test, [json.dumps([number, uid, INTERFACES[interface]]).encode()], fds)
                    else:
                        socket.send_fds(frontend, [data], fds)
                    for fd in fds:
                        os.close(fd)
    return serve


class Nursery:
    """Makes children on demand."""

    def __init__(self, scene, uids):
        self.scene, self.uids, self.clients = scene, uids, {}
        path = scene.service.run / "filter"
        path.mkdir()
        os.chown(path, FRONTEND, FRONTEND)
        self.filter = scene.process(FRONTEND, serve_filter(path / "socket", scene.service.path("frontend"), set(uids)))
        self.filter.hear()
        for uid in uids:
            scene.service.caller(uid)  # forked before there are threads
        self.path = path / "socket"

    def want(self, uid, interface=service.MATCH):
        """Has clients of a user connect, for whom the guard will want a child."""
        self.clients[uid, interface] = [self.scene.service.connect(uid, interface) for _ in range(CONNECTIONS)]

    def take(self, timeout=20):
        """Return: the next child: its number, whose it is (uid and interface), and the descriptor."""
        if not select.select([self.filter.sock], [], [], timeout)[0]:
            raise TimeoutError("the guard wants no child")
        data, fds, _, _ = socket.recv_fds(self.filter.sock, 4096, 1)
        number, *whose = json.loads(data)
        return number, tuple(whose), fds[0]

    def bury(self, number, whose):
        """The process of a child has gone, and so have its clients."""
        self.filter.tell([number])
        for client in self.clients.pop(whose):
            client.close()


class Child(fakefrontend.FakeChild):
    """A child in the hands of an attacker: what it can say, and what it hears."""

    def __init__(self, number, whose, fd):
        uid, interface = whose
        super().__init__(None, number, interface, uid, fd)
        self.sock.setblocking(True)
        self.faults, self.sent = [], 0
        assert self.pump(lambda: len(self.connections) == CONNECTIONS and self.credits > 0)
        self.own, self.sync = sorted(self.connections)

    def shoot(self, *shots):
        """Return: whether all of them went out."""
        for shot in shots:
            self.sent += 1
            if not shot.send(self.sock):
                return False
        return True

    def settle(self, timeout=20):
        """Waits until the guard has seen everything that was sent. Return: whether it has not ended this child."""
        kind = "who-am-i" if self.interface == service.MATCH else "get-receipt" if self.interface == service.AUDIT else "get-status"
        try:
            serial = self.call(self.sync, kind=kind, request="0" * 32)
        except (BrokenPipeError, ConnectionResetError):
            serial = None
        return self.pump(lambda: any((a["connection"], a["serial"]) == (self.sync, serial) for a in self.answers), timeout)

    def take_answers(self):
        """What it has heard since, apart from what settle() asked."""
        heard, self.answers = [a for a in self.answers if a["connection"] != self.sync], []
        return heard

    def close(self):
        for sock in self.connections.values():
            sock.close()
        self.sock.close()
