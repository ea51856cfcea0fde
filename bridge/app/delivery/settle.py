"""
Settling: the outcomes of deliveries go to the store, soon and many at a time, and what is to
be attempted next comes back in the same round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from bridge.app.outage import store_outage
from bridge.app.ports import ClaimLimits, DeliveryStore, Settled, Settlement
from bridge.core.cadence import STORE_RETRY
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Settlements in one settle: a script's work is bounded.
SETTLE_BATCH = 100


class Settler:
    """Settles in micro-batches, in one process's event loop."""

    def __init__(
        self,
        store: DeliveryStore,
        *,
        elapsed: Callable[[], float],
        limits: Callable[[], ClaimLimits | None],
        on_settled: Callable[[Settled], None],
    ) -> None:
        """
        Make a settler that has nothing to do.

        Args:
            store: Where it settles.

            elapsed: A clock that only goes forward, in seconds.

            limits: Returns what may be claimed in the same step; ``None`` for nothing.

            on_settled: Called with what came of each settle.
        """
        self._store = store
        self._elapsed = elapsed
        self._limits = limits
        self._on_settled = on_settled
        self._waiting: list[Settlement] = []
        self._work: asyncio.Task[None] | None = None
        self._until: float | None = None

    def settle(self, settlement: Settlement) -> None:
        """Settle soon: one at a time when little is going on, many at once under load."""
        self._waiting.append(settlement)
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._settle_all())

    def give_up_after(self, seconds: float) -> None:
        """Wait no longer than this for a store that is away."""
        self._until = self._elapsed() + seconds

    @property
    def busy(self) -> bool:
        """Whether it settles, and claims what may be claimed meanwhile."""
        return self._work is not None

    async def idle(self) -> None:
        """Wait until everything is settled, or given up."""
        while self._work is not None:
            await asyncio.wait([self._work])

    async def _settle_all(self) -> None:
        batch_size = SETTLE_BATCH
        try:
            while self._waiting:
                batch = self._waiting[:batch_size]
                try:
                    settled = await self._store.settle(batch, claim=self._limits())
                except BridgeError as error:
                    # What was delivered must not be forgotten: the store is asked
                    # until it is back. Repeating a settle changes nothing.
                    store_outage.failed(str(error))
                    if self._until is not None and self._elapsed() >= self._until:
                        return
                    await asyncio.sleep(STORE_RETRY)
                    continue
                except Exception as error:  # noqa: BLE001 - one never costs the others
                    if len(batch) > 1:
                        batch_size = 1
                    else:
                        self._strip_unwritable_text(error)
                    continue
                batch_size = SETTLE_BATCH
                del self._waiting[: len(batch)]
                self._on_settled(settled)
        finally:
            self._work = None

    def _strip_unwritable_text(self, error: Exception) -> None:
        """
        Retry the first settlement without the receiver's text, which the store rejects: it
        may be in the detail or in the channel state. If that does not help, the settlement
        is dropped; its claim ends by itself.
        """
        settlement = self._waiting.pop(0)
        delivery, attempt = settlement.delivery, settlement.attempt
        log.error(
            "settle.not_written",
            event_id=delivery.event.id,
            endpoint=delivery.endpoint,
            error=type(error).__name__,
        )
        bare = replace(
            settlement,
            attempt=attempt and replace(attempt, detail=""),
            verdict=settlement.verdict
            and replace(settlement.verdict, reason="its answer cannot be written down"),
            notices=(),
            channel_state=None,
        )
        if bare != settlement:
            self._waiting.insert(0, bare)
