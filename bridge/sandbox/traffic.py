"""
Traffic: what was asked of the gateway, for tests and for people who wonder.

Keys are never kept: of a header that is not known to be harmless, only its name is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

#: The headers that are shown as they came. Any other may carry a key.
HARMLESS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host",
     "transfer-encoding", "user-agent"}
)  # fmt: skip

#: Requests that are remembered one by one.
REMEMBERED = 2000


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without their secrets; the scheme of an Authorization stays readable."""
    shown = {}
    for name, value in headers.items():
        if name.lower() in HARMLESS:
            shown[name.lower()] = value
        else:
            scheme, space, _ = value.partition(" ")
            keeps = name.lower() == "authorization" and space
            shown[name.lower()] = f"{scheme} ***" if keeps else "***"
    return shown


class Traffic:
    """Counters since the start, or since the last `clear`."""

    def __init__(self) -> None:
        self._in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Count from zero; what is in flight stays counted as such."""
        self.total = 0
        self._paths: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._ids = 0
        self._largest = 0
        self._most = self._in_flight
        self._recent: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._last: dict[str, Any] | None = None

    def begin(self) -> int:
        """Count a request that asks about tasks as in flight. Gives its number, from 1."""
        self.total += 1
        self._in_flight += 1
        self._most = max(self._most, self._in_flight)
        return self.total

    def end(
        self,
        *,
        at: float,
        method: str,
        path: str,
        headers: Mapping[str, str],
        status: int | None,
        ids: list[str] | None,
    ) -> None:
        """Remember it; *status* is ``None`` for one that the client gave up."""
        self._in_flight -= 1
        self._paths[path] += 1
        if status is not None:
            self._statuses[status] += 1
        if ids is not None:
            self._ids += len(ids)
            self._largest = max(self._largest, len(ids))
        seen: dict[str, Any] = {
            "at": at,
            "method": method,
            "path": path,
            "status": status,
        }
        self._recent.append(seen | {"ids": None if ids is None else len(ids)})
        self._last = seen | {"headers": redacted(headers), "ids": ids}

    def show(self) -> dict[str, Any]:
        """The counters as JSON."""
        return {
            "total": self.total,
            "inFlight": self._in_flight,
            "maxInFlight": self._most,
            "byPath": dict(self._paths),
            "byStatus": {
                str(status): count for status, count in self._statuses.items()
            },
            "idsTotal": self._ids,
            "largestBatch": self._largest,
            "batches": [
                seen["ids"] for seen in self._recent if seen["ids"] is not None
            ],
            "last": self._last,
            "recent": list(self._recent),
        }
