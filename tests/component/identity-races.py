#!/usr/bin/env python3
"""Who is asking, raced on purpose: the connector exits, its parent looks or does not, and its number is given to another
process, at each step between connect and the last reply. What somebody else then asks on its socket is not answered, no unit
is taken from the thief, and the record says so.

On the kernel's own path (SO_PEERPIDFD), on that of kernels which keep no dead peer, and on that of those which do not know it:
there, a process of the same user that has the number before the connection is accepted is taken for the connector, as must
be, and recorded as known by its user alone.

Usage: identity-races.py BUILD    (root)
"""
import contextlib
import errno
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import killer  # noqa: E402
import peers  # noqa: E402
import service as mg  # noqa: E402

UNIT = f"mg{os.getpid()}.service"
USER, OTHER_USER = 3102, 3103
POLICY = {**mg.POLICY, "by-unit.organisation": f"[Organisation]\nDescription=o\nClass=ngo\n[Peer]\nUser={USER}\nUnit={UNIT}\n"}
SLOW = 0.5  # seconds that a look at the peer is made to take


class Scene:
    """A guard on one path, and the places where its callers are."""

    def __init__(self, build, tally, cgroups, error):
        self.tally, self.error = tally, error
        self.path = f"SO_PEERPIDFD: {errno.errorcode[error] if error else 'as here'}"
        self.by_number = error == errno.ENOPROTOOPT or not peers.kernel_keeps_peers()
        self.unit = cgroups.folder(f"system.slice/{UNIT}")
        self.elsewhere = cgroups.folder("user.slice/mg.scope")
        self.n_gone = 0
        self.service = mg.Service(build, policy=POLICY, in_memory=True)
        # What other guards have the kernel record would wake this one's loop, which accepts last: traced, it may not get to that.
        config = self.service.dir / "matchguard.conf"
        config.write_text("[Guard]\nKernelAudit=no\n")
        self.service.arguments["guard"] = ["--config", str(config)]

    def start(self):
        self.service.start(environment=peers.old_kernel(self.service.build, self.error) if self.error else None)
        self.service.call(*mg.enrol([("a", mg.unit(0))]), uid=mg.ARCHIVE_UID)
        self.guard, self.worker = self.service.processes["guard"].pid, self.service.processes["worker"].pid

    def peer(self, folder, uid=USER, number=None):
        return peers.Peer(peers.within(folder), peers.user(uid), number=number)

    def connect(self, peer):
        return peer.connect(self.service.path(mg.MATCH))

    @contextlib.contextmanager
    def stopped(self, pid):
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def slow(self, look):
        """The guard is slow to ask the kernel for the peer's groups, before it has the process by number; for its label, when
        it has; or to open the folder in /proc of the number that the process had."""
        call, nth = {"groups": ("getsockopt", 2), "label": ("getsockopt", 3 if self.error == errno.ENOPROTOOPT else 4),
                     "folder": ("openat", 2)}[look]
        output = self.service.dir / "strace.txt"
        output.unlink(missing_ok=True)
        tracer = killer.Strace(self.guard, f"trace={call}", f"inject={call}:delay_enter={int(SLOW * 1e6)}:when={nth}", output=output)

        def begins():
            """Waits until the looks before it are done: the connection has been accepted, and when is known to the guard."""
            done = re.compile(rf"^{self.guard} +{call}\(", re.MULTILINE)  # numbers stand in a column
            self.tally.check(killer.wait_until(lambda: len(done.findall(output.read_text())) >= nth - 1), f"{self.path}: nobody looks: {look}")
            time.sleep(SLOW / 10)

        try:
            yield begins
        finally:
            tracer.detach()

    def silent(self, what, connection):
        """The end, and not a byte before it."""
        reply = connection.receive()
        self.tally.check(reply is None and not connection.buffer, f"{self.path}: {what}: heard {reply}")
        connection.close()

    def unanswered(self, what, connection):
        """Not even told whom it is taken for; counted as never having become a request."""
        with contextlib.suppress(BrokenPipeError):
            connection.send(f"{mg.MATCH}.WhoAmI")
        self.silent(what, connection)
        self.n_gone += 1

    def size(self):
        return int(self.service.call(f"{mg.AUDIT}.GetCheckpoint", uid=0)["parameters"]["checkpoint"].splitlines()[1])


def dead_when_accepted(scene):
    """Reaped, or a zombie."""
    with scene.stopped(scene.guard):
        pairs = [(scene.peer(scene.unit), reap) for reap in (True, False)]
        connections = [scene.connect(peer) for peer, _ in pairs]
        for peer, reap in pairs:
            peer.kill(reap=reap)
    for connection, (peer, reap) in zip(connections, pairs):
        scene.unanswered(f"dead when it was accepted, {'reaped' if reap else 'a zombie'}", connection)
        peer.kill()


def recycled_when_accepted(scene):
    """The number is another's: of the same user in the unit, of another user in the unit, and the unit's own is dead."""
    for what, connector, thief, uid in (
            ("a thief of the same user", scene.elsewhere, scene.unit, USER),
            ("a thief of another user", scene.elsewhere, scene.unit, OTHER_USER),
            ("a thief from elsewhere", scene.unit, scene.elsewhere, USER)):
        with scene.stopped(scene.guard):
            peer = scene.peer(connector)
            connection = scene.connect(peer)
            peer.kill()
            other = scene.peer(thief, uid, number=peer.number)
        if scene.by_number and uid == USER:
            said = connection.call(f"{mg.MATCH}.WhoAmI")["parameters"]
            unit = UNIT if thief == scene.unit else None
            scene.tally.check((said["uid"], said.get("unit"), said["identity"]) == (USER, unit, "uid"), f"{what}: {said}")
            connection.close()
        else:
            scene.unanswered(f"{what} has its number when it is accepted", connection)
        other.kill()


def changes_while_it_is_looked_at(scene):
    """Between accept and what /proc says, it exits, and another has its number."""
    for look, steals in (("groups", False), ("groups", True), ("label", False), ("label", True), ("folder", True)):
        peer = scene.peer(scene.elsewhere)
        other = None
        with scene.slow(look) as begins:
            connection = scene.connect(peer)
            begins()
            peer.kill()
            time.sleep(0.03)  # the times of processes are told in hundredths of a second
            if steals:
                other = scene.peer(scene.unit, number=peer.number)
            scene.unanswered(f"gone before its {look} could be seen, {'its number stolen' if steals else 'and nobody has its number'}",
                             connection)
        if other:
            other.kill()


def recycled_between_requests(scene):
    """It was known, and has been answered."""
    peer = scene.peer(scene.unit)
    connection = scene.connect(peer)
    known = connection.call(f"{mg.MATCH}.WhoAmI")["parameters"]
    scene.tally.check((known.get("unit"), known["identity"]) == (UNIT, "uid" if scene.by_number else "pidfd"), f"{known}")
    peer.kill()
    other = scene.peer(scene.unit, number=peer.number)
    scene.unanswered("its number is stolen between two requests", connection)
    other.kill()


def recycled_before_the_reply(scene):
    """The worker has the job; what it finds goes to nobody."""
    peer = scene.peer(scene.unit)
    size = scene.size()
    with scene.stopped(scene.worker):
        connection = scene.connect(peer)
        connection.send(*mg.identify())
        scene.tally.check(killer.wait_until(lambda: scene.size() > size), "the decision is not recorded")
        peer.kill()
        other = scene.peer(scene.unit, number=peer.number)
    scene.silent("its number is stolen before the reply", connection)
    other.kill()


def expect_record(scene):
    """One request, permitted while its caller lived, and answered to nobody; all else counted as gone."""
    def gone(leaves):
        return sum(leaf["count"] for leaf in leaves if leaf["kind"] == "refused" and leaf["why"] == "caller-gone")

    killer.wait_until(lambda: gone(scene.service.leaves()) >= scene.n_gone)
    leaves = scene.service.leaves()
    requests = [leaf for leaf in leaves if leaf["kind"] == "request" and leaf["uid"] == USER]
    outcomes = [leaf["result"] for leaf in leaves if leaf["kind"] == "outcome" and leaf["of"] in [it["index"] for it in requests]]
    scene.tally.check(gone(leaves) == scene.n_gone, f"{scene.path}: {scene.n_gone} were gone, {gone(leaves)} recorded")
    scene.tally.check([(it.get("unit"), it["verdict"]) for it in requests] == [(UNIT, "permit")] and outcomes == ["caller-gone"],
                      f"{scene.path}: decided {requests}, ended {outcomes}")


def main():
    build, tally, cgroups = sys.argv[1], mg.Tally(), peers.Cgroups()
    everything = (dead_when_accepted, recycled_when_accepted, changes_while_it_is_looked_at, recycled_between_requests,
                  recycled_before_the_reply)
    # Where only what the kernel says of the dead differs, only that is tried again.
    dead = (dead_when_accepted, recycled_when_accepted, recycled_before_the_reply)
    runs = [(0, everything), (errno.ENOPROTOOPT, everything)]
    if peers.kernel_keeps_peers():
        runs += [(error, dead) for error in (errno.EINVAL, errno.ESRCH, errno.ENODATA)]
    with contextlib.ExitStack() as stack:
        stack.callback(cgroups.close)
        scenes = []
        for error, tests in runs:
            scenes.append(Scene(build, tally, cgroups, error))
            stack.callback(scenes[-1].service.close)
            scenes[-1].start()
            for test in tests:
                test(scenes[-1])
        # What was refused is written once a second, and exported as often: one wait for all.
        for scene in scenes:
            expect_record(scene)
            tally.check(scene.service.stop() == 0, f"the guard stops cleanly: {scene.service.log('guard')}")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
