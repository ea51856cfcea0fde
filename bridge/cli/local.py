"""``sandbox`` and ``listen``: a gateway and a receiver to try things with, on this machine."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.arguments import Json
from bridge.cli.event_printer import EventPrinter, JsonPrinter
from bridge.cli.output import reason, say, stdout, write
from bridge.errors import BridgeError, Misconfigured
from bridge.sandbox.receiver import Received, Receiver
from bridge.sandbox.server import bind, run_server
from bridge.sandbox.simulated_gateway import create_gateway
from bridge.settings import load_settings

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
    folder = data_dir
    if folder is None:
        folder = load_settings(need_keys=False).data_dir / "gateway"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        app = create_gateway(data_dir=folder, key=key, speed=speed)
    except OSError as error:
        msg = f"cannot use the directory {folder}: {reason(error)}"
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

    run_server(app, _bind(host, port), on_ready=ready)


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
    printer = JsonPrinter(sys.stdout) if as_json else EventPrinter(stdout())
    stop, failures = asyncio.Event(), list[OSError]()

    def on_event(received: Received) -> None:
        try:
            printer(received)
        except OSError as error:
            failures.append(error)
            stop.set()
            raise

    try:
        receiver = Receiver(secrets=secret or (), on_event=on_event)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    if status:
        receiver.answer("*", *status[:-1], then=status[-1])

    def ready(url: str) -> None:
        if not quiet:
            how = "verifying every signature" if secret else "verifying nothing"
            say(f"listening at {url}, {how}; Ctrl-C ends it")

    run_server(receiver.app, _bind(host, port), on_ready=ready, stop=stop)
    # What cannot be shown is not accepted: it is sent again to the next receiver here.
    if failures:
        raise failures[0]


def _bind(host: str, port: int) -> socket.socket:
    try:
        return bind(host, port)
    except OSError as error:
        mend = "; --port takes another one" if error.errno == errno.EADDRINUSE else ""
        msg = f"cannot listen at {host}:{port}: {reason(error)}{mend}"
        raise BridgeError(msg) from error
