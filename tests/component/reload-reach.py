#!/usr/bin/env python3
"""What a guard that has confined itself still reads at a reload: files that were replaced, in folders of any prefix and
through links; and what it says of a folder or file that another took the place of, which only a restart reads.

Usage: reload-reach.py BUILD    (root)
"""
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import killer  # noqa: E402
import service as mg  # noqa: E402

RESTART = "systemctl restart matchguard.service"
REACH = "out of its reach (matchguardd(8), CONFINEMENT)"
# The guard alone sees these folders in place of the machine's own; and nothing of /run.
MACHINE = 'mount --bind "$0/etc" /etc && mount --bind "$0/local" /usr/local && mount -t tmpfs none /run && exec "$@"'


def replace(path, text):
    """As editors, package managers and checkouts do it: by another file."""
    new = path.with_name(".new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(path)


def link(path, target):
    new = path.with_name(".new")
    new.symlink_to(target)
    new.replace(path)


class Site:
    """A service, and what its reloads come to. Installed, it has the system's folders, on a machine of its own."""

    def __init__(self, build, tally, installed=False, arguments=()):
        self.tally, self.service = tally, mg.Service(build, in_memory=True)
        self.n_files, self.given = 0, self.service.policy
        self.start_with = {"arguments": arguments}
        if installed:
            self.service.programs["guard"] = pathlib.Path(build) / "tests/support/matchguardd-usr-local"
            self.service.policy = None
            self.start_with["prefix"] = ("unshare", "--mount", "sh", "-c", MACHINE, str(self.service.dir))
            self.etc, self.shipped = self.make("etc/matchguard"), self.make("local/lib/matchguard") / "policy.d"
            self.given.rename(self.shipped)
            for name in ("passwd", "group"):
                shutil.copy(f"/etc/{name}", self.service.dir / "etc")

    def make(self, name):
        path = self.service.dir / name
        path.mkdir(parents=True)
        return path

    def configure(self, path, level):
        replace(path, f"[Guard]\nLogLevel={level}\n")

    def start(self):
        self.service.start(**self.start_with)
        # Else nothing can be out of reach, and nothing is told of it.
        self.confined = "has no Landlock" not in self.service.log("guard")
        return self

    def restart(self):
        self.service.stop()
        self.start()

    def status(self):
        return self.service.call(f"{mg.ADMIN}.GetStatus", uid=0)["parameters"]["status"]

    def add(self, folder):
        """A file more in a policy folder, by which the policy becomes another one."""
        self.n_files += 1
        replace(folder / f"more-{self.n_files}.class", f"[Class]\nDescription=More {self.n_files}\n")

    def reload(self):
        """Return: (whether another policy is in force, its faults)."""
        before = self.status()["policy"]
        reply = self.service.call(f"{mg.ADMIN}.Reload", uid=0)
        return self.status()["policy"] != before, reply["parameters"].get("faults", [])

    def takes(self, when):
        changed, faults = self.reload()
        self.tally.check(changed and not faults, f"{when}: another policy: {changed}, {faults}")

    def rejects(self, folder, when):
        if not self.confined:
            return
        changed, faults = self.reload()
        wanted = f"{folder}: not the folder that stood there when the guard started, and so {REACH}; restart"
        self.tally.check(not changed and faults and faults[0].startswith(wanted) and RESTART in faults[0], f"{when}: {faults}")
        # A thread of its own writes what is told.
        self.tally.check(killer.wait_until(lambda: f"stays in force:\n{wanted}" in self.service.log("guard"), 20),
                         f"{when}: {self.service.log('guard')}")

    def level_is(self, level, when):
        said = self.status()
        self.tally.check(said["log"]["configured"] == level, f"{when}: {said['log']}")
        self.tally.check("configUnread" not in said and "configFault" not in said, f"{when}: {said}")

    def unread(self, path, level, when):
        """The configuration stays as it was, which nobody takes for a fault of it."""
        if not self.confined:
            return
        said = self.status()
        wanted = f"{path}: not the file that stood there when the guard started, and so {REACH}"
        self.tally.check(said["log"]["configured"] == level and said.get("configUnread") == wanted, f"{when}: {said}")
        self.tally.check("configFault" not in said, f"{when}: {said}")
        def is_told():
            log = self.service.log("guard").rpartition("The configuration ")[2]
            return f"a restart only ({RESTART})" in log and wanted in log
        self.tally.check(killer.wait_until(is_told, 20), f"{when}: {self.service.log('guard')}")
        _, words, _ = self.service.tool("status")
        words = " ".join(words.split())
        self.tally.check("was not read again" in words and "which reads it" in words and "has a fault" not in words,
                         f"{when}: {words}")

    def close(self):
        self.service.close()


def under_another_prefix(site):
    site.start()
    site.add(site.shipped)
    site.takes("a file in the folder of the prefix")
    site.shipped.rename(site.shipped.with_name("old.d"))
    shutil.copytree(site.shipped.with_name("old.d"), site.shipped)
    site.add(site.shipped)
    site.takes("another folder in its place")
    own = site.make("etc/matchguard/policy.d")
    site.add(own)
    site.takes("a folder that was made after the start")
    site.configure(site.etc / "matchguard.conf", "notice")
    site.reload()
    site.level_is("notice", "a configuration that was made after the start")
    site.configure(site.etc / "matchguard.conf", "warning")
    site.reload()
    site.level_is("warning", "one that an editor replaced")


def through_links(site):
    # Apart, so that what is opened for the one does not help the other.
    policy, other_policy, conf, other_conf = [site.make(name) for name in ("policy", "other-policy", "conf", "other-conf")]
    for folder in (conf, other_conf):
        site.configure(folder / "matchguard.conf", "notice")
    (site.etc / "policy.d").symlink_to(policy)
    (site.etc / "matchguard.conf").symlink_to(conf / "matchguard.conf")
    site.start()
    site.add(policy)
    site.configure(conf / "matchguard.conf", "warning")
    site.takes("a file where the link leads to")
    site.level_is("warning", "a configuration that was replaced where the link leads to")

    link(site.etc / "policy.d", other_policy)
    link(site.etc / "matchguard.conf", other_conf / "matchguard.conf")
    site.rejects("/etc/matchguard/policy.d", "a link that leads elsewhere now")
    site.unread("/etc/matchguard/matchguard.conf", "warning", "a link that leads elsewhere now")
    site.restart()
    site.level_is("notice", "restarted")
    site.add(other_policy)
    site.takes("restarted")


def a_wide_folder_is_not_opened_for_a_configuration(site):
    """It would hold the galleries. The bytes of the file are read all the same."""
    for folder in (site.service.dir, site.service.state / "galleries"):
        config = folder / "matchguard.conf"
        site.configure(config, "notice")
        link(site.etc / "matchguard.conf", config)
        site.start()
        config.write_text("[Guard]\nLogLevel=warning\n")
        site.reload()
        site.level_is("warning", f"the file itself in {folder}")
        site.configure(config, "error")
        site.reload()
        site.unread("/etc/matchguard/matchguard.conf", "warning", f"another file in {folder}")
        site.service.stop()


def folders_that_were_given(site):
    site.start()
    site.add(site.given)
    site.takes("a file in a folder that was given")
    site.given.rename(site.service.dir / "old.d")
    shutil.copytree(site.service.dir / "old.d", site.given)
    site.add(site.given)
    site.rejects(site.given, "a folder that was replaced")
    code, _, err = site.service.tool("reload")
    site.tally.check(not site.confined or (code == 1 and RESTART in err), f"the tool says what to do: {code} {err}")
    before = site.status()["policy"]
    site.restart()
    site.tally.check(not site.confined or site.status()["policy"] != before, "a restart loads it")


def a_configuration_that_was_given(site):
    config = site.service.dir / "x.conf"
    site.configure(config, "notice")
    site.start()
    config.write_text("[Guard]\nLogLevel=warning\n")
    site.reload()
    site.level_is("warning", "other bytes in the file")
    site.configure(config, "error")
    site.add(site.given)
    site.takes("the policy does not depend on it")
    site.unread("x.conf", "warning", "another file")
    site.restart()
    site.level_is("error", "restarted")


def what_owner_and_mode_forbid_is_another_matter(site):
    """A restart would not help."""
    config = site.service.dir / "x.conf"
    site.configure(config, "notice")
    site.start()
    for path in (config, site.given):
        path.chmod(0)
    _, faults = site.reload()
    site.tally.check(faults == [f"{site.given}: cannot be read: Permission denied; expected a readable file or folder"], f"{faults}")
    said = site.status()
    site.tally.check(said.get("configFault") == "x.conf: Permission denied" and "configUnread" not in said, f"{said}")


def main():
    os.umask(0o022)
    build, tally = sys.argv[1], mg.Tally()
    for test, more in ((under_another_prefix, {"installed": True}), (through_links, {"installed": True}),
                       (a_wide_folder_is_not_opened_for_a_configuration, {"installed": True}), (folders_that_were_given, {}),
                       (a_configuration_that_was_given, {"arguments": ("--config", "x.conf")}),
                       (what_owner_and_mode_forbid_is_another_matter, {"arguments": ("--config", "x.conf")})):
        site = Site(build, tally, **more)
        os.chdir(site.service.dir)
        try:
            test(site)
        finally:
            os.chdir("/")
            site.close()
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
