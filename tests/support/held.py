"""A thread of a program that stands still where a test wants it to, for as long as it wants: tests/system/hold.py."""
import pathlib
import select
import subprocess
import sys

HOLD = pathlib.Path(__file__).parents[1] / "system/hold.py"


class Hold:
    """One thread of a process that is held, while its others go on, until let_go(): at once, or where it next makes a system
    call, which wait() waits for."""

    def __init__(self, pid, thread, call=None):
        self.process = subprocess.Popen([sys.executable, HOLD, str(pid), thread, *([call] if call else [])],
                                        stdout=subprocess.PIPE, bufsize=0)
        if call:
            self._hear("ready")
        else:
            self.wait()

    def _hear(self, word, timeout=60):
        there, _, _ = select.select([self.process.stdout], [], [], timeout)
        said = self.process.stdout.readline().decode() if there else "nothing"
        if said != f"{word}\n":
            self.process.kill()
            raise RuntimeError(f"the thread is not held: {said}")

    def wait(self):
        self._hear("held")

    def let_go(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()
