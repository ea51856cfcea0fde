"""
The reference of all settings in docs/configuration.md, made from the settings' models.

``python -m tools.settings_reference`` writes it; a test fails where it is out of date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bridge.channels.endpoint_options import LONGEST
from bridge.settings import CHAT_KINDS, KINDS, Settings, UpstreamSettings
from bridge.settings.kinds import MODELS
from bridge.settings.models import FILE_SUFFIX, files_of

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"
BEGIN = (
    "<!-- Made by `python -m tools.settings_reference` from the settings' models. -->\n"
)
END = "<!-- The reference ends here. -->\n"

_SETS = {frozenset(KINDS): "all", CHAT_KINDS: "all chats"}

#: A setting as it is shown: its name, what it accepts, and its default.
Row = tuple[str, str, str]


def with_reference(page: str) -> str:
    """Return a page with its reference made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{reference()}{END}{after}"


def reference() -> str:
    """Return the reference: a table of each level's settings."""
    kinds: dict[Row, list[str]] = {}
    for kind, model in MODELS.items():
        for row in _rows(model, "endpoints"):
            kinds.setdefault(row, []).append(kind)
    endpoints = [
        (*row, _SETS.get(frozenset(of), ", ".join(of))) for row, of in kinds.items()
    ]
    return "\n".join(
        [
            *_table("Top level", _rows(Settings, "")),
            *_table("`[upstreams.<name>]`", _rows(UpstreamSettings, "upstreams")),
            *_table("`[endpoints.<name>]`", endpoints, "kinds"),
        ]
    )


def _table(title: str, rows: Iterator[Row] | list[Any], *more: str) -> Iterator[str]:
    head = ["setting", "accepts", "default", *more]
    yield from (f"**{title}**", "")
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


def _rows(model: type[BaseModel], table: str) -> Iterator[Row]:
    files = files_of(table)
    schema = model.model_json_schema()
    for name, shown in schema["properties"].items():
        if name in {"upstreams", "endpoints"} and not table:
            continue
        names = f"`{name}`"
        if name + FILE_SUFFIX in files:
            names += f" or `{name}{FILE_SUFFIX}`"
        if name == "kind":
            yield names, ", ".join(f"`{kind}`" for kind in KINDS), "by the URL"
        else:
            required = name in schema.get("required", ())
            yield names, _accepts(shown), "required" if required else _default(shown)


def _accepts(schema: Mapping[str, Any]) -> str:
    """Describe what a JSON schema allows. Every setting that is a fraction is in seconds."""
    if "anyOf" in schema:
        options = [one for one in schema["anyOf"] if one.get("type") != "null"]
        return (
            _accepts(options[0])
            if len(options) == 1
            else "text, number, `true`, `false`"
        )
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"list{_bounds(schema, 'Items')}: {_accepts(schema['items'])}"
        case "object":
            return f"table: {_accepts(schema['additionalProperties'])}"
        case "integer":
            return f"whole number{_bounds(schema)}"
        case "number":
            return f"seconds{_bounds(schema)}"
        case "boolean":
            return "`true`, `false`"
        case "string" if schema.get("format") in {"password", "path"}:
            return "secret" if schema["format"] == "password" else "path"
        case "string":
            return f"text{_bounds(schema, 'Length')}"
    return "`N/s`, `N/m`"  # a rate: what it says is no JSON number


def _bounds(schema: Mapping[str, Any], what: str = "imum") -> str:
    least = schema.get(f"min{what}", schema.get("ge"))
    most = schema.get(f"max{what}", schema.get("le"))
    most = None if most == LONGEST else most
    unit = {"Items": " entries", "Length": " characters"}.get(what, "")
    if "gt" in schema:
        bounds = f"more than {schema['gt']:g}{f', up to {most:,}' if most else ''}"
    elif most is not None:
        bounds = f"{'up' if least is None else f'{least:,}'} to {most:,}{unit}"
    elif least is not None:
        bounds = f"at least {least:,}" if what == "imum" else "not empty"
    else:
        return ""
    return f", {bounds}"


def _default(schema: Mapping[str, Any]) -> str:
    match schema.get("default"):
        case None:
            return ""
        case str() as text:
            return f"`{text}`"
        case {"per_second": rate}:
            return f"`{rate:g}/s`"
        case [*entries] if entries and all(isinstance(one, float) for one in entries):
            return f"`{json.dumps([round(one) for one in entries])}`"
        case float() as number:
            return f"`{number:g}`" if number < 1e6 else f"`{number:.0f}`"
        case other:
            return f"`{json.dumps(other)}`"


if __name__ == "__main__":
    PAGE.write_text(with_reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
