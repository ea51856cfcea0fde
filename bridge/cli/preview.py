"""``preview``: the request that an endpoint would get, to the byte."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import Json
from bridge.cli.options import event_type as known_type
from bridge.cli.output import emit, line, text
from bridge.cli.words import is_credential, masked

if TYPE_CHECKING:
    from bridge.channels.request import Request


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
    Show the exact request that tells an endpoint of a sample event. Nothing is sent.

    The URL is masked, and so are header values that are credentials. The signature is the
    real one.
    """
    from bridge.channels import channel_for
    from bridge.channels.sample import sample_event
    from bridge.cli.endpoints import configured_endpoint
    from bridge.cli.office import find_settings

    told = configured_endpoint(endpoint, find_settings().endpoints)
    now = time.time()
    request = channel_for(told.kind).render(
        sample_event(event_type, now), told, at=now, redelivery=False
    )
    own = {name.lower() for name in told.headers}
    headers = {
        name: "…" if name in own and is_credential(name) else value
        for name, value in request.headers.items()
    }
    url = masked(request.url)
    if as_json:
        emit(
            {
                "method": request.method,
                "url": url,
                "headers": headers,
                "body": _body(request),
            }
        )
        return
    line(text(f"{request.method} ", "bold") + text(url))
    for name, value in headers.items():
        line(text(f"{name}: ", "cyan") + text(value))
    line(text(""))
    line(text(_body(request)))
    if not told.wants(sample_event(event_type, now)):
        from bridge.cli.output import say

        say(f"{endpoint} does not subscribe to {event_type}")


def _body(request: Request) -> str:
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return f"({len(request.body)} bytes that are not text)"
