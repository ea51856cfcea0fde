"""
The Telegram channel: messages of a bot, in a chat or in a topic of a forum.

The bot must be a member of the chat (of a channel: one of its administrators). Pictures are
fetched by Telegram itself or, where it cannot, by us.

`markup` makes text harmless, `payload` writes messages, `api` makes requests, `replies` reads
what Telegram answers, and `live` has a message follow a task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.channels import live_message
from bridge.channels.base import DeliveryContext, Exchange
from bridge.channels.info import ChannelInfo, Probe, SettingProblem
from bridge.channels.telegram.api import bot_of, probe, sample_response
from bridge.channels.telegram.live import TelegramPort
from bridge.channels.telegram.payload import TelegramOptions
from bridge.channels.telegram.replies import describe
from bridge.core.endpoint import Rate

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
    ability="messages with the picture",
    validate=_problems,
    probe=Probe(request=probe, describe=describe),
)


def deliver(context: DeliveryContext) -> Exchange:
    """Deliver an event, see `bridge.channels.base.Channel`."""
    return live_message.deliver(context, TelegramPort(context))
