"""
The Slack channel: a message for people, through an incoming webhook or as a bot.

An incoming webhook can do one thing: post. It does not say which message it made, so
nothing can be edited, and progress is not told. With ``token`` and ``channel`` the same
messages go through the Web API, and ``progress = "edit"`` keeps one message up to date.

Slack has no silent messages, so ``silent`` means nothing here: an edit notifies nobody, a
new message notifies as the channel's members have chosen. It fetches pictures itself, so
``images = "upload"`` is the same as ``"url"``.

`escape` makes text harmless, `payload` says what a message looks like, `calls` makes
requests, `answers` reads what Slack says to them; a `talk` is all of that for one event,
and `flow` puts it in order.
"""

from __future__ import annotations

from bridge.channels.slack.answers import describe
from bridge.channels.slack.calls import agrees, probe
from bridge.channels.slack.flow import tell
from bridge.channels.traits import Traits
from bridge.core.endpoint import Rate

__all__ = ["TRAITS", "agrees", "describe", "probe", "tell"]

TRAITS = Traits(
    hosts=("hooks.slack.com", "hooks.slack-gov.com", "slack.com", "slack-gov.com"),
    options=frozenset({"token", "channel"}),
    rate=Rate(per_second=1.0, burst=3.0),  # 1/s, with short bursts
    edits=True,
    edits_with="token",
    ability="messages with the picture",
)
