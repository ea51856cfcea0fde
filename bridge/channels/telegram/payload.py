"""
Payloads: what a message says and shows, and where its picture may come from.

From the picture's URL, which costs nobody anything; uploaded, where Telegram cannot fetch it
(it takes 5 MB from a URL, 10 MB from us, and sees no private network); or not at all, as a text
that leads to the picture.

The text is Telegram's HTML, in which untrusted text can do nothing. Telegram looks for
mentions, links, hashtags and commands by itself, and "@name" pings whom it names. In ``<code>``
it looks for nothing. So all untrusted text is code, which has a second use: it is copied by
tapping it.

Limits count what is seen, after the markup was read, in UTF-16 units.
Source: Telegram Bot API, "HTML style"; TDLib, ``find_entities`` and ``merge_entities``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from bridge.channels.endpoint_options import NativeOptions
from bridge.channels.message import Message, MessageButton
from bridge.channels.text import bar, cut, utf16
from bridge.channels.urls import is_public, safe_url
from bridge.core.http import File

#: What is seen of a text message, and of a picture's caption.
MAX_TEXT = 4096
MAX_CAPTION = 1024

#: Telegram heeds 100 marks in a message; beyond these, paragraphs share one.
_MAX_PARAGRAPHS = 12
_MAX_ID = 160
_PARAGRAPHS = re.compile(r"\n\s*\n")

#: A text, and the tag it is in; empty for none.
_Piece: TypeAlias = tuple[str, str]
_Line: TypeAlias = tuple[_Piece, ...]

#: Buttons below a message.
_MAX_LINKS = 4
#: By the setting ``images``.
_SOURCES = {"url": ("url", "upload"), "upload": ("upload", "url")}


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramOptions(NativeOptions):
    """
    How a Telegram endpoint likes its messages.

    Attributes:
        chat_id: Where the bot posts: a number, or a channel's ``@name``.

        thread_id: The topic, in groups that have topics.
    """

    chat_id: str = field(metadata={"min_length": 1})
    thread_id: str | None = field(default=None, metadata={"min_length": 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """
    What a message says and shows.

    Attributes:
        text: With markup; a caption where there is a picture.

        photo: The picture: a URL for Telegram to fetch, or the file; ``None`` for a text.

        preview: A picture that a text is shown with if Telegram can fetch it.

        links: Labels and URLs of the buttons below.

        buttons: Buttons that are pressed, above these, row by row.
    """

    text: str
    photo: str | File | None = field(default=None, repr=False)
    preview: str | None = field(default=None, repr=False)
    links: tuple[tuple[str, str], ...] = ()
    buttons: tuple[tuple[MessageButton, ...], ...] = ()


class Payload:
    """The ways in which one message can be written."""

    def __init__(self, message: Message) -> None:
        self._message = message

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the picture may come from, in the order in which that is tried."""
        if self._message.type == "task.progress":
            # Gone in a moment: not worth the way there and back.
            return ("url",) if self._message.options.images == "url" else ()
        if not self._message.shows or not self._message.picture:
            return ()
        if not fits_caption(self._message):
            return ()
        return _SOURCES.get(self._message.options.images, ())

    @property
    def url(self) -> str | None:
        """The picture's URL, where Telegram could get it."""
        url = self._named
        return url if url and is_public(url) and not self._message.expired else None

    @property
    def mark(self) -> str:
        """Identify the picture, so that it is not sent twice."""
        url = self._named
        return sha256(url.encode()).hexdigest()[:12] if url else ""

    @property
    def _named(self) -> str | None:
        return safe_url(self._message.picture, schemes=("https", "http"))

    def under(self, photo: str | File) -> Content:
        """Write it as the caption of a picture."""
        text = markup(self._message, limit=MAX_CAPTION)
        return Content(
            text=text,
            photo=photo,
            links=self._links(),
            buttons=self._message.buttons,
        )

    def words(self, *, caption: bool) -> Content:
        """
        Write it without sending a picture.

        Args:
            caption: Whether it goes under a picture that is there already.
        """
        limit = MAX_CAPTION if caption else MAX_TEXT
        note = "" if caption else self._note()
        text = markup(self._message, limit=limit, note=note)
        return Content(
            text=text,
            preview=self._preview(),
            links=self._links(),
            buttons=self._message.buttons,
        )

    def _note(self) -> str:
        missed = self._message.shows and not self._preview()
        return self._message.unshown if missed else ""

    def _preview(self) -> str | None:
        shown = self._message.options.images != "none" and not fits_caption(
            self._message
        )
        return self.url if shown else None

    def _links(self) -> tuple[tuple[str, str], ...]:
        """Return what can be opened, as far as Telegram makes buttons of it."""
        links = [link for link in self._message.links if link[1].startswith("https:")]
        if self._message.choice is not None:
            links = [*links[: _MAX_LINKS - 1], self._message.choice]
        return tuple(links[:_MAX_LINKS])


# --- markup ---------------------------------------------------------------------------


def markup(message: Message, *, limit: int, note: str = "") -> str:
    """
    Write a message.

    Args:
        limit: UTF-16 units that are seen.

        note: What else there is to say, in our own words.
    """
    texts = {
        "prompt": message.prompt,
        "result": message.result,
        "reason": message.reason,
    }
    while True:
        lines = list(_lines(message, texts, note))
        excess = utf16("\n".join("".join(text for text, _ in one) for one in lines))
        excess -= limit
        longest = max(texts, key=lambda name: utf16(texts[name]))
        length = utf16(texts[longest])
        if excess <= 0 or length <= 3:
            return "\n".join("".join(_tagged(*piece) for piece in one) for one in lines)
        texts[longest] = cut(texts[longest], max(length - excess, 3))


def fits_caption(message: Message) -> bool:
    """Whether a result that is a text can be read in full under its picture."""
    if not message.result:
        return True
    return markup(message, limit=MAX_CAPTION) == markup(message, limit=MAX_TEXT)


def _lines(message: Message, texts: dict[str, str], note: str) -> Iterator[_Line]:
    strings = message.strings
    duration = f" · {message.duration}" if message.duration else ""
    yield (f"{message.emoji} ", ""), (message.headline, "b"), (duration, "")
    if message.sample:
        yield ((strings.sample, "i"),)
    if message.progress is not None:
        yield ((f"{bar(message.progress)} {message.progress}%", ""),)
    if texts["prompt"] == strings.no_prompt:
        yield ((strings.no_prompt, "i"),)
    elif texts["prompt"]:
        yield ((texts["prompt"], "code"),)
    yield from _result(texts["result"])
    if texts["reason"]:
        yield ((strings.reason + strings.colon, "b"), (texts["reason"], "code"))
    if message.steps:
        chips = [
            piece for step in message.steps for piece in ((" · ", ""), (step, "code"))
        ]
        yield ((strings.next + strings.colon, "b"), *chips[1:])
    if note:
        yield ((note, "i"),)
    if message.task_id:
        pieces = [
            piece
            for label, text in message.origin
            for piece in ((" · ", ""), (label, ""), (cut(text, _MAX_ID), "code"))
        ]
        yield tuple(pieces[1:])


def _result(text: str) -> Iterator[_Line]:
    """Make each paragraph one to be copied: a description is four prompts."""
    if not text:
        return
    paragraphs = [one.strip() for one in _PARAGRAPHS.split(text, _MAX_PARAGRAPHS)]
    for paragraph in paragraphs:
        yield (("", ""),)
        yield ((paragraph, "code"),)
    yield (("", ""),)


def _tagged(text: str, tag: str) -> str:
    safe = html.escape(text, quote=False)
    return f"<{tag}>{safe}</{tag}>" if tag and text else safe
