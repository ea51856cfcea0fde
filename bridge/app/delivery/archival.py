"""What follows for a task once nothing more is tried to keep its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bridge.app.ports import Archival, Delivery, Publication
from bridge.core.archive import Archived, ArchiveOptions, with_urls
from bridge.core.delivery import Disposition, Verdict
from bridge.core.endpoint import Endpoint
from bridge.core.event import archived_event
from bridge.core.hook import HookPolicy


def archival_of(
    delivery: Delivery,
    verdict: Verdict,
    archived: Archived | None,
    *,
    endpoint: Endpoint,
    endpoints: Iterable[Endpoint],
    hooks: HookPolicy | None,
    at: float,
) -> Archival:
    """
    Return what is noted of a task's pictures.

    Args:
        delivery: As it was claimed.

        verdict: What becomes of it; not a retry.

        archived: What the attempt has come to; ``None`` if none was made.

        endpoint: Where it goes.

        endpoints: Those that may subscribe to the event.

        hooks: Which events tasks' hooks are sent; ``None`` if they are sent none.

        at: This machine's time, in seconds since the epoch.
    """
    if archived is None:  # files may have been kept before
        files_url = ArchiveOptions.of(endpoint).files_url
        archived = with_urls(Archived.read(delivery.channel_state), files_url)
    if verdict.disposition is Disposition.DEAD:
        archived = replace(archived, reason=archived.reason or verdict.reason)
    event = archived_event(
        delivery.event,
        archived.files,
        archived.reason,
        sequence=delivery.sequence + 1,
        at=at,
    )
    formats = hooks.formats(event) if hooks else ()
    publication = replace(Publication.of(event, endpoints), hook=formats)
    return Archival(archived=archived, publication=publication)
