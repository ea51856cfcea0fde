"""
The tables of settings in docs/configuration.md, made from the settings' models.

``python -m tools.settings_reference`` writes them; a test fails where they are out of date.
The last column, what a setting is for, is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bridge.channels.endpoint_options import MAX_SECONDS
from bridge.settings import (
    CHAT_KINDS,
    KINDS,
    ActionSettings,
    ArchiveSettings,
    GatewaySettings,
    HookSettings,
    LinkSettings,
    RuleSettings,
    Settings,
    UpstreamSettings,
    WebSettings,
)
from bridge.settings.kinds import MODELS
from bridge.settings.tree import FILE_SUFFIX, SECTIONS, TABLES, files_of

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"
#: A table on the page, with its name.
_TABLE = re.compile(
    r"(?P<begin><!-- settings: (?P<name>.+?) -->\n\n)(?P<rows>.*?)(?=\n<!-- end -->)",
    re.DOTALL,
)
#: Kinds that some settings of endpoints have in common.
_SETS = {frozenset(KINDS): "all", CHAT_KINDS: "chats"}

#: A setting as it is shown: its name, what it accepts, and its default.
Row = tuple[str, ...]


def with_reference(page: str) -> str:
    """Return a page with its tables made anew; what is said of each setting stays."""
    return _TABLE.sub(_made_anew, page)


def _made_anew(table: re.Match[str]) -> str:
    notes: dict[Row, str] = {}
    for line in table["rows"].splitlines()[2:]:
        cells = [cell.strip("| ") for cell in re.split(r" \|(?= |$)", line)]
        setting, _, default, *kinds, note = cells[:-1]
        notes[setting, *kinds] = note
        # A kind that comes or goes changes the kinds of a row, and not what is said of it.
        notes.setdefault(("by default", setting, default), note)
    title, *more = table["name"].split(" of ")
    rows = list(_of_kinds(*more) if more else _rows(_MODELS[title], title))
    own_column = ["kinds"] if more == ["some kinds"] else []
    head = ["setting", "accepts", "default", *own_column]
    lines = [f"| {' | '.join(head)} | |", "|---" * (len(head) + 1) + "|"]
    for row in rows:
        same = notes.get(("by default", row[0], row[2]), "")
        note = notes.get((row[0], *row[3:]), same)
        lines.append(f"| {' | '.join((*row, note))} |")
    return table["begin"] + "".join(f"{line}\n" for line in lines)


_MODELS: Mapping[str, type[BaseModel]] = {
    "top": Settings,
    "web": WebSettings,
    "hooks": HookSettings,
    "links": LinkSettings,
    "gateway": GatewaySettings,
    "actions": ActionSettings,
    "archive": ArchiveSettings,
    "upstreams": UpstreamSettings,
    "rules": RuleSettings,
}


def _of_kinds(which: str) -> Iterator[Row]:
    """Return what endpoints of all kinds have, or all chats; or what some have, and which."""
    kinds: dict[Row, list[str]] = {}
    for kind, model in MODELS.items():
        for row in _rows(model, "endpoints"):
            kinds.setdefault(row, []).append(kind)
    for row, of in kinds.items():
        name = _SETS.get(frozenset(of), "some kinds")
        if name == which:
            yield (*row, ", ".join(of)) if name == "some kinds" else row


def _rows(model: type[BaseModel], table: str) -> Iterator[Row]:
    table = "" if table == "top" else table
    files = files_of(table)
    schema = model.model_json_schema()
    for name, shown in schema["properties"].items():
        if not table and name in {*TABLES, *SECTIONS}:
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
    most = None if most == MAX_SECONDS else most
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
        case "":
            msg = "an empty text is no default that can be shown: use None"
            raise ValueError(msg)
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
