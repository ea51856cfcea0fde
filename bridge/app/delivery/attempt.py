"""
One attempt: claimed -> sent -> judged -> a settlement.

An `AttemptRunner` sees it through and decides nothing: the channel says what is sent and what
the answers mean, `bridge.core.delivery` what follows from it, the store what is true
afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from traceback import extract_tb

import structlog

from bridge.app.operator_events import death_notice, publications
from bridge.app.ports import (
    Delivery,
    DeliveryStore,
    Publication,
    Sender,
    Settlement,
)
from bridge.channels.base import (
    Channel,
    DeliveryContext,
    Exchange,
    ExchangeResult,
    SaveState,
)
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
from bridge.core.http import ChannelState, Notification, Request, Response
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds below which another request is not worth beginning.
_TOO_LITTLE = 0.05


class StateNotSaved(Exception):  # noqa: N818 - it is what happened, and not a mistake
    """The channel state that had to be saved before anything is sent could not be, or not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """An endpoint, and the channel that speaks to it."""

    endpoint: Endpoint
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """
    Performs one attempt at a time.

    Attributes:
        store: Saves the channel state.

        sender: Sends the requests.

        receivers: By the endpoint's name.

        now: Returns the time, in seconds since the epoch, by this machine's clock.

        elapsed: A clock that only goes forward, in seconds.

        roll: Returns a random number in ``[0, 1)``.
    """

    store: DeliveryStore
    sender: Sender
    receivers: Mapping[str, Recipient]
    now: Callable[[], float]
    elapsed: Callable[[], float]
    roll: Callable[[], float]

    async def attempt(self, delivery: Delivery) -> Settlement:
        """Make one attempt, and return what is to be settled."""
        receiver = self.receivers.get(delivery.endpoint)
        if receiver is None:
            log.warning("delivery.endpoint_unknown", endpoint=delivery.endpoint)
            return Settlement(delivery=delivery, away=True)
        if delivery.crashes >= MAX_CRASHES:
            crashed = Verdict(disposition=Disposition.DEAD, reason="crashed the worker")
            return self._settlement(delivery, crashed)
        result = await self._exchange(delivery, receiver)
        if result is None:
            return Settlement(delivery=delivery)
        verdict = judge(
            result.attempt,
            delivery.tried,
            retry=receiver.endpoint.retry,
            roll=self.roll(),
        )
        _log_attempt(delivery, result.attempt, verdict)
        return replace(
            self._settlement(delivery, verdict),
            attempt=result.attempt,
            channel_state=result.channel_state,
            edit_in=result.edit_in,
            extra=result.extra,
        )

    async def _exchange(
        self, delivery: Delivery, receiver: Recipient
    ) -> ExchangeResult | None:
        """
        Run the channel's exchange; its attempt is dated by the store's clock.

        Returns:
            ``None`` if it could not be made now, and nothing was sent.
        """
        endpoint, began = receiver.endpoint, self.elapsed()
        context = DeliveryContext(
            event=delivery.event,
            endpoint=endpoint,
            at=self.now(),
            started=delivery.now,
            channel_state=delivery.channel_state,
            redelivery=delivery.redelivery,
        )
        try:
            return await run_exchange(
                receiver.channel.deliver(context),
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
            log.error(  # noqa: TRY400 - a traceback's locals may hold secrets
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
    ) -> bool:
        try:
            return await self.store.save_state(delivery, channel_state)
        except BridgeError as error:
            log.warning("delivery.store_away", error=str(error))
            return False

    def _settlement(self, delivery: Delivery, verdict: Verdict) -> Settlement:
        """Return a settlement with what operators are to hear if the verdict has its effect."""
        notices: list[Event | None] = []
        if verdict.disposition is Disposition.DEAD:
            name, event, reason = delivery.endpoint, delivery.event, verdict.reason
            notices.append(death_notice(name, event, reason, at=self.now()))
        if verdict.disable:
            kind = NoticeType.ENDPOINT_DISABLED
            notices.append(self._notice(kind, delivery, verdict.reason))
        if verdict.disposition is Disposition.DELIVERED and delivery.was_disabled:
            kind = NoticeType.ENDPOINT_RECOVERED
            reason = "the endpoint accepts deliveries again"
            notices.append(self._notice(kind, delivery, reason))
        if not any(notices):
            return Settlement(delivery=delivery, verdict=verdict)
        endpoints = [receiver.endpoint for receiver in self.receivers.values()]
        published: tuple[Publication, ...] = tuple(publications(notices, endpoints))
        return Settlement(delivery=delivery, verdict=verdict, notices=published)

    def _notice(self, kind: NoticeType, delivery: Delivery, reason: str) -> Event:
        at = self.now()
        return notice(kind, name=delivery.endpoint, reason=reason, since=at, at=at)


async def run_exchange(
    exchange: Exchange,
    endpoint: Endpoint,
    *,
    sender: Sender,
    save_state: Callable[[ChannelState], Awaitable[bool]],
    now: Callable[[], float],
    elapsed: Callable[[], float],
) -> ExchangeResult:
    """
    Run an exchange to its end, within the endpoint's ``timeout``.

    Args:
        save_state: Saves the channel state, and returns whether it did. Once something
            was sent the exchange goes on even if it did not: losing the state costs less
            than sending everything again.

        now: Returns the time, in seconds since the epoch.

        elapsed: A clock that only goes forward, in seconds.

    Raises:
        StateNotSaved: It was broken off, and nothing was sent.

        Exception: Whatever the channel raises.
    """
    deadline = elapsed() + endpoint.timeout
    sent = False
    try:
        step = next(exchange)
        while True:
            response = Response(took=0.0)
            if isinstance(step, SaveState):
                saved = await save_state(step.channel_state)
                if not sent and not (saved and elapsed() < deadline):
                    raise StateNotSaved
            elif not sent:  # the first one has all the time there is
                response = await sender.send(endpoint, step)
                sent = True
            elif (request := _within(step, deadline - elapsed())) is not None:
                response = await sender.send(endpoint, request)
            else:
                late = "no time was left for another request"
                response = Response(took=0.0, fault=Fault.TIMEOUT, detail=late)
            step = exchange.send(replace(response, at=now()))
    except StopIteration as end:
        result: ExchangeResult = end.value
        return result


def _within(
    request: Request | Notification, left: float
) -> Request | Notification | None:
    if left < _TOO_LITTLE:
        return None
    return replace(request, within=min(request.within or left, left))


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
