"""
Payloads: a message as Discord takes it, in variants that get simpler and simpler.

`allowed_mentions` goes with every message and every edit: an edit without it is read anew, with
everybody allowed to be pinged.

Sources: Discord, "Component Reference" and "Webhook Resource".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Literal

from bridge.channels.discord.embed import (
    NOTHING,
    Picture,
    embed_of,
    escape,
    progress_of,
    title_of,
)
from bridge.channels.endpoint_options import NativeOptions
from bridge.channels.interaction import ASKS
from bridge.channels.message import Message, MessageButton
from bridge.channels.text import cut, fit, line, utf16
from bridge.channels.urls import safe_url
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import File

MAX_CONTENT = 2000
MAX_ALT = 1024
MAX_BUTTON_URL = 512
MAX_BUTTONS = 5
MAX_USERNAME = 80
MAX_THREAD = 100

_SILENTLY = 1 << 12  #: SUPPRESS_NOTIFICATIONS
_ACTION_ROW, _BUTTON, _SECONDARY, _LINK = 1, 2, 2, 5

#: Whom a message is from; what cannot be changed later.
NAMES = frozenset({"username", "avatar_url"})


def _avatar(text: str) -> str:
    if not safe_url(text, schemes=("http", "https")):
        msg = "must begin with http:// or https://, and name a host"
        raise ValueError(msg)
    return text


def _public_key(text: str) -> str:
    key = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        msg = "must be the application's public key: 64 hexadecimal digits"
        raise ValueError(msg)
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordOptions(NativeOptions):
    """
    How a Discord endpoint likes its messages.

    Attributes:
        thread_id: The thread that messages go to.

        thread_name: The thread that a message begins, in a forum channel.

        username, avatar_url: What the webhook calls itself, and looks like.

        public_key: The application's, which signs clicks.
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
    public_key: Annotated[str, _public_key] | None = None


class Variant(IntEnum):
    """How a message is written: what Discord refuses in one form, it may take in the next."""

    FULL = 0
    WITHOUT_BUTTONS = 1
    WITHOUT_PICTURE = 2
    TEXT = 3
    OUR_WORDS = 4  #: No untrusted text: a moderator's filter refused it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """
    A message about to be sent.

    Attributes:
        silent: Whether nobody is to be notified.

        edit: Whether it replaces what a message said before.

        parent: URL of the message that this one follows.

        begin: The name of a thread to begin with it.

        named: Whether it goes under the name and the picture that the endpoint asks for.
    """

    message: Message
    endpoint: Endpoint
    picture: Picture = NOTHING
    variant: Variant = Variant.FULL
    silent: bool = False
    edit: bool = False
    parent: str = ""
    begin: str = ""
    named: bool = True

    def payload(self) -> dict[str, Json]:
        """Write it as JSON. An edit says of everything that it is not there any more."""
        payload: dict[str, Json] = {}
        if self.variant >= Variant.TEXT:
            payload["content"] = _content(self)
        elif self.edit:
            payload["content"] = None
        if self.variant < Variant.TEXT:
            payload["embeds"] = [
                embed_of(self.message, self._picture, parent=self.parent)
            ]
        elif self.edit:
            payload["embeds"] = []
        payload["allowed_mentions"] = {"parse": []}
        if not self.edit:
            payload.update(self._create_only_fields())
        files = list(self._attachments())
        if files or self.edit:
            payload["attachments"] = [*files]
        rows = list(self._rows())
        if rows or self.edit:
            payload["components"] = [*rows]
        return payload

    @property
    def file(self) -> File | None:
        """The file that goes with it."""
        return self._picture.file

    @property
    def _picture(self) -> Picture:
        if self.variant < Variant.WITHOUT_PICTURE:
            return self.picture
        had_one = self.picture.file or self.picture.url
        return Picture(
            note=self.message.strings.not_shown if had_one else self.picture.note
        )

    def _create_only_fields(self) -> Iterator[tuple[str, Json]]:
        """What cannot be changed later."""
        if self.variant < Variant.TEXT and self.named:
            options = DiscordOptions.of(self.endpoint)
            if options.username:
                yield "username", cut(line(options.username), MAX_USERNAME)
            if avatar := safe_url(options.avatar_url):
                yield "avatar_url", avatar
        if self.silent:
            yield "flags", _SILENTLY
        if self.begin:
            yield "thread_name", cut(line(self.begin), MAX_THREAD)

    def _attachments(self) -> Iterator[Json]:
        if self.file is not None:
            alt = cut(self.message.alt, MAX_ALT)
            yield {"id": "0", "filename": self.file.name, "description": alt}

    def _rows(self) -> Iterator[Json]:
        if self.variant >= Variant.WITHOUT_BUTTONS:
            return
        yield from pressed_rows(self.message.buttons)
        if buttons := list(_buttons(self)):
            yield {"type": _ACTION_ROW, "components": [*buttons]}


def pressed_rows(rows: Sequence[Sequence[MessageButton]]) -> Iterator[dict[str, Json]]:
    """Make the buttons that are pressed."""
    for row in rows:
        buttons: list[Json] = [
            {
                "type": _BUTTON,
                "style": _SECONDARY,
                "label": one.label,
                "custom_id": one.token + (ASKS if one.asks else ""),
            }
            for one in row
        ]
        yield {"type": _ACTION_ROW, "components": buttons}


def _buttons(draft: Draft) -> Iterator[dict[str, Json]]:
    """
    Link what can be opened.

    A video's signed URL too: the video is not in the message, so that a link for a day is
    better than none.
    """
    message = draft.message
    links = message.links if message.videos or _is_worth_opening(draft) else ()
    fitting = [link for link in links if len(link[1]) <= MAX_BUTTON_URL]
    if message.choice is not None:
        fitting = [*fitting[: MAX_BUTTONS - 1], message.choice]
    for label, url in fitting[:MAX_BUTTONS]:
        yield {"type": _BUTTON, "style": _LINK, "label": label, "url": url}


def _is_worth_opening(draft: Draft) -> bool:
    """Whether to link the picture: not if it is dead, or shown here and dead tomorrow."""
    lasts = draft.message.expires is None or draft.message.options.images == "none"
    return lasts and not draft.picture.dead


def _content(draft: Draft) -> str:
    """Write it in plain text."""
    message = draft.message
    strings = message.strings
    task = f"{strings.task_id} {message.task_id}" if message.task_id else ""
    head, foot = f"**{title_of(message)}**\n", f"\n{escape(task)}" if task else ""
    if drawn := progress_of(message):
        head += f"{drawn}\n"
    if draft.variant is Variant.OUR_WORDS:
        return head.rstrip() + foot
    reason = f"\n{message.labelled_reason}" if message.reason else ""
    body = (message.result or message.prompt) + reason
    link = "".join(f"\n{url}" for url in _links(draft))
    room = MAX_CONTENT - utf16(head) - utf16(foot) - utf16(link)
    return (head + fit(body, room, escape) + link).rstrip() + foot


def _links(draft: Draft) -> list[str]:
    urls = [str(button["url"]) for button in _buttons(draft)]
    return urls[:2] if draft.message.choice is None else [*urls[:-1][:1], urls[-1]]
