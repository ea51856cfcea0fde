"""
Channels: how events are delivered to each kind of endpoint.

A channel is a module with two pure functions and its `INFO`, see `bridge.channels.base`. A module
beside this one and its line in `CHANNELS` make a new kind work: the package lists the kinds
nowhere else. What tests and pages want of it is at the end of `docs/write-a-channel.md`.
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
from bridge.channels.base import ChannelModule
from bridge.errors import Misconfigured

#: By the ``kind`` of their endpoints.
CHANNELS: Mapping[str, ChannelModule] = {
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


def channel_for(kind: str) -> ChannelModule:
    """
    Return the channel of a kind of endpoint.

    Raises:
        Misconfigured: This version has none.
    """
    try:
        return CHANNELS[kind]
    except KeyError:
        known = ", ".join(CHANNELS)
        msg = f'this version cannot send to kind = "{kind}"; it knows {known}'
        raise Misconfigured(msg) from None
