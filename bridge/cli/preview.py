"""``preview``: what an endpoint would be sent, to the byte."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import Json
from bridge.cli.options import event_type as known_type
from bridge.cli.output import emit, line, say, text, write
from bridge.cli.words import is_credential, masked

if TYPE_CHECKING:
    from bridge.channels.request import Request
    from bridge.core.endpoint import Endpoint


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

    The URL is masked, and so are credentials in headers. The signature is the real one.
    """
    from bridge.cli.office import find_settings
    from bridge.cli.rehearsal import configured, occasion_of, rehearsed

    told = configured(endpoint, find_settings().endpoints)
    occasion = occasion_of(event_type, told, at=time.time())
    requests, outcome = rehearsed(occasion)
    hidden = _credentials(told)
    for number, request in enumerate(requests):
        if number and not as_json:
            write("")
        _print(request, hidden, as_json=as_json)
    if not requests:
        say(
            f"nothing would be sent: {outcome.attempt.detail or outcome.attempt.outcome}"
        )
    elif not told.wants(occasion.event):
        say(f"{endpoint} does not subscribe to {event_type}")


def _print(request: Request, hidden: Sequence[str], *, as_json: bool) -> None:
    headers = {
        name: "…" if is_credential(name) else value
        for name, value in request.headers.items()
    }
    url = masked(request.url)
    if as_json:
        row = {"method": request.method, "url": url, "headers": headers}
        emit({**row, "body": _body(request, hidden)})
        return
    line(text(f"{request.method} ", "bold") + text(url))
    for name, value in headers.items():
        line(text(f"{name}: ", "cyan") + text(value))
    if request.body:
        write("")
        write(_body(request, hidden))


def _credentials(endpoint: Endpoint) -> Sequence[str]:
    """List what a body could hold of what lets somebody in, the longest first."""
    token = str(endpoint.options.get("token") or "")
    found = {token, *token.split(":")}
    return sorted((one for one in found if len(one) > 3), key=len, reverse=True)


def _body(request: Request, hidden: Sequence[str]) -> str:
    """Show what is text, and say how much there is of what is not: a picture, mostly."""
    parts = []
    for part in request.body.split(b"\r\n\r\n"):
        try:
            parts.append(part.decode())
        except UnicodeDecodeError:
            shown, _, tail = part.rpartition(b"\r\n--")
            size = len(shown) or len(part)
            parts.append(f"({size} bytes that are not text)")
            if tail:
                parts[-1] += f"\r\n--{tail.decode(errors='replace')}"
    whole = "\n\n".join(parts).replace("\r\n", "\n")
    for secret in hidden:
        whole = whole.replace(secret, "…")
    return whole
