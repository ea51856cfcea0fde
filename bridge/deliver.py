"""
USE CASE 2: deliver. Due deliveries are claimed, rendered, sent, and what came of each
is settled.

    claim  ->  render  ->  send  ->  judge  ->  settle (one step: lane, log, health)

The `Pump` keeps a window of attempts in flight in one process's event loop. It never
waits for all of a batch: as soon as one attempt is over its place is filled, so that a
slow receiver costs its own place and nobody else's. A Celery message only kicks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from traceback import extract_tb

import structlog

from bridge.channels.conversation import Channel, Memory, Occasion, Outcome
from bridge.core.delivery import (
    MAX_CRASHES,
    Attempt,
    Fate,
    Fault,
    Verdict,
    judge,
)
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event, NoticeType, notice
from bridge.errors import BridgeError
from bridge.notices import death_notice, tellings
from bridge.ports import (
    Delivery,
    DeliveryClaim,
    DeliveryStore,
    Sender,
    Settlement,
    Telling,
)
from bridge.talk import NotRemembered, talk

log = structlog.get_logger(__name__)

#: Attempts in flight at once, in one process.
WINDOW = 200
#: Deliveries in one claim, and settlements in one settle: a script's work is bounded.
AT_ONCE = 100
#: Seconds within which the pump itself waits for the next due delivery. Beat ticks
#: every second, so waiting longer would gain nothing.
NEAR = 1.0
#: Seconds that suspects may have for themselves, before everything else goes on for at
#: least as long as they took.
FOR_SUSPECTS = 1.0
#: Seconds between two looks at the store, at least.
SHORTEST = 0.005
#: Seconds between two tries to settle with a store that is away.
SETTLE_AGAIN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """An endpoint, and the channel that speaks to it."""

    endpoint: Endpoint
    channel: Channel


class Pump:
    """Delivers to every endpoint, in one process's event loop."""

    def __init__(
        self,
        *,
        store: DeliveryStore,
        sender: Sender,
        receivers: Mapping[str, Receiver],
        now: Callable[[], float],
        elapsed: Callable[[], float],
        roll: Callable[[], float],
        window: int = WINDOW,
    ) -> None:
        """
        Make a pump that is not running yet.

        Args:
            store: Where deliveries are claimed and settled.

            sender: What sends requests.

            receivers: By the endpoint's name.

            now: Says the time, in seconds since the epoch, by this machine's clock.

            elapsed: A clock that only goes forward, in seconds.

            roll: Rolls a number in ``[0, 1)``.

            window: Attempts in flight at once.
        """
        self._store = store
        self._sender = sender
        self._receivers = receivers
        self._now = now
        self._elapsed = elapsed
        self._roll = roll
        self._window = window
        self._flight: dict[asyncio.Task[None], Delivery] = {}
        self._settling: list[Settlement] = []
        self._settler: asyncio.Task[None] | None = None
        self._work: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._kicked = False
        self._suspects_at = 0.0
        self._stopping = False
        self._settle_until = 0.0

    def kick(self) -> None:
        """Say that something may be due. Cheap, and harmless if nothing is."""
        self._kicked = True
        self._resume()

    async def idle(self) -> None:
        """Wait until nothing is due soon, in flight or unsettled."""
        while waiting := [task for task in (self._work, self._settler) if task]:
            await asyncio.wait(waiting)

    async def stop(self, grace: float) -> None:
        """
        Claim no more, and leave nothing behind.

        Attempts in flight get `grace` seconds to end; the others are broken off and
        their claims given back, so that somebody else attempts them at once.
        """
        self._stopping = True
        self._settle_until = self._elapsed() + grace
        self._news.set()
        if self._flight:
            _, late = await asyncio.wait(self._flight, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.idle()

    def _resume(self) -> None:
        self._news.set()
        if self._work is None and not self._stopping:
            loop = asyncio.get_running_loop()
            self._work = loop.create_task(self._run())

    # --- the window -------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._stopping:
                self._news.clear()
                try:
                    pause = await self._fill()
                except BridgeError as error:
                    log.warning("deliver.store_away", error=str(error))
                    pause = None if not self._flight else NEAR
                if pause is None and not self._flight and not self._kicked:
                    return
                await self._wait(pause)
        finally:
            self._work = None

    async def _wait(self, pause: float | None) -> None:
        """Wait for news: an attempt is over, a kick, or the time that something is due."""
        try:
            async with asyncio.timeout(NEAR if pause is None else min(pause, NEAR)):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _fill(self) -> float | None:
        """
        Claim until the window is full or nothing more is due.

        Returns:
            Seconds until it is worth to look again; ``None`` if nothing is due soon.
        """
        while not self._stopping and (free := self._window - len(self._flight)) > 0:
            woken, self._kicked = self._kicked, False
            slow = sum(delivery.slow for delivery in self._flight.values())
            claim = await self._store.claim_deliveries(
                limit=min(free, AT_ONCE),
                slow_limit=max(0, self._window // 2 - slow),
                woken=woken,
            )
            for delivery in claim.deliveries:
                self._launch(delivery)
            if claim.suspects and self._elapsed() >= self._suspects_at:
                await self._try_suspects()
            elif not claim.deliveries:
                return self._pause(claim)
        return NEAR

    def _pause(self, claim: DeliveryClaim) -> float | None:
        waits = [] if claim.next_in is None else [claim.next_in]
        if claim.suspects:
            waits.append(self._suspects_at - self._elapsed())
        pause = min(waits, default=NEAR)
        return max(pause, SHORTEST) if pause < NEAR else None

    async def _try_suspects(self) -> None:
        """
        Attempt deliveries that their workers did not survive: one at a time, and nothing
        beside it. A crash leaves as many as were in flight, and most are innocent.
        """
        began = self._elapsed()
        await self._landed()
        while not self._stopping and self._elapsed() - began < FOR_SUSPECTS:
            claim = await self._store.claim_deliveries(
                limit=1, slow_limit=1, alone=True
            )
            if not claim.deliveries:
                break
            self._launch(claim.deliveries[0])
            await self._landed()
            await self._settled()
        ended = self._elapsed()
        self._suspects_at = ended + max(ended - began, SHORTEST)

    async def _landed(self) -> None:
        while self._flight:
            await asyncio.wait(self._flight)

    async def _settled(self) -> None:
        if self._settler is not None:
            await asyncio.wait([self._settler])

    def _launch(self, delivery: Delivery) -> None:
        if self._stopping:
            self._settle(Settlement(delivery=delivery))
            return
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._flight[task] = delivery
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[None]) -> None:
        delivery = self._flight.pop(task)
        if task.cancelled():
            self._settle(Settlement(delivery=delivery))
        self._news.set()

    # --- one delivery -----------------------------------------------------------------

    async def _deliver(self, delivery: Delivery) -> None:
        self._settle(await self._attempt(delivery))

    async def _attempt(self, delivery: Delivery) -> Settlement:
        receiver = self._receivers.get(delivery.endpoint)
        if receiver is None:
            log.warning("delivery.endpoint_unknown", endpoint=delivery.endpoint)
            return Settlement(delivery=delivery, away=True)
        if delivery.crashes >= MAX_CRASHES:
            crashed = Verdict(fate=Fate.DEAD, reason="crashed the worker")
            return self._settlement(delivery, None, crashed)
        outcome = await self._talk(delivery, receiver)
        if outcome is None:
            return Settlement(delivery=delivery)
        verdict = judge(
            outcome.attempt,
            delivery.tried,
            delays=receiver.endpoint.delays,
            roll=self._roll(),
        )
        _log_attempt(delivery, outcome.attempt, verdict)
        settlement = self._settlement(delivery, outcome.attempt, verdict)
        if outcome.memory is None and not outcome.edit_in:
            return settlement
        return replace(settlement, memory=outcome.memory, edit_in=outcome.edit_in)

    async def _talk(self, delivery: Delivery, receiver: Receiver) -> Outcome | None:
        """
        Make one attempt. Its times are told by the store's clock.

        Returns:
            What came of it; ``None`` if it could not be made now, and nothing was sent.
        """
        endpoint, channel = receiver.endpoint, receiver.channel
        began = self._elapsed()
        occasion = Occasion(
            event=delivery.event,
            endpoint=endpoint,
            at=self._now(),
            started=delivery.now,
            memory=delivery.memory,
            redelivery=delivery.redelivery,
        )
        try:
            return await talk(
                channel.tell(occasion),
                endpoint,
                sender=self._sender,
                remember=partial(self._remember, delivery),
                now=self._now,
                elapsed=self._elapsed,
            )
        except NotRemembered:
            return None
        except Exception as error:  # noqa: BLE001 - it costs this attempt and nothing else
            # Where, but not what: an exception's text may hold a URL, which is a secret.
            *_, place = extract_tb(error.__traceback__)
            log.error(  # noqa: TRY400
                "delivery.not_rendered",
                endpoint=endpoint.name,
                event_id=delivery.event.id,
                error=type(error).__name__,
                where=f"{place.name} ({place.filename}:{place.lineno})",
            )
            attempt = Attempt(
                started=delivery.now,
                took=self._elapsed() - began,
                fault=Fault.RENDERING,
                detail=type(error).__name__,
            )
            return Outcome(attempt=attempt)

    async def _remember(self, delivery: Delivery, memory: Memory) -> None:
        try:
            kept = await self._store.remember(delivery, memory)
        except BridgeError as error:
            log.warning("remember.store_away", error=str(error))
            kept = False
        if not kept:
            raise NotRemembered

    def _settlement(
        self, delivery: Delivery, attempt: Attempt | None, verdict: Verdict
    ) -> Settlement:
        return Settlement(
            delivery=delivery,
            attempt=attempt,
            verdict=verdict,
            notices=tuple(self._notices(delivery, verdict)),
        )

    def _notices(self, delivery: Delivery, verdict: Verdict) -> Sequence[Telling]:
        """List what operators are to hear if the verdict has its effect."""
        told = []
        if verdict.fate is Fate.DEAD:
            dead = death_notice(
                delivery.endpoint, delivery.event, verdict.reason, at=self._now()
            )
            told.append(dead)
        if verdict.disable:
            told.append(
                self._about(NoticeType.ENDPOINT_DISABLED, delivery, verdict.reason)
            )
        if verdict.fate is Fate.DELIVERED and delivery.was_disabled:
            reason = "the endpoint accepts deliveries again"
            told.append(self._about(NoticeType.ENDPOINT_RECOVERED, delivery, reason))
        endpoints = [receiver.endpoint for receiver in self._receivers.values()]
        return tellings(told, endpoints)

    def _about(self, kind: NoticeType, delivery: Delivery, reason: str) -> Event:
        at = self._now()
        return notice(kind, name=delivery.endpoint, reason=reason, since=at, at=at)

    # --- settling ---------------------------------------------------------------------

    def _settle(self, settlement: Settlement) -> None:
        """Settle soon: one at a time when little is going on, many at once under load."""
        self._settling.append(settlement)
        if self._settler is None:
            loop = asyncio.get_running_loop()
            self._settler = loop.create_task(self._settle_all())

    async def _settle_all(self) -> None:
        try:
            while self._settling:
                batch = self._settling[:AT_ONCE]
                try:
                    settled = await self._store.settle(batch)
                except BridgeError as error:
                    # What was delivered must not be forgotten: the store is asked
                    # until it is back. Repeating a settle changes nothing.
                    log.warning("settle.store_away", error=str(error))
                    if self._stopping and self._elapsed() >= self._settle_until:
                        return
                    await asyncio.sleep(SETTLE_AGAIN)
                    continue
                del self._settling[: len(batch)]
                if settled.more:
                    self._resume()
        finally:
            self._settler = None


def _log_attempt(delivery: Delivery, attempt: Attempt, verdict: Verdict) -> None:
    log.info(
        "delivery.attempted",
        event_id=delivery.event.id,
        type=delivery.event.type,
        subject=delivery.event.subject,
        endpoint=delivery.endpoint,
        attempt=delivery.attempts + 1,
        outcome=attempt.outcome,
        status=attempt.status,
        took_ms=round(attempt.took * 1000, 1),
        verdict=verdict.fate,
        retry_in=round(verdict.due - attempt.started, 1) if verdict.due else None,
        reason=verdict.reason or None,
    )
