"""
The archive: which pictures are kept, and what is known of those that were.

Keeping a task's pictures is a delivery to an endpoint that no configuration names, one for
each upstream: so it has the lanes, retries, limits and leases that all deliveries have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from bridge.core.backoff import Schedule
from bridge.core.endpoint import Endpoint, EndpointOptions
from bridge.core.event import Event
from bridge.core.media import KeptFile

#: What the name of an endpoint begins with that keeps the pictures of an upstream.
PREFIX = "archive:"
KIND = "archive"
#: The events that may bring pictures; those that say of a task that it has succeeded do.
EVENTS = ("task.succeeded", "task.corrected")
#: Seconds before the 2nd, 3rd, ... attempt: a signed URL may last seconds or a day.
SCHEDULE: Schedule = (1, 3, 10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800)
#: Seconds of an attempt. A lease is longer, and none is longer than three minutes.
TIMEOUT = 150.0
#: Downloads at once, over all workers.
CONCURRENCY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveOptions(EndpointOptions):
    """
    How an upstream's pictures are kept.

    Attributes:
        base_url: The upstream's. What is at its host may be reached wherever that is.

        files_url: What the URL of a kept file begins with, up to its name.
    """

    base_url: str = ""
    files_url: str = "/files/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """
    What came of keeping a task's pictures.

    Attributes:
        files: Those that were kept.

        reason: Why others were not; empty if all were.
    """

    files: tuple[KeptFile, ...] = ()
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Write it down, without what goes without saying."""
        return {"files": [_written(file) for file in self.files], "reason": self.reason}

    @classmethod
    def read(cls, written: object) -> Archived:
        """Read it back. Never raises: what cannot be read was never kept."""
        if not isinstance(written, Mapping):
            return cls()
        files = written.get("files")
        try:
            kept = tuple(_read(file) for file in files or ())
        except (TypeError, ValueError):
            kept = ()
        return cls(files=kept, reason=str(written.get("reason") or ""))


def is_archive(endpoint: str) -> bool:
    """Whether the name of an endpoint is that of an upstream's archive."""
    return endpoint.startswith(PREFIX)


def endpoint_of(upstream: str, options: ArchiveOptions, **limits: Any) -> Endpoint:
    """
    Return the endpoint that keeps the pictures of an upstream.

    Args:
        limits: Other fields of `Endpoint`.
    """
    return Endpoint(
        name=PREFIX + upstream,
        kind=KIND,
        url=KIND,
        events=EVENTS,
        upstreams=(upstream,),
        timeout=TIMEOUT,
        concurrency=CONCURRENCY,
        schedule=SCHEDULE,
        internal=True,
        options=options,
        **limits,
    )


def sources(event: Event) -> Iterable[str]:
    """Return the URLs of the pictures and videos that an event brings, each once."""
    data: dict[str, Any] = json.loads(event.body)["data"]
    if data.get("status") != "SUCCESS":
        return ()
    urls = (data.get("imageUrl"), *(data.get("videoUrls") or ()))
    return dict.fromkeys(url for url in urls if url)


def with_urls(archived: Archived, files_url: str) -> Archived:
    """Return what was kept with the URLs that it has from now on."""
    files = (replace(file, url=files_url + file.name) for file in archived.files)
    return replace(archived, files=tuple(files))


def _written(file: KeptFile) -> dict[str, Any]:
    return {name: value for name, value in asdict(file).items() if value}


def _read(written: Mapping[str, Any]) -> KeptFile:
    return KeptFile(
        **{**written, "thumbnails": tuple(written.get("thumbnails", ()))},
    )
