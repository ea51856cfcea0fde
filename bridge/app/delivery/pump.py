"""
USE CASE 2: deliver. Due deliveries are claimed, rendered, sent, and what came of each
is settled.

    claim  ->  render  ->  send  ->  judge  ->  settle (one step: lane, log, health)

The `Pump` keeps a window of attempts in flight in one process's event loop. It never
waits for all of a batch: as soon as one attempt is over its place is filled, so that a
slow receiver costs its own place and nobody else's. Under load the settles claim as well,
in the same round trip. A wake-up only has it look.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress

from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.delivery.settle import Settler
from bridge.app.outage import store_outage
from bridge.app.ports import (
    ClaimLimits,
    Delivery,
    DeliveryClaim,
    DeliveryStore,
    Settled,
    Settlement,
)
from bridge.core.cadence import MIN_PAUSE, TICK
from bridge.core.hook import is_hook
from bridge.errors import BridgeError

#: Attempts in flight at once, in one process.
WINDOW = 200
#: The shares of them that may be slow or failing: all such attempts, and those of hooks.
SLOW_SHARE, HOOK_SHARE = 0.5, 0.25
#: Deliveries in one claim: a script's work is bounded.
CLAIM_BATCH = 100
#: Those in the claim that comes with a wake-up, for which there may be no place any more.
WOKEN_BATCH = 10
#: Seconds until a process whose window is full looks whether it has a place again.
FULL_PAUSE = 0.05
#: Seconds that suspects may have for themselves, before everything else goes on for at
#: least as long as they took. It is also how long one is waited for: what has crashed
#: nothing by then waits for an answer, and others need not.
FOR_SUSPECTS = 1.0


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
            elapsed: A clock that only goes forward, in seconds.
        """
        self._store = store
        self._elapsed = elapsed
        self._window = window
        self._runner = runner
        self._settler = Settler(
            store, elapsed=elapsed, limits=self._limits, on_settled=self._settled
        )
        self._flight: dict[asyncio.Task[Settlement], Delivery] = {}
        self._work: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        #: Wake-ups so far; those before the claim that is asked; those before the last answer.
        self._wakes = self._asked = self._answered = 0
        #: When something comes due, as far as the last answer knew; when suspects may be tried.
        self._next_at = math.inf
        self._suspects_at = math.inf
        self._suspects_rest = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        #: Whether a claim is under way that is no settle's; whether suspects have it all.
        self._claiming = self._alone = False
        self._stopping = False

    def wake(self) -> None:
        """Wake the pump: something may be due. Cheap, and harmless if nothing is."""
        self._wakes += 1
        self._resume()

    async def await_work(self) -> None:
        """
        Wait until there is work in the store, for a few seconds, and begin with it.

        While little is in flight, the first of it is claimed in the same round trip, which is
        what a delivery waits for longest.

        Raises:
            BridgeError: It cannot be waited for.
        """
        if len(self._flight) >= self._window:
            # What it was woken for would wait for a place here, where others may have one.
            await asyncio.sleep(FULL_PAUSE)
            return
        little = len(self._flight) < WOKEN_BATCH and not self._alone
        limits = self._limits_within(WOKEN_BATCH) if little else None
        claim = await self._store.claim_when_woken(limits)
        if claim is None:
            self.wake()
            return
        begin = self._hand_back if self._alone else self._launch
        for delivery in claim.deliveries:
            begin(delivery)
        # Another claim may have been answered since, and know more.
        self._next_at = min(self._next_at, self._due_at(claim))
        if claim.suspects:
            self._suspects_at = min(self._suspects_at, self._suspects_rest)
        self._resume()
        if not claim.deliveries:
            await asyncio.sleep(MIN_PAUSE)

    async def idle(self) -> None:
        """Wait until nothing is due soon, in flight or unsettled."""
        while self._work is not None or self._settler.busy:
            if self._work is not None:
                await asyncio.wait([self._work])
            await self._settler.idle()

    async def stop(self, grace: float) -> None:
        """
        Claim no more, and leave nothing behind.

        Attempts in flight get `grace` seconds to end; then they are cancelled and their
        claims given back, so that another worker attempts them at once. Nobody may be in
        `await_work` any more.
        """
        self._stopping = True
        self._settler.give_up_after(grace)
        self._set_alarm(math.inf)
        self._changed.set()
        if self._flight:
            _, late = await asyncio.wait(self._flight, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.idle()
        try:
            await self._store.return_lost()
        except BridgeError as error:
            store_outage.failed(str(error))  # their leases end

    def _resume(self) -> None:
        self._changed.set()
        if self._work is None and not self._stopping:
            self._work = asyncio.create_task(self._run())

    # --- the window -------------------------------------------------------------------

    async def _run(self) -> None:
        self._set_alarm(math.inf)
        try:
            while not self._stopping:
                self._changed.clear()
                try:
                    await self._fill()
                except BridgeError as error:
                    store_outage.failed(str(error))
                    self._next_at = self._elapsed() + TICK if self._flight else math.inf
                pause = self._pause()
                over = pause >= TICK and not self._flight and not self._settler.busy
                if over and not self._changed.is_set():
                    self._set_alarm(pause)
                    return
                await self._wait(pause)
        finally:
            self._work = None

    def _set_alarm(self, pause: float) -> None:
        """Have the pump wake itself after some seconds, and not as it was to before."""
        if self._alarm is not None:
            self._alarm.cancel()
        if pause < math.inf:
            self._alarm = asyncio.get_running_loop().call_later(pause, self.wake)

    async def _wait(self, pause: float) -> None:
        """Wait until a settle is over, something wakes the pump, or something is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(pause, TICK)):
                await self._changed.wait()

    def _pause(self) -> float:
        """Return in how many seconds to look again; infinite if nobody knows of anything."""
        if self._settler.busy or len(self._flight) >= self._window:
            return TICK  # what is under way will say
        if self._wakes > self._answered:
            return 0.0
        next_at = min(self._next_at, self._suspects_at)
        return max(next_at - self._elapsed(), 0.0)

    async def _fill(self) -> None:
        """Claim until the window is full or nothing more is due, unless a settle does."""
        while not self._pause() and (limits := self._limits()) is not None:
            if self._elapsed() >= self._suspects_at:
                await self._try_suspects()
                continue
            self._claiming = True
            try:
                claim = await self._store.claim_deliveries(limits)
            finally:
                self._claiming = False
                self._answered = self._asked
            self._take(claim)

    def _limits(self) -> ClaimLimits | None:
        """Return what may be claimed now, by whoever asks next."""
        free = self._window - len(self._flight)
        if free <= 0 or self._stopping or self._claiming or self._alone:
            return None
        self._asked = self._wakes
        return self._limits_within(min(free, CLAIM_BATCH))

    def _limits_within(self, limit: int) -> ClaimLimits:
        slow = [one.endpoint for one in self._flight.values() if one.slow]
        hooks = sum(map(is_hook, slow))
        return ClaimLimits(
            limit=limit,
            slow_limit=max(0, int(self._window * SLOW_SHARE) - len(slow)),
            hook_limit=max(0, int(self._window * HOOK_SHARE) - hooks),
        )

    def _settled(self, settled: Settled) -> None:
        if settled.claim is not None:
            self._answered = self._asked
            self._take(settled.claim)
        else:
            self._wakes += 1  # nobody has said when something comes due
        self._resume()

    def _take(self, claim: DeliveryClaim) -> None:
        """Launch what was claimed, and remember when to look again."""
        for delivery in claim.deliveries:
            self._launch(delivery)
        self._next_at = self._due_at(claim)
        self._suspects_at = self._suspects_rest if claim.suspects else math.inf

    def _due_at(self, claim: DeliveryClaim) -> float:
        """Return when something comes due, as far as a claim knows; infinite if nothing does."""
        if claim.next_in is None:
            return math.inf
        least = 0.0 if claim.deliveries else MIN_PAUSE
        return self._elapsed() + max(claim.next_in, least)

    async def _try_suspects(self) -> None:
        """
        Attempt deliveries that their workers did not survive: one at a time, and nothing
        beside it. A crash leaves as many as were in flight, and most are innocent.
        """
        began, one = self._elapsed(), ClaimLimits(limit=1, slow_limit=1)
        self._alone = True
        try:
            await self._wait_for_flight()
            while not self._stopping:
                claim = await self._store.claim_deliveries(one, alone=True)
                if not claim.deliveries:
                    break
                self._launch(claim.deliveries[0])
                await self._wait_for_flight()
                await self._settler.idle()
                if self._elapsed() - began >= FOR_SUSPECTS:
                    break
        finally:
            self._alone = False
            ended = self._elapsed()
            self._suspects_rest = ended + max(ended - began, MIN_PAUSE)
            self._suspects_at = math.inf
        self._wakes += 1  # whether there are more, the next claim says

    async def _wait_for_flight(self) -> None:
        """Wait until nothing is in flight, for `FOR_SUSPECTS` at most."""
        if self._flight:
            await asyncio.wait(self._flight, timeout=FOR_SUSPECTS)

    def _launch(self, delivery: Delivery) -> None:
        if self._stopping:
            self._hand_back(delivery)
            return
        task = asyncio.create_task(self._runner.attempt(delivery))
        self._flight[task] = delivery
        task.add_done_callback(self._land)

    def _hand_back(self, delivery: Delivery) -> None:
        self._settler.settle(Settlement(delivery=delivery))

    def _land(self, task: asyncio.Task[Settlement]) -> None:
        delivery = self._flight.pop(task)
        given_back = Settlement(delivery=delivery)
        self._settler.settle(given_back if task.cancelled() else task.result())
