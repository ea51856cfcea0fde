"""
The tree of settings, as seen by its names: what may stand where, and how it is written.

Derived from the models, so that a new setting is known everywhere at once.
"""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bridge.settings.models import EndpointSettings, Settings, UpstreamSettings

#: Where a setting stands: ``("endpoints", "me", "url")``.
Path = tuple[str, ...]

#: Tables of named tables, and what is in each of those.
TABLES: dict[str, type[BaseModel]] = {
    "upstreams": UpstreamSettings,
    "endpoints": EndpointSettings,
}

#: What every secret can be called instead, to be read from a file of its own.
FILE_SUFFIX = "_file"


def fields_at(path: Path) -> dict[str, FieldInfo] | None:
    """Return the settings of the table at *path*; ``None`` where any name goes."""
    if not path:
        return Settings.model_fields
    if len(path) == 2 and path[0] in TABLES:
        return TABLES[path[0]].model_fields
    return None


def field_at(path: Path) -> FieldInfo | None:
    """Return the setting at *path*, if it is a known one."""
    return (fields_at(path[:-1]) or {}).get(path[-1]) if path else None


def names_at(path: Path) -> tuple[str, ...]:
    """Name what can be set in the table at *path*, files of secrets included."""
    fields = fields_at(path) or {}
    files = (name + FILE_SUFFIX for name, field in fields.items() if is_secret(field))
    return (*fields, *files)


def is_table(path: Path) -> bool:
    """Whether a table stands at *path*: of upstreams, of one endpoint, of headers."""
    if len(path) <= 2 and path[0] in TABLES:
        return True
    field = field_at(path)
    return field is not None and _holds(field.annotation, dict)


def is_list(path: Path) -> bool:
    """Whether a list stands at *path*."""
    field = field_at(path)
    return field is not None and _holds(field.annotation, tuple)


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is a secret, or a list of them."""
    return not _holds(field.annotation, dict) and _mentions(field.annotation, SecretStr)


def _holds(annotation: Any, container: type) -> bool:
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType}:
        return any(_holds(option, container) for option in get_args(annotation))
    if hasattr(annotation, "__metadata__"):
        return _holds(get_args(annotation)[0], container)
    return origin is container


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(
        _mentions(part, wanted) for part in get_args(annotation)
    )
