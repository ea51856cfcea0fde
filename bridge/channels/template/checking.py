"""Checking: an endpoint's templates, tried with every kind of event it will be told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from bridge.channels.sample import sample_event
from bridge.channels.template.faults import TemplateFault
from bridge.core.endpoint import Endpoint
from bridge.core.event import EVENT_TYPES, Event
from bridge.errors import Misconfigured

#: When the samples happened; any time does.
_AT = 1730621856.0
#: Fields of a task that are never unset.
_ALWAYS = frozenset({"id", "upstream", "sequence", "status"})
#: As strangers write: quotes, tags, line feeds, no ASCII, much of it.
_STRANGE = "“\"'\\ {{ 7*7 }} </a>]]>&amp;\r\nX-Evil: 1\r\n\x00\u202e灯塔🏳️‍🌈 " * 100
_FREE_TEXTS = ("prompt", "promptEn", "finalPrompt", "description", "failReason")


def problems(endpoint: Endpoint) -> list[str]:
    """
    Say what is wrong with an endpoint's templates, one line each; total.

    Each begins with the setting: ``body, line 3: there is no field 'promt' here; …``.
    """
    return [
        ", ".join(part for part in (fault.setting, str(fault)) if part)
        if fault.line
        else f"{fault.setting}: {fault}"
        for fault in faults(endpoint)
    ]


def faults(endpoint: Endpoint) -> list[TemplateFault]:
    """List what is wrong with an endpoint's templates; one fault for each place."""
    # Jinja2 takes longer to import than all the rest of a short command: only those who
    # have templates wait for it.
    from bridge.channels.template.filling import (  # noqa: PLC0415
        faults_with,
        recipe_of,
        unreadable,
    )

    try:
        recipe = recipe_of(endpoint)
    except Misconfigured as error:
        return [TemplateFault(str(error), setting="preset")]
    if wrong := list(unreadable(recipe)):
        return wrong
    found: dict[tuple[str, int | None, str], TemplateFault] = {}
    if charset := _other_charset(recipe.content_type):
        fault = TemplateFault(
            f"bodies are UTF-8, not {charset}", setting="content_type"
        )
        found[fault.setting, None, ""] = fault
    for event in samples(endpoint):
        for fault in faults_with(recipe, endpoint, event):
            key = (fault.setting, fault.line, "" if fault.line else fault.text)
            # The same mistake fails with every event; the first one says enough.
            found.setdefault(
                key,
                TemplateFault(
                    f"{fault.text} ({event.type})",
                    line=fault.line,
                    setting=fault.setting,
                ),
            )
    return list(found.values())


def _other_charset(content_type: str) -> str | None:
    found = re.search(r"charset=\"?([\w.:-]+)", content_type, re.IGNORECASE)
    return found[1] if found and found[1].lower() not in {"utf-8", "utf8"} else None


def samples(endpoint: Endpoint) -> Iterator[Event]:
    """Make events of every type that an endpoint is told: plain, sparse and strange ones."""
    for kind in EVENT_TYPES:
        if not any(fnmatchcase(kind, glob) for glob in endpoint.events):
            continue
        event = sample_event(kind, _AT)
        yield event
        told = json.loads(event.body)
        if kind.startswith("task."):
            yield _with(event, told, _sparse(told["data"]))
            yield _with(event, told, _strange(told["data"]))
        elif "event" not in told["data"]:
            yield _with(event, told, {**told["data"], "reason": _STRANGE})


def _with(event: Event, told: dict[str, Any], data: dict[str, Any]) -> Event:
    return replace(event, body=json.dumps({**told, "data": data}))


def _sparse(data: dict[str, Any]) -> dict[str, Any]:
    """Leave unset what gateways leave unset, one or the other."""
    return {
        name: value if name in _ALWAYS else _emptied(value)
        for name, value in data.items()
    }


def _emptied(value: Any) -> Any:
    return type(value)() if isinstance(value, list | dict) else None


def _strange(data: dict[str, Any]) -> dict[str, Any]:
    return {
        **data,
        **dict.fromkeys(_FREE_TEXTS, _STRANGE),
        "imageUrl": "https://cdn.example/a.png?" + "x" * 3000,
        "videoUrls": ["https://cdn.example/0.mp4"] * 4,
        "metadata": {'"key"\r\n': _STRANGE},
    }
