"""Metrics: what the deployment has counted, the same in every process, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from bridge.core.event import EVENT_TYPES
from bridge.settings import Settings
from bridge.web.metrics import exposition
from tests.contract.bench import Bench, endpoint
from tests.parts import promtool
from tests.web.site import Site, open_site

ENDPOINTS = {
    name: {"kind": "webhook", "url": "https://r.example.com/"} for name in ("a", "b")
}
#: Every metric and its labels: names that dashboards and alerts depend on.
LABELS = {
    "mjbridge": {"version"},
    "mjbridge_tasks": {"upstream", "state"},
    "mjbridge_polls": {"upstream", "outcome"},
    "mjbridge_poll_seconds": {"upstream"},
    "mjbridge_poll_lag_seconds": {"upstream"},
    "mjbridge_events": {"type"},
    "mjbridge_attempts": {"endpoint", "outcome"},
    "mjbridge_clicks": {"endpoint", "outcome"},
    "mjbridge_dead_deliveries": {"endpoint"},
    "mjbridge_attempt_seconds": {"endpoint"},
    "mjbridge_delivery_latency_seconds": {"endpoint"},
    "mjbridge_deliveries": {"endpoint", "state"},
    "mjbridge_oldest_pending_seconds": {"endpoint"},
    "mjbridge_endpoint_up": {"endpoint"},
    "mjbridge_upstream_up": {"upstream"},
    "mjbridge_heartbeat_age_seconds": set(),
    "mjbridge_store_full": set(),
}

Labels = frozenset[tuple[str, str]]


async def scraped(site: Site) -> list[Metric]:
    answer = await site.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    return list(text_string_to_metric_families(answer.text))  # type: ignore[no-untyped-call]  # of a library


def values(metrics: Sequence[Metric]) -> Mapping[tuple[str, Labels], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in metrics
        for sample in metric.samples
    }


def of(metrics: Sequence[Metric], name: str, **labels: str) -> float | None:
    return values(metrics).get((name, frozenset(labels.items())))


def labelled(metrics: Sequence[Metric], label: str) -> set[str]:
    return {
        sample.labels[label]
        for metric in metrics
        for sample in metric.samples
        if label in sample.labels
    }


async def some_traffic(bench: Bench) -> None:
    """Have one event delivered to `a`, and one that waits there after a failure."""
    await bench.admin.configure([endpoint("a"), endpoint("b")])
    await bench.tell("default", to=["a"])
    await bench.succeed(await bench.claim_one())
    await bench.tell("default", to=["a"])
    await bench.fail(await bench.claim_one())


async def test_every_metric_has_the_name_and_the_labels_that_are_documented(
    redis_url: str, namespace: str, bench: Bench
) -> None:
    await some_traffic(bench)
    chat = {
        "kind": "slack",
        "url": "https://hooks.slack.com/services/T0/B0/x",
        "buttons": "native",
        "signing_secret": "s" * 32,
    }
    endpoints = {**ENDPOINTS, "chat": chat}
    async with open_site(redis_url, namespace, endpoints=endpoints) as site:
        metrics = await scraped(site)

    shown = {
        metric.name: {
            label
            for sample in metric.samples
            for label in sample.labels
            if label != "le"
        }
        for metric in metrics
    }
    assert shown == LABELS
    assert of(metrics, "mjbridge_attempts_total", endpoint="a", outcome="5xx") == 1
    assert of(metrics, "mjbridge_events_total", type="task.started") == 2
    assert of(metrics, "mjbridge_endpoint_up", endpoint="a") == 0
    assert of(metrics, "mjbridge_attempt_seconds_count", endpoint="a") == 2


@pytest.mark.parts
async def test_prometheus_finds_nothing_to_say_about_them(
    redis_url: str, namespace: str, bench: Bench
) -> None:
    await some_traffic(bench)
    async with open_site(redis_url, namespace, endpoints=ENDPOINTS) as site:
        metrics = await scraped(site)

    class Again(Collector):
        def collect(self) -> Sequence[Metric]:
            return metrics

    registry = CollectorRegistry()
    registry.register(Again())
    # Its linter reads the older form alone.
    assert promtool("check", "metrics", given=generate_latest(registry)) == ""


async def test_what_is_configured_is_shown_before_anything_happens(
    redis_url: str, namespace: str
) -> None:
    upstreams = {name: {"api_key": "sk-test"} for name in ("default", "other")}
    async with open_site(
        redis_url, namespace, endpoints=ENDPOINTS, upstreams=upstreams
    ) as site:
        metrics = await scraped(site)

    assert labelled(metrics, "endpoint") == {"a", "b", "hook"}
    assert labelled(metrics, "upstream") == {"default", "other"}
    assert labelled(metrics, "type") == set(EVENT_TYPES)
    for name in ("a", "b", "hook"):
        for state in ("pending", "held", "delivered", "superseded", "dead"):
            assert of(metrics, "mjbridge_deliveries", endpoint=name, state=state) == 0
        assert of(metrics, "mjbridge_endpoint_up", endpoint=name) == 1
        assert of(metrics, "mjbridge_oldest_pending_seconds", endpoint=name) == 0
    for name in ("default", "other"):
        assert of(metrics, "mjbridge_polls_total", upstream=name, outcome="broken") == 0
        assert of(metrics, "mjbridge_upstream_up", upstream=name) == 1
    assert of(metrics, "mjbridge_heartbeat_age_seconds") == float("inf")


async def test_every_process_and_its_successor_count_the_same(
    redis_url: str, namespace: str, bench: Bench
) -> None:
    await some_traffic(bench)

    async with (
        open_site(redis_url, namespace, endpoints=ENDPOINTS) as one,
        open_site(redis_url, namespace, endpoints=ENDPOINTS) as other,
    ):
        first, second = values(await scraped(one)), values(await scraped(other))
    async with open_site(redis_url, namespace, endpoints=ENDPOINTS) as successor:
        third = values(await scraped(successor))

    ageing = ("mjbridge_oldest_pending_seconds", frozenset({("endpoint", "a")}))
    assert 0 < first[ageing] <= second[ageing] <= third[ageing]
    assert {**first, ageing: 0} == {**second, ageing: 0} == {**third, ageing: 0}


async def test_a_memory_that_is_nearly_full_is_shown(bench: Bench, site: Site) -> None:
    await bench.keys.run("mark", "full", "1", 15)

    assert of(await scraped(site), "mjbridge_store_full") == 1


async def test_a_thousand_origins_of_hooks_are_one_label(
    bench: Bench, site: Site
) -> None:
    names = [f"hook:https://r{number}.example:443" for number in range(1000)]
    await bench.admin.configure([endpoint(name) for name in names])
    await bench.tell("default", to=names)
    await bench.succeed((await bench.claim())[0])

    answer = await site.http.get("/metrics")
    metrics = await scraped(site)

    assert "example" not in answer.text
    assert labelled(metrics, "endpoint") == {"hook"}
    assert of(metrics, "mjbridge_deliveries", endpoint="hook", state="pending") == 999


async def test_a_scrape_costs_as_much_more_as_there_are_more_endpoints(
    bench: Bench,
) -> None:
    names = [f"r{number}" for number in range(100)]

    async def cost(of: list[str]) -> float:
        """Processor time of the quickest of a few."""
        configured: Any = dict.fromkeys(of, ENDPOINTS["a"])
        settings = Settings.model_validate({"endpoints": configured})
        await bench.admin.configure([endpoint(name) for name in of])
        await bench.tell(f"to {len(of)}", to=of)
        for delivery in await bench.claim():
            await bench.succeed(delivery)
        spent, text = [], b""
        for _ in range(5):
            began = time.process_time()
            text = exposition(await bench.queries.counters(), time.time(), settings)
            spent.append(time.process_time() - began)
        assert text.count(b"mjbridge_delivery_latency_seconds_count") == len(of)
        return min(spent)

    assert await cost(names[:10]) * 20 > await cost(names)


async def test_without_a_store_there_is_nothing_to_say(namespace: str) -> None:
    async with open_site("redis://127.0.0.1:1", namespace, waits=False) as site:
        answer = await site.http.get("/metrics")

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
