"""
USE CASE 1: poll. Due tasks are claimed, the upstream is asked, and what changed is
recorded together with the deliveries that tell it.

    claim  ->  fetch  ->  observe  ->  record (one step: snapshot, event, lanes, next look)

A hung upstream must not keep others from being polled, nor a Celery child from working.
So `Poller.poll` only starts work: it returns when nothing more can be claimed, and the
requests under way go on in the process's event loop until they end, or are given up
at `Poller.stop`. What comes due before the next tick is claimed by a timer, so that looks
are as frequent as the limits allow, and not as the ticks are. What a crash leaves behind
comes due again when its lease ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from bridge.app.ports import (
    DueTask,
    FetchResult,
    PollClaim,
    PollError,
    PollLimits,
    PollResult,
    Publication,
    TaskStore,
    Upstream,
)
from bridge.core.backoff import poll_backoff
from bridge.core.cadence import Loss, PollPolicy, clock_step, next_poll_in, why_lost
from bridge.core.change import Change, Observation, lose, observe
from bridge.core.endpoint import Endpoint, receivers
from bridge.core.event import NoticeType, notice, task_event
from bridge.core.task import TaskSnapshot
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Failures in a row after which operators are told. A refused key needs no second try.
FAILURES_TO_TELL = 3
#: Seconds between two tries to record something with a store that is away.
STORE_AGAIN = 0.5
#: The longest wait that an upstream can ask for, in seconds.
LONGEST_HOLD = 3600.0
#: Seconds within which the poller itself looks again. Beat ticks every second.
NEAR = 1.0
#: Seconds between two looks at the store, at least.
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
        self._store = store
        self._upstreams = upstreams
        self._endpoints = endpoints
        self._step = progress_step
        self._now = now
        self._elapsed = elapsed
        self._roll = roll
        self._wake = wake
        #: Upstreams that a timer is set for.
        self._awaited: dict[str, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def poll(self) -> None:
        """Start to ask about everything that is due, within the upstreams' limits."""
        await asyncio.gather(*(self._begin(name) for name in self._upstreams))

    async def stop(self, grace: float) -> None:
        """Claim no more; wait for what is under way, for `grace` seconds at most."""
        self._stopping = True
        for timer in self._awaited.values():
            timer.cancel()
        self._awaited.clear()
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

    async def _begin(self, name: str) -> None:
        try:
            await self._start(name)
        except BridgeError as error:
            log.warning("poll.store_away", upstream=name, error=str(error))

    async def _start(self, name: str) -> None:
        limits = self._upstreams[name].limits
        while not self._stopping:
            claim = await self._store.claim_tasks(name, limits)
            if not claim.tasks:
                self._await(name, claim.next_in)
                return
            self._spawn(self._batch(name, claim))

    def _await(self, name: str, seconds: float | None) -> None:
        """Look again before the next tick, if it is known that it will be worth it."""
        if (
            seconds is None
            or seconds >= NEAR
            or name in self._awaited
            or self._stopping
        ):
            return
        loop = asyncio.get_running_loop()
        delay = max(seconds, SHORTEST)
        self._awaited[name] = loop.call_later(delay, self._look_again, name)

    def _look_again(self, name: str) -> None:
        del self._awaited[name]
        self._spawn(self._begin(name))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _batch(self, name: str, claim: PollClaim) -> None:
        """
        See one claim through.

        What a store that is away cannot take is kept for it until the claim ends: until
        then nobody else would ask. Saying it twice changes nothing.
        """
        limits, upstream = self._upstreams[name].limits, self._upstreams[name].upstream
        began = self._elapsed()
        try:
            answer = await upstream.fetch([due.key.id for due in claim.tasks])
        except asyncio.CancelledError:
            await self._give_back(name, claim)
            raise
        for _ in range(max(1, int(limits.lease / STORE_AGAIN))):
            try:
                await self._note(name, claim, answer)
                await self._record(name, claim, answer, took=self._elapsed() - began)
                if answer.error is None:
                    await self._start(name)
            except BridgeError as error:
                log.warning("poll.store_away", upstream=name, error=str(error))
            else:
                return
            if self._stopping:
                return
            await asyncio.sleep(STORE_AGAIN)

    async def _give_back(self, name: str, claim: PollClaim) -> None:
        """Leave tasks that could not be asked about in time to whoever comes next."""
        try:
            await self._store.return_tasks(name, claim)
        except BridgeError as error:
            log.warning("poll.store_away", upstream=name, error=str(error))

    async def _note(self, name: str, claim: PollClaim, answer: FetchResult) -> None:
        """Note how the upstream answered, and tell operators if that is news."""
        if answer.error is None:
            wake = await self._store.answered(
                name,
                claim,
                notice=self._recovery(name, claim),
                requests=answer.requests,
                step=clock_step(self._upstreams[name].policy),
            )
        else:
            wake = await self._refused(name, claim, answer, answer.error)
        if wake:
            await self._wake()

    async def _refused(
        self, name: str, claim: PollClaim, answer: FetchResult, error: PollError
    ) -> bool:
        """Leave the upstream alone for a while, longer each time."""
        failures = claim.failures + 1
        since = claim.unhealthy_since if claim.failures else claim.now
        refused = error is PollError.REFUSED
        interval = self._upstreams[name].policy.poll_interval
        hold = poll_backoff(
            failures, interval=interval, refused=refused, roll=self._roll()
        )
        hold = max(hold, min(answer.retry_after or 0.0, LONGEST_HOLD))
        log.warning(
            "upstream.complained",
            upstream=name,
            error=error,
            detail=answer.detail,
            failures=failures,
            retry_in=round(hold, 1),
        )
        publication = None
        if not claim.unhealthy and (refused or failures >= FAILURES_TO_TELL):
            publication = self._notice(
                NoticeType.UPSTREAM_UNHEALTHY, name, answer.detail, since
            )
        return await self._store.answered(
            name,
            claim,
            hold=hold,
            outcome=error,
            reason=answer.detail,
            since=since,
            notice=publication,
            requests=answer.requests,
            step=clock_step(self._upstreams[name].policy),
        )

    def _recovery(self, name: str, claim: PollClaim) -> Publication | None:
        if not claim.unhealthy:
            return None
        reason = "the upstream answers again"
        since = claim.unhealthy_since
        return self._notice(NoticeType.UPSTREAM_RECOVERED, name, reason, since)

    def _notice(
        self, kind: NoticeType, name: str, reason: str, since: float
    ) -> Publication:
        event = notice(kind, name=name, reason=reason, since=since, at=self._now())
        return Publication(event=event, endpoints=receivers(event, self._endpoints))

    async def _record(
        self, name: str, claim: PollClaim, answer: FetchResult, *, took: float
    ) -> None:
        results = []
        for due in claim.tasks:
            if due.key.id in answer.unasked:
                results.append(_later(due))
                continue
            seen = answer.tasks.get(due.key.id)
            if seen is None and answer.error is not None:
                continue  # what was said before something went wrong counts, and no more
            try:
                results.append(await self._look(name, claim, due, seen, took))
            except BridgeError:
                raise
            except Exception:
                # One bad item never costs the others; this one is due again when its
                # lease ends.
                log.exception("poll.not_understood", task=str(due.key))
        recorded = await self._store.record(results)
        for result, applied in zip(results, recorded.applied, strict=True):
            if applied and result.publication is not None:
                event = result.publication.event
                log.info(
                    event.type,
                    event_id=event.id,
                    task=event.subject,
                    sequence=event.sequence,
                    endpoints=len(result.publication.endpoints),
                )
        if recorded.wake:
            await self._wake()

    async def _look(
        self,
        name: str,
        claim: PollClaim,
        due: DueTask,
        seen: TaskSnapshot | None,
        took: float,
    ) -> PollResult:
        policy = self._upstreams[name].policy
        misses, missed_clock = 0, 0.0
        if seen is None:
            misses = due.misses + 1
            missed_clock = due.missed_clock if due.misses else claim.clock
            observation = Observation(
                task_state=due.task_state, snapshot=None, change=None, done=False
            )
        else:
            observation = observe(due.task_state, seen, progress_step=self._step)
        if not observation.done:
            loss = why_lost(
                misses=misses,
                missing_for=claim.clock - missed_clock,
                age=claim.clock - due.tracked_clock,
                policy=policy,
            )
            if loss is not None:
                kept = observation.snapshot or await self._store.snapshot(due.key)
                observation = _lost(observation, kept, loss)
        next_in = None
        if not observation.done:
            age = max(0.0, claim.now - due.tracked_at)
            status = observation.task_state.status
            next_in = next_poll_in(status, age=age, took=took, policy=policy)
        change = observation.change
        return PollResult(
            due=due,
            task_state=None
            if observation.task_state == due.task_state
            else observation.task_state,
            snapshot=observation.snapshot,
            misses=misses,
            missed_clock=missed_clock,
            next_in=next_in,
            publication=None if change is None else self._tell(due, change),
        )

    def _tell(self, due: DueTask, change: Change) -> Publication:
        event = task_event(
            due.key,
            change,
            sequence=due.sequence + 1,
            metadata=due.metadata,
            at=self._now(),
        )
        return Publication(event=event, endpoints=receivers(event, self._endpoints))


def _later(due: DueTask) -> PollResult:
    """Change nothing, and look again as soon as others have had their turn."""
    return PollResult(
        due=due, misses=due.misses, missed_clock=due.missed_clock, next_in=NEAR
    )


def _lost(
    observation: Observation, kept: TaskSnapshot | None, loss: Loss
) -> Observation:
    """
    Give up a task that this look brought no end to.

    If the look itself brought news, the end is told instead of it: one look makes at
    most one event.
    """
    lost = lose(observation.task_state, kept, loss)
    return replace(lost, snapshot=observation.snapshot)
