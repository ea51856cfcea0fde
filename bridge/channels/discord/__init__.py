"""
The Discord channel: an embed worth reading, from a webhook alone.

`payload` and `embed` write messages, `api` makes requests, `replies` reads what Discord answers,
and `live` has a message follow a task.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from bridge.channels import live_message
from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult
from bridge.channels.discord import api
from bridge.channels.discord.api import OFFICIAL, Address
from bridge.channels.discord.live import DiscordPort
from bridge.channels.discord.payload import DiscordOptions
from bridge.channels.discord.replies import describe
from bridge.channels.info import ChannelInfo, Probe, SettingProblem
from bridge.core.delivery import Attempt, AttemptResult
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.http import Request, Response
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
    if Address.of(str(settings.get("url"))) is None:
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
    address = Address.of(endpoint.url)
    if address is None:
        raise Misconfigured(_NO_WEBHOOK)
    return api.request(endpoint, "GET", address.to_ask())


INFO = ChannelInfo(
    hosts=tuple(sorted(OFFICIAL)),
    options=DiscordOptions,
    rate=Rate(per_second=2.0, burst=1.0),  # 5 in 2 s
    edits=True,
    ability="messages with the picture uploaded",
    validate=_problems,
    probe=Probe(request=probe, describe=describe),
)

#: A picture of one pixel, for previews.
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cfc00000030101008e3b4b6a0000000049454e44ae426082"
)


def deliver(context: DeliveryContext) -> Exchange:
    """Deliver an event, see `bridge.channels.base.Channel`."""
    address = Address.of(context.endpoint.url)
    if address is None:
        attempt = Attempt(
            started=context.started,
            took=0.0,
            platform_result=AttemptResult.GONE,
            detail=_NO_WEBHOOK,
        )
        return ExchangeResult(attempt=attempt)
    return (yield from live_message.deliver(context, DiscordPort(context, address)))


def sample_response(request: Request) -> Response:
    """Answer as Discord does, see `bridge.channels.base.Channel`."""
    if request.guarded:
        return Response(took=0.0, status=200, body=_PIXEL)
    if request.method == "DELETE":
        return Response(took=0.0, status=204)
    body = {"id": "1300000000000000001", "channel_id": "1200000000000000001"}
    if request.method == "GET":
        body |= {"guild_id": "1100000000000000001", "name": "preview"}
    headers = {"content-type": "application/json"}
    return Response(
        took=0.0, status=200, headers=headers, body=json.dumps(body).encode()
    )
