"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeAlias

import typer

from bridge.core.event import EVENT_TYPES
from bridge.core.task import TaskStatus
from bridge.errors import Misconfigured

Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON object a line.")
]
Upstream: TypeAlias = Annotated[
    str | None,
    typer.Option("--upstream", "-u", help="The upstream; needed where there are two."),
]
EndpointOption: TypeAlias = Annotated[
    str | None, typer.Option("--endpoint", "-e", help="Only this endpoint's.")
]
Limit: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--limit",
        "-n",
        min=0,
        help="The newest so many; 0: all. By default 100 on a terminal, else all.",
        show_default=False,
    ),
]

#: Rows that a list has on a terminal, unless somebody asks for more.
SCREENFUL = 100

#: What a task's status can be to a person: the upstream's words, and one of ours.
STATUSES = (*(str(status) for status in TaskStatus), "LOST")


def one_of(
    what: str, known: tuple[str, ...], *, upper: bool = False
) -> Callable[[str | None], str | None]:
    """Make a callback that takes one of some words, in any case."""

    def check(value: str | None) -> str | None:
        if value is None:
            return None
        word = value.upper() if upper else value.lower()
        if word not in known:
            msg = f"there is no {what} {value!r}; there are {', '.join(known)}"
            raise Misconfigured(msg)
        return word

    return check


event_type = one_of("event type", EVENT_TYPES)
status = one_of("status", STATUSES, upper=True)
state = one_of("state", ("pending", "held", "delivered", "superseded", "dead"))
