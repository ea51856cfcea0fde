"""The figures and ratios that are worth holding, each within one run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.report import Results

#: A figure: its group, its row, its name.
Where = tuple[str, str, str]


class Mark(NamedTuple):
    """
    A figure, or its ratio to another one, and what it has to reach.

    Attributes:
        over: What the figure is divided by; ``None`` if by nothing.

        least: Whether the limit is the least that it may be, and not the most.
    """

    text: str
    limit: float
    figure: Where
    over: Where | None = None
    least: bool = True


def _flood(shape: str, figure: str = "rate") -> Where:
    return "deliveries", f"{shape}: flood, 2,000 B", figure


def _little(load: str, figure: str) -> Where:
    return "latency", f"a deployment: {load}", figure


def _fresh(flying: str, cadence: str, figure: str) -> Where:
    return "freshness", f"{flying} in flight: {cadence}", figure


OURS, EACH = _flood("50 endpoints"), "rate an endpoint"
FRESH, FIXED = "ours, poll_interval 5", "every 5 s"
LOOKS = "10,000 tasks: 0% ended"
MARKS = (
    Mark("deliveries a second, of one Celery task each", 8, OURS, _flood("Celery, prefork")),
    Mark("the same, of one with 40 threads", 6, OURS, _flood("Celery, 40 threads")),
    Mark("an endpoint's beside 3 of 50 that take 2 s, of without", 0.9, _flood("50, 3 take 2 s", EACH), _flood("50 endpoints", EACH)),
    Mark("beside a dead one with 10,000 waiting, of without", 0.9, _flood("50, 1 dead with 10,000 waiting"), OURS),
    Mark("with 1,000 endpoints, of with 50", 0.9, _flood("1,000 endpoints"), OURS),
    Mark("CPU of a delivery, us", 1100, _flood("50 endpoints", "cpu"), least=False),
    Mark("the same with 1,000 endpoints, of with 10", 1.25, _flood("1,000 endpoints", "cpu"), _flood("10 endpoints", "cpu"), least=False),
    Mark("commands of a delivery", 25, _flood("50 endpoints", "commands"), least=False),
    Mark("cores busy while a backlog drains", 0.9, ("deliveries", "50 endpoints: drain, 2,000 B", "cores")),
    Mark("% of a core with nothing to do", 1, _little("idle", "share"), least=False),
    Mark("CPU of a delivery at 20 a second, us", 4000, _little("20 a second", "cpu"), least=False),
    Mark("recorded to arrival at 20 a second, p50, ms", 2, _little("20 a second", "delays p50"), least=False),
    Mark("the same, p99, ms", 10, _little("20 a second", "delays p99"), least=False),
    Mark("at half load, p99, ms", 50, ("latency", "delivering: at 50% of its most", "delays p99"), least=False),
    Mark("poller's CPU of an id, us", 60, ("polling", LOOKS, "cpu poller"), least=False),
    Mark("poller's and store's, us", 90, ("polling", LOOKS, "cpu"), least=False),
    Mark("100,000 ids at once from a gateway that takes 100 ms, s", 8, ("polling", "100,000 tasks, after 100 ms: 0% ended", "seconds"), least=False),
    Mark("CPU of an id of 100,000, of one of 1,000", 1.25, ("polling", "100,000 tasks, after 100 ms: 0% ended", "cpu"), ("polling", "1,000 tasks: 0% ended", "cpu"), least=False),
    *(
        mark
        for flying in ("1", "20", "100")
        for mark in (
            Mark(f"change to seen with {flying} in flight, median, of every 5 s", 0.5, _fresh(flying, FRESH, "median"), _fresh(flying, FIXED, "median"), least=False),
            Mark("the same, requests a task", 1, _fresh(flying, FRESH, "requests"), _fresh(flying, FIXED, "requests"), least=False),
        )
    ),
    Mark("deliveries a second of three hosts, of one", 2.5, ("hosts", "workers: three", "rate"), ("hosts", "workers: one", "rate")),
    Mark("RSS of an event of 2 kB and its delivery, which waits, B", 2800, ("memory", "a delivery: that waits, with its event", "rss"), least=False),
    Mark("RSS of a tracked task, B", 600, ("polling", "100,000 tasks, after 100 ms: tracked", "rss"), least=False),
    Mark("added by the gateway to a submission, p50, ms", 3, ("web", "gateway: a submission", "added p50"), least=False),
    Mark("the same to a fetch", 3, ("web", "gateway: a fetch", "added p50"), least=False),
    Mark("recording an end with 50 rules that have patterns, of without", 1.05, ("rules", "an end: 50 rules with globs", "cpu"), ("rules", "an end: no rules", "cpu"), least=False),
)  # fmt: skip


def verdict(text: str, value: float, limit: float, *, least: bool) -> tuple[bool, str]:
    """Return whether a value keeps to a limit, and a line that says so."""
    holds = value >= limit if least else value <= limit
    sign = ">=" if least else "<="
    word = "met" if holds else "MISSED"
    return holds, f"{word:<7}{value:>10,.2f}  {sign} {limit:<6g} {text}"


def checked(results: Results) -> Iterator[str]:
    """Return what became of the marks whose figures were measured, in lines."""
    for mark in MARKS:
        value = results.middle(*mark.figure)
        under = 1.0 if mark.over is None else results.middle(*mark.over)
        if value is not None and under:
            yield verdict(mark.text, value / under, mark.limit, least=mark.least)[1]
