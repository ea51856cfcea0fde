"""
Rendering: an endpoint's templates, filled with an event.

What a template sees is the event as webhooks get it, and a few names that are there for
every event, so that a template need not distinguish a task's events from an operator's.

`faults` renders an endpoint's templates before anything has happened, with events that say
much, next to nothing, and what anyone might write, so that a misspelt field is found when
the bridge starts and not by the first failed task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from bridge.channels.sample import sample_event
from bridge.channels.template import escaping, language
from bridge.channels.template.language import TemplateFault
from bridge.channels.template.options import TemplateOptions
from bridge.channels.template.presets import Preset, preset_of
from bridge.channels.wording import message_of
from bridge.core.endpoint import Endpoint
from bridge.core.event import EVENT_TYPES, Event
from bridge.errors import Misconfigured

#: Of an event about a task; where there is none, a template sees each as unset.
TASK_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(
        (
            *("id", "upstream", "sequence", "action", "status", "previousStatus"),
            *("progress", "prompt", "promptEn", "finalPrompt", "description"),
            *("failReason", "imageUrl", "imageExpiresAt"),
            *("submitTime", "startTime", "finishTime", "state"),
            *("parentId", "rootId", "actionId", "by", "archived"),
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


class Nullable(dict[str, Any]):
    """A table with keys of somebody's choice: what it does not hold is null."""

    def __missing__(self, key: str) -> None:
        """Return null."""


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


def recipe_of(endpoint: Endpoint) -> Recipe:
    """
    Read an endpoint's settings.

    Raises:
        Misconfigured: There is no preset of that name.
    """
    options = TemplateOptions.of(endpoint)
    own = Preset(body=options.body or "")
    preset = preset_of(options.preset, endpoint.url) if options.preset else own
    return Recipe(
        method=options.method,
        body=preset.body,
        content_type=options.content_type or preset.content_type,
        headers={
            **preset.headers,
            **{name.lower(): value for name, value in endpoint.headers.items()},
        },
        success=(
            *options.success,
            *preset.success,
        ),
    )


def render(
    recipe: Recipe, endpoint: Endpoint, event: Event
) -> tuple[bytes, dict[str, str]]:
    """
    Fill an endpoint's templates with an event.

    Returns:
        A body, and headers with names in lower case.

    Raises:
        TemplateFault: One of them is wrong, or does not fit this event.
    """
    variables = variables_of(endpoint, event)
    body = _body(recipe, variables)
    headers = {name: _header(recipe, name, variables) for name in recipe.headers}
    return body, {name: value for name, value in headers.items() if value}


def _body(recipe: Recipe, variables: Mapping[str, Any]) -> bytes:
    template = language.compiled(recipe.body, VARIABLES)
    pieces = language.pieces(template, variables)
    return escaping.body_of(pieces, recipe.content_type)


def _header(recipe: Recipe, name: str, variables: Mapping[str, Any]) -> str:
    try:
        template = language.compiled(recipe.headers[name], HEADER_VARIABLES)
        return escaping.header_of(language.pieces(template, variables))
    except TemplateFault as fault:
        setting = f"headers.{name}"
        raise fault.of(setting) from None


def variables_of(endpoint: Endpoint, event: Event) -> dict[str, Any]:
    """Return an event, and the endpoint's own values, by the names that templates know."""
    message = json.loads(event.body)
    data = _nullable(message["data"])
    about = data["event"]["data"] if "event" in data else data
    task = {**TASK_FIELDS, **about} if "status" in about else dict(TASK_FIELDS)
    task["metadata"] = Nullable(task["metadata"])
    options = TemplateOptions.of(endpoint)
    named = {"id": event.id, "type": event.type, "timestamp": message["timestamp"]}
    return {
        **named,
        "data": data,
        "event": {**named, "data": data},
        "task": task,
        "reason": data.get("failReason") or data.get("reason"),
        "subject": next(
            data[name]
            for name in ("id", "endpoint", "upstream", "archive", "rule")
            if data.get(name)
        ),
        "title": message_of(event).title,
        "upstream": event.upstream,
        "values": Nullable(options.values),
        "token": options.token,
    }


def _nullable(data: dict[str, Any]) -> dict[str, Any]:
    """Let metadata be asked for any key: the caller that tracks a task chooses them."""
    opened = dict(data)
    if isinstance(data.get("metadata"), dict):
        opened["metadata"] = Nullable(data["metadata"])
    if isinstance(data.get("event"), dict):
        inner = data["event"]
        opened["event"] = {**inner, "data": _nullable(inner["data"])}
    return opened


# --- before anything has happened -----------------------------------------------------

#: When the samples happened; any time does.
_AT = 1730621856.0
#: Fields of a task that are never unset.
_ALWAYS = frozenset({"id", "upstream", "sequence", "status"})
#: As anyone might write: quotes, tags, line feeds, characters beyond ASCII, much of it.
_STRANGE = "“\"'\\ {{ 7*7 }} </a>]]>&amp;\r\nX-Evil: 1\r\n\x00\u202e灯塔🏳️‍🌈 " * 100
_FREE_TEXTS = ("prompt", "promptEn", "finalPrompt", "description", "failReason")


def faults(endpoint: Endpoint) -> list[TemplateFault]:
    """Return what is wrong with an endpoint's templates: the first fault of each."""
    try:
        recipe = recipe_of(endpoint)
    except Misconfigured as error:
        return [TemplateFault(str(error), setting="preset")]
    found: dict[str, TemplateFault] = {}
    if charset := _other_charset(recipe.content_type):
        fault = TemplateFault("bodies are UTF-8, not " + charset)
        found["content_type"] = fault.of("content_type")
    sources = {"body": (recipe.body, VARIABLES)} | {
        f"headers.{name}": (source, HEADER_VARIABLES)
        for name, source in recipe.headers.items()
    }
    for setting, (source, known) in sources.items():
        try:
            language.compiled(source, known)
        except TemplateFault as fault:
            found[setting] = fault.of(setting)
    for event in _samples(endpoint):
        variables = variables_of(endpoint, event)
        # Most mistakes fail with every event; the first one says enough.
        for setting in sources.keys() - found.keys():
            try:
                _part(recipe, setting, variables)
            except TemplateFault as fault:
                found[setting] = fault.of(setting, f" ({event.type})")
    return [
        found[setting] for setting in ("content_type", *sources) if setting in found
    ]


def _part(recipe: Recipe, setting: str, variables: Mapping[str, Any]) -> bytes | str:
    if setting == "body":
        return _body(recipe, variables)
    return _header(recipe, setting.removeprefix("headers."), variables)


def _other_charset(content_type: str) -> str | None:
    found = re.search(r"charset=\"?([\w.:-]+)", content_type, re.IGNORECASE)
    return found[1] if found and found[1].lower() not in {"utf-8", "utf8"} else None


def _samples(endpoint: Endpoint) -> Iterator[Event]:
    """Make events of every type that an endpoint gets: plain, sparse and strange ones."""
    for event_type in EVENT_TYPES:
        if not any(fnmatchcase(event_type, glob) for glob in endpoint.events):
            continue
        event = sample_event(event_type, _AT)
        yield event
        message = json.loads(event.body)
        data = message["data"]
        variants: list[dict[str, Any]] = []
        if event_type.startswith("task."):
            variants = [_sparse(data), _strange(data)]
        elif "event" not in data:
            variants = [{**data, "reason": _STRANGE}]
        for variant in variants:
            yield replace(event, body=json.dumps({**message, "data": variant}))


def _sparse(data: dict[str, Any]) -> dict[str, Any]:
    """Leave unset what one gateway or another leaves unset."""
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
