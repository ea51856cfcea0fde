"""
Outages in the log: a line when something goes away, one each minute until it is back, and
one then.

Whoever uses the store or the broker notices its absence several times a second, in every
process. Only the first time, and a new reason, are news.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from bridge.errors import BridgeError, StoreUnavailable, reason

log = structlog.get_logger(__name__)

#: Seconds between two lines about the same outage.
REMIND_EVERY = 60.0
#: Seconds for which a reason explains a silence: longer than any call waits for its answer.
EXPLAINS_FOR = 15.0
#: Seconds for which a silence waits for an explanation: a server that lets nobody in any more closes
#: the connections first, and says why to whoever asks next.
EXPLAINED_WITHIN = 2.0


class Outage:
    """Something that a process needs, and whether it is away."""

    def __init__(
        self,
        away: str,
        back: str,
        *,
        quiet: float = 0.0,
        remind_every: float = REMIND_EVERY,
        silence: str | None = None,
        facts: Mapping[str, object] | None = None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Assume that it works.

        Args:
            away: The event that reports that it is away.

            back: The event that reports that it works again.

            quiet: Seconds without a failure after which success ends it.

            remind_every: Seconds between two lines with the same reason while it is away.

            silence: The reason that says no more than that nothing is heard. It is logged once
                it has lasted a moment, and not beside another one: a server that refuses some
                calls leaves others waiting.

            facts: What each of its lines has besides.

            elapsed: A clock that only goes forward, in seconds.
        """
        self._facts = facts or {}
        self._away = away
        self._back = back
        self._quiet = quiet
        self._remind_every = remind_every
        self._silence = silence
        self._elapsed = elapsed
        self._since: float | None = None
        self._failed_at = self._logged_at = 0.0
        self._reasons: set[str] = set()
        self._explanation, self._explained_at = "", 0.0

    @property
    def lasts(self) -> bool:
        """Whether it is away, or was a moment ago."""
        return self._since is not None

    def failed(self, reason: str, **facts: object) -> None:
        """Note a failure, and log it unless its reason is known and the last line is recent."""
        now = self._failed_at = self._elapsed()
        if self._since is None:
            self._since = now
        if reason != self._silence:
            self._explanation, self._explained_at = reason, now
        elif self._explanation and now - self._explained_at < EXPLAINS_FOR:
            reason = self._explanation
        elif not self._reasons and now - self._since < EXPLAINED_WITHIN:
            return
        known = reason in self._reasons
        if known and now - self._logged_at < self._remind_every:
            return
        self._reasons.add(reason)
        self._logged_at = now
        log.warning(
            self._away,
            # What to do about it is said once.
            reason=reason.partition(";")[0] if known else reason,
            **self._facts,
            **facts,
            for_s=round(now - self._since) or None,
        )

    def worked(self) -> None:
        """Note that it works; the outage is over if nothing has failed for a while."""
        now = self._elapsed()
        if self._since is None or now - self._failed_at < self._quiet:
            return
        if self._reasons:
            log.warning(self._back, **self._facts, after_s=round(now - self._since))
        self._since = None
        self._explanation = ""
        self._reasons.clear()


class FolderOutage(Outage):
    """A folder of the gateway's in the data directory, and whether it can be used."""

    def __init__(self) -> None:
        """Assume that it can be."""
        super().__init__("gateway.folder_away", "gateway.folder_back", quiet=5.0)

    def met(self, error: OSError) -> None:
        """Note that it cannot be used, and why."""
        why = reason(error)
        if error.errno == errno.EMFILE:
            why += "; raise the limit of this process (`ulimit -n`)"
        self.failed(why, path=str(error.filename or ""))


#: The store, as every part of this process meets it. While its user lacks a right, it takes
#: other writes between those that it refuses, so that one success does not mean it is back.
store_outage = Outage(
    "store.away", "store.back", quiet=5.0, silence=str(StoreUnavailable())
)


@contextmanager
def reported(folder: FolderOutage, unexpected: str) -> Iterator[None]:
    """
    Log what goes wrong in a round of work that begins anew in a moment, and go on.

    Args:
        folder: Where the work's files are.

        unexpected: The event that reports what is no outage.
    """
    try:
        yield
    except BridgeError as error:
        store_outage.failed(str(error))
    except OSError as error:
        folder.met(error)
    except Exception:
        log.exception(unexpected)
