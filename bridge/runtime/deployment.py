"""The office: where commands and programs track tasks, look things up and operate."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import structlog

from bridge.adapters.store.admin import StoreAdmin
from bridge.adapters.store.connection import connect, inspect, wait_for, within
from bridge.adapters.store.queries import StoreQueries
from bridge.adapters.store.work import RedisStore
from bridge.app.ports import Tracked
from bridge.core.event import Json
from bridge.core.task import why_not_an_id, why_not_metadata
from bridge.errors import Misconfigured
from bridge.runtime.factories import store_url
from bridge.settings import Settings, load_settings

log = structlog.get_logger(__name__)


class Deployment:
    """
    A connection to the deployment for commands and programs: track, look up, operate.

    Use it as an asynchronous context manager, in one event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = connect(store_url(settings))
        names = {"namespace": settings.namespace, "retention": settings.retention}
        self.store = RedisStore(self.client, **names)  # type: ignore[arg-type]
        self.admin = StoreAdmin(self.client, **names)  # type: ignore[arg-type]
        self.queries = StoreQueries(self.client, namespace=settings.namespace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.client.aclose()

    async def ready(self, *, patience: float = 3.0) -> None:
        """
        Wait for the store and check that it may be used.

        Args:
            patience: Seconds to wait.

        Raises:
            StoreUnavailable: It does not answer in time.

            StoreRefused: It must not be used.
        """
        warnings = await within(self.look, patience, sleep=asyncio.sleep)
        for warning in warnings:
            log.warning("store.careless", detail=warning)

    async def look(self) -> list[str]:
        """
        Look once whether the store is there and may be used; list what is careless in it.

        Raises:
            StoreUnavailable: It does not answer.

            StoreRefused: It must not be used.
        """
        return await inspect(self.client, self.settings.namespace)

    async def track(
        self,
        ids: Sequence[object],
        *,
        upstream: str | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> Tracked:
        """
        Begin to look at tasks; all ids are checked before any is tracked.

        Raises:
            Misconfigured: An id, the upstream or the metadata is not one.
        """
        wrong = why_not_metadata(metadata or {})
        if wrong is not None:
            raise Misconfigured(wrong)
        tracked, _wake = await self.store.track(
            choose_upstream(self.settings, upstream), checked(ids), metadata or {}
        )
        return tracked


def choose_upstream(settings: Settings, name: str | None) -> str:
    """
    Say which upstream is meant.

    Raises:
        Misconfigured: It is not configured, or there are several and none was named.
    """
    known = list(settings.upstreams)
    if name is None and len(known) == 1:
        return known[0]
    if name is None and "default" in known:
        return "default"
    if name is None:
        what = f"name one of {', '.join(known)}" if known else "none is configured"
        msg = f"which upstream? {what}"
        raise Misconfigured(msg)
    if name not in known:
        msg = f"there is no upstream {name!r}; configured: {', '.join(known) or 'none'}"
        raise Misconfigured(msg)
    return name


def checked(ids: Sequence[object]) -> list[str]:
    """
    Return ids, each once, in their order, without white space around them.

    Raises:
        Misconfigured: Some are not ids; all reasons are told.
    """
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Sequence):
        msg = "task ids come as a list, also a single one"
        raise Misconfigured(msg)
    ids = [value.strip() if isinstance(value, str) else value for value in ids]
    wrong = [(value, why) for value in ids if (why := why_not_an_id(value)) is not None]
    if wrong:
        told = "; ".join(f"{str(value)[:40]!r}: {why}" for value, why in wrong[:5])
        more = f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else ""
        msg = f"not a task id: {told}{more}"
        raise Misconfigured(msg)
    return list(dict.fromkeys(str(value) for value in ids))


async def await_store(settings: Settings, *, say: Callable[[str], None]) -> list[str]:
    """
    Wait for the store as long as it takes, and *say* so every few seconds.

    Returns:
        Warnings about how the server is configured.

    Raises:
        StoreRefused: It must not be used.
    """

    async def check() -> list[str]:
        async with Deployment(settings) as deployment:
            return await deployment.look()

    return await wait_for(check, say=say, sleep=asyncio.sleep)


def track_now(
    ids: Sequence[object], *, upstream: str | None, metadata: Mapping[str, Json] | None
) -> Tracked:
    """Track from a program, whether or not an event loop runs in its thread."""

    async def work() -> Tracked:
        async with Deployment(load_settings()) as deployment:
            await deployment.ready()
            return await deployment.track(ids, upstream=upstream, metadata=metadata)

    outcome: list[Tracked | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001 - it is raised again where it belongs
            outcome.append(error)

    thread = threading.Thread(target=run, name="mjbridge-track")
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
