"""``listen``: a receiver to try things with, on this machine."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bridge.channels.webhook import check_secret
from bridge.cli.arguments import JsonOption
from bridge.cli.event_printer import EventPrinter
from bridge.cli.output import OutputError, emit, say, stdout
from bridge.cli.service import LOOPBACK, Host, Port, Quiet, bind
from bridge.errors import Misconfigured
from bridge.sandbox.received import Received
from bridge.sandbox.receiver import Receiver
from bridge.sandbox.server import run_server


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
    port: Port = 8702,
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
    as_json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Run a receiver: it verifies what arrives, and prints it."""
    if secret and not all(one.strip() for one in secret):
        msg = "--secret is empty; leave it out to accept everything unverified"
        raise Misconfigured(msg)
    try:
        secrets = [check_secret(one) for one in secret or ()]
    except ValueError as error:
        msg = f"--secret {error}"
        raise Misconfigured(msg) from None
    printer = EventPrinter(stdout())
    stop, failures = asyncio.Event(), list[OSError | OutputError]()

    def on_event(received: Received) -> None:
        try:
            emit(received.json()) if as_json else printer(received)
        except (OSError, OutputError) as error:
            failures.append(error)
            stop.set()
            raise

    receiver = Receiver(secrets=secrets, on_event=on_event)
    if status:
        receiver.answer("*", *status[:-1], then=status[-1])

    def ready(url: str) -> None:
        if not quiet:
            how = "verifying every signature" if secret else "verifying nothing"
            say(f"listening at {url}, {how}; Ctrl-C ends it")

    run_server(receiver.app, bind(host, port), on_ready=ready, stop=stop)
    # What cannot be shown is not accepted: it is sent again to the next receiver here.
    if failures:
        raise failures[0]
