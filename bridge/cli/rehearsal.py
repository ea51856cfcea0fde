"""Rehearsal: what a channel would send, with somebody at the other end who agrees to all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.channels import channel_for
from bridge.channels.conversation import Occasion, Outcome, Remember
from bridge.channels.request import Request, Response
from bridge.channels.sample import sample_event
from bridge.core.endpoint import Endpoint
from bridge.errors import NotFound
from bridge.settings import EndpointSettings


def configured(name: str, endpoints: Mapping[str, EndpointSettings]) -> Endpoint:
    """
    Return a configured endpoint in the words of the core.

    Raises:
        NotFound: It is not configured.
    """
    if name not in endpoints:
        msg = f"there is no endpoint {name!r}; configured: {', '.join(endpoints) or 'none'}"
        raise NotFound(msg)
    return endpoints[name].to_endpoint(name)


def occasion_of(event_type: str, endpoint: Endpoint, *, at: float) -> Occasion:
    """Make an occasion to tell an endpoint of a sample event."""
    event = sample_event(event_type, at)
    return Occasion(event=event, endpoint=endpoint, at=at, started=at)


def rehearse(occasion: Occasion) -> tuple[Sequence[Request], Outcome]:
    """
    Hold a conversation without sending anything.

    Returns:
        The requests that would be sent, in their order, and how it ends.

    Raises:
        Misconfigured: There is no channel for the endpoint's kind.

        Exception: Whatever the channel raises.
    """
    channel = channel_for(occasion.endpoint.kind)
    talk = channel.tell(occasion)
    requests: list[Request] = []
    try:
        step = next(talk)
        while True:
            if isinstance(step, Remember):
                step = talk.send(Response(took=0.0, at=occasion.at))
            else:
                requests.append(step)
                step = talk.send(channel.agrees(step))
    except StopIteration as end:
        outcome: Outcome = end.value
        return requests, outcome
