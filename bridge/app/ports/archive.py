"""Ports of the archive: the files, and who has kept which of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bridge.core.endpoint import Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveUsage:
    """How much the archive holds, thumbnails not counted."""

    files: int
    bytes: int


class PictureIndex(Protocol):
    """
    Who has kept which file: one that several tasks have is there once.

    A file is held before it is written, and is deleted only while nobody holds it.
    """

    async def hold(self, name: str, task: str, size: int) -> bool:
        """
        Note that a task has a file, from now on.

        Returns:
            False while the file is being deleted: it is not noted, and not to be written.
        """

    async def release(
        self, *, before: float, quota: int, most: int, notice: Publication | None
    ) -> Sequence[str]:
        """
        Release what was kept before a time, and then the oldest beyond a quota.

        Args:
            before: By the store's clock.

            quota: Bytes that may be kept in all; 0 for any number.

            most: How many holds are released in one call.

            notice: Published if the quota has cost anything.

        Returns:
            The files that nobody holds any more, to be deleted, and then forgotten.
        """

    async def forget(self, names: Sequence[str]) -> None:
        """Note that files are deleted."""

    async def usage(self) -> ArchiveUsage:
        """Return how much is kept."""

    async def clock(self) -> float:
        """Return the store's clock, in seconds since the epoch."""


class PictureFiles(Protocol):
    """The files and their thumbnails, by name, as the process ``web`` and the sweep see them."""

    async def read(self, name: str, limit: int) -> bytes | None:
        """
        Return a file's bytes; ``None`` if it is not there, or has more of them than that.

        Raises:
            ArchiveUnavailable: The archive does not answer.
        """

    async def locate(self, name: str) -> Path | str | None:
        """
        Return where a file is: on this machine, or a URL that is good for an hour; ``None`` if
        it is not there.

        Raises:
            ArchiveUnavailable: The archive does not answer.
        """

    async def delete(self, names: Sequence[str]) -> None:
        """
        Delete files and their thumbnails; those that are not there are deleted.

        Raises:
            ArchiveUnavailable: The archive does not answer.
        """

    async def clean(self) -> None:
        """Remove what was begun and never ended, an hour ago or more."""

    async def try_out(self) -> None:
        """
        Check that files can be kept.

        Raises:
            ArchiveUnavailable: They cannot.
        """
