"""
The live message on Discord: an embed through a webhook, with the picture uploaded.

With ``thread_name``, a task has a thread of its own, which must keep the message that it began
with. Discord's webhooks cannot answer a message, so the title of a reply leads to it.
"""

from __future__ import annotations

import re
from collections.abc import Generator

from bridge.channels.base import DeliveryContext
from bridge.channels.discord import api, embed, replies
from bridge.channels.discord.api import Address
from bridge.channels.discord.embed import NOTHING, RUNNING, Shown
from bridge.channels.discord.payload import NAMES, DiscordOptions, Draft, Variant
from bridge.channels.live_port import LivePort, Posted, RequestSteps
from bridge.channels.picture import to_fetch
from bridge.channels.reply import Reply
from bridge.core.http import Request, Response

#: Known of a task: the thread that was begun for it, and the server's id, which a link to a
#: message needs.
_THREAD, _GUILD = "thread", "guild"


class DiscordPort(LivePort):
    """What Discord is sent about one event."""

    name = "Discord"
    ids = re.compile(r"[0-9]{1,20}")
    variants = tuple(one.name for one in Variant)
    #: Discord allows a message few more edits once it is an hour old (30046).
    edit_window = 55 * 60.0

    def __init__(self, context: DeliveryContext, address: Address) -> None:
        super().__init__(context)
        self._address = address
        options = DiscordOptions.of(self.endpoint)
        self._thread = options.thread_id or address.thread
        self._thread_name = options.thread_name or ""
        self._images = options.images
        self._shown: Shown | None = None
        self._named = True
        self._begins = False  #: Whether the last message begins a thread.
        self.place = f"{address.id}/{self._thread}"
        self.keeps_track = bool(self._thread_name) and not self._thread

    @property
    def older_stays(self) -> bool:
        """Whether an older message must not be deleted."""
        return _THREAD in self.own

    def post(
        self, variant: str, *, silent: bool, reply_to: Posted | None = None
    ) -> RequestSteps:
        """Make the request that posts the message."""
        parent = ""
        if reply_to is not None and _THREAD not in self.own:
            parent = yield from self._link(reply_to)
        thread = self._where
        begin = "" if thread else self._thread_name
        self._begins = bool(begin)
        draft = Draft(
            message=self.message,
            endpoint=self.endpoint,
            at=self.context.at,
            variant=Variant[variant],
            shown=(yield from self._picture(Variant[variant])),
            silent=silent,
            parent=parent,
            begin=begin,
            named=self._named,
        )
        return self._send("POST", self._address.to_post(thread), draft)

    def edit(self, variant: str, message: Posted) -> RequestSteps:
        """Make the request that puts the message in the place of an older one."""
        draft = Draft(
            message=self.message,
            endpoint=self.endpoint,
            at=self.context.at,
            variant=Variant[variant],
            shown=(yield from self._picture(Variant[variant])),
            edit=True,
        )
        return self._send(
            "PATCH", self._address.to_edit(message.id, self._where), draft
        )

    def delete(self, message: Posted) -> Request:
        """Make the request that deletes a message."""
        url = self._address.to_delete(message.id, self._where)
        return api.request(self.endpoint, "DELETE", url)

    def read(self, response: Response, *, now: float) -> Reply:
        """Read a response; without its own thread, a task's messages are gone as well."""
        reply = replies.read(
            response,
            now=now,
            hide=self._address.token,
            compatible=not self._address.is_official,
        )
        if _THREAD in self.own and reply.code in replies.THREAD_LOST:
            del self.own[_THREAD]
            return Reply(
                repost=True, missing=True, detail=reply.detail, status=reply.status
            )
        return reply

    def fallback(self, variant: str, reply: Reply | None) -> str | None:
        """Leave out what is refused: the file, the name, untrusted text, or all of a form."""
        if reply is None:
            return super().fallback(variant, reply)
        if replies.is_too_large(reply) and self._shown and self._shown.file:
            self._shown = embed.linked(self.message, at=self.context.at)
            return variant
        if reply.blamed & NAMES and self._named:
            # The name is refused, not the message: it would be refused in every form.
            self._named = False
            return variant
        last = Variant.OUR_WORDS.name
        if reply.code in replies.FILTERED:
            return None if variant == last else last
        return super().fallback(variant, reply)

    def posted(self, reply: Reply, variant: str) -> Posted | None:
        """Return the message that was posted, and note the thread that it has begun."""
        if self._begins and reply.channel:
            self.own[_THREAD] = reply.channel
        return super().posted(reply, variant)

    @property
    def _where(self) -> str:
        return self.own.get(_THREAD) or self._thread

    def _send(self, method: str, url: str, draft: Draft) -> Request:
        boundary = self.context.event.id
        return api.send(self.endpoint, method, url, draft, boundary=boundary)

    def _link(self, message: Posted) -> Generator[Request, Response, str]:
        """Make the URL of a message. The server's id is in it, which the webhook is asked for."""
        if _GUILD not in self.own:
            response = yield api.request(self.endpoint, "GET", self._address.to_ask())
            if guild := replies.guild_of(response):
                self.own[_GUILD] = guild
        if _GUILD not in self.own or not message.channel:
            return ""
        place = f"{self.own[_GUILD]}/{message.channel}/{message.id}"
        return f"https://discord.com/channels/{place}"

    def _picture(self, variant: Variant) -> Generator[Request, Response, Shown]:
        """Decide, once, how the picture is shown."""
        if self._shown is None:
            self._shown = yield from self._decide(variant)
        return self._shown

    def _decide(self, variant: Variant) -> Generator[Request, Response, Shown]:
        message, at = self.message, self.context.at
        if not message.shows and message.type not in RUNNING:
            return NOTHING
        if self._images == "none":
            return embed.left_out(message, at=at) if message.shows else NOTHING
        uploads = self._images == "upload" and not self.linked
        fetch = None
        # A running task's picture is another one in a moment: not worth the way.
        if message.shows and uploads and variant < Variant.WITHOUT_PICTURE:
            fetch = to_fetch(message, self.endpoint.timeout)
        if fetch is None:
            return embed.linked(message, at=at)
        return embed.fetched((yield fetch), message, at=at)
