"""``preview``: what an endpoint would be sent, to the byte."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from bridge.app.humanize import redacted_url
from bridge.app.samples import sample_context
from bridge.app.views.endpoints import RequestView
from bridge.channels import channel_for
from bridge.channels.base import dry_run
from bridge.cli.arguments import JsonOption
from bridge.cli.arguments import event_type as known_type
from bridge.cli.output import emit, line, say, text, write
from bridge.core.endpoint import Endpoint
from bridge.core.http import Notification, Request
from bridge.core.redact import BLOT, redact, secrets_of_endpoint
from bridge.core.token import ActionLinks, TokenKeys
from bridge.runtime.discovery import endpoint_of, find_settings
from bridge.settings import Settings

#: Names of headers whose values let somebody in.
_CREDENTIAL = re.compile(
    r"auth|key|token|secret|cookie|pass|credential|session", re.IGNORECASE
)


def preview(
    event_type: Annotated[
        str,
        typer.Argument(
            metavar="EVENT_TYPE", help="task.succeeded, ...", callback=known_type
        ),
    ],
    *,
    endpoint: Annotated[str, typer.Option("--endpoint", "-e", help="The endpoint.")],
    as_json: JsonOption = False,
) -> None:
    """
    Show the exact request for a sample event; nothing is sent.

    The URL is masked, and so are the headers that the endpoint's settings give and
    whatever lets somebody in. The signature is the real one. Links and buttons by which
    people press are there, and lead nowhere.
    """
    settings = find_settings()
    receiver = endpoint_of(settings, endpoint)
    context = sample_context(
        event_type, receiver, at=time.time(), links=_dead_links(settings)
    )
    requests, result = dry_run(channel_for(receiver.kind), context)
    for number, request in enumerate(requests):
        if number and not as_json:
            write("")
        _print(request, receiver, as_json=as_json)
    if not requests:
        attempt = result.attempt
        say(f"nothing would be sent: {attempt.detail or attempt.outcome}")
    elif not receiver.wants(context.event):
        say(f"{endpoint} does not subscribe to {event_type}")


def _dead_links(settings: Settings) -> ActionLinks:
    """Return what signs links and buttons, with a key that nothing accepts."""
    return ActionLinks(
        keys=TokenKeys([secrets.token_urlsafe()]),
        public_url=settings.public_url,
        ttl=settings.links.ttl,
    )


def _print(
    request: Request | Notification, receiver: Endpoint, *, as_json: bool
) -> None:
    if isinstance(request, Notification):
        request = _spelled_out(request)
    hidden = secrets_of_endpoint(receiver)
    own = {name.lower() for name in receiver.headers}
    headers = {
        name: BLOT if _CREDENTIAL.search(name) or name in own else redact(value, hidden)
        for name, value in request.headers.items()
    }
    body = redact(_text_of(request.body), hidden)
    if channel_for(receiver.kind).INFO.is_chat:
        # ntfy repeats its topic, a word that may be short and part of other words.
        last = unquote(urlsplit(receiver.url).path.rstrip("/").rpartition("/")[2])
        body = body.replace(f'"{last}"', f'"{BLOT}"')
    shown = RequestView(
        method=request.method,
        url=redacted_url(request.url),
        headers=headers,
        body=body,
    )
    if as_json:
        emit(shown)
        return
    line(text(f"{shown.method} ", "bold") + text(shown.url))
    for name, value in headers.items():
        line(text(f"{name}: ", "cyan") + text(value))
    if shown.body:
        write("")
        write(shown.body)


def _spelled_out(notification: Notification) -> Request:
    """Put what Apprise is asked to send into the form in which a request is shown."""
    asked = {
        "title": notification.title,
        "body": notification.body,
        "type": notification.type,
        "attach": None,
    }
    body = json.dumps(asked, ensure_ascii=False)
    return Request(
        method="NOTIFY", url=notification.url, body=body.encode(errors="replace")
    )


def _text_of(body: bytes) -> str:
    """Show what is text, and count the bytes of what is not: a picture, mostly."""
    parts = []
    for part in body.split(b"\r\n\r\n"):
        try:
            parts.append(part.decode())
        except UnicodeDecodeError:
            shown, _, tail = part.rpartition(b"\r\n--")
            size = len(shown) or len(part)
            parts.append(f"({size} bytes that are not text)")
            if tail:
                parts[-1] += f"\r\n--{tail.decode(errors='replace')}"
    return "\n\n".join(parts).replace("\r\n", "\n")
