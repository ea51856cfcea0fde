"""How the replies of the scripts become what is known of endpoints, upstreams and waits."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any

from bridge.adapters.store.keyspace import named
from bridge.adapters.store.rows import moment
from bridge.app.ports import (
    Counters,
    EndpointRow,
    EndpointState,
    Histogram,
    SignsOfLife,
    Slot,
    UpstreamRow,
    UpstreamState,
    Wait,
)

#: Seconds of a slot of attempts; how many there are in a day.
SLOT, SLOTS = 300, 288
#: Whole minutes over which an upstream's requests are averaged.
MINUTES = 5

# --- endpoints ------------------------------------------------------------------------


def endpoint_row(
    reply: Sequence[Any], bounds: Sequence[float], now: float
) -> EndpointRow:
    """Read an endpoint's health and history."""
    name, flat, slots, dead, delivered, oldest, configured, click_error = reply
    health = named(flat)
    state, since, until = _endpoint_state(health, now)
    history, counts = _history(named(slots), len(bounds) + 1, now)
    return EndpointRow(
        name=name,
        kind=health.get("kind", ""),
        state=state,
        since=since,
        pending=int(health.get("pending", 0)),
        dead=dead,
        delivered=delivered,
        oldest_pending_at=moment(oldest),
        configured_at=moment(configured),
        failures=int(health.get("failures", 0)),
        failing_since=moment(health.get("failing_since")),
        reason=health.get("reason") or None,
        until=until,
        latency=moment(health.get("latency")),
        p50=quantile(bounds, counts, 0.5),
        p95=quantile(bounds, counts, 0.95),
        history=history,
        succeeded_at=moment(health.get("succeeded_at")),
        click_error=click_error or None,
    )


def _endpoint_state(
    health: Mapping[str, str], now: float
) -> tuple[EndpointState, float | None, float | None]:
    """Return the state, since when, and until when."""
    if health.get("disabled"):
        return "disabled", moment(health.get("disabled_at")), None
    if health.get("paused"):
        return "paused", moment(health["paused"]), None
    failing_since = moment(health.get("failing_since"))
    held = moment(health.get("hold_until")) or 0.0
    until = held if held > now else None
    if int(health.get("opens", 0)) > 0:
        opened = moment(health.get("open_until")) or 0.0
        return "open", failing_since, max(opened, held, now)
    if int(health.get("failures", 0)):
        return "failing", failing_since, until
    return "up", None, until


def _history(
    slots: Mapping[str, str], buckets: int, now: float
) -> tuple[Sequence[Slot], Sequence[int]]:
    """Return a day's slots, and its successes by bucket."""
    newest = int(now // SLOT)
    ok: dict[int, int] = defaultdict(int)
    failed: dict[int, int] = defaultdict(int)
    counts = [0] * buckets
    for name, count in slots.items():
        slot, _, outcome = name.partition(":")
        if not newest - SLOTS < int(slot) <= newest:
            continue
        if outcome == "failed":
            failed[int(slot)] += int(count)
        else:
            ok[int(slot)] += int(count)
            counts[int(outcome) - 1] += int(count)
    times = sorted({*ok, *failed})
    return [
        Slot(at=slot * SLOT, ok=ok[slot], failed=failed[slot]) for slot in times
    ], counts


def quantile(
    bounds: Sequence[float], counts: Sequence[int], share: float
) -> float | None:
    """Estimate a quantile from a histogram, as evenly spread within a bucket."""
    wanted = share * sum(counts)
    if not wanted:
        return None
    edges = [0.0, *bounds, bounds[-1]]
    for place, seen in enumerate(accumulate(counts)):
        if seen >= wanted:
            below, above = edges[place], edges[place + 1]
            return above - (above - below) * (seen - wanted) / counts[place]
    return bounds[-1]


# --- upstreams, waits, counters -------------------------------------------------------


def upstream_row(reply: Sequence[Any], now: float) -> UpstreamRow:
    """Read an upstream."""
    name, tracked, active, flat, requests, due = reply
    row = named(flat)
    state: UpstreamState = "up"
    if int(row.get("failures", 0)):
        state = "unhealthy" if "unhealthy_since" in row else "failing"
    return UpstreamRow(
        name=name,
        state=state,
        since=moment(row.get("failing_since")),
        reason=row.get("reason") or None,
        tracked=tracked,
        active=active,
        last_answer_at=moment(row.get("valid_at")),
        requests_per_minute=_rate(named(requests), now),
        lag=0.0 if due is None else max(0.0, now - float(due)),
    )


def _rate(by_minute: Mapping[str, str], now: float) -> float:
    """Return requests per minute, since the first of those that count."""
    minute = int(now // 60)
    recent = {
        begun: int(count)
        for name, count in by_minute.items()
        if minute - MINUTES <= (begun := int(name.partition(":")[0])) <= minute
    }
    return sum(recent.values()) / max(1.0, now / 60 - min(recent, default=minute))


def wait_of(flat: Sequence[Any]) -> Wait:
    """Read why a delivery waits."""
    facts = named(flat)
    flags = ("unconfigured", "suspect", "suspect_trial", "memory_full")
    numbers = ("in_flight", "concurrency", "behind_sequence", "attempts")
    read: dict[str, Any] = {
        name: value if name in {"behind", "reason"} else float(value)
        for name, value in facts.items()
        if name not in flags
    }
    read |= {name: int(read[name]) for name in numbers if name in read}
    read |= {name: name in facts for name in flags}
    return Wait(**read)


def counters_of(reply: Sequence[Any]) -> Counters:
    """Read what metrics are made of."""
    bounds, flat, tasks, deliveries, oldest, endpoints, upstreams, *marks = reply
    heartbeat, workers, full = marks
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for name, count in named(flat).items():
        what, _, rest = name.partition(":")
        counts[what][rest] = int(count)
    sizes: dict[Any, int] = defaultdict(int)
    for label, state, size in deliveries:
        sizes[label, state] += size
    oldest_at: dict[str, float] = {}
    for label, at in oldest:
        oldest_at[label] = min(float(at), oldest_at.get(label, math.inf))
    up: dict[str, bool] = {}
    for label, works in endpoints:
        up[label] = bool(works) and up.get(label, True)
    limits = [float(bound) for bound in bounds]
    kept = {_task_cell(cell): size for cell, size in tasks if size}
    polled = {upstream for upstream, _, active in kept if active}
    return Counters(
        events=counts["events"],
        attempts=_by_two(counts["attempts"]),
        clicks=_by_two(counts["clicks"]),
        dead=counts["dead"],
        polls=_by_two(counts["polls"]),
        attempt_seconds=_histograms(limits, counts["attempt_seconds"]),
        delivery_latency=_histograms(limits, counts["delivery_latency"]),
        poll_seconds=_histograms(limits, counts["poll_seconds"]),
        poll_lag=_histograms(limits, counts["poll_lag"]),
        tasks=kept,
        deliveries={names: size for names, size in sizes.items() if size},
        oldest_pending_at=oldest_at,
        endpoints_up=up,
        # Where nothing is polled, nothing tells that a gateway is back.
        upstreams_up={
            name: bool(works) or name not in polled for name, works in upstreams
        },
        memory_full=bool(full),
        life=signs_of_life(
            heartbeat, zip(workers[::2], map(float, workers[1::2]), strict=True)
        ),
    )


def signs_of_life(
    heartbeat: str | None, workers: Iterable[tuple[str, float]]
) -> SignsOfLife:
    """Read when beat and workers were last heard of; *workers* are those that signed on."""
    served: dict[str, float] = {}
    configured: dict[str, float] = {}
    for worker, at in sorted(workers, key=itemgetter(1)):
        queue, _, digest = worker.partition("|")
        served[queue] = configured[digest] = at
    return SignsOfLife(
        answered_at=moment(heartbeat), served_at=served, configured_at=configured
    )


def _task_cell(cell: str) -> tuple[str, str, bool]:
    upstream, status, active = cell.split(":")
    return upstream, status, active == "1"


def _by_two(counts: Mapping[str, int]) -> Mapping[tuple[str, str], int]:
    found = {}
    for name, count in counts.items():
        one, _, other = name.partition(":")
        found[one, other] = count
    return found


def _histograms(
    bounds: Sequence[float], counts: Mapping[str, int]
) -> Mapping[str, Histogram]:
    names = {name.partition(":")[0] for name in counts}
    return {
        name: Histogram(
            bounds=bounds,
            counts=[
                counts.get(f"{name}:{place + 1}", 0) for place in range(len(bounds) + 1)
            ],
            total=counts.get(f"{name}:sum", 0) / 1e6,
        )
        for name in names
    }
