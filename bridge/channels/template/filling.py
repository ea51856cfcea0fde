"""
Filling: an endpoint's templates, and an event to fill them with.

What a template sees is the event as webhooks get it, and a few names that are there for
every event, so that a template need not tell a task's events from an operator's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.channels.message import message_of
from bridge.channels.template import language, writing
from bridge.channels.template.faults import TemplateFault
from bridge.channels.template.presets import JSON, preset_of
from bridge.channels.template.sandbox import Open
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event

#: Of an event about a task; where there is none, a template sees each as unset.
TASK_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(
        (
            *("id", "upstream", "sequence", "action", "status", "previousStatus"),
            *("progress", "prompt", "promptEn", "finalPrompt", "description"),
            *("failReason", "imageUrl", "imageExpiresAt"),
            *("submitTime", "startTime", "finishTime", "state"),
        )
    ),
    "videoUrls": [],
    "buttons": [],
    "metadata": {},
}

#: What a body can name.
VARIABLES = frozenset(
    {"id", "type", "timestamp", "data", "event", "task"}
    | {"reason", "subject", "title", "upstream", "values"}
)
#: What a header can name; a token in a body would be shown by previews and by receivers.
HEADER_VARIABLES = VARIABLES | {"token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """
    What an endpoint's settings say: how its requests are made, and what success is.

    Attributes:
        headers: Names in lower case.
    """

    method: str
    body: str
    content_type: str
    headers: Mapping[str, str] = field(repr=False)
    success: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A request's changing parts."""

    body: bytes
    headers: Mapping[str, str]


def recipe_of(endpoint: Endpoint) -> Recipe:
    """
    Read an endpoint's settings.

    Raises:
        Misconfigured: There is no preset of that name.
    """
    options = endpoint.options
    own = {name.lower(): value for name, value in endpoint.headers.items()}
    method = str(options.get("method") or "POST")
    content_type = str(options.get("content_type") or "")
    success = tuple(str(each) for each in _listed(options.get("success"))) or ("2??",)
    if name := options.get("preset"):
        preset = preset_of(str(name), endpoint.url)
        return Recipe(
            method=method,
            body=preset.body,
            content_type=content_type or preset.content_type,
            headers={**preset.headers, **own},
            success=(*success, *preset.success),
        )
    return Recipe(
        method=method,
        body=str(options.get("body") or ""),
        content_type=content_type or JSON,
        headers=own,
        success=success,
    )


def _listed(value: object) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else ()


def fill(recipe: Recipe, endpoint: Endpoint, event: Event) -> Filled:
    """
    Fill an endpoint's templates with an event.

    Raises:
        TemplateFault: One of them is wrong, or does not fit this event.
    """
    variables = variables_of(endpoint, event)
    template = language.compiled(recipe.body, VARIABLES)
    body = writing.body_of(language.pieces(template, variables), recipe.content_type)
    variables["token"] = endpoint.options.get("token")
    headers = {
        name: value
        for name, source in recipe.headers.items()
        if (value := _header(name, source, variables))
    }
    return Filled(body=body, headers=headers)


def _header(name: str, source: str, variables: Mapping[str, Any]) -> str:
    try:
        template = language.compiled(source, HEADER_VARIABLES)
        return writing.header_of(language.pieces(template, variables))
    except TemplateFault as fault:
        raise TemplateFault(
            fault.text, line=fault.line, setting=f"headers.{name}"
        ) from None


def variables_of(endpoint: Endpoint, event: Event) -> dict[str, Any]:
    """Say an event in the names that templates know."""
    told = json.loads(event.body)
    data = _open(told["data"])
    about = data["event"]["data"] if "event" in data else data
    task = {**TASK_FIELDS, **about} if "status" in about else dict(TASK_FIELDS)
    task["metadata"] = Open(task["metadata"])
    values = endpoint.options.get("values")
    plain = {"id": event.id, "type": told["type"], "timestamp": told["timestamp"]}
    return {
        **plain,
        "data": data,
        "event": {**plain, "data": data},
        "task": task,
        "reason": data.get("failReason") or data.get("reason"),
        "subject": data.get("id") or data.get("endpoint") or data.get("upstream"),
        "title": message_of(event).title,
        "upstream": event.upstream,
        "values": Open(values if isinstance(values, Mapping) else {}),
    }


def _open(data: dict[str, Any]) -> dict[str, Any]:
    """Let metadata be asked for whatever its keys might be: who tracks a task chooses them."""
    opened = dict(data)
    if isinstance(data.get("metadata"), dict):
        opened["metadata"] = Open(data["metadata"])
    if isinstance(data.get("event"), dict):
        inner = data["event"]
        opened["event"] = {**inner, "data": _open(inner["data"])}
    return opened


def unreadable(recipe: Recipe) -> Iterator[TemplateFault]:
    """List what is wrong with templates whatever they are filled with."""
    sources = {"body": (recipe.body, VARIABLES)} | {
        f"headers.{name}": (source, HEADER_VARIABLES)
        for name, source in recipe.headers.items()
    }
    for setting, (source, known) in sources.items():
        try:
            language.compiled(source, known)
        except TemplateFault as fault:
            yield TemplateFault(fault.text, line=fault.line, setting=setting)


def faults_with(
    recipe: Recipe, endpoint: Endpoint, event: Event
) -> Iterator[TemplateFault]:
    """List what is wrong with each template of an endpoint, given an event."""
    variables = variables_of(endpoint, event)
    try:
        template = language.compiled(recipe.body, VARIABLES)
        writing.body_of(language.pieces(template, variables), recipe.content_type)
    except TemplateFault as fault:
        yield fault
    variables["token"] = endpoint.options.get("token")
    for name, source in recipe.headers.items():
        try:
            _header(name, source, variables)
        except TemplateFault as fault:
            yield fault
