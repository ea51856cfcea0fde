"""The care of the archive: what was kept long enough goes, and the oldest beyond the quota."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from bridge.app.outage import Outage
from bridge.app.ports import PictureFiles, PictureIndex, Publication
from bridge.core.endpoint import Endpoint
from bridge.core.event import NoticeType, notice
from bridge.errors import ArchiveUnavailable

log = structlog.get_logger(__name__)

#: Files that are released in one step, and steps of one round.
BATCH = 200
STEPS = 20
#: Operators hear of a full archive once in so many seconds.
TOLD_EVERY = 86400.0

_away = Outage("archive.unavailable", "archive.back", quiet=0.0, remind_every=600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveCare:
    """
    Attributes:
        index: Notes who has kept which file.

        files: Where they are.

        keep: Seconds that a file is kept; 0 for ever.

        quota: Bytes that are kept in all; 0 for any number.

        endpoints: Those that may subscribe to what operators are told.

        now: Returns this machine's time, in seconds since the epoch.
    """

    index: PictureIndex
    files: PictureFiles
    keep: float
    quota: int
    endpoints: Sequence[Endpoint]
    now: Callable[[], float]

    async def tidy(self) -> None:
        """Do one round; running it twice at once does no harm."""
        before = await self.index.clock() - self.keep if self.keep else -1.0
        try:
            for _ in range(STEPS):
                names = await self.index.release(
                    before=before, quota=self.quota, most=BATCH, notice=self._notice()
                )
                if names:
                    await self.files.delete(names)
                    await self.index.forget(names)
                    log.info("archive.deleted", files=len(names))
                if len(names) < BATCH:
                    break
            await self.files.clean()
        except ArchiveUnavailable as error:
            _away.failed(str(error))
        else:
            _away.worked()

    def _notice(self) -> Publication:
        """Return what operators are told if the quota costs anything; the same all day."""
        at = self.now()
        event = notice(
            NoticeType.ARCHIVE_FULL,
            name="archive",
            reason=f"the quota of {self.quota:,} bytes is reached: the oldest pictures go",
            since=at - at % TOLD_EVERY,
            at=at,
        )
        return Publication.of(event, self.endpoints)
