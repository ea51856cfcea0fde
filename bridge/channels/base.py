"""
Conversations: a delivery as an exchange of requests and responses, without the I/O.

A channel's `tell` is a generator. It yields a request and is sent the response, as often
as it takes (fetch the picture, post the message, delete the old one), and returns the
`ExchangeResult`. Whoever drives it does the I/O, so a channel is as pure as the core and can be
tried in a test by handing it the platform's answers one by one:

    talk = channel.tell(occasion)
    request = next(talk)
    request = talk.send(response)     # until StopIteration, whose value is the outcome

What a platform said about an earlier message of the same subject (its id, above all) is
the conversation's *memory*. It is kept in the store beside the lane.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from bridge.channels.info import ChannelInfo
from bridge.core.delivery import Attempt, AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import ChannelState, Notification, Request, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryContext:
    """
    What is to be told, to whom, and what was told before.

    Attributes:
        event: What happened.

        endpoint: Whom to tell.

        at: When it is told, in seconds since the epoch.

        started: The same by the store's clock; attempts are dated with it.

        memory: What the last conversation about the same subject left; empty at first.

        redelivery: Whether somebody asked to have it sent again.
    """

    event: Event
    endpoint: Endpoint
    at: float
    started: float
    channel_state: ChannelState = field(default_factory=dict)
    redelivery: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveState:
    """
    Yielded to have the memory kept now, before the conversation goes on.

    To be done before a message is posted that must not be posted twice: if the worker
    dies in between, the mark tells the next one so. The response sent back is empty.
    """

    channel_state: ChannelState


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeResult:
    """
    How a conversation ended.

    Attributes:
        attempt: What came of it.

        memory: What is remembered from now on; ``None`` for what was.

        edit_in: Seconds for which progress of the same subject is not told; what comes
            up meanwhile waits, and newer progress replaces it.

        extra: Requests beyond the first that the platform's limit counts too. The
            endpoint's rate knows of one a delivery, and is charged with these now.
    """

    attempt: Attempt
    channel_state: ChannelState | None = None
    edit_in: float = 0.0
    extra: int = 0


Exchange: TypeAlias = Generator[
    Request | Notification | SaveState, Response, ExchangeResult
]


class Channel(Protocol):
    """How one kind of endpoint is spoken to."""

    def deliver(self, context: DeliveryContext) -> Exchange:
        """
        Tell an event.

        Raises:
            Exception: Whatever it is, it costs this attempt and nothing else.
        """
        ...

    def sample_response(self, request: Request) -> Response:
        """
        Answer a request as the platform does when all is well.

        For previews: it shows what would be sent next.
        """
        ...


class ChannelModule(Channel, Protocol):
    """
    A channel that can be registered.

    Attributes:
        TRAITS: What a configuration has to know of the kind.
    """

    INFO: ChannelInfo


def rehearse(
    channel: Channel, context: DeliveryContext
) -> tuple[list[Request | Notification], ExchangeResult]:
    """
    List the requests of a conversation in which the platform agrees to everything.

    Raises:
        Exception: Whatever the channel raises.
    """
    talk = channel.deliver(context)
    requests: list[Request | Notification] = []
    try:
        step = next(talk)
        while True:
            if isinstance(step, SaveState):
                step = talk.send(Response(took=0.0, at=context.at))
                continue
            requests.append(step)
            if isinstance(step, Notification):
                response = Response(took=0.0, result=AttemptResult.DELIVERED)
            else:
                response = channel.sample_response(step)
            step = talk.send(replace(response, at=context.at))
    except StopIteration as end:
        return requests, end.value
