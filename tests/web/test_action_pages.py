"""Action links: pages that show one task, and press its buttons when a person does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest

from bridge.core.action import ActionState
from bridge.core.archive import Archived
from bridge.core.button import Button
from bridge.core.media import KeptFile
from bridge.core.task import TaskKey
from bridge.core.token import Purpose, TokenKeys, button_name, long_id
from tests.channels.cases import DONE as _DONE
from tests.channels.cases import GRID_BUTTONS, JOB, PICTURE_URL
from tests.contract.bench import Bench
from tests.waiting import within
from tests.web.dashboard.scene import Scene, running
from tests.web.pressing import FakeActions
from tests.web.site import TOKEN, Site, open_site

#: Whose picture does not expire.
DONE = replace(_DONE, image_url=PICTURE_URL)
SECRET = "a-secret-of-this-deployment"
KEYS = TokenKeys([SECRET])
TASK = TaskKey("default", "1732257600123456")
U1 = GRID_BUTTONS[0].custom_id
#: What a browser sends along with a form of our own page, which has no referrer.
FORM = {"sec-fetch-site": "same-origin", "origin": "null"}
#: Seconds in which a link that leads nowhere is answered.
NOWHERE_WITHIN_S = 0.05
READERS = [
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "TelegramBot (like TwitterBot)",
    "Twitterbot/1.0",
    "Mozilla/5.0 (Windows NT 10.0) SafeLinks",
    "Barracuda Sentinel (EE)",
]


def token_for(
    task: TaskKey = TASK,
    *,
    purpose: Purpose = Purpose.LINK,
    endpoint: str = "team",
    expires: float | None = None,
    custom_id: str | None = None,
    keys: TokenKeys = KEYS,
) -> str:
    until = time.time() + 3600 if expires is None else expires
    return keys.sign(
        purpose, task, endpoint=endpoint, expires=until, custom_id=custom_id
    )


@asynccontextmanager
async def pages(
    bench: Bench, redis_url: str, actions: FakeActions, **settings: Any
) -> AsyncIterator[Site]:
    settings = {
        "secret_key": [SECRET],
        "public_url": "http://bridge.example",
        "endpoints": {"team": {"kind": "teams", "url": "https://teams.example/x"}},
    } | settings
    async with open_site(
        redis_url, bench.namespace, actions=actions, **settings
    ) as opened:
        yield opened


@pytest.fixture
def actions() -> FakeActions:
    return FakeActions()


@pytest.fixture
async def site(
    bench: Bench, redis_url: str, actions: FakeActions
) -> AsyncIterator[Site]:
    await Scene(bench).see(DONE, upstream="default")
    async with pages(bench, redis_url, actions) as opened:
        yield opened


def seal_in(page: httpx.Response) -> str:
    found = re.search(r'name="seal" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


async def press(
    site: Site, token: str, custom_id: str = U1, **fields: str
) -> httpx.Response:
    """Read the page and press a button on it, as a browser does."""
    page = await site.http.get(f"/a/{token}")
    form = {"seal": seal_in(page), "button": button_name(custom_id), **fields}
    return await site.http.post(f"/a/{token}", data=form, headers=FORM)


# --- reading --------------------------------------------------------------------------


async def test_a_page_shows_picture_prompt_and_the_buttons(site: Site) -> None:
    page = await site.http.get(f"/a/{token_for()}")

    assert page.status_code == 200
    assert "a lighthouse in a storm" in page.text
    assert "lighthouse_1.png" in page.text
    for label in ("U1", "U4", "V1", "🔄"):
        assert f">{label}</button>" in page.text
    assert "MJ::" not in page.text


async def test_a_page_shows_the_picture_that_was_kept_when_the_others_url_has_expired(
    site: Site, bench: Bench
) -> None:
    url = f"http://bridge.example/files/{'ab' * 32}.png"
    kept = KeptFile(sha256="ab" * 32, bytes=1, type="image/png", url=url)
    expired = "https://cdn.discordapp.com/a/lighthouse.png?ex=60000000&is=5&hm=6"
    await Scene(bench).see(replace(DONE, image_url=expired, id="2"), upstream="default")
    token = token_for(TaskKey("default", "2"))
    before = await site.http.get(f"/a/{token}")
    archived = json.dumps(Archived(files=(kept,)).to_json())
    [key] = [
        one async for one in bench.client.scan_iter("*:task:default:2", _type="HASH")
    ]
    await bench.client.hset(key, "archived", archived)
    after = await site.http.get(f"/a/{token}")

    assert url not in before.text
    assert f'src="{url}"' in after.text


async def test_a_page_is_kept_by_nobody_and_leads_nobody_back(site: Site) -> None:
    page = await site.http.get(f"/a/{token_for()}")

    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in page.headers["x-robots-tag"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text


async def test_reading_changes_nothing_however_often(
    site: Site, actions: FakeActions
) -> None:
    for reader in READERS:
        headers = {"user-agent": reader}
        for _ in range(20):
            page = await site.http.get(f"/a/{token_for()}", headers=headers)
            assert page.is_success
        head = await site.http.head(f"/a/{token_for()}", headers=headers)

        assert head.status_code == 200
        assert "set-cookie" not in head.headers
        assert actions.presses == [], reader


@pytest.mark.parametrize("reader", READERS[1:5])
@pytest.mark.parametrize("previews", [False, True])
async def test_who_previews_links_gets_a_title_and_no_picture_unless_it_may(
    bench: Bench, redis_url: str, actions: FakeActions, reader: str, previews: bool
) -> None:
    await Scene(bench).see(DONE, upstream="default")
    async with pages(bench, redis_url, actions, links={"previews": previews}) as opened:
        page = await opened.http.get(
            f"/a/{token_for()}", headers={"user-agent": reader}
        )

    assert 'og:title" content="Choose what to do next"' in page.text
    assert ("lighthouse_1.png" in page.text) is previews
    assert "<form" not in page.text


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_page_speaks_its_visitors_language(site: Site, language: str) -> None:
    page = await site.http.get(
        f"/a/{token_for()}", headers={"accept-language": language}
    )

    assert f'<html lang="{language}"' in page.text
    assert ("选择下一步" in page.text) is (language == "zh")


async def test_a_hostile_prompt_is_text(
    bench: Bench, redis_url: str, actions: FakeActions
) -> None:
    prompt = '"><img src=x onerror=alert(1)> {{7*7}} \u202e'
    label = "<b>x</b>"
    nasty = replace(
        DONE, prompt=prompt, buttons=(Button.of(U1, label, None), *GRID_BUTTONS[1:])
    )
    await Scene(bench).see(nasty, upstream="default")
    async with pages(bench, redis_url, actions) as opened:
        page = await opened.http.get(f"/a/{token_for()}")

    assert "<img src=x" not in page.text
    assert "49" not in page.text.partition("{{7*7}}")[0][-10:]
    assert "<b>x</b>" not in page.text


# --- links that lead nowhere ----------------------------------------------------------


def wrong_tokens() -> dict[str, str]:
    valid = token_for()
    return {
        "expired": token_for(expires=time.time() - 1),
        "forged": valid[:-1] + ("A" if valid[-1] != "A" else "Q"),
        "cut short": valid[:30],
        "longer": f"{valid}AA",
        "of another purpose": token_for(purpose=Purpose.SLACK, custom_id=U1),
        "of another deployment": token_for(keys=TokenKeys(["another-secret-key-1"])),
        "of a task that nobody knows": token_for(TaskKey("default", "17")),
        "of an upstream that is gone": token_for(TaskKey("gone", TASK.id)),
        "of an endpoint that is gone": token_for(endpoint="gone"),
        "empty": "",
        "a path": f"../{valid}",
        "not ASCII": "é" * 20,
        "long": "A" * 4000,
        "an id that is not kept": token_for(TaskKey("default", "abc")),
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_every_link_that_leads_nowhere_leads_to_the_same_page(
    site: Site, actions: FakeActions, method: str
) -> None:
    def address(token: str) -> httpx.URL:
        written = httpx.URL(path=f"/{token}").raw_path[1:].decode()
        return httpx.URL(site.url, raw_path=f"/a/{written}".encode())

    answers = {
        name: await within(
            NOWHERE_WITHIN_S, partial(site.http.request, method, address(token))
        )
        for name, token in wrong_tokens().items()
        if name != "a path"
    }

    assert {answer.status_code for answer in answers.values()} == {404}
    assert len({answer.text for answer in answers.values()}) == 1
    names = {frozenset(answer.headers) for answer in answers.values()}
    assert len(names) == 1
    assert actions.presses == []


async def test_an_id_that_is_no_number_is_found_again(
    bench: Bench, redis_url: str, actions: FakeActions
) -> None:
    task = TaskKey("default", "task_0a1b2c3d-4e5f-6789-abcd-ef0123456789")
    name = long_id(task)
    assert name is not None
    await Scene(bench).see(replace(DONE, id=task.id), upstream="default")
    await bench.texts.keep(f"id:{name}", task.id, 60.0)
    async with pages(bench, redis_url, actions) as opened:
        page = await opened.http.get(f"/a/{token_for(task)}")

    assert page.status_code == 200


async def test_while_keys_are_rotated_old_links_lead_on(
    bench: Bench, redis_url: str, actions: FakeActions
) -> None:
    await Scene(bench).see(DONE, upstream="default")
    keys = ["a-new-secret-of-all-this", SECRET]
    async with pages(bench, redis_url, actions, secret_key=keys) as opened:
        page = await opened.http.get(f"/a/{token_for()}")

    assert page.status_code == 200


# --- pressing -------------------------------------------------------------------------


async def test_a_press_waits_to_be_undone(site: Site, actions: FakeActions) -> None:
    token = token_for()

    answer = await press(site, token)
    page = await site.http.get(f"/a/{token}")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/a/{token}")
    [made] = actions.presses
    assert (made.task, made.button, made.by, made.delay_s) == (TASK, U1, "link", 5.0)
    assert "Will be pressed in a moment." in page.text
    assert page.headers["refresh"]

    [action_id] = actions.rows
    form = {"seal": seal_in(page), "undo": action_id}
    await site.http.post(f"/a/{token}", data=form, headers=FORM)

    assert actions.rows[action_id].state is ActionState.CANCELLED
    assert "Undone; nothing was pressed." in (await site.http.get(f"/a/{token}")).text


async def test_afterwards_the_page_says_who_pressed_what_and_shows_the_child(
    bench: Bench, site: Site, actions: FakeActions
) -> None:
    token = token_for()
    await press(site, token)
    [action_id] = actions.rows
    actions.comes_to(
        action_id, state=ActionState.ACCEPTED, child="99", by="slack:U0ADA"
    )
    await Scene(bench).see(running("99", 40), upstream="default")

    page = await site.http.get(f"/a/{token}")

    assert re.search(r"<b>U1</b> <span[^>]*>U0ADA", page.text)
    assert "In progress" in page.text
    assert 'value="40"' in page.text
    assert page.headers["refresh"]
    assert re.search(r'value="[0-9a-f]{12}" disabled>U1<', page.text)


async def test_a_press_that_is_refused_says_why_on_the_page(
    site: Site, actions: FakeActions
) -> None:
    actions.refuses = "Banned prompt: <b>x</b>"

    answer = await press(site, token_for())

    assert answer.status_code == 409
    assert "Banned prompt: &lt;b&gt;x&lt;/b&gt;" in answer.text


async def test_a_button_that_asks_gets_the_prompt(
    bench: Bench, redis_url: str, actions: FakeActions
) -> None:
    zoom = Button.of(f"MJ::CustomZoom::1::{JOB}", "Custom Zoom", None)
    await Scene(bench).see(replace(DONE, buttons=(zoom,)), upstream="default")
    async with pages(bench, redis_url, actions) as opened:
        await press(opened, token_for(), zoom.custom_id, prompt="wider --zoom 1.8")

    assert actions.presses[0].prompt == "wider --zoom 1.8"


FORGERIES: dict[str, Any] = {
    "no cookie": {"cookie": False},
    "another cookie": {"cookie": "A" * 22},
    "no seal": {"seal": ""},
    "another page's seal": {"seal": KEYS.seal(Purpose.FORM, "A" * 22, "other")},
    "from another site": {"headers": {"sec-fetch-site": "cross-site"}},
    "from a sibling site": {"headers": {"sec-fetch-site": "same-site"}},
    "typed in": {"headers": {"sec-fetch-site": "none"}},
    "of another origin": {"headers": {"origin": "https://evil.example"}},
    "as JSON": {"headers": {"content-type": "application/json"}},
    "as text": {"headers": {"content-type": "text/plain"}},
}


@pytest.mark.parametrize("how", sorted(FORGERIES))
async def test_a_form_that_is_not_the_pages_own_presses_nothing(
    site: Site, actions: FakeActions, how: str
) -> None:
    token, forged = token_for(), FORGERIES[how]
    page = await site.http.get(f"/a/{token}")
    form = {"seal": forged.get("seal", seal_in(page)), "button": button_name(U1)}
    if "cookie" in forged:
        site.http.cookies.clear()
        if forged["cookie"]:
            site.http.cookies.set("mjbridge-a", forged["cookie"])

    answer = await site.http.post(
        f"/a/{token}", data=form, headers=FORM | forged.get("headers", {})
    )

    assert answer.status_code == 403
    assert actions.presses == []


async def test_a_form_larger_than_ours_presses_nothing(
    site: Site, actions: FakeActions
) -> None:
    answer = await press(site, token_for(), prompt="x" * 100_000)

    assert answer.status_code == 403
    assert actions.presses == []


async def test_a_button_of_another_task_is_not_pressed(
    site: Site, actions: FakeActions
) -> None:
    answer = await press(site, token_for(), "MJ::JOB::upsample::1::another")

    assert answer.status_code == 409
    assert actions.presses == []


async def test_a_press_of_another_task_is_not_undone(
    site: Site, actions: FakeActions
) -> None:
    other, _ = await actions.press(TaskKey("default", "5"), U1, by="api")
    page = await site.http.get(f"/a/{token_for()}")
    form = {"seal": seal_in(page), "undo": other.id}

    await site.http.post(f"/a/{token_for()}", data=form, headers=FORM)

    assert actions.rows[other.id].state is ActionState.PENDING


# --- who may ------------------------------------------------------------------------


async def test_a_link_needs_no_token_unless_it_shall(
    bench: Bench, redis_url: str, actions: FakeActions
) -> None:
    await Scene(bench).see(DONE, upstream="default")
    for login, status in ((False, 200), (True, 401)):
        async with pages(
            bench, redis_url, actions, api_token=TOKEN, links={"login": login}
        ) as opened:
            page = await opened.http.get(
                f"/a/{token_for()}", headers={"accept": "text/html"}
            )
            assert page.status_code == status
            answer = await opened.http.post(
                f"/a/{token_for()}", data={}, headers=FORM | {"accept": "text/html"}
            )
            assert answer.status_code == (401 if login else 403)


async def test_who_has_signed_in_presses_where_links_ask_for_it(
    bench: Bench, redis_url: str, actions: FakeActions
) -> None:
    await Scene(bench).see(DONE, upstream="default")
    async with pages(
        bench, redis_url, actions, api_token=TOKEN, links={"login": True}
    ) as opened:
        await opened.http.post("/signin", json={"token": TOKEN})
        answer = await press(opened, token_for())

    assert answer.status_code == 303
    assert len(actions.presses) == 1
