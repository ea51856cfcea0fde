"""
Channels: how each kind of endpoint is spoken to.

A channel is a module with two pure functions, see `bridge.channels.conversation`. A new
kind is a module beside this one and a line in `CHANNELS`; nothing else learns of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.channels import (
    apprise,
    dingtalk,
    discord,
    feishu,
    ntfy,
    slack,
    teams,
    telegram,
    template,
    webhook,
    wecom,
)
from bridge.channels.conversation import Channel
from bridge.errors import Misconfigured

#: By the ``kind`` of the endpoints that they speak to.
CHANNELS: Mapping[str, Channel] = {
    "webhook": webhook,
    "slack": slack,
    "discord": discord,
    "feishu": feishu,
    "dingtalk": dingtalk,
    "wecom": wecom,
    "telegram": telegram,
    "teams": teams,
    "ntfy": ntfy,
    "apprise": apprise,
    "template": template,
}


def channel_for(kind: str) -> Channel:
    """
    Return the channel that speaks to endpoints of a kind.

    Raises:
        Misconfigured: There is none.
    """
    try:
        return CHANNELS[kind]
    except KeyError:
        known = ", ".join(CHANNELS)
        msg = f'this version cannot send to kind = "{kind}"; it knows {known}'
        raise Misconfigured(msg) from None
