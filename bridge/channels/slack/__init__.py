"""
The Slack channel: a message for people, through an incoming webhook or as a bot.

An incoming webhook can do one thing: post. It does not return which message it made, so
nothing can be edited, and progress is not sent. With ``token`` and ``channel`` the same
messages go through the Web API, and ``progress = "edit"`` keeps one message up to date.

Slack has no silent messages, so ``silent`` means nothing here: an edit notifies nobody, a
new message notifies as the channel's members have chosen. It fetches pictures itself, so
``images = "upload"`` is the same as ``"url"``.

`markup` makes text harmless, `payload` writes messages, `api` makes requests, and `replies` reads
what Slack answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bridge.channels import live_message
from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.info import ChannelInfo, Probe, SettingProblem, place_of
from bridge.channels.live_port import LivePort, Posted, RequestSteps, ready
from bridge.channels.reply import Reply
from bridge.channels.slack import api, payload
from bridge.channels.slack.api import HOOKS, probe, sample_response
from bridge.channels.slack.payload import SlackOptions
from bridge.channels.slack.replies import describe, read
from bridge.core.endpoint import Rate
from bridge.core.http import Request, Response

__all__ = ["INFO", "deliver", "describe", "probe", "sample_response"]

_API = ("slack.com", "slack-gov.com")
_WEBHOOK = re.compile(r"/services/[^/?]+/[^/?]+/[^/?]+/?")
_WORKFLOW = re.compile(r"(?:.*/)?(?:triggers|workflows)/[ET][A-Z0-9]*/.+")
_METHOD = re.compile(r"(?:/api)?(?:/[a-z][A-Za-z.]*\.[A-Za-z]+)?/?(?:\?.*)?")


def _problems(settings: Mapping[str, object]) -> Iterator[SettingProblem]:
    """A bot needs a token and a channel; an incoming webhook has both in its URL."""
    host, place = place_of(settings.get("url"))
    bot = "token" in settings or "channel" in settings or host in _API
    for key, other in (("token", "channel"), ("channel", "token")):
        if bot and key not in settings:
            yield key, f"is required to post as a bot, together with {other}"
    if _WORKFLOW.fullmatch(place):
        yield (
            "url",
            'is a workflow\'s, which takes fields of its own: use kind = "template"',
        )
    elif "token" in settings and "/services/" in place:
        yield (
            "url",
            "is an incoming webhook's, which needs no token; a bot posts to https://slack.com/api",
        )
    elif host in HOOKS and not _WEBHOOK.fullmatch(place):
        looks = "https://hooks.slack.com/services/T.../B.../..."
        yield "url", f"is not an incoming webhook's: they look like {looks}"
    elif host in _API and not _METHOD.fullmatch(place):
        yield "url", "is not the Web API's, which is https://slack.com/api"


INFO = ChannelInfo(
    hosts=(*HOOKS, *_API),
    options=SlackOptions,
    rate=Rate(per_second=1.0, burst=3.0),  # 1/s, with short bursts
    edits=True,
    edits_with="token",
    buttons=("signing_secret", "app_token"),
    ability="messages with the picture",
    validate=_problems,
    probe=Probe(request=probe, describe=describe),
)


def deliver(context: DeliveryContext) -> Exchange:
    """Deliver an event, see `bridge.channels.base.Channel`."""
    return live_message.deliver(context, SlackPort(context))


class SlackPort(LivePort):
    """
    What Slack is sent about one event.

    A bot answers in the thread of the older message with a line, as a thread is folded up, and
    the older message then says it all.
    """

    name = "Slack"
    ids = re.compile(r"[0-9]+\.[0-9]+")
    variants = payload.VARIANTS
    brief_replies = True

    def __init__(self, context: DeliveryContext) -> None:
        super().__init__(context)
        self._bot = api.is_bot(self.endpoint)
        self._options = SlackOptions.of(self.endpoint)
        self.place = (self._options.channel or "") if self._bot else ""
        if not self._bot:
            self.no_edits = "an incoming webhook cannot edit its messages"

    def post(
        self,
        variant: str,
        *,
        silent: bool,  # noqa: ARG002 - Slack has no silent messages
        reply_to: Posted | None = None,
    ) -> RequestSteps:
        """Make the request that posts the message, or a line in the thread of another."""
        if reply_to is not None:
            line = payload.brief(self.message)
            return ready(api.post(self.endpoint, line, thread=reply_to.id))
        content = self._content(variant)
        if content is None:
            return ready(None)
        thread = self.parent.id if self.parent else None
        make = api.post if self._bot else api.webhook
        return ready(make(self.endpoint, content, thread=thread))

    def edit(self, variant: str, message: Posted) -> RequestSteps:
        """Make the request that changes a message."""
        content = self._content(variant)
        if content is None:
            return ready(None)
        channel = message.channel or self.place
        return ready(api.update(self.endpoint, content, channel=channel, ts=message.id))

    def delete(self, message: Posted) -> Request:
        """Make the request that deletes a message."""
        channel = message.channel or self.place
        return api.delete(self.endpoint, channel=channel, ts=message.id)

    def read(self, response: Response) -> Reply:
        """Read a response."""
        compatible = api.is_compatible(self.endpoint)
        return read(response, api=self._bot, compatible=compatible)

    def _content(self, variant: str) -> payload.MessageBody | None:
        return payload.content(
            self.message,
            variant,
            revision=self.context.event.id[4:20] if self._bot else "",
        )
