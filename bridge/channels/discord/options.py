"""Options: the settings of a Discord endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.urls import safe_url


def _avatar(text: str) -> str:
    if not safe_url(text, schemes=("http", "https")):
        msg = "must begin with http:// or https://, and name a host"
        raise ValueError(msg)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordOptions(ChatOptions):
    """
    How a Discord endpoint likes its messages.

    Attributes:
        thread_id: The thread that messages go to.

        thread_name: The thread that a message begins, in a forum channel.

        username, avatar_url: What the webhook calls itself, and looks like.
    """

    images: Literal["upload", "url", "none"] = "upload"
    thread_id: str | None = field(default=None, metadata={"min_length": 1})
    thread_name: str | None = field(
        default=None, metadata={"min_length": 1, "max_length": 100}
    )
    username: str | None = field(
        default=None, metadata={"min_length": 1, "max_length": 80}
    )
    avatar_url: Annotated[str, _avatar] | None = None
