"""`mjbridge setup`: what it does for the user ends in a button that works."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bridge.errors import Misconfigured
from bridge.runtime.chat_setup import (
    set_up_telegram,
    slack_app_url,
    try_buttons,
)
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoint_of
from bridge.settings import Settings
from bridge.web.interactions import telegram_secrets
from tests.contract.bench import Bench
from tests.web.test_interactions import (
    KEYS,
    SECRET,
    Chat,
    World,
    native_endpoints,
    world,
)

#: What a button carries, on whichever platform.
TOKEN = re.compile(r'"(?:value|custom_id|callback_data)": "([A-Za-z0-9_-]{40,64})"')


@asynccontextmanager
async def deployment(
    bench: Bench, redis_url: str, there: World, **more: Any
) -> AsyncIterator[Deployment]:
    telegram = {"url": f"{there.url}/bot1:abc", "kind": "telegram", "chat_id": "7"}
    settings = Settings.model_validate(
        {
            "redis_url": redis_url,
            "namespace": bench.namespace,
            "secret_key": [SECRET],
            "upstreams": {"default": {"api_key": "sk-test"}},
            "endpoints": {"telegram": {**telegram, "buttons": "native"}},
            **more,
        }
    )
    async with Deployment(settings) as opened:
        yield opened


def sent(there: World, method: str) -> list[dict[str, Any]]:
    return [
        json.loads(one.body) for one in there.chat.requests if f"/{method} " in one.line
    ]


async def test_telegram_is_told_where_clicks_go_and_a_test_button_works(
    bench: Bench, redis_url: str
) -> None:
    async with (
        world(bench, redis_url) as there,
        deployment(
            bench, redis_url, there, public_url="https://bridge.example"
        ) as ours,
    ):
        endpoint = endpoint_of(ours.settings, "telegram")

        await set_up_telegram(ours, endpoint)
        [webhook] = sent(there, "setWebhook")
        assert webhook["url"] == "https://bridge.example/interactions/telegram/telegram"
        assert [webhook["secret_token"]] == list(telegram_secrets(KEYS, endpoint))
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", webhook["secret_token"])

        said: list[str] = []

        async def trying() -> None:
            said.extend([one async for one in try_buttons(ours, endpoint, patience=15)])

        task = asyncio.create_task(trying())
        await there.until(lambda: bool(sent(there, "sendPhoto")))
        [message] = sent(there, "sendPhoto")
        token = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
        await there.send("telegram", there.click("telegram", token))
        await task

        assert said[-1] == "it works: @ada has pressed a button"
        assert there.actions.presses == []


@pytest.mark.parametrize("platform", ["slack", "discord", "telegram"])
async def test_a_test_button_is_waited_for_until_somebody_has_pressed_it(
    bench: Bench, redis_url: str, platform: str
) -> None:
    async with (
        world(bench, redis_url) as there,
        deployment(
            bench,
            redis_url,
            there,
            public_url="https://bridge.example",
            endpoints=native_endpoints(Chat(receiver=there.chat)),
        ) as ours,
    ):
        endpoint = endpoint_of(ours.settings, platform)
        said: list[str] = []

        async def trying() -> None:
            said.extend([one async for one in try_buttons(ours, endpoint, patience=15)])

        task = asyncio.create_task(trying())
        await there.until(lambda: TOKEN.search(there.said()) is not None)
        found = TOKEN.search(there.said())
        assert found is not None
        await there.send(platform, there.click(platform, found[1]))
        await task

    assert re.fullmatch(r"it works: @?[Aa]da has pressed a button", said[-1])
    assert there.actions.presses == []


async def test_without_a_public_url_telegram_keeps_clicks_until_they_are_fetched(
    bench: Bench, redis_url: str
) -> None:
    async with (
        world(bench, redis_url) as there,
        deployment(bench, redis_url, there) as ours,
    ):
        said = await set_up_telegram(ours, endpoint_of(ours.settings, "telegram"))

        assert sent(there, "deleteWebhook")
        assert "long polling" in said


async def test_a_click_that_never_comes_is_said_to_be_missing(
    bench: Bench, redis_url: str
) -> None:
    async with (
        world(bench, redis_url) as there,
        deployment(bench, redis_url, there) as ours,
    ):
        endpoint = endpoint_of(ours.settings, "telegram")

        with pytest.raises(Misconfigured, match="no click has arrived"):
            async for _ in try_buttons(ours, endpoint, patience=0.3):
                pass


@pytest.mark.parametrize("public_url", [None, "https://bridge.example"])
def test_slack_is_set_up_by_a_link_that_makes_the_app(public_url: str | None) -> None:
    settings = Settings.model_validate({"public_url": public_url})

    query = parse_qs(urlsplit(slack_app_url(settings)).query)

    manifest = json.loads(query["manifest_json"][0])
    asked = manifest["settings"]
    assert asked["interactivity"]["is_enabled"]
    assert asked.get("socket_mode_enabled", False) is (public_url is None)
    assert asked["interactivity"].get("request_url") == (
        None if public_url is None else "https://bridge.example/interactions/slack"
    )
