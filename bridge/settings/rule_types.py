"""Types of a rule's settings: what nothing can fit is an error, with the nearest that could."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from bridge.core.rule import Limit, why_not_a_field, why_not_pressed

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _limit(value: object) -> Limit:
    if isinstance(value, Limit):
        return value
    text = value.strip() if isinstance(value, str) else ""
    found = re.fullmatch(r"(\d{1,6})\s*/\s*([smhd])", text)
    most = int(found[1]) if found else 0
    if not found or not most:
        msg = 'must be a number of presses per second, minute, hour or day, for example "100/h"'
        raise ValueError(msg)
    return Limit(most=most, seconds=_UNITS[found[2]])


def _written(limit: Limit) -> str:
    unit = next(name for name, seconds in _UNITS.items() if seconds == limit.seconds)
    return f"{limit.most}/{unit}"


def _field_name(text: str) -> str:
    if (wrong := why_not_a_field(text)) is not None:
        raise ValueError(wrong)
    return text


def _wanted(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    if not values or not all(isinstance(one, str | int | float) for one in values):
        msg = "must be a text, or a list of them"
        raise ValueError(msg)
    return tuple(
        str(one).lower() if isinstance(one, bool) else str(one) for one in values
    )


def _pressed(text: str) -> str:
    if (wrong := why_not_pressed(text)) is not None:
        raise ValueError(wrong)
    return text


PressLimit: TypeAlias = Annotated[
    Limit,
    PlainValidator(_limit),
    PlainSerializer(_written),
    WithJsonSchema({"enum": ["N/s", "N/m", "N/h", "N/d"]}),
]
Where: TypeAlias = dict[
    Annotated[str, AfterValidator(_field_name)],
    Annotated[
        tuple[str, ...], PlainValidator(_wanted), WithJsonSchema({"type": "string"})
    ],
]
ButtonName: TypeAlias = Annotated[str, AfterValidator(_pressed)]
