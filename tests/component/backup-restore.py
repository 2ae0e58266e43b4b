#!/usr/bin/env python3
"""Backup, restore, another log, another machine: exactly the commands of docs/OPERATIONS.md, which must do what the page
says that they do.

Usage: backup-restore.py BUILD    (root)
"""
import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
import killer  # noqa: E402
import manual  # noqa: E402
import service as mg  # noqa: E402

PAGE = ROOT / "docs/OPERATIONS.md"


def error_of(reply):
    return reply.get("error", "").rpartition(".")[2] if reply else None


class Machine:
    """A service with a history, and the page."""

    def __init__(self, build, tally):
        self.tally = tally
        self.service = mg.Service(build).start()
        self.manual = manual.Manual(PAGE, self.service)
        self.check(error_of(self.service.call(*mg.enrol([("a", mg.unit(0))]), uid=mg.ARCHIVE_UID)) == "", "nothing works")
        self.ask(20)

    def check(self, condition, what):
        return self.tally.check(condition, what)

    def ask(self, times):
        connection = self.service.connect()
        replies = {error_of(connection.call(*mg.identify())) for _ in range(times)}
        self.check(replies == {""}, f"{replies}: {self.service.log('guard')}{self.service.log('worker')}")

    def run(self, name, status=0):
        got, said = self.manual.run(name)
        self.check(got == status, f"{name}: status {got}: {said} {self.service.log('guard')}")
        return said

    def served(self, what):
        self.check(killer.wait_until(lambda: error_of(self.service.call(*mg.identify())) == ""),
                   f"{what}: it does not serve: {self.service.log('guard')} {self.service.log('worker')}")

    def aside(self):
        """The broken state is of no further use."""
        for path in self.service.dir.glob("state.lost"):
            shutil.rmtree(path)


def the_export_is_copied_while_it_runs(machine):
    said = machine.run("backup-export")
    machine.check("No fault was found" in said, said)
    machine.ask(300)  # full tiles replace those that were copied
    said = machine.run("backup-export")
    machine.check("No fault was found" in said, said)


def a_backup_goes_on_where_it_was_made(machine):
    machine.run("backup")
    machine.service.stop()
    (machine.service.state / "trail/trail.db").unlink()
    said = machine.run("restore")
    machine.check("No fault was found" in said, said)
    machine.served("restored")
    starts = [leaf for leaf in machine.service.wait_exported(lambda leaves: True) if leaf["kind"] == "start"]
    machine.check(starts[-1]["clean"] == 1, f"{starts[-1]}")
    machine.aside()


def an_older_backup_is_refused(machine):
    machine.ask(30)
    said = machine.run("backup-export")
    machine.check("No fault was found" in said, said)
    machine.run("restore-older")
    said = machine.run("refused")
    machine.check(said.splitlines()[-1:] == ["10"], f"an older copy: {said} {machine.service.log('guard')}")
    machine.check("--new-log" in machine.service.log("guard"), "the way on is not said")
    machine.aside()


def another_log_follows_and_says_so(machine):
    auditors = 4242
    for path in (machine.service.state / "export", *(machine.service.state / "export").rglob("*")):
        shutil.chown(path, group=auditors)
        if path.is_dir():
            path.chmod(0o2750)
    machine.run("new-log")
    machine.served("another log")
    machine.ask(3)
    machine.service.wait_exported(lambda leaves: len(leaves) >= 5)
    said = machine.run("link")
    machine.check(said.count("No fault was found") == 2 and "the one that leaf 0 names" in " ".join(said.split()), said)
    machine.check({path.stat().st_gid for path in (machine.service.state / "export").rglob("*")} == {auditors},
                  "the auditors cannot read the new log")
    # A link to anything else is found.
    status, out, _ = machine.service.tool("audit", "verify", "--previous", machine.manual.backup / "newest/state/export")
    machine.check(status == 1 and "does not follow" in out, f"a link to an older checkpoint: {status} {out}")
    status, out, _ = machine.service.tool("audit", "verify", "--json", "--previous", next(machine.service.state.glob("export.*")))
    machine.check(status == 0 and '"previousHolds":true' in out, f"{status} {out}")


def the_service_moves(machine):
    machine.run("move-from")
    shutil.rmtree(machine.service.state)
    said = machine.run("move-to")
    machine.check("No fault was found" in said, said)
    machine.served("moved")
    machine.check(machine.service.stop() == 0, "no clean stop")


def the_manual_page_says_the_same(machine):
    """matchguardd(8) has the commands of another log, too."""
    text = (ROOT / "docs/man/matchguardd.8").read_text(encoding="utf-8")
    block = re.search(r"^\.nf\n(systemctl stop .*?)^\.fi", text, re.MULTILINE | re.DOTALL).group(1)
    for escape, plain in (("\\-", "-"), ("\\(aq", "'"), ("\\en", "\\n"), ("\\e", "\\")):
        block = block.replace(escape, plain)
    machine.check(block == machine.manual.blocks["new-log"], f"matchguardd(8) says\n{block}and the page\n{machine.manual.blocks['new-log']}")


def main():
    tally = mg.Tally()
    machine = Machine(sys.argv[1], tally)
    try:
        for test in (the_export_is_copied_while_it_runs, a_backup_goes_on_where_it_was_made, an_older_backup_is_refused,
                     another_log_follows_and_says_so, the_service_moves, the_manual_page_says_the_same):
            test(machine)
        tally.check(not machine.manual.unused, f"commands of the page that nobody tries: {machine.manual.unused}")
    finally:
        machine.service.close()
        machine.manual.close() if machine.manual.own.exists() else None
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
