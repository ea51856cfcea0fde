"""
The archive as a channel: a task's pictures are downloaded, and kept.

A URL is somebody else's word: a gateway's, or whoever wrote to it. So it is connected to only
where hooks may lead, but for the upstream's own host, which the operator has named. Redirects
are followed, as gateways send clients on to where the picture is; each is judged anew.

What was kept is saved before the next file is fetched, so that an attempt goes on where the one
before it ended.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult, SaveState
from bridge.channels.urls import safe_url
from bridge.core.archive import KIND, Archived, ArchiveOptions, sources, with_urls
from bridge.core.delivery import Attempt, AttemptResult, Fault
from bridge.core.hook import BLOCKED_PORTS
from bridge.core.http import Download, Request, Response
from bridge.core.media import KeptFile
from bridge.core.media_url import expires_at

__all__ = ["KIND", "deliver", "sample_response"]

#: Redirects that are followed, one after the other.
MAX_REDIRECTS = 3
#: The signed URL in a URL's query makes it long.
_MAX_URL = 8192
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Answers that say that there is no picture, or none for us.
_MISSING = frozenset({400, 401, 403, 404, 410})


_NO_RESPONSE = Response()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What came of one URL: a file, or how the attempt ended for it."""

    file: KeptFile | None = None
    result: AttemptResult | None = None
    response: Response = _NO_RESPONSE
    reason: str = ""


def deliver(context: DeliveryContext) -> Exchange:
    """Keep what an event brings, see `bridge.channels.base.Channel`."""
    options = ArchiveOptions.of(context.endpoint)
    files = {one.source: one for one in Archived.read(context.channel_state).files}
    wanted = list(sources(context.event))
    missing = [url for url in wanted if url not in files]
    failed: list[_Outcome] = []
    duration = 0.0
    for url in missing:
        outcome = yield from _fetch(url, context, options)
        duration += outcome.response.duration
        if outcome.file is None:
            failed.append(outcome)
            continue
        files[url] = replace(outcome.file, source=url)
        yield SaveState(channel_state=_state(wanted, files))
    reason = "; ".join(dict.fromkeys(outcome.reason for outcome in failed))
    kept = with_urls(
        Archived(files=_kept(wanted, files), reason=reason), options.files_url
    )
    return ExchangeResult(
        attempt=replace(
            _attempt(kept, failed), started=context.started, duration=duration
        ),
        channel_state=_state(wanted, files) if files else None,
        archived=kept,
    )


def sample_response(request: Request) -> Response:
    """Return what downloads are not answered with: nothing is downloaded for a preview."""
    del request
    return Response(status=200)


def _kept(wanted: list[str], files: Mapping[str, KeptFile]) -> tuple[KeptFile, ...]:
    return tuple(files[url] for url in wanted if url in files)


def _state(wanted: list[str], files: Mapping[str, KeptFile]) -> Mapping[str, Any]:
    return Archived(files=_kept(wanted, files)).to_json()


def _fetch(
    given: str, context: DeliveryContext, options: ArchiveOptions
) -> Generator[Request | Download | SaveState, Response, _Outcome]:
    """Download from a URL, and from where it leads."""
    url = urljoin(options.base_url, given)
    duration = 0.0
    for _ in range(MAX_REDIRECTS + 1):
        safe = safe_url(url, limit=_MAX_URL, schemes=("https", "http"))
        if safe is None or urlsplit(safe).port in BLOCKED_PORTS:
            why = "the picture's URL is not one that is fetched"
            return _Outcome(result=AttemptResult.PERMANENT_FAILURE, reason=why)
        own = urlsplit(safe).hostname == urlsplit(options.base_url).hostname
        response = yield Download(
            url=safe, about=context.event.subject, guarded=not own
        )
        duration += response.duration
        response = replace(response, duration=duration)
        location = response.headers.get("location")
        if response.status not in _REDIRECTS or not location:
            return _judged(given, response, now=context.now)
        url = urljoin(safe, location)
    why = f"the picture's URL leads on and on: {MAX_REDIRECTS} redirects are followed"
    return _Outcome(result=AttemptResult.REFUSED, response=response, reason=why)


def _judged(url: str, response: Response, *, now: float) -> _Outcome:
    if response.kept is not None:
        return _Outcome(file=response.kept, response=response)
    failed = _Outcome(response=response, reason=response.detail)
    if response.result is not None:  # it came, and is not what is kept
        return replace(failed, result=response.result)
    if response.fault is Fault.ADDRESS_BLOCKED:
        why = "the picture's address is not allowed: only allow_networks opens private ones"
        return replace(failed, result=AttemptResult.PERMANENT_FAILURE, reason=why)
    if response.status is None:
        return replace(failed, result=AttemptResult.FAILED)
    answered = replace(failed, reason=f"HTTP {response.status}")
    if response.status not in _MISSING:
        return replace(answered, result=AttemptResult.FAILED)
    expiry = expires_at(url)
    if response.status == 410 or (expiry is not None and expiry.timestamp() <= now):
        why = f"the picture's URL has expired (HTTP {response.status})"
        return replace(answered, result=AttemptResult.PERMANENT_FAILURE, reason=why)
    return replace(answered, result=AttemptResult.REFUSED)


#: Of several failures the one that may still pass decides when to try again.
_HOPE = (AttemptResult.FAILED, AttemptResult.REFUSED, AttemptResult.PERMANENT_FAILURE)


def _attempt(kept: Archived, failed: list[_Outcome]) -> Attempt:
    """Return the attempt, without its times."""
    if not failed:
        size = sum(file.bytes for file in kept.files)
        detail = (
            f"kept {len(kept.files)}, {size:,} bytes" if kept.files else "no picture"
        )
        return _of(Response(status=200), AttemptResult.DELIVERED, detail)
    worst = min(failed, key=lambda one: _HOPE.index(one.result or AttemptResult.FAILED))
    if worst.result is AttemptResult.PERMANENT_FAILURE and kept.files:
        # The rest never comes, and what there is is kept.
        return _of(worst.response, AttemptResult.DELIVERED, f"not all: {kept.reason}")
    return _of(worst.response, worst.result, worst.reason)


def _of(response: Response, result: AttemptResult | None, detail: str) -> Attempt:
    return Attempt(
        started=0.0,
        duration=0.0,
        status=response.status,
        fault=response.fault,
        detail=detail,
        retry_after=response.retry_after if response.status in {429, 503} else None,
        platform_result=result,
    )
