"""Exchanges over real connections: a channel's requests, sent by the sender itself."""

from __future__ import annotations

from bridge.adapters.http.sender import HttpSender
from bridge.channels.base import Channel, DeliveryContext, ExchangeResult, SaveState
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import Response
from tests.channels.cases import NOW


async def deliver(
    channel: Channel, event: Event, to: Endpoint, *, at: float = NOW
) -> ExchangeResult:
    """Deliver an event to an endpoint, as a worker would."""
    exchange = channel.deliver(
        DeliveryContext(event=event, endpoint=to, now=at, started=at)
    )
    sender = HttpSender()
    try:
        step = next(exchange)
        while True:
            response = (
                Response(duration=0.0)
                if isinstance(step, SaveState)
                else await sender.send(to, step)
            )
            step = exchange.send(response)
    except StopIteration as ended:
        outcome: ExchangeResult = ended.value
        return outcome
    finally:
        await sender.aclose()
