"""The archive that settings describe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bridge.adapters.archive.disk import LocalFiles
from bridge.adapters.archive.incoming import FileStore
from bridge.adapters.archive.keeper import Keeper
from bridge.adapters.archive.s3 import S3Files
from bridge.adapters.http.sender import HttpSender
from bridge.app.archive_care import ArchiveCare
from bridge.core.endpoint import Endpoint
from bridge.errors import Misconfigured
from bridge.runtime.deployment import Deployment
from bridge.settings import Settings


def archive_files(settings: Settings) -> FileStore | None:
    """
    Return where pictures are kept; ``None`` if they are not.

    Raises:
        Misconfigured: A package that it needs is missing.
    """
    archive = settings.archive
    if archive.url is None:
        return None
    if archive.url.startswith("file:"):
        return LocalFiles(Path(archive.url.removeprefix("file:")))
    bucket, _, prefix = archive.url.removeprefix("s3://").partition("/")
    access, secret = archive.access_key, archive.secret_key
    return S3Files(
        bucket=bucket,
        prefix=prefix,
        endpoint_url=archive.endpoint_url,
        region=archive.region,
        access_key=access.get_secret_value() if access else None,
        secret_key=secret.get_secret_value() if secret else None,
        folder=settings.data_dir / "incoming",
    )


def archive_quota(settings: Settings) -> int:
    """Return the bytes that may be kept in all; a bucket is as large as its owner pays for."""
    archive = settings.archive
    return archive.quota if (archive.url or "").startswith("file:") else 0


def archive_of(
    settings: Settings,
    deployment: Deployment,
    endpoints: Sequence[Endpoint],
    sender: HttpSender,
) -> tuple[Keeper, ArchiveCare]:
    """
    Return a sender that keeps pictures as well, and what tidies the archive.

    Raises:
        Misconfigured: A package that it needs is missing, or none is configured.
    """
    files, index = archive_files(settings), deployment.pictures
    if files is None:
        msg = "there is no archive.url"
        raise Misconfigured(msg)
    care = ArchiveCare(
        index=index,
        files=files,
        keep=settings.archive.keep,
        quota=archive_quota(settings),
        endpoints=endpoints,
        now=time.time,
    )
    keeper = Keeper(
        sender, files=files, index=index, max_bytes=settings.archive.max_bytes
    )
    return keeper, care
