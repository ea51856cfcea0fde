"""``preview``: what an endpoint would be sent, to the byte."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

from bridge.cli.options import Json
from bridge.cli.options import event_type as known_type
from bridge.cli.output import emit, line, say, text, write
from bridge.cli.words import is_credential, masked

if TYPE_CHECKING:
    from bridge.core.endpoint import Endpoint
    from bridge.core.http import Notification, Request


def preview(
    event_type: Annotated[
        str,
        typer.Argument(
            metavar="EVENT_TYPE", help="task.succeeded, ...", callback=known_type
        ),
    ],
    *,
    endpoint: Annotated[str, typer.Option("--endpoint", "-e", help="For whom.")],
    as_json: Json = False,
) -> None:
    """
    Show the exact request for a sample event; nothing is sent.

    The URL is masked, and so are the headers that the endpoint's settings give and
    whatever lets somebody in. The signature is the real one.
    """
    from bridge.cli.connecting import find_settings
    from bridge.cli.rehearsal import configured, occasion_of, rehearsed

    told = configured(endpoint, find_settings().endpoints)
    context = occasion_of(event_type, told, at=time.time())
    requests, outcome = rehearsed(context)
    hidden = _credentials(told)
    own = frozenset(name.lower() for name in told.headers)
    for number, request in enumerate(requests):
        if number and not as_json:
            write("")
        _print(request, hidden, own, as_json=as_json)
    if not requests:
        say(
            f"nothing would be sent: {outcome.attempt.detail or outcome.attempt.outcome}"
        )
    elif not told.wants(context.event):
        say(f"{endpoint} does not subscribe to {event_type}")


def _print(
    request: Request | Notification,
    hidden: Sequence[str],
    own: AbstractSet[str],
    *,
    as_json: bool,
) -> None:
    method, given, raw = _spelled_out(request)
    headers = {
        name: "…" if is_credential(name) or name in own else _blotted(value, hidden)
        for name, value in given.items()
    }
    url = masked(request.url)
    if as_json:
        row = {"method": method, "url": url, "headers": headers}
        emit({**row, "body": _body(raw, hidden)})
        return
    line(text(f"{method} ", "bold") + text(url))
    for name, value in headers.items():
        line(text(f"{name}: ", "cyan") + text(value))
    if raw:
        write("")
        write(_body(raw, hidden))


def _spelled_out(
    request: Request | Notification,
) -> tuple[str, Mapping[str, str], bytes]:
    """Return method, headers and body; of a notification, what Apprise is asked to send."""
    from bridge.core.http import Request

    if isinstance(request, Request):
        return request.method, request.headers, request.body
    asked = {"title": request.title, "body": request.body, "type": request.type}
    body = json.dumps({**asked, "attach": None}, ensure_ascii=False)
    return "NOTIFY", {}, body.encode(errors="replace")


def _credentials(endpoint: Endpoint) -> Sequence[str]:
    """List what a request could hold of what lets somebody in, the longest first."""
    from bridge.channels import channel_for

    options = endpoint.options
    token, secret = (str(options.get(name) or "") for name in ("token", "secret"))
    found = {one for one in (token, *token.split(":"), secret) if len(one) > 3}
    if channel_for(endpoint.kind).INFO.is_chat:
        # ntfy repeats its topic, a word that may be short and part of other words.
        last = urlsplit(endpoint.url).path.rstrip("/").rpartition("/")[2]
        found.add(f'"{unquote(last)}"')
    return sorted(found, key=len, reverse=True)


def _blotted(text: str, hidden: Sequence[str]) -> str:
    for secret in hidden:
        text = text.replace(secret, '"…"' if secret.startswith('"') else "…")
    return text


def _body(body: bytes, hidden: Sequence[str]) -> str:
    """Show what is text, and say how much there is of what is not: a picture, mostly."""
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
    return _blotted("\n\n".join(parts).replace("\r\n", "\n"), hidden)
