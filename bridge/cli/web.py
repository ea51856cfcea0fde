"""``web``: the HTTP API, the dashboard, metrics and health."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Annotated

import structlog
import typer

from bridge import logs
from bridge.cli.service import bind, inherited, named_host, raise_file_limit
from bridge.errors import Misconfigured
from bridge.runtime.discovery import announce_web, check_reach
from bridge.runtime.hangup import end_at_hangup
from bridge.settings import Settings, load_settings


def web(
    *,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            help="The address to listen at.",
            callback=named_host,
            show_default="web.host",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="0: any free one.", show_default="web.port"
        ),
    ] = None,
    fd: Annotated[int | None, typer.Option("--fd", hidden=True)] = None,
) -> None:
    """
    Serve the HTTP API, the dashboard, metrics and health.

    Start as many as you like; none of them holds state.
    """
    raise_file_limit()
    end_at_hangup()
    settings = load_settings(need_keys=False)  # nothing is polled
    host = settings.web.host if host is None else host
    port = settings.web.port if port is None else port
    # `mjbridge up` listens already, and hands that over.
    bound = bind_in_reach(settings, host, port) if fd is None else inherited(fd)
    # Its own routes refuse a hook that leads to itself, wherever it listens.
    taken = {"host": host, "port": bound.getsockname()[1]}
    web = settings.web.model_copy(update=taken)
    settings = settings.model_copy(update={"web": web})
    # Importing FastAPI takes longer than most commands run.
    from bridge.sandbox.server import base_url_of
    from bridge.web.server import serve

    logs.configure(settings.log_level, settings.log_format)
    logs.only_json()
    url = base_url_of(bound)

    def ready() -> None:
        announce_web(settings, url)
        structlog.get_logger(__name__).info("web.started", url=url)

    serve(settings, bound, on_ready=ready)


def bind_in_reach(
    settings: Settings,
    host: str,
    port: int,
    *,
    bind: Callable[[str, int], socket.socket] = bind,
) -> socket.socket:
    """
    Return a socket that listens, to serve on.

    Raises:
        Misconfigured: It can be reached from elsewhere, and nobody has to present a token.

        BridgeError: The address cannot be used.
    """
    check_reach(settings, host)
    bound = bind(host, port)
    try:
        # What a name means (``x.localhost``) is up to who resolves it.
        check_reach(settings, bound.getsockname()[0])
    except Misconfigured:
        bound.close()
        raise
    return bound
