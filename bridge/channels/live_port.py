"""
What a live message is made of: what is known of it, and what it needs of its platform.

The state that a version before this one saved is read as far as its fields have the same name
and meaning; losing the rest costs one message too many.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from bridge.channels.base import DeliveryContext, SaveState
from bridge.channels.compose import message_for
from bridge.channels.message import Message
from bridge.channels.reply import Reply
from bridge.core.http import ChannelState, MessageRequest, Request, Response

T = TypeVar("T")
#: A part of an exchange that comes to a result of its own.
Steps: TypeAlias = Generator[MessageRequest | SaveState, Response, T]
#: How a request is made, which may take others before it (for the picture, above all);
#: ``None`` if there is no such variant of this message.
RequestSteps: TypeAlias = Generator[MessageRequest, Response, Request | None]


def ready(request: Request | None) -> RequestSteps:
    """Make a request that takes no others before it."""
    yield from ()
    return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """
    A message that was posted.

    Attributes:
        id: As the platform calls it.

        channel: The channel or thread that it is in; empty if that was not returned.

        at: When it was posted, in seconds since the epoch.

        picture: Names the picture that it shows, where it matters which; else empty.
    """

    id: str
    channel: str = ""
    at: float = 0.0
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleanup:
    """
    An older message that is still to be dealt with, now that the announcement is out.

    Attributes:
        update: Whether it is to say the same in full, rather than to be deleted.

        tries: How often that was tried in vain.
    """

    message: Posted
    update: bool = False
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """
    What an attempt that failed has found out for the next one at the same event.

    Attributes:
        variant: The one to begin with: those before it were refused.

        linked: Whether the picture is linked, because an upload brought no answer.
    """

    event: str = ""
    variant: str = ""
    linked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """
    What is known of a task's messages at an endpoint.

    Attributes:
        place: Where they are; ids mean nothing anywhere else.

        message: The one that is kept up to date.

        sequence: Of the newest event that was delivered.

        event: The event that was announced last.

        final: Whether the task's end was delivered.

        posting: A message was about to be posted, and no response confirmed it.

        cleanup: What is still to be done about an older message.

        retry: What the last attempt has found out, if it failed.

        own: What else the platform's port has to know of the task.
    """

    place: str = ""
    message: Posted | None = None
    sequence: int = 0
    event: str = ""
    final: bool = False
    posting: bool = False
    cleanup: Cleanup | None = None
    retry: Retry = Retry()
    own: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, channel_state: ChannelState, *, place: str, ids: re.Pattern[str]
    ) -> Self:
        """
        Read a channel state. Never raises: what cannot be read was never known.

        Args:
            place: Where messages go now.

            ids: What the platform's ids look like.
        """
        try:
            state: Self = _STATES.validate_python(channel_state)
        except ValidationError:
            return cls(place=place)
        older = state.cleanup.message if state.cleanup else None
        known = all(
            message is None or ids.fullmatch(message.id)
            for message in (state.message, older)
        )
        if not known or state.place not in {"", place}:
            return cls(place=place)
        return replace(state, place=place)

    def to_json(self) -> dict[str, Any]:
        """Write it down, without what goes without saying."""
        written: dict[str, Any] = _STATES.dump_python(self, exclude_defaults=True)
        return written


_STATES: TypeAdapter[Any] = TypeAdapter(LiveState)


def _message_at(place: tuple[str, str] | None, ids: re.Pattern[str]) -> Posted | None:
    if place is None or not ids.fullmatch(place[1]):
        return None
    return Posted(id=place[1], channel=place[0])


class LivePort(ABC):
    """
    What a live message needs of a platform, for the message about one event.

    Attributes:
        name: What people call the platform.

        ids: What the ids of its messages look like.

        place: Where its messages go; ids of another place mean nothing there.

        variants: Names of the message's variants, the fullest first. The last one can
            always be made.

        no_edits: Why messages cannot be edited; empty where they can.

        edit_window: Seconds after which a message is not edited to announce something.

        brief_replies: Whether a reply says little, and relies on the message it answers.

        keeps_track: Whether a task's messages belong together even if none is edited.

        linked: Whether the picture is linked, because an upload of it came to nothing.

        parent: The message that a new one answers, as its task came of a button there.

        own: What has to be known of the task besides; kept in the channel state.
    """

    name: str
    ids: re.Pattern[str]
    place: str
    variants: Sequence[str]
    no_edits: str = ""
    edit_window: float = math.inf
    brief_replies: bool = False
    keeps_track: bool = False

    def __init__(self, context: DeliveryContext) -> None:
        self.context = context
        self.endpoint = context.endpoint
        self.linked = False
        self.own: dict[str, str] = {}
        self.parent = _message_at(context.parent, self.ids)
        self.message: Message = message_for(context)

    @abstractmethod
    def post(
        self, variant: str, *, silent: bool, reply_to: Posted | None = None
    ) -> RequestSteps:
        """Make the request that posts the message."""

    @abstractmethod
    def edit(self, variant: str, message: Posted) -> RequestSteps:
        """Make the request that puts the message in the place of an older one."""

    @abstractmethod
    def delete(self, message: Posted) -> Request:
        """Make the request that deletes an older message."""

    @abstractmethod
    def read(self, response: Response) -> Reply:
        """
        Return what a response means, whatever the request was. Never raises.

        After a success, `Reply.retry_after` is when the platform takes more, if its budget
        is used up. See `bridge.channels.reply.reply_to` for what is added.
        """

    @property
    def older_stays(self) -> bool:
        """Whether an older message must not be deleted."""
        return False

    def fallback(self, variant: str, reply: Reply | None) -> str | None:
        """
        Return the variant to try after another one; ``None`` if there is none.

        Args:
            reply: How that one was refused; ``None`` if it could not be made.
        """
        del reply
        following = self.variants[self.variants.index(variant) + 1 :]
        return following[0] if following else None

    def posted(self, reply: Reply, variant: str) -> Posted | None:
        """Return the message that was posted; ``None`` if its id was not returned."""
        del variant
        if not reply.message:
            return None
        return Posted(id=reply.message, channel=reply.channel, at=self.context.now)

    def edited(self, message: Posted, variant: str) -> Posted:
        """Return a message as it is after an edit."""
        del variant
        return message
