"""Whole exchanges over HTTP: servers understand the requests, and no answer shows a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.channels import CHANNELS, ntfy, teams, telegram
from bridge.channels.base import Channel, ExchangeResult
from bridge.core.endpoint import Endpoint
from tests.channels.cases import CASES, endpoint
from tests.channels.wire import deliver
from tests.platforms.loopback import serving
from tests.platforms.ntfy import Ntfy
from tests.platforms.teams import Teams
from tests.platforms.telegram import CHAT, Telegram
from tests.receivers import answers, receiver

pytestmark = pytest.mark.component

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000


async def perform(channel: Channel, to: Endpoint) -> ExchangeResult:
    """Deliver a success, over real connections but for the picture's."""
    return await deliver(channel, CASES["succeeded_grid"], to, picture=PNG)


@pytest.mark.parametrize("images", ["url", "upload"])
async def test_telegram_takes_a_picture_over_http(images: str) -> None:
    server = Telegram()
    async with serving(server):
        to = endpoint("telegram", server.url, chat_id=str(CHAT), images=images)

        outcome = await perform(telegram, to)

    assert outcome.attempt.succeeded, outcome
    (message,) = server.shown
    assert (message.look.photo == PNG) is (images == "upload")


async def test_ntfy_takes_a_publication_over_http() -> None:
    server = Ntfy(tokens=frozenset({"tk_a"}))
    async with serving(server):
        outcome = await perform(ntfy, endpoint("ntfy", server.url, token="tk_a"))

    assert outcome.attempt.succeeded, outcome
    assert len(server.published) == 1


async def test_a_workflow_takes_a_card_over_http() -> None:
    server = Teams()
    async with serving(server):
        outcome = await perform(teams, endpoint("teams", server.url))

    assert outcome.attempt.succeeded, outcome
    assert len(server.cards) == 1


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        pytest.param("webhook", {"secrets": ["5ecre75ecre75ecre7"]}, id="webhook"),
        pytest.param("slack", {}, id="slack"),
        pytest.param("slack", {"token": "xoxb-5ecre7", "channel": "C1"}, id="slack bot"),
        pytest.param("discord", {}, id="discord"),
        pytest.param("feishu", {"secret": "5ecre75ecre7"}, id="feishu"),
        pytest.param("dingtalk", {"secret": "SEC5ecre75ecre7"}, id="dingtalk"),
        pytest.param("wecom", {}, id="wecom"),
        pytest.param("telegram", {"chat_id": str(CHAT)}, id="telegram"),
        pytest.param("teams", {}, id="teams"),
        pytest.param("ntfy", {"token": "tk_5ecre75ecre7"}, id="ntfy"),
        pytest.param("template", {"body": "{}", "token": "5ecre75ecre7"}, id="template"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["text", "json"])
async def test_what_lets_somebody_post_is_in_no_detail(
    kind: str, settings: dict[str, Any], form: str
) -> None:
    path = "/api/webhooks/123456789/5ecre7-0123-4567-89ab?key=5ecre7zzzz"
    own = [value for value in settings.values() if "5ecre7" in str(value)]
    words = f"no route for {path}, nor 5ecre7-0123-4567-89ab, nor {own}"
    named = dict.fromkeys(("msg", "errmsg", "message", "description", "error"), words)
    codes = {"code": 4711, "errcode": 4711, "ok": False}
    body = json.dumps({**named, **codes}) if form == "json" else words
    async with receiver(answers("400 Bad Request", body=body.encode())) as there:
        to = endpoint(kind, f"http://127.0.0.1:{there.port}{path}", **settings)

        outcome = await perform(CHANNELS[kind], to)

    assert outcome.attempt.detail
    assert "5ecre7" not in repr(outcome)
