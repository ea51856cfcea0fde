"""
Channels: a delivery as an exchange of requests and responses, without the I/O.

A channel's `deliver` is a generator. It yields a request and is sent the response, as often
as it takes (fetch the picture, post the message, delete the older one), and returns the
`ExchangeResult`. The attempt runner does the I/O, so a channel is as pure as the core, and a
test hands it the platform's responses one by one:

    exchange = channel.deliver(context)
    request = next(exchange)
    request = exchange.send(response)     # until StopIteration, whose value is the result

What a platform returned for an earlier message about the same subject (its id, above all) is
the *channel state*. It is kept in the store beside the lane.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from bridge.channels.info import ChannelInfo
from bridge.core.archive import Archived
from bridge.core.delivery import Attempt, AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import (
    AnyRequest,
    ChannelState,
    Download,
    KeptPicture,
    Notification,
    Request,
    Response,
)
from bridge.core.token import ActionLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """
    An event, its endpoint, and the channel state.

    Attributes:
        now: In seconds since the epoch.

        started: The same by the store's clock; attempts are dated with it.

        channel_state: As the last delivery of the same subject left it; empty at first.

        redelivery: Whether it was asked to be sent again.

        parent: Channel and id of the message whose button made the event's task; ``None``
            if there is none here.

        links: Signs what offers a task's buttons; ``None`` if nobody can press any.

        traceparent: The trace that a program may go on with; ``None`` if there is none.

        archived: What was kept of the event's pictures; ``None`` if that is not known (yet).
    """

    event: Event
    endpoint: Endpoint
    now: float
    started: float
    channel_state: ChannelState = field(default_factory=dict)
    redelivery: bool = False
    links: ActionLinks | None = None
    parent: tuple[str, str] | None = None
    traceparent: str | None = None
    archived: Archived | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveState:
    """
    Yielded to have the channel state saved now, before the exchange goes on.

    To be done before a message is posted that must not be posted twice: if the worker
    dies in between, the next one finds the mark. The response sent back is empty.
    """

    channel_state: ChannelState


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeResult:
    """
    How an exchange ended.

    Attributes:
        attempt: The attempt that it was.

        channel_state: To be saved; ``None`` if it is what was saved last.

        hold_progress: Seconds for which progress of the same subject is not delivered; what
            comes up meanwhile waits, and newer progress replaces it.

        extra_requests: Requests beyond the first that the platform's limit counts too. The
            endpoint's rate knows of one a delivery, and is charged with these now.

        archived: What was kept of the event's pictures, where that is what was delivered.
    """

    attempt: Attempt
    channel_state: ChannelState | None = None
    hold_progress: float = 0.0
    extra_requests: int = 0
    archived: Archived | None = None


Exchange: TypeAlias = Generator[AnyRequest | SaveState, Response, ExchangeResult]


class Channel(Protocol):
    """How events are delivered to one kind of endpoint."""

    def deliver(self, context: DeliveryContext) -> Exchange:
        """
        Deliver an event.

        Raises:
            Exception: Whatever it is, it costs this attempt and nothing else.
        """
        ...

    def sample_response(self, request: Request) -> Response:
        """Return a successful response, for previews: they show what is sent next."""
        ...


class ChannelModule(Channel, Protocol):
    """
    A channel that can be registered.

    Attributes:
        INFO: What a configuration has to know of the kind.
    """

    INFO: ChannelInfo


def dry_run(
    channel: Channel, context: DeliveryContext
) -> tuple[list[Request | Notification], ExchangeResult]:
    """
    List the requests of an exchange in which the platform accepts everything.

    Raises:
        Exception: Whatever the channel raises.
    """
    exchange = channel.deliver(context)
    requests: list[Request | Notification] = []
    try:
        step = next(exchange)
        while True:
            if isinstance(step, SaveState | Download | KeptPicture):
                # Nothing is sent to anyone.
                step = exchange.send(Response(received_at=context.now))
                continue
            requests.append(step)
            if isinstance(step, Notification):
                response = Response(result=AttemptResult.DELIVERED)
            else:
                response = channel.sample_response(step)
            step = exchange.send(replace(response, received_at=context.now))
    except StopIteration as end:
        return requests, end.value
