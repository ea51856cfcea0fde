"""
One way: channels to which a message is posted once and never changed, and that answer with
an HTTP status.

What cannot be edited is told only once there is something to tell: progress, and the early
steps that are asked for only as edits, would be a stream of messages that nobody reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult
from bridge.channels.headers import with_own
from bridge.channels.message import Message, message_for
from bridge.core.delivery import Attempt, AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response, retry_after
from bridge.version import __version__

_EARLY = frozenset({"task.submitted", "task.started"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What an answer says.

    Attributes:
        said: What it comes to if nothing more is tried.

        detail: For a person; without URLs.

        plainer: Whether a plainer message may be taken where this one was not.
    """

    said: AttemptResult
    detail: str = ""
    plainer: bool = False


def deliver(
    context: DeliveryContext,
    drafts: Callable[[Message], Iterator[Request]],
    read: Callable[[Response], Reading],
    *,
    name: str,
    links_most: int,
) -> Exchange:
    """
    Post the first draft that is taken.

    Args:
        drafts: Makes the same message, plainer and plainer.

        read: Says what an answer means.

        name: What people call the platform.

        links_most: Bytes that all URLs together may have.
    """
    event = context.event
    unasked = event.type in _EARLY and not context.endpoint.wants(event)
    if event.is_progress or unasked:
        why = f"skipped: {name} cannot edit a message, so progress is not told"
        return ExchangeResult(
            attempt=Attempt(
                started=context.started,
                took=0.0,
                platform_result=AttemptResult.DELIVERED,
                detail=why,
            )
        )
    message = message_for(context, links_most=links_most)
    took, reading = 0.0, Reading(said=AttemptResult.FAILED)
    for draft in drafts(message):
        response = yield draft
        took += response.took
        reading = read(response)
        if not reading.plainer:
            break
    failed = reading.said is AttemptResult.FAILED
    wait = response.headers.get("retry-after") if failed else None
    return ExchangeResult(
        attempt=Attempt(
            started=context.started,
            took=took,
            status=response.status,
            fault=response.fault,
            platform_result=reading.said,
            detail=reading.detail,
            retry_after=retry_after(wait, now=response.at or context.at),
        )
    )


def post(
    endpoint: Endpoint,
    body: bytes,
    *,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Make the request that posts a message."""
    ours = {
        "content-type": "application/json",
        "user-agent": f"mjbridge/{__version__}",
        **(headers or {}),
    }
    return Request(
        url=url or endpoint.url, body=body, headers=with_own(ours, endpoint.headers)
    )


def encoded(payload: Mapping[str, Any]) -> bytes:
    """Write a payload as short as JSON allows: limits count its bytes."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")


def is_page(response: Response) -> bool:
    """Whether a web page came: from a proxy in between, or from another server."""
    kind = response.headers.get("content-type", "").lower()
    return "html" in kind or response.body.lstrip()[:1] == b"<"
