"""Options: what an endpoint's settings say about how it likes its messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.urls import safe_url
from bridge.core.endpoint import Endpoint


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of a Discord endpoint; what is unset has its default."""

    thread_id: str = ""
    thread_name: str = ""
    username: str = ""
    avatar_url: str = ""
    progress: str = "off"
    min_interval: float = 5.0
    final: str = "replace"
    silent: bool = False
    images: str = "upload"
    prompt_max: int = 1000
    language: str = "en"

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """Read an endpoint's options; those that are unset or ``None`` keep the default."""
        known = cls.__dataclass_fields__
        given = {
            name: value
            for name, value in endpoint.options.items()
            if name in known and value is not None
        }
        return cls(**given)  # type: ignore[arg-type]
