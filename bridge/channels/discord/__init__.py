"""
The Discord channel: an embed worth reading, from a webhook alone.

`payload` and `embed` write messages, `api` makes requests, and `replies` reads what Discord
answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping

from bridge.channels import live_message
from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult
from bridge.channels.discord import api, embed, replies
from bridge.channels.discord.api import OFFICIAL, WebhookUrl
from bridge.channels.discord.embed import NOTHING, RUNNING, Picture
from bridge.channels.discord.payload import NAMES, DiscordOptions, Draft, Variant
from bridge.channels.discord.replies import describe
from bridge.channels.info import ChannelInfo, Probe, SettingProblem
from bridge.channels.live_port import LivePort, Posted, RequestSteps
from bridge.channels.picture import to_fetch
from bridge.channels.reply import Reply
from bridge.core.delivery import Attempt, AttemptResult
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.http import MessageRequest, Request, Response
from bridge.errors import Misconfigured

__all__ = ["INFO", "deliver", "describe", "probe", "sample_response"]

_NOT_ONE = (
    "is not a Discord webhook's:"
    " they look like https://discord.com/api/webhooks/<id>/<token>"
)
_NO_WEBHOOK = f"the url {_NOT_ONE}"
#: What no webhook may call itself; each message that does is refused, with 50035.
_NOBODYS_NAMES = ("discord", "clyde")


def _problems(settings: Mapping[str, object]) -> Iterator[SettingProblem]:
    if WebhookUrl.of(str(settings.get("url"))) is None:
        yield "url", _NOT_ONE
    name = str(settings.get("username") or "").lower()
    for word in _NOBODYS_NAMES:
        if word in name:
            yield "username", f'holds "{word}", which Discord lets nobody be called'
    if "thread_id" in settings and "thread_name" in settings:
        text = "set this or thread_id, not both: a thread is either there or new"
        yield "thread_name", text


def probe(endpoint: Endpoint) -> Request:
    """
    Make the request that asks a webhook what it is; `describe` reads the answer.

    Nothing is posted by it.

    Raises:
        Misconfigured: The endpoint's URL is not a webhook's.
    """
    webhook = WebhookUrl.of(endpoint.url)
    if webhook is None:
        raise Misconfigured(_NO_WEBHOOK)
    return api.request(endpoint, "GET", webhook.to_ask())


#: Refused requests (401, 403, 429) in so many seconds for which Discord bans an address.
#: Source: Discord, "Rate Limits", "Invalid Request Limit".
BANNED_AFTER, BANNED_WITHIN = 10_000, 600.0

INFO = ChannelInfo(
    hosts=tuple(sorted(OFFICIAL)),
    options=DiscordOptions,
    rate=Rate(per_second=2.0, burst=1.0),  # 5 in 2 s
    edits=True,
    buttons=("public_key",),
    ability="messages with the picture uploaded",
    validate=_problems,
    probe=Probe(request=probe, describe=describe),
)

#: A picture of one pixel, for previews.
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cfc00000030101008e3b4b6a0000000049454e44ae426082"
)

#: Known of a task: the thread that was begun for it, and the server's id, which a link to a
#: message needs.
_THREAD, _GUILD = "thread", "guild"


def deliver(context: DeliveryContext) -> Exchange:
    """Deliver an event, see `bridge.channels.base.Channel`."""
    webhook = WebhookUrl.of(context.endpoint.url)
    if webhook is None:
        attempt = Attempt(
            started=context.started,
            duration=0.0,
            platform_result=AttemptResult.GONE,
            detail=_NO_WEBHOOK,
        )
        return ExchangeResult(attempt=attempt)
    return (yield from live_message.deliver(context, DiscordPort(context, webhook)))


def sample_response(request: Request) -> Response:
    """Answer as Discord does, see `bridge.channels.base.Channel`."""
    if request.guarded:
        return Response(status=200, body=_PIXEL)
    if request.method == "DELETE":
        return Response(status=204)
    body = {"id": "1300000000000000001", "channel_id": "1200000000000000001"}
    if request.method == "GET":
        body |= {"guild_id": "1100000000000000001", "name": "preview"}
    headers = {"content-type": "application/json"}
    return Response(status=200, headers=headers, body=json.dumps(body).encode())


class DiscordPort(LivePort):
    """
    What Discord is sent about one event.

    With ``thread_name``, a task has a thread of its own, which must keep the message that it
    began with. Webhooks cannot answer a message, so the title of a reply leads to it.
    """

    name = "Discord"
    ids = re.compile(r"[0-9]{1,20}")
    variants = tuple(one.name for one in Variant)
    #: Discord allows a message few more edits once it is an hour old (30046).
    edit_window = 55 * 60.0

    def __init__(self, context: DeliveryContext, webhook: WebhookUrl) -> None:
        super().__init__(context)
        self._webhook = webhook
        options = DiscordOptions.of(self.endpoint)
        self._thread = options.thread_id or webhook.thread
        self._thread_name = options.thread_name or ""
        self._chosen: Picture | None = None
        self._named = True
        self._begins = False  #: Whether the last message begins a thread.
        self.place = f"{webhook.id}/{self._thread}"
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
        answered = reply_to or self.parent
        if answered is not None and _THREAD not in self.own:
            parent = yield from self._link(answered)
        thread = self._where
        begin = "" if thread else self._thread_name
        self._begins = bool(begin)
        draft = Draft(
            message=self.message,
            endpoint=self.endpoint,
            variant=Variant[variant],
            picture=(yield from self._picture(Variant[variant])),
            silent=silent,
            parent=parent,
            begin=begin,
            named=self._named,
        )
        return self._send("POST", self._webhook.to_post(thread), draft)

    def edit(self, variant: str, message: Posted) -> RequestSteps:
        """Make the request that puts the message in the place of an older one."""
        draft = Draft(
            message=self.message,
            endpoint=self.endpoint,
            variant=Variant[variant],
            picture=(yield from self._picture(Variant[variant])),
            edit=True,
        )
        return self._send(
            "PATCH", self._webhook.to_edit(message.id, self._where), draft
        )

    def delete(self, message: Posted) -> Request:
        """Make the request that deletes a message."""
        url = self._webhook.to_delete(message.id, self._where)
        return api.request(self.endpoint, "DELETE", url)

    def read(self, response: Response) -> Reply:
        """Read a response; without its own thread, a task's messages are gone as well."""
        reply = replies.read(response, compatible=not self._webhook.is_official)
        if _THREAD in self.own and reply.code in replies.THREAD_LOST:
            del self.own[_THREAD]
            return Reply(repost=True, missing=True, detail=reply.detail)
        return reply

    def fallback(self, variant: str, reply: Reply | None) -> str | None:
        """Leave out what is refused: the file, the name, untrusted text, or all of a form."""
        if reply is None:
            return super().fallback(variant, reply)
        if replies.is_too_large(reply) and self._chosen and self._chosen.file:
            self._chosen = embed.linked(self.message)
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
            response = yield api.request(self.endpoint, "GET", self._webhook.to_ask())
            if guild := replies.guild_of(response):
                self.own[_GUILD] = guild
        if _GUILD not in self.own or not message.channel:
            return ""
        place = f"{self.own[_GUILD]}/{message.channel}/{message.id}"
        return f"https://discord.com/channels/{place}"

    def _picture(
        self, variant: Variant
    ) -> Generator[MessageRequest, Response, Picture]:
        """Decide, once, how the picture is shown."""
        if self._chosen is None:
            self._chosen = yield from self._choose(variant)
        return self._chosen

    def _choose(self, variant: Variant) -> Generator[MessageRequest, Response, Picture]:
        message = self.message
        if not message.shows and message.type not in RUNNING:
            return NOTHING
        if message.options.images == "none":
            return Picture(note=message.unshown) if message.shows else NOTHING
        uploads = message.options.images == "upload" and not self.linked
        fetch = None
        # A running task's picture is another one in a moment: not worth the way.
        if message.shows and uploads and variant < Variant.WITHOUT_PICTURE:
            fetch = to_fetch(message, self.endpoint.timeout)
        if fetch is None:
            return embed.linked(message)
        return embed.fetched((yield fetch), message)
