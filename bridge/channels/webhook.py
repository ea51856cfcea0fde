"""
The webhook channel: signed JSON for programs, as Standard Webhooks describes it.

The body is the event's, to the byte, on every attempt: what was signed is what is sent,
and what a receiver saw once is what it will see again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult
from bridge.channels.info import ChannelInfo
from bridge.channels.reply import read_status
from bridge.channels.signing import check_secret, signatures
from bridge.core.endpoint import Endpoint, EndpointOptions
from bridge.core.event import Event
from bridge.core.http import USER_AGENT, Request, Response, with_own

__all__ = [
    "INFO",
    "WebhookOptions",
    "deliver",
    "render",
    "sample_response",
    "signing_secrets",
]


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
        at=context.at,
        redelivery=context.redelivery,
    )
    reply = read_status(response, now=response.at)
    return ExchangeResult(
        attempt=reply.attempt(started=context.started, took=response.took)
    )


def sample_response(request: Request) -> Response:  # noqa: ARG001 - it says yes to all
    """Answer as a receiver does when all is well."""
    return Response(took=0.0, status=204)


def render(event: Event, endpoint: Endpoint, *, at: float, redelivery: bool) -> Request:
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
    return Request(
        url=endpoint.url, body=body, headers=with_own(headers, endpoint.headers)
    )
