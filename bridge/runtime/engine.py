"""
The engine: what one worker process runs, an event loop in a thread of its own.

The poller, the pump and their connections live in it. Celery's tasks only start
work in it, so that no Celery child is ever occupied by a slow upstream or a slow receiver. All
of it is made after the fork: sockets and loops do not survive one.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import structlog
import uvloop

from bridge.adapters.broker.foreign_queue import ForeignQueue
from bridge.adapters.gateway.batches import HttpUpstream
from bridge.adapters.http.guard import Guard
from bridge.adapters.http.sender import HttpSender
from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.pump import Pump
from bridge.app.housekeeping import sweep
from bridge.app.poll import Poller
from bridge.app.ports import Tracked
from bridge.core.event import Json
from bridge.errors import (
    BridgeError,
    Misconfigured,
    StoreForbids,
    StoreUnavailable,
)
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoints_of
from bridge.runtime.factories import polled, receivers_of
from bridge.runtime.self_tick import tick_while_silent
from bridge.settings import Settings

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

#: Seconds that a Celery task waits for the loop. It only starts work, so this is long.
DEADLINE = 20.0
#: Seconds that attempts in flight get when a worker is asked to stop. It has to be gone
#: after 5 s, and Celery takes up to one for itself when the last child has ended.
GRACE = 3.5


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
        self._polls = False  # until a task asks for it: other workers may do it
        #: Whether plain Celery producers reach us: their queue is on our server.
        self._hears = settings.broker_url is None
        self._born = 0.0  #: By the store's clock.
        #: Whether the pipe of `drain_at_end_of` has ended.
        self.cut_off = False
        self._deployment: Deployment
        self._foreign_queue: ForeignQueue
        self._poller: Poller
        self._pump: Pump
        self._sender: HttpSender
        self._upstreams: Sequence[HttpUpstream]
        self._self_tick: asyncio.Task[None]
        self._wait(self._make())

    def poll(self) -> None:
        """Start to poll everything that is due, after tracking what foreign producers ask for."""
        self._polls = True
        self._wait(self._poll())

    def deliver(self) -> None:
        """Start to deliver everything that is due."""
        self._loop.call_soon_threadsafe(self._pump.kick)

    def sweep(self) -> None:
        """Do one sweep's worth of housekeeping; without a store, the next tick does it."""
        try:
            self._wait(self._sweep(on_a_tick=True))
        except StoreUnavailable as error:
            log.warning("sweep.store_away", error=str(error))

    def track(
        self,
        ids: Sequence[object],
        upstream: str | None,
        metadata: Mapping[str, Json] | None,
    ) -> Tracked:
        """Track tasks, see `Operations.track`."""
        return self._wait(
            self._deployment.operations.track(ids, upstream=upstream, metadata=metadata)
        )

    def drain_at_end_of(self, pipe: int) -> None:
        """Begin to drain as soon as no process holds the writing end of a pipe any more."""
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
        self._self_tick.cancel()
        await asyncio.gather(self._poller.stop(GRACE), self._pump.stop(GRACE))

    async def _make(self) -> None:
        settings = self._settings
        self._deployment = Deployment(settings)
        self._foreign_queue = ForeignQueue(self._deployment.client)
        try:
            # Limits hold from the first delivery on, not from the first sweep.
            await self._deployment.admin.configure(self._endpoints)
        except StoreUnavailable as error:
            log.warning("engine.store_away", error=str(error))
        self._sender = HttpSender(guard=Guard(settings.allow_networks))
        await self._sender.warm(self._endpoints)
        if not settings.upstreams:
            log.warning(
                "engine.no_upstream", effect="nothing is polled, only delivered"
            )
        upstreams = {
            name: polled(name, one) for name, one in settings.upstreams.items()
        }
        self._upstreams = [one.upstream for one in upstreams.values()]  # type: ignore[misc]
        self._poller = Poller(
            store=self._deployment.tasks,
            upstreams=upstreams,
            endpoints=self._endpoints,
            progress_step=settings.progress_step,
            now=time.time,
            elapsed=time.monotonic,
            roll=random.random,
            wake=self._wake,
        )
        runner = AttemptRunner(
            store=self._deployment.deliveries,
            sender=self._sender,
            receivers=receivers_of(self._endpoints),
            now=time.time,
            elapsed=time.monotonic,
            roll=random.random,
        )
        self._pump = Pump(
            store=self._deployment.deliveries, runner=runner, elapsed=time.monotonic
        )
        self._self_tick = asyncio.get_running_loop().create_task(
            tick_while_silent(self._silent_for, self._tick, self._sweep)
        )

    async def _silent_for(self) -> float:
        """Seconds since a sweep ran on a tick, or since there is this engine to see one."""
        now = await self._deployment.admin.clock()
        self._born = min(self._born or now, now)
        beat = await self._deployment.queries.heartbeat()
        return now - max(beat or 0.0, self._born)

    async def _tick(self) -> None:
        self._pump.kick()
        if self._polls:
            await self._poll()

    async def _poll(self) -> None:
        try:
            if self._hears:
                await self._hear()
        except StoreForbids as error:
            self._hears = False
            log.warning("track.not_heard", reason=str(error))
        except BridgeError as error:
            log.warning("track.store_away", error=str(error))
        except Exception:
            # Hearing those who know only Celery is a convenience: it never stops polling.
            log.exception("track.not_understood")
        await self._poller.poll()

    async def _sweep(self, *, on_a_tick: bool = False) -> None:
        retention = self._settings.retention
        await sweep(
            self._deployment.admin,
            self._endpoints,
            upstreams=self._settings.upstreams,
            retention=retention,
            on_a_tick=on_a_tick,
        )

    async def _hear(self) -> None:
        """Track what plain Celery producers ask for, if they share our server."""
        for request in await self._foreign_queue.pending():
            try:
                await self._deployment.operations.track(
                    request.ids, upstream=request.upstream, metadata=request.metadata
                )
            except Misconfigured as error:
                log.error("track.refused", error=str(error))  # noqa: TRY400
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("track.not_understood")  # one never costs the others
            await self._foreign_queue.ack(request)

    async def _unmake(self) -> None:
        await self._drain()
        closing: list[Awaitable[Any]] = [one.aclose() for one in self._upstreams]
        await asyncio.gather(
            self._sender.aclose(), self._deployment.client.aclose(), *closing
        )

    async def _wake(self) -> None:
        await asyncio.to_thread(self._publish)

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(timeout=DEADLINE)
