"""The live message in Telegram: a text, or a picture with a caption, which it then stays."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import replace

from bridge.channels.base import DeliveryContext
from bridge.channels.live_message import EDITED
from bridge.channels.live_port import LivePort, Posted, RequestSteps
from bridge.channels.reply import Reply
from bridge.channels.telegram import api
from bridge.channels.telegram.payload import Content, Payload
from bridge.channels.telegram.replies import BUTTONS, read
from bridge.core.http import File, Request, Response

#: What a variant is called that leaves the buttons of another one out.
_BARE = " without buttons"
#: Kept of a task whose progress Telegram has refused to show: no more is tried.
_UNSHOWN = "unshown"


class TelegramPort(LivePort):
    """What Telegram is sent about one event."""

    name = "Telegram"
    ids = re.compile(r"[0-9]{1,18}")

    def __init__(self, context: DeliveryContext) -> None:
        super().__init__(context)
        self._payload = Payload(context, self.message)
        self._file: File | None = None
        self._fetched = False
        self.place = api.chat_of(self.endpoint)
        self.variants = tuple(
            f"{source}{kind}"
            for source in (*self._payload.sources, "words")
            for kind in ("", _BARE)
        )

    def post(
        self, variant: str, *, silent: bool, reply_to: Posted | None = None
    ) -> RequestSteps:
        """Make the request that posts the message."""
        content = yield from self._content(variant)
        if content is None:
            return None
        reply = int(reply_to.id) if reply_to else 0
        return api.post(self.endpoint, content, silent=silent, reply_to=reply)

    def edit(self, variant: str, message: Posted) -> RequestSteps:
        """Make the request that changes a message; the same picture is not sent again."""
        source = variant.removesuffix(_BARE)
        same = self._follows and message.picture == self._payload.mark
        if same and source != "words":
            return None
        photo = bool(message.picture)
        content = yield from self._content(variant, caption=photo)
        if content is None:
            return None
        return api.edit(self.endpoint, content, id=int(message.id), photo=photo)

    def delete(self, message: Posted) -> Request:
        """Make the request that deletes a message."""
        return api.delete(self.endpoint, id=int(message.id))

    def read(self, response: Response, *, now: float) -> Reply:
        """Read a response."""
        return read(response, now=now)

    def fallback(self, variant: str, reply: Reply | None) -> str | None:
        """Leave the buttons out if they are refused, else go to the next source."""
        source = variant.removesuffix(_BARE)
        if reply is not None and reply.code == BUTTONS and variant == source:
            return f"{source}{_BARE}"
        if reply is not None and source != "words" and self._follows:
            self.own[_UNSHOWN] = "yes"
        return super().fallback(f"{source}{_BARE}", reply)

    def posted(self, reply: Reply, variant: str) -> Posted | None:
        """Return the message that was posted, with the picture that it shows."""
        message = super().posted(reply, variant)
        return message and self.edited(message, variant)

    def edited(self, message: Posted, variant: str) -> Posted:
        """Return a message with the picture that it shows after an edit."""
        if variant.removesuffix(_BARE) == "words":
            return message
        return replace(message, picture=self._payload.mark)

    @property
    def _follows(self) -> bool:
        return self.context.event.type in EDITED

    def _content(
        self, variant: str, *, caption: bool = False
    ) -> Generator[Request, Response, Content | None]:
        source = variant.removesuffix(_BARE)
        if source == "words":
            content = self._payload.words(caption=caption)
        else:
            unshown = self._follows and _UNSHOWN in self.own
            photo = None if unshown else (yield from self._photo(source))
            if photo is None:
                return None
            content = self._payload.under(photo)
        if variant == source:
            return content
        return replace(content, links=()) if content.links else None

    def _photo(self, source: str) -> Generator[Request, Response, str | File | None]:
        if source == "url":
            return self._payload.url
        if self.linked:
            return None
        request = None if self._fetched else self._payload.to_fetch()
        if request is not None:
            self._fetched = True
            self._file = self._payload.file((yield request))
        return self._file
