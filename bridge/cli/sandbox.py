"""``sandbox``: a gateway to try things with, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.output import say, write
from bridge.cli.service import LOOPBACK, Host, Port, Quiet, bind
from bridge.errors import Misconfigured, reason
from bridge.sandbox.server import run_server
from bridge.sandbox.simulated_gateway import create_gateway
from bridge.settings import load_settings


def sandbox(
    *,
    host: Host = LOOPBACK,
    port: Port = 8701,
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

    run_server(app, bind(host, port), on_ready=ready)
