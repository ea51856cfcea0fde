"""
The closed loop, once and whole, in a browser: an unmodified client submits through the gateway; the
message has a link, where U1 is pressed, and buttons, where V1 is; the new task's message answers the
one that was clicked; a rule upscales; and the pictures are there when their URLs have expired.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from bridge.core.token import TokenKeys
from bridge.settings import endpoint_settings
from bridge.web.interactions import telegram_secrets
from tests.acceptance.harness import QUICK_UPSTREAM, Installation
from tests.acceptance.stage import Gateway, Stage
from tests.platforms import clicks
from tests.receivers import Connection, Receiver, receiver
from tests.waiting import until
from tools.browser import browser, find

SECRET = "a-secret-of-this-deployment"
KEY = str(QUICK_UPSTREAM["api_key"])
LINK = re.compile(r"/a/[A-Za-z0-9_-]{40,}")
#: Where messages go to that are in the chat.
CHAT = "/bot1:abc/send"
BUTTON = re.compile(r'"V1"[^}]*"callback_data": ?"([^"]+)"')
#: Seconds that the gateway serves a picture.
SERVED_FOR = 8
RULES = {"upscale": {"where": {"action": "IMAGINE"}, "press": ["U2"]}}


async def chat(connection: Connection) -> None:
    """A platform that takes everything, and numbers its messages."""
    number = 100
    while await connection.request() is not None:
        number += 1
        body = json.dumps({"ok": True, "result": {"message_id": number}, "id": "1"})
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n"
        await connection.say((head + body).encode())


@dataclass(frozen=True, kw_only=True)
class World:
    """A deployment with everything, and what is around it."""

    url: str
    gateway: Gateway
    chats: Receiver

    def messages(self, place: str) -> list[str]:
        """What was sent to a place whose address begins so, as text."""
        line = f"POST {place}"
        taken = [one for one in self.chats.requests if one.line.startswith(line)]
        return [one.body.decode(errors="replace") for one in taken]

    def api(self, path: str) -> Any:
        return httpx.get(f"{self.url}/api/v1{path}", trust_env=False).json()

    def task(self, task_id: str) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self.api(f"/tasks/{task_id}")
        return shown


@pytest.fixture
def world(stage: Stage, tmp_path: Path) -> Iterator[World]:
    gateway = stage.gateway(speed=30.0)
    gateway.faults(picture_for=SERVED_FOR)
    chats = stage.enter(receiver(chat))
    place = f"http://127.0.0.1:{chats.port}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    telegram = {"kind": "telegram", "url": f"{place}/bot1:abc", "chat_id": "7"}
    with Installation(
        tmp_path,
        upstreams={"main": {**QUICK_UPSTREAM, "base_url": gateway.url}},
        endpoints={
            "mail": {"kind": "ntfy", "url": f"{place}/topic", "buttons": "link"},
            "chat": {**telegram, "buttons": "native"},
        },
        archive=json.dumps({"url": f"file:{tmp_path / 'pictures'}"}),
        rules=json.dumps(RULES),
        links=json.dumps({"delay": 1}),
        secret_key=json.dumps([SECRET]),
        public_url=url,
    ) as deployment:
        worker = deployment.start_worker(wait=False)
        deployment.start_beat()
        deployment.start_program("web", "mjbridge", "web", "--port", str(port))
        deployment.is_up(worker)
        until(lambda: answers(url), within_s=60, what="web answers")
        yield World(url=url, gateway=gateway, chats=chats)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/", trust_env=False).status_code != 503
    except httpx.TransportError:
        return False


@pytest.mark.browser
@pytest.mark.timeout(240)
def test_the_loop_is_closed(world: World) -> None:
    if find() is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium on PATH")
    grid = submitted(world)
    with browser() as opened:
        page = opened.new_context(base_url=world.url, locale="en-US").new_page()
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        by_link = pressed_by_link(world, page)
        by_click = clicked(world, grid)
        children = until(lambda: children_of(world, grid, 3), within_s=60)

        # Who pressed what, and what came of it.
        told = {one["by"]: one["label"] for one in children}
        assert told == {"link": "U1", "telegram:500": "V1", "rule:upscale": "U2"}
        assert by_link in {one["childId"] for one in children}
        answered_in_its_thread(world, by_click)
        pictures_are_kept(world, page, grid, children)


def submitted(world: World) -> str:
    """Submit as a client does that knows nothing of the bridge but its address."""
    answer = httpx.post(
        f"{world.url}/mj/submit/imagine",
        json={"prompt": "a lighthouse in a storm", "base64Array": []},
        headers={"mj-api-secret": KEY},
        trust_env=False,
    )
    return str(answer.json()["result"])


def pressed_by_link(world: World, page: Page) -> str:
    """Press U1 on the page that the message links to; returns the new task."""
    [link, *_] = until(
        lambda: [
            found[0] for one in world.messages("/ ") if (found := LINK.search(one))
        ],
        within_s=60,
        what="a message with a link",
    )
    page.goto(link)
    page.get_by_role("button", name="U1", exact=True).click()
    child = until(lambda: child_by(world, "link"), within_s=60, what="U1 was pressed")
    return str(child)


def clicked(world: World, grid: str) -> str:
    """Press V1 below the message in the chat; returns the new task."""
    [token, *_] = until(
        lambda: [
            found[1] for one in world.messages(CHAT) if (found := BUTTON.search(one))
        ],
        within_s=60,
        what="a message with buttons",
    )
    place = f"http://127.0.0.1:{world.chats.port}/bot1:abc"
    endpoint = endpoint_settings(kind="telegram", url=place, chat_id="7").to_endpoint(
        "chat"
    )
    [secret] = telegram_secrets(TokenKeys([SECRET]), endpoint)
    body, headers = clicks.telegram(clicks.telegram_payload(token), secret=secret)
    answer = httpx.post(
        f"{world.url}/interactions/telegram/chat",
        content=body,
        headers=headers,
        trust_env=False,
    )
    assert answer.status_code == 200
    assert world.task(grid)["status"] == "SUCCESS"
    child = until(lambda: child_by(world, "telegram:500"), within_s=60, what="V1")
    return str(child)


def child_by(world: World, by: str) -> str | None:
    for one in world.api("/actions?state=accepted")["items"]:
        if one["by"] == by:
            found: str = one["childId"]
            return found
    return None


def children_of(world: World, grid: str, number: int) -> list[Mapping[str, Any]]:
    """Return what was pressed, once all of it has succeeded."""
    pressed = world.api(f"/actions?task={grid}&state=accepted")["items"]
    done = [one for one in pressed if world.task(one["childId"])["status"] == "SUCCESS"]
    return done if len(done) == number else []


def answered_in_its_thread(world: World, child: str) -> None:
    """The new task's message answers the one whose button was clicked."""

    def replies() -> list[str]:
        return [one for one in world.messages(CHAT) if "reply_parameters" in one]

    reply = until(replies, within_s=60, what=lambda: f"a reply about {child}")[0]
    assert re.search(r'"message_id": ?1001', reply)


def pictures_are_kept(
    world: World, page: Page, grid: str, children: list[Mapping[str, Any]]
) -> None:
    """The page of the task shows its picture and its tree when the gateway serves none any more."""

    def gone() -> bool:
        url = world.task(grid)["imageUrl"]
        return httpx.get(url, trust_env=False).status_code != 200

    until(gone, within_s=60, what="the picture's URL has expired")
    until(lambda: world.task(grid)["archived"], within_s=60, what="it is kept")
    page.goto(f"/tasks/main/{grid}")
    picture = page.locator(".picture img").first
    expect(picture).to_have_attribute("src", re.compile("/files/[0-9a-f]{64}"))
    loaded = "image => image.complete && image.naturalWidth > 0"
    until(lambda: picture.evaluate(loaded), within_s=30, what="the picture is shown")
    for one in children:
        expect(page.get_by_role("link", name=str(one["childId"])).first).to_be_visible()
    page.get_by_role("link", name=str(children[0]["childId"])).first.click()
    expect(page.locator(".lineage a").first).to_be_visible()
