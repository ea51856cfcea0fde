"""
Talking: a channel's conversation, with somebody at the other end.

The channel says what to send and what the answers mean, the sender does the sending; what
is left is to carry requests and responses between them, within the time of one attempt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bridge.app.ports import Sender
from bridge.channels.base import (
    Exchange,
    ExchangeResult,
    SaveState,
)
from bridge.core.delivery import Fault
from bridge.core.endpoint import Endpoint
from bridge.core.http import ChannelState, Request, Response

#: Seconds below which another request is not worth beginning.
_TOO_LITTLE = 0.05


class StateNotSaved(Exception):  # noqa: N818 - it is what happened, and no mistake
    """What had to be remembered before anything was sent could not be, or not in time."""


async def talk(
    exchange: Exchange,
    endpoint: Endpoint,
    *,
    sender: Sender,
    save_state: Callable[[ChannelState], Awaitable[None]],
    now: Callable[[], float],
    elapsed: Callable[[], float],
) -> ExchangeResult:
    """
    Hold a conversation to its end, within the endpoint's ``timeout``.

    Args:
        conversation: What the channel has to say.

        endpoint: Whom it speaks to.

        sender: Sends its requests.

        remember: Keeps its memory when it asks for that; raises `StateNotSaved` if it
            cannot. Once something was sent that is no matter: losing the memory costs
            less than saying everything again.

        now: Says the time, in seconds since the epoch.

        elapsed: A clock that only goes forward, in seconds.

    Raises:
        NotRemembered: It was broken off, and nothing was sent.

        Exception: Whatever the channel raises.
    """
    deadline = elapsed() + endpoint.timeout
    spoken = False
    try:
        step = next(exchange)
        while True:
            if isinstance(step, SaveState):
                try:
                    await _in_time(save_state(step.channel_state), deadline, elapsed)
                except StateNotSaved:
                    if not spoken:
                        raise
                answer = Response(took=0.0)
            elif not spoken:  # the first one has all the time there is
                answer = await sender.send(endpoint, step)
                spoken = True
            elif (rest := _within(step, deadline - elapsed())) is not None:
                answer = await sender.send(endpoint, rest)
            else:
                late = "no time was left for another request"
                answer = Response(took=0.0, fault=Fault.TIMEOUT, detail=late)
            step = exchange.send(replace(answer, at=now()))
    except StopIteration as end:
        outcome: ExchangeResult = end.value
        return outcome


async def _in_time(
    remembered: Awaitable[None], deadline: float, elapsed: Callable[[], float]
) -> None:
    await remembered
    if elapsed() >= deadline:
        raise StateNotSaved


def _within(request: Request, left: float) -> Request | None:
    if left < _TOO_LITTLE:
        return None
    return replace(request, within=min(request.within or left, left))
