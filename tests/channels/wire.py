"""Exchanges over real connections: a channel's requests, sent by the sender itself."""

from __future__ import annotations

from bridge.adapters.http.sender import HttpSender
from bridge.channels.base import Channel, DeliveryContext, ExchangeResult, SaveState
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import Request, Response
from tests.channels.cases import NOW


async def deliver(
    channel: Channel,
    event: Event,
    to: Endpoint,
    *,
    at: float = NOW,
    picture: bytes | None = None,
) -> ExchangeResult:
    """Deliver an event as a worker would; a picture need not be fetched if it is given."""
    exchange = channel.deliver(
        DeliveryContext(event=event, endpoint=to, now=at, started=at)
    )
    sender = HttpSender()
    try:
        step = next(exchange)
        while True:
            if isinstance(step, SaveState):
                response = Response(duration=0.0)
            elif picture and isinstance(step, Request) and step.method == "GET":
                response = Response(status=200, body=picture)
            else:
                response = await sender.send(to, step)
            step = exchange.send(response)
    except StopIteration as ended:
        outcome: ExchangeResult = ended.value
        return outcome
    finally:
        await sender.aclose()
