"""Arguments and options that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from bridge.core.event import EVENT_TYPES
from bridge.errors import Misconfigured, reason

JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON object a line.")
]
UpstreamOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--upstream", "-u", help="Which upstream; needed if several know the id."
    ),
]
EndpointOption: TypeAlias = Annotated[
    str | None, typer.Option("--endpoint", "-e", help="Only this endpoint's.")
]
LimitOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--limit",
        "-n",
        min=0,
        help="The newest so many; 0: all. By default 100 on a terminal, else all.",
        show_default=False,
    ),
]


def one_of(
    what: str, known: tuple[str, ...], *, upper: bool = False
) -> Callable[[str | None], str | None]:
    """Make a callback that accepts one of some words, in any case."""

    def check(value: str | None) -> str | None:
        if value is None:
            return None
        word = value.upper() if upper else value.lower()
        if word not in known:
            msg = f"there is no {what} {value!r}; there are {', '.join(known)}"
            raise Misconfigured(msg)
        return word

    return check


def read_given(file: Path | None, most: int) -> bytes:
    """
    Return what a command is given to read, which may come through a pipe.

    Args:
        file: Where from; ``None`` for standard input.

        most: The bytes that it may have; a device may have no end.

    Raises:
        Misconfigured: It cannot be read, or is larger.
    """
    name = "stdin" if file is None else str(file)
    try:
        opened = nullcontext(sys.stdin.buffer) if file is None else file.open("rb")
        with opened as stream:
            content = stream.read(most + 1)
    except OSError as error:
        msg = f"cannot read {name}: {reason(error)}"
        raise Misconfigured(msg) from error
    if len(content) > most:
        msg = f"{name} has more than the {most:,} bytes that are read"
        raise Misconfigured(msg)
    return content


event_type = one_of("event type", EVENT_TYPES)


def pairs(given: Sequence[str] | None) -> Mapping[str, str] | None:
    """
    Read metadata as it is typed, ``K=V``; ``None`` if there is none.

    Raises:
        Misconfigured: One is not.
    """
    found: dict[str, str] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            msg = f"not a K=V: {one!r}; write --meta order=77"
            raise Misconfigured(msg)
        found[name.strip()] = value
    return found or None
