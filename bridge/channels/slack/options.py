"""Options: the settings of a Slack endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.channels.endpoint_options import ChatOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackOptions(ChatOptions):
    """
    How a Slack endpoint likes its messages.

    Attributes:
        token: A bot's. Without one, messages go to an incoming webhook.

        channel: Where the bot posts.
    """

    token: str | None = field(default=None, repr=False)
    channel: str | None = field(default=None, metadata={"min_length": 1})
