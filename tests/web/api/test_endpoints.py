"""`/api/v1/endpoints` and `/upstreams`: how they are doing, and what can be done about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.bench import Bench
from tests.core.tasks import PIG
from tests.receivers import Connection, receiver
from tests.web.history import polled
from tests.web.site import Site, open_site

SECRET = "a-path-that-is-a-secret"


@pytest.fixture
async def site(redis_url: str, namespace: str) -> AsyncIterator[Site]:
    """A site whose endpoint ``a`` nobody listens for."""
    endpoints = {
        "a": {"url": f"http://127.0.0.1:9/{SECRET}", "rate_limit": "30/m"},
        "b": {"url": f"https://hooks.slack.com/services/T0/B0/{SECRET}"},
    }
    async with open_site(redis_url, namespace, endpoints=endpoints) as opened:
        yield opened


async def test_endpoints_are_known_by_their_hosts_and_never_by_their_urls(
    site: Site, bench: Bench
) -> None:
    await polled(bench, PIG, to=("a", "old"))

    answer = await site.http.get("/api/v1/endpoints")

    assert SECRET not in answer.text
    rows = {row["name"]: row for row in answer.json()["items"]}
    assert list(rows) == ["a", "b", "old"]
    a = rows["a"]
    assert (a["kind"], a["host"], a["state"]) == ("webhook", "127.0.0.1:9", "up")
    assert (a["pending"], a["dead"], a["delivered"]) == (1, 0, 0)
    assert a["rateLimit"] == "30/m"
    assert a["events"]
    assert rows["b"]["kind"] == "slack"
    assert rows["old"]["configured"] is False
    assert answer.headers["x-feed-position"]


@pytest.mark.parametrize(
    ("path", "names"), [("endpoints", ["a", "b"]), ("upstreams", ["default"])]
)
async def test_a_short_list_is_on_one_page_or_on_as_many_as_wanted(
    site: Site, path: str, names: list[str]
) -> None:
    whole = (await site.http.get(f"/api/v1/{path}")).json()
    read, cursor = [], ""
    while cursor is not None:
        page = await site.http.get(f"/api/v1/{path}?limit=1{cursor}")
        read += page.json()["items"]
        cursor = page.json()["next"] and f"&cursor={page.json()['next']}"

    assert [one["name"] for one in whole["items"]] == names
    assert (read, whole["next"]) == (whole["items"], None)
    for limit in ("0", "501", "x"):
        wrong = await site.http.get(f"/api/v1/{path}?limit={limit}")
        assert wrong.json()["errors"][0]["pointer"] == "/limit"


async def test_an_endpoint_that_does_not_exist_is_not_found(site: Site) -> None:
    for path in ("nobody", "nobody/pause", "nobody/test", "nobody/redeliver", "%00"):
        method = "POST" if "/" in path else "GET"
        body = {"since": "2024-11-03T08:00:00Z"} if "redeliver" in path else None
        answer = await site.http.request(method, f"/api/v1/endpoints/{path}", json=body)
        assert answer.status_code == 404, path
        assert "nobody" not in answer.json()["detail"]


async def test_an_endpoint_is_paused_and_resumed(site: Site, bench: Bench) -> None:
    await polled(bench, PIG, to=("a",))

    paused = await site.http.post("/api/v1/endpoints/a/pause")
    again = await site.http.post("/api/v1/endpoints/a/pause")
    resumed = await site.http.post("/api/v1/endpoints/a/resume")

    assert (paused.json()["state"], paused.json()["pending"]) == ("paused", 1)
    assert paused.json()["since"] == again.json()["since"]
    assert resumed.json()["state"] == "up"


async def test_a_hooks_name_is_one_segment_though_it_has_slashes(
    site: Site, bench: Bench
) -> None:
    name = "hook:https://example.com:8443"
    await polled(bench, PIG, to=(name,))

    for path in (name, name.replace("/", "%2F"), name.replace(":", "%3A")):
        shown = await site.http.get(f"/api/v1/endpoints/{path}")
        assert shown.json()["name"] == name
        paused = await site.http.post(f"/api/v1/endpoints/{path}/pause")
        assert paused.json()["state"] == "paused"


async def test_a_test_sends_a_sample_now_and_says_how_it_was_answered(
    redis_url: str, namespace: str
) -> None:
    async def takes_its_time(connection: Connection) -> None:
        await connection.request()
        await asyncio.sleep(0.05)  # is what is measured
        await connection.say(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with receiver(takes_its_time) as pipeline:
        endpoints = {"me": {"url": pipeline.url}}
        async with open_site(redis_url, namespace, endpoints=endpoints) as site:
            answer = await site.http.post("/api/v1/endpoints/me/test")

    sent = answer.json()
    assert answer.status_code == 200
    assert (sent["outcome"], sent["status"]) == ("delivered", 204)
    assert 50 <= sent["tookMs"] < 15_000


async def test_hooks_belong_to_their_tasks_and_are_not_tested(site: Site) -> None:
    hook = "https://studio.example/s3cr3t-path"
    await site.http.post("/api/v1/tasks", json={"ids": ["1"], "notifyHook": hook})

    answer = await site.http.post("/api/v1/endpoints/hook:https://studio.example/test")

    assert answer.status_code == 409


async def test_a_test_that_nobody_answers_is_an_answer_as_well(site: Site) -> None:
    answer = await site.http.post("/api/v1/endpoints/a/test")

    assert answer.status_code == 200
    assert (answer.json()["outcome"], answer.json()["status"]) == ("connection", None)
    assert SECRET not in answer.text


async def test_what_is_not_configured_any_more_cannot_be_tested(
    site: Site, bench: Bench
) -> None:
    await polled(bench, PIG, to=("old",))

    answer = await site.http.post("/api/v1/endpoints/old/test")

    assert answer.status_code == 409


async def test_upstreams_are_listed_in_the_order_of_the_configuration(
    site: Site, bench: Bench
) -> None:
    await bench.track("1", "2", upstream="gone")
    await polled(bench, PIG)

    answer = await site.http.get("/api/v1/upstreams")

    rows = answer.json()["items"]
    assert [row["name"] for row in rows] == ["default", "gone"]
    assert [row["host"] for row in rows] == ["api.quickrouter.ai", None]
    assert [(row["tracked"], row["active"]) for row in rows] == [(1, 0), (2, 2)]
    assert rows[0]["state"] == "up"


async def test_the_archive_is_the_bridges_own_endpoint_and_configured_with_it(
    redis_url: str, bench: Bench, tmp_path: Path
) -> None:
    await polled(bench, PIG, to=("archive:default",))

    archive = {"url": f"file:{tmp_path}"}
    async with open_site(redis_url, bench.namespace, archive=archive) as site:
        shown = await site.http.get("/api/v1/endpoints/archive:default")
        tested = await site.http.post("/api/v1/endpoints/archive:default/test")

    assert (shown.json()["kind"], shown.json()["configured"]) == ("archive", True)
    assert tested.status_code == 409
