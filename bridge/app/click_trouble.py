"""
Trouble in fetching clicks: in the log when it begins and when it is over, and in the store for
whoever asks why clicks do not arrive.

Platforms have their bad seconds, and a listener goes on by itself: a failure or two are in the
log alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from bridge.app.outage import Outage
from bridge.app.ports import ExpiringTexts
from bridge.core.endpoint import Endpoint
from bridge.core.redact import redact, secrets_of_endpoint
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds for which the reason is kept: two who fetch a bot's clicks get an error in turn.
REMEMBERED = 60.0
#: Failures within that time from which on it is not a bad moment of the platform's.
PERSISTENT = 3
#: Characters of what a platform says about it.
MAX_REASON = 200


class ClickTrouble:
    """What goes wrong for one listener."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        texts: ExpiringTexts,
        quiet: float = 0.0,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Assume that all is well.

        Args:
            endpoints: Those whose clicks it fetches, of one bot or app.

            texts: Where the reason is kept.

            quiet: Seconds without a failure after which it is over.

            elapsed: A clock that only goes forward, in seconds.
        """
        self._endpoints, self._texts, self._elapsed = endpoints, texts, elapsed
        self._outage = Outage(
            "click.not_fetched",
            "click.fetched_again",
            quiet=quiet,
            elapsed=elapsed,
            facts={"endpoint": endpoints[0].name},
        )
        self._failed_at: list[float] = []
        self._unexpected: set[str] = set()

    async def met(self, reason: str, *, lasting: bool = False, **facts: object) -> None:
        """
        Take note of a failure.

        Args:
            reason: What is wrong; secrets in it are blotted out.

            lasting: Whether it will not pass by itself, so that one is enough.

            facts: For the log.
        """
        now = self._elapsed()
        shown = redact(reason, secrets_of_endpoint(self._endpoints[0]))[:MAX_REASON]
        self._outage.failed(shown, **facts)
        recent = (at for at in self._failed_at if now - at < REMEMBERED)
        self._failed_at = [*recent, now]
        if not lasting and len(self._failed_at) < PERSISTENT:
            return
        with suppress(BridgeError):
            for one in self._endpoints:
                await self._texts.keep(f"click_error:{one.name}", shown, REMEMBERED)

    async def met_unexpected(self, error: Exception) -> None:
        """Take note of an error that nobody thought of; its traceback is logged once."""
        kind = type(error).__name__
        if kind not in self._unexpected:
            self._unexpected.add(kind)
            name = self._endpoints[0].name
            log.error("click.listener_failed", endpoint=name, exc_info=error)
        await self.met(f"unexpected {kind}; the log has more", lasting=True)

    def over(self) -> None:
        """Take note that clicks come in."""
        self._outage.worked()
        if not self._outage.lasts:
            self._unexpected.clear()
