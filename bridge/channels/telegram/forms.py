"""
Forms: the ways in which a message can be put, the best first.

With its picture from the picture's URL, which costs nobody anything; with the picture
uploaded, where Telegram cannot fetch it (it takes 5 MB from a URL, 10 MB from us, and sees
no private network); and as a text that leads to the picture.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from bridge.channels.base import DeliveryContext
from bridge.channels.message import Message, message_of
from bridge.channels.picture import File, taken, to_fetch
from bridge.channels.telegram.calls import Content
from bridge.channels.telegram.markup import (
    CAPTION_MOST,
    TEXT_MOST,
    fits_caption,
    markup,
)
from bridge.channels.urls import is_public, safe_url
from bridge.core.http import Request, Response

#: Buttons below a message.
_MOST_LINKS = 4


class Forms:
    """
    The forms of one message.

    Args:
        occasion: What it is about.

        uploads: Whether the picture may be uploaded.
    """

    def __init__(self, context: DeliveryContext, *, uploads: bool = True) -> None:
        options = context.endpoint.options
        self._at = context.at
        self._timeout = context.endpoint.timeout
        self._images = str(options.get("images") or "url")
        self._uploads = uploads
        self.message: Message = message_of(
            context.event,
            language=str(options.get("language", "en")),
            prompt_max=int(str(options.get("prompt_max", 1000))),
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the picture may come from, in the order in which that is tried."""
        if self.message.type == "task.progress":
            # Gone in a moment: not worth the way there and back.
            return ("url",) if self._images == "url" else ()
        if not self.message.shows or not self.message.picture:
            return ()
        if not fits_caption(self.message):
            return ()
        sources = {"url": ("url", "upload"), "upload": ("upload", "url")}
        found = sources.get(self._images, ())
        return tuple(one for one in found if one != "upload" or self._uploads)

    @property
    def url(self) -> str | None:
        """The picture's URL, where Telegram could get it."""
        url = self._named
        return url if url and is_public(url) and not self._expired() else None

    @property
    def mark(self) -> str:
        """Tells the picture from other ones."""
        url = self._named
        return sha256(url.encode()).hexdigest()[:12] if url else ""

    @property
    def _named(self) -> str | None:
        return safe_url(self.message.picture, schemes=("https", "http"))

    def to_fetch(self) -> Request | None:
        """Make the request that fetches the picture; ``None`` if there is no way."""
        return to_fetch(self.message, self._timeout)

    def uploaded(self, response: Response) -> Content | None:
        """Put it under the picture that came; ``None`` if none did."""
        file = taken(response, self.message.task_id)
        return self.shown(file) if file else None

    def shown(self, photo: str | File) -> Content:
        """Put it under its picture."""
        text = markup(self.message, most=CAPTION_MOST)
        return Content(text=text, photo=photo, links=self._links())

    def told(self, *, caption: bool) -> Content:
        """
        Put it into words.

        Args:
            caption: Whether they go under a picture that is there already.
        """
        most = CAPTION_MOST if caption else TEXT_MOST
        note = "" if caption else self._note()
        text = markup(self.message, most=most, note=note)
        return Content(text=text, preview=self._preview(), links=self._links())

    def brief(self) -> Content:
        """Say the little that a message keeps saying whose end is told elsewhere."""
        message = replace(self.message, result="", reason="", steps=())
        return Content(text=markup(message, most=CAPTION_MOST))

    def _note(self) -> str:
        message = self.message
        if not message.shows or not message.picture or self._preview():
            return ""
        if self._images == "none":
            # Its link may be missed, unless the videos' are there.
            gone = self._expired() and not message.videos
            return message.words.expired if gone else ""
        return message.words.expired if self._expired() else message.words.not_shown

    def _preview(self) -> str | None:
        shown = self._images != "none" and not fits_caption(self.message)
        return self.url if shown else None

    def _links(self) -> tuple[tuple[str, str], ...]:
        """Lead to the videos or, without any, to the picture in full size."""
        message = self.message
        if not message.shows:
            return ()
        words = message.words
        if not message.videos:
            url = safe_url(message.picture)
            usable = url and is_public(url) and not self._expired()
            return ((words.open, url),) if url and usable else ()
        found = [url for video in message.videos if (url := safe_url(video))]
        several = len(message.videos) > 1
        return tuple(
            (f"{words.watch} {number}" if several else words.watch, url)
            for number, url in enumerate(found[:_MOST_LINKS], start=1)
            if is_public(url)
        )

    def _expired(self) -> bool:
        return self.message.expired(self._at)
