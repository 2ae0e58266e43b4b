#!/usr/bin/env python3
"""Promise 9: overload is not a denial. What exceeds a bound is Overloaded or waits; nobody is denied for it, whatever was
decided is in the trail, and whoever floods does not keep out those whom the policy knows.

Usage: promise-9-overload.py BUILD    (root)
"""
import json
import os
import pathlib
import select
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import crashes  # noqa: E402
import killer  # noqa: E402
import service as mg  # noqa: E402

MANY = range(3100, 3120)  # users of the rescuer
KEEPERS = (mg.ARCHIVE_UID, 3200)
WIDE = 4096  # dimension of the gallery whose templates are large
IN_FLIGHT_UID = 64  # requests under way for one user at most
BURST = 100  # calls that unknown users together have saved up
WAITING = 80  # calls of theirs beyond that, which take as many seconds

POLICY = {**mg.POLICY, "rescuer.organisation": "[Organisation]\nDescription=A rescuer\nClass=ngo\n[Peer]\nUser="
          + " ".join(map(str, [mg.NGO_UID, *MANY])) + "\n",
          "keeper.organisation": "[Organisation]\nDescription=Keeps the gallery\nClass=archive\n[Peer]\nUser="
          + " ".join(map(str, KEEPERS)) + "\n",
          "wide.gallery": f"[Gallery]\nDescription=Large templates\nModel=wide\nDimension={WIDE}\n"}


def error_of(reply):
    return reply.get("error", "").rpartition(".")[2]


class Bench:
    def __init__(self, build, tally, config=None):
        self.tally, self.answers = tally, []
        self.service = mg.Service(build, policy=POLICY)
        arguments = ()
        if config:
            path = self.service.dir / "matchguard.conf"
            path.write_text(config)
            arguments = ("--config", str(path))
        self.service.start(arguments=arguments)
        self.connections = []

    def pipeline(self, uid, calls, connections=1):
        """Connections of a user, each with as many calls sent."""
        made = []
        for _ in range(connections):
            made.append(self.service.connect(uid))
            for _ in range(calls):
                made[-1].send(*mg.identify())
        self.connections += made
        return made

    def collect(self, connections, calls, timeout=30):
        """All answers; a connection that ends early is a failure."""
        replies = []
        for connection in connections:
            for _ in range(calls):
                reply = connection.receive(timeout)
                if not self.tally.check(reply is not None, "a connection ended without its answers"):
                    break
                replies.append(reply)
        self.answers += replies
        return replies

    @staticmethod
    def hear(connection):
        """All that has come on a connection; nothing: it was ended."""
        replies = [connection.receive(0.5)]
        while b"\0" in connection.buffer:
            replies.append(connection.receive(0))
        return [reply for reply in replies if reply is not None]

    def stop_worker(self):
        os.kill(self.service.processes["worker"].pid, signal.SIGSTOP)

    def open_requests(self):
        return self.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]["requests"]["open"]

    def go_on(self):
        os.kill(self.service.processes["worker"].pid, signal.SIGCONT)

    def judge(self, label, late=()):
        """Every answer against the log, and as many decisions as answers that name one. @late: connections on which more
        answers have come."""
        self.tally.check(self.service.stop() == 0, f"{label}: the guard does not stop cleanly")
        for connection in late:
            while reply := connection.receive():
                self.answers.append(reply)
        leaves = self.service.leaves()
        for reply in self.answers:
            fault = crashes.answer_fault(leaves, reply)
            self.tally.check(fault is None, f"{label}: {fault}")
        for fault in crashes.outcome_faults(leaves):
            self.tally.check(False, f"{label}: {fault}")
        named = {reply["parameters"]["receipt"]["decisionIndex"] for reply in self.answers if "receipt" in reply["parameters"]}
        decided = {leaf["index"] for leaf in leaves if leaf["kind"] == "request"}
        self.tally.check(named <= decided, f"{label}: answers name decisions that are not there")
        self.tally.check(self.service.tool("audit", "verify")[0] == 0, f"{label}: the trail does not verify")
        return leaves, decided - named

    def close(self):
        for connection in self.connections:
            connection.close()
        self.service.close()


def calls_beyond_a_user_s_bound_wait(build, tally):
    """The worker hangs: a call of each connection is under way, the others stay unread, and all come to their end."""
    bench = Bench(build, tally)
    try:
        bench.stop_worker()
        made = bench.pipeline(mg.NGO_UID, calls=4, connections=50)
        killer.wait_until(lambda: bench.open_requests() >= 50, 15)
        time.sleep(0.3)  # for what would come beyond
        tally.check(50 <= bench.open_requests() <= IN_FLIGHT_UID, f"{bench.open_requests()} under way for one user")
        # The worker hangs meanwhile, so that whoever has to wait for the others waits for ever.
        other = bench.service.call(*mg.identify(), uid=mg.POLICE_UID)
        tally.check(error_of(other) == "Denied", f"another user: {other}")
        bench.answers.append(other)
        bench.go_on()
        replies = bench.collect(made, 4)
        tally.check({error_of(reply) for reply in replies} == {""}, f"{set(map(error_of, replies))}")
        _, unanswered = bench.judge("one user")
        tally.check(not unanswered, f"decided, but not answered: {unanswered}")
    finally:
        bench.close()


def many_users_at_once_are_all_served(build, tally):
    """Nearly as many connections as the guard has, each with a call, while the worker hangs: all are answered."""
    bench = Bench(build, tally)
    try:
        bench.stop_worker()
        made = [connection for uid in MANY[:15] for connection in bench.pipeline(uid, calls=1, connections=60)]
        killer.wait_until(lambda: bench.open_requests() >= len(made), 15)
        tally.check(bench.open_requests() == len(made), f"{bench.open_requests()} of {len(made)} under way")
        bench.go_on()
        replies = bench.collect(made, 1)
        tally.check({error_of(reply) for reply in replies} == {""}, f"{set(map(error_of, replies))}")
        _, unanswered = bench.judge("all users")
        tally.check(not unanswered, f"decided, but not answered: {unanswered}")
    finally:
        bench.close()


def more_bytes_than_are_held_are_overloaded(build, tally):
    """Large enrolments of two users while the worker hangs: what is beyond the bound is Overloaded, and no denial."""
    bench = Bench(build, tally)
    try:
        bench.stop_worker()
        template = {"model": "wide", "kind": "photograph", "data": mg.template([1.0] * WIDE)}
        call = json.dumps({"method": f"{mg.MATCH}.Enrol", "parameters": {
            "gallery": "wide", "statement": mg.statement("gallery-upkeep"),
            "entries": [{"subject": f"s-{i}", "template": template} for i in range(46)]}}).encode() + b"\0"
        connections = [bench.service.connect(uid) for uid in KEEPERS for _ in range(60)]
        bench.connections += connections
        for connection in connections:
            connection.send_raw(call)
        killer.wait_until(lambda: select.select([c.sock for c in connections], [], [], 0)[0], 15)
        held = bench.open_requests()
        bench.go_on()
        replies = bench.collect(connections, 1)
        kinds = {kind: sum(error_of(reply) == kind for reply in replies) for kind in set(map(error_of, replies))}
        print(f"{len(replies)} enrolments of {len(call)} bytes: {held} held, then {kinds}")
        tally.check(set(kinds) == {"", "Overloaded"}, f"{kinds}")
        tally.check(kinds.get("", 0) > 60, f"{kinds}")
        leaves, unanswered = bench.judge("large jobs")
        tally.check(not unanswered, f"decided, but not answered: {unanswered}")
        stored = [leaf for leaf in leaves if leaf["kind"] == "outcome" and leaf["result"] == "ok"]
        tally.check(len(stored) == kinds[""], f"{len(stored)} outcomes are ok, {kinds}")
    finally:
        bench.close()


def a_stranger_s_flood_is_slowed(build, tally):
    """A burst is answered, then one call a second; nothing is dropped, and the known are served meanwhile, who would else wait
    for more than a minute."""
    bench = Bench(build, tally)
    try:
        calls, begin = (BURST + WAITING) // 6, time.monotonic()
        made = bench.pipeline(mg.STRANGER_UID, calls=calls, connections=5)
        made += bench.pipeline(mg.STRANGER_UID + 1, calls=calls, connections=1)
        left = {connection.sock.fileno(): connection for connection in made}
        replies, slowest = [], 0.0
        while time.monotonic() - begin < 6 or (len(replies) < BURST and time.monotonic() - begin < 30):
            for fd in select.select(list(left), [], [], 0.05)[0]:
                heard = bench.hear(left[fd])
                if not tally.check(heard, "a stranger's connection was dropped"):
                    del left[fd]
                replies += heard
            known, took = crashes.timed(lambda: bench.service.call(*mg.identify()))
            slowest = max(slowest, took)
            bench.answers.append(known)
            tally.check(error_of(known) == "", f"known, and yet {known}")
        took = time.monotonic() - begin
        print(f"strangers: {len(replies)} answers in {took:.1f} s")
        tally.check(BURST <= len(replies) <= BURST + took + 2, f"strangers got {len(replies)} answers in {took:.1f} s")
        tally.check(slowest < WAITING / 2, f"a known user waited {slowest:.1f} s, as strangers do")
        tally.check({error_of(reply) for reply in replies} == {"Denied"}, f"strangers got {set(map(error_of, replies))}")
        # It is late, and it comes: a stranger who waits for a second gets one more.
        had, deadline = len(replies), time.monotonic() + 20
        while len(replies) == had and time.monotonic() < deadline:
            for fd in select.select(list(left), [], [], 0.2)[0]:
                replies += bench.hear(left[fd])
        tally.check(len(replies) > had, "the late answers do not come")
        bench.answers += replies
        _, unanswered = bench.judge("strangers", left.values())
        tally.check(len(unanswered) <= 8, f"{len(unanswered)} decisions of strangers were not answered")
    finally:
        bench.close()


def a_stranger_s_connections_do_not_keep_others_out(build, tally):
    bench = Bench(build, tally)
    try:
        for uid in range(mg.STRANGER_UID, mg.STRANGER_UID + 8):
            for _ in range(80):
                bench.connections.append(bench.service.connect(uid))
        for uid in (mg.NGO_UID, MANY[0], MANY[1]):
            reply = bench.service.call(*mg.identify(), uid=uid)
            bench.answers.append(reply)
            tally.check(error_of(reply) == "", f"uid {uid}: {reply}")
        status = bench.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]
        tally.check(status["connections"] <= 256 + 8, f"{status['connections']} connections are held")
        bench.judge("connections")
    finally:
        bench.close()


def a_request_rate_slows_and_denies_nothing(build, tally):
    bench = Bench(build, tally, config=f"[Guard]\nRequestRate={mg.NGO_UID} 2/s\n")
    try:
        begin = time.monotonic()
        rated, free = bench.pipeline(mg.NGO_UID, calls=15), bench.pipeline(MANY[0], calls=30)
        others = bench.collect(free, 30)
        replies = bench.collect(rated, 15)
        took = time.monotonic() - begin
        tally.check({error_of(reply) for reply in [*replies, *others]} == {""}, f"{set(map(error_of, [*replies, *others]))}")
        tally.check(took >= 6, f"15 calls at 2/s, of which two have saved up, took {took:.1f} s")
        last = [some[-1]["parameters"]["receipt"]["decisionIndex"] for some in (replies, others)]
        tally.check(last[0] > last[1], "a user without a rate waited for one who has it")
        bench.judge("a rate")
    finally:
        bench.close()


def main():
    tally = mg.Tally()
    for test in (calls_beyond_a_user_s_bound_wait, many_users_at_once_are_all_served,
                 more_bytes_than_are_held_are_overloaded, a_stranger_s_flood_is_slowed,
                 a_stranger_s_connections_do_not_keep_others_out, a_request_rate_slows_and_denies_nothing):
        test(sys.argv[1], tally)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
