#!/usr/bin/env python3
"""A clock that runs ahead, is set back, and is believed again by an administrator's word.

- while the clock is behind the newest synchronised record every request is denied, over a kill and a restart too
- nothing but Rebase changes that; the tool asks first, and a no is a no
- then requests are decided again, the trail says who, from when and to when, and a restart knows the new mark
- where the clock is not behind, and where there is no mark, there is nothing to rebase
- two verifiers find the trail in order

Usage: clock-rebase.py BUILD    (root)
"""
import os
import pathlib
import pty
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import check_export  # noqa: E402
import clock as test_clock  # noqa: E402
import service as mg  # noqa: E402

YEAR, HOUR = 365 * 86400, 3600


def verdict(service):
    reply = service.call(*mg.identify())
    if "error" not in reply:
        return "permit"
    return reply["parameters"].get("reason", reply["error"])


def status(service):
    return service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]


def rebase(service):
    """By the method itself. Return: the error's last word, or its status."""
    reply = service.call(f"{mg.ADMIN}.Rebase", uid=0)
    return reply["error"].rpartition(".")[2] if "error" in reply else reply["parameters"]["status"]


def ask_tool(service, answer):
    """`matchguard rebase` at a terminal. Return: exit status, what stood on the terminal, what on stdout."""
    ours, theirs = pty.openpty()
    command = [service.build / "tools/matchguard", "rebase", "--dir", service.dir]
    process = subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True)
    os.close(theirs)
    said = b""
    while b"[y/N] " not in said:
        said += os.read(ours, 4096)
    os.write(ours, answer.encode())
    out = process.communicate(timeout=mg.PATIENCE)[0]
    os.close(ours)
    return process.returncode, said.decode(), out


def restart(service, clock):
    for name in ("guard", "frontend", "worker"):
        service.kill(name)
    service.start(environment=clock.environment())


def a_clock_that_is_right_needs_nothing(tally, service, clock):
    tally.check(verdict(service) == "permit", "with a synchronised clock")
    now = status(service)
    tally.check(now["clock"] == "synchronised" and now["mark"] <= now["time"] and now["warnings"] == [], f"status {now}")
    tally.check(rebase(service) == "NothingToRebase", "not behind")
    done = service.tool("rebase", "--yes")
    tally.check(done[0] == 1 and "not behind" in done[2], f"the tool says so: {done}")
    clock.set(-4)
    tally.check(verdict(service) == "permit", "so far a clock may be wrong")
    clock.set(0)


def behind_nothing_is_permitted(tally, service, clock):
    clock.set(YEAR)
    tally.check(verdict(service) == "permit", "a year ahead, which nobody can know")
    clock.set(0)
    tally.check(verdict(service) == "clock-untrusted", "set back")
    now = status(service)
    tally.check(now["clock"] == "behind" and len(now["warnings"]) == 1 and "matchguard rebase" in now["warnings"][0],
                f"status says what to do: {now['warnings']}")
    service.wait_for("STATUS", "The clock is behind the trail: every request is denied; in force: police-use (until somebody "
                               "releases it); 1 warning.")
    restart(service, clock)
    tally.check(verdict(service) == "clock-untrusted", "after kill -9")
    clock.set(0, synchronised=False)
    tally.check(verdict(service) == "clock-untrusted", "not synchronised either")
    clock.set(0)


def only_a_yes_rebases(tally, service, clock):
    done = service.tool("rebase")
    tally.check(done[0] == 2 and "--yes" in done[2], f"without a terminal: {done}")
    for answer in ("\n", "n\n", "yesterday\n"):
        code, said, out = ask_tool(service, answer)
        tally.check(code == 1 and out == "", f"{answer!r}: {code} {said} {out}")
    tally.check(verdict(service) == "clock-untrusted", "a no is a no")
    before = status(service)
    code, said, out = ask_tool(service, "y\n")
    tally.check(code == 0 and "believed again" in out, f"yes: {code} {said} {out}")
    minutes = {moment["time"][:16] for moment in (before, status(service))}
    tally.check(before["mark"] in said and any(minute in said for minute in minutes), f"it names both times: {before['mark']} {minutes} {said}")
    tally.check(verdict(service) == "permit", "decided again")
    service.wait_for("STATUS", "Serving; in force: police-use (until somebody releases it).")
    now = status(service)
    tally.check(now["clock"] == "synchronised" and now["warnings"] == [], f"status: {now}")
    tally.check(rebase(service) == "NothingToRebase", "once is enough")


def the_trail_says_who_from_when_to_when(tally, service):
    leaves = service.wait_exported(lambda leaves: any("by" in leaf for leaf in leaves if leaf["kind"] == "jump"))
    jumps = [leaf for leaf in leaves if leaf["kind"] == "jump"]
    jump = jumps[-1]
    earlier = [leaf["wall"] for leaf in leaves[:jump["index"]] if leaf["clock"] == "synchronised"]
    tally.check([leaf.get("by") for leaf in jumps].count(0) == 1 and jump["by"] == 0, f"one jump by hand: {jumps}")
    tally.check(jump["from"] == max(earlier) and jump["to"] == jump["wall"] and jump["clock"] == "behind", f"{jump}")
    tally.check(jump["time"] == max(leaf["time"] for leaf in leaves[:jump["index"]]), "log time does not go back")
    after = next(leaf for leaf in leaves[jump["index"]:] if leaf["kind"] == "request")
    tally.check(after["mark"] >= jump["to"] and after["clock"] == "synchronised", f"the next request: {after}")
    words = service.tool("audit", "show", str(jump["index"]), check=0)[1]
    tally.check("the mark was set back from" in words, f"in words: {words}")
    found = service.tool("audit", "search", "--kind", "jump", check=0)[1]
    tally.check("uid 0" in found and " ".join(found.split()).count("the mark was set back") == 1, f"in a search: {found}")


def a_restart_knows_the_new_mark(tally, service, clock):
    restart(service, clock)
    tally.check(verdict(service) == "permit", "after kill -9 it is still believed")
    clock.set(-HOUR)
    tally.check(verdict(service) == "clock-untrusted", "and the new mark counts")
    clock.set(0)
    tally.check(verdict(service) == "permit", "and is come up to")


def in_order(tally, service, what):
    service.stop()
    done = service.tool("audit", "verify")
    tally.check(done[0] == 0, f"{what}: audit verify: {done}")
    try:
        check_export.Export(service.state / "export").check()
    except check_export.Fault as fault:
        tally.check(False, f"{what}: the second verifier: {fault}")


def without_a_mark_there_is_nothing(tally, build):
    service = mg.Service(build)
    clock = test_clock.Clock(build, service.dir)
    clock.set(YEAR, synchronised=False)
    try:
        service.start(environment=clock.environment())
        tally.check(verdict(service) == "permit", "a clock that nobody vouches for")
        clock.set(0, synchronised=False)
        tally.check(verdict(service) == "permit", "set back, against nothing that is known")
        tally.check("mark" not in status(service), "no mark")
        tally.check(rebase(service) == "NothingToRebase", "nothing to set back")
        in_order(tally, service, "without a mark")
    finally:
        service.close()


def main():
    tally = mg.Tally()
    service = mg.Service(sys.argv[1])
    clock = test_clock.Clock(sys.argv[1], service.dir)
    try:
        service.start(environment=clock.environment())
        a_clock_that_is_right_needs_nothing(tally, service, clock)
        behind_nothing_is_permitted(tally, service, clock)
        only_a_yes_rebases(tally, service, clock)
        the_trail_says_who_from_when_to_when(tally, service)
        a_restart_knows_the_new_mark(tally, service, clock)
        in_order(tally, service, "rebased")
    finally:
        service.close()
    without_a_mark_there_is_nothing(tally, sys.argv[1])
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
