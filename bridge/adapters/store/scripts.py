"""The store's scripts, loaded once and called by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from bridge.adapters.store.connection import Client, Script, store_errors

Name = Literal[
    "answered",
    "bury",
    "claim_deliveries",
    "claim_tasks",
    "configure",
    "forget_endpoint",
    "note",
    "record",
    "redeliver",
    "remember",
    "return_tasks",
    "settle",
    "switch",
    "tidy",
    "track",
    "untrack",
]
NAMES: tuple[Name, ...] = get_args(Name)


@cache
def source(name: str) -> str:
    """
    Return a script's text, with what all scripts share in front of it.

    A ``#!lua`` line says which flags the script runs with and has to come first. One
    without flags makes the server refuse the whole script when memory is full, before
    its first write, where a script without that line would be cut off in the middle.
    """
    folder = files("bridge.adapters.store") / "lua"
    shared = (folder / "common.lua").read_text(encoding="utf-8")
    own = (folder / f"{name}.lua").read_text(encoding="utf-8")
    first, _, rest = own.partition("\n")
    if not first.startswith("#!"):
        first, rest = "#!lua", own
    return f"{first}\n{shared}\n{rest}"


class Scripts:
    """All scripts of one deployment's store."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.prefix = f"{{{namespace}}}:"
        self._scripts: dict[str, Script] = {
            name: client.register_script(source(name)) for name in NAMES
        }

    async def run(self, name: Name, args: Sequence[str | float]) -> Any:
        """
        Run a script; a server that has forgotten it is taught it again.

        Raises:
            StoreUnavailable: The store does not answer. It may have run the script.
        """
        with store_errors():
            return await self._scripts[name](keys=[self.prefix], args=list(args))
