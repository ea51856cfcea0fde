"""
Channels: how each kind of endpoint is spoken to.

A channel is a module of two pure functions. `render` makes the request that tells an
event; `read` says what the answer to it means. A new kind is a module beside this one
and a line in `CHANNELS`; nothing else learns of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bridge.channels import webhook
from bridge.channels.request import Request, Response
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.errors import Misconfigured


class Channel(Protocol):
    """How one kind of endpoint is spoken to: pure, so that a retry says the same."""

    def render(
        self, event: Event, endpoint: Endpoint, *, at: float, redelivery: bool
    ) -> Request:
        """
        Make the request that tells an event.

        Args:
            event: What to tell.

            endpoint: Whom.

            at: When it is sent, in seconds since the epoch.

            redelivery: Whether somebody asked to have it sent again.

        Raises:
            Exception: Whatever it is, it costs this attempt and nothing else.
        """
        ...

    def read(self, response: Response, *, started: float, now: float) -> Attempt:
        """
        Say what came of a request. Total: no answer is too strange.

        Args:
            response: What came of it.

            started: When it was sent, in seconds since the epoch by the store's clock.

            now: What that clock shows now.
        """
        ...


#: By the ``kind`` of the endpoints that they speak to.
CHANNELS: Mapping[str, Channel] = {
    "webhook": webhook,
}


def channel_for(kind: str) -> Channel:
    """
    Return the channel that speaks to endpoints of a kind.

    Raises:
        Misconfigured: There is none.
    """
    try:
        return CHANNELS[kind]
    except KeyError:
        known = ", ".join(CHANNELS)
        msg = f'this version cannot send to kind = "{kind}"; it knows {known}'
        raise Misconfigured(msg) from None
