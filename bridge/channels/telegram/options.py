"""Options: the settings of a Telegram endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.channels.endpoint_options import ChatOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramOptions(ChatOptions):
    """
    How a Telegram endpoint likes its messages.

    Attributes:
        chat_id: Where the bot posts: a number, or a channel's ``@name``.

        thread_id: The topic, in groups that have topics.
    """

    chat_id: str = field(metadata={"min_length": 1})
    thread_id: str | None = field(default=None, metadata={"min_length": 1})
