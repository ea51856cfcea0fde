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
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bridge.cli.output import OutputError
from bridge.cli.streams import discard
from bridge.errors import BridgeError, reason
from bridge.version import __version__

#: The commands, in the parts of the list that ``--help`` shows, each with the first sentence
#: of its own help. What is under "" is not listed. Each has a module of its name, in which it
#: is a function of its name, or `app` where it has commands of its own.
COMMANDS: Mapping[str, Mapping[str, str]] = {
    "Run": {
        "up": "Run everything: store, workers, beat and web. Ctrl-C ends it all.",
        "worker": "Run a Celery worker: it polls and delivers.",
        "beat": "Run Celery's beat: it gives the ticks.",
        "web": "Serve the HTTP API, the dashboard, metrics and health.",
    },
    "Tasks": {
        "track": "Follow tasks: every change is sent to your endpoints.",
        "untrack": "Stop polling tasks; what is queued is still delivered.",
        "tasks": "List tasks, the newest first.",
        "show": "Show a task: its state, events, deliveries and attempts.",
        "watch": "Watch tasks change, until those given have ended, or Ctrl-C.",
    },
    "Actions": {
        "imagine": "Submit a prompt, and follow the task that comes of it.",
        "press": "Press a button of a task: U1, V2, upsample:1, a customId.",
        "actions": "List presses and submissions, the newest first.",
        "rules": "List rules, and whether they are at work; test, pause and resume them.",
    },
    "Endpoints and deliveries": {
        "endpoints": "List endpoints and how they are doing; test, pause and resume them.",
        "deliveries": "List deliveries, those of the newest event first; or give them up.",
        "redeliver": "Send an event again, or all since a time.",
        "preview": "Show the exact request for a sample event; nothing is sent.",
    },
    "Try and mend": {
        "check": "Check settings, store, workers, upstreams and endpoints.",
        "setup": "Set up buttons in Slack, Discord or Telegram, and try one.",
        "sandbox": "Run the simulated gateway alone.",
        "listen": "Run a receiver: it verifies what arrives, and prints it.",
    },
    "": {"demo": "Submit a few tasks to the sandbox's gateway, and follow them."},
}


class LazyGroup(TyperGroup):
    """Knows its commands by their summaries, and imports the one that runs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is meant, and import it."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name, ctx) if name else found, rest


def load(name: str, ctx: typer.Context) -> Any:
    """Import a command."""
    module = import_module(f"bridge.cli.{name}")
    found = getattr(module, "app", None)
    if found is None:
        found = typer.Typer(add_completion=False)
        found.command(name)(getattr(module, name))
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


for _panel, _commands in COMMANDS.items():
    for _name, _summary in _commands.items():
        app.command(_name, help=_summary, rich_help_panel=_panel, hidden=not _panel)(
            lambda: None
        )


#: Commands whose stderr is a log, and so is the line that says why they end.
SERVICES = {"up", "worker", "beat", "web", "sandbox", "listen", "demo"}


def run(argv: Sequence[str]) -> int:
    """Run a command; return the exit code."""
    code, problem = _run(argv)
    if problem and argv and argv[0] in SERVICES:
        from bridge.logs import complain

        complain(problem)
    elif problem:
        print(f"mjbridge: {problem}", file=sys.stderr)  # noqa: T201 - this is the place
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
