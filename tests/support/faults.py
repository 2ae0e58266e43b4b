"""Makes one call of one thread of one program fail, or ends the program as it enters it: strace -e inject.

A Target is a thread, found anew after every restart. Its points are the file and socket calls that it makes during an
undisturbed attempt, counted from the moment at which strace is attached: (call, how many of it). strace counts for each
thread by itself, so one strace on one thread is one fault, never two.

A thread that waits for a time is told at once that it has passed (ETIMEDOUT from the restart_syscall(2) into which an
attaching tracer turns such a wait). So the export, which is written at most once a second, is written within the attempt.
"""
import collections
import contextlib
import datetime
import os
import pathlib
import re
import signal
import time

import killer

CLASSES = "%file,%desc,%network"
ERRORS = ("EIO", "ENOSPC", "SIGKILL")
# By these the guard hears and awaits the kernel's audit, and its loop is told, as often as anything on the machine has it say something:
# thousands of times beside other guards that are asked much. The first few are all that is of interest, and the only ones that are
# sure to come again: those of a request, and those of a start, which reads and writes much before it hears.
OTHERS = {"recvfrom": 4, "poll": 8, "read": 10, "write": 4, "epoll_wait": 6, "timerfd_settime": 2}
OTHERS_AT_START = {**OTHERS, "read": 48, "write": 24}
BUSY = 5  # seconds that programs which others keep from coming to rest are waited for
LINE = re.compile(r"^\d* *(?:<\.\.\. )?(\w+)(?:\(| resumed>)")


def strace(target, pid, output, *expressions):
    """strace on one thread, or on a process and its children, until detach()."""
    if target.hurried:
        # A thread that is still at work would begin its wait later, and then wait it out.
        killer.wait_until(lambda: is_asleep(pid) and not time.sleep(0.003) and is_asleep(pid), 2)
        expressions = (*expressions, "inject=restart_syscall:error=ETIMEDOUT:when=1")
    words = [word for expression in expressions for word in ("-e", expression)]
    return killer.Tracer(["strace", "-p", str(pid), "-o", str(output), *(["-f"] if target.follow else []), *words])


def is_asleep(thread):
    """Whether a thread waits for something; also once it has ended."""
    return killer.state_of(thread) in "SZX"


def calls_in(lines):
    """The calls that lines of strace show entered, in order: (call, whether it is about a file or a socket)."""
    found = []
    for line in lines:
        match = LINE.match(line)
        if match and "resumed>" not in line and match[1] not in ("restart_syscall", *killer.HARMLESS):
            found.append((match[1], "MAP_ANONYMOUS" not in line))
    return found


class Target:
    """A thread of a program. `find(rig)` gives its number; `ready(rig)` makes it be there.

    follow    its children as well: each counts by itself
    others    how many of those calls that it makes on behalf of others are of interest
    hurried   the waits of the thread are cut short
    """

    def __init__(self, program, name, find, ready=None, follow=False, hurried=False, others=None):
        self.program, self.name, self.find = program, name, find
        self.ready = ready or (lambda rig: None)
        self.follow, self.hurried, self.others = follow, hurried, others or OTHERS


class Point:
    """One call of a target."""

    def __init__(self, target, call, number):
        self.target, self.call, self.number = target, call, number

    def __str__(self):
        return f"{self.target.name}, {self.call} {self.number}"


def points_of(target, rig, attempt, settle):
    """The points of an undisturbed attempt().

    settle(size)  is asked again and again with the size of the log until it says that nothing more comes
    """
    output = rig.service.dir / "strace.txt"
    output.unlink(missing_ok=True)
    target.ready(rig)
    tracer = strace(target, target.find(rig), output, f"trace={CLASSES},restart_syscall")
    try:
        attempt()
        settle(lambda: output.stat().st_size)
    finally:
        tracer.detach()
    return points_in(target, output.read_text(errors="replace"))


def count_calls(text):
    """How often each call stands in a log of strace."""
    return collections.Counter(call for call, _ in calls_in(text.splitlines()))


def points_in(target, text):
    """The points in a log of strace. Of threads that are followed together each counts by itself."""
    threads = collections.defaultdict(list)
    for line in text.splitlines():
        threads[line.split()[0] if target.follow else ""].append(line)
    points, most = [], collections.Counter()
    for lines in threads.values():
        mine = collections.Counter()
        for call, is_ours in calls_in(lines):
            mine[call] += 1
            if most[call] < mine[call] <= target.others.get(call, mine[call]) and is_ours:
                points.append(Point(target, call, mine[call]))
            most[call] = max(most[call], mine[call])
    return points


class Injection:
    """One fault, from attach to detach."""

    def __init__(self, rig, point, error):
        self.rig, self.output = rig, rig.service.dir / "strace.txt"
        self.output.unlink(missing_ok=True)
        what = "signal=KILL" if error == "SIGKILL" else f"error={error}"
        self.tracer = strace(point.target, point.target.find(rig), self.output,
                             f"trace={point.call},restart_syscall", f"inject={point.call}:{what}:when={point.number}")
        self.kill = error == "SIGKILL"

    def done(self):
        """Whether the call has been reached."""
        text = self.output.read_text(errors="replace") if self.output.exists() else ""
        if self.kill:
            return "+++ killed by SIGKILL" in text
        return any("(INJECTED)" in line and "restart_syscall" not in line for line in text.splitlines())

    def wait(self, seconds):
        """Until the call has been reached, or all programs have been waiting for something for so long. Return: whether it has."""
        since = time.monotonic()

        def is_over():
            nonlocal since
            if not self.rig.is_at_rest():
                since = time.monotonic()
            return self.done() or time.monotonic() - since >= seconds

        killer.wait_until(is_over, BUSY)
        return self.done()

    def detach(self):
        self.tracer.detach()


def threads_of(pid):
    """The threads of a process, the first one first."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(int(entry.name) for entry in pathlib.Path(f"/proc/{pid}/task").iterdir())
    return []


def quiet(size, seconds=0.3):
    """Waits until a number does not change for so long, or others are seen to keep it changing."""
    last, since = size(), time.monotonic()
    end = since + BUSY
    while since + seconds > time.monotonic() < end:
        time.sleep(0.005)
        if size() != last:
            last, since = size(), time.monotonic()


class Report:
    """Which points are tried, and what became of each."""

    def __init__(self, parts):
        self.parts, self.counts, self.not_made, self.begin = parts, collections.Counter(), [], time.monotonic()

    def choose(self, points):
        """All points, or the part that MATCHGUARD_FAULTS, or else the day, says."""
        which = os.environ.get("MATCHGUARD_FAULTS", "")
        if which == "all":
            print(f"all {len(points)} points", flush=True)
            return points
        part = int(which or datetime.date.today().toordinal()) % self.parts
        print(f"part {part} of {self.parts} of {len(points)} points "
              f"(this one again: MATCHGUARD_FAULTS={part}; all: MATCHGUARD_FAULTS=all)", flush=True)
        return points[part::self.parts]

    def count(self, reached, kind, point, error):
        if reached:
            self.counts[kind, point.target.program, error] += 1
        else:
            self.not_made.append(f"{kind}, {point}, {error}")

    def finish(self, tally, n_points):
        for (kind, program, error), count in sorted(self.counts.items()):
            print(f"{kind}, {program}, {error}: {count} points")
        for what in self.not_made:
            print(f"not injected, for the call was not made this time: {what}")
        total = sum(self.counts.values())
        print(f"{total} points tried in {time.monotonic() - self.begin:.0f} s, {len(self.not_made)} not injected")
        tally.check(total > 0.9 * n_points, f"only {total} of {n_points} points were reached")


def ending_is_sound(point, error, status):
    """Whether a program may end so: by itself, of a disk that failed, by the kill; but not by an assertion or a fault of
    memory. One is let be: libsystemd's, where it cannot take a descriptor from epoll(7)."""
    if status == -signal.SIGABRT:
        return point.call == "epoll_ctl" and error != "SIGKILL"
    return status in (0, 1, 11) or (status == -signal.SIGKILL and error == "SIGKILL")
