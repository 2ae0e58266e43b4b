#!/usr/bin/env python3
"""mg-etc-reader, which opens passwd(5) and group(5) for the guard, is killed or stands still: the policy in force stays,
nobody waits, nothing is looked up in the wrong file, and whoever runs the machine is told what to do.

Usage: etc-reader.py BUILD    (root)
"""
import contextlib
import grp
import os
import pathlib
import pwd
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import killer  # noqa: E402
import service as mg  # noqa: E402

REMEDY = "systemctl restart matchguard.service"
# A group that is another number than the user of that name: a file that is taken for the other shows.
NAME = next(group.gr_name for group in grp.getgrall() if group.gr_gid and any(
    user.pw_name == group.gr_name and user.pw_uid != group.gr_gid for user in pwd.getpwall()))
GID, WRONG_GID = grp.getgrnam(NAME).gr_gid, pwd.getpwnam(NAME).pw_uid


def rescuer(line):
    return {"rescuer.organisation": f"[Organisation]\nDescription=A rescuer\nClass=ngo\n[Peer]\n{line}\n"}


class Site:
    def __init__(self, build, tally):
        self.tally, self.service = tally, mg.Service(build, policy={**mg.POLICY, **rescuer(f"Group={NAME}")}, in_memory=True)
        config = self.service.dir / "matchguard.conf"
        config.write_text("[Guard]\nRequestRate=root 1000/s\n")  # it names an account as well
        self.service.arguments["guard"] = ["--config", str(config)]

    def reader(self):
        """The pid of the process, a child of the guard's."""
        guard = self.service.processes["guard"].pid
        for pid in pathlib.Path(f"/proc/{guard}/task/{guard}/children").read_text().split():
            if pathlib.Path(f"/proc/{pid}/comm").read_text() == "mg-etc-reader\n":
                return int(pid)
        raise RuntimeError("the guard has no mg-etc-reader")

    def serves(self, when):
        """The policy that names the group is in force, and nobody is known by the number of the other file."""
        reply = self.service.call(*mg.identify(), uid=GID)
        self.tally.check("error" not in reply, f"{when}, the group: {reply}")
        reply = self.service.call(*mg.identify(), uid=WRONG_GID)
        self.tally.check("error" in reply, f"{when}, the user of that name: {reply}")

    def findings(self):
        out = self.service.tool("status")[1]
        return " ".join(out.split())

    def is_told(self, pid, when):
        """By the journal and by the status; and it is no zombie."""
        self.tally.check(killer.wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists()), f"{when}: {pid} stays")
        self.tally.check(killer.wait_until(lambda: "mg-etc-reader, has ended" in self.findings()), f"{when}: {self.findings()}")
        self.tally.check(self.service.tool("status")[0] == 1 and "starts it anew" in self.findings(), f"{when}: {self.findings()}")
        self.tally.check(self.service.log("guard").count("mg-etc-reader, the process that opens passwd(5) and group(5) for this one") == 1
                         and REMEDY in self.service.log("guard"), f"{when}: {self.service.log('guard')}")

    def does_not_load(self, when):
        """With the remedy in the answer and the journal; and the trail has it."""
        before, n_rejected = len(self.service.log("guard")), self.n_rejected(self.exported())
        code, _, err = self.service.tool("reload")
        self.tally.check(code != 0 and REMEDY in err and "mg-etc-reader" in err, f"{when}: {code} {err}")
        said = self.service.log("guard")[before:]
        self.tally.check("The policy is not loaded, the old one stays in force" in said and REMEDY in said, f"{when}: {said}")
        self.tally.check(self.n_rejected(self.exported()) == n_rejected + 1, f"{when}: the trail does not have it")

    def exported(self):
        """The leaves, once the export holds all that the service has recorded so far."""
        checkpoint = self.service.call(f"{mg.AUDIT}.GetCheckpoint", uid=0)["parameters"]["checkpoint"]
        return self.service.wait_exported(lambda leaves: len(leaves) >= int(checkpoint.split("\n")[1]))

    def forget_reloads(self):
        """So that wait_for() hears of the next one."""
        self.service.take_notifications()
        self.service.notified.pop("RELOADING", None)

    @staticmethod
    def n_rejected(leaves):
        return sum(leaf["kind"] == "policy" and leaf["result"] == "rejected" for leaf in leaves)

    def again(self):
        """Another start makes it anew."""
        for name in ("guard", "frontend", "worker"):
            self.service.kill(name, signal.SIGTERM)
        (self.service.dir / "guard.log").unlink()
        self.service.start()
        self.tally.check("mg-etc-reader" not in self.findings(), f"after a start: {self.findings()}")
        self.service.tool("reload", check=0)


def late(site):
    """It stands still while a policy is loaded, and then goes on. Requests do not wait for that: some that come when the load has
    begun are decided before it is given up."""
    pid = site.reader()
    connections, decided = [site.service.connect(GID) for _ in range(4)], []
    site.forget_reloads()
    os.kill(pid, signal.SIGSTOP)
    reload = subprocess.Popen([site.service.build / "tools/matchguard", "reload", "--dir", site.service.dir],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    site.service.wait_for("RELOADING")
    while reload.poll() is None:
        for connection in connections:
            connection.send(*mg.identify())
        decided += [connection.receive()["parameters"]["receipt"]["decisionIndex"] for connection in connections]
    said = reload.communicate(timeout=mg.PATIENCE)[0]
    for connection in connections:
        connection.close()
    site.tally.check(reload.returncode != 0 and REMEDY in said, f"late: {said}")
    rejected = [leaf["index"] for leaf in site.exported() if leaf["kind"] == "policy" and leaf["result"] == "rejected"]
    site.tally.check(len(rejected) == 1 and decided and decided[0] < rejected[0], f"requests wait for it, too: {rejected}, {decided[:8]}")
    os.kill(pid, signal.SIGCONT)
    site.serves("after it was late")
    site.does_not_load("after it was late")
    site.serves("after another reload")
    site.is_told(pid, "late")


def killed(site):
    pid = site.reader()
    os.kill(pid, signal.SIGKILL)
    site.is_told(pid, "killed")
    site.does_not_load("killed")
    site.serves("killed")
    mg.write_policy(site.service.policy, rescuer(f"User={mg.NGO_UID}"))
    code, _, err = site.service.tool("reload")
    site.tally.check(code == 0 and "error" not in site.service.call(*mg.identify()), f"numbers need no lookup: {code} {err}")


def stopped(site):
    """The guard is stopped while it waits."""
    mg.write_policy(site.service.policy, rescuer(f"Group={NAME}"))
    pid = site.reader()
    site.forget_reloads()
    os.kill(pid, signal.SIGSTOP)
    guard = site.service.processes["guard"]
    guard.send_signal(signal.SIGHUP)
    site.service.wait_for("RELOADING")
    status = site.service.kill("guard", signal.SIGTERM)
    site.tally.check(status == 0, f"a stop: {status} {site.service.log('guard')}")
    # Where Landlock keeps the guard's signals to itself, the one of its end does not reach a process that stands still.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    last = [(leaf["kind"], leaf.get("result")) for leaf in site.service.wait_exported(lambda leaves: leaves)[-2:]]
    site.tally.check(last == [("policy", "rejected"), ("stop", None)], f"the last leaves are {last}")


def main():
    tally = mg.Tally()
    site = Site(sys.argv[1], tally)
    try:
        site.service.start()
        site.serves("at first")
        late(site)
        site.again()
        killed(site)
        site.again()
        stopped(site)
    finally:
        site.service.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
