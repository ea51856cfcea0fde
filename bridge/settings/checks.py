"""
Checks of what holds between settings, made on the plain tables beside their types.

So they find their mistakes together with those that types find, and a configuration is
mended once instead of line after line. Each check is a generator of problems; it steps
over what is not even a table, as its type complains about that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.channels import template
from bridge.settings.kinds import KINDS, MODELS, info_of, kind_of, kinds_with
from bridge.settings.models import Settings
from bridge.settings.problems import Problem, unknown, unknown_name
from bridge.settings.tree import SECTIONS, TABLES, fields_of, files_of

Table = Mapping[str, Any]


def between_settings(values: Table, *, need_keys: bool) -> Iterator[Problem]:
    """Check everything; *need_keys* is off where nobody's gateway is going to be polled."""
    if need_keys:
        yield from _upstreams(values)
    yield from _endpoints(values)


def _tables(values: Table, kind: str) -> dict[str, Table]:
    named = values.get(kind)
    if not isinstance(named, dict):
        return {}
    return {name: table for name, table in named.items() if isinstance(table, dict)}


# --- names ----------------------------------------------------------------------------


def unknown_setting(path: tuple[str | int, ...], values: Table) -> str:
    """Describe a setting that does not exist where it stands."""
    *above, key = map(str, path)
    if not above:
        top = _names()
        return _one_underscore(key) or unknown(key, top)
    if key in _names():
        return f"unknown setting; did you mean the top-level {key}? In TOML it stands above the first [table]"
    if above[0] != "endpoints":
        return unknown(key, _names(above[0]))
    table = values["endpoints"][above[1]]
    kind = kind_of(table) or KINDS[0]
    own = MODELS[kind].model_fields
    if kinds := kinds_with(key):
        how = "" if "kind" in table else ", as its URL says; kind = ... says otherwise"
        # A webhook has `secrets`, where others have a `secret`.
        meant = f"did you mean {key}s? {key} " if f"{key}s" in own else ""
        return f"{meant}is a setting of {', '.join(kinds)}, and this endpoint is of kind {kind}{how}"
    files = (file for file, name in files_of("endpoints").items() if name in own)
    return unknown(key, [*own, *files])


def _names(table: str = "") -> tuple[str, ...]:
    return (*fields_of(table), *files_of(table))


def _one_underscore(key: str) -> str:
    """Recognize ``BRIDGE_ENDPOINTS_ME_URL``, where a level takes two underscores."""
    for section in SECTIONS:
        setting = key.removeprefix(f"{section}_")
        if setting != key and setting in _names(section):
            return _two_underscores(f"{section}__{setting}")
    for kind in TABLES:
        rest = key.removeprefix(f"{kind}_").removeprefix(f"{kind[:-1]}_")
        if rest == key:
            continue
        for setting in sorted(_names(kind), key=len, reverse=True):
            name = rest.removesuffix(f"_{setting}").strip("_")
            if rest.endswith(f"_{setting}") and name:
                return _two_underscores(f"{kind}__{name}__{setting}")
    return ""


def _two_underscores(meant: str) -> str:
    return f"unknown setting; did you mean BRIDGE_{meant.upper()}, with two underscores for each level?"


# --- upstreams ------------------------------------------------------------------------


def _upstreams(values: Table) -> Iterator[Problem]:
    for name, table in _tables(values, "upstreams").items():
        if "base_url" in table:
            continue
        if name != "default":
            text = 'is required (only the upstream called "default" has one of its own)'
            yield Problem(path=("upstreams", name, "base_url"), text=text)
        elif "api_key" not in table:
            text = "is required, unless base_url names a server that wants none"
            yield Problem(path=("upstreams", name, "api_key"), text=text)


# --- endpoints ------------------------------------------------------------------------


def _endpoints(values: Table) -> Iterator[Problem]:
    # With no upstream configured there is still the sandbox, which goes by this name.
    upstreams = _tables(values, "upstreams") or {"default": {}}
    for name, table in _tables(values, "endpoints").items():
        path = ("endpoints", name)
        for index, upstream in enumerate(_listed(table.get("upstreams"))):
            if isinstance(upstream, str) and upstream not in upstreams:
                text = unknown_name("upstream", upstream, upstreams)
                yield Problem(path=(*path, "upstreams", index), text=text)
        kind = kind_of(table)
        for key, text in info_of(kind).validate(table) if kind else ():
            yield Problem(path=(*path, key), text=text)
        for text in _buttons(table, kind) if kind else ():
            yield Problem(path=(*path, "buttons"), text=text)


def _buttons(table: Table, kind: str) -> Iterator[str]:
    """Check that clicks on an endpoint's buttons would be understood."""
    if str(table.get("buttons", "")).strip().lower() != "native":
        return
    needed = info_of(kind).buttons
    if needed is None:
        having = ", ".join(one for one in KINDS if info_of(one).buttons is not None)
        yield f'is "native", which only {having} can have: use "link"'
    elif needed and not any(name in table for name in needed):
        yield f'is "native", which needs {" or ".join(needed)} to know clicks by'


def _listed(value: object) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else ()


def templates(settings: Settings) -> Iterator[Problem]:
    """Try templates with sample events: one problem for a setting, with all its lines."""
    for name, endpoint in settings.endpoints.items():
        if endpoint.kind != "template":
            continue
        found: dict[tuple[str, ...], list[str]] = {}
        for fault in template.faults(endpoint.to_endpoint(name)):
            found.setdefault(tuple(fault.setting.split(".", 1)), []).append(str(fault))
        for setting, texts in found.items():
            yield Problem(path=("endpoints", name, *setting), text="; ".join(texts))
