"""
USE CASE 1: poll. Due tasks are claimed, the upstream is asked, and what changed is
recorded together with the deliveries that report it.

    claim  ->  fetch  ->  observe  ->  record (one step: snapshot, event, lanes, next poll)

A hung upstream must not keep others from being polled, nor a Celery child from working.
So `Poller.poll` only starts work: it returns when nothing more can be claimed, and requests
go on in the process's event loop until they end, or are given up at `Poller.stop`. What comes
due before the next tick is claimed by a timer: tasks are polled as often as limits allow, and
not as often as beat ticks. What a crash leaves behind comes due again when its lease ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

import structlog

from bridge.app.interpreter import Interpreter
from bridge.app.learning import LearnedPolicies
from bridge.app.outage import store_outage
from bridge.app.poll_results import StrangeAnswers, results_of
from bridge.app.ports import FetchResult, PollClaim, PollLimits, TaskStore, Upstream
from bridge.app.ports.telemetry import Span, Telemetry
from bridge.app.recording import record
from bridge.core.cadence import MIN_PAUSE, STORE_RETRY, PollPolicy, max_clock_advance
from bridge.core.endpoint import Endpoint
from bridge.core.hook import HookPolicy
from bridge.core.rule import Rule
from bridge.core.rule_book import RuleBook
from bridge.core.task import TaskKey
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)


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
        hooks: HookPolicy | None = None,
        rules: Sequence[Rule] = (),
        progress_step: int,
        now: Callable[[], float],
        elapsed: Callable[[], float],
        roll: Callable[[], float],
        telemetry: Telemetry | None = None,
    ) -> None:
        """
        Make a poller that asks nothing yet.

        Args:
            store: Where tasks are claimed and recorded.

            upstreams: By name.

            endpoints: Those that may subscribe to the events.

            hooks: Which events tasks' hooks are sent; ``None`` if they are sent none.

            rules: What presses buttons by itself.

            progress_step: Percentage points between two ``task.progress``.

            now: Returns this machine's time, in seconds since the epoch.

            elapsed: A clock that only goes forward, in seconds.

            roll: Returns a random number in ``[0, 1)``.

            telemetry: Where polls and events are reported; ``None`` if they are not.
        """
        self._store = store
        self._upstreams = upstreams
        self._interpreter = Interpreter(
            endpoints=endpoints,
            hooks=hooks,
            progress_step=progress_step,
            now=now,
            roll=roll,
            kept=store.snapshot,
            rules=RuleBook(rules),
        )
        self._policies = LearnedPolicies(
            store, {name: one.policy for name, one in upstreams.items()}, elapsed
        )
        self._strange = StrangeAnswers(elapsed=elapsed)
        self._elapsed = elapsed
        self._telemetry = telemetry
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
        while await self._claim(name):
            pass

    async def _claim(self, name: str) -> bool:
        """Claim a batch, and start to ask about it; return whether there was one."""
        if self._stopping:
            return False
        limits = self._upstreams[name].limits
        try:
            return self._take(await self._store.claim_tasks(name, limits))
        except BridgeError as error:
            store_outage.failed(str(error))
            return False

    def _take(self, claim: PollClaim) -> bool:
        """Start to ask about a claim; return whether there is anything in it."""
        for task in claim.gone:
            log.error("task.gone", task=task, reason="its key holds it no more")
        if claim.tasks:
            self._spawn(self._process(claim))
        else:
            self._claim_later(claim.upstream, claim.next_in)
        return bool(claim.tasks)

    def _claim_later(self, name: str, seconds: float | None) -> None:
        """Claim again when something is known to come due, unless that will be done sooner."""
        if seconds is None or self._stopping:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + max(seconds, MIN_PAUSE)
        timer = self._timers.get(name)
        if timer is not None:
            # Replies overtake one another: the one that comes last may know least.
            if timer.when() <= at:
                return
            timer.cancel()
        self._timers[name] = loop.call_at(at, self._claim_again, name)

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
        span = self._telemetry.fetch(claim) if self._telemetry else None
        try:
            answer = await polled.upstream.fetch(
                [due.key.id for due in claim.tasks],
                self._interpreter.known_rows(claim),
            )
        except asyncio.CancelledError:
            await self._hand_back(claim)
            raise
        duration = self._elapsed() - began
        if span is not None:
            span.end(error=answer.error)
        # Until the lease ends nobody else asks, so that is how long an answer is kept
        # for a store that is away. Writing it twice changes nothing.
        until = began + polled.limits.lease
        self._strange.note(claim, answer)
        note = self._note(claim, answer)
        await self._write(
            lambda: self._record(claim, answer, duration, note=note, seen_in=span),
            until,
        )

    async def _write(self, write: Callable[[], Awaitable[None]], until: float) -> None:
        """
        Write to a store that may be away.

        Args:
            write: Writes; it may do so twice.

            until: When to give up, by the clock `elapsed`.
        """
        while True:
            try:
                return await write()
            except BridgeError as error:
                store_outage.failed(str(error))
            if self._stopping or self._elapsed() + STORE_RETRY > until:
                return None
            await asyncio.sleep(STORE_RETRY)

    async def _hand_back(self, claim: PollClaim) -> None:
        try:
            await self._store.return_tasks(claim)
        except BridgeError as error:
            store_outage.failed(str(error))

    def _note(
        self, claim: PollClaim, answer: FetchResult
    ) -> Callable[[Mapping[TaskKey, float], PollLimits | None], Awaitable[None]]:
        """
        Return what notes how the upstream answered, puts off tasks without news, and claims
        the next batch within limits.
        """
        polled = self._upstreams[claim.upstream]
        step, requests = max_clock_advance(polled.policy), answer.requests
        if answer.error is not None:
            failure = self._interpreter.failure(
                claim, answer, answer.error, policy=polled.policy
            )
            return lambda _waits, _limits: self._store.poll_failed(
                claim, failure, requests=requests, max_clock_advance=step
            )
        recovery = self._interpreter.recovery(claim)

        async def succeeded(
            waits: Mapping[TaskKey, float], limits: PollLimits | None
        ) -> None:
            following = await self._store.poll_succeeded(
                claim,
                requests=requests,
                max_clock_advance=step,
                recovery=recovery,
                waits=waits,
                limits=limits,
            )
            if following is not None:
                self._take(following)
            elif limits is not None:  # the answer came after its claim had ended
                await self._claim(claim.upstream)

        return succeeded

    async def _record(
        self,
        claim: PollClaim,
        answer: FetchResult,
        duration: float,
        *,
        note: Callable[[Mapping[TaskKey, float], PollLimits | None], Awaitable[None]],
        seen_in: Span | None,
    ) -> None:
        """Note an answer, record what changed, and claim what may be claimed then."""
        news, waits = await results_of(
            answer,
            claim=claim,
            interpreter=self._interpreter,
            duration=duration,
            policy=await self._policies.of(claim.upstream),
        )
        # When a task with news is due again is known once it is recorded, and not before.
        limits = self._upstreams[claim.upstream].limits
        await note(waits, None if news or self._stopping else limits)
        if news:
            await record(self._store, news, telemetry=self._telemetry, seen_in=seen_in)
        if ages := [one.learned for one in news if one.learned is not None]:
            await self._store.learn(claim.upstream, ages)
        if news or answer.error is not None:  # `note` has claimed nothing
            await self._claim(claim.upstream)
