"""What commands that run until they are stopped have in common."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import warnings
from contextlib import suppress
from typing import Annotated, TypeAlias

import typer

from bridge import logs
from bridge.core.address import is_host
from bridge.errors import BridgeError, reason

LOOPBACK = "127.0.0.1"

#: Connections that wait while nobody accepts them.
BACKLOG = 2048
#: Open files that no process of ours needs more of.
MAX_FILES = 65_536


def named_host(host: str | None) -> str | None:
    """Return what ``--host`` says, if it is one; a blank one would mean every address."""
    if host is not None and not is_host(host):
        what = "is no host" if host.strip() else "is blank"
        msg = f"it {what}; 127.0.0.1 is for this machine alone, 0.0.0.0 for all"
        raise typer.BadParameter(msg)
    return host


Host: TypeAlias = Annotated[
    str,
    typer.Option("--host", help="The address to listen at.", callback=named_host),
]
Port: TypeAlias = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="0: any free one.")
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", hidden=True)]


def raise_file_limit() -> None:
    """
    Allow this process, and those that it starts, as many open files as it may allow itself.

    A stream, a delivery and a look at an upstream each take a file, and many systems begin
    with a limit that is meant for programs of the seventies.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(OSError, ValueError):  # what the kernel does not give is done without
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def begin_process() -> None:
    """
    Read the settings, and wait for the store.

    Celery's configuration is a module that needs both: an error while it is imported would
    be shown as a traceback.

    Raises:
        Misconfigured: The settings are wrong.
    """
    from bridge.runtime.deployment import wait_for_store
    from bridge.runtime.discovery import endpoints_of
    from bridge.runtime.factories import channels_for
    from bridge.settings import load_settings

    raise_file_limit()
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    logs.only_json()
    channels_for(endpoints_of(settings))
    asyncio.run(wait_for_store(settings))
    warnings.filterwarnings("ignore", message=r"(?s).*superuser privileges")


def bind(host: str, port: int) -> socket.socket:
    """
    Return a socket that listens, to serve on.

    Only one that listens keeps others from its address: two may be bound to the same.

    Raises:
        BridgeError: The address cannot be used.
    """
    from bridge.sandbox import server

    try:
        bound = server.bind(host, port)
        bound.listen(BACKLOG)
    except OSError as error:
        mend = "; --port takes another one" if error.errno == errno.EADDRINUSE else ""
        msg = f"cannot listen at {host}:{port}: {reason(error)}{mend}"
        raise BridgeError(msg) from error
    return bound


def inherited(fd: int) -> socket.socket:
    """Return the socket that this process was started with, by its number."""
    # The protocol is named for asyncio's sake, as in `bridge.sandbox.server.bind`.
    return socket.socket(type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, fileno=fd)
