"""
The settings that every chat has, with their defaults and bounds.

A channel with settings of its own, or with another default for one of these, has a
subclass beside its `INFO`. A setting is one field of such a class:

- its type is what channels read, a default makes it optional; a text that may be missing is
  ``str | None = None``, and never empty by default;
- ``metadata`` holds its bounds, by the names that pydantic's ``Field`` has for them;
- a function in its ``Annotated`` checks a text that is within its bounds: it returns what is
  kept, and raises ``ValueError`` with what would be right, in words that never repeat the text.
  One that only cleans is such a function, too: ``Annotated[str, line]``;
- ``repr=False`` makes it a secret, which can also be read from ``<name>_file``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bridge.core.endpoint import Endpoint, EndpointOptions

#: Seconds; what is configured longer is a mistake in the unit.
MAX_SECONDS = 10 * 365 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions(EndpointOptions):
    """
    How an endpoint likes its messages.

    Attributes:
        progress: ``edit`` for one message that follows the task, where it can be edited.

        min_interval: Seconds between two edits.

        final: What comes of a message that was edited when its task ends.

        silent: Whether messages spare people's devices the ringing.

        images: Whether a picture is uploaded, linked or left out.

        prompt_max: Characters of a prompt that are shown.

        language: The language of our own words.

        buttons: How a finished task's buttons are offered: on the page that a link leads to
            (where ``public_url`` says how people reach it), by the platform's own buttons,
            or not at all.
    """

    progress: Literal["off", "edit"] = "off"
    min_interval: float = field(default=5.0, metadata={"ge": 0, "le": MAX_SECONDS})
    final: Literal["replace", "edit", "reply"] = "replace"
    silent: bool = False
    images: Literal["upload", "url", "none"] = "url"
    prompt_max: int = field(default=1000, metadata={"ge": 1, "le": 100_000})
    language: Literal["en", "zh"] = "en"
    buttons: Literal["link", "native", "off"] = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeOptions(ChatOptions):
    """
    Options of chats whose messages can have buttons of their own.

    Attributes:
        pressers: Who may press them: ids of people, and ``role:`` with the id of a role;
            everyone who sees them if it is empty.
    """

    buttons: Literal["link", "native", "off"] = "off"
    pressers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotOptions(ChatOptions):
    """
    Options of robots that check who speaks.

    Attributes:
        secret: What requests are signed with.

        keyword: The word that the robot wants in every message.
    """

    secret: str | None = field(default=None, repr=False)
    keyword: str | None = field(default=None, metadata={"min_length": 1})


def has_native_buttons(endpoint: Endpoint) -> bool:
    """Whether an endpoint's messages have buttons of the platform's own."""
    options = endpoint.options
    return isinstance(options, ChatOptions) and options.buttons == "native"
