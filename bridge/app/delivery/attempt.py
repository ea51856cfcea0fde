"""
One attempt: claimed -> sent -> judged -> a settlement.

An `AttemptRunner` sees it through and decides nothing: the channel says what is sent and what
the answers mean, `bridge.core.delivery` what follows, the store what is true afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from bridge.app.delivery.failures import not_rendered, report_unknown
from bridge.app.delivery.news import with_news
from bridge.app.delivery.offers import NOTHING, offer_of
from bridge.app.links import LinkSource
from bridge.app.outage import store_outage
from bridge.app.ports import Delivery, DeliveryStore, Performer, Sender, Settlement
from bridge.app.ports.telemetry import Span, Telemetry
from bridge.channels.base import (
    Channel,
    DeliveryContext,
    Exchange,
    ExchangeResult,
    SaveState,
)
from bridge.channels.endpoint_options import ChatOptions
from bridge.core.archive import Archived
from bridge.core.delivery import (
    MAX_CRASHES,
    Attempt,
    Disposition,
    Fault,
    Verdict,
    judge,
)
from bridge.core.endpoint import Endpoint
from bridge.core.hook import HookPolicy, is_hook
from bridge.core.http import AnyRequest, ChannelState, Response
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds below which another request is not worth beginning.
_TOO_LITTLE = 0.05


class StateNotSaved(Exception):  # noqa: N818 - it is what happened, and not a mistake
    """The channel state that had to be saved before anything is sent could not be, or not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """
    Performs one attempt at a time.

    Attributes:
        store: Saves the channel state.

        sender: Sends the requests.

        endpoints: By name.

        channels: By the kind of their endpoints.

        hooks: How hooks are delivered to; ``None`` if they are not.

        links: Returns what signs the links and buttons of a task's message.

        performers: By the kinds of endpoints that have their own way, see `Performer`.

        now: Returns the time, in seconds since the epoch, by this machine's clock.

        elapsed: A clock that only goes forward, in seconds.

        roll: Returns a random number in ``[0, 1)``.

        telemetry: Where attempts are reported; ``None`` if they are not.
    """

    store: DeliveryStore
    sender: Sender
    endpoints: Mapping[str, Endpoint]
    channels: Mapping[str, Channel]
    hooks: HookPolicy | None = None
    links: LinkSource | None = None
    performers: Mapping[str, Performer] = field(default_factory=dict)
    now: Callable[[], float]
    elapsed: Callable[[], float]
    roll: Callable[[], float]
    telemetry: Telemetry | None = None

    async def attempt(self, delivery: Delivery) -> Settlement:
        """Make one attempt, and return what is to be settled."""
        endpoint = self._endpoint(delivery)
        if endpoint is None:
            report_unknown(delivery.endpoint)
            return Settlement(delivery=delivery, endpoint_unknown=True)
        if performer := self.performers.get(endpoint.kind):
            return await performer.attempt(delivery, endpoint)
        if delivery.crashes >= MAX_CRASHES:
            return self._dead(delivery, endpoint, "crashed the worker")
        if not endpoint.url:
            return self._dead(delivery, endpoint, "the task has no hook there any more")
        span = self.telemetry.attempt(delivery, endpoint) if self.telemetry else None
        result = await self._exchange(delivery, endpoint, span)
        if result is None:
            return Settlement(delivery=delivery)
        made = result.attempt
        if span is not None:
            span.end(error=None if made.succeeded else made.outcome, status=made.status)
        verdict = judge(
            made, delivery.history, schedule=endpoint.schedule, roll=self.roll()
        )
        ends_hook = verdict.disable and delivery.hook is not None
        if ends_hook:  # and nobody else's: a hook is one task's
            verdict = replace(
                verdict, disposition=Disposition.DEAD, due=0.0, disable=False
            )
        _log_attempt(delivery, made, verdict)
        settlement = Settlement(
            delivery=delivery,
            verdict=verdict,
            attempt=made,
            channel_state=result.channel_state,
            hold_progress=result.hold_progress,
            extra_requests=result.extra_requests,
            ends_hook=ends_hook,
        )
        return self._with_news(settlement, endpoint, result.archived)

    def _dead(self, delivery: Delivery, endpoint: Endpoint, reason: str) -> Settlement:
        """Return the settlement of a delivery that is not attempted any more."""
        verdict = Verdict(disposition=Disposition.DEAD, reason=reason)
        settlement = Settlement(delivery=delivery, verdict=verdict)
        return self._with_news(settlement, endpoint, None)

    def _with_news(
        self, settlement: Settlement, endpoint: Endpoint, archived: Archived | None
    ) -> Settlement:
        verdict = settlement.verdict
        if verdict is None or not (
            endpoint.internal
            or verdict.disposition is Disposition.DEAD
            or verdict.disable
            or settlement.delivery.was_disabled
        ):
            return settlement  # as most are
        return with_news(
            settlement,
            endpoint,
            archived=archived,
            endpoints=list(self.endpoints.values()),
            hooks=self.hooks,
            at=self.now(),
        )

    def _endpoint(self, delivery: Delivery) -> Endpoint | None:
        """Return where a delivery goes; ``None`` if that is not configured here."""
        endpoint = self.endpoints.get(delivery.endpoint)
        if endpoint is not None or self.hooks is None:
            return endpoint
        if delivery.hook is not None:
            return self.hooks.endpoint_of(delivery.hook)
        return self.hooks.endpoint if is_hook(delivery.endpoint) else None

    async def _exchange(
        self, delivery: Delivery, endpoint: Endpoint, span: Span | None
    ) -> ExchangeResult | None:
        """
        Run the channel's exchange; its attempt is dated by the store's clock.

        Returns:
            ``None`` if it could not be made now, and nothing was sent.
        """
        began = self.elapsed()
        offer = NOTHING
        if self.links is not None and isinstance(endpoint.options, ChatOptions):
            try:
                offer = await offer_of(delivery.event, endpoint, self.links)
            except BridgeError as error:
                store_outage.failed(str(error))
                return None
        context = DeliveryContext(
            event=delivery.event,
            endpoint=endpoint,
            now=self.now(),
            started=delivery.now,
            channel_state=delivery.channel_state,
            redelivery=delivery.redelivery,
            links=offer.links,
            parent=offer.parent,
            traceparent=span.traceparent if span else delivery.traceparent,
            archived=delivery.archived,
        )
        try:
            return await run_exchange(
                self.channels[endpoint.kind].deliver(context),
                endpoint,
                sender=self.sender,
                save_state=partial(self._save_state, delivery),
                now=self.now,
                elapsed=self.elapsed,
            )
        except StateNotSaved:
            return None
        except Exception as error:  # noqa: BLE001 - it costs this attempt and nothing else
            return not_rendered(
                error, delivery, endpoint, duration=self.elapsed() - began
            )

    async def _save_state(
        self, delivery: Delivery, channel_state: ChannelState
    ) -> bool:
        try:
            return await self.store.save_state(delivery, channel_state)
        except BridgeError as error:
            store_outage.failed(str(error))
            return False


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
            response = Response()
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
                response = Response(fault=Fault.TIMEOUT, detail=late)
            if not response.received_at:
                response = replace(response, received_at=now())
            step = exchange.send(response)
    except StopIteration as end:
        result: ExchangeResult = end.value
        return result


def _within(request: AnyRequest, left: float) -> AnyRequest | None:
    if left < _TOO_LITTLE:
        return None
    return replace(request, timeout=min(request.timeout or left, left))


def _log_attempt(delivery: Delivery, attempt: Attempt, verdict: Verdict) -> None:
    retries = verdict.due and not verdict.disable
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
        took_ms=round(attempt.duration * 1000, 1),
        verdict=verdict.disposition,
        retry_in=round(verdict.due - attempt.started, 1) if retries else None,
        disabled=verdict.disable or None,
        reason=verdict.reason or None,
    )
