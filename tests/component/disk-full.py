#!/usr/bin/env python3
"""A state folder without room: whatever comes is refused as TrailUnavailable, nothing is forwarded, those who look are
told where and how much is lacking, and room that returns is used at once, without a restart.

Usage: disk-full.py BUILD    (root)
"""
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import disks  # noqa: E402
import killer  # noqa: E402
import processes  # noqa: E402
import service as mg  # noqa: E402
from disks import error_of  # noqa: E402

STOP_SECONDS = 10  # after which a stop waits for nothing any more (GUARD_STOP_USEC)
NEEDED_KIB = "3072 KiB are needed"
TOLD = ("No space left on device", NEEDED_KIB, "make room in that file system")


def own_memory(pid):
    """KiB that are no file's: those come and go with the machine's room for them."""
    return processes.status(pid, "RssAnon")


def a_disk_that_fills_while_it_serves(build, tally):
    with disks.Case(build, tally) as case:
        service = case.service
        case.start()
        os.kill(service.processes["worker"].pid, signal.SIGSTOP)
        under_way = service.connect()
        under_way.send(*mg.identify())
        tally.check(killer.wait_until(lambda: case.status()["requests"]["open"] == 1), "the request is not under way")
        # A denial needs no worker.
        for _ in range(2000):
            case.disk.fill()
            if error_of(service.call(*mg.identify(), uid=mg.POLICE_UID)) == "TrailUnavailable":
                break
        before = case.size()
        os.kill(service.processes["worker"].pid, signal.SIGCONT)
        reply = under_way.receive()
        tally.check(error_of(reply) == "TrailUnavailable", f"its outcome cannot be recorded, and: {reply}")
        gallery = case.gallery()

        case.refused("room", "full")
        case.told("full", TOLD)
        tally.check(error_of(service.call(f"{mg.MATCH}.WhoAmI")) == "", "WhoAmI needs no room")
        mg.write_policy(service.policy, {"more.class": "[Class]\nDescription=One more\n"})
        status, _, text = service.tool("reload")
        tally.check(status == 1, f"a policy that cannot be archived is loaded: {text}")

        # Refusing costs no memory, and waiting no time.
        guard = service.processes["guard"].pid
        connection = service.connect()
        for _ in range(300):
            connection.call(*mg.identify())
        before_them = own_memory(guard)
        for _ in range(1500):
            connection.call(*mg.identify())
        took = own_memory(guard) - before_them
        # A sanitizer keeps what was freed for a while.
        tally.check(took < (4096 if "sanitize" in str(build) else 256), f"1500 refusals took {took} KiB")
        before_that = processes.seconds(guard)
        time.sleep(1.5)
        spent = processes.seconds(guard) - before_that
        tally.check(spent < 0.15, f"doing nothing for 1.5 s took {spent:.2f} s of processor time")
        refused = case.status()["trailFaultRefused"]
        tally.check(refused >= 1800, f"{refused} refusals are counted")
        tally.check(case.size() == before, f"{case.size() - before} leaves were written")
        tally.check(case.gallery() == gallery, "something was forwarded")

        case.disk.make_room()
        case.served_again("filled")
        tally.check("trailFault" not in case.status(), "the fault stays in the status")
        tally.check(service.tool("reload")[0] == 0, "with room again the policy is not loaded")
        tally.check(service.stop() == 0, "no clean stop")
        leaves = service.leaves()
        gap = leaves[before]
        tally.check(gap["kind"] == "gap" and gap["count"] >= 1800 and gap["since"] <= gap["wall"] and "room" in gap["why"],
                    f"the first leaf with room again is {gap}")
        tally.check([leaf["kind"] for leaf in leaves].count("start") == 1, "it was started again")
        tally.check(leaves[before + 1]["kind"] in ("outcome", "gap"), f"what was owed: {leaves[before + 1]}")
        case.verified("filled")


def a_stop_and_a_start_without_room(build, tally):
    with disks.Case(build, tally) as case:
        service = case.service
        case.start()
        case.fill_until_refused()
        case.refused("room", "full")
        began = time.monotonic()
        tally.check(service.kill("guard", signal.SIGTERM) == 0, f"no clean stop: {service.log('guard')}")
        tally.check(time.monotonic() - began < STOP_SECONDS, "the stop waits for room")
        for name in ("frontend", "worker"):
            service.kill(name, signal.SIGTERM)
        tally.check(not (service.state / "trail/ballast").exists(), "the ballast stays, and the stop was written")

        case.disk.fill()
        service.start_guard()
        service.wait_for("READY")
        service.start_worker()
        service.start_frontend()
        case.refused("room", "started without room")
        case.told("started without room", TOLD)
        for method, uid in ((f"{mg.AUDIT}.GetCheckpoint", 0), (f"{mg.ADMIN}.Reload", 0), (f"{mg.ADMIN}.Rebase", 0)):
            reply = service.call(method, uid=uid)
            tally.check(error_of(reply) == "TrailUnavailable", f"{method}: {reply}")
        tally.check(error_of(service.call(f"{mg.MATCH}.WhoAmI")) == "", "WhoAmI needs no trail")
        os.kill(service.processes["guard"].pid, signal.SIGHUP)
        tally.check(killer.wait_until(lambda: "not loaded anew" in service.log("guard")), "a signal to reload is lost in silence")
        case.disk.make_room()
        case.served_again("started without room")
        tally.check(service.stop() == 0, "no clean stop")

        leaves = service.leaves()
        start = max(leaf["index"] for leaf in leaves if leaf["kind"] == "start")
        tally.check([leaf["kind"] for leaf in leaves[start - 2:start + 3]] == ["gap", "stop", "start", "policy", "gap"],
                    f"around the start: {[leaf['kind'] for leaf in leaves]}")
        tally.check(leaves[start]["clean"] == 1 and leaves[start]["open"] == 0, f"{leaves[start]}")
        tally.check(leaves[start + 2]["count"] >= 4, f"refused before the start: {leaves[start + 2]}")
        case.verified("stopped and started without room")


def a_kill_and_a_start_without_room(build, tally):
    with disks.Case(build, tally) as case:
        service = case.service
        case.start()
        os.kill(service.processes["worker"].pid, signal.SIGSTOP)
        owed = service.connect()
        owed.send(*mg.identify())
        tally.check(killer.wait_until(lambda: case.status()["requests"]["open"] == 1), "the request is not under way")
        for _ in range(2000):
            case.disk.fill()
            if error_of(service.call(*mg.identify(), uid=mg.POLICE_UID)) == "TrailUnavailable":
                break
        before = case.size()
        for name in ("guard", "frontend", "worker"):
            service.kill(name)
        case.disk.fill()
        service.start_guard()
        service.wait_for("READY")
        service.start_worker()
        service.start_frontend()
        case.refused("room", "killed")
        # A stop now has nothing to record: the log is not open.
        tally.check(service.kill("guard", signal.SIGTERM) == 0, f"no clean stop: {service.log('guard')}")
        service.kill("frontend")
        service.start_guard()
        service.wait_for("READY")
        service.start_frontend()
        case.refused("room", "killed, and again")
        case.disk.make_room()
        case.served_again("killed")
        service.stop()
        leaves = service.leaves()
        tally.check([leaf["kind"] for leaf in leaves[before:before + 4]] == ["start", "outcome", "policy", "gap"],
                    f"{[leaf['kind'] for leaf in leaves[before:]]}")
        tally.check(leaves[before + 1]["result"] == "unknown", f"{leaves[before + 1]}")
        case.verified("killed without room")


def a_start_that_would_end_an_epoch_without_room(build, tally):
    """The leaves of a start have no room, nor has the end of the epoch that comes with them."""
    with disks.Case(build, tally) as case:
        service = case.service
        config = service.dir / "matchguard.conf"
        config.write_text("[Guard]\nEpochLength=1s\n")
        case.start(arguments=("--config", str(config)))
        service.stop()  # a crash would leave a write-ahead log, which is room
        time.sleep(1.1)
        case.disk.fill(leave=8192)
        service.start_guard(arguments=("--config", str(config)))
        tally.check(service.wait_for("READY", guard_may_end=True), f"it does not stand by: {service.log('guard')}")
        service.start_worker()
        service.start_frontend()
        case.refused("room", "an epoch is over")
        case.disk.make_room()
        case.served_again("an epoch is over")
        service.stop()
        case.verified("an epoch ended later")


def a_database_that_is_damaged_meanwhile(build, tally):
    """Standing by ends where there is nothing to wait for, and not as a stop does."""
    with disks.Case(build, tally) as case:
        service = case.service
        case.start()
        for name in ("guard", "frontend", "worker"):
            service.kill(name)
        (service.state / "trail/ballast").unlink()  # so that each try ends with the database closed
        case.disk.fill()
        service.start_guard()
        service.wait_for("READY")
        with open(service.state / "trail/trail.db", "r+b") as database:
            database.write(b"no database")
        case.disk.make_room()
        tally.check(service.processes["guard"].wait(mg.PATIENCE) == 1, f"a damaged database: {service.log('guard')}")
        tally.check("is damaged" in service.log("guard"), service.log("guard"))


def a_disk_without_inodes(build, tally):
    """The log goes on, since it needs no new file; its export and new policies do."""
    with disks.Case(build, tally, inodes=64) as case:
        service = case.service
        case.start()
        case.disk.take_inodes()
        for _ in range(3):
            tally.check(error_of(service.call(*mg.identify())) == "", "no file can be made, and nothing is served")
        tally.check(killer.wait_until(lambda: "exportFault" in case.status()), "nobody is told that the export lags")
        fault = case.status().get("exportFault", "")
        tally.check(re.search(" [0-9] files are free", fault), fault)
        text = " ".join(service.tool("status")[1].split())
        tally.check("The export falls behind: it has " in text and fault in text, f"in words: {text}")
        mg.write_policy(service.policy, {"more.class": "[Class]\nDescription=One more\n"})
        status, _, text = service.tool("reload")
        tally.check(status == 1 and "No space left" in text, f"a policy that cannot be archived: {status} {text}")
        case.disk.give_inodes()
        tally.check(killer.wait_until(lambda: case.status()["exportedSize"] == case.status()["treeSize"]),
                    "the export does not catch up")
        tally.check("exportFault" not in case.status(), "the fault stays in the status")
        tally.check(service.tool("reload")[0] == 0, "the policy is not loaded")
        tally.check(service.stop() == 0, "no clean stop")
        case.verified("without inodes")


def a_limit_on_files(build, tally):
    """ulimit -f, which would end a program that does not expect it."""
    with disks.Case(build, tally) as case:
        service = case.service
        case.start(prefix=("prlimit", f"--fsize={1100 * 1024}"))
        reply = None
        for _ in range(3000):
            reply = service.call(*mg.identify(), uid=mg.POLICE_UID)
            if error_of(reply) != "Denied":
                break
        tally.check(error_of(reply) == "TrailUnavailable", f"the limit is reached, and: {reply} {service.log('guard')}")
        tally.check("LimitFSIZE=" in case.status().get("trailFault", ""), f"{case.status()}")
        for name in ("guard", "frontend", "worker"):
            service.kill(name)
        service.start()
        tally.check(error_of(service.call(*mg.identify())) == "", "without the limit it does not serve")
        tally.check(service.stop() == 0, f"no clean stop: {service.log('guard')}")
        case.verified("a limit on files")


def a_first_start_without_room(build, tally):
    with disks.Case(build, tally) as case:
        case.disk.fill()
        case.service.start_guard()
        tally.check(not case.service.wait_for("READY", guard_may_end=True), "a log begins where there is no room for it")
        tally.check(case.service.kill("guard") == 1 and "No space left on device" in case.service.log("guard"), case.service.log("guard"))
        case.disk.make_room()
        case.start()
        tally.check(case.service.stop() == 0, "no clean stop")
        case.verified("first start")


def galleries_without_room(build, tally):
    """What the worker cannot store is the worker's to say; the trail has it."""
    with disks.Case(build, tally, under="state/galleries") as case:
        service = case.service
        case.start()
        case.disk.fill()
        reply, stored = None, 1
        for i in range(400):
            reply = service.call(*mg.enrol([(f"more-{i}-{j}", mg.unit(j)) for j in range(64)]), uid=mg.ARCHIVE_UID)
            if error_of(reply) != "":
                break
            stored += 64
        tally.check(error_of(reply) == "Failed" and reply["parameters"]["result"] == "gallery-full", f"{reply} {service.log('worker')}")
        reply = service.call(*mg.identify())
        tally.check(error_of(reply) == "" and reply["parameters"]["searched"] == stored, f"it is searched no more: {reply}")
        case.disk.make_room()
        reply = service.call(*mg.enrol([("later", mg.unit(3))]), uid=mg.ARCHIVE_UID)
        tally.check(error_of(reply) == "", f"room again, and: {reply}")
        tally.check(service.stop() == 0, "no clean stop")
        case.verified("galleries")


def main():
    disks.private_mounts()
    tally = mg.Tally()
    for test in (a_disk_that_fills_while_it_serves, a_stop_and_a_start_without_room, a_kill_and_a_start_without_room,
                 a_start_that_would_end_an_epoch_without_room, a_database_that_is_damaged_meanwhile,
                 a_disk_without_inodes, a_limit_on_files, a_first_start_without_room, galleries_without_room):
        began = time.monotonic()
        test(sys.argv[1], tally)
        print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
