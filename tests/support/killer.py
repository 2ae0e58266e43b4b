"""Ends a process with kill -9 as it enters its Nth call of some system call; or makes that call slow, or fail.

Built on strace(1), which is attached to a process that serves already, so that calls are counted from then on: what
follows is one request. Counts are by thread and by system call.
"""
import os
import pathlib
import subprocess
import time

from service import PATIENCE

# LeakSanitizer cannot look at a process that is traced, and ends it for that; leaks are for the other scripts.
os.environ["ASAN_OPTIONS"] = "detect_leaks=0"

# What the programs do on the way of a request. A call that a program makes and that is not listed is found by
# calls_of().
HARMLESS = {"restart_syscall", "exit_group", "exit"}


class Tracer:
    """A strace(1) command that attaches, until detach()."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if "attached" not in line:
            raise RuntimeError(f"strace does not attach: {line}")

    def detach(self):
        # Not asked to end: it would then wait for one thread after the other, also where all are dead already, and for
        # ever. Where the tracer goes, the kernel lets go of the threads.
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stderr.close()


class Strace(Tracer):
    """strace attached to all threads of a process."""

    def __init__(self, pid, *expressions, output="/dev/null"):
        words = [word for expression in expressions for word in ("-e", expression)]
        super().__init__(["strace", "-f", "-p", str(pid), "-o", str(output), *words])


def kill_at(pid, call, number):
    """Ends the process when one of its threads enters its `number`th `call`, which then does not happen."""
    return Strace(pid, f"trace={call}", f"inject={call}:signal=KILL:when={number}")


def calls_of(pid, action, folder):
    """The system calls that a process makes while action() runs, in the order of their first use."""
    output = pathlib.Path(folder) / "strace.txt"
    tracer = Strace(pid, output=output)
    try:
        action()
        time.sleep(0.05)
    finally:
        tracer.detach()
    found = {}
    for line in output.read_text(errors="replace").splitlines():
        text = line.partition(" ")[2].strip()
        if not text.startswith(("<", "+", "-")):
            found[text.partition("(")[0]] = True
    return [call for call in found if call not in HARMLESS]


def state_of(pid):
    """The state of a process or thread, as proc(5) writes it; X where it is no more."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def has_ended(pid):
    """Whether a process is no more, or a zombie."""
    return state_of(pid) in "ZX"


def is_stopped(pid):
    """Whether a process and every thread of it stand still by SIGSTOP: on other processors that takes a moment."""
    return all(state_of(entry.name) == "T" for entry in pathlib.Path(f"/proc/{pid}/task").iterdir())


def has_gone(pid):
    """Whether none of a process' threads is left, so that it holds nothing any more."""
    try:
        return all(state_of(entry.name) in "ZX" for entry in pathlib.Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return True


def is_at_rest(pid):
    """Whether every thread of a process waits for something, so that each has met what a tracer gave it to do last; also
    where the process has ended."""
    try:
        threads = [entry.name for entry in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return has_ended(pid) or all(state_of(thread) in "SIZX" for thread in threads)


def wait_until(condition, timeout=PATIENCE):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def children_now(pid):
    """The numbers of the processes that the first thread of this one has made."""
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def children_of(pid):
    """The processes whose parent this is, by name."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(rest.split()[1]) == pid:
            found[name] = int(entry.name)
    return found


def kill_at_each(process, attempt, folder, calls=None, most=200):
    """Tries attempt() again and again, each time with the process killed one step later.

    process()  gives the pid of the process to kill, which serves
    attempt(where)   does what is to be interrupted; `where` is (call, number). It may fail
    `calls`    the system calls to stop at; by default those that an undisturbed attempt makes

    A generator: yields (call, number, what attempt() returned, whether the process was killed), after which the caller
    puts everything right again. Goes on to the next call when an attempt went by without a kill.
    """
    if calls is None:
        calls = calls_of(process(), lambda: attempt(("none", 0)), folder)
    for call in calls:
        for number in range(1, most):
            pid = process()
            tracer = kill_at(pid, call, number)
            try:
                result = attempt((call, number))
                # What comes after the answer is a step too.
                killed = wait_until(lambda: has_ended(pid), 0.03)
            finally:
                tracer.detach()
            # A call that was met as the tracer went ends the process all the same, as soon as that runs again.
            wait_until(lambda: is_at_rest(pid))
            killed = killed or has_ended(pid)
            yield call, number, result, killed
            if not killed:
                break


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not has_ended(pid)
