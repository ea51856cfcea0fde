"""
The supervisor of `mjbridge up`: starts, restarts and ends the other processes.

- Children start in groups, the highest `Child.stop_order` first, each group when the one
  before it is ready; and end in groups, the lowest first. So the store is there before
  anything needs it, and goes last.
- What dies is started again. How often is not limited: a worker that cannot start now may
  well when the network is back, and every restart is reported.
- The first SIGINT, SIGTERM or SIGHUP ends everything in order; the second one at once.

One event loop in the main thread, asleep until a signal comes; a child's death is one.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bridge.adapters.local.child import Child, Notice
from bridge.adapters.local.process import how_it_ended, kill_group

#: Seconds before what died is started again, the 1st, 2nd, ... time in a row.
RESTART_DELAYS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
#: Seconds after which a child is no longer one that keeps dying.
STEADY_S = 60.0
#: Seconds until what is left is ended by force. Workers drain for up to 5, but a busy machine
#: takes longer, and a second signal hurries.
END_WITHIN_S = 30.0
#: Seconds after which whoever waits is told for what.
SLOW_S = 6.0
#: Seconds that a group has even then. A store needs 0.1.
LAST_GROUP_S = 0.3
#: Seconds within which a second signal is the echo of the first: wrappers like `uv run`
#: pass on the Ctrl-C that the terminal has sent us already.
ECHO_S = 0.3
#: Seconds between two checks of a child that is not ready yet.
READY_CHECK_S = 0.05
#: Seconds between two looks at what may be wrong with a child that runs.
TROUBLE_CHECK_S = 5.0


def _to_stderr(notice: Notice) -> None:
    print(notice.text, file=sys.stderr, flush=True)  # noqa: T201 - the default of a command


@dataclass(slots=True, kw_only=True, eq=False)
class _Kept:
    """A child, its process while it has one, and whether it was ready once."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def runs(self) -> bool:
        """Whether its process has not ended."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """
    Keep *children* running until a signal. Runs in the main thread, once.

    Args:
        report: Called with what an operator should know.

        end_within_s: Seconds from the first signal until nothing is left.

        restart_delays_s: See `RESTART_DELAYS_S`.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        report: Callable[[Notice], None] = _to_stderr,
        end_within_s: float = END_WITHIN_S,
        restart_delays_s: Sequence[float] = RESTART_DELAYS_S,
    ):
        self._all = [_Kept(child=child) for child in children]
        groups: dict[int, list[_Kept]] = {}
        for one in self._all:
            groups.setdefault(one.child.stop_order, []).append(one)
        #: In the order in which they end.
        self._groups = [groups[order] for order in sorted(groups)]
        self._report = report
        self._end_within_s = end_within_s
        self._restart_delays_s = restart_delays_s
        self._stopped_at = 0.0  #: by the loop's clock
        self._stop = asyncio.Event()
        self._hurried = False
        self._death = asyncio.Event()

    def run(self) -> int:
        """
        Run until told to stop, or until every child has ended that is not restarted.

        Returns:
            0: asked to stop; 1: there is nothing left to supervise.

        Raises:
            OSError, BridgeError: A child could not be started the first time.
        """
        return asyncio.run(self._run())

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._on_death)
        stopping = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            stopping -= {
                signal.SIGHUP
            }  # that is how nohup asks to outlive the terminal
        for signum in stopping:
            loop.add_signal_handler(signum, self._on_stop)
        running = asyncio.create_task(self._keep_all())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                running.cancel()
                await asyncio.wait({running})
                await self._end_all()
            else:
                await running
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:  # an error of ours leaves nothing behind, either
            stopped.cancel()
            self._kill(self._all)
        return 0 if self._stop.is_set() else 1

    # --- keeping them running ---------------------------------------------------------

    async def _keep_all(self) -> None:
        """Start the groups in their order and keep them, until all have ended for good."""
        async with asyncio.TaskGroup() as keepers:
            for group in reversed(self._groups):
                for one in group:
                    keepers.create_task(self._keep(one))
                for one in group:
                    await one.ready.wait()

    async def _keep(self, one: _Kept) -> None:
        loop = asyncio.get_running_loop()
        deaths = 0
        while True:
            began = loop.time()
            try:
                one.process = one.child.start()
            except Exception as error:
                # The first time, the caller should know at once: most likely it never will.
                if not deaths:
                    raise
                how = f"could not be started ({error})"
            else:
                code = await self._life_of(one, one.process)
                how = how_it_ended(code)
                if one.child.why_ended and code > 0:
                    how += f": {one.child.why_ended()}"
            if not one.child.restart:
                one.ready.set()  # the groups after it need not wait for it
                return
            deaths = 1 if loop.time() - began >= STEADY_S else deaths + 1
            delay = self._restart_delays_s[min(deaths, len(self._restart_delays_s)) - 1]
            self._tell(
                "process.died",
                f"{one.child.name} {how}; starting it again in {delay:g} s",
                process=one.child.name,
                how=how,
                restart_in=delay,
            )
            await asyncio.sleep(delay)

    async def _life_of(self, one: _Kept, process: subprocess.Popen[bytes]) -> int:
        """Wait until a process is ready, and then until it ends; return its exit code."""
        while process.poll() is None and not one.ready.is_set():
            if one.child.ready is None or one.child.ready():
                one.ready.set()
            else:
                await asyncio.sleep(READY_CHECK_S)
        looking = asyncio.create_task(self._look_for_trouble(one.child))
        code = await self._end_of(process)
        looking.cancel()
        # Its own children, if any are left, would hold what the next one needs.
        kill_group(process.pid)
        one.process = None
        return code

    async def _look_for_trouble(self, child: Child) -> None:
        """Tell what is wrong with a child that runs, each thing once."""
        told = ""
        while child.trouble is not None:
            if (text := child.trouble()) != told:
                told = text
                if text:
                    self._tell("process.in_trouble", text, process=child.name)
            await asyncio.sleep(TROUBLE_CHECK_S)

    async def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        """Wait until it has ended; return its exit code."""
        while (code := process.poll()) is None:
            await self._death.wait()
        return code

    def _on_death(self) -> None:
        self._death.set()
        self._death = asyncio.Event()

    # --- ending them ------------------------------------------------------------------

    def _on_stop(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._stop.is_set():
            self._stop.set()
            self._stopped_at = now
        elif now - self._stopped_at > ECHO_S and not self._hurried:
            self._hurried = True
            self._tell("processes.hurried", "ending what is left at once")
            for one in self._all:
                if one.process:
                    kill_group(one.process.pid)

    async def _end_all(self) -> None:
        """Ask each group to end, in turn, and force it when its time is over."""
        loop = asyncio.get_running_loop()
        deadline = self._stopped_at + self._end_within_s
        slow = loop.call_at(self._stopped_at + SLOW_S, self._tell_slow)
        for group in self._groups:
            for one in group:
                # Only the child itself: Celery's pool would die in the middle of its work.
                if one.process:
                    one.process.terminate()
            try:
                async with asyncio.timeout_at(
                    max(deadline, loop.time() + LAST_GROUP_S)
                ):
                    for one in group:
                        if one.process:
                            await self._end_of(one.process)
            except TimeoutError:
                late = [one.child.name for one in group if one.runs]
                text = f"did not end in time, ended by force: {', '.join(late)}"
                self._tell("processes.forced", text, processes=late)
            self._kill(group)
        slow.cancel()

    def _tell_slow(self) -> None:
        late = [one.child.name for one in self._all if one.runs]
        if not self._hurried:
            text = f"still ending: {', '.join(late)}; Ctrl-C ends them at once"
            self._tell("processes.slow", text, processes=late)

    def _kill(self, ones: Iterable[_Kept]) -> None:
        for one in ones:
            if one.process:
                kill_group(one.process.pid)
                one.process.wait()
                one.process = None

    def _tell(self, event: str, text: str, **facts: object) -> None:
        with suppress(OSError):  # the terminal may be gone
            self._report(Notice(event=event, text=text, facts=facts))
