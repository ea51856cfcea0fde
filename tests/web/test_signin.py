"""Where there is a token, everything but a few doors needs it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from bridge.web.signin import WrongTries, visitor_of
from tests.web.site import TOKEN, Site, open_site

PAGE = {"x-requested-with": "mjbridge"}
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def sign_in(site: Site, token: str = TOKEN, **headers: str) -> httpx.Response:
    return await site.http.post("/signin", json={"token": token}, headers=headers)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
async def test_without_the_token_nothing_is_told(
    closed_site: Site, method: str
) -> None:
    for path in ("/", "/api/v1/tasks", "/api/v1/stream", "/nowhere"):
        answer = await closed_site.http.request(method, path)

        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer "), path


@pytest.mark.parametrize(
    ("path", "accept", "shown"),
    [
        ("/", "text/html,*/*;q=0.8", "text/html"),
        ("/tasks/1", "*/*", "text/html"),
        ("/", "application/json", "application/problem+json"),
        ("/api/docs", "text/html", "text/html"),
        ("/api/v1/tasks", "text/html,*/*;q=0.8", "application/problem+json"),
    ],
)
async def test_pages_ask_to_sign_in_and_the_api_answers_no_html(
    closed_site: Site, path: str, accept: str, shown: str
) -> None:
    answer = await closed_site.http.get(path, headers={"accept": accept})

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith(shown)


async def test_probes_and_scrapers_need_no_token(closed_site: Site) -> None:
    paths = ("/healthz", "/readyz", "/metrics")
    answered = [(await closed_site.http.get(one)).status_code for one in paths]

    assert 401 not in answered


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xff",
    ],
)
async def test_another_token_is_refused(closed_site: Site, shown: str) -> None:
    answer = await closed_site.http.get(
        "/api/v1/tasks", headers={b"authorization": shown.encode("latin-1")}
    )

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert TOKEN not in answer.text


async def test_the_token_opens_everything(closed_site: Site) -> None:
    answer = await closed_site.http.get("/api/v1/openapi.json", headers=BEARER)

    assert answer.status_code == 200


async def test_without_a_token_in_the_settings_everything_is_open(site: Site) -> None:
    assert (await site.http.get("/api/v1/openapi.json")).status_code == 200
    assert (await sign_in(site)).status_code == 204


# --- sessions -------------------------------------------------------------------------


async def test_a_browser_signs_in_and_out(closed_site: Site) -> None:
    answer = await sign_in(closed_site)

    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 204
    assert cookie.startswith("mjbridge=")
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    assert (await closed_site.http.get("/api/v1/openapi.json")).status_code == 200

    await closed_site.http.post("/signout")

    assert (await closed_site.http.get("/api/v1/openapi.json")).status_code == 401


async def test_behind_https_the_cookie_is_bound_to_the_host(
    redis_url: str, namespace: str
) -> None:
    public = "https://bridge.example.com"
    async with open_site(
        redis_url, namespace, api_token=TOKEN, public_url=public
    ) as site:
        answer = await sign_in(site, host="bridge.example.com")

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-mjbridge=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    "settings",
    [
        {"api_token": "another-long-random-token"},
        {"api_token": TOKEN, "secret_key": ["another-long-random-text"]},
    ],
)
async def test_another_token_or_secret_ends_every_session(
    redis_url: str, namespace: str, settings: dict[str, Any]
) -> None:
    async with open_site(redis_url, namespace, api_token=TOKEN) as before:
        signed = (await sign_in(before)).cookies["mjbridge"]
    async with open_site(redis_url, namespace, **settings) as after:
        answer = await after.http.get(
            "/api/v1/openapi.json", headers={"cookie": f"mjbridge={signed}"}
        )

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "secrets", [((), ()), (["the-first-secret-key"], ["a-newer-secret-key", "the-first-secret-key"])]
)  # fmt: skip
async def test_every_process_knows_the_sessions_of_the_others(
    redis_url: str, namespace: str, secrets: tuple[list[str], list[str]]
) -> None:
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                open_site(redis_url, namespace, api_token=TOKEN, secret_key=mine)
            )
            for mine in secrets
        ]
        signed = (await sign_in(one)).cookies["mjbridge"]
        answer = await other.http.get(
            "/api/v1/openapi.json", headers={"cookie": f"mjbridge={signed}"}
        )

    assert answer.status_code == 200


@pytest.mark.parametrize("change", ["cut", "flipped", "empty", "other purpose"])
async def test_a_cookie_that_was_not_signed_here_is_worth_nothing(
    closed_site: Site, change: str
) -> None:
    signed = (await sign_in(closed_site)).cookies["mjbridge"]
    changed = {
        "cut": signed[:-1],
        "flipped": signed[:-2] + ("A" if signed[-2] != "A" else "B") + signed[-1],
        "empty": "",
        "other purpose": signed.replace("session", "picture"),
    }[change]
    closed_site.http.cookies.clear()

    answer = await closed_site.http.get(
        "/api/v1/openapi.json", headers={"cookie": f"mjbridge={changed}"}
    )

    assert answer.status_code == 401


# --- guessing -------------------------------------------------------------------------


async def test_five_wrong_tokens_slow_a_visitor_down(closed_site: Site) -> None:
    for _ in range(5):
        assert (await sign_in(closed_site, "wrong")).status_code == 401

    answer = await sign_in(closed_site)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 12


@pytest.mark.parametrize("body", ["", "{", "null", '{"token": 5}', '{"token": null}'])
async def test_a_sign_in_without_a_token_is_refused(
    closed_site: Site, body: str
) -> None:
    answer = await closed_site.http.post(
        "/signin", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == 422


def test_wrong_tries_are_forgotten_with_time() -> None:
    now = 0.0
    tries = WrongTries(lambda: now)
    for _ in range(5):
        assert tries.wait("a") == 0.0
        tries.add("a")

    assert tries.wait("a") == 12.0
    assert tries.wait("b") == 0.0
    now = 12.0
    assert tries.wait("a") == 0.0
    tries.add("a")
    assert tries.wait("a") == 12.0
    now = 100.0
    for _ in range(4):
        tries.add("a")
    assert tries.wait("a") == 0.0


def test_a_crowd_of_visitors_costs_no_more_memory() -> None:
    tries = WrongTries(lambda: 0.0)
    for number in range(5000):
        tries.add(str(number))

    assert len(tries._until) == 1000


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
    ],
)
def test_a_network_that_one_visitor_has_is_one_visitor(
    one: str, other: str, same: bool
) -> None:
    found = [visitor_of({"client": (address, 1)}) for address in (one, other)]

    assert (found[0] == found[1]) is same
