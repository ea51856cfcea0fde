"""
The engine: what one worker process runs, an event loop in a thread of its own.

The poller, the pump and their connections live in it, and wait for wake-ups in the store.
Celery's tasks only start work in it, so that no Celery child is ever occupied by a slow
upstream or a slow receiver. All of it is made after the fork: sockets and loops do not survive
one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog
import uvloop

from bridge.app.outage import store_outage
from bridge.app.ports import QUEUES
from bridge.app.views.actions import Action
from bridge.errors import BridgeError
from bridge.runtime.listening import listen
from bridge.runtime.presence import Presence, digest_of
from bridge.runtime.producers import hear
from bridge.runtime.self_tick import tick_while_silent
from bridge.runtime.worker_parts import WorkerParts, assemble
from bridge.settings import Settings

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

#: Seconds that a Celery task waits for the loop. It only starts work, so this is long.
DEADLINE = 20.0
#: Seconds that attempts in flight get when a worker is asked to stop. It has to be gone
#: after 5 s, and Celery takes up to one for itself when the last child has ended.
GRACE = 3.5
#: Seconds between two sweeps through all endpoints; others look at the clock and the memory.
THOROUGH_EVERY = 9.0
#: Seconds for which tasks that are tracked one by one are gathered, to be asked about at once.
GATHER = 0.1


class Engine:
    """What one worker process runs, in an event loop of its own thread."""

    def __init__(self, settings: Settings, *, queues: Collection[str]) -> None:
        """
        Make the engine and start its loop, which begins to listen for wake-ups.

        Args:
            settings: The deployment's.

            queues: Those whose work it looks for by itself; other workers may do the rest.
        """
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="mjbridge-engine", daemon=True
        )
        self._thread.start()
        self._queues = queues
        self._draining: asyncio.Task[None] | None = None
        self._thorough_at = 0.0  #: When to sweep through all endpoints again.
        #: Whether the pipe of `drain_at_end_of` has ended.
        self.cut_off = False
        self._parts: WorkerParts = self._wait(assemble(settings))
        self._watching = self._wait(self._watch())

    def poll(self) -> None:
        """Start to poll everything that is due."""
        self._wait(self._parts.poll())

    def deliver(self) -> None:
        """Start to deliver everything that is due."""
        self._loop.call_soon_threadsafe(self._parts.pump.wake)

    def sweep(self) -> None:
        """Do one sweep's worth of housekeeping; without a store, the next tick does it."""
        thorough = time.monotonic() >= self._thorough_at
        if thorough:
            self._thorough_at = time.monotonic() + THOROUGH_EVERY
        try:
            self._wait(self._parts.sweep(on_a_tick=True, thorough=thorough))
        except BridgeError as error:
            store_outage.failed(str(error))

    def take(
        self,
        task: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        message: str | None,
    ) -> Action | None:
        """Do what a Celery producer asks for, see `Producers.take`."""
        take = self._parts.producers.take
        return self._wait(take(task, args, kwargs, message=message))

    def drain_at_end_of(self, pipe: int) -> None:
        """Begin to drain as soon as no process holds the writing end of a pipe any more."""
        self._loop.call_soon_threadsafe(self._loop.add_reader, pipe, self._cut, pipe)

    def stop(self) -> None:
        """Claim no more, give what is in flight its time, hand the rest back."""
        try:
            self._wait(self._end())
        except (BridgeError, TimeoutError) as error:
            log.warning(
                "engine.stopped_early", error=str(error) or type(error).__name__
            )
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=1.0)
        if self._parts.telemetry is not None:
            self._parts.telemetry.close()

    def _cut(self, pipe: int) -> None:
        self._loop.remove_reader(pipe)
        self.cut_off = True
        self._drain()

    def _drain(self) -> asyncio.Task[None]:
        if self._draining is None:
            self._draining = self._loop.create_task(self._drained())
        return self._draining

    async def _drained(self) -> None:
        for one in self._watching:
            one.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await self._parts.drain(GRACE)

    async def _end(self) -> None:
        await self._drain()
        await self._parts.aclose()

    async def _watch(self) -> Sequence[asyncio.Task[None]]:
        """Begin to watch for work: that which wakes us, and that which no tick announces."""
        parts = self._parts
        served = [queue for queue in QUEUES if queue in self._queues]
        sign_on = partial(
            parts.deployment.admin.sign_on, served, digest_of(parts.settings)
        )
        watching = [
            tick_while_silent(
                parts.try_store,
                Presence(sign_on).silent_for,
                self._tick,
                parts.sweep,
            )
        ]
        if "deliver" in self._queues:
            watching.append(listen(parts.pump.await_work, parts.deliver))
        if "poll" in self._queues:
            watching.append(listen(self._await_tasks, parts.poll))
            if parts.foreign is not None:
                watching.append(hear(parts.foreign, parts.producers))
        return [self._loop.create_task(one) for one in watching]

    async def _await_tasks(self) -> None:
        await self._parts.deployment.tasks.await_tracked()
        await asyncio.sleep(GATHER)
        await self._parts.poll()

    async def _tick(self) -> None:
        await self._parts.deliver()
        if "poll" in self._queues:
            await self._parts.poll()

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(timeout=DEADLINE)
