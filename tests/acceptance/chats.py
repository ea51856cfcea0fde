"""
Chats: platforms on ports of this machine that enforce their rules, and a deployment that
tells them.

Each chat hears about one upstream. All upstreams are one gateway, so what a test says of a
task is told to those chats that it was tracked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.cli.words import masked
from tests.acceptance.harness import QUICK_UPSTREAM, Deployment
from tests.acceptance.stage import Gateway, Stage, row
from tests.cli.commands import Shell
from tests.platforms import discord, loopback, robots, slack, telegram
from tests.platforms.dingtalk import DingTalk
from tests.platforms.discord import Discord
from tests.platforms.feishu import Feishu
from tests.platforms.ntfy import Ntfy
from tests.platforms.robots import Robot
from tests.platforms.slack import Slack
from tests.platforms.teams import Teams
from tests.platforms.telegram import Telegram
from tests.platforms.wecom import WeCom
from tests.waiting import until

Settings = Mapping[str, Any]
Platform = Discord | Slack | Telegram | Robot | Teams | Ntfy
T = TypeVar("T")

#: What every chat is told with, unless it says otherwise: limits that are in nobody's way,
#: retries that come soon, and edits that do not wait.
EASY: Settings = {"retry": [0.3] * 20, "rate_limit": "50/s", "min_interval": 0.05}
#: Pictures are fetched from the gateway, which is on this machine.
ALLOWED = '["127.0.0.0/8"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """
    A chat to be opened.

    Attributes:
        upstream: Whose tasks it hears about.

        platform: A `Platform`, or a kind for a new one.

        settings: What the endpoint's configuration says besides.
    """

    upstream: str
    platform: Platform
    settings: Settings


class Door:
    """An application whose answers can be kept back, after it has done what it was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._shut: asyncio.Event | None = None
        self.waiting = 0  #: Answers that are kept back.

    def shut(self) -> None:
        """Keep answers back until `open`."""
        self._shut = asyncio.Event()

    def open(self) -> None:
        """Let them go."""
        if self._shut is not None:
            self._shut.set()
            self._shut = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request."""
        answers: list[Any] = []

        async def keep(answer: Any) -> None:
            answers.append(answer)

        await self._app(scope, receive, keep)
        if (shut := self._shut) is not None and scope["type"] == "http":
            self.waiting += 1
            await shut.wait()
            self.waiting -= 1
        for answer in answers:
            await send(answer)


def opened(stage: Stage, platform: Platform, door: Callable[[ASGIApp], ASGIApp]) -> str:
    """Put a platform on a port; returns the URL that its operator is given."""
    match platform:
        case Discord():
            return stage.serve(door(platform.app)) + platform.path
        case Slack():
            return stage.serve(door(platform.app)) + slack.HOOK
        case Robot():
            stage.enter(robots.running(platform))
        case _:
            stage.enter(loopback.serving(platform))
    return platform.url


def settings_of(platform: Platform, url: str, more: Settings) -> dict[str, Any]:
    """Say what an endpoint at a platform is configured with."""
    found: dict[str, Any] = {"url": url, **EASY}
    match platform:
        case Discord():
            found |= {"kind": "discord"}
        case Slack():
            found |= {"kind": "slack"}
            if "token" in more:
                found |= {"url": url.removesuffix(slack.HOOK) + "/api"}
        case Telegram():
            found |= {"kind": "telegram", "chat_id": telegram.CHAT}
        case Robot():
            found |= {"kind": type(platform).__name__.lower()}
            if platform.secret:
                found |= {"secret": platform.secret}
        case Teams():
            found |= {"kind": "teams"}
        case Ntfy():
            found |= {"kind": "ntfy"}
    return {**found, **more}


#: What a Slack endpoint is that speaks as a bot.
BOT: Settings = {"token": slack.TOKEN, "channel": slack.CHANNEL}
EDITED: Settings = {"progress": "edit"}
