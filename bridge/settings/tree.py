"""The tree of settings, by its names: which tables there are, and what each can hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bridge.settings.kinds import MODELS
from bridge.settings.models import (
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

#: The tables that hold settings, and what each can hold.
SECTIONS: Mapping[str, Mapping[str, FieldInfo]] = {
    "web": WebSettings.model_fields,
    "hooks": HookSettings.model_fields,
    "links": LinkSettings.model_fields,
    "actions": ActionSettings.model_fields,
    "gateway": GatewaySettings.model_fields,
    "archive": ArchiveSettings.model_fields,
}

#: The tables of named tables, and what each of those can hold.
TABLES: Mapping[str, Mapping[str, FieldInfo]] = {
    "upstreams": UpstreamSettings.model_fields,
    "endpoints": {
        name: field
        for model in MODELS.values()
        for name, field in model.model_fields.items()
    },
    "rules": RuleSettings.model_fields,
}

#: What every secret can be called instead, to be read from a file of its own.
FILE_SUFFIX = "_file"


def fields_of(table: str = "") -> Mapping[str, FieldInfo]:
    """Return the settings of a table, of an upstream, of an endpoint, or of the top level."""
    return {**TABLES, **SECTIONS}[table] if table else Settings.model_fields


@cache
def files_of(table: str = "") -> Mapping[str, str]:
    """Return the settings that name a file of a secret, each with the secret's name."""
    return {
        name + FILE_SUFFIX: name
        for name, field in fields_of(table).items()
        if _mentions(field.annotation, SecretStr) and not is_table(field)
    }


def is_table(field: FieldInfo) -> bool:
    """Whether a setting is a table."""
    annotation = field.annotation
    section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return section or _mentions(annotation, dict)


def is_list(field: FieldInfo) -> bool:
    """Whether a setting is a list."""
    return _mentions(field.annotation, tuple) and not is_table(field)


def _mentions(annotation: Any, wanted: type) -> bool:
    return wanted in {annotation, get_origin(annotation)} or any(
        _mentions(part, wanted) for part in get_args(annotation)
    )
