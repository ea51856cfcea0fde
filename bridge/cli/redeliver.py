"""``redeliver``: send events again."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from datetime import datetime
from typing import Annotated

import typer

from bridge.app.humanize import counted
from bridge.app.redelivery import CLOCK_SKEW
from bridge.app.views.events import RedeliveryView
from bridge.cli.arguments import EndpointOption, JsonOption
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import emit, write
from bridge.errors import Misconfigured
from bridge.runtime.deployment import Deployment

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.ASCII)
#: Where zones begin their 1970 first; whoever writes 1970-01-01 means everything.
_BEFORE_1970 = -14 * 3600

_RESULTS = {
    "queued": "queued again",
    "open": "still on the way",
    "recent": "sent again a moment ago",
    "skipped": "not dead, left alone",
    "unknown": "no longer kept",
}


def redeliver(
    event_id: Annotated[
        str | None, typer.Argument(metavar="EVENT_ID", show_default=False)
    ] = None,
    *,
    endpoint: EndpointOption = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="T", help="ISO 8601, or 45s, 90m, 2h, 3d ago."),
    ] = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="Only what was given up.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """
    Send an event again, or all since a time.

    Out of order, and marked webhook-redelivery: true. Asking twice sends once.
    """
    if (event_id is None) == (since is None):
        msg = "redeliver what? Give an EVENT_ID, or --endpoint E with --since T"
        raise Misconfigured(msg)
    if event_id is None and endpoint is None:
        msg = "redeliver to whom? --since goes with --endpoint E"
        raise Misconfigured(msg)
    if since is not None:
        time_since(
            since, time.time()
        )  # a wrong one is refused before anything is tried

    async def work(deployment: Deployment) -> None:
        redelivery = deployment.redelivery
        if event_id is not None:
            done = redelivery.event(event_id, endpoint, dead_only=dead)
        else:
            at = time_since(str(since), await deployment.admin.clock())
            done = redelivery.since(str(endpoint), at, dead_only=dead)
        results: Counter[str] = Counter()
        async for one in done:
            results[one.result] += 1
            if as_json:
                emit(
                    RedeliveryView(
                        event_id=one.event_id, endpoint=one.endpoint, result=one.result
                    )
                )
        if not as_json:
            write(_summary(results))

    in_deployment(work)


def _summary(results: Counter[str]) -> str:
    if not results.total():
        return "nothing to redeliver"
    return ", ".join(
        f"{counted(results[name], 'delivery', 'deliveries')} {words}"
        for name, words in _RESULTS.items()
        if results[name]
    )


def time_since(given: str, now: float) -> float:
    """
    Read a time in the past: ISO 8601, or how long ago it was (``45s``, ``2h``, ``3d``).

    A time without a zone is local.

    Raises:
        Misconfigured: It is neither, before 1970, or ahead of *now* by more than clocks differ.
    """
    text = given.strip()
    if match := _SPAN.fullmatch(text.lower()):
        at = now - float(match[1]) * _UNITS[match[2]]
    else:
        at = _epoch_seconds(text)
    if at < _BEFORE_1970:
        msg = f"{given} is before 1970"
        raise Misconfigured(msg)
    if at > now + CLOCK_SKEW:
        msg = f"{given} is not in the past"
        raise Misconfigured(msg)
    return at


def _epoch_seconds(text: str) -> float:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        msg = f"not a time: {text!r}; write 45s, 90m, 2h, 3d, or 2024-11-03T08:00:00Z"
        raise Misconfigured(msg) from None
    try:
        return read.timestamp()
    except (ValueError, OverflowError, OSError):
        # In our zone, it is beyond an end of the calendar.
        return math.copysign(math.inf, read.year - 1970)
