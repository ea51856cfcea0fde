"""``redeliver``: once more, when somebody asks for it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import EndpointOption, Json
from bridge.cli.output import emit, write
from bridge.cli.words import counted, since
from bridge.errors import Misconfigured, NotFound

if TYPE_CHECKING:
    from bridge.runtime import Deployment

#: Redeliveries that are asked for side by side.
WIDTH = 20


def redeliver(
    event_id: Annotated[
        str | None, typer.Argument(metavar="EVENT_ID", show_default=False)
    ] = None,
    *,
    endpoint: EndpointOption = None,
    since_text: Annotated[
        str | None,
        typer.Option("--since", metavar="T", help="ISO 8601, or 45s, 90m, 2h, 3d ago."),
    ] = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="Only what was given up.")
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Send an event again, or all since a time.

    Out of order, and marked webhook-redelivery: true. Asking twice sends once.
    """
    _check(event_id, endpoint, since_text)
    from bridge.cli.connecting import check_endpoint, in_deployment

    async def work(deployment: Deployment) -> None:
        if endpoint is not None:
            await check_endpoint(deployment, endpoint)
        if event_id is not None:
            pairs = await _of_event(deployment, event_id, endpoint)
        else:
            pairs = await _since(deployment, str(endpoint), since_text or "", dead=dead)
        outcomes: Counter[str] = Counter()
        for start in range(0, len(pairs), WIDTH):
            some = pairs[start : start + WIDTH]
            done = await asyncio.gather(
                *(deployment.admin.redeliver(*pair, dead_only=dead) for pair in some)
            )
            for pair, (outcome, _) in zip(some, done, strict=True):
                outcomes[outcome] += 1
                if as_json:
                    emit({"event": pair[0], "endpoint": pair[1], "result": outcome})
        if not as_json:
            write(_summary(outcomes))

    in_deployment(work)


def _check(event_id: str | None, endpoint: str | None, since_text: str | None) -> None:
    """Refuse what makes no sense before anything is tried."""
    if (event_id is None) == (since_text is None):
        msg = "redeliver what? Give an EVENT_ID, or --endpoint E with --since T"
        raise Misconfigured(msg)
    if event_id is None and endpoint is None:
        msg = "redeliver to whom? --since goes with --endpoint E"
        raise Misconfigured(msg)
    if since_text is not None:
        since(since_text, time.time())


async def _of_event(
    deployment: Deployment, event_id: str, endpoint: str | None
) -> list[tuple[str, str]]:
    row = await deployment.queries.event(event_id) if event_id.isascii() else None
    if row is None:
        msg = f"no event {event_id[:64]!r} is kept; `mjbridge deliveries` lists those that are"
        raise NotFound(msg)
    names = [one.endpoint for one in row.deliveries if endpoint in {None, one.endpoint}]
    if not names:
        whom = f"endpoint {endpoint}" if endpoint else "any endpoint"
        msg = f"event {event_id} was not for {whom}"
        raise NotFound(msg)
    return [(event_id, name) for name in names]


async def _since(
    deployment: Deployment, endpoint: str, text_: str, *, dead: bool
) -> list[tuple[str, str]]:
    """List what an endpoint was to be told since a time, the oldest first."""
    cutoff = since(text_, await deployment.admin.clock())
    found = []
    async for row in deployment.queries.deliveries(endpoint=endpoint):
        if row.at < cutoff:
            break
        # Progress that was overtaken was given up for good reason.
        if row.state == "dead" or (not dead and row.state != "superseded"):
            found.append((row.event_id, endpoint))
    return found[::-1]


def _summary(outcomes: Counter[str]) -> str:
    if not outcomes.total():
        return "nothing to redeliver"
    told = {
        "queued": "queued again",
        "open": "still on the way",
        "recent": "sent again a moment ago",
        "skipped": "not dead, left alone",
        "unknown": "no longer kept",
    }
    return ", ".join(
        f"{counted(outcomes[name], 'delivery', 'deliveries')} {words}"
        for name, words in told.items()
        if outcomes[name]
    )
