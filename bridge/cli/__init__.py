"""
The command line. `main` is the console command `mjbridge`.

Rule 1: results go to stdout, everything else to stderr.
Rule 2: whatever goes wrong is one clear line and an exit code: 1 not done, 2 wrong usage
or configuration. Never a traceback.
Rule 3: one module a command, named after it; commands parse and print, and what they do is
in `bridge.app`.
`app` imports a command's module when it runs, and no other.
"""

from __future__ import annotations

import gc
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    from bridge.cli.streams import prepare

    prepare()
    # Imports make objects that stay. Looking for garbage among them takes a seventh of the
    # time that a command takes to start; `bridge.cli.commands.load` turns the collector on.
    gc.disable()
    from bridge.cli.commands import run

    sys.exit(run(sys.argv[1:]))
