"""Runs the commands of a page of docs/ as they stand there, on a service of tests/support/service.py.

A block is a fenced one below a comment with its name:

    <!-- commands: backup -->
    ```sh
    systemctl stop matchguard.socket matchguard.service
    ...
    ```

The page speaks of a machine; the test has folders. So paths are replaced by those of the test, and systemctl, setpriv, and
matchguard are small programs in front of the real ones: systemctl asks the test to start and stop what it names.
"""
import pathlib
import re
import shutil
import socket
import subprocess
import threading

BLOCK = re.compile(r"<!-- commands: ([a-z-]+) -->\n```sh\n(.*?)```", re.DOTALL)

# What stands in front of the real programs. {self} is the folder of the stand-ins.
STAND_INS = {
    "systemctl": """#!/usr/bin/env python3
import socket, sys
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect("{self}/systemctl.sock")
    sock.sendall("\\0".join(sys.argv[1:]).encode())
    sock.shutdown(socket.SHUT_WR)
    status, _, text = sock.makefile().read().partition(" ")
print(text, end="")
sys.exit(int(status))
""",
    "setpriv": """#!/bin/sh
while [ "${{1#--}}" != "$1" ]; do shift; done
exec "$@"
""",
    "matchguard": """#!/bin/sh
case " $* " in *" --export "*) exec {build}/tools/matchguard "$@" ;; esac
exec {build}/tools/matchguard "$@" --dir {dir}
""",
    "matchguard-worker": """#!/bin/sh
exec {build}/daemon/worker/matchguard-worker --galleries {state}/galleries "$@"
""",
}


def blocks(page):
    """Name to commands."""
    return dict(BLOCK.findall(pathlib.Path(page).read_text(encoding="utf-8")))


class Manual:
    """The blocks of a page, and the machine that they speak of."""

    def __init__(self, page, service):
        self.blocks, self.service = blocks(page), service
        self.unused = set(self.blocks)
        self.own = service.dir / "manual"
        self.units = self.own / "systemd"
        self.backup = service.dir / "backup"
        self.units.mkdir(parents=True)
        (service.dir / "etc").mkdir()
        for name, text in STAND_INS.items():
            path = self.own / name
            path.write_text(text.format(self=self.own, build=service.build.resolve(), dir=service.dir, state=service.state))
            path.chmod(0o755)
        self.status = 0  # the guard's last exit status
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(self.own / "systemctl.sock"))
        self.sock.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def text(self, name):
        """A block with the paths of the test."""
        text = self.blocks[name]
        for there, here in (("/var/lib/matchguard", self.service.state), ("/etc/matchguard", self.service.dir / "etc"),
                            ("/run/systemd/system", self.units), ("/usr/libexec/matchguard/", f"{self.own}/"),
                            ("/srv/backup", self.backup), ("-C /var/lib ", f"-C {self.service.dir} ")):
            text = text.replace(there, str(here))
        return re.sub(r"(\.tar) matchguard\n", rf"\1 {self.service.state.name}\n", text)

    def run(self, name):
        """Runs a block, each command of which must succeed. Return: (exit status, all that it said)."""
        self.unused.discard(name)
        done = subprocess.run(["bash", "-euc", f'PATH={self.own}:$PATH\n{self.text(name)}'], capture_output=True, text=True,
                              timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    # ------------------------------------------------------------------ systemctl

    def _serve(self):
        while True:
            try:
                peer, _ = self.sock.accept()
            except OSError:
                return
            with peer:
                verb, *arguments = peer.makefile().read().split("\0")
                try:
                    status, said = getattr(self, "do_" + verb.replace("-", "_"))(arguments)
                except Exception as error:  # the command fails, and the test shows why
                    status, said = 1, f"systemctl {verb}: {error!r}\n"
                peer.sendall(f"{status} {said}".encode())

    def do_stop(self, units):
        for unit, names in (("matchguard.service", ("guard", "frontend", "worker")), ("matchguard-worker.service", ("worker",))):
            for name in names if unit in units else ():
                status = self.service.kill(name, 15)
                self.status = status if name == "guard" and status is not None else self.status
        return 0, ""

    def do_start(self, units):
        service = self.service
        if "guard" not in service.processes and {"matchguard.socket", "matchguard.service"} & set(units):
            drop_in = self.units / "matchguard.service.d/new-log.conf"
            new = drop_in.exists() and "/matchguardd --new-log\n" in drop_in.read_text()
            service.start_guard(arguments=["--new-log"] if new else [])
            if not service.wait_for("READY", guard_may_end=True):
                self.status = service.kill("guard")
                return 1, "Job for matchguard.service failed.\n"
            service.start_frontend()
            service.start_worker()
        elif "matchguard-worker.service" in units and "worker" not in service.processes:
            service.start_worker()
        if "matchguard.socket" in units:
            service.wait_for("X_MATCHGUARD_SERVING")
        return 0, ""

    def do_show(self, arguments):
        assert arguments == ["-P", "ExecMainStatus", "matchguard.service"], arguments
        return 0, f"{self.status}\n"

    def do_daemon_reload(self, _):
        return 0, ""

    def do_reset_failed(self, _):
        return 0, ""

    def do_enable(self, _):
        return 0, ""

    def do_disable(self, _):
        return 0, ""

    def close(self):
        self.sock.close()
        shutil.rmtree(self.own)
