"""Sample events: what an endpoint would be sent, and how it answers."""

from __future__ import annotations

from collections.abc import Callable

from bridge.app.delivery.attempt import run_exchange
from bridge.app.ports import Sender
from bridge.channels import channel_for
from bridge.channels.base import DeliveryContext
from bridge.channels.sample import sample_event
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.core.http import ChannelState
from bridge.core.token import ActionLinks


def sample_context(
    event_type: str,
    endpoint: Endpoint,
    *,
    at: float,
    links: ActionLinks | None = None,
) -> DeliveryContext:
    """Make the context of delivering a sample event to an endpoint."""
    event = sample_event(event_type, at)
    return DeliveryContext(
        event=event, endpoint=endpoint, now=at, started=at, links=links
    )


async def send_sample(
    endpoint: Endpoint,
    event_type: str,
    *,
    sender: Sender,
    now: Callable[[], float],
    elapsed: Callable[[], float],
    links: ActionLinks | None = None,
) -> Attempt:
    """Send a sample event to an endpoint now; nothing of it is kept."""

    async def forget(_state: ChannelState) -> bool:
        return True  # the next test is another task's

    context = sample_context(event_type, endpoint, at=now(), links=links)
    result = await run_exchange(
        channel_for(endpoint.kind).deliver(context),
        endpoint,
        sender=sender,
        save_state=forget,
        now=now,
        elapsed=elapsed,
    )
    return result.attempt
