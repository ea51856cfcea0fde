"""
The webhook channel: signed JSON for programs, as Standard Webhooks describes it.

The body is the event's, to the byte, on every attempt: what was signed is what is sent,
and what a receiver saw once is what it will see again.

The signature says who sent an event, and that nobody changed it. The scheme is Standard
Webhooks' ``v1``, HMAC-SHA256 over ``id.timestamp.body``, which the ``standardwebhooks`` and
``svix`` libraries verify as it is.
Source: the Standard Webhooks specification, "Signature scheme".
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult
from bridge.channels.info import ChannelInfo
from bridge.channels.reply import detail_of
from bridge.core.delivery import Attempt, AttemptResult, result_of
from bridge.core.endpoint import Endpoint, EndpointOptions
from bridge.core.event import Event
from bridge.core.http import USER_AGENT, Request, Response, with_own

_PREFIX = re.compile("whsec_", re.IGNORECASE)
#: What may stand before it.
_BEFORE = frozenset({"", "v1", "bearer", "secret", "webhook-secret"})

#: Characters of a raw signing secret: short ones can be guessed offline from one request.
MIN_SECRET = 8


@lru_cache(maxsize=1024)
def key_of(secret: str) -> bytes:
    """
    Return the bytes that a signing secret stands for.

    ``whsec_`` and base64 is the notation of Standard Webhooks; any other text stands
    for its UTF-8 bytes.

    Raises:
        ValueError: What follows ``whsec_`` is not base64.
    """
    if secret.startswith("whsec_"):
        try:
            return b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            # The decoder's own words are about the secret; they are not passed on.
            msg = "a signing secret is malformed: after whsec_ comes base64"
            raise ValueError(msg) from None
    return secret.encode()


def check_secret(text: str) -> str:
    """
    Return a signing secret as it is kept.

    What a page shows before ``whsec_``, such as ``v1,`` or ``Bearer``, is left out, and
    capitals are forgiven: signed with those bytes, every event would be refused.

    Raises:
        ValueError: It is malformed, or too short to be one.
    """
    if found := _PREFIX.search(text):
        before = text[: found.start()].strip(" \t,:=\"'").lower()
        if before not in _BEFORE:
            msg = "is malformed: whsec_ is where a secret begins, and something is before it"
            raise ValueError(msg)
        text = "whsec_" + text[found.end() :].strip(" \t\"'")
    if text.startswith(("whsk_", "whpk_")):
        msg = "is a key of an asymmetric signature; this one takes whsec_..."
        raise ValueError(msg)
    if not text.startswith("whsec_") and len(text) < MIN_SECRET:
        msg = f"is too short to be a secret: at least {MIN_SECRET} characters, better whsec_ and base64 of 32 bytes"
        raise ValueError(msg)
    try:
        size = len(key_of(text))
    except ValueError:
        msg = "is malformed: after whsec_ comes base64, with its padding"
        raise ValueError(msg) from None
    if text.startswith("whsec_") and not 24 <= size <= 64:
        msg = f"is malformed: the base64 after whsec_ stands for 24 to 64 bytes, not {size}"
        raise ValueError(msg)
    return text


def signatures(secrets: Iterable[str], *, id: str, at: int, body: bytes) -> str:  # noqa: A002 - the header's own word
    """
    Sign a message with every secret, in their order, as ``webhook-signature`` has them.

    Args:
        secrets: Several while one replaces another.

        id: The message's ``webhook-id``; it holds no dot.

        at: The attempt's ``webhook-timestamp``, in seconds since the epoch.

        body: The bytes that are sent.

    Returns:
        The signatures, separated by spaces; ``""`` without a secret.
    """
    signed = b"%b.%d.%b" % (id.encode(), at, body)
    return " ".join(
        "v1," + b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()
        for secret in secrets
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions(EndpointOptions):
    """
    Options of a webhook.

    Attributes:
        secrets: Signing secrets; the first signs first.
    """

    secrets: tuple[Annotated[str, check_secret], ...] = field(
        default=(), repr=False, metadata={"max_length": 10}
    )


INFO = ChannelInfo(options=WebhookOptions)


def signing_secrets(options: EndpointOptions) -> tuple[str, ...]:
    """Return what events are signed with; nothing for an endpoint of another kind."""
    return options.secrets if isinstance(options, WebhookOptions) else ()


def deliver(context: DeliveryContext) -> Exchange:
    """Post the event once, see `bridge.channels.base.Channel`."""
    response = yield render(
        context.event,
        context.endpoint,
        at=context.now,
        redelivery=context.redelivery,
        traceparent=context.traceparent,
    )
    status = response.status
    delivered = result_of(status) is AttemptResult.DELIVERED
    return ExchangeResult(
        attempt=Attempt(
            started=context.started,
            duration=response.duration,
            status=status,
            fault=response.fault,
            detail=detail_of(response),
            retry_after=None if delivered else response.retry_after,
        )
    )


def sample_response(request: Request) -> Response:  # noqa: ARG001 - it says yes to all
    """Answer as a receiver does when all is well."""
    return Response(status=204)


def render(
    event: Event,
    endpoint: Endpoint,
    *,
    at: float,
    redelivery: bool,
    traceparent: str | None = None,
) -> Request:
    """
    Make the signed request that hands an event to a program.

    It is signed anew on every attempt, because receivers refuse an old timestamp.
    """
    body = event.body.encode()
    timestamp = int(at)
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": event.id,
        "webhook-timestamp": str(timestamp),
    }
    if secrets := signing_secrets(endpoint.options):
        headers["webhook-signature"] = signatures(
            secrets, id=event.id, at=timestamp, body=body
        )
    if redelivery:
        headers["webhook-redelivery"] = "true"
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return Request(
        url=endpoint.url, body=body, headers=with_own(headers, endpoint.headers)
    )
