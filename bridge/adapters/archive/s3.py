"""
The archive with a service that speaks S3: the same names as on a disk, under a prefix.

A file is collected on this machine's disk and then uploaded as a whole, unless it is there: its
name is the hash of its content. What the client says of an error names the service and what it
was asked, so that it is neither logged nor shown.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from bridge.adapters.archive.incoming import Incoming, on_disk, remove_abandoned
from bridge.core.media import THUMBNAILS, thumbnail_name, type_of_name
from bridge.errors import ArchiveUnavailable, Misconfigured

T = TypeVar("T")

HOW_TO_INSTALL = "pip install '.[s3]' in the clone"
#: For how long a signed URL is good.
SIGNED_FOR = timedelta(hours=1)
#: Seconds that one call may take, an upload aside: that has the attempt's time.
PATIENCE = 10.0
#: Bytes from which a file is uploaded in parts.
_IN_PARTS = 16 * 1024 * 1024


class S3Files:
    """
    Implements `bridge.app.ports.PictureFiles` with S3.

    Args:
        bucket: Its name.

        prefix: What all names in it begin with.

        endpoint_url: Where the service is; ``None`` for Amazon's.

        region: Of the bucket.

        access_key: With its secret; ``None`` for what the machine has.

        secret_key: Belongs to the access key.

        folder: Where files are collected before they are uploaded.

    Raises:
        Misconfigured: The client is not installed, or it does not take these.
    """

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str,
        endpoint_url: str | None,
        region: str | None,
        access_key: str | None,
        secret_key: str | None,
        folder: Path,
    ) -> None:
        if importlib.util.find_spec("obstore") is None:
            msg = (
                f"archive.url begins with s3://, which needs an extra: {HOW_TO_INSTALL}"
            )
            raise Misconfigured(msg)
        from obstore.store import S3Store  # noqa: PLC0415 - it may not be there

        own = {
            "endpoint": endpoint_url,
            "region": region,
            "access_key_id": access_key,
            "secret_access_key": secret_key,
        }
        given = {name: value for name, value in own.items() if value is not None}
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                client_options={"allow_http": True, "timeout": "120s"},
                retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=5)},
                **given,  # type: ignore[arg-type]  # its names are checked above
            )
        except Exception as error:  # noqa: BLE001 - its text may repeat a key
            msg = f"the client of S3 does not take the settings of [archive]: {type(error).__name__}"
            raise Misconfigured(msg) from None
        self._folder = folder

    def incoming(self) -> Incoming:
        """Return where a file is collected that may be added."""
        return Incoming(self._folder)

    async def add(self, source: Path, name: str) -> None:
        """Upload a file that the disk holds; one of the same name is the same, and stays."""
        import obstore  # noqa: PLC0415

        attributes = {
            "Content-Type": str(type_of_name(name)),
            "Cache-Control": "public, max-age=31536000, immutable",
        }
        if (await on_disk(source.stat)).st_size >= _IN_PARTS:
            if await self._exists(name):
                return
            await _answered(
                obstore.put_async(
                    self._store, _path(name), source, attributes=attributes
                )
            )
            return
        await _answered(
            obstore.put_async(
                self._store,
                _path(name),
                source,
                attributes=attributes,
                mode="create",
                use_multipart=False,
            ),
            unless="AlreadyExistsError",
        )

    async def read(self, name: str, limit: int) -> bytes | None:
        """Return a file's bytes; ``None`` if it is not there, or has more of them than that."""
        import obstore  # noqa: PLC0415

        if type_of_name(name) is None:
            return None
        found = await _answered(
            _soon(obstore.get_async(self._store, _path(name))), unless=_MISSING
        )
        if found is None or found.meta["size"] > limit:
            return None
        return bytes(await _answered(_soon(found.bytes_async())) or b"")

    async def locate(self, name: str) -> str | None:
        """Return a URL of a file that is good for an hour; ``None`` if it is not there."""
        import obstore  # noqa: PLC0415

        if not await self._exists(name):
            return None
        return await _answered(
            _soon(obstore.sign_async(self._store, "GET", _path(name), SIGNED_FOR))
        )

    async def delete(self, names: Sequence[str]) -> None:
        """Delete files and their thumbnails; those that are not there are deleted."""
        import obstore  # noqa: PLC0415

        paths = [
            _path(each)
            for name in names
            for each in (name, *(thumbnail_name(name, size) for size in THUMBNAILS))
        ]
        await _answered(
            _soon(obstore.delete_async(self._store, paths)), unless=_MISSING
        )

    async def clean(self) -> None:
        """Remove what was begun and never ended, an hour ago or more."""
        await on_disk(lambda: remove_abandoned(self._folder))

    async def try_out(self) -> None:
        """Check that the bucket answers us."""
        await self._exists(f"{'0' * 64}.png")

    async def _exists(self, name: str) -> bool:
        import obstore  # noqa: PLC0415

        head = obstore.head_async(self._store, _path(name))
        return await _answered(_soon(head), unless=_MISSING) is not None


#: How the client calls what is not there.
_MISSING = "FileNotFoundError"


def _path(name: str) -> str:
    kind = "thumbs" if "-" in name else "blobs"
    return f"{kind}/{name[:2]}/{name}"


async def _soon(work: Awaitable[T]) -> T:
    async with asyncio.timeout(PATIENCE):
        return await work


async def _answered(work: Awaitable[T], *, unless: str = "") -> T | None:
    """
    Return what comes of a call; ``None`` if it fails in the way that is named.

    Raises:
        ArchiveUnavailable: It fails in any other way.
    """
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - its text names the service: it is not shown
        name = type(error).__name__
        if name in {unless, unless.replace("FileNotFoundError", "NotFoundError")}:
            return None
        what = "no answer in time" if isinstance(error, TimeoutError) else name
        msg = f"the archive's service does not do what it is asked: {what}"
        raise ArchiveUnavailable(msg) from None
