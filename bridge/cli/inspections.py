"""Inspections: what `mjbridge check` looks at, and what it makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bridge.cli.words import ago, host_of
from bridge.errors import BridgeError, StoreUnavailable

if TYPE_CHECKING:
    from bridge.settings import Settings, UpstreamSettings

#: Seconds after which a deployment without a heartbeat is one that does not run.
SILENT_AFTER = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that was looked at.

    Attributes:
        about: What: configuration, store, workers, upstream, endpoint.

        name: Which, of upstreams and endpoints.

        level: How bad it is. Only errors count for the exit code.

        detail: What was found.

        mend: What to do about it.

        code: What an error makes the command exit with.
    """

    about: str
    name: str = ""
    level: Literal["ok", "note", "warning", "error"] = "ok"
    detail: str
    mend: str = ""
    code: int = 0


def broken(about: str, error: BridgeError, *, name: str = "") -> Finding:
    """Make a finding of an error."""
    return Finding(
        about=about,
        name=name,
        level="error",
        detail=str(error),
        code=error.exit_code,
    )


# --- the store ------------------------------------------------------------------------


async def inspect_store(settings: Settings) -> Sequence[Finding]:
    """Look whether there is a store, whether it may be used, and whether anybody works."""
    from bridge.adapters.local.runfile import read_run_file
    from bridge.adapters.store.connection import within
    from bridge.runtime import Deployment

    if settings.redis_url is None and read_run_file(settings.data_dir) is None:
        return [_built_in(settings)]
    try:
        async with Deployment(settings) as deployment:
            warnings = await within(deployment.look, 3.0, sleep=asyncio.sleep)
            now = await deployment.admin.clock()
            heartbeat = await deployment.queries.heartbeat()
    except StoreUnavailable:
        mend = "is the server running, and is it where BRIDGE_REDIS_URL says?"
        detail = "it does not answer"
        return [Finding(about="store", level="error", detail=detail, mend=mend, code=1)]
    except BridgeError as error:
        return [broken("store", error)]
    where = "configured" if settings.redis_url else "built in"
    found = [Finding(about="store", detail=f"{where}; answers, and evicts nothing")]
    found += [Finding(about="store", level="warning", detail=one) for one in warnings]
    return [*found, _workers(heartbeat, now)]


def _built_in(settings: Settings) -> Finding:
    from bridge.adapters.local.embedded import find_server

    try:
        find_server()
    except BridgeError as error:
        return broken("store", error)
    detail = f"built in, in {settings.data_dir}; it does not run now"
    return Finding(
        about="store", level="note", detail=detail, mend="mjbridge up starts it"
    )


def _workers(heartbeat: float | None, now: float) -> Finding:
    if heartbeat is not None and now - heartbeat < SILENT_AFTER:
        return Finding(
            about="workers", detail=f"they and beat run, seen {ago(heartbeat, now)}"
        )
    seen = f"none since {ago(heartbeat, now)}" if heartbeat else "none was ever seen"
    mend = "mjbridge up runs them, or mjbridge worker and mjbridge beat"
    return Finding(about="workers", level="warning", detail=seen, mend=mend)


# --- upstreams ------------------------------------------------------------------------


async def inspect_upstreams(settings: Settings, *, online: bool) -> Sequence[Finding]:
    """Look at the upstreams; if *online*, ask each whether it takes our key."""
    from bridge.cli.up import HINT

    if not settings.upstreams:
        what, _, mend = HINT.partition(": ")
        return [
            Finding(about="upstream", level="error", detail=what, mend=mend, code=2)
        ]
    if not online:
        return [
            Finding(about="upstream", name=name, detail=_described(one))
            for name, one in settings.upstreams.items()
        ]
    asked = (_ask(name, one) for name, one in settings.upstreams.items())
    return await asyncio.gather(*asked)


def _described(upstream: UpstreamSettings) -> str:
    key = f"a key, sent as {upstream.auth}" if upstream.api_key else "no key"
    return f"{host_of(upstream.base_url)}, {key}"


async def _ask(name: str, settings: UpstreamSettings) -> Finding:
    """Ask an upstream for a task that nobody has: that needs a key, and costs nothing."""
    from bridge.adapters.gateway.batches import NOBODYS_ID
    from bridge.app.ports import PollError
    from bridge.runtime import upstream_of

    client = upstream_of(name, settings)
    try:
        answer = await client.fetch([NOBODYS_ID])
    finally:
        await client.aclose()
    where = _described(settings)
    if answer.error is None:
        detail = (
            f"{where}: it answers, and takes the key"
            if settings.api_key
            else f"{where}: it answers"
        )
        return Finding(about="upstream", name=name, detail=detail)
    prefix = f"upstreams.{name}"
    mends = {
        PollError.REFUSED: (
            f"check {prefix}.api_key and {prefix}.auth (now {settings.auth})",
            2,
        ),
        PollError.MISPLACED: (
            f"check {prefix}.base_url: this does not look like a gateway",
            2,
        ),
        PollError.THROTTLED: (f"it is busy; a lower {prefix}.rate_limit may help", 0),
        PollError.BROKEN: (
            "it may be down; try again later, and check the base_url",
            1,
        ),
    }
    mend, code = mends[answer.error]
    return Finding(
        about="upstream",
        name=name,
        level="error" if code else "warning",
        detail=f"{where}: {answer.detail or answer.error}",
        mend=mend,
        code=code,
    )
