"""
The archive on a disk: ``blobs/ab/abcd….png``, and ``thumbs/ab/abcd…-512.webp``.

A file is written beside the others, and renamed once the disk holds all of it: so a name
stands for a whole file, whatever is killed when. Processes on several machines need one folder
that all of them see.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bridge.adapters.archive.incoming import Incoming, on_disk, remove_abandoned
from bridge.core.media import THUMBNAILS, thumbnail_name, type_of_name
from bridge.errors import ArchiveUnavailable, reason


class LocalFiles:
    """
    Implements `bridge.app.ports.PictureFiles` on a disk.

    Args:
        folder: Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._incoming = folder / "tmp"

    def incoming(self) -> Incoming:
        """Return where a file is collected that may be added."""
        return Incoming(self._incoming)

    def path(self, name: str) -> Path:
        """
        Return where a file is, or would be.

        Raises:
            ValueError: Nothing is kept under such a name.
        """
        if type_of_name(name) is None:
            msg = "not a name of the archive"
            raise ValueError(msg)
        kind = "thumbs" if "-" in name else "blobs"
        return self.folder / kind / name[:2] / name

    async def add(self, source: Path, name: str) -> None:
        """
        Keep a file that the disk holds, by moving it; one of the same name is the same, and
        stays.

        Raises:
            OSError: The disk does not take it.
        """
        await on_disk(partial(_put, source, self.path(name)))

    async def read(self, name: str, limit: int) -> bytes | None:
        """Return a file's bytes; ``None`` if it is not there, or has more of them than that."""

        def read() -> bytes | None:
            try:
                with self.path(name).open("rb") as file:
                    data = file.read(limit + 1)
            except (FileNotFoundError, ValueError):
                return None
            return data if len(data) <= limit else None

        try:
            return await on_disk(read)
        except OSError as error:
            raise unavailable(error) from error

    async def locate(self, name: str) -> Path | None:
        """Return where a file is; ``None`` if it is not there."""
        path = self.path(name)
        return path if await on_disk(path.is_file) else None

    async def delete(self, names: Sequence[str]) -> None:
        """Delete files and their thumbnails; those that are not there are deleted."""

        def delete() -> None:
            for name in names:
                for each in (
                    name,
                    *(thumbnail_name(name, size) for size in THUMBNAILS),
                ):
                    self.path(each).unlink(missing_ok=True)

        try:
            await on_disk(delete)
        except OSError as error:
            raise unavailable(error) from error

    async def clean(self) -> None:
        """Remove what was begun and never ended, an hour ago or more."""
        await on_disk(partial(remove_abandoned, self._incoming))

    async def try_out(self) -> None:
        """Check that files can be kept."""
        try:
            async with self.incoming() as incoming:
                await incoming.write(b"mjbridge")
                await incoming.finish()
        except OSError as error:
            raise unavailable(error) from error


def unavailable(error: OSError) -> ArchiveUnavailable:
    """Return an error of the disk in our words."""
    return ArchiveUnavailable(
        f"the folder of the archive cannot be used: {reason(error)}"
    )


def _put(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source.chmod(0o644)  # web may run as another user
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
