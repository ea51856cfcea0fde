"""
News: what follows from an attempt beyond its delivery, and is published if the verdict has its
effect. Most attempts make none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.app.operator_events import death_notice, publications
from bridge.app.ports import Archival, Delivery, Publication, Settlement
from bridge.core.archive import Archived, ArchiveOptions, with_urls
from bridge.core.delivery import Disposition, Verdict
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event, NoticeType, archived_event, notice
from bridge.core.hook import HookPolicy


def with_news(
    settlement: Settlement,
    endpoint: Endpoint,
    *,
    archived: Archived | None,
    endpoints: Sequence[Endpoint],
    hooks: HookPolicy | None,
    at: float,
) -> Settlement:
    """
    Return a settlement with its verdict's news.

    Args:
        archived: What was kept, if that was what the attempt was about.

        endpoints: All that are configured.

        hooks: How hooks are delivered to; ``None`` if they are not.

        at: The time, in seconds since the epoch.
    """
    verdict, delivery = settlement.verdict, settlement.delivery
    if verdict is None:
        return settlement
    notices: list[Event | None] = []
    if verdict.disposition is Disposition.DEAD and not endpoint.internal:
        name, event = delivery.endpoint, delivery.event
        notices.append(death_notice(name, event, verdict.reason, at=at))
    if verdict.disable:
        type_ = NoticeType.ENDPOINT_DISABLED
        notices.append(_notice(type_, delivery.endpoint, verdict.reason, at))
    if verdict.disposition is Disposition.DELIVERED and delivery.was_disabled:
        type_, reason = (
            NoticeType.ENDPOINT_RECOVERED,
            "the endpoint accepts deliveries again",
        )
        notices.append(_notice(type_, delivery.endpoint, reason, at))
    archival = None
    if endpoint.internal and verdict.disposition is not Disposition.RETRY:
        archival = _archival(
            delivery,
            verdict,
            archived,
            endpoint=endpoint,
            endpoints=endpoints,
            hooks=hooks,
            at=at,
        )
    published = tuple(publications(notices, endpoints)) if any(notices) else ()
    return replace(settlement, notices=published, archival=archival)


def _notice(type_: NoticeType, endpoint: str, reason: str, at: float) -> Event:
    return notice(type_, name=endpoint, reason=reason, since=at, at=at)


def _archival(
    delivery: Delivery,
    verdict: Verdict,
    archived: Archived | None,
    *,
    endpoint: Endpoint,
    endpoints: Sequence[Endpoint],
    hooks: HookPolicy | None,
    at: float,
) -> Archival:
    """Return what follows for a task once nothing more is tried to keep its pictures."""
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
