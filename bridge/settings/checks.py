"""
Checks of what holds between settings, made on the plain tables before they are typed.

So they find their mistakes beside the ones that types find, and a person mends a
configuration once instead of line after line. Each check is a generator of problems; it
steps over what is not even a table, as others complain about that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.settings import schema
from bridge.settings.addresses import any_url, http_url
from bridge.settings.kinds import BELONGS_TO, KINDS, canonical, infer, traits_of
from bridge.settings.problems import Problem, unknown, unknown_name

Table = Mapping[str, Any]


def all_of(values: Table, *, need_keys: bool) -> Iterator[Problem]:
    """Check everything; *need_keys* is off where nobody's gateway is going to be polled."""
    yield from _unknown_settings(values)
    if need_keys:
        yield from _upstreams(values)
    yield from _endpoints(values)


def _tables(values: Table, kind: str) -> dict[str, Table]:
    named = values.get(kind)
    if not isinstance(named, dict):
        return {}
    return {name: table for name, table in named.items() if isinstance(table, dict)}


# --- names ----------------------------------------------------------------------------


def _unknown_settings(values: Table) -> Iterator[Problem]:
    for key in values.keys() - schema.names_at(()):
        yield Problem(
            path=(key,), text=_one_underscore(key) or unknown(key, schema.names_at(()))
        )
    for kind in schema.TABLES:
        for name, table in _tables(values, kind).items():
            known = schema.names_at((kind, name))
            fitting = (
                [one for one in known if _fits(one, table)]
                if kind == "endpoints"
                else known
            )
            for key in table.keys() - known:
                yield Problem(
                    path=(kind, name, key),
                    text=_misplaced(key) or unknown(key, fitting),
                )


def _fits(setting: str, table: Table) -> bool:
    """Whether a setting is one that an endpoint's kind has, so that it is worth a hint."""
    kind = _kind(table)
    kinds = BELONGS_TO.get(setting.removesuffix(schema.FILE_SUFFIX))
    return not kind or kinds is None or kind in kinds


def _one_underscore(key: str) -> str:
    """Recognize ``BRIDGE_ENDPOINTS_ME_URL``, where a level takes two underscores."""
    for kind in schema.TABLES:
        rest = key.removeprefix(f"{kind}_").removeprefix(f"{kind[:-1]}_")
        if rest == key:
            continue
        for setting in sorted(schema.names_at((kind, "")), key=len, reverse=True):
            name = rest.removesuffix(f"_{setting}").strip("_")
            if rest.endswith(f"_{setting}") and name:
                meant = f"{kind}__{name}__{setting}"
                return f"unknown setting; did you mean BRIDGE_{meant.upper()}, with two underscores for each level?"
    return ""


def _misplaced(key: str) -> str:
    """Recognize a top-level key below a ``[table]``'s head, TOML's usual trap."""
    if key in schema.names_at(()):
        return f"unknown setting; did you mean the top-level {key}? In TOML it stands above the first [table]"
    return ""


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
        if kind := _kind(table):
            yield from _foreign(path, table, kind)
            yield from _needed(path, table, kind)


def _listed(value: object) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else ()


def _kind(table: Table) -> str:
    """Tell an endpoint's kind; ``""`` if what is given is none, as others complain of that."""
    kind, url = table.get("kind"), table.get("url")
    if kind is None:
        return infer(url) if isinstance(url, str) else ""
    kind = canonical(kind) if isinstance(kind, str) else ""
    return kind if kind in KINDS else ""


def _foreign(path: schema.Path, table: Table, kind: str) -> Iterator[Problem]:
    for key in table:
        kinds = BELONGS_TO.get(key)
        if kinds is not None and kind not in kinds:
            mine = ", ".join(name for name in KINDS if name in kinds)
            how = (
                ""
                if "kind" in table
                else ", as its URL says; kind = ... says otherwise"
            )
            text = f"is a setting of {mine}, and this endpoint is of kind {kind}{how}"
            yield Problem(path=(*path, key), text=text)


def _needed(path: schema.Path, table: Table, kind: str) -> Iterator[Problem]:
    for key in sorted(traits_of(kind).required - table.keys()):
        yield Problem(path=(*path, key), text=f"is required for {kind}")
    readable = _is_readable(table.get("url"), kind)
    for key, text in traits_of(kind).validate(table):
        if key != "url" or readable:
            yield Problem(path=(*path, key), text=text)
    both = "preset" in table and "body" in table
    if kind == "template" and (both or _forgot_its_body(table)):
        text = (
            "set this or preset, not both"
            if both
            else "is required, unless preset is set"
        )
        yield Problem(path=(*path, "body"), text=text)


def _forgot_its_body(table: Table) -> bool:
    """Whether a template says nothing about what it sends, and its method does not either."""
    method = table.get("method")
    bodiless = isinstance(method, str) and method.upper() in {"GET", "DELETE"}
    return not bodiless and "preset" not in table and "body" not in table


def _is_readable(url: object, kind: str) -> bool:
    """Whether an address is one at all; if it is not, its type says so."""
    if not isinstance(url, str):
        return False
    try:
        (any_url if kind == "apprise" else http_url)(url)
    except ValueError:
        return False
    return True
