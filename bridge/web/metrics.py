"""
Metrics: what the whole deployment has done and how it stands, for Prometheus.

The scripts that do a thing count it in the store, so every process `web` answers the same,
across restarts of everything but the store. Labels are names from the configuration; nothing
that comes from outside becomes one. Counters and gauges of what is configured are there from
the beginning, at zero: Prometheus does not see the first step of a counter that appears with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import (
    CONTENT_TYPE_LATEST,
    generate_latest,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.app.ports import (
    HOOKS,
    QUEUES,
    ClickOutcome,
    Counters,
    DeliveryState,
    Histogram,
    PollError,
)
from bridge.core.event import EVENT_TYPES
from bridge.core.task import TaskStatus
from bridge.settings import Settings
from bridge.version import __version__
from bridge.web.context import WebContext
from bridge.web.fresh import Fresh
from bridge.web.health import StoreGuard

#: The state of a task that was never seen.
UNSEEN = "UNSEEN"
#: The states that a task may be in.
TASK_STATES = (UNSEEN, *TaskStatus, "LOST")


class Snapshot(Collector):
    """The metrics of one moment."""

    def __init__(self, counters: Counters, now: float, settings: Settings) -> None:
        """
        Take what was read.

        Args:
            counters: What the store has counted.

            now: When that was, by the store's clock.

            settings: Whose endpoints and upstreams are shown even if nothing was counted.
        """
        self._counters = counters
        self._now = now
        hooks = [HOOKS] if settings.hooks.enabled else []
        up = counters.endpoints_up
        self._endpoints = dict.fromkeys([*settings.endpoints, *hooks, *up])
        self._native = [
            name
            for name, one in settings.endpoints.items()
            if getattr(one, "buttons", "") == "native"
        ]
        self._upstreams = dict.fromkeys([*settings.upstreams, *counters.upstreams_up])

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; a counter's name gets ``_total``."""
        yield InfoMetricFamily(
            "mjbridge", "The version that answers.", {"version": __version__}
        )
        yield from self._deployment()
        yield from self._polling()
        yield from self._delivering()

    def _deployment(self) -> Iterator[Metric]:
        life = self._counters.life
        seen = [life.answered_at, *map(life.served_at.get, QUEUES)]
        age = max(math.inf if at is None else self._now - at for at in seen)
        yield _gauge(
            "heartbeat_age_seconds",
            "Since a worker last answered a tick of beat, polled or delivered, whichever is "
            "longest ago; infinite if none ever did.",
            (),
            {(): max(0.0, age)},
        )
        yield _gauge(
            "store_full",
            "1 while the store's memory is nearly used up, so that polling pauses.",
            (),
            {(): self._counters.memory_full},
        )

    def _polling(self) -> Iterator[Metric]:
        counters = self._counters
        tasks = _filled({}, self._upstreams, TASK_STATES)
        for (upstream, status, _active), number in counters.tasks.items():
            state = UNSEEN if status == "-" else status
            tasks[upstream, state] = tasks.get((upstream, state), 0) + number
        yield _gauge(
            "tasks",
            "Tasks that are kept, by their status; UNSEEN for those never seen.",
            ("upstream", "state"),
            tasks,
        )
        yield _counter(
            "polls",
            "Requests to upstreams, by their outcome: ok, or the error.",
            ("upstream", "outcome"),
            _filled(counters.polls, self._upstreams, ["ok", *PollError]),
        )
        yield _histogram(
            "poll_seconds",
            "How long a request to an upstream took.",
            "upstream",
            counters.poll_seconds,
        )
        yield _histogram(
            "poll_lag_seconds",
            "How long after it was due a task was polled.",
            "upstream",
            counters.poll_lag,
        )
        yield _gauge(
            "upstream_up",
            "0 while an upstream gives no valid answers about tasks that are polled.",
            ("upstream",),
            {
                (name,): counters.upstreams_up.get(name, True)
                for name in self._upstreams
            },
        )

    def _delivering(self) -> Iterator[Metric]:
        counters = self._counters
        yield _counter(
            "events",
            "Events that were made.",
            ("type",),
            _filled(
                {(name,): one for name, one in counters.events.items()}, EVENT_TYPES
            ),
        )
        yield _counter(
            "attempts",
            "Attempts to deliver, by their outcome: delivered, timeout, 5xx, ...",
            ("endpoint", "outcome"),
            _filled(counters.attempts, self._endpoints, ["delivered"]),
        )
        yield _counter(
            "clicks",
            "Clicks on buttons of chats, by what came of them: pressed, late, not_allowed, refused.",
            ("endpoint", "outcome"),
            _filled(counters.clicks, self._native, get_args(ClickOutcome)),
        )
        yield _counter(
            "dead_deliveries",
            "Deliveries that were given up, but not by hand, whatever became of them later.",
            ("endpoint",),
            {(name,): counters.dead.get(name, 0) for name in self._endpoints},
        )
        yield _histogram(
            "attempt_seconds",
            "How long an attempt took.",
            "endpoint",
            counters.attempt_seconds,
        )
        yield _histogram(
            "delivery_latency_seconds",
            "From the change being seen to the answer that accepts it.",
            "endpoint",
            counters.delivery_latency,
        )
        yield _gauge(
            "deliveries",
            "Deliveries of the events that are kept.",
            ("endpoint", "state"),
            _filled(counters.deliveries, self._endpoints, get_args(DeliveryState)),
        )
        yield _gauge(
            "oldest_pending_seconds",
            "For how long the oldest event that waits has waited; 0 if none does.",
            ("endpoint",),
            {(name,): self._age(name) for name in self._endpoints},
        )
        yield _gauge(
            "endpoint_up",
            "0 while an endpoint is disabled, configured nowhere, or fails what waits for it.",
            ("endpoint",),
            {
                (name,): counters.endpoints_up.get(name, True)
                for name in self._endpoints
            },
        )

    def _age(self, endpoint: str) -> float:
        oldest = self._counters.oldest_pending_at.get(endpoint)
        return 0.0 if oldest is None else max(0.0, self._now - oldest)


def _filled(
    counted: Mapping[Any, float], *labels: Iterable[str]
) -> dict[tuple[str, ...], float]:
    """Return what was counted, and 0 for every other combination of labels."""
    return {**dict.fromkeys(product(*labels), 0), **counted}


def _family(
    kind: type[GaugeMetricFamily | CounterMetricFamily],
    name: str,
    text: str,
    labels: Sequence[str],
    values: Mapping[tuple[str, ...], float],
) -> Metric:
    family = kind(f"mjbridge_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


_gauge = partial(_family, GaugeMetricFamily)
_counter = partial(_family, CounterMetricFamily)


def _histogram(
    name: str, text: str, label: str, values: Mapping[str, Histogram]
) -> Metric:
    family = HistogramMetricFamily(f"mjbridge_{name}", text, labels=(label,))
    for key, histogram in values.items():
        bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
        buckets, below = [], 0
        for bound, number in zip(bounds, histogram.counts, strict=True):
            below += number
            buckets.append((bound, below))
        family.add_metric((key,), buckets, sum_value=histogram.total)
    return family


def exposition(counters: Counters, now: float, settings: Settings) -> bytes:
    """Return the metrics of one moment as OpenMetrics writes them; see `Snapshot`."""
    registry = CollectorRegistry()
    registry.register(Snapshot(counters, now, settings))
    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]  # of a library


def routes(context: WebContext, store: StoreGuard) -> list[Route]:
    """Return the route that Prometheus scrapes; it needs no token."""

    async def read() -> bytes:
        counters = await context.queries.counters()
        return exposition(counters, await context.clock(), context.settings)

    text = Fresh(read)

    async def metrics(_request: Request) -> Response:
        store.check()
        return Response(await text.get(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/metrics", metrics)]
