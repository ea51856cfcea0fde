"""`/api/v1/events/…`: an event, its deliveries, why they wait, and sending it again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from bridge.app.views import moment
from bridge.core.task import TaskStatus
from tests.contract.bench import Bench
from tests.contract.commands import commands
from tests.core.tasks import PIG
from tests.web.history import is_alive, polled
from tests.web.site import Site

HOSTILE = "<img src=x onerror=alert(1)> {{7*7}} \u202egnp.exe \x1b[31m ${jndi:x}"


async def test_an_event_is_shown_with_its_deliveries_and_their_attempts(
    site: Site, bench: Bench
) -> None:
    [event] = await polled(bench, PIG, to=("a", "b"))
    for delivery in await bench.claim():
        if delivery.endpoint == "a":
            await bench.succeed(delivery)
        else:
            await bench.fail(delivery, status=503, again_in=300.0)
    await is_alive(bench)

    answer = await site.http.get(f"/api/v1/events/{event.id}")

    shown = answer.json()
    assert (shown["eventId"], shown["type"]) == (event.id, "task.succeeded")
    assert shown["data"]["previousStatus"] is None
    a, b = sorted(shown["deliveries"], key=lambda one: str(one["endpoint"]))
    assert (a["state"], a["reason"], a["nextAt"]) == ("delivered", None, None)
    assert [one["outcome"] for one in a["attempts"]] == ["delivered"]
    assert (b["state"], b["wait"]["cause"]) == ("pending", "scheduled")
    assert b["reason"] == f"next attempt at {b['nextAt']}"
    assert [(one["outcome"], one["status"]) for one in b["attempts"]] == [("5xx", 503)]


async def test_a_task_is_shown_with_its_events_and_why_they_wait(
    site: Site, bench: Bench
) -> None:
    running = replace(PIG, status=TaskStatus.IN_PROGRESS, progress=20)
    await polled(bench, running)
    await polled(bench, PIG)
    await is_alive(bench)
    await bench.admin.switch("a", "pause")

    shown = (await site.http.get(f"/api/v1/tasks/{PIG.id}")).json()

    assert [one["type"] for one in shown["events"]] == [
        "task.succeeded",
        "task.started",
    ]
    assert shown["seenAt"] >= shown["events"][0]["timestamp"]
    for event in shown["events"]:
        [delivery] = event["deliveries"]
        assert delivery["state"] == "held"
        assert delivery["reason"].startswith("the endpoint has been paused since 20")


async def test_a_list_says_why_its_deliveries_wait(site: Site, bench: Bench) -> None:
    running = replace(PIG, status=TaskStatus.IN_PROGRESS, progress=20)
    await polled(bench, running)
    await polled(bench, PIG)
    await is_alive(bench)

    rows = (await site.http.get("/api/v1/deliveries")).json()["items"]

    assert [one["reason"] for one in rows] == [
        "behind event 1 of its task",
        "it is due; a worker is about to take it",
    ]


async def test_an_event_that_is_not_kept_is_not_found(site: Site) -> None:
    for path in ("evt_0", "evt_0/redeliver", "%C3%BC", "%00"):
        method = "POST" if path.endswith("redeliver") else "GET"
        answer = await site.http.request(method, f"/api/v1/events/{path}")

        assert answer.status_code == 404


async def test_an_event_is_sent_again_to_whom_it_was_for(
    site: Site, bench: Bench
) -> None:
    [event] = await polled(bench, PIG, to=("a", "b", "archive:default"))
    for delivery in await bench.claim():
        if delivery.endpoint != "b":
            await bench.kill(delivery)
        else:
            await bench.hand_back(delivery)
    address = f"/api/v1/events/{event.id}/redeliver"

    first = await site.http.post(address)
    again = await site.http.post(address, json={"endpoint": "a"})
    stranger = await site.http.post(address, json={"endpoint": "c"})
    kept_again = await site.http.post(address, json={"endpoint": "archive:default"})

    assert first.status_code == 202
    on_the_way = "it is still on the way"
    assert first.json() == {
        "queued": ["a"],
        "skipped": [{"endpoint": "b", "reason": on_the_way}],
    }
    assert again.json() == {
        "queued": [],
        "skipped": [{"endpoint": "a", "reason": on_the_way}],
    }
    assert stranger.json()["errors"][0]["pointer"] == "/endpoint"
    assert kept_again.json()["queued"] == ["archive:default"]


async def test_all_that_died_since_a_time_is_sent_again_once(
    site: Site, bench: Bench
) -> None:
    pigs = [replace(PIG, id=f"{number}") for number in range(1_000)]
    await polled(bench, *pigs, to=("a",))
    while waiting := await bench.admin.open_at("a", 200):
        await bench.admin.give_up(waiting, "enough")
    [event] = await polled(bench, replace(PIG, id="open"), to=("a",))
    await bench.fail(await bench.claim_one(), again_in=3_000.0)
    before = (await site.http.get(f"/api/v1/events/{event.id}")).json()
    body = {"since": "2024-11-03T08:00:00Z", "dead": True}
    address = "/api/v1/endpoints/a/redeliver"

    counted = await site.http.post(address, json={**body, "dryRun": True})
    both: list[httpx.Response] = []

    async def ask() -> None:
        asked = (site.http.post(address, json=body) for _ in "ab")
        both.extend(await asyncio.gather(*asked))

    called = await commands(bench.client, bench.namespace, ask)

    assert (counted.status_code, counted.json()) == (202, {"count": 1_000})
    assert sum(one.json()["count"] for one in both) == 1_000
    assert called <= 2 * (1_000 / 200 * 2 + 10)  # reading and queueing, 200 a call
    endpoint = (await site.http.get("/api/v1/endpoints/a")).json()
    assert (endpoint["pending"], endpoint["dead"]) == (1_001, 0)
    assert (await site.http.get(f"/api/v1/events/{event.id}")).json() == before


async def test_a_time_that_is_still_to_come_is_refused_but_for_a_few_seconds(
    site: Site, bench: Bench
) -> None:
    await polled(bench, PIG, to=("a",))
    now = await bench.admin.clock()
    address = "/api/v1/endpoints/a/redeliver"

    def since(at: float) -> dict[str, object]:
        return {"since": moment(at), "dryRun": True}

    ahead = await site.http.post(address, json=since(now + 3.0))
    wrong = await site.http.post(address, json=since(now + 3_600.0))

    assert (ahead.status_code, ahead.json()) == (202, {"count": 0})
    assert wrong.status_code == 422
    [error] = wrong.json()["errors"]
    assert error["pointer"] == "/since"
    assert "in the future" in error["detail"]


@pytest.mark.parametrize(
    "since",
    ["2024-11-03T12:60:00Z", "2024-11-03T24:00:00Z", "2024-11-03T00:00:00+25:00"],
)
async def test_what_no_clock_shows_is_no_time(site: Site, since: str) -> None:
    answer = await site.http.get("/api/v1/events", params={"since": since})

    assert answer.status_code == 422
    assert "as RFC 3339 writes it" in answer.json()["errors"][0]["detail"]


async def test_text_of_a_prompt_stays_text(site: Site, bench: Bench) -> None:
    hostile = replace(PIG, prompt=HOSTILE, fail_reason=HOSTILE, action=HOSTILE)
    [event] = await polled(bench, hostile)

    shown = await site.http.get(f"/api/v1/tasks/{PIG.id}")
    told = await site.http.get(f"/api/v1/events/{event.id}")

    assert shown.json()["prompt"] == HOSTILE
    assert told.json()["data"]["prompt"] == HOSTILE
    for answer in (shown, told):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
