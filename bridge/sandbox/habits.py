"""
Habits: the ways in which real gateways misbehave when they are asked about tasks.

Each was read in the source of a server or seen by its users; `docs` of the field say which.
All are off until switched on, and all concern the reading of tasks alone: whoever submits
one always gets a proper answer.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.answers import Answer, read_answer

REQUEST_FAILED = {
    "description": "do_request_failed ",
    "type": "upstream_error",
    "code": 4,
}

#: What stands in the body of an error, as new-api writes it. 502 is the proxy in front of it.
ERROR_BODIES: dict[int, Any] = {
    400: REQUEST_FAILED,
    401: {
        "error": {
            "message": "无效的令牌 (request id: sandbox)",
            "type": "new_api_error",
            "code": "",
        }
    },
    403: {
        "error": {
            "message": "This token has no access to model  (request id: sandbox)",
            "type": "new_api_error",
            "code": "",
        }
    },
    429: {
        "description": "当前分组负载已饱和，请稍后再试，或升级账户以提升服务质量。",
        "type": "upstream_error",
        "code": 30,
    },
    500: {
        "success": False,
        "code": -1,
        "message": "操作失败",
        "timestamp": "638790000000000000",
    },
}

ENVELOPE = {
    "success": False,
    "code": -1,
    "message": "The JSON value could not be converted to System.String. Path: $.ids[0]",
    "timestamp": "638790000000000000",
}


def bad_gateway(status: int) -> Answer:
    """The page of the reverse proxy in front of a gateway that is down."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1>nginx</body></html>"
    return Answer(status=status, headers={"content-type": "text/html"}, body=page)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is switched on. The names are those of ``POST /sandbox/habits``."""

    rand: bool = (
        False  #: another ``?rand=`` on each picture's URL at every look, until SUCCESS
    )
    empty_status: float = 0.0  #: seconds in which a new row says nothing yet (true: 3)
    duplicates: bool = False  #: every task twice, the stale row first
    omit: (
        float | tuple[str, ...]
    ) = ()  #: these ids, or this part of all rows, are left out
    error: Answer | None = None  #: this instead of an answer (a status is enough)
    error_times: int | None = (
        None  #: so many times, then no more; ``None``: until switched off
    )
    envelope: Any = None  #: an error inside a 200 (true: the usual one)
    html: bool = False  #: the front page, with status 200, as on a wrong path
    slow: float = 0.0  #: seconds before an answer
    poison: tuple[str, ...] = ()  #: a request that names one of these ids is refused
    poison_status: int = 400  #: and with this status
    object: bool = False  #: one row comes bare, not in an array
    wrapped: str = ""  #: the array stands under this name (true: "data")
    empty: str | None = None  #: a body of nothing (true), or this text, as "null"
    truncated: str = (
        ""  #: "json": half the text; "wire": the connection breaks halfway (true)
    )
    redirect: str = ""  #: 301 to here (true: "/moved")
    routes: dict[str, int] = field(
        default_factory=dict
    )  #: this route answers with that status


#: What ``true`` stands for, where a switch has more to say than that.
_TRUE: dict[str, Any] = {
    "empty_status": 3.0,
    "envelope": ENVELOPE,
    "wrapped": "data",
    "empty": "",
    "truncated": "wire",
    "redirect": "/moved",
    "error": 500,
    "slow": 2.0,
    "omit": 0.5,
}


def change(habits: Habits, wanted: dict[str, Any]) -> Habits:
    """
    Switch habits. What *wanted* does not name stays; ``null`` and ``false`` switch off.

    Raises:
        ValueError: A name or a value makes no sense; nothing is switched then.
    """
    known = {spec.name for spec in dataclasses.fields(Habits)}
    if unknown := set(wanted) - known:
        msg = f"no such habit: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
        raise ValueError(msg)
    off = Habits()
    changed: dict[str, Any] = {}
    for name, value in wanted.items():
        try:
            changed[name] = (
                getattr(off, name) if value in (None, False) else _read(name, value)
            )
        except (TypeError, ValueError) as problem:
            msg = f"{name}: {problem}"
            raise ValueError(msg) from problem
    if "error" in wanted and "error_times" not in wanted:
        times = (
            wanted["error"].get("times") if isinstance(wanted["error"], dict) else None
        )
        changed["error_times"] = times
    return dataclasses.replace(habits, **changed)


def _read(name: str, value: Any) -> Any:
    if value is True:
        value = _TRUE.get(name, True)
    match name:
        case "error":
            return _error(value)
        case "omit" if not isinstance(value, str | list):
            return float(value)
        case "omit" | "poison":
            return (
                (value,)
                if isinstance(value, str)
                else tuple(str(item) for item in value)
            )
        case "slow" | "empty_status":
            return float(value)
        case "routes":
            return {str(route): int(status) for route, status in dict(value).items()}
        case "poison_status" | "error_times":
            return int(value)
        case "wrapped" | "redirect" | "truncated" | "empty":
            return str(value)
        case "envelope":
            return value
        case _:
            return bool(value)


def _error(value: Any) -> Answer:
    """``429``, or ``{"status": 429, "retry_after": 2, "times": 3, "body": …, "headers": …}``."""
    given = {"status": value} if isinstance(value, int) else dict(value)
    given.pop("times", None)
    retry_after = given.pop("retry_after", None)
    answer = read_answer(given)
    if "body" not in given:
        usual = ERROR_BODIES.get(answer.status)
        blank = bad_gateway(answer.status) if answer.status > 500 else answer
        answer = dataclasses.replace(
            answer,
            body=blank.body if usual is None else usual,
            headers=blank.headers | answer.headers,
        )
    if retry_after is not None:
        headers = answer.headers | {"retry-after": str(retry_after)}
        answer = dataclasses.replace(answer, headers=headers)
    return answer


def show(habits: Habits) -> dict[str, Any]:
    """The habits as JSON."""
    told: dict[str, Any] = json.loads(
        json.dumps(dataclasses.asdict(habits), ensure_ascii=False)
    )
    return told
