"""What requests to the API may say: parameters, bodies, and the services behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from bridge.errors import Misconfigured, NotFound
from bridge.web.context import WebContext

#: Most ids that one request tracks.
MAX_IDS = 10_000
#: The longest text that a parameter takes, in characters.
MAX_TEXT = 512
#: The longest cursor: it may hold a task's id, written as text that a URL can hold.
MAX_CURSOR = 1024


class InvalidRequest(Exception):  # noqa: N818 - as the errors of the bridge, which say the trouble
    """A field of a request that was understood is wrong."""

    def __init__(self, *, pointer: str, detail: str) -> None:
        """
        Make the error of one field.

        Args:
            pointer: The field in the body, by RFC 6901, or ``/name`` of a parameter.

            detail: A sentence that helps; it repeats nothing of what was sent.
        """
        super().__init__(detail)
        self.pointer = pointer
        self.detail = detail


@contextmanager
def about(pointer: str, detail: str | None = None) -> Iterator[None]:
    """
    Answer what a service finds wrong as an error of one field.

    Args:
        pointer: The field, see `InvalidRequest`.

        detail: What to say of it, if the service's own words repeat what was sent.
    """
    try:
        yield
    except Misconfigured as error:
        raise InvalidRequest(pointer=pointer, detail=detail or str(error)) from error


@contextmanager
def of_path() -> Iterator[None]:
    """Answer that what an address names is not there, also if it cannot be."""
    try:
        yield
    except Misconfigured as error:
        raise NotFound from error


def _services(request: Request) -> WebContext:
    context: WebContext = request.state.context
    return context


#: The deployment's services, for a route.
Services: TypeAlias = Annotated[WebContext, Depends(_services)]


def chosen_upstream(services: WebContext, named: str | None) -> str:
    """Return the upstream that a body means; what is wrong with it is an error of that field."""
    unknown = None if named is None else "There is no upstream of this name."
    with about("/upstream", unknown):
        return services.tracking.choose_upstream(named)


_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _read_time(value: Any) -> float:
    if isinstance(value, str):
        # In a query, a plus that nobody escaped arrives as a space.
        value = re.sub(r" (?=\d\d:\d\d\Z)", "+", value)
    if isinstance(value, str) and _TIME.fullmatch(value):
        # Python knows no leap seconds, and no second that is one belongs to an event.
        value = re.sub(r"(:\d\d):60", r"\1:59", value.upper(), count=1)
        with suppress(ValueError):  # it is as long as a time, and its digits are none
            # What is shown of a time is rounded to the millisecond, up as often as down.
            return datetime.fromisoformat(value).timestamp() - 0.0005
    msg = "must be a time as RFC 3339 writes it, for example 2024-11-03T08:17:06Z"
    raise ValueError(msg)


#: A time in a request, in seconds since the epoch.
Time: TypeAlias = Annotated[
    float,
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


_CURSOR: Any = Field(
    default=None,
    max_length=MAX_CURSOR,
    description="Where to go on: the `next` of the page before.",
)


class Parameters(BaseModel):
    """The parameters of a route; any other is an error, for it is a typing mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PageParameters(Parameters):
    """The parameters of every list that grows."""

    limit: Annotated[int, Field(ge=1, le=500)] = Field(
        default=50, description="Items on a page."
    )
    cursor: str | None = _CURSOR


class UpstreamParameters(Parameters):
    """Which of the tasks that share an id is meant."""

    upstream: str | None = Field(default=None, max_length=MAX_TEXT)


class ShortListParameters(Parameters):
    """The parameters of a list that is on one page unless it is asked for in several."""

    limit: Annotated[int, Field(ge=1, le=500)] | None = Field(
        default=None, description="Items on a page; by default all."
    )
    cursor: str | None = _CURSOR


class Body(BaseModel):
    """The body of a request; its fields are camelCase, and there are no others."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
    )


def _no_parameters(_none: Annotated[Parameters, Query()]) -> None:
    """Take no parameters."""


#: For routes that take no parameters in the query.
NO_PARAMETERS = Depends(_no_parameters)


def with_example(**fields: Any) -> ConfigDict:
    """Return what gives a body an example in the documentation."""
    return ConfigDict(json_schema_extra={"examples": [fields]})
