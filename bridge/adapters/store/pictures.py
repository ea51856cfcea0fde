"""Who has kept which file of the archive; see `bridge.app.ports.PictureIndex`."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import Keyspace
from bridge.app.ports import ArchiveUsage, Publication


class StoredPictures:
    """The index of the archive, in Redis or Valkey."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def hold(self, name: str, task: str, size: int) -> bool:
        """Note that a task has a file; false while the file is being deleted."""
        return bool(await self._keys.run("hold_picture", name, task, size))

    async def release(
        self, *, before: float, quota: int, most: int, notice: Publication | None
    ) -> Sequence[str]:
        """Release what is old, and what is beyond a quota; return what is to be deleted."""
        given: dict[str, object] = {
            "before": before,
            "quota": quota,
            "most": most,
            "retention": self._keys.retention,
        }
        if notice is not None:
            given["notice"] = codec.write_publication(notice)
        names: list[str] = await self._keys.run("release_pictures", codec.dumps(given))
        return names

    async def forget(self, names: Sequence[str]) -> None:
        """Note that files are deleted."""
        if names:
            await self._keys.run("forget_pictures", *names)

    async def usage(self) -> ArchiveUsage:
        """Return how much is kept."""
        row = await self._keys.hash("archive")
        return ArchiveUsage(
            files=int(row.get("files", 0)), bytes=int(row.get("bytes", 0))
        )

    async def clock(self) -> float:
        """Return the store's clock, in seconds since the epoch."""
        return await self._keys.clock()
