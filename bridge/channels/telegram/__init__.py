"""
The Telegram channel: messages of a bot, in a chat or in a topic of a forum.

The bot must be a member of the chat (of a channel: one of its administrators). Pictures are
fetched by Telegram itself or, where it cannot, by us.

`payload` writes messages, `api` makes requests, and `replies` reads what Telegram answers.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace

from bridge.channels import live_message
from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.info import ChannelInfo, Probe, SettingProblem
from bridge.channels.live_message import EDITED
from bridge.channels.live_port import LivePort, Posted, RequestSteps
from bridge.channels.picture import taken, to_fetch
from bridge.channels.reply import Reply
from bridge.channels.telegram import api
from bridge.channels.telegram.api import bot_of, probe, sample_response
from bridge.channels.telegram.payload import Content, Payload, TelegramOptions
from bridge.channels.telegram.replies import BUTTON_REFUSED, describe, read
from bridge.core.endpoint import Rate
from bridge.core.http import File, MessageRequest, Request, Response

__all__ = ["INFO", "deliver", "describe", "probe", "sample_response"]


def _problems(settings: Mapping[str, object]) -> Iterator[SettingProblem]:
    if bot_of(str(settings.get("url"))) is None:
        looks = (
            "https://api.telegram.org/bot<token>, with a token such as 123456:ABC..."
        )
        yield "url", f"names no bot: it looks like {looks}"


INFO = ChannelInfo(
    hosts=("api.telegram.org",),
    options=TelegramOptions,
    rate=Rate(per_second=0.25, burst=5.0),  # 20/min in a group
    edits=True,
    buttons=(),
    ability="messages with the picture",
    validate=_problems,
    probe=Probe(request=probe, describe=describe),
)

#: What a variant is called that leaves the buttons of another one out.
_BARE = " without buttons"
#: Kept of a task whose progress Telegram has refused to show: no more is tried.
_UNSHOWN = "unshown"


def deliver(context: DeliveryContext) -> Exchange:
    """Deliver an event, see `bridge.channels.base.Channel`."""
    return live_message.deliver(context, TelegramPort(context))


class TelegramPort(LivePort):
    """What Telegram is sent: a text, or a picture with a caption, which it then stays."""

    name = "Telegram"
    ids = re.compile(r"[0-9]{1,18}")

    def __init__(self, context: DeliveryContext) -> None:
        super().__init__(context)
        self._payload = Payload(self.message)
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
        answered = reply_to or self.parent
        reply = int(answered.id) if answered else 0
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

    def read(self, response: Response) -> Reply:
        """Read a response."""
        return read(response)

    def fallback(self, variant: str, reply: Reply | None) -> str | None:
        """Leave the buttons out if they are refused, else go to the next source."""
        source = variant.removesuffix(_BARE)
        if reply is not None and reply.code == BUTTON_REFUSED and variant == source:
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
    ) -> Generator[MessageRequest, Response, Content | None]:
        source = variant.removesuffix(_BARE)
        if source == "words":
            content = self._payload.words(caption=caption)
        else:
            unshown = self._follows and _UNSHOWN in self.own
            photo = None if unshown else (yield from self._picture(source))
            if photo is None:
                return None
            content = self._payload.under(photo)
        if variant == source:
            return content
        buttons = content.links or content.buttons
        return replace(content, links=(), buttons=()) if buttons else None

    def _picture(
        self, source: str
    ) -> Generator[MessageRequest, Response, str | File | None]:
        if source == "url":
            return self._payload.url
        if self.linked:
            return None
        request = to_fetch(self.message, self.endpoint.timeout)
        if request is not None and not self._fetched:
            self._fetched = True
            self._file = taken((yield request), self.message.task_id)
        return self._file
