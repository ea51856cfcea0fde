"""All commands in one place, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from bridge import __version__
from bridge.cli import (
    checking,
    deliveries,
    demo,
    endpoints,
    listing,
    local,
    preview,
    processes,
    redelivering,
    story,
    tracking,
    up,
    watching,
)
from bridge.errors import BridgeError

_HELP = {"-h", "--help"}

app = typer.Typer(
    name="mjbridge",
    help="Webhooks for Midjourney tasks: your endpoints hear of every change.",
    epilog="Begin with: mjbridge up --sandbox",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": sorted(_HELP)},
)

#: What goes wrong with arguments. Its name is not part of Typer's interface.
_UsageError = typer.BadParameter.__mro__[1]

RUN, TASKS, DELIVERY, TRY = "Run", "Tasks", "Endpoints and deliveries", "Try and mend"


@app.callback(invoke_without_command=True)
def begin(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.")
    ] = False,
) -> None:
    """Webhooks for Midjourney tasks."""
    if version:
        typer.echo(f"mjbridge {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


app.command(rich_help_panel=RUN)(up.up)
app.command(rich_help_panel=RUN)(processes.worker)
app.command(rich_help_panel=RUN)(processes.beat)
app.command(rich_help_panel=TASKS)(tracking.track)
app.command(rich_help_panel=TASKS)(tracking.untrack)
app.command(rich_help_panel=TASKS)(listing.tasks)
app.command(rich_help_panel=TASKS)(story.show)
app.command(rich_help_panel=TASKS)(watching.watch)
app.add_typer(endpoints.app, name="endpoints", rich_help_panel=DELIVERY)
app.add_typer(deliveries.app, name="deliveries", rich_help_panel=DELIVERY)
app.command(rich_help_panel=DELIVERY)(redelivering.redeliver)
app.command(rich_help_panel=DELIVERY)(preview.preview)
app.command(rich_help_panel=TRY)(checking.check)
app.command(rich_help_panel=TRY)(local.sandbox)
app.command(rich_help_panel=TRY)(local.listen)
app.command(hidden=True)(demo.demo)


def run(argv: Sequence[str]) -> int:
    """Run a command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter gets a question mark, and not an error.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        command = typer.main.get_command(app)
        if _HELP & set(argv):
            _plainly(typer.Context(command, **command.context_settings))
        code = command(args=list(argv), prog_name="mjbridge", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_listens()
    except BridgeError as error:
        return _complain(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:  # noqa: BLE001 - the last one to hear of it
        if isinstance(error, _UsageError):
            return _complain(_usage(error), 2)
        return _complain(_unexpected(error), 1)
    return code if isinstance(code, int) else 0


def _plainly(ctx: typer.Context) -> None:
    """Keep help from saying of every switch that it is a <bool>."""
    for param in ctx.command.get_params(ctx):
        if getattr(param, "is_flag", False):
            param.metavar = ""
    for command in getattr(ctx.command, "commands", {}).values():
        _plainly(typer.Context(command, parent=ctx))


def _complain(text: str, code: int) -> int:
    print(f"mjbridge: {text}", file=sys.stderr)  # noqa: T201
    return code


def _nobody_listens() -> int:
    """Make the interpreter's last flush come to nothing: whoever read us has gone."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    return 1


def _usage(error: Exception) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
    text = f"{text[:1].lower()}{text[1:]}"
    ctx = getattr(error, "ctx", None)
    return f"{text} ({ctx.command_path} --help)" if ctx is not None else text


def _unexpected(error: Exception) -> str:
    """Say what happened and where; not the error's own words, which may hold secrets."""
    if os.environ.get("BRIDGE_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exception(error)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "bridge" in frame.filename
    ]
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return (
        f"unexpected {type(error).__name__}{place}; "
        "BRIDGE_LOG_LEVEL=debug shows the whole story"
    )
