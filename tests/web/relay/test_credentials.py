"""Who passes the gateway, and to which upstream."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.gateways import Gateway
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import KEY, SHOWN, Stage
from tests.web.site import TOKEN

OTHER = "sk-of-another-one-9876543210"
IMAGINE = "/mj/submit/imagine"


@pytest.mark.parametrize(
    "headers",
    [
        {"mj-api-secret": KEY},
        {"authorization": KEY},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY}"},
        {"authorization": f"Bearer {KEY}", "mj-api-secret": KEY},
        {"authorization": "Bearer midjourney-proxy", "mj-api-secret": KEY},
    ],
    ids=repr,
)
async def test_the_key_is_known_in_every_form_of_the_family(
    stage: Stage, headers: Mapping[str, str]
) -> None:
    assert (await stage.post(IMAGINE, {"prompt": "x"}, headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"mj-api-secret": ""},
        {"mj-api-secret": KEY[:-1]},
        {"mj-api-secret": KEY + "x"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer"},
        {"x-api-key": KEY},
        {"cookie": f"mjbridge_session={KEY}"},
    ],
    ids=repr,
)
async def test_anything_else_is_refused_in_the_familys_form(
    stage: Stage, headers: Mapping[str, str]
) -> None:
    for path in (IMAGINE, "/u/default" + IMAGINE, "/u/nobody" + IMAGINE):
        answer = await stage.post(path, {"prompt": "x"}, headers)
        assert answer.status_code == 401
        assert answer.json()["description"]
        assert answer.json()["error"]["message"]
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert stage.upstream.asked == []


async def test_a_key_in_the_upstreams_own_header_is_known(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    one = {"api_key": KEY, "base_url": upstream.url, "auth": "header:X-Key"}
    async with open_stage(upstreams={"u": one}) as stage:
        answer = await stage.post(IMAGINE, {"prompt": "x"}, {"x-key": KEY})
        assert answer.status_code == 200
    assert upstream.asked[0].headers["x-key"] == KEY


async def test_the_key_says_which_upstream_is_meant(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    both = {
        "default": {"api_key": KEY, "base_url": f"{upstream.url}/one"},
        "second": {"api_key": OTHER, "base_url": f"{upstream.url}/two"},
    }
    async with open_stage(upstreams=both, api_token=TOKEN) as stage:
        for path, key, status in (
            (IMAGINE, KEY, 200),
            (IMAGINE, OTHER, 200),
            (f"/u/second{IMAGINE}", OTHER, 200),
            (f"/u/second{IMAGINE}", KEY, 401),
            (f"/u/second{IMAGINE}", TOKEN, 200),
            (f"/u/nobody{IMAGINE}", TOKEN, 404),
            (IMAGINE, TOKEN, 200),
        ):
            answer = await stage.post(path, {}, {"mj-api-secret": key})
            assert answer.status_code == status, (path, key)
    assert [asked.path.split("/")[1] for asked in upstream.asked] == [
        *("one", "two", "two", "two", "one")
    ]
    assert all(TOKEN not in str(asked.headers) for asked in upstream.asked)


async def test_the_token_needs_the_name_of_one_of_several(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    both = {
        name: {"api_key": name * 12, "base_url": upstream.url} for name in ("a1", "b1")
    }
    async with open_stage(upstreams=both, api_token=TOKEN) as stage:
        answer = await stage.post(IMAGINE, {}, {"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 400
    assert "/u/<name>/mj/" in answer.json()["description"]


async def test_a_key_of_the_gateway_opens_nothing_else_and_a_session_not_the_gateway(
    open_stage: OpenStage,
) -> None:
    async with open_stage(api_token=TOKEN) as stage:
        listed = await stage.get("/api/v1/tasks", {"authorization": f"Bearer {KEY}"})
        assert listed.status_code == 401
        signed_in = await stage.post("/signin", {"token": TOKEN}, {})
        assert signed_in.status_code == 204
        page = {"x-requested-with": "fetch"}
        assert (await stage.post(IMAGINE, {}, page)).status_code == 401
        assert (await stage.get("/api/v1/tasks", {})).status_code == 200
    assert stage.upstream.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=repr,
)
async def test_a_page_of_another_site_asks_for_nothing(
    stage: Stage, headers: Mapping[str, str]
) -> None:
    answer = await stage.post(IMAGINE, {}, {**SHOWN, **headers})
    assert answer.status_code == 403
    assert stage.upstream.asked == []


async def test_a_gateway_that_is_switched_off_is_not_there(
    open_stage: OpenStage,
) -> None:
    async with open_stage(gateway={"enabled": False}) as stage:
        assert (await stage.post(IMAGINE, {})).status_code == 404
    assert stage.upstream.asked == []
