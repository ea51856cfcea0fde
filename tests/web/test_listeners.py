"""Clicks that are fetched, where a platform cannot reach us: no public URL is needed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bridge.adapters.http.guard import Guard
from bridge.adapters.http.sender import HttpSender
from bridge.app.clicks import ClickHandler
from bridge.channels.interaction import Acknowledgement
from bridge.core.endpoint import Endpoint
from bridge.core.token import Purpose
from bridge.runtime.discovery import endpoints_of
from bridge.settings import Settings
from bridge.web.listeners import Listeners
from tests.channels.cases import DONE
from tests.contract.bench import Bench
from tests.platforms import clicks
from tests.waiting import within
from tests.web.dashboard.scene import Scene
from tests.web.pressing import FakeActions
from tests.web.site import open_site
from tests.web.test_interactions import ANSWERED_WITHIN_S, KEYS, SECRET, TASK, U1


@asynccontextmanager
async def platform(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def token(endpoint: str, purpose: Purpose) -> str:
    return KEYS.sign(
        purpose, TASK, endpoint=endpoint, expires=time.time() + 3600, custom_id=U1
    )


async def pressed(
    bench: Bench,
    redis_url: str,
    endpoint: dict[str, Any],
    actions: FakeActions | None = None,
) -> FakeActions:
    """Run the process until something is pressed."""
    actions = actions or FakeActions()
    await Scene(bench).see(replace(DONE), upstream="default")
    async with open_site(
        redis_url,
        bench.namespace,
        actions=actions,
        secret_key=[SECRET],
        endpoints={"chat": {"buttons": "native", **endpoint}},
    ):
        async with asyncio.timeout(20):
            while not actions.presses:
                await asyncio.sleep(0.02)
    return actions


def telegram(*numbers: int) -> web.Application:
    """A Telegram where buttons were pressed, each in an update with a number."""
    query = clicks.telegram_payload(token("chat", Purpose.TELEGRAM))

    async def updates(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        assert body["allowed_updates"] == ["callback_query"]
        left = [one for one in numbers if one >= body["offset"]]
        await asyncio.sleep(0 if left else 0.05)
        found = [query | {"update_id": one} for one in left]
        return web.json_response({"ok": True, "result": found})

    async def anything(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "result": True})

    app = web.Application()
    app.router.add_post("/bot1:abc/getUpdates", updates)
    app.router.add_post("/bot1:abc/{method}", anything)
    return app


async def test_telegram_is_asked_for_clicks_and_each_is_confirmed(
    bench: Bench, redis_url: str
) -> None:
    async with platform(telegram(41)) as url:
        made = await pressed(
            bench,
            redis_url,
            {"kind": "telegram", "url": f"{url}/bot1:abc", "chat_id": "7"},
        )
        assert [one.by for one in made.presses] == ["telegram:500"]


async def test_that_somebody_else_reads_a_bot_is_told_with_the_endpoint(
    bench: Bench, redis_url: str
) -> None:
    async def updates(_: web.Request) -> web.Response:
        said = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        refused = {"ok": False, "error_code": 409, "description": said}
        return web.json_response(refused, status=409)

    app = web.Application()
    app.router.add_post("/bot1:abc/getUpdates", updates)
    await bench.admin.configure([Endpoint(name="chat", url="http://r/")])
    async with platform(app) as url:
        chat = {"kind": "telegram", "url": f"{url}/bot1:abc", "chat_id": "7"}
        async with (
            open_site(
                redis_url,
                bench.namespace,
                secret_key=[SECRET],
                endpoints={"chat": {"buttons": "native", **chat}},
            ) as site,
            asyncio.timeout(20),
        ):
            reason = None
            while reason is None:
                await asyncio.sleep(0.02)
                shown = await site.http.get("/api/v1/endpoints/chat")
                reason = shown.json()["clicksReason"]

    assert "another program fetches its bot's clicks" in reason
    assert "end that program, or give each a bot of its own" in reason


@asynccontextmanager
async def listening(
    bench: Bench, settings: dict[str, Any], clicks: ClickHandler | None = None
) -> AsyncIterator[list[Any]]:
    """Listen, with hardly a pause after what goes wrong; yields what is logged."""
    sender = HttpSender(guard=Guard())
    configured = Settings.model_validate(
        {"endpoints": {"chat": {"buttons": "native", **settings}}}
    )
    listeners = Listeners(
        endpoints_of(configured),
        clicks=clicks or DefectiveClicks(),
        texts=bench.texts,
        sender=sender,
        public_url=None,
        pause=0.02,
    )
    with capture_logs() as lines:
        async with asyncio.timeout(20):
            running = asyncio.create_task(listeners.run())
            yield lines
            running.cancel()
            await asyncio.wait([running])
    await sender.aclose()


async def click_error(bench: Bench) -> str | None:
    [row] = await bench.queries.endpoints(0.0)
    return row.click_error


async def test_a_bad_moment_of_the_platforms_is_no_trouble_of_the_endpoint(
    bench: Bench,
) -> None:
    asked, bad = 0, 2

    async def updates(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked <= bad:
            return web.Response(status=502)
        await asyncio.sleep(0.02)
        return web.json_response({"ok": True, "result": []})

    app = web.Application()
    app.router.add_post("/bot1:abc/getUpdates", updates)
    await bench.admin.configure([Endpoint(name="chat", url="http://r/")])
    async with platform(app) as url:
        chat = {"kind": "telegram", "url": f"{url}/bot1:abc", "chat_id": "7"}
        async with listening(bench, chat) as lines:
            while asked < bad + 2:
                await asyncio.sleep(0.01)
            assert await click_error(bench) is None
            bad = asked + 10
            while not await click_error(bench):
                await asyncio.sleep(0.01)

    assert [one["event"] for one in lines] == ["click.not_fetched"]


@pytest.mark.parametrize("refused", ["at the door", "at the socket"])
async def test_a_socket_that_does_not_open_is_one_line_and_shown_with_the_endpoint(
    bench: Bench, refused: str
) -> None:
    opened: list[int] = []

    async def open_socket(request: web.Request) -> web.Response:
        opened.append(len(opened))
        if refused == "at the door":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        place = f"ws://{request.host}/link?ticket=secret-{len(opened)}"
        return web.json_response({"ok": True, "url": place})

    app = web.Application()
    app.router.add_post("/api/apps.connections.open", open_socket)
    await bench.admin.configure([Endpoint(name="chat", url="http://r/")])
    async with platform(app) as url:
        chat = {"kind": "slack", "url": f"{url}/services/T0000/B0/x"}
        async with listening(bench, {**chat, "app_token": "xapp-1-A0-1-abc"}) as lines:
            while not (said := await click_error(bench)):
                await asyncio.sleep(0.01)

    # An address is good for one try.
    assert len(opened) >= 3
    [line] = lines
    assert (line["event"], line["endpoint"]) == ("click.not_fetched", "chat")
    why = "invalid_auth" if refused == "at the door" else "WSServerHandshakeError"
    assert said == line["reason"] == f"Slack opens no socket ({why})"


class DefectiveClicks(ClickHandler):
    """Fails at the first click, and takes the second."""

    def __init__(self) -> None:
        self.failed = False
        self.taken = asyncio.Event()

    async def take(self, *_: object) -> Acknowledgement:
        if self.failed:
            self.taken.set()
            return Acknowledgement()
        self.failed = True
        msg = "a defect"
        raise RuntimeError(msg)


async def test_a_click_that_fails_unexpectedly_is_an_error_and_costs_no_other(
    bench: Bench,
) -> None:
    handler = DefectiveClicks()
    async with platform(telegram(41, 42)) as url:
        chat = {"kind": "telegram", "url": f"{url}/bot1:abc", "chat_id": "7"}
        async with listening(bench, chat, handler) as lines:
            await handler.taken.wait()

    [failed] = [one for one in lines if one["log_level"] == "error"]
    assert (failed["event"], failed["endpoint"]) == ("click.failed", "chat")


async def test_slack_hands_clicks_over_a_socket_and_each_is_acknowledged_at_once(
    bench: Bench, redis_url: str
) -> None:
    actions, names = FakeActions(), map(str, count())
    actions.takes_any.clear()

    async def open_socket(request: web.Request) -> web.Response:
        assert request.headers["authorization"] == "Bearer xapp-1-A0-1-abc"
        place = f"ws://{request.host}/link"
        return web.json_response({"ok": True, "url": place})

    async def link(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})

        async def hand_over() -> None:
            name = next(names)
            payload = clicks.slack_payload(token("chat", Purpose.SLACK))
            envelope = {"type": "interactive", "payload": payload}
            await socket.send_json({"envelope_id": name, **envelope})
            assert await socket.receive_json() == {"envelope_id": name}

        await within(ANSWERED_WITHIN_S, hand_over)
        actions.takes_any.set()
        await socket.receive()
        return socket

    async def anything(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    app = web.Application()
    app.router.add_post("/api/apps.connections.open", open_socket)
    app.router.add_get("/link", link)
    app.router.add_post("/{rest:.*}", anything)
    async with platform(app) as url:
        await pressed(
            bench,
            redis_url,
            {
                "kind": "slack",
                "url": f"{url}/services/T0000/B0/x",
                "app_token": "xapp-1-A0-1-abc",
            },
            actions,
        )

    assert {one.by for one in actions.presses} == {"slack:U0ADA"}
