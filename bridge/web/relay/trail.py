"""
The trail: which bridges have passed a request on, as the header ``CDN-Loop`` (RFC 8586) tells.

A request that comes back to the process that passed it on would go round until none was
answered any more. No address tells that: a gateway may listen where this process was
configured to, and a proxy may lead back here under any name. So each process marks what it
passes on, and knows its marks. Unlike ``Via``, this header is one that no proxy on the way
is to change or drop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from secrets import token_hex

from starlette.datastructures import Headers

HEADER = "cdn-loop"
_MARK = re.compile(r"mjbridge;id=[0-9a-f]{16}")


class Trail:
    """The marks of one process, one for each upstream."""

    def __init__(self, upstreams: Iterable[str]) -> None:
        """
        Draw the marks.

        Args:
            upstreams: Their names.
        """
        self._marks = {name: f"mjbridge;id={token_hex(8)}" for name in upstreams}

    def origin(self, headers: Headers) -> str | None:
        """Return the upstream that a request was passed on to here; ``None`` if it is a new one."""
        passed = set(_marks(headers))
        return next(
            (name for name, mark in self._marks.items() if mark in passed), None
        )

    def onward(self, headers: Headers, upstream: str) -> str:
        """Return what the header says to an upstream: the bridges so far, and this one."""
        return ", ".join([*_marks(headers), self._marks[upstream]])


def _marks(headers: Headers) -> list[str]:
    """Return the marks of bridges; those of others belong to the way on which it came."""
    return _MARK.findall(",".join(headers.getlist(HEADER)))
