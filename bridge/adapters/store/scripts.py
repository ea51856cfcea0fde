"""The store's scripts: their names, and their texts with the shared parts that they need."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Script = Literal[
    "action",
    "answered",
    "begin_action",
    "cancel_action",
    "claim_deliveries",
    "claim_request",
    "claim_tasks",
    "configure",
    "create_action",
    "end_request",
    "counters",
    "endpoints",
    "events",
    "follow_clock",
    "forget_endpoint",
    "forget_pictures",
    "give_up",
    "hold_picture",
    "learn",
    "mark",
    "migrate",
    "news",
    "note_modal",
    "page",
    "read_due",
    "record",
    "record_pressing",
    "redeliver",
    "release_pictures",
    "release_text",
    "restore_deliveries",
    "restore_tasks",
    "return_tasks",
    "round_of",
    "save_state",
    "settle",
    "settle_claim",
    "settle_effects",
    "sign_on",
    "switch",
    "tasks",
    "tidy",
    "track",
    "untrack",
    "untracked",
    "upstreams",
    "waits",
]
SCRIPTS: tuple[Script, ...] = get_args(Script)
_FOLDER = files("bridge.adapters.store") / "lua"
_COMMANDS = re.compile(r"\bcall(?:_with)?\('([A-Z]+(?:', '[A-Z]+)?)'")
_NEEDS = re.compile(r"^-- Needs (.+)$", re.MULTILINE)


@cache
def source(name: str) -> str:
    """
    Return a script's text, with the shared parts that it names in front of it.

    A ``#!lua`` line says which flags the script runs with and has to come first. One
    without flags makes the server refuse the whole script when memory is full, before
    its first write, where a script without that line would be cut off in the middle.
    """
    own = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    first, _, rest = own.partition("\n")
    if not first.startswith("#!"):
        first, rest = "#!lua", own
    parts = ["common", *_needed(own)]
    return "\n".join([first, *map(_part, dict.fromkeys(parts)), rest])


@cache
def commands() -> tuple[str, ...]:
    """Name the store's commands that scripts run."""
    texts = [source(name) for name in SCRIPTS]
    found = {each for text in texts for each in _COMMANDS.findall(text)}
    return tuple(sorted(each.replace("', '", " ") for each in found))


@cache
def _part(name: str) -> str:
    return (_FOLDER / "shared" / f"{name}.lua").read_text(encoding="utf-8")


def _needed(text: str) -> list[str]:
    """Name the parts that a text needs, each after those that it needs itself."""
    names = [name for line in _NEEDS.findall(text) for name in line.split(", ")]
    return [part for name in names for part in (*_needed(_part(name)), name)]
