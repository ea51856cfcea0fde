"""
One shot: a message that is posted once, in the first variant that the platform takes, and
never changed.

What cannot be edited is reported only when there is something to report. Progress would be a
stream of messages that nobody reads; so would the first steps of a task, unless the endpoint's
``events`` ask for them (an endpoint that edits is handed them without having asked).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult
from bridge.channels.compose import is_old_news, message_for
from bridge.channels.message import Message
from bridge.channels.reply import SIMPLER, Reply, reply_to
from bridge.core.delivery import AttemptResult
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import USER_AGENT, Notification, Request, Response, with_own

_EARLY = frozenset({"task.submitted", "task.started"})


def deliver(
    context: DeliveryContext,
    variants: Callable[[Message], Iterable[Request]],
    read: Callable[[Response], Reply],
    *,
    platform: str,
    links_limit: int,
) -> Exchange:
    """
    Post an event's message, if the event is one to be reported.

    Args:
        variants: Makes the requests that post a message, each simpler than the one before.

        read: Returns what a response means, see `post_first`.

        platform: As people call it.

        links_limit: Bytes that the URLs of all links together may have.
    """
    if (skipped := skip(context, platform)) is not None:
        return skipped
    message = message_for(context, links_limit=links_limit)
    return (yield from post_first(context, variants(message), read))


def skip(context: DeliveryContext, platform: str) -> ExchangeResult | None:
    """Return how the exchange ends for an event that is not reported; else ``None``."""
    event = context.event
    unasked = event.type in _EARLY and not context.endpoint.wants(event)
    if is_old_news(context):
        why = "skipped: the task's end is reported here"
    elif event.is_progress or unasked:
        why = f"skipped: {platform} cannot edit a message, so progress is not reported"
    else:
        return None
    reply = Reply(result=AttemptResult.DELIVERED, detail=why)
    return ExchangeResult(attempt=reply.attempt(started=context.started, duration=0.0))


def post_first(
    context: DeliveryContext,
    variants: Iterable[Request | Notification],
    read: Callable[[Response], Reply],
    *,
    duration: float = 0.0,
) -> Exchange:
    """
    Post the first variant that the platform takes.

    What is refused counts against the platform's limit as well, so each request beyond the
    first is charged to the endpoint's rate.

    Args:
        variants: At least one. One that is the same as another is posted once.

        read: Returns what a response means, see `bridge.channels.reply.reply_to`.

        duration: Seconds that were spent before, on the picture.
    """
    refused, reply = "", Reply()
    posted: list[Request | Notification] = []
    for variant in variants:
        if variant in posted:
            continue
        posted.append(variant)
        response = yield variant
        duration += response.duration
        reply = reply_to(response, read)
        if not reply.fallback:
            break
        refused = refused or reply.detail
    if refused and reply.ok:
        reply = replace(reply, detail=f"{SIMPLER}: {refused}")
    attempt = reply.attempt(started=context.started, duration=duration)
    return ExchangeResult(attempt=attempt, extra_requests=len(posted) - 1)


def post(
    endpoint: Endpoint,
    payload: Mapping[str, Json],
    *,
    url: str = "",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """
    Make the request that posts a message.

    Args:
        url: Where, if not at the endpoint's.

        headers: What the platform needs besides the usual; names in lower case.
    """
    ours = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **(headers or {}),
    }
    return Request(
        url=url or endpoint.url,
        body=encoded(payload),
        headers=with_own(ours, endpoint.headers),
    )


def encoded(payload: Mapping[str, Json]) -> bytes:
    r"""
    Write a payload as short as JSON allows: limits count its bytes.

    Never as ``\uXXXX``, which WeCom refuses (40033) and which makes Chinese twice as long.
    """
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")
