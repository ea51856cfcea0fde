"""
The supervisor of `mjbridge up`: starts, restarts and ends the other processes.

- Children are started in groups, the highest `Child.stop_order` first, each group when
  the one before it is ready; and ended in groups, the lowest first. So the store is there
  before anyone needs it and goes last.
- What dies is started again. How often is not limited: a worker that cannot start now may
  well when the network is back, and every wait is told.
- The first SIGINT, SIGTERM or SIGHUP ends everything within `Supervisor.end_within_s`, by
  force where asking does not help; the second one at once.

One thread, which sleeps in `select` until a signal (a child's death is one) or a time that
it has set itself. Signal handlers only note what came: whatever they did themselves would
run between any two lines of this module.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bridge.adapters.local.process import kill_group, spawn
from bridge.cli.signals import collected

#: Seconds before what died is started again, the 1st, 2nd, ... time in a row.
RESTART_DELAYS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)

#: Seconds after which a child that lived so long is no longer one that keeps dying.
STEADY_S = 60.0

#: Seconds until all has ended after the first signal. Workers drain for up to 5 of them.
END_WITHIN_S = 5.3

#: The share of it that each group after the first has for itself. A store needs 0.1 s.
LATER_GROUP_S = 0.3

#: Seconds within which a second signal is the echo of the first: wrappers like `uv run`
#: pass on the Ctrl-C that the terminal has sent us already.
ECHO_S = 0.3

#: Seconds between two looks at a child that is not ready yet.
READY_LOOK_S = 0.05

_END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the default of a command


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """
    A process to keep running.

    Attributes:
        name: For people.

        argv: The command. Its output goes where ours goes.

        env: Added to our environment.

        restart: Start it again when it ends. Without, it may end when it likes.

        stop_order: Lower ends earlier and starts later.

        ready: Asked until it says yes, before the groups after it are started. It answers
            within a fraction of a second, and does not raise.

        launch: Starts the process, instead of *argv*; returns it if it runs already.
    """

    name: str
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    restart: bool = True
    stop_order: int = 0
    ready: Callable[[], bool] | None = None
    launch: Callable[[], subprocess.Popen[bytes]] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, in a session of its own."""
        return self.launch() if self.launch else spawn(self.argv, env=self.env)


@dataclass(slots=True, kw_only=True, eq=False)
class _Job:
    """A child and what has become of it."""

    child: Child
    process: subprocess.Popen[bytes] | None = None  #: ``None``: it does not run.
    due: float | None = 0.0  #: When to start it; ``None``: it runs, or is not to.
    started: float = 0.0
    deaths: int = 0  #: In a row.
    is_ready: bool = False  #: Or was, once.
    asked_to_end: bool = False


class Supervisor:
    """
    Keep *children* running until a signal says stop. Runs in the main thread, once.

    Args:
        say: Told, in one line, what a person should know: restarts, and force.

        end_within_s: Seconds from the first signal until nothing is left.

        restart_delays_s: See `RESTART_DELAYS_S`.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        say: Callable[[str], None] = _to_stderr,
        end_within_s: float = END_WITHIN_S,
        restart_delays_s: Sequence[float] = RESTART_DELAYS_S,
    ):
        orders = sorted({child.stop_order for child in children})
        #: In the order in which they end.
        self._groups = [
            [_Job(child=child) for child in children if child.stop_order == order]
            for order in orders
        ]
        self._jobs = [job for group in self._groups for job in group]
        self._say = say
        self._end_within_s = end_within_s
        self._restart_delays_s = restart_delays_s
        self._stop_since: float | None = None

    def run(self) -> int:
        """
        Run until told to stop, or until every child has ended that is not restarted.

        Returns:
            0: asked to stop; 1: there is nothing left to supervise.

        Raises:
            OSError, BridgeError: A child could not be started the first time.
        """
        try:
            with collected(*_END_SIGNALS, signal.SIGCHLD) as (wait, received):
                while self._carry_on():
                    wait(self._seconds_to_next())
                    while received:
                        self._on_signal(*received.popleft())
        finally:  # an error of ours leaves nothing behind, either
            self._kill(self._jobs)
        return 1 if self._stop_since is None else 0

    # --- keeping them running ---------------------------------------------------------

    def _carry_on(self) -> bool:
        """Do all that can be done now; say whether there is anything left to wait for."""
        self._reap()
        self._look_who_is_ready()
        self._start_what_is_due()
        self._end_groups()
        waiting = self._stop_since is None
        return any(
            job.process or (waiting and job.due is not None) for job in self._jobs
        )

    def _start_what_is_due(self) -> None:
        if self._stop_since is not None:
            return
        now = time.monotonic()
        for group in reversed(self._groups):
            for job in group:
                if job.due is not None and job.due <= now:
                    self._start(job, now)
            if not all(job.is_ready for job in group):
                return

    def _start(self, job: _Job, now: float) -> None:
        job.started = now
        try:
            job.process = job.child.start()
        except Exception as error:
            # The first time, the caller should know at once: most likely it will never do.
            if not job.deaths:
                raise
            self._bury(job, f"could not be started ({error})")
            return
        job.due = None
        job.is_ready = job.is_ready or job.child.ready is None

    def _look_who_is_ready(self) -> None:
        for job in self._jobs:
            if job.process and not job.is_ready and job.child.ready:
                job.is_ready = job.child.ready()

    def _reap(self) -> None:
        for job in self._jobs:
            if job.process and (code := job.process.poll()) is not None:
                # Its own children, if it left any: they would serve nobody, and hold
                # what the next one needs.
                kill_group(job.process)
                job.process = None
                self._bury(job, _told(code))

    def _bury(self, job: _Job, how: str) -> None:
        job.due = None
        if self._stop_since is not None:
            return
        if not job.child.restart:
            job.is_ready = True  # nobody waits for it
            return
        now = time.monotonic()
        job.deaths = 1 if now - job.started >= STEADY_S else job.deaths + 1
        delay = self._restart_delays_s[min(job.deaths, len(self._restart_delays_s)) - 1]
        job.due = now + delay
        self._tell(f"{job.child.name} {how}; starting it again in {delay:g} s")

    # --- ending them ------------------------------------------------------------------

    def _on_signal(self, signum: int, at: float) -> None:
        if signum not in _END_SIGNALS:
            return
        if self._stop_since is None:
            self._stop_since = at
        elif at - self._stop_since > ECHO_S:
            self._tell("killing what is left")
            self._kill(self._jobs)

    def _end_groups(self) -> None:
        """Ask the first group that is left to end, or force it when its time is over."""
        if self._stop_since is None:
            return
        for number, group in enumerate(self._groups):
            left = [job for job in group if job.process]
            if left and time.monotonic() >= self._last_moment(number):
                names = ", ".join(job.child.name for job in left)
                self._tell(f"not ended in time, killing: {names}")
                self._kill(left)
            elif left:
                self._ask_to_end(left)
                return

    def _ask_to_end(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            if job.process and not job.asked_to_end:
                # Only the child itself: how its own children end is its business.
                # (Celery's pool would die of a SIGTERM in the middle of its work.)
                job.asked_to_end = True
                job.process.terminate()

    def _last_moment(self, number: int) -> float:
        later = len(self._groups) - 1 - number
        return (self._stop_since or 0.0) + self._end_within_s - later * LATER_GROUP_S

    def _kill(self, jobs: Sequence[_Job]) -> None:
        running = [job for job in jobs if job.process]
        for job in running:
            if job.process:
                kill_group(job.process)
        for job in running:
            if job.process:
                job.process.wait()
                job.process = None

    # --- waiting ----------------------------------------------------------------------

    def _seconds_to_next(self) -> float | None:
        """Return how long nothing but a signal can make a difference; ``None``: ever."""
        now = time.monotonic()
        if self._stop_since is not None:
            times = [
                self._last_moment(number)
                for number, group in enumerate(self._groups)
                if any(job.process for job in group)
            ]
        else:
            times = [
                job.due for job in self._jobs if job.due is not None and job.due > now
            ]
            if any(job.process and not job.is_ready for job in self._jobs):
                times.append(now + READY_LOOK_S)
        return max(0.0, min(times) - now) if times else None

    def _tell(self, line: str) -> None:
        # The terminal may be gone, which is no reason to leave processes behind.
        with suppress(OSError):
            self._say(line)


def _told(code: int) -> str:
    """Say how a process ended, by what `subprocess` calls its return code."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
