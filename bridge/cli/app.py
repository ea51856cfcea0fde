"""
All commands in one place, and what becomes of their errors.

A command's module is imported when the command runs, and not before: importing them all
would take longer than most of them run.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from bridge.cli.output import OutputError, reason
from bridge.cli.streams import discard
from bridge.errors import BridgeError
from bridge.version import __version__

RUN, TASKS, DELIVERY, TRY = "Run", "Tasks", "Endpoints and deliveries", "Try and mend"


class Entry(NamedTuple):
    """
    A command in the list that ``--help`` shows.

    Attributes:
        module: The module of `bridge.cli` that holds it.

        panel: The part of the list in which it is; "" for a hidden command.

        summary: The first sentence of its own help.

        attribute: What it is called in its module, if not as the module: a function, or a
            `typer.Typer` for a command that has commands.
    """

    module: str
    panel: str
    summary: str
    attribute: str = ""


COMMANDS = {
    "up": Entry(
        "up", RUN, "Run everything: store, workers and beat. Ctrl-C ends it all."
    ),
    "worker": Entry(
        "processes", RUN, "Run a Celery worker: it polls and delivers.", "worker"
    ),
    "beat": Entry("processes", RUN, "Run Celery's beat: it gives the ticks.", "beat"),
    "track": Entry(
        "track", TASKS, "Follow tasks: every change is sent to your endpoints."
    ),
    "untrack": Entry(
        "untrack", TASKS, "Stop polling tasks; what is queued is still delivered."
    ),
    "tasks": Entry("tasks", TASKS, "List tasks, the newest first."),
    "show": Entry(
        "show", TASKS, "Show a task: its state, events, deliveries and attempts."
    ),
    "watch": Entry(
        "watch", TASKS, "Watch tasks change, until those given have ended, or Ctrl-C."
    ),
    "endpoints": Entry(
        "endpoints",
        DELIVERY,
        "List endpoints and how they are doing; test, pause and resume them.",
        "app",
    ),
    "deliveries": Entry(
        "deliveries",
        DELIVERY,
        "List deliveries, those of the newest event first; or give them up.",
        "app",
    ),
    "redeliver": Entry(
        "redeliver", DELIVERY, "Send an event again, or all since a time."
    ),
    "preview": Entry(
        "preview",
        DELIVERY,
        "Show the exact request for a sample event; nothing is sent.",
    ),
    "check": Entry(
        "check", TRY, "Check settings, store, workers, upstreams and endpoints."
    ),
    "sandbox": Entry("local", TRY, "Run the simulated gateway alone.", "sandbox"),
    "listen": Entry(
        "local",
        TRY,
        "Run a receiver: it verifies what arrives, and prints it.",
        "listen",
    ),
    "demo": Entry(
        "demo",
        "",
        "Submit a few tasks to the sandbox's gateway, and follow them.",
        "demo",
    ),
}


class LazyGroup(TyperGroup):
    """Knows its commands by their summaries, and imports the one that runs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is meant, and import it."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name, ctx) if name else found, rest


def load(name: str, ctx: typer.Context) -> Any:
    """Import a command."""
    entry = COMMANDS[name]
    found = getattr(
        import_module(f"bridge.cli.{entry.module}"), entry.attribute or entry.module
    )
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False)
        found.command(name)(function)
    command = typer.main.get_command(found)
    _show_flags_plainly(command, ctx)
    gc.freeze()
    gc.enable()
    return command


def _show_flags_plainly(command: Any, ctx: typer.Context) -> None:
    """Keep the help from calling every flag a <bool>."""
    for param in command.get_params(ctx):
        if getattr(param, "is_flag", False):
            param.metavar = ""
    for nested in getattr(command, "commands", {}).values():
        _show_flags_plainly(nested, ctx)


app = typer.Typer(
    name="mjbridge",
    cls=LazyGroup,
    help="Webhooks for Midjourney tasks: every change is sent to your endpoints.",
    epilog="Begin with: mjbridge up --sandbox",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback(invoke_without_command=True)
def begin(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Show the version.")
    ] = False,
) -> None:
    """Show the version, or the help if there is no command."""
    if version:
        typer.echo(f"mjbridge {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


for _name, _entry in COMMANDS.items():
    app.command(
        _name,
        help=_entry.summary,
        rich_help_panel=_entry.panel,
        hidden=not _entry.panel,
    )(lambda: None)


#: Commands whose stderr is a log, and so is the line that says why they end.
SERVICES = {"up", "worker", "beat", "sandbox", "listen", "demo"}


def run(argv: Sequence[str]) -> int:
    """Run a command; return the exit code."""
    code, complaint = _run(argv)
    if complaint and argv and argv[0] in SERVICES:
        from bridge.logs import complain

        complain(complaint)
    elif complaint:
        print(f"mjbridge: {complaint}", file=sys.stderr)  # noqa: T201 - this is the place
    return code


def _run(argv: Sequence[str]) -> tuple[int, str]:
    """Run a command; return the exit code, and what went wrong."""
    # Libraries' warnings are for workers, which configure logs of their own.
    logging.getLogger().setLevel(logging.ERROR)
    try:
        command = typer.main.get_command(app)
        _show_flags_plainly(command, typer.Context(command, **command.context_settings))
        code = command(args=list(argv), prog_name="mjbridge", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
        return 1, ""
    except OutputError as error:
        discard(sys.stdout)
        return error.exit_code, str(error)
    except BridgeError as error:
        return error.exit_code, str(error)
    except typer.TyperException as error:
        return error.exit_code, _usage(error)
    except (typer.Abort, KeyboardInterrupt):
        return 130, ""
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}:
            return 1, _unexpected(error)
        discard(sys.stdout)
        return 1, f"cannot write the output: {reason(error)}"
    except Exception as error:  # noqa: BLE001 - nobody above would make a sentence of it
        return 1, _unexpected(error)
    return (code, "") if isinstance(code, int) else (0, "")


def _usage(error: typer.TyperException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    text = text.replace("Input should be", "it should be")
    text = f"{text[:1].lower()}{text[1:]}"
    ctx = getattr(error, "ctx", None)
    return f"{text} ({ctx.command_path} --help)" if ctx is not None else text


def _unexpected(error: Exception) -> str:
    """Name the error and the place; its own text may hold secrets."""
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
        "BRIDGE_LOG_LEVEL=debug shows the traceback"
    )
