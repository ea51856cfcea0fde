"""
USE CASE 1: poll. Due tasks are claimed, the upstream is asked, and what changed is
recorded together with the deliveries that report it.

    claim  ->  fetch  ->  observe  ->  record (one step: snapshot, event, lanes, next poll)

A hung upstream must not keep others from being polled, nor a Celery child from working.
So `Poller.poll` only starts work: it returns when nothing more can be claimed, and the
requests under way go on in the process's event loop until they end, or are given up
at `Poller.stop`. What comes due before the next tick is claimed by a timer, so that tasks
are polled as often as the limits allow, and not as often as beat ticks. What a crash
leaves behind comes due again when its lease ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

import structlog

from bridge.app.interpreter import Interpreter, not_asked
from bridge.app.ports import (
    FetchResult,
    PollClaim,
    PollLimits,
    PollResult,
    TaskStore,
    Upstream,
)
from bridge.core.cadence import PollPolicy, clock_step
from bridge.core.endpoint import Endpoint
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds between two attempts to write to a store that is away.
STORE_AGAIN = 0.5
#: Seconds within which the poller itself claims again. Beat ticks every second.
NEAR = 1.0
#: Seconds between two claims, at least.
SHORTEST = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledUpstream:
    """An upstream, and how it is polled."""

    upstream: Upstream
    limits: PollLimits
    policy: PollPolicy


class Poller:
    """Polls every upstream, in one process's event loop."""

    def __init__(
        self,
        *,
        store: TaskStore,
        upstreams: Mapping[str, PolledUpstream],
        endpoints: Sequence[Endpoint],
        progress_step: int,
        now: Callable[[], float],
        elapsed: Callable[[], float],
        roll: Callable[[], float],
        wake: Callable[[], Awaitable[None]],
    ) -> None:
        """
        Make a poller that asks nothing yet.

        Args:
            store: Where tasks are claimed and recorded.

            upstreams: By name.

            endpoints: Those that may subscribe to the events.

            progress_step: Percentage points between two ``task.progress``.

            now: Returns this machine's time, in seconds since the epoch.

            elapsed: A clock that only goes forward, in seconds.

            roll: Returns a random number in ``[0, 1)``.

            wake: Wakes a deliverer.
        """
        self._store = store
        self._upstreams = upstreams
        self._interpreter = Interpreter(
            endpoints=endpoints,
            progress_step=progress_step,
            now=now,
            roll=roll,
            kept=store.snapshot,
        )
        self._elapsed = elapsed
        self._wake = wake
        #: By upstream: the timer of its next claim.
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def poll(self) -> None:
        """Start to ask about everything that is due, within the upstreams' limits."""
        await asyncio.gather(*(self._claim_all(name) for name in self._upstreams))

    async def stop(self, grace: float) -> None:
        """Claim no more; wait for what is under way, for `grace` seconds at most."""
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        try:
            async with asyncio.timeout(grace):
                await self.idle()
        except TimeoutError:
            late = list(self._running)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await asyncio.wait(self._running)

    # --- claiming ---------------------------------------------------------------------

    async def _claim_all(self, name: str) -> None:
        limits = self._upstreams[name].limits
        try:
            while not self._stopping:
                claim = await self._store.claim_tasks(name, limits)
                if not claim.tasks:
                    self._claim_later(name, claim.next_in)
                    return
                self._spawn(self._process(claim))
        except BridgeError as error:
            log.warning("poll.store_away", upstream=name, error=str(error))

    def _claim_later(self, name: str, seconds: float | None) -> None:
        """Claim again before the next tick, if something is known to be due by then."""
        if seconds is None or seconds >= NEAR or name in self._timers or self._stopping:
            return
        loop = asyncio.get_running_loop()
        delay = max(seconds, SHORTEST)
        self._timers[name] = loop.call_later(delay, self._claim_again, name)

    def _claim_again(self, name: str) -> None:
        del self._timers[name]
        self._spawn(self._claim_all(name))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # --- one claim --------------------------------------------------------------------

    async def _process(self, claim: PollClaim) -> None:
        """Fetch what a claim is about, note how that went, and record what changed."""
        polled = self._upstreams[claim.upstream]
        began = self._elapsed()
        try:
            answer = await polled.upstream.fetch([due.key.id for due in claim.tasks])
        except asyncio.CancelledError:
            await self._hand_back(claim)
            raise
        took = self._elapsed() - began
        # Until the lease ends nobody else asks, so that is how long an answer is kept
        # for a store that is away. Writing it twice changes nothing.
        until = began + polled.limits.lease
        if (
            await self._write(claim, self._note(claim, answer), until)
            and await self._write(
                claim, lambda: self._record(claim, answer, took), until
            )
            and answer.error is None
        ):
            await self._claim_all(claim.upstream)

    async def _write(
        self, claim: PollClaim, write: Callable[[], Awaitable[bool]], until: float
    ) -> bool:
        """
        Write to a store that may be away.

        Args:
            claim: What it is about.

            write: Writes, and returns whether a deliverer should be woken.

            until: When to give up, by the clock `elapsed`.

        Returns:
            Whether it was written.
        """
        while True:
            try:
                wake = await write()
            except BridgeError as error:
                log.warning(
                    "poll.store_away", upstream=claim.upstream, error=str(error)
                )
            else:
                if wake:
                    await self._wake()
                return True
            if self._stopping or self._elapsed() + STORE_AGAIN > until:
                return False
            await asyncio.sleep(STORE_AGAIN)

    async def _hand_back(self, claim: PollClaim) -> None:
        try:
            await self._store.return_tasks(claim)
        except BridgeError as error:
            log.warning("poll.store_away", upstream=claim.upstream, error=str(error))

    def _note(
        self, claim: PollClaim, answer: FetchResult
    ) -> Callable[[], Awaitable[bool]]:
        """Return what notes how the upstream answered."""
        policy = self._upstreams[claim.upstream].policy
        step, requests = clock_step(policy), answer.requests
        if answer.error is None:
            recovery = self._interpreter.recovery(claim)
            return lambda: self._store.poll_succeeded(
                claim, requests=requests, clock_step=step, recovery=recovery
            )
        failure = self._interpreter.failure(claim, answer, answer.error, policy=policy)
        return lambda: self._store.poll_failed(
            claim, failure, requests=requests, clock_step=step
        )

    async def _record(self, claim: PollClaim, answer: FetchResult, took: float) -> bool:
        """Record what changed; return whether a deliverer should be woken."""
        results = await self._results(claim, answer, took)
        recorded = await self._store.record(results)
        for result, applied in zip(results, recorded.applied, strict=True):
            if applied and result.publication is not None:
                event = result.publication.event
                log.info(
                    event.type,
                    event_id=event.id,
                    task=event.subject,
                    sequence=event.sequence,
                    progress=result.snapshot and result.snapshot.progress,
                    endpoints=len(result.publication.endpoints),
                )
        return recorded.wake

    async def _results(
        self, claim: PollClaim, answer: FetchResult, took: float
    ) -> list[PollResult]:
        policy = self._upstreams[claim.upstream].policy
        results = []
        for due in claim.tasks:
            if due.key.id in answer.unasked:
                results.append(not_asked(due))
                continue
            seen = answer.tasks.get(due.key.id)
            if seen is None and answer.error is not None:
                continue  # what was answered before something went wrong counts, and no more
            try:
                result = await self._interpreter.result(
                    due, seen, claim=claim, took=took, policy=policy
                )
            except BridgeError:
                raise
            except Exception:
                # One bad task never costs the others; this one is due again when its
                # lease ends.
                log.exception("poll.not_understood", task=str(due.key))
            else:
                results.append(result)
        return results
