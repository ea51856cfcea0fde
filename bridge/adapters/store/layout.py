"""Keys of a deployment that hold what mjbridge did not write there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from bridge.adapters.store.keyspace import Keyspace
from bridge.adapters.store.scripts import source

#: A line of the layout in ``lua/shared/common.lua``: a key, and its type.
_KEY = re.compile(
    r"^-- ([\w:<>]+),? +(string|hash|list|zset|set|stream) ", re.MULTILINE
)
#: Lists have cells, see ``lua/shared/cells.lua``.
_LISTS = ("tasks", "events", "deliveries", "actions")


async def foreign_keys(
    keys: Keyspace, *, upstreams: Sequence[str], endpoints: Sequence[str]
) -> Sequence[str]:
    """
    Name the keys that hold another type than the layout gives them, a sentence each.

    Those of single tasks, events and lanes are not looked at: there may be many.

    Args:
        keys: The deployment's.

        upstreams: Those whose keys are looked at.

        endpoints: Those whose keys are looked at.

    Raises:
        StoreUnavailable: It does not answer.

        StoreForbids: Its user must not ask for types.
    """
    names = {"upstream": upstreams, "endpoint": endpoints, "list": _LISTS}
    expected = dict(_expected(names))
    found = await keys.types(expected)
    return [
        f"the key {keys.full_name(key)} holds a {kind}, where mjbridge keeps a {expected[key]}"
        for key, kind in found.items()
        if kind not in {"none", expected[key]}
    ]


@cache
def _layout() -> Sequence[tuple[str, str]]:
    """Return the keys that the layout describes, each with its type."""
    return _KEY.findall(
        source("mark")
    )  # as every script does, it begins with the layout


def _expected(names: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, str]]:
    for key, kind in _layout():
        fixed, _, variable = key.partition("<")
        if not variable:
            yield key, kind
        for name in names.get(variable.removesuffix(">"), ()):
            yield fixed + name, kind
