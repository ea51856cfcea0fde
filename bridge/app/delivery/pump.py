"""
USE CASE 2: deliver. Due deliveries are claimed, rendered, sent, and what came of each
is settled.

    claim  ->  render  ->  send  ->  judge  ->  settle (one step: lane, log, health)

The `Pump` keeps a window of attempts in flight in one process's event loop. It never
waits for all of a batch: as soon as one attempt is over its place is filled, so that a
slow receiver costs its own place and nobody else's. A Celery message only kicks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.settle import Settler
from bridge.app.ports import Delivery, DeliveryClaim, DeliveryStore, Settlement
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Attempts in flight at once, in one process.
WINDOW = 200
#: Deliveries in one claim: a script's work is bounded.
AT_ONCE = 100
#: Seconds within which the pump itself waits for the next due delivery. Beat ticks
#: every second, so waiting longer would gain nothing.
NEAR = 1.0
#: Seconds that suspects may have for themselves, before everything else goes on for at
#: least as long as they took. It is also how long one is waited for: what has crashed
#: nothing by then waits for an answer, and others need not.
FOR_SUSPECTS = 1.0
#: Seconds between two claims, at least.
SHORTEST = 0.005


class Pump:
    """Delivers to every endpoint, in one process's event loop."""

    def __init__(
        self,
        *,
        store: DeliveryStore,
        runner: AttemptRunner,
        elapsed: Callable[[], float],
        window: int = WINDOW,
    ) -> None:
        """
        Make a pump that is not running yet.

        Args:
            store: Where deliveries are claimed and settled.

            runner: Performs the attempts.

            elapsed: A clock that only goes forward, in seconds.

            window: Attempts in flight at once.
        """
        self._store = store
        self._elapsed = elapsed
        self._window = window
        self._runner = runner
        self._settler = Settler(store, elapsed=elapsed, on_more=self._resume)
        self._flight: dict[asyncio.Task[None], Delivery] = {}
        self._work: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._kicked = False
        self._suspects_at = 0.0
        self._stopping = False

    def kick(self) -> None:
        """Wake the pump: something may be due. Cheap, and harmless if nothing is."""
        self._kicked = True
        self._resume()

    async def idle(self) -> None:
        """Wait until nothing is due soon, in flight or unsettled."""
        while self._work is not None:
            await asyncio.wait([self._work])
            await self._settler.idle()
        await self._settler.idle()

    async def stop(self, grace: float) -> None:
        """
        Claim no more, and leave nothing behind.

        Attempts in flight get `grace` seconds to end; then they are cancelled and their
        claims given back, so that another worker attempts them at once.
        """
        self._stopping = True
        self._settler.give_up_after(grace)
        self._news.set()
        if self._flight:
            _, late = await asyncio.wait(self._flight, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.idle()

    def _resume(self) -> None:
        self._news.set()
        if self._work is None and not self._stopping:
            loop = asyncio.get_running_loop()
            self._work = loop.create_task(self._run())

    # --- the window -------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._stopping:
                self._news.clear()
                try:
                    pause = await self._fill()
                except BridgeError as error:
                    log.warning("deliver.store_away", error=str(error))
                    pause = None if not self._flight else NEAR
                if pause is None and not self._flight and not self._kicked:
                    return
                await self._wait(pause)
        finally:
            self._work = None

    async def _wait(self, pause: float | None) -> None:
        """Wait for news: an attempt is over, a kick, or the time that something is due."""
        try:
            async with asyncio.timeout(NEAR if pause is None else min(pause, NEAR)):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _fill(self) -> float | None:
        """
        Claim until the window is full or nothing more is due.

        Returns:
            Seconds until it is worth claiming again; ``None`` if nothing is due soon.
        """
        while not self._stopping and (free := self._window - len(self._flight)) > 0:
            woken, self._kicked = self._kicked, False
            slow = sum(delivery.slow for delivery in self._flight.values())
            claim = await self._store.claim_deliveries(
                limit=min(free, AT_ONCE),
                slow_limit=max(0, self._window // 2 - slow),
                woken=woken,
            )
            for delivery in claim.deliveries:
                self._launch(delivery)
            if claim.suspects and self._elapsed() >= self._suspects_at:
                await self._try_suspects()
            elif not claim.deliveries:
                return self._pause(claim)
        return NEAR

    def _pause(self, claim: DeliveryClaim) -> float | None:
        waits = [] if claim.next_in is None else [claim.next_in]
        if claim.suspects:
            waits.append(self._suspects_at - self._elapsed())
        pause = min(waits, default=NEAR)
        return max(pause, SHORTEST) if pause < NEAR else None

    async def _try_suspects(self) -> None:
        """
        Attempt deliveries that their workers did not survive: one at a time, and nothing
        beside it. A crash leaves as many as were in flight, and most are innocent.
        """
        began = self._elapsed()
        await self._landed()
        while not self._stopping:
            claim = await self._store.claim_deliveries(
                limit=1, slow_limit=1, alone=True
            )
            if not claim.deliveries:
                break
            self._launch(claim.deliveries[0])
            await self._landed()
            await self._settler.idle()
            if self._elapsed() - began >= FOR_SUSPECTS:
                break
        ended = self._elapsed()
        self._suspects_at = ended + max(ended - began, SHORTEST)

    async def _landed(self) -> None:
        """Wait until nothing is in flight, for `FOR_SUSPECTS` at most."""
        if self._flight:
            await asyncio.wait(self._flight, timeout=FOR_SUSPECTS)

    def _launch(self, delivery: Delivery) -> None:
        if self._stopping:
            self._settler.settle(Settlement(delivery=delivery))
            return
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._flight[task] = delivery
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[None]) -> None:
        delivery = self._flight.pop(task)
        if task.cancelled():
            self._settler.settle(Settlement(delivery=delivery))
        self._news.set()

    async def _deliver(self, delivery: Delivery) -> None:
        self._settler.settle(await self._runner.attempt(delivery))
