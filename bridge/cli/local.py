"""``sandbox`` and ``listen``: a gateway and a receiver to try things with, on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.arguments import Json
from bridge.cli.output import say, stdout, write
from bridge.errors import BridgeError, Misconfigured

if TYPE_CHECKING:
    from starlette.types import ASGIApp

GATEWAY_PORT, RECEIVER_PORT = 8701, 8702
LOOPBACK = "127.0.0.1"

Host = Annotated[str, typer.Option("--host", help="The address to listen at.")]
Quiet = Annotated[bool, typer.Option("--quiet", hidden=True)]


def sandbox(
    *,
    host: Host = LOOPBACK,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0: any free one.")
    ] = GATEWAY_PORT,
    key: Annotated[
        str | None, typer.Option("--key", help="The only key it takes; by default any.")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", help="1: as slow as Midjourney.")
    ] = 2.0,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir", help="Where its tasks are kept.", show_default=False
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """
    Run the simulated gateway alone.

    It accepts what clients submit, lists tasks, shows pictures, and can misbehave.
    """
    from bridge.sandbox.simulated_gateway import create_gateway

    folder = data_dir
    if folder is None:
        from bridge.settings import load_settings

        folder = load_settings(need_keys=False).data_dir / "gateway"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        app = create_gateway(data_dir=folder, key=key, speed=speed)
    except OSError as error:
        msg = f"cannot use the directory {folder}: {(error.strerror or '').lower()}"
        raise Misconfigured(msg) from error
    except ValueError as error:
        raise Misconfigured(str(error)) from error

    def ready(url: str) -> None:
        if quiet:
            return
        write(url)
        say(
            f"the simulated gateway takes {'the key given' if key else 'any key'}; Ctrl-C ends it"
        )
        say(f"poll it with BRIDGE_UPSTREAMS__DEFAULT__BASE_URL={url}")

    _serve(app, host, port, ready)


def listen(
    *,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            "-s",
            envvar="MJBRIDGE_LISTEN_SECRET",
            show_envvar=False,
            help="whsec_... or any text; several while rotating. Without: all is accepted.",
        ),
    ] = None,
    host: Host = LOOPBACK,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0: any free one.")
    ] = RECEIVER_PORT,
    status: Annotated[
        list[int] | None,
        typer.Option(
            "--status",
            min=200,
            max=599,
            help="What to answer, in turn; the last one for ever.",
            show_default="204",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a receiver: it verifies what arrives, and prints it."""
    if secret and not all(one.strip() for one in secret):
        msg = "--secret is empty; leave it out to accept everything unverified"
        raise Misconfigured(msg)
    from bridge.cli.event_printer import EventPrinter, JsonPrinter
    from bridge.sandbox.receiver import Receiver

    printer = JsonPrinter(sys.stdout) if as_json else EventPrinter(stdout())
    try:
        receiver = Receiver(secrets=secret or (), on_event=printer)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    if status:
        receiver.answer("*", *status[:-1], then=status[-1])

    def ready(url: str) -> None:
        if not quiet:
            how = "verifying every signature" if secret else "verifying nothing"
            say(f"listening at {url}, {how}; Ctrl-C ends it")

    _serve(receiver.app, host, port, ready)


def _serve(app: ASGIApp, host: str, port: int, ready: Callable[[str], None]) -> None:
    from bridge.sandbox.server import run_server

    try:
        run_server(app, host, port, on_ready=ready)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        msg = f"cannot listen at {host}:{port}: {why}; --port takes another one"
        raise BridgeError(msg) from error
