"""Upstreams that lead back to the bridge are found out, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bridge.runtime.checkup import check_up
from bridge.settings import Settings
from tests.adapters.store.servers import free_port
from tests.gateways import Gateway
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import KEY, SHOWN
from tests.web.relay.test_trouble import REQUESTS
from tests.web.site import open_site


def behind(url: str, *, name: str = "u") -> dict[str, Any]:
    return {"upstreams": {name: {"api_key": KEY, "base_url": url}}}


async def test_an_upstream_that_is_the_bridge_itself_is_named(
    redis_url: str, namespace: str
) -> None:
    """Each request would come back until nothing is left to send it with."""
    port = free_port()
    settings = behind(f"http://localhost:{port}")
    async with open_site(redis_url, namespace, port=port, **settings) as site:
        answers = [
            await site.http.request(method, path, headers=SHOWN)
            for method, path in REQUESTS
        ]
        mask = json.dumps({"base64": "A" * 8_000_000})
        large = await site.http.post("/mj/submit/modal", headers=SHOWN, content=mask)

    assert {one.status_code for one in [*answers, large]} == {508}
    assert "upstreams.u.base_url leads back to this" in answers[0].text


async def test_a_circle_over_another_bridge_ends_where_it_began(
    redis_url: str, namespace: str
) -> None:
    """And two bridges behind each other are none."""
    first, second = free_port(), free_port()
    to_second = behind(f"http://127.0.0.1:{second}", name="second")
    to_first = behind(f"http://127.0.0.1:{first}")
    async with (
        open_site(redis_url, namespace, port=first, **to_second) as site,
        open_site(redis_url, f"{namespace}b", port=second, **to_first),
    ):
        answer = await site.http.post("/mj/submit/imagine", headers=SHOWN, json={})

    assert answer.status_code == 508
    assert "upstreams.second.base_url" in answer.text


async def test_a_key_that_the_bridge_does_not_know_hides_no_circle(
    redis_url: str, namespace: str
) -> None:
    port = free_port()
    upstreams: dict[str, Any] = {"u": {"base_url": f"http://127.0.0.1:{port}"}}
    shown = {"authorization": "Bearer the-token-of-the-bridge-0123456789"}
    async with open_site(
        redis_url,
        namespace,
        port=port,
        upstreams=upstreams,
        api_token="the-token-of-the-bridge-0123456789",
    ) as site:
        answer = await site.http.get("/mj/task/7/fetch", headers=shown)

    assert answer.status_code == 508


async def test_a_gateway_where_the_bridge_was_configured_to_listen_is_a_gateway(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    port = urlsplit(upstream.url).port
    async with open_stage(web={"port": port}) as on:
        answer = await on.post("/mj/submit/imagine", {"prompt": "x"})

    assert answer.status_code == 200


async def test_a_check_believes_an_answer_rather_than_an_address(
    redis_url: str, namespace: str, upstream: Gateway, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {
            "redis_url": redis_url,
            "namespace": namespace,
            "data_dir": tmp_path,
            "web": {"port": urlsplit(upstream.url).port},
            **behind(upstream.url),
        }
    )

    async def level(*, online: bool) -> str:
        found = await check_up(settings, online=online)
        return next(one.level for one in found if one.about == "upstream")

    assert [await level(online=False), await level(online=True)] == ["warning", "ok"]


async def test_a_bridge_behind_a_bridge_is_a_gateway(
    open_stage: OpenStage, redis_url: str, namespace: str, upstream: Gateway
) -> None:
    others = {"cdn-loop": "cloudflare; loops=1"}
    async with (
        open_stage() as on,
        open_site(redis_url, f"{namespace}b", **behind(on.site.url)) as front,
    ):
        answer = await front.http.get("/mj/task/7/fetch", headers=SHOWN | others)

    assert answer.status_code == 200
    marks = upstream.asked[0].headers["cdn-loop"].split(", ")
    assert len(set(marks)) == 2
    assert all(mark.startswith("mjbridge;id=") for mark in marks)
