"""
One delivery: claimed -> told -> judged -> a settlement.

A `AttemptRunner` sees it through and decides nothing: the channel says what is sent and what
the answer means, `bridge.core.delivery` what follows from it, the store what is true
afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from traceback import extract_tb

import structlog

from bridge.app.delivery.exchange import StateNotSaved, talk
from bridge.app.operator_events import death_notice, publications
from bridge.app.ports import (
    Delivery,
    DeliveryStore,
    Publication,
    Sender,
    Settlement,
)
from bridge.channels.base import Channel, ChannelState, DeliveryContext, ExchangeResult
from bridge.core.delivery import (
    MAX_CRASHES,
    Attempt,
    Disposition,
    Fault,
    Verdict,
    judge,
)
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event, NoticeType, notice
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """An endpoint, and the channel that speaks to it."""

    endpoint: Endpoint
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """
    Makes attempts.

    Attributes:
        store: Keeps what channels remember.

        sender: What sends requests.

        receivers: By the endpoint's name.

        now: Says the time, in seconds since the epoch, by this machine's clock.

        elapsed: A clock that only goes forward, in seconds.

        roll: Rolls a number in ``[0, 1)``.
    """

    store: DeliveryStore
    sender: Sender
    receivers: Mapping[str, Recipient]
    now: Callable[[], float]
    elapsed: Callable[[], float]
    roll: Callable[[], float]

    async def attempt(self, delivery: Delivery) -> Settlement:
        """Make one attempt, and say what is to be settled."""
        receiver = self.receivers.get(delivery.endpoint)
        if receiver is None:
            log.warning("delivery.endpoint_unknown", endpoint=delivery.endpoint)
            return Settlement(delivery=delivery, away=True)
        if delivery.crashes >= MAX_CRASHES:
            crashed = Verdict(disposition=Disposition.DEAD, reason="crashed the worker")
            return self._settlement(delivery, None, crashed)
        outcome = await self._talk(delivery, receiver)
        if outcome is None:
            return Settlement(delivery=delivery)
        verdict = judge(
            outcome.attempt,
            delivery.tried,
            retry=receiver.endpoint.retry,
            roll=self.roll(),
        )
        _log_attempt(delivery, outcome.attempt, verdict)
        settlement = self._settlement(delivery, outcome.attempt, verdict)
        return replace(
            settlement,
            channel_state=outcome.channel_state,
            edit_in=outcome.edit_in,
            extra=outcome.extra,
        )

    async def _talk(
        self, delivery: Delivery, receiver: Recipient
    ) -> ExchangeResult | None:
        """
        Make one attempt. Its times are told by the store's clock.

        Returns:
            What came of it; ``None`` if it could not be made now, and nothing was sent.
        """
        endpoint, channel = receiver.endpoint, receiver.channel
        began = self.elapsed()
        context = DeliveryContext(
            event=delivery.event,
            endpoint=endpoint,
            at=self.now(),
            started=delivery.now,
            channel_state=delivery.channel_state,
            redelivery=delivery.redelivery,
        )
        try:
            return await talk(
                channel.deliver(context),
                endpoint,
                sender=self.sender,
                save_state=partial(self._save_state, delivery),
                now=self.now,
                elapsed=self.elapsed,
            )
        except StateNotSaved:
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
                took=self.elapsed() - began,
                fault=Fault.RENDERING,
                detail=type(error).__name__,
            )
            return ExchangeResult(attempt=attempt)

    async def _save_state(
        self, delivery: Delivery, channel_state: ChannelState
    ) -> None:
        try:
            kept = await self.store.save_state(delivery, channel_state)
        except BridgeError as error:
            log.warning("remember.store_away", error=str(error))
            kept = False
        if not kept:
            raise StateNotSaved

    def _settlement(
        self, delivery: Delivery, attempt: Attempt | None, verdict: Verdict
    ) -> Settlement:
        return Settlement(
            delivery=delivery,
            attempt=attempt,
            verdict=verdict,
            notices=tuple(self._notices(delivery, verdict)),
        )

    def _notices(self, delivery: Delivery, verdict: Verdict) -> Sequence[Publication]:
        """List what operators are to hear if the verdict has its effect."""
        told = []
        if verdict.disposition is Disposition.DEAD:
            dead = death_notice(
                delivery.endpoint, delivery.event, verdict.reason, at=self.now()
            )
            told.append(dead)
        if verdict.disable:
            told.append(
                self._about(NoticeType.ENDPOINT_DISABLED, delivery, verdict.reason)
            )
        if verdict.disposition is Disposition.DELIVERED and delivery.was_disabled:
            reason = "the endpoint accepts deliveries again"
            told.append(self._about(NoticeType.ENDPOINT_RECOVERED, delivery, reason))
        endpoints = [receiver.endpoint for receiver in self.receivers.values()]
        return publications(told, endpoints)

    def _about(self, kind: NoticeType, delivery: Delivery, reason: str) -> Event:
        at = self.now()
        return notice(kind, name=delivery.endpoint, reason=reason, since=at, at=at)


def _log_attempt(delivery: Delivery, attempt: Attempt, verdict: Verdict) -> None:
    write = log.info if verdict.disposition is Disposition.DELIVERED else log.warning
    write(
        "delivery.attempted",
        event_id=delivery.event.id,
        type=delivery.event.type,
        subject=delivery.event.subject,
        endpoint=delivery.endpoint,
        attempt=delivery.attempts + 1,
        outcome=attempt.outcome,
        status=attempt.status,
        took_ms=round(attempt.took * 1000, 1),
        verdict=verdict.disposition,
        retry_in=round(verdict.due - attempt.started, 1) if verdict.due else None,
        reason=verdict.reason or None,
    )
