"""
USE CASE: take in. Tasks that clients submitted through the gateway are tracked before the
client hears of them; if the store is away, they are kept on disk until it is back.

A submission has been paid for by the time its answer is here. So nothing in here refuses it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from bridge.app.outage import FolderOutage, reported
from bridge.app.ports import Spool, Submitted
from bridge.app.tracking import Tracking
from bridge.errors import BridgeError, Misconfigured, StoreRefused, StoreUnavailable

log = structlog.get_logger(__name__)

#: Seconds that a client is made to wait for a store that does not answer.
PATIENCE = 1.0
#: Seconds between two tries to track what waits.
CATCH_UP_EVERY = 1.0


class Intake:
    """Tracks what was submitted, now or later."""

    def __init__(self, tracking: Tracking, spool: Spool) -> None:
        """
        Bind it to a deployment.

        Args:
            tracking: Tracks tasks.

            spool: Keeps them while it cannot.
        """
        self._tracking = tracking
        self._spool = spool
        self._folder = FolderOutage()
        self._late = 0  #: Submissions of this outage, for the log.
        self._failing: set[str] = set()  #: Likewise, what cannot be tracked.

    async def take(self, submitted: Submitted) -> Submitted | None:
        """
        Track what was submitted; if that cannot be done, keep it on disk.

        Returns:
            What was tracked, and with which hook; ``None`` if it will be tracked later.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._track(submitted)
        except (TimeoutError, StoreUnavailable, StoreRefused, Misconfigured) as error:
            reason = str(error) or "the store does not answer in time"
        except Exception:
            log.exception("gateway.not_tracked")
            reason = "a mistake of the bridge's"
        self._keep(submitted, reason)
        return None

    async def run(self) -> None:
        """Track what waits, as soon as that can be done; for ever."""
        while True:
            with reported(self._folder, "gateway.not_caught_up"):
                await self.catch_up()
            await asyncio.sleep(CATCH_UP_EVERY)

    async def catch_up(self) -> int:
        """
        Track what waits; return how many submissions that were.

        Raises:
            BridgeError: The store is away.

            OSError: The disk is; so, perhaps, for some of them only, which are left as they are.
        """
        names = await asyncio.to_thread(self._spool.waiting)
        caught_up, trouble = 0, None
        for name in names:
            try:
                caught_up += await self._catch_up_with(name)
            except BridgeError:
                raise
            except OSError as error:
                trouble = error  # it may be read the next time, and the others now
            except Exception:
                if name not in self._failing:
                    log.exception("gateway.not_tracked", file=name)
                self._failing.add(name)  # it holds up no other one
        if caught_up:
            self._late = 0
            log.warning("gateway.caught_up", submissions=caught_up)
        if trouble is not None:
            raise trouble
        self._folder.worked()
        return caught_up

    async def _catch_up_with(self, name: str) -> bool:
        """Track what a file holds; what nobody ever can, is set aside."""
        try:
            submitted = await asyncio.to_thread(self._spool.read, name)
        except ValueError as error:
            log.error("gateway.not_read", reason=str(error), file=name)  # noqa: TRY400
            await asyncio.to_thread(self._spool.set_aside, name)
            return False
        if submitted is None:
            return False
        try:
            await self._track(submitted)
        except Misconfigured as error:
            # Its upstream is gone from the configuration, for one.
            log.error("gateway.not_tracked", reason=str(error), file=name)  # noqa: TRY400
            await asyncio.to_thread(self._spool.set_aside, name)
            return False
        await asyncio.to_thread(self._spool.discard, name)
        return True

    async def _track(self, submitted: Submitted) -> Submitted:
        tracked = await self._tracking.take_in(submitted)
        if not tracked.rejected:
            return submitted
        # It is the hook that was rejected. The tasks are not.
        reason = next(iter(tracked.rejected.values()))
        without = replace(submitted, hook=None, hook_refused=reason)
        await self._tracking.take_in(without)
        return without

    def _keep(self, submitted: Submitted, reason: str) -> None:
        facts = {"upstream": submitted.upstream, "ids": list(submitted.ids)}
        try:
            self._spool.put(submitted)
        except OSError as error:
            # Nothing else is left: the log is the last place that can keep it.
            log.critical(
                "gateway.not_kept",
                reason=str(error.strerror),
                folder=str(self._spool.folder),
                **facts,
            )
            return
        if not self._late:
            log.error("gateway.later", reason=reason, **facts)
        self._late += 1
