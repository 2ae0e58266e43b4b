#!/usr/bin/env python3
"""The lists of system calls, held against what the programs really do: component scripts run with every program of
ours under strace, and what each process asked for once it was confined is compared with its lists.

A call that was seen and is in no list would have been the end of the process. A call of a list that was not seen is one too
many, unless UNSEEN says when it is made. Whether one is never seen is held against the whole suite only, for which
MATCHGUARD_SECCOMP_SUITE=all stands; else a few scripts run that between them make most calls.

The lists are read from the sources, where they are tables.

Usage: call-lists.py BUILD    (root)
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import service as mg  # noqa: E402
import traces  # noqa: E402

DAEMON = pathlib.Path(__file__).parents[2] / "daemon"

# Each table, and the processes for which it is made. Those that only inherit it are under LIVES_UNDER.
TABLES = {"common": ("base/sandbox.c", "sandbox_common", ("guard", "frontend", "child", "worker")),
          "guard": ("guard/confine.c", "confine_list", ("guard",)),
          "frontend": ("frontend/confine.c", "confine_parent_list", ("frontend",)),
          "child": ("frontend/confine.c", "confine_child_list", ("child",)),
          "worker": ("worker/confine.c", "confine_list", ("worker",)),
          "driver": ("worker/confine.c", "confine_driver_list", ("worker",))}
LIVES_UNDER = {"guard": ("common", "guard"), "frontend": ("common", "child", "frontend"), "child": ("common", "child"),
               "worker": ("common", "worker", "driver")}
ABORT = "tgkill"  # for SIGABRT only, which base/sandbox-seccomp.c adds by itself

SOME = ("run", "identity", "rates", "malformed-service")
OWN, NONE = "it traces by itself", "it starts none of the programs"
NOT_TRACED = {
    "inside": "it does what is in no list",
    "call-lists": OWN, "confined-first": OWN, "seccomp-logged": "it does what is in no list",
    "identity-races": OWN, "kernel-audit": OWN, "fault-injection": OWN, "fault-injection-starts": OWN, "kill-rounds": OWN,
    "promise-1-no-record-no-match": OWN, "promise-2-no-record-no-answer": OWN, "promise-5-crash": OWN, "scenario-dead-peer": OWN,
    "disk-read-only": OWN, "stop-drains": OWN,
    "decide": NONE, "explain": NONE, "policy": NONE, "prove-diff-who-can": NONE, "check-export": NONE, "completion": NONE,
    "install": NONE, "powercut": NONE, "mutation": NONE, "mutation-export": NONE, "replay": NONE,
}

# What stands in a table and no script makes its processes do: when they do.
UNSEEN = {
    ("common", "clock_nanosleep"): "SQLite, while another process, such as a backup, holds a lock",
    ("common", "epoll_pwait"): "for epoll_wait(2), where machines have none (arm64)",
    ("common", "ppoll"): "for poll(2), likewise",
    ("common", "epoll_pwait2"): "the loop of a newer libsystemd (Debian 13)",
    ("common", "fstat"): "a newer C library (Debian 13) for newfstatat(2)",
    ("common", "ioctl"): "whether there are colours, before a library that gives up says why",
    ("common", "writev"): "what the C library says before abort(3)",
    ("guard", "access"): "SQLite, looking for a journal beside a database that it opens",
    ("guard", "faccessat"): "for access(2), where machines have none",
    ("guard", "getcwd"): "SQLite, where --state is no whole path",
    ("guard", "adjtimex"): "the C library before 2.31; since then it is clock_adjtime(2)",
    ("guard", "connect"): "a journal that was started again; system/12-journal",
    ("guard", "ioctl"): "how much the journal has not read yet, likewise",
    ("guard", "renameat2"): "a log that is begun anew, in a folder that must not be there",
    ("guard", "sched_getaffinity"): "malloc(3), when threads first want memory at once",
    ("worker", "pread64"): "a gallery's journal, read again",
    ("worker", "rt_sigreturn"): "a disk that fails under a map; unit/worker/lanes",
    ("worker", "unlinkat"): "what an earlier failure left behind, before it is written anew",
    ("driver", "ioctl"): "a GPU's driver; PoCL computes on the processor, and asks no device",
    ("driver", "stat"): "NVIDIA's driver, before it opens a node",
}
# What is made on one machine and not on another: held against neither.
DEPENDS = {("common", "gettimeofday"): "where the vDSO has no clock",
           ("driver", "sched_yield"): "whether a driver waits so"}


def table(name):
    """The calls of a table: {call: whether it is answered as missing}."""
    path, variable, _ = TABLES[name]
    body = re.search(rf"const SandboxGroup {variable}\[\] = {{(.*?)\n}};", (DAEMON / path).read_text(encoding="utf-8"),
                     re.DOTALL)
    assert body, f"{path} has no {variable}[]"
    return {call: ".missing = true" in group for group in re.split(r"\n        {", body[1])
            for call in re.findall(r"(?:SANDBOX_CALL(?:_IF|_BITS)?|SCMP_SYS)\((\w+)", group)}


def scripts(build):
    """The scripts of the component suite, as meson calls them: {name: words}."""
    done = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, text=True, check=True)
    found = {test["name"].removeprefix("component/"): test["cmd"] for test in json.loads(done.stdout)
             if any(suite.endswith("component") for suite in test["suite"])}
    wanted = found if os.environ.get("MATCHGUARD_SECCOMP_SUITE") == "all" else SOME
    return {name: found[name] for name in wanted if name not in NOT_TRACED}


def run(build, name, words, folder):
    """Return: the name and what it said last, where it failed. What is traced is slow: a script to which that matters asks
    traces.slowness()."""
    # Where the words were made, to which their paths are relative.
    done = subprocess.run(words, cwd=build, capture_output=True, text=True, check=False, timeout=1200,
                          env={**os.environ, "MATCHGUARD_STRACE": folder})
    return None if done.returncode in (0, 77) else f"{name}: {(done.stdout + done.stderr)[-400:]}"


def traced(build):
    """Runs the scripts under strace. Return: (calls by process, what failed)."""
    calls = traces.Calls()
    with tempfile.TemporaryDirectory(prefix="matchguard-strace.") as folder:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            faults = list(filter(None, pool.map(lambda item: run(build, *item, folder), scripts(build).items())))
        traces.wait_for_tracers(folder)
        for path in sorted(pathlib.Path(folder).iterdir()):
            calls.read(path)
    return calls.seen, faults


def hold(seen, tally):
    """Seen, and in no list."""
    for process, names in LIVES_UNDER.items():
        allowed = {ABORT}.union(*(table(name) for name in names))
        tally.check(seen[process], f"no {process} was seen that had confined itself")
        for call, times in sorted(seen[process].items()):
            tally.check(call in allowed, f"{process}: {call} was called {times} times, and is in none of its lists")


def hold_unseen(seen, tally):
    """In a list, and not seen."""
    for name, (path, variable, processes) in TABLES.items():
        unseen = {call for call, missing in table(name).items()
                  if not missing and not any(seen[process][call] for process in processes)}
        for call in sorted(unseen):
            tally.check((name, call) in {**UNSEEN, **DEPENDS}, f"daemon/{path}, {variable}: {call} is never called; strike it out, or say when in UNSEEN")
        for call in sorted(call for where, call in UNSEEN if where == name):
            tally.check(call in unseen, f"UNSEEN has {call} of {variable}, which is called, or not in the list")


def main():
    if os.getuid() != 0:
        print("needs root")
        return 77
    tally = mg.Tally()
    seen, faults = traced(sys.argv[1])
    for fault in faults:
        tally.check(False, f"under strace, {fault}")
    hold(seen, tally)
    if os.environ.get("MATCHGUARD_SECCOMP_SUITE") == "all":
        hold_unseen(seen, tally)
    for process in LIVES_UNDER:
        print(f"{process}: {sum(seen[process].values())} calls of {len(seen[process])} kinds")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
