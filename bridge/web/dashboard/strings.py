"""The dashboard's strings, in each language. The browser reads the same catalogs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

#: The first is taken where a visitor wants none of them.
LANGUAGES = ("en", "zh")


@cache
def catalog(language: str) -> Mapping[str, str]:
    """Return the strings of one of `LANGUAGES` by their keys."""
    place = files("bridge.web.dashboard") / "static" / f"{language}.json"
    strings: Mapping[str, str] = json.loads(place.read_text(encoding="utf-8"))
    return strings


def language_of(chosen: str | None, accepted: str) -> str:
    """
    Return the language to speak with a visitor. Never raises.

    Args:
        chosen: By the visitor, on an earlier page.

        accepted: The browser's ``Accept-Language``.
    """
    if chosen in LANGUAGES:
        return chosen
    wanted = sorted(map(_weighted, accepted.split(",")), key=lambda one: -one[1])
    return next(
        (tag for tag, weight in wanted if tag in LANGUAGES and weight > 0), LANGUAGES[0]
    )


def _weighted(item: str) -> tuple[str, float]:
    """Read ``zh-CN;q=0.8`` as the main language and its weight; 0 for what is not that."""
    tag, _, parameter = item.partition(";")
    try:
        weight = float(parameter.partition("=")[2]) if parameter else 1.0
    except ValueError:
        weight = 0.0
    return tag.strip().partition("-")[0].lower(), weight
