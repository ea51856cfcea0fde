"""Probes: the process answers whatever happens; the deployment is ready when it works."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from redis.asyncio import Redis

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.adapters.store.errors import COMMAND_TIMEOUT
from bridge.app.outage import Outage
from bridge.app.ports import PollError, PollFailure
from bridge.errors import StoreUnavailable
from bridge.web.health import StoreGuard
from tests.adapters.store.servers import server
from tests.contract.bench import Bench
from tests.contract.commands import commands
from tests.web.site import Site, open_site


async def test_the_process_answers_without_a_store(namespace: str) -> None:
    async with open_site("redis://127.0.0.1:1", namespace, waits=False) as site:
        alive = await site.http.get("/healthz")
        ready = await site.http.get("/readyz")
        asked = await site.http.get("/api/v1/tasks")

    assert alive.status_code == 200
    assert ready.status_code == 503
    assert ready.json()["problems"][0].startswith("store: ")
    assert asked.status_code == 503
    assert asked.headers["content-type"] == "application/problem+json"


async def test_a_deployment_without_workers_is_not_ready(site: Site) -> None:
    answer = await site.http.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"] == ["beat or workers: not running, and never seen"]


async def test_a_deployment_that_works_is_ready(site: Site, bench: Bench) -> None:
    await bench.all_is_well()

    answer = await site.http.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"problems": []}


async def test_a_deployment_in_which_nobody_delivers_is_not_ready(
    site: Site, bench: Bench
) -> None:
    await bench.all_is_well(queues=["poll"])

    answer = await site.http.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        "beat or workers: none serves the queue deliver, and never seen: no event is delivered"
    ]


async def test_a_deployment_whose_upstream_does_not_answer_is_not_ready(
    site: Site, bench: Bench
) -> None:
    await bench.all_is_well()
    await bench.track("1", upstream="default")
    claim = await bench.claim_tasks("default")
    notice = bench.notice("upstream.unhealthy", to=())
    failure = PollFailure(
        error=PollError.BROKEN, reason="HTTP 502", hold=5.0, since=1.0, notice=notice
    )
    await bench.tasks.poll_failed(claim, failure)

    answer = await site.http.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"] == ["upstream default: HTTP 502"]


async def test_a_store_that_takes_no_writes_is_a_problem(
    tmp_path: Path, namespace: str
) -> None:
    with server(tmp_path / "store", "appendonly yes") as port:
        url = f"redis://127.0.0.1:{port}/0"
        async with open_site(url, namespace) as site, Redis.from_url(url) as client:
            await client.replicaof("127.0.0.1", "1")
            answer = await site.http.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"][0].startswith("store: ")
    assert "replica" in answer.json()["problems"][0]


async def test_a_store_that_is_frozen_is_a_problem_before_whoever_asks_gives_up(
    namespace: str, tmp_path: Path
) -> None:
    with EmbeddedStore(tmp_path) as store:
        assert store.pid is not None
        async with open_site(store.url, namespace) as site:
            os.kill(store.pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                answer = await site.http.get("/readyz")
                took = time.monotonic() - began
            finally:
                os.kill(store.pid, signal.SIGCONT)

    assert answer.status_code == 503
    assert answer.json()["problems"] == [f"store: {StoreUnavailable()}"]
    assert took < COMMAND_TIMEOUT  # as long as any call waits


async def test_a_store_that_is_nearly_full_is_a_problem(
    site: Site, bench: Bench
) -> None:
    await bench.all_is_well()
    await bench.keys.run("mark", "full", "1", 15)

    answer = await site.http.get("/readyz")

    assert answer.json()["problems"] == [
        "store: its memory is nearly used up, so polling pauses"
    ]


async def test_a_key_that_somebody_has_written_over_is_a_problem(
    namespace: str, redis_url: str, bench: Bench
) -> None:
    await bench.all_is_well()
    await bench.client.set(f"{{{namespace}}}:health:art", "not ours")
    endpoints = {"art": {"url": "http://127.0.0.1:1/"}}

    async with open_site(redis_url, namespace, endpoints=endpoints) as site:
        answer = await site.http.get("/readyz")

    assert answer.status_code == 503
    (problem,) = answer.json()["problems"]
    assert f"the key {{{namespace}}}:health:art holds a string" in problem


async def ready() -> Sequence[str]:
    return ()


async def test_a_store_that_goes_and_is_back_is_logged_without_a_request() -> None:
    now, away = 0.0, True
    outage = Outage("store.away", "store.back", quiet=15.0, elapsed=lambda: now)

    async def try_write() -> None:
        if away:
            raise StoreUnavailable

    with structlog.testing.capture_logs() as logs:
        guard = StoreGuard(ready, try_write, outage=outage, watch_every=0.0)
        async with asyncio.timeout(30):
            watching = asyncio.create_task(guard.run())
            while not logs:
                await asyncio.sleep(0)
            away, now = False, 60.0
            while len(logs) < 2:
                await asyncio.sleep(0)
            watching.cancel()

    assert [one["event"] for one in logs] == ["store.away", "store.back"]
    assert logs[1]["after_s"] == 60


async def test_a_store_that_lets_us_in_at_last_is_logged(
    tmp_path: Path, namespace: str
) -> None:
    with (
        server(tmp_path / "store", "requirepass secret", password="secret") as port,
        structlog.testing.capture_logs() as logs,
    ):
        url = f"redis://127.0.0.1:{port}/0"
        async with open_site(url, namespace, waits=False), asyncio.timeout(20):
            while not logs:
                await asyncio.sleep(0.01)
            async with Redis(port=port, password="secret") as client:
                await client.config_set("requirepass", "")
            while logs[-1]["event"] != "store.back":
                await asyncio.sleep(0.01)

    assert logs[0]["event"] == "store.away"
    assert "wants a password" in logs[0]["reason"]


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
async def test_however_many_ask_the_store_is_asked_once_a_second(
    site: Site, bench: Bench, path: str
) -> None:
    await site.http.get(path)

    async def ask() -> None:
        await asyncio.gather(*(site.http.get(path) for _ in range(100)))

    began = time.monotonic()
    asked = await commands(bench.client, bench.namespace, ask)
    rounds = 2 + (time.monotonic() - began)

    assert asked <= 10 * rounds
