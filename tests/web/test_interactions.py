"""Clicks at the real process: proven ones press once and are answered at once, all others do nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from bridge.app.click_marks import Marks
from bridge.app.links import LinkSource
from bridge.app.lookup import Lookup
from bridge.app.views.actions import Action
from bridge.channels.interaction import Interaction
from bridge.channels.slack import inbound as slack
from bridge.channels.strings import STRINGS
from bridge.core.action import ActionState
from bridge.core.button import Button
from bridge.core.task import TaskKey
from bridge.core.token import Purpose, TokenKeys
from bridge.errors import StoreUnavailable
from bridge.settings import endpoint_settings
from bridge.web.interactions import telegram_secrets
from tests.channels.cases import DONE, GRID_BUTTONS, JOB
from tests.channels.test_inbound import attacks
from tests.contract.bench import Bench
from tests.platforms import clicks
from tests.receivers import Connection, Receiver, receiver
from tests.waiting import within
from tests.web.dashboard.scene import Scene
from tests.web.pressing import FakeActions
from tests.web.site import Site, open_site

SECRET = "a-secret-of-this-deployment"
KEYS = TokenKeys([SECRET])
TASK = TaskKey("default", "1732257600123456")
U1 = GRID_BUTTONS[0].custom_id
V1 = next(one.custom_id for one in GRID_BUTTONS if one.label == "V1")
ZOOM = Button.of(f"MJ::CustomZoom::1::{JOB}", "Custom Zoom", None)
PATHS = {
    "slack": "/interactions/slack",
    "discord": "/interactions/discord",
    "telegram": "/interactions/telegram/telegram",
}
UNAVAILABLE = STRINGS["en"].unavailable
#: Seconds in which what is not proven is refused, a click is answered, and its message says who clicked.
REFUSED_WITHIN_S, ANSWERED_WITHIN_S, SHOWN_WITHIN_S = 0.05, 0.5, 1.0
platforms = pytest.mark.parametrize("platform", PATHS)


async def takes_everything(
    connection: Connection, *, answers: list[bytes] | None = None
) -> None:
    """
    A platform that does what it is asked to, unless its next answers are something else.

    An answer that is empty never comes.
    """
    while await connection.request() is not None:
        status = answers.pop(0) if answers else b"200 OK"
        if not status:
            await connection.gone()
            return
        body = b'{"ok":true,"result":{"message_id":1001},"id":"400","ts":"1.1","channel":"C0123456789"}'
        length = f"\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        await connection.say(b"HTTP/1.1 " + status + length + body)


class World:
    """The process, the platforms behind it, and what is pressed."""

    def __init__(self, site: Site, chat: Receiver, actions: FakeActions) -> None:
        self.site, self.chat, self.actions = site, chat, actions
        self.url = f"http://127.0.0.1:{chat.port}"
        self._unpressed = iter(GRID_BUTTONS)

    def token(self, platform: str, custom_id: str = U1, **changes: Any) -> str:
        given: dict[str, Any] = {
            "endpoint": platform,
            "expires": time.time() + 3600,
            "custom_id": custom_id,
        }
        return KEYS.sign(Purpose(platform), TASK, **(given | changes))

    def click(self, platform: str, token: str, **changes: Any) -> clicks.Click:
        if platform == "slack":
            changes = {"response_url": f"{self.url}/actions/1"} | changes
            return clicks.slack(clicks.slack_payload(token, **changes))
        if platform == "discord":
            return clicks.discord(clicks.discord_payload(token, **changes))
        endpoint = endpoint_settings(
            kind="telegram", url=f"{self.url}/bot1:abc", chat_id="7"
        ).to_endpoint("telegram")
        [secret] = telegram_secrets(KEYS, endpoint)
        return clicks.telegram(clicks.telegram_payload(token, **changes), secret=secret)

    async def send(self, platform: str, click: clicks.Click) -> httpx.Response:
        body, headers = click
        raw = [
            (k.encode(), v.encode("utf-8", "surrogatepass")) for k, v in headers.items()
        ]
        return await self.site.http.post(PATHS[platform], content=body, headers=raw)

    async def press(
        self, platform: str, button: str = U1, **changes: Any
    ) -> httpx.Response:
        return await self.send(
            platform, self.click(platform, self.token(platform, button), **changes)
        )

    async def press_another(self, platform: str) -> tuple[Button, httpx.Response]:
        """Press a button that nobody has pressed yet."""
        button = next(self._unpressed)
        changes = {} if platform == "slack" else {"id": button.custom_id}
        return button, await self.press(platform, button.custom_id, **changes)

    async def refuses(self, platform: str, click: clicks.Click) -> int:
        """Send what is to be refused; return the status, which has to come at once."""
        answer = await within(REFUSED_WITHIN_S, partial(self.send, platform, click))
        return answer.status_code

    def said(self) -> str:
        """All that the platforms were sent."""
        texts = []
        for one in self.chat.requests:
            try:
                texts.append(json.dumps(json.loads(one.body), ensure_ascii=False))
            except ValueError:
                texts.append(one.body.decode(errors="replace"))
        return "\n".join(
            f"{one.line} {text}"
            for one, text in zip(self.chat.requests, texts, strict=True)
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.02)


@dataclass(kw_only=True)
class Chat:
    """
    The platforms behind a process, all at one address.

    Attributes:
        answers: To the next requests; then all is taken.
    """

    receiver: Receiver
    answers: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def platforms_behind() -> AsyncIterator[Chat]:
    answers: list[bytes] = []
    async with receiver(partial(takes_everything, answers=answers)) as opened:
        yield Chat(receiver=opened, answers=answers)


def native_endpoints(chat: Chat, **more: Any) -> dict[str, dict[str, Any]]:
    """An endpoint of each platform, by the platform's name, and another one of the same bot."""
    url = f"http://127.0.0.1:{chat.receiver.port}"
    native = {"buttons": "native", **more}
    return {
        "slack": {
            "kind": "slack",
            "url": f"{url}/services/T0000/B0/x",
            "signing_secret": clicks.SIGNING_SECRET,
            **native,
        },
        "discord": {
            "kind": "discord",
            "url": f"{url}/api/webhooks/1/x",
            "public_key": clicks.PUBLIC_KEY,
            **native,
        },
        "telegram": {
            "kind": "telegram",
            "url": f"{url}/bot1:abc",
            "chat_id": "7",
            **native,
        },
        "news": {
            "kind": "telegram",
            "url": f"{url}/bot1:abc",
            "chat_id": "8",
            **native,
        },
    }


@asynccontextmanager
async def process(
    bench: Bench, redis_url: str, chat: Chat, actions: FakeActions, **more: Any
) -> AsyncIterator[World]:
    """Run the process, in front of some platforms."""
    await Scene(bench).see(
        replace(DONE, buttons=(*GRID_BUTTONS, ZOOM)), upstream="default"
    )
    endpoints = native_endpoints(chat, **more)
    async with open_site(
        redis_url,
        bench.namespace,
        actions=actions,
        secret_key=[SECRET],
        api_token="a-long-random-token",
        endpoints=endpoints,
    ) as site:
        yield World(site, chat.receiver, actions)


@asynccontextmanager
async def world(bench: Bench, redis_url: str, **more: Any) -> AsyncIterator[World]:
    async with (
        platforms_behind() as chat,
        process(bench, redis_url, chat, FakeActions(), **more) as opened,
    ):
        yield opened


@pytest.fixture
async def there(bench: Bench, redis_url: str) -> AsyncIterator[World]:
    async with world(bench, redis_url) as opened:
        yield opened


# --- pressing -------------------------------------------------------------------------


@platforms
async def test_a_click_presses_and_the_message_says_who_and_then_what_came_of_it(
    there: World, platform: str
) -> None:
    async def click() -> Button:
        """Press, and wait until the message says who did."""
        button, answer = await there.press_another(platform)
        assert answer.status_code == 200
        await there.until(lambda: f"{button.label} · " in there.said())
        return button

    button = await within(SHOWN_WITHIN_S, click, tries=4)
    made = there.actions.presses[-1]
    assert (made.task, made.button) == (TASK, button.custom_id)
    assert made.by.startswith(f"{platform}:")
    action_id = [*there.actions.rows][-1]
    there.actions.comes_to(action_id, state=ActionState.ACCEPTED, child="99")

    await there.until(lambda: "✓ started" in there.said())


async def test_a_button_that_a_whole_channel_presses_changes_its_message_a_few_times(
    bench: Bench, there: World
) -> None:
    for _ in range(50):
        assert (await there.press("slack")).status_code == 200
    await there.until(lambda: len(there.actions.presses) == 50)
    [action_id] = there.actions.rows
    there.actions.comes_to(action_id, state=ActionState.ACCEPTED, child="99")

    await there.until(lambda: "✓ started" in there.said())
    followed = f"{{{bench.namespace}}}:followed"
    async with asyncio.timeout(30):
        while await bench.client.exists(followed):
            await asyncio.sleep(0.01)
    changes = [one for one in there.chat.requests if "/actions/1" in one.line]
    assert (
        0 < len(changes) < 50
    )  # with one a click and one for what came of it, a hundred


async def test_somebody_whose_name_cannot_be_written_presses(there: World) -> None:
    user = {"id": "U0ADA", "username": "ada \ud83d", "team_id": "T0000"}
    await there.press("slack", user=user)

    await there.until(lambda: "ada \ufffd" in there.said())
    assert [made.button for made in there.actions.presses] == [U1]


@platforms
async def test_a_click_is_answered_at_once_while_the_upstream_takes_its_time(
    there: World, platform: str
) -> None:
    there.actions.takes_any.clear()

    _, answer = await within(ANSWERED_WITHIN_S, partial(there.press_another, platform))
    before = list(there.actions.presses)
    there.actions.takes_any.set()

    assert (answer.status_code, before) == (200, [])
    await there.until(lambda: bool(there.actions.presses))


@platforms
async def test_a_click_is_answered_and_presses_at_once_while_the_platform_takes_its_time(
    bench: Bench, redis_url: str, platform: str
) -> None:
    async with (
        platforms_behind() as chat,
        process(bench, redis_url, chat, FakeActions()) as there,
    ):
        chat.answers[:] = [b""] * 100
        press = partial(there.press_another, platform)
        _, answer = await within(ANSWERED_WITHIN_S, press)

        assert answer.status_code == 200
        await there.until(lambda: bool(there.actions.presses))


async def test_a_click_that_was_answered_is_pressed_though_the_process_ends(
    bench: Bench, redis_url: str
) -> None:
    actions = FakeActions()
    async with (
        platforms_behind() as chat,
        process(bench, redis_url, chat, actions) as there,
    ):
        actions.takes_any.clear()
        await there.press("slack")
        asyncio.get_running_loop().call_later(0.2, actions.takes_any.set)

    assert [one.button for one in actions.presses] == [U1]


async def test_a_press_that_cannot_be_written_down_is_said_and_leaves_the_buttons(
    there: World,
) -> None:
    there.actions.fails["press"] = [StoreUnavailable()]
    await there.press("slack")

    await there.until(lambda: UNAVAILABLE in there.said())
    assert 'replace_original": true' not in there.said()


async def test_a_press_that_was_written_down_is_not_said_to_have_failed(
    bench: Bench, there: World
) -> None:
    there.actions.fails["find"] = [StoreUnavailable()]
    await there.press("slack")
    await there.until(
        lambda: bool(there.actions.rows and not any(there.actions.fails.values()))
    )
    [action_id] = there.actions.rows
    there.actions.comes_to(action_id, state=ActionState.ACCEPTED, child="99")

    await bench.client.delete(f"{{{bench.namespace}}}:kept:following:{action_id}")
    await there.until(lambda: "✓ started" in there.said())
    assert UNAVAILABLE not in there.said()


async def test_a_mistake_of_ours_is_logged(there: World) -> None:
    there.actions.fails["press"] = [ZeroDivisionError()]
    with capture_logs() as logs:
        await there.press("slack")

        await there.until(lambda: "click.failed" in [entry["event"] for entry in logs])


@platforms
async def test_a_click_that_is_sent_again_presses_once(
    there: World, platform: str
) -> None:
    click = there.click(platform, there.token(platform))

    answers = [await there.send(platform, click) for _ in range(3)]

    assert {one.status_code for one in answers} == {200}
    # What came later, and has more to do, is done after all of these.
    changes = {"id": "another"} if platform == "telegram" else {}
    other = there.click(platform, there.token(platform, V1), **changes)
    await there.send(platform, other)
    await there.until(lambda: V1 in [one.button for one in there.actions.presses])
    assert [one.button for one in there.actions.presses] == [U1, V1]


@pytest.mark.parametrize("platform", ["slack", "discord"])
async def test_a_refusal_is_said_where_a_click_can_be_answered_twice(
    there: World, platform: str
) -> None:
    there.actions.refuses = "Banned prompt"
    await there.press(platform)

    await there.until(lambda: "Banned prompt" in there.said())


@platforms
async def test_an_old_button_works_at_a_process_that_was_started_since(
    bench: Bench, redis_url: str, platform: str
) -> None:
    async with world(bench, redis_url) as before:
        token = before.token(platform)
    async with world(bench, redis_url) as after:
        await after.send(platform, after.click(platform, token))
        await after.until(lambda: bool(after.actions.presses))


async def test_a_message_says_what_came_of_a_press_though_its_process_has_ended(
    bench: Bench, redis_url: str
) -> None:
    key = f"{{{bench.namespace}}}:followed"
    buttons = [one.custom_id for one in GRID_BUTTONS[: len(PATHS)]]
    async with platforms_behind() as chat:
        actions = FakeActions()
        async with process(bench, redis_url, chat, actions) as before:
            for platform, button in zip(PATHS, buttons, strict=True):
                token = before.token(platform, button)
                await before.send(platform, before.click(platform, token))
            async with asyncio.timeout(30):
                while len(kept := await bench.client.hgetall(key)) < len(PATHS):
                    await asyncio.sleep(0.01)
        ids = [*map(str, kept)]
        await bench.client.hset(key, "act_gone", next(iter(kept.values())))
        for action_id in ids:
            actions.comes_to(action_id, state=ActionState.ACCEPTED, child="99")

        async with process(bench, redis_url, chat, actions) as after:
            # It may be one that only does not answer, for as long as these are there.
            for action_id in ids:
                lease = f"{{{bench.namespace}}}:kept:following:{action_id}"
                await bench.client.delete(lease)
            await after.until(lambda: all_say(after, "✓ started"))
            async with asyncio.timeout(30):
                while await bench.client.exists(key):
                    await asyncio.sleep(0.01)


async def test_a_press_that_cannot_be_followed_costs_no_other_one(
    bench: Bench, redis_url: str
) -> None:
    class Mistaken(FakeActions):
        async def find(self, action_id: str) -> Action | None:
            if action_id == "act_mistake":
                raise ZeroDivisionError
            return await super().find(action_id)

    actions, key = Mistaken(), f"{{{bench.namespace}}}:followed"
    kept: dict[Any, Any] = {}
    async with platforms_behind() as chat:
        async with process(bench, redis_url, chat, actions) as before:
            await before.press("slack")
            async with asyncio.timeout(10):
                while not kept:
                    kept = await bench.client.hgetall(key)
        [(action_id, text)] = kept.items()
        newer = json.loads(text) | {"task": 5}
        row = replace(actions.rows[str(action_id)], id="act_newer")
        actions.rows["act_newer"] = row
        await bench.client.hset(key, "act_newer", json.dumps(newer))
        await bench.client.hset(key, "act_mistake", text)
        actions.comes_to(str(action_id), state=ActionState.ACCEPTED, child="99")
        await bench.client.delete(f"{{{bench.namespace}}}:kept:following:{action_id}")

        async with process(bench, redis_url, chat, actions) as after:
            await after.until(lambda: "✓ started" in after.said())
            async with asyncio.timeout(10):
                while list(await bench.client.hkeys(key)) != ["act_mistake"]:
                    await asyncio.sleep(0.01)


def all_say(world: World, words: str) -> bool:
    """Whether a message on each platform was changed to say something."""
    changes = [one for one in world.said().splitlines() if words in one]
    places = ("/actions/1", "/messages/400", "editMessageReplyMarkup")
    return all(any(place in one for one in changes) for place in places)


async def test_a_platform_in_trouble_is_sent_the_change_again(
    bench: Bench, redis_url: str
) -> None:
    actions = FakeActions()
    async with (
        platforms_behind() as chat,
        process(bench, redis_url, chat, actions) as there,
    ):
        chat.answers[:] = [b"200 OK", b"429 Too Many Requests", b"502 Bad Gateway"]
        await there.press("slack")
        await there.until(lambda: bool(actions.rows))
        [action_id] = actions.rows
        actions.comes_to(action_id, state=ActionState.ACCEPTED, child="99")
        await there.until(
            lambda: sum("✓ started" in one for one in there.said().splitlines()) == 3
        )


# --- one at a time --------------------------------------------------------------------


class OneMessage:
    """A message whose buttons a process changes, in the place of the platform."""

    lease = "mark:slack:1795329601.000200"

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.endpoint = endpoint_settings(
            kind="slack", url="https://hooks.slack.com/services/T0000/B0/x"
        ).to_endpoint("slack")

    async def mark(self, send: Callable[[], Awaitable[bool]]) -> bool:
        await Scene(self.bench).see(DONE, upstream="default")

        async def secrets() -> list[str]:
            return [SECRET]

        marks = Marks(
            actions=FakeActions(),
            links=LinkSource(
                secrets=secrets, texts=self.bench.texts, public_url=None, ttl=60.0
            ),
            lookup=Lookup(
                self.bench.queries, upstreams=["default"], endpoints=["slack"]
            ),
            texts=self.bench.texts,
            send=lambda _endpoint, _request: send(),
            now=time.time,
            marking=3.0,
        )
        click = slack.payload(clicks.slack_payload("x"))
        assert isinstance(click, Interaction)
        return await marks.mark(self.endpoint, slack, click, TASK)


async def test_a_change_of_a_message_ends_before_another_process_may_change_it(
    bench: Bench,
) -> None:
    message = OneMessage(bench)
    held = []

    async def never_answers() -> bool:
        try:
            return await asyncio.Event().wait()
        finally:
            held.append(await bench.texts.kept(message.lease))

    async with asyncio.timeout(10):
        assert not await message.mark(never_answers)
    assert held
    assert held[0] is not None
    assert await bench.texts.kept(message.lease) is None


async def test_a_message_that_another_process_changes_by_now_is_left_to_it(
    bench: Bench,
) -> None:
    message = OneMessage(bench)

    async def sleeps_too_long() -> bool:
        await bench.texts.keep(message.lease, "another process", 60.0)
        return True

    assert await message.mark(sleeps_too_long)
    assert await bench.texts.kept(message.lease) == "another process"


# --- nothing is ignored, and nothing is pressed by those who may not -------------------


@platforms
async def test_somebody_who_may_not_press_is_told_so_and_presses_nothing(
    bench: Bench, redis_url: str, platform: str
) -> None:
    async with world(bench, redis_url, pressers=["U_ELSE", "role:99"]) as there:
        answer = await there.press(platform)
        await there.until(lambda: "You may not press" in answer.text + there.said())
        assert there.actions.presses == []
        counted = (
            f'mjbridge_clicks_total{{endpoint="{platform}",outcome="not_allowed"}} 1.0'
        )
        async with asyncio.timeout(30):
            while counted not in (await there.site.http.get("/metrics")).text:
                await asyncio.sleep(0.1)


@platforms
async def test_a_presser_is_one_by_id_or_by_role(
    bench: Bench, redis_url: str, platform: str
) -> None:
    async with world(bench, redis_url, pressers=["U0ADA", "role:7", "500"]) as there:
        await there.press(platform)
        await there.until(lambda: bool(there.actions.presses))


@platforms
async def test_a_button_that_does_not_work_says_so_privately(
    there: World, platform: str
) -> None:
    tokens = {
        "expired": there.token(platform, expires=time.time() - 1),
        "another purpose": KEYS.sign(
            Purpose.LINK, TASK, endpoint=platform, expires=time.time() + 60
        ),
        "another endpoint": there.token(platform, endpoint="other"),
        "gibberish": "x" * 40,
    }
    for number, (how, token) in enumerate(tokens.items()):
        before = there.said()
        changes = {"id": f"{number}"} if platform != "slack" else {}

        answer = await there.send(platform, there.click(platform, token, **changes))

        await there.until(
            lambda answer=answer, before=before: (  # type: ignore[misc]
                "does not work any more"
                in answer.text + there.said().removeprefix(before)
            )
        )
        assert there.actions.presses == [], how


@pytest.mark.parametrize(
    ("platform", "elsewhere"),
    [
        ("discord", {"message": {"id": "400", "webhook_id": "2"}}),
        ("telegram", {"message": {"message_id": 1, "chat": {"id": 8}}}),
    ],
)
async def test_a_click_from_elsewhere_presses_nothing(
    there: World, platform: str, elsewhere: dict[str, Any]
) -> None:
    answer = await there.press(platform, **elsewhere)

    assert answer.status_code == 200
    await there.until(lambda: "does not work any more" in answer.text + there.said())
    assert there.actions.presses == []


async def test_a_click_may_come_to_the_address_of_another_endpoint_of_its_bot(
    there: World,
) -> None:
    token = there.token("telegram", endpoint="news")
    message = {"message_id": 1001, "chat": {"id": 8, "type": "group"}}
    await there.send("telegram", there.click("telegram", token, message=message))

    await there.until(lambda: bool(there.actions.presses))


async def test_a_button_that_asks_opens_a_form_and_the_form_presses(
    there: World,
) -> None:
    token = there.token("discord", ZOOM.custom_id)
    opened = await there.send("discord", there.click("discord", f"{token}?"))
    assert opened.json()["type"] == 9
    [row] = opened.json()["data"]["components"]
    assert row["components"][0]["value"] == DONE.prompt

    typed = [
        {
            "type": 1,
            "components": [{"type": 4, "custom_id": "prompt", "value": "a dog"}],
        }
    ]
    form = {"custom_id": token, "components": typed}
    await there.send("discord", there.click("discord", token, type=5, data=form))

    await there.until(lambda: bool(there.actions.presses))
    assert there.actions.presses[0].prompt == "a dog"


# --- attacks --------------------------------------------------------------------------


async def test_an_attack_is_refused(there: World) -> None:
    answers = {
        name: await there.refuses(platform, click)
        for name, (platform, click) in attacks().items()
    }

    assert answers == dict.fromkeys(attacks(), 401)
    assert there.actions.presses == []


async def test_a_click_that_is_too_old_or_of_the_future_is_refused(
    there: World,
) -> None:
    # 300 s are allowed; a busy machine may take some of those that are too many.
    for at in (time.time() - 301, time.time() + 330):
        slack = clicks.slack(clicks.slack_payload(there.token("slack")), at=at)
        discord = clicks.discord(clicks.discord_payload(there.token("discord")), at=at)
        assert await there.refuses("slack", slack) == 401
        assert await there.refuses("discord", discord) == 401


async def test_two_signature_headers_are_one_too_many(there: World) -> None:
    body, headers = there.click("slack", there.token("slack"))
    both = [*headers.items(), ("x-slack-signature", "v0=00")]

    twice = partial(there.site.http.post, PATHS["slack"], content=body, headers=both)
    answer = await within(REFUSED_WITHIN_S, twice)

    assert answer.status_code == 401


async def test_only_a_post_is_taken_and_none_of_ten_megabytes(there: World) -> None:
    for path in PATHS.values():
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            ask = partial(there.site.http.request, method, path)
            answer = await within(REFUSED_WITHIN_S, ask)
            assert answer.status_code == 405, (method, path)

        send = partial(there.site.http.post, path, content=b"x" * 10_000_000)
        large = await within(REFUSED_WITHIN_S, send)
        assert large.status_code == 413, path


async def test_discord_is_answered_its_ping_as_json(there: World) -> None:
    answer = await there.send("discord", clicks.discord({"type": 1}))

    assert answer.json() == {"type": 1}
    assert answer.headers["content-type"].startswith("application/json")


async def test_an_endpoint_that_does_not_exist_takes_nothing(there: World) -> None:
    body, headers = there.click("telegram", there.token("telegram"))

    answer = await there.site.http.post(
        "/interactions/telegram/other", content=body, headers=headers
    )

    assert answer.status_code == 401
