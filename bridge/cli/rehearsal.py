"""Rehearsal: what an endpoint of the configuration would be sent of a sample event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.channels import channel_for
from bridge.channels.base import DeliveryContext, ExchangeResult, rehearse
from bridge.channels.sample import sample_event
from bridge.core.endpoint import Endpoint
from bridge.core.http import Notification, Request
from bridge.errors import Misconfigured
from bridge.settings import EndpointSettings


def configured(name: str, endpoints: Mapping[str, EndpointSettings]) -> Endpoint:
    """
    Return a configured endpoint in the words of the core.

    Raises:
        Misconfigured: It is not.
    """
    if name not in endpoints:
        msg = f"there is no endpoint {name!r}; configured: {', '.join(endpoints) or 'none'}"
        raise Misconfigured(msg)
    return endpoints[name].to_endpoint(name)


def occasion_of(event_type: str, endpoint: Endpoint, *, at: float) -> DeliveryContext:
    """Make an occasion to tell an endpoint of a sample event."""
    event = sample_event(event_type, at)
    return DeliveryContext(event=event, endpoint=endpoint, at=at, started=at)


def rehearsed(
    context: DeliveryContext,
) -> tuple[Sequence[Request | Notification], ExchangeResult]:
    """
    List what would be sent, and how it ends, if the platform agreed to everything.

    Raises:
        Misconfigured: There is no channel for the endpoint's kind.

        Exception: Whatever the channel raises.
    """
    return rehearse(channel_for(context.endpoint.kind), context)
