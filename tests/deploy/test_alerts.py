"""The alerts fire, each for what it is about, and the dashboard asks for what there is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.app.ports import NEARLY_FULL, PollError, PollFailure
from bridge.core.delivery import Disposition, Verdict
from bridge.core.task import TaskKey
from tests.contract.bench import Bench, attempted, endpoint
from tests.parts import promtool
from tests.web.site import Site, open_site

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
SCRAPES = DEPLOY / "prometheus" / "prometheus.yaml"
DASHBOARD = DEPLOY / "grafana" / "mjbridge.json"
UPSTREAM = "default"

pytestmark = [pytest.mark.component, pytest.mark.parts]

#: Minutes for which all was well, and after which an alert for what broke then has fired.
WELL, BROKEN = 30, 12


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a store whose memory may be limited."""
    with EmbeddedStore(tmp_path_factory.mktemp("alerts")) as store:
        yield store.url


# --- what is scraped ------------------------------------------------------------------


@dataclass(frozen=True)
class Scrape:
    """What Prometheus reads: samples by their series, and which of them are counters."""

    samples: Mapping[str, float] = field(default_factory=dict)
    counters: frozenset[str] = frozenset()

    @property
    def up(self) -> int:
        return int(bool(self.samples))


def read(text: str) -> Scrape:
    samples, counters = {}, set()
    for metric in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]  # of a library
        for sample in metric.samples:
            labels = {**sample.labels, "job": "mjbridge"}
            named = ",".join(f'{name}="{value}"' for name, value in labels.items())
            series = f"{sample.name}{{{named}}}"
            samples[series] = sample.value
            if metric.type in {"counter", "histogram"}:
                counters.add(series)
    return Scrape(samples, frozenset(counters))


class Deployment:
    """A deployment in which all is well, until something is broken."""

    def __init__(self, bench: Bench, site: Site, running: AsyncExitStack) -> None:
        self.bench = bench
        self._site = site
        self._running = running
        self._text = ""

    async def work(self) -> None:
        """Have the worker answer a tick, poll, and deliver an event to each endpoint."""
        await self.bench.all_is_well()
        await self.bench.admin.configure([endpoint("a"), endpoint("b")])
        await self.bench.tell(UPSTREAM, to=["a", "b"])
        for delivery in await self.bench.claim():
            await self.bench.succeed(delivery)

    async def scrape(self) -> Scrape:
        """Return what is read now; nothing if nobody answers."""
        before = self._text
        async with httpx.AsyncClient(base_url=self._site.url) as prometheus:
            while self._text == before:  # each answer is served for a second
                try:
                    answer = await prometheus.get("/metrics")
                except httpx.TransportError:
                    return Scrape()
                assert answer.status_code == 200
                self._text = answer.text
                await asyncio.sleep(0.05)
        return read(self._text)

    async def end(self) -> None:
        """Stop the process `web`."""
        await self._running.aclose()


@pytest.fixture
async def deployment(
    redis_url: str, namespace: str, bench: Bench
) -> AsyncIterator[Deployment]:
    endpoints = {
        name: {"kind": "webhook", "url": "https://r.example.com/"} for name in "ab"
    }
    async with AsyncExitStack() as running:
        site = await running.enter_async_context(
            open_site(redis_url, namespace, endpoints=endpoints)
        )
        made = Deployment(bench, site, running)
        await made.work()
        yield made


# --- what breaks ----------------------------------------------------------------------


async def web_ends(there: Deployment) -> None:
    await there.end()


async def no_worker_answers(there: Deployment) -> None:
    bench = there.bench
    await bench.housekeeping.beat(await bench.admin.clock() - 120.0)


async def no_worker_delivers(there: Deployment) -> None:
    bench = there.bench
    await bench.let_pass(120.0)
    await bench.all_is_well(queues=["poll"])


async def memory_fills(there: Deployment) -> None:
    bench = there.bench
    used = (await bench.client.info("memory"))["used_memory"]
    await bench.client.config_set("maxmemory", int(used / (NEARLY_FULL + 0.1)))
    try:
        await bench.housekeeping.watch_memory()
    finally:
        await bench.client.config_set("maxmemory", 0)


async def gateway_fails(there: Deployment) -> None:
    bench = there.bench
    failure = PollFailure(error=PollError.BROKEN, reason="502", hold=60.0, since=0.0)
    await bench.tasks.poll_failed(await bench.claim_tasks(UPSTREAM), failure)


async def polling_falls_behind(there: Deployment) -> None:
    bench = there.bench
    await bench.let_pass(200.0)
    await bench.all_is_well()
    await bench.tasks.poll_succeeded(await bench.claim_tasks(UPSTREAM))


async def a_task_is_lost(there: Deployment) -> None:
    bench = there.bench
    await bench.tell(UPSTREAM, "task.lost", to=["a"])
    await bench.succeed(await bench.claim_one())


async def a_receiver_fails(there: Deployment) -> None:
    bench = there.bench
    await bench.tell(UPSTREAM, to=["a"])
    await bench.fail(await bench.claim_one())


async def a_receiver_is_gone(there: Deployment) -> None:
    bench = there.bench
    await bench.tell(UPSTREAM, to=["a"])
    await bench.disable(await bench.claim_one())


async def an_event_waits(there: Deployment) -> None:
    bench = there.bench
    await bench.tell(UPSTREAM, to=["a"])
    await bench.let_pass(1000.0)
    await bench.all_is_well()


async def an_event_is_refused(there: Deployment) -> None:
    bench = there.bench
    await bench.tell(UPSTREAM, to=["a"])
    delivery = await bench.claim_one()
    refused = Verdict(disposition=Disposition.DEAD, reason="HTTP 400")
    await bench.settle(delivery, attempted(delivery, status=400), refused)
    await bench.tell(UPSTREAM, to=["a"])  # and the next one is accepted
    await bench.succeed(await bench.claim_one())


#: What breaks each thing, and the labels of the alert that is about it.
BREAKS: list[tuple[str, Callable[[Deployment], Awaitable[None]], dict[str, str]]] = [
    ("MjbridgeDown", web_ends, {}),
    ("MjbridgeNotWorking", no_worker_answers, {}),
    ("MjbridgeNotWorking", no_worker_delivers, {}),
    ("MjbridgeStoreFull", memory_fills, {}),
    ("MjbridgeUpstreamDown", gateway_fails, {"upstream": UPSTREAM}),
    ("MjbridgePollingLate", polling_falls_behind, {"upstream": UPSTREAM}),
    ("MjbridgeTasksLost", a_task_is_lost, {}),
    ("MjbridgeEndpointDown", a_receiver_fails, {"endpoint": "a"}),
    ("MjbridgeEndpointDown", a_receiver_is_gone, {"endpoint": "a"}),
    ("MjbridgeDeliveriesLate", an_event_waits, {"endpoint": "a"}),
    ("MjbridgeDeliveriesDead", an_event_is_refused, {"endpoint": "a"}),
]


# --- what somebody wants ----------------------------------------------------------------


async def an_endpoint_is_paused(there: Deployment) -> None:
    await there.bench.admin.switch("a", "pause")
    await an_event_waits(there)


async def a_backlog_is_dropped(there: Deployment) -> None:
    bench = there.bench
    await bench.tell(UPSTREAM, to=["a"])
    waiting = await bench.admin.open_at("a", 10)
    assert await bench.admin.give_up(waiting, "dropped by hand", by_hand=True) == 1


async def tasks_of_a_gateway_that_fails_are_untracked(there: Deployment) -> None:
    await gateway_fails(there)
    assert await there.bench.admin.untrack(TaskKey(UPSTREAM, "1"))


# --- what Prometheus makes of it ------------------------------------------------------


def over_time(before: Scrape, after: Scrape) -> list[dict[str, str]]:
    """
    Return what Prometheus stores, a sample a minute.

    For `WELL` minutes it reads what was read before. Then it reads what was read after, and
    what was counted meanwhile happens again each minute.
    """
    stored = [('up{job="mjbridge"}', f"1x{WELL} {after.up}x{BROKEN}")]
    for series, value in before.samples.items():
        later = "stale"
        if after.up:
            now = after.samples[series]
            grown = now - value if series in after.counters else 0.0
            later = f"{now}+{grown}x{BROKEN}"
        stored.append((series, f"{value}x{WELL} {later}"))
    new = after.samples.keys() - before.samples.keys()
    stored += [(one, f"_x{WELL} {after.samples[one]}x{BROKEN}") for one in new]
    return [{"series": series, "values": values} for series, values in stored]


def fires(name: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what `firing` has while one alert fires, and nothing else."""
    named = {"alertname": name, **labels}
    shown = ", ".join(f'{label}="{value}"' for label, value in named.items())
    return [{"labels": f"{{{shown}}}", "value": 1}]


def firing(minute: int, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "expr": 'count by (alertname, endpoint, upstream) (ALERTS{alertstate="firing"})',
        "eval_time": f"{minute}m",
        "exp_samples": expected,
    }


@pytest.mark.parametrize(
    ("alert", "break_it", "labels"), BREAKS, ids=[one[1].__name__ for one in BREAKS]
)
async def test_an_alert_fires_when_what_it_is_about_breaks_and_no_other_does(
    alert: str,
    break_it: Callable[[Deployment], Awaitable[None]],
    labels: dict[str, str],
    deployment: Deployment,
    tmp_path: Path,
) -> None:
    assert "SUCCESS" in await tried(
        deployment, break_it, fires(alert, labels), tmp_path
    )


@pytest.mark.parametrize(
    "do_it",
    [
        an_endpoint_is_paused,
        a_backlog_is_dropped,
        tasks_of_a_gateway_that_fails_are_untracked,
    ],
)
async def test_what_somebody_wants_is_no_alert(
    do_it: Callable[[Deployment], Awaitable[None]],
    deployment: Deployment,
    tmp_path: Path,
) -> None:
    assert "SUCCESS" in await tried(deployment, do_it, [], tmp_path)


async def tried(
    deployment: Deployment,
    do_it: Callable[[Deployment], Awaitable[None]],
    expected: list[dict[str, Any]],
    folder: Path,
) -> str:
    """Return what promtool says of the alerts after something was done."""
    before = await deployment.scrape()
    await do_it(deployment)
    after = await deployment.scrape()

    content = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": over_time(before, after),
                "promql_expr_test": [
                    *(firing(minute, []) for minute in (1, WELL // 2, WELL)),
                    firing(WELL + BROKEN, expected),
                ],
            }
        ],
    }
    file = folder / "alert.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return promtool("test", "rules", str(file))


def test_every_alert_has_something_that_makes_it_fire() -> None:
    [group] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]

    assert {rule["alert"] for rule in group["rules"]} == {one[0] for one in BREAKS}
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "action"}


def test_prometheus_takes_the_configuration_and_its_rules() -> None:
    said = promtool("check", "config", "--lint=all", "--lint-fatal", str(SCRAPES))

    assert f"{len({one[0] for one in BREAKS})} rules found" in said


# --- the dashboard --------------------------------------------------------------------


def asked() -> list[str]:
    """Return what the dashboard's panels ask Prometheus."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_what_the_dashboard_asks_is_understood(tmp_path: Path) -> None:
    rules = [{"record": f"asked:{n}", "expr": expr} for n, expr in enumerate(asked())]
    file = tmp_path / "asked.yaml"
    content = {"groups": [{"name": "dashboard", "rules": rules}]}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")

    said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(file))

    assert f"{len(rules)} rules found" in said


async def test_dashboard_and_alerts_ask_for_metrics_that_there_are(
    deployment: Deployment,
) -> None:
    there = {series.partition("{")[0] for series in (await deployment.scrape()).samples}
    [group] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    expressions = [*asked(), *(rule["expr"] for rule in group["rules"])]

    wanted = {name for one in expressions for name in re.findall(r"mjbridge_\w+", one)}
    assert wanted <= there
