"""
Wiring: the only place that knows ports and adapters. It owns the clock and the dice.

`Engine` is what one worker process runs: an event loop in a thread of its own, with the
poller, the pump and their connections in it. Celery's tasks only tell it what to begin,
so that no Celery child is ever occupied by a slow upstream or a slow receiver. All of it
is made after the fork: sockets and loops do not survive one.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Self, TypeVar

import structlog
import uvloop

from bridge.adapters import apprise_sender
from bridge.adapters.broker import Broker, broker_of
from bridge.adapters.connection import connect, inspect, wait_for
from bridge.adapters.desk import Desk
from bridge.adapters.guard import Guard
from bridge.adapters.ledger import Ledger
from bridge.adapters.producers import granted, wishes
from bridge.adapters.runfile import read_run_file
from bridge.adapters.sender import Sender
from bridge.adapters.store import RedisStore
from bridge.adapters.upstream import HttpUpstream, UpstreamOptions
from bridge.channels import apprise, channel_for
from bridge.core.cadence import Patience
from bridge.core.endpoint import Endpoint
from bridge.core.event import Json
from bridge.core.task import why_not_an_id, why_not_metadata
from bridge.deliver import Pump, Receiver
from bridge.errors import BridgeError, Misconfigured, StoreUnavailable
from bridge.poll import Polled, Poller
from bridge.ports import PollLimits, Tracked
from bridge.settings import Settings, UpstreamSettings, load_settings
from bridge.sweep import sweep

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

#: Seconds beyond an upstream's timeout after which what was claimed is up for others.
POLL_LEASE_MARGIN = 10.0
#: Seconds that a Celery task waits for the loop. It only begins work, so this is long.
PATIENCE = 20.0
#: Seconds that attempts in flight get when a worker is asked to stop. It has to be gone
#: after 5 s, and Celery takes up to one for itself when the last child has ended.
GRACE = 3.5


def store_url(settings: Settings) -> str:
    """
    Say where the store is: as configured, or the one that a running `mjbridge up` holds.

    Raises:
        StoreUnavailable: Nothing is configured and nothing runs.
    """
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    run = read_run_file(settings.data_dir)
    if run is None:
        raise StoreUnavailable
    return run.redis_url


def broker(settings: Settings) -> Broker:
    """Say where wake-ups travel."""
    url = settings.broker_url
    address = url.get_secret_value() if url is not None else store_url(settings)
    return broker_of(address, settings.namespace)


def endpoints_of(settings: Settings) -> Sequence[Endpoint]:
    """Return the configured endpoints in the words of the core, in their order."""
    return [one.to_endpoint(name) for name, one in settings.endpoints.items()]


def receivers_of(endpoints: Sequence[Endpoint]) -> Mapping[str, Receiver]:
    """
    Find the channel of every endpoint.

    Raises:
        Misconfigured: There is none for a kind, or a package that it needs is missing.
    """
    if any(endpoint.kind == apprise.KIND for endpoint in endpoints):
        apprise_sender.require()
    return {
        endpoint.name: Receiver(endpoint=endpoint, channel=channel_for(endpoint.kind))
        for endpoint in endpoints
    }


def upstream_of(name: str, settings: UpstreamSettings) -> HttpUpstream:
    """Make the client of an upstream."""
    key = settings.api_key
    proxy = settings.proxy
    return HttpUpstream(
        UpstreamOptions(
            name=name,
            base_url=settings.base_url,
            api_key=key.get_secret_value() if key is not None else "",
            auth=settings.auth,
            timeout=settings.timeout,
            proxy=proxy.get_secret_value() if proxy is not None else None,
            tls_ca=str(settings.tls_ca) if settings.tls_ca else None,
        )
    )


def polled(name: str, settings: UpstreamSettings) -> Polled:
    """Say how an upstream is polled."""
    return Polled(
        upstream=upstream_of(name, settings),
        limits=PollLimits(
            batch_size=settings.batch_size,
            concurrency=settings.concurrency,
            rate=settings.rate_limit,
            lease=settings.timeout + POLL_LEASE_MARGIN,
        ),
        patience=Patience(
            poll_interval=settings.poll_interval,
            missing_after=settings.missing_after,
            max_age=settings.max_age,
        ),
    )


class Office:
    """
    A connection to the deployment for commands and programs: track, look up, operate.

    Use it as an asynchronous context manager, in one event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = connect(store_url(settings))
        names = {"namespace": settings.namespace, "retention": settings.retention}
        self.store = RedisStore(self.client, **names)  # type: ignore[arg-type]
        self.desk = Desk(self.client, **names)  # type: ignore[arg-type]
        self.ledger = Ledger(self.client, namespace=settings.namespace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.client.aclose()

    async def ready(
        self, *, tries: int | None = 6, say: Callable[[str], None] = print
    ) -> None:
        """
        Wait for the store and check that it may be used.

        Args:
            tries: Half seconds to wait; ``None`` for ever.

            say: Tells a person what is waited for.

        Raises:
            StoreUnavailable: It does not answer in time.

            StoreRefused: It must not be used.
        """
        namespace = self.settings.namespace
        warnings = await wait_for(
            lambda: inspect(self.client, namespace),
            say=say,
            sleep=asyncio.sleep,
            tries=tries,
        )
        for warning in warnings:
            log.warning("store.careless", detail=warning)

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
    Return ids, each once, in their order.

    Raises:
        Misconfigured: Some are not ids; all reasons are told.
    """
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Sequence):
        msg = "task ids come as a list, also a single one"
        raise Misconfigured(msg)
    wrong = [(value, why) for value in ids if (why := why_not_an_id(value)) is not None]
    if wrong:
        told = "; ".join(f"{str(value)[:40]!r}: {why}" for value, why in wrong[:5])
        more = f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else ""
        msg = f"not a task id: {told}{more}"
        raise Misconfigured(msg)
    return list(dict.fromkeys(str(value) for value in ids))


class Engine:
    """What one worker process runs, in an event loop of its own thread."""

    def __init__(self, settings: Settings, *, wake: Callable[[], None]) -> None:
        """
        Make the engine and start its loop; nothing is claimed yet.

        Args:
            settings: The deployment's.

            wake: Publishes a wake-up for a deliverer. It may block for seconds, and
                may fail.
        """
        self._settings = settings
        self._publish = wake
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="mjbridge-engine", daemon=True
        )
        self._thread.start()
        self._endpoints = endpoints_of(settings)
        self._draining: asyncio.Task[None] | None = None
        #: Whether the pipe of `drain_at_end_of` has ended.
        self.cut_off = False
        self._office: Office
        self._poller: Poller
        self._pump: Pump
        self._sender: Sender
        self._upstreams: Sequence[HttpUpstream]
        self._wait(self._make())

    def poll(self) -> None:
        """Start to ask about everything that is due, after hearing who wants more of it."""
        try:
            self._wait(self._hear())
        except StoreUnavailable as error:
            log.warning("track.store_away", error=str(error))
        self._wait(self._poller.poll())

    def deliver(self) -> None:
        """Start to deliver everything that is due."""
        self._loop.call_soon_threadsafe(self._pump.kick)

    def sweep(self) -> None:
        """Do one sweep's worth of housekeeping."""
        retention = self._settings.retention
        self._wait(sweep(self._office.desk, self._endpoints, retention=retention))

    def track(
        self,
        ids: Sequence[object],
        upstream: str | None,
        metadata: Mapping[str, Json] | None,
    ) -> Tracked:
        """Begin to look at tasks, see `Office.track`."""
        return self._wait(self._office.track(ids, upstream=upstream, metadata=metadata))

    def drain_at_end_of(self, pipe: int) -> None:
        """Begin to `stop` as soon as nobody holds the writing end of a pipe any more."""
        self._loop.call_soon_threadsafe(self._loop.add_reader, pipe, self._cut, pipe)

    def stop(self) -> None:
        """Claim no more, give what is in flight its time, hand the rest back."""
        try:
            self._wait(self._unmake())
        except (BridgeError, TimeoutError) as error:
            log.warning(
                "engine.stopped_early", error=str(error) or type(error).__name__
            )
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=1.0)

    def _cut(self, pipe: int) -> None:
        self._loop.remove_reader(pipe)
        self.cut_off = True
        self._drain()

    def _drain(self) -> asyncio.Task[None]:
        if self._draining is None:
            self._draining = self._loop.create_task(self._drained())
        return self._draining

    async def _drained(self) -> None:
        await asyncio.gather(self._poller.stop(GRACE), self._pump.stop(GRACE))

    async def _make(self) -> None:
        settings = self._settings
        self._office = Office(settings)
        try:
            # Limits hold from the first delivery on, not from the first sweep.
            await self._office.desk.configure(self._endpoints)
        except StoreUnavailable as error:
            log.warning("engine.store_away", error=str(error))
        self._sender = Sender(guard=Guard(settings.allow_networks))
        await self._sender.warm(self._endpoints)
        upstreams = {
            name: polled(name, one) for name, one in settings.upstreams.items()
        }
        self._upstreams = [one.upstream for one in upstreams.values()]  # type: ignore[misc]
        self._poller = Poller(
            store=self._office.store,
            upstreams=upstreams,
            endpoints=self._endpoints,
            progress_step=settings.progress_step,
            now=time.time,
            wake=self._wake,
        )
        self._pump = Pump(
            store=self._office.store,
            sender=self._sender,
            receivers=receivers_of(self._endpoints),
            now=time.time,
            elapsed=time.monotonic,
            roll=random.random,
        )

    async def _hear(self) -> None:
        """Track what plain Celery producers ask for, if they share our server."""
        if self._settings.broker_url is not None:
            return
        for wish in await wishes(self._office.client):
            try:
                await self._office.track(
                    wish.ids, upstream=wish.upstream, metadata=wish.metadata
                )
            except Misconfigured as error:
                log.error("track.refused", error=str(error))  # noqa: TRY400
            await granted(self._office.client, wish)

    async def _unmake(self) -> None:
        await self._drain()
        closing: list[Awaitable[Any]] = [one.aclose() for one in self._upstreams]
        await asyncio.gather(
            self._sender.aclose(), self._office.client.aclose(), *closing
        )

    async def _wake(self) -> None:
        await asyncio.to_thread(self._publish)

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(timeout=PATIENCE)


def track_now(
    ids: Sequence[object], *, upstream: str | None, metadata: Mapping[str, Json] | None
) -> Tracked:
    """Track from a program, whether or not an event loop runs in its thread."""

    async def work() -> Tracked:
        async with Office(load_settings()) as office:
            await office.ready()
            return await office.track(ids, upstream=upstream, metadata=metadata)

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
