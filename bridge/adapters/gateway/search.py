"""
What a gateway's lists show of a request that was not answered.

Rule: what is not sure is not said. A task counts as found by our marker alone; whatever else
fits is a candidate. That there is none counts only where the list goes back beyond the request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from bridge.adapters.gateway.coerce import (
    decoded,
    id_of,
    moment_of,
    object_of,
    parse,
    text_of,
)
from bridge.app.ports import SearchResult, Sought
from bridge.core.action import is_marker
from bridge.core.http import Response

#: Rows that a list has at most, if it does not have them all. Source: trueai
#: ``TaskController.List``.
LONGEST_LIST = 100
#: Seconds by which the clocks of the bridge and a gateway may differ: for what may be the
#: task, and for what surely is older.
SKEW, SURELY_OLDER = 5.0, 600.0
#: Where a page of rows may stand in its answer.
_WRAPPERS = ("data", "result", "content", "list", "records", "items")
#: Ids in a log that are asked about.
MOST_LOGGED = 20

#: Source: new-api ``relay/relay-mj.go``: "..., 操作 UPSCALE, ID 1730...", with wide commas.
_LOGGED = re.compile(r"操作\s*(?P<action>\w+)[\uff0c,]\s*ID\s*(?P<id>[^\s\uff0c,]+)")


def in_page(response: Response | None, sought: Sought) -> SearchResult:
    """Return what the answer of ``/mj/task/query`` shows: a part, which proves no absence."""
    try:
        page = parse(decoded(response.body)) if response is not None else None
    except ValueError:
        return SearchResult(blind=True)
    rows = next(_lists_in(page), None)
    if response is not None and rows is not None:
        response = replace(response, body=json.dumps(rows).encode())
    return replace(in_rows(response, sought), absent=False)


def _lists_in(page: object) -> Iterator[list[object]]:
    """Return lists of rows, in whatever a page of them is wrapped."""
    if isinstance(page, list):
        yield page
    elif isinstance(page, dict):
        for name in _WRAPPERS:
            yield from _lists_in(page.get(name))


def in_rows(response: Response | None, sought: Sought) -> SearchResult:
    """Return what the answer of ``/mj/task/list`` shows."""
    if response is None or response.status is None or response.status >= 500:
        return SearchResult()
    if not 200 <= response.status < 300:
        return SearchResult(blind=True)
    try:
        parsed = parse(decoded(response.body))
    except ValueError:
        return SearchResult(blind=True)  # a page: there is no such route
    if not isinstance(parsed, list):
        return SearchResult(blind=True)
    rows = [row for row in parsed if isinstance(row, dict) and id_of(row)]
    states = [text_of(row.get("state")) for row in rows]
    if sought.marker is None:
        # Its state is its sender's own; what has a marker of ours is not it.
        unmarked = [
            row for row, state in zip(rows, states, strict=True) if not is_marker(state)
        ]
    else:
        found = [row for row in rows if _has_marker(row, sought.marker)]
        if found:
            return SearchResult(found=tuple(sorted(str(id_of(row)) for row in found)))
        # Unless something shows that `state` comes back, a task without our marker may be ours.
        unmarked = [] if any(states) else rows
    candidates = [row for row in unmarked if _may_be(row, sought, SKEW)]
    near = any(_may_be(row, sought, SURELY_OLDER) for row in unmarked)
    absent = not response.detail and not near and _goes_back(rows, sought)
    return SearchResult(
        candidates=tuple(str(id_of(row)) for row in candidates), absent=absent
    )


def _has_marker(row: Mapping[str, object], marker: str) -> bool:
    state = text_of(row.get("state"))
    return state is not None and (state == marker or state.startswith(f"{marker}::"))


def _may_be(row: Mapping[str, object], sought: Sought, skew: float) -> bool:
    """Return whether a row without a marker may be the task, as far as it says what it is."""
    submitted = moment_of(row.get("submitTime"))
    if submitted is not None and submitted / 1000 < sought.sent_at - skew:
        return False
    if sought.task_id is None:
        prompt = text_of(row.get("prompt"))
        return None in {prompt, sought.prompt} or str(sought.prompt).strip() in str(
            prompt
        )
    if id_of(row) == sought.task_id:
        return False
    properties = object_of(row.get("properties"))
    pressed = text_of(row.get("customId")) or text_of(properties.get("customId"))
    if pressed is not None and pressed != sought.custom_id:
        return False
    return "parentId" not in row or text_of(row.get("parentId")) == sought.task_id


def _goes_back(rows: list[dict[str, object]], sought: Sought) -> bool:
    """
    Return whether a list that lacks a task proves that there is none.

    It has to echo ``state``; to show the parent, or something older than the request, so
    that it was not lost in between; and, if it may be cut off, to go back far enough.
    """
    if not rows or not all("state" in row for row in rows):
        return False
    times = [moment_of(row.get("submitTime")) for row in rows]
    oldest = min((time / 1000 for time in times if time is not None), default=None)
    if oldest is None:
        return False
    if len(rows) >= LONGEST_LIST and oldest > sought.sent_at - SURELY_OLDER:
        return False
    if sought.task_id is not None:
        return any(id_of(row) == sought.task_id for row in rows)
    return oldest < sought.sent_at - SKEW


def in_log(response: Response | None, sought: Sought) -> list[str] | None:
    """
    Return the ids of tasks that the key was charged for since the request was sent.

    Returns:
        ``None`` if the gateway shows no such log.
    """
    if response is None or response.status is None or response.status >= 500:
        return []
    try:
        parsed = parse(decoded(response.body))
    except ValueError:
        return None
    data = parsed.get("data") if isinstance(parsed, dict) else None
    if not 200 <= response.status < 300 or not isinstance(data, list):
        return None
    ids: dict[str, None] = {}
    for row in data:
        if not isinstance(row, dict):
            continue
        at = row.get("created_at")
        match = _LOGGED.search(text_of(row.get("content")) or "")
        recent = isinstance(at, int | float) and at >= sought.sent_at - SKEW
        if match and recent:
            ids[match["id"]] = None
    return list(ids)[:MOST_LOGGED]
