"""
The live message in Slack: through an incoming webhook, or as a bot.

An incoming webhook does not return which message it made, so nothing can be edited. A bot
answers in the thread of the older message with a line, as a thread is folded up, and the older
message then says it all.
"""

from __future__ import annotations

import re

from bridge.channels.base import DeliveryContext
from bridge.channels.live_port import LivePort, Posted, RequestSteps, ready
from bridge.channels.reply import Reply
from bridge.channels.slack import api, payload
from bridge.channels.slack.api import SlackOptions
from bridge.channels.slack.replies import read
from bridge.core.http import Request, Response


class SlackPort(LivePort):
    """What Slack is sent about one event."""

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
        make = api.post if self._bot else api.webhook
        return ready(make(self.endpoint, content))

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

    def read(self, response: Response, *, now: float) -> Reply:
        """Read a response."""
        compatible = api.is_compatible(self.endpoint)
        return read(response, now=now, api=self._bot, compatible=compatible)

    def _content(self, variant: str) -> payload.Content | None:
        return payload.content(
            self.message,
            variant,
            now=self.context.at,
            images=self._options.images,
            revision=self.context.event.id[4:20] if self._bot else "",
        )
