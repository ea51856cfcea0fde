"""
Chats: platforms on ports of this machine that enforce their rules, and a deployment that
tells them.

Each chat hears about one upstream. All upstreams are one gateway, so what a test says of a
task is told to those chats that it was tracked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.app.ports import EndpointRow, EventRow
from bridge.runtime.deployment import Deployment
from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Gateway, Stage, row
from tests.cli.commands import Shell
from tests.platforms import loopback, robots, slack, telegram
from tests.platforms.discord import Discord
from tests.platforms.ntfy import Ntfy
from tests.platforms.robots import Robot
from tests.platforms.slack import Slack
from tests.platforms.teams import Teams
from tests.platforms.telegram import Telegram
from tests.waiting import until

Settings = Mapping[str, Any]
Platform = Discord | Slack | Telegram | Robot | Teams | Ntfy
T = TypeVar("T")

#: What every chat is told with, unless it says otherwise: limits that are in nobody's way,
#: retries that come soon, and edits that do not wait.
EASY: Settings = {"retry": [0.3] * 20, "rate_limit": "50/s", "min_interval": 0.05}
#: Pictures are fetched from the gateway, which is on this machine.
ALLOWED = '["127.0.0.0/8"]'


#: What a Slack endpoint is that speaks as a bot.
BOT: Settings = {"token": slack.TOKEN, "channel": slack.CHANNEL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """
    A chat that an endpoint tells.

    Attributes:
        hears: The upstream whose tasks it is told about.

        platform: Where it is.

        settings: What the endpoint's configuration says besides.
    """

    hears: str
    platform: Platform
    settings: Settings = field(default_factory=dict)


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
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answers: list[Message] = []

        async def keep(answer: Message) -> None:
            answers.append(answer)

        await self._app(scope, receive, keep)
        if self._shut is not None:
            self.waiting += 1
            await self._shut.wait()
            self.waiting -= 1
        for answer in answers:
            await send(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A deployment among chats."""

    deployment: Installation
    gateway: Gateway
    stage: Stage
    shell: Shell
    chats: Mapping[str, Chat]
    doors: Mapping[str, Door]

    def at(self, name: str, kind: type[T]) -> T:
        """Return the platform of an endpoint."""
        platform = self.chats[name].platform
        assert isinstance(platform, kind)
        return platform

    def says(
        self, hears: str, task: str, status: str, progress: str = "", **more: Any
    ) -> None:
        """Let the gateway say something of a task, and have it looked at."""
        self.gateway.put(row(task, status, progress, **more))
        self.deployment.track(task, upstream=hears)

    def story(self, hears: str, task: str) -> list[EventRow]:
        """The events of a task."""
        return list(self.deployment.story(task, upstream=hears))

    def tells(
        self, hears: str, task: str, status: str, progress: str = "", **more: Any
    ) -> None:
        """Let a task change, and wait until everybody has been told."""
        before = len(self.story(hears, task))
        self.says(hears, task, status, progress, **more)
        until(
            lambda: self.told(hears, task) > before,
            what=lambda: f"{task}: {self.story(hears, task)}",
        )

    def told(self, hears: str, task: str) -> int:
        """How many events of a task are over with everybody."""
        open_ones = 0
        story = self.story(hears, task)
        for event in story:
            open_ones += any(one.state == "pending" for one in event.deliveries)
        return len(story) - open_ones

    def picture_url(self, task: str) -> str:
        """Where the gateway shows the picture of a task."""
        return f"{self.gateway.url}/mj/image/{task}"

    def picture(self, task: str) -> bytes:
        """The picture of a task."""
        found = httpx.get(self.picture_url(task), trust_env=False)
        assert found.content.startswith(b"\x89PNG")
        return found.content

    def health(self) -> Mapping[str, EndpointRow]:
        """How the endpoints are, by their names."""

        async def listed(deployment: Deployment) -> Mapping[str, EndpointRow]:
            now = await deployment.admin.clock()
            return {row.name: row for row in await deployment.queries.endpoints(now)}

        return self.deployment.deployment(listed)


@contextmanager
def set_up(stage: Stage, folder: Path, chats: Mapping[str, Chat]) -> Iterator[Scene]:
    """Have a store, and all the chats; nobody works yet."""
    gateway = stage.gateway()
    doors: dict[str, Door] = {}
    endpoints: dict[str, Settings] = {}
    for name, chat in chats.items():
        url = _opened(stage, name, chat.platform, doors)
        settings = _settings_of(chat.platform, url, chat.settings)
        endpoints[name] = {**settings, "upstreams": [chat.hears]}
    upstream = {**QUICK_UPSTREAM, "base_url": gateway.url}
    with Installation(
        folder,
        upstreams=dict.fromkeys((chat.hears for chat in chats.values()), upstream),
        endpoints=endpoints,
        allow_networks=ALLOWED,
    ) as deployment:
        yield Scene(
            deployment=deployment,
            gateway=gateway,
            stage=stage,
            shell=Shell(folder, deployment.env),
            chats=chats,
            doors=doors,
        )


@contextmanager
def running(stage: Stage, folder: Path, chats: Mapping[str, Chat]) -> Iterator[Scene]:
    """Have the same, with a worker and a beat."""
    with set_up(stage, folder, chats) as scene:
        worker = scene.deployment.start_worker(wait=False)
        scene.deployment.start_beat()
        scene.deployment.is_up(worker)
        yield scene


def _opened(stage: Stage, name: str, platform: Platform, doors: dict[str, Door]) -> str:
    """Put a platform on a port; returns the URL that its operator is given."""
    if isinstance(platform, Discord | Slack):
        doors[name] = Door(platform.app)
        path = platform.path if isinstance(platform, Discord) else slack.HOOK
        return stage.serve(doors[name]) + path
    if isinstance(platform, Robot):
        stage.enter(robots.running(platform))
    else:
        stage.enter(loopback.serving(platform))
    return platform.url


def _settings_of(platform: Platform, url: str, more: Settings) -> Settings:
    found: dict[str, Any] = {
        "kind": type(platform).__name__.lower(),
        "url": url,
        **EASY,
    }
    if isinstance(platform, Slack) and "token" in more:
        found["url"] = url.removesuffix(slack.HOOK) + "/api"
    if isinstance(platform, Telegram):
        found["chat_id"] = str(telegram.CHAT)
    if isinstance(platform, Robot) and platform.secret:
        found["secret"] = platform.secret
    return {**found, **more}
