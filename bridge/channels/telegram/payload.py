"""
Payloads: what a message says and shows, and where its picture may come from.

From the picture's URL, which costs nobody anything; uploaded, where Telegram cannot fetch it
(it takes 5 MB from a URL, 10 MB from us, and sees no private network); or not at all, as a text
that leads to the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from bridge.channels.base import DeliveryContext
from bridge.channels.endpoint_options import ChatOptions
from bridge.channels.message import Message
from bridge.channels.picture import taken, to_fetch
from bridge.channels.telegram.markup import (
    CAPTION_MOST,
    TEXT_MOST,
    fits_caption,
    markup,
)
from bridge.channels.urls import is_public, safe_url
from bridge.core.http import File, Request, Response

#: Buttons below a message.
_MOST_LINKS = 4
#: By the setting ``images``.
_SOURCES = {"url": ("url", "upload"), "upload": ("upload", "url")}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """
    What a message says and shows.

    Attributes:
        text: With markup; a caption where there is a picture.

        photo: The picture: a URL for Telegram to fetch, or the file; ``None`` for a text.

        preview: A picture that a text is shown with if Telegram can fetch it.

        links: Labels and URLs of the buttons below.
    """

    text: str
    photo: str | File | None = field(default=None, repr=False)
    preview: str | None = field(default=None, repr=False)
    links: tuple[tuple[str, str], ...] = ()


class Payload:
    """The ways in which one message can be written."""

    def __init__(self, context: DeliveryContext, message: Message) -> None:
        self._at = context.at
        self._timeout = context.endpoint.timeout
        self._images = TelegramOptions.of(context.endpoint).images
        self._message = message

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the picture may come from, in the order in which that is tried."""
        if self._message.type == "task.progress":
            # Gone in a moment: not worth the way there and back.
            return ("url",) if self._images == "url" else ()
        if not self._message.shows or not self._message.picture:
            return ()
        if not fits_caption(self._message):
            return ()
        return _SOURCES.get(self._images, ())

    @property
    def url(self) -> str | None:
        """The picture's URL, where Telegram could get it."""
        url = self._named
        return url if url and is_public(url) and not self._expired() else None

    @property
    def mark(self) -> str:
        """Identify the picture, so that it is not sent twice."""
        url = self._named
        return sha256(url.encode()).hexdigest()[:12] if url else ""

    @property
    def _named(self) -> str | None:
        return safe_url(self._message.picture, schemes=("https", "http"))

    def to_fetch(self) -> Request | None:
        """Make the request that fetches the picture; ``None`` if its URL cannot be fetched."""
        return to_fetch(self._message, self._timeout)

    def file(self, response: Response) -> File | None:
        """Return the picture that was fetched; ``None`` if none came."""
        return taken(response, self._message.task_id)

    def under(self, photo: str | File) -> Content:
        """Write it as the caption of a picture."""
        text = markup(self._message, most=CAPTION_MOST)
        return Content(text=text, photo=photo, links=self._links())

    def words(self, *, caption: bool) -> Content:
        """
        Write it without sending a picture.

        Args:
            caption: Whether it goes under a picture that is there already.
        """
        most = CAPTION_MOST if caption else TEXT_MOST
        note = "" if caption else self._note()
        text = markup(self._message, most=most, note=note)
        return Content(text=text, preview=self._preview(), links=self._links())

    def _note(self) -> str:
        message = self._message
        if not message.shows or not message.picture or self._preview():
            return ""
        if self._images == "none":
            # Its link may be missed, unless the videos' are there.
            gone = self._expired() and not message.videos
            return message.strings.expired if gone else ""
        return message.strings.expired if self._expired() else message.strings.not_shown

    def _preview(self) -> str | None:
        shown = self._images != "none" and not fits_caption(self._message)
        return self.url if shown else None

    def _links(self) -> tuple[tuple[str, str], ...]:
        """Return what can be opened, as far as Telegram makes buttons of it."""
        links = (link for link in self._message.links if link[1].startswith("https:"))
        return tuple(links)[:_MOST_LINKS]

    def _expired(self) -> bool:
        return self._message.expired(self._at)
