"""A file that comes in: written beside the archive, hashed on its way, and whole or nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Protocol, Self, TypeVar

from bridge.app.ports import PictureFiles

T = TypeVar("T")

#: Seconds after which a file that was begun and never ended belongs to nobody.
ABANDONED_AFTER = 3600.0
#: Bytes that are collected before a thread writes them.
_BUFFER = 1024 * 1024

#: Disks block: threads of their own, so that nothing else waits for them.
_DISK = ThreadPoolExecutor(4, thread_name_prefix="mjbridge-archive")


async def on_disk(work: Callable[[], T]) -> T:
    """Run work that a disk may hold up in one of a few threads."""
    return await asyncio.get_running_loop().run_in_executor(_DISK, work)


class Incoming:
    """
    A temporary file, as an asynchronous context; it is gone at the context's end.

    Args:
        folder: Where it is made. What becomes of it is renamed, so it is on the same disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buffer = bytearray()
        self._hash = sha256()
        self._fd = -1
        self.path = Path()

    async def __aenter__(self) -> Self:
        """
        Begin the file.

        Raises:
            OSError: The disk does not take it.
        """

        def begin() -> tuple[int, str]:
            self._folder.mkdir(parents=True, exist_ok=True)
            return tempfile.mkstemp(dir=self._folder)

        self._fd, name = await on_disk(begin)
        self.path = Path(name)
        return self

    async def __aexit__(self, *exc: object) -> None:
        def end() -> None:
            self._close()
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

        await asyncio.shield(on_disk(end))

    async def write(self, chunk: bytes) -> None:
        """
        Add a chunk.

        Raises:
            OSError: The disk does not take it.
        """
        self._buffer += chunk
        if len(self._buffer) >= _BUFFER:
            await self._flush()

    async def finish(self) -> str:
        """
        Have the disk hold all of it; return its SHA-256 in hexadecimal digits.

        Raises:
            OSError: The disk does not take it.
        """
        await self._flush()

        def finish() -> None:
            os.fsync(self._fd)
            self._close()

        await on_disk(finish)
        return self._hash.hexdigest()

    async def _flush(self) -> None:
        chunk, self._buffer = bytes(self._buffer), bytearray()

        def write() -> None:
            self._hash.update(chunk)
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._fd, rest) :]

        await on_disk(write)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class FileStore(PictureFiles, Protocol):
    """Where files are kept, as whoever keeps them sees it."""

    def incoming(self) -> Incoming:
        """Return where a file is collected that may be added."""
        ...

    async def add(self, source: Path, name: str) -> None:
        """
        Keep a file that the disk holds, by moving or copying it; one of the same name is the
        same, and stays.

        Raises:
            OSError: The disk does not take it.

            ArchiveUnavailable: The archive does not answer.
        """
        ...


def remove_abandoned(folder: Path) -> None:
    """Remove the files of a folder that nobody has written to for `ABANDONED_AFTER`."""
    now = time.time()  # noqa: TID251 - files are dated by the machine
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            with suppress(OSError):
                if now - path.stat().st_mtime > ABANDONED_AFTER:
                    path.unlink()
