"""
The ways in which real gateways misbehave when they are asked about tasks.

Each was read in the source of a server or seen by its users. All are off until switched on.
But for those that are named after it, they concern the listing of tasks alone: submitting one
gets a proper answer.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.responses import CannedResponse, read_response

REQUEST_FAILED = {
    "description": "do_request_failed ",
    "type": "upstream_error",
    "code": 4,
}


def _new_api_error(message: str) -> Any:
    return {"error": {"message": message, "type": "new_api_error", "code": ""}}


def _proxy_error(message: str) -> Any:
    timestamp = "638790000000000000"
    return {"success": False, "code": -1, "message": message, "timestamp": timestamp}


#: The bodies of errors, as new-api writes them. 502 is the proxy in front of it.
ERROR_BODIES: dict[int, Any] = {
    400: REQUEST_FAILED,
    401: _new_api_error("无效的令牌 (request id: sandbox)"),
    403: _new_api_error("This token has no access to model  (request id: sandbox)"),
    429: {
        "description": "当前分组负载已饱和，请稍后再试，或升级账户以提升服务质量。",
        "type": "upstream_error",
        "code": 30,
    },
    500: _proxy_error("操作失败"),
}

ENVELOPE = _proxy_error(
    "The JSON value could not be converted to System.String. Path: $.ids[0]"
)


def bad_gateway(status: int) -> CannedResponse:
    """Return the page of the reverse proxy in front of a gateway that is down."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1>nginx</body></html>"
    return CannedResponse(
        status=status, headers={"content-type": "text/html"}, body=page
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFaults:
    """What is switched on. The names are those of ``POST /sandbox/faults``."""

    #: Another ``?rand=`` on each picture's URL at every poll, until SUCCESS.
    rand: bool = False
    empty_status: float = 0.0  #: seconds in which a new row says nothing yet (true: 3)
    duplicates: bool = False  #: every task twice, the stale row first
    #: These ids, or this part of all rows, are left out.
    omit: float | tuple[str, ...] = ()
    error: CannedResponse | None = None  #: this, or a status, instead of an answer
    error_times: int | None = None  #: so many times; ``None``: until switched off
    envelope: Any = None  #: an error inside a 200 (true: the usual one)
    html: bool = False  #: the front page, with status 200, as on a wrong path
    slow: float = 0.0  #: seconds before an answer
    poison: tuple[str, ...] = ()  #: a request that names one of these ids is refused
    poison_status: int = 400  #: and with this status
    object: bool = False  #: one row comes bare, not in an array
    wrapped: str = ""  #: the array stands under this name (true: "data")
    empty: str | None = None  #: a body of nothing (true), or this text, as "null"
    #: "json": half the text; "wire": the connection breaks halfway (true).
    truncated: str = ""
    redirect: str = ""  #: 301 to here (true: "/moved")
    picture_for: float = (
        0.0  #: seconds from a task's end to its picture's (true: 5); 0: never
    )
    #: These routes answer with that status.
    routes: dict[str, int] = field(default_factory=dict)
    lists: bool = (
        False  #: ``GET /mj/task/list``, which proxies have and new-api has not
    )
    submit: CannedResponse | None = None  #: this, instead of the answer to a submission
    submit_times: int | None = None  #: so many times; ``None``: until switched off
    submit_unmade: bool = False  #: and the submission makes no task


#: What ``true`` stands for, where a switch has more to say than that.
_TRUE: dict[str, Any] = {
    "empty_status": 3.0,
    "envelope": ENVELOPE,
    "wrapped": "data",
    "empty": "",
    "truncated": "wire",
    "redirect": "/moved",
    "error": 500,
    "submit": 502,
    "slow": 2.0,
    "omit": 0.5,
    "picture_for": 5.0,
}


def change(faults: GatewayFaults, wanted: dict[str, Any]) -> GatewayFaults:
    """
    Switch faults. What *wanted* does not name stays; ``null`` and ``false`` switch off.

    Raises:
        ValueError: A name or a value is invalid; nothing is switched then.
    """
    known = {spec.name for spec in dataclasses.fields(GatewayFaults)}
    if unknown := set(wanted) - known:
        msg = f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
        raise ValueError(msg)
    off = GatewayFaults()
    changed: dict[str, Any] = {}
    for name, value in wanted.items():
        try:
            is_off = value in (None, False)
            changed[name] = getattr(off, name) if is_off else _read(name, value)
        except (TypeError, ValueError) as problem:
            msg = f"{name}: {problem}"
            raise ValueError(msg) from problem
    for name in ("error", "submit"):
        if name in wanted and f"{name}_times" not in wanted:
            given = wanted[name]
            times = given.get("times") if isinstance(given, dict) else None
            changed[f"{name}_times"] = times
    return dataclasses.replace(faults, **changed)


def _read(name: str, value: Any) -> Any:
    if value is True:
        value = _TRUE.get(name, True)
    match name:
        case "error" | "submit":
            return _error(value)
        case "omit" if not isinstance(value, str | list):
            return float(value)
        case "omit" | "poison":
            return (value,) if isinstance(value, str) else tuple(map(str, value))
        case "slow" | "empty_status" | "picture_for":
            return float(value)
        case "routes":
            return {str(route): int(status) for route, status in dict(value).items()}
        case "poison_status" | "error_times" | "submit_times":
            return int(value)
        case "wrapped" | "redirect" | "truncated" | "empty":
            return str(value)
        case "envelope":
            return value
        case _:
            return bool(value)


def _error(value: Any) -> CannedResponse:
    """Read ``429``, or ``{"status": 429, "retry_after": 2, "times": 3, "body": …, "headers": …}``."""
    given = {"status": value} if isinstance(value, int) else dict(value)
    given.pop("times", None)
    retry_after = given.pop("retry_after", None)
    response = read_response(given)
    if "body" not in given:
        usual = ERROR_BODIES.get(response.status)
        blank = bad_gateway(response.status) if response.status > 500 else response
        response = dataclasses.replace(
            response,
            body=blank.body if usual is None else usual,
            headers=blank.headers | response.headers,
        )
    if retry_after is not None:
        headers = response.headers | {"retry-after": str(retry_after)}
        response = dataclasses.replace(response, headers=headers)
    return response


def show(faults: GatewayFaults) -> dict[str, Any]:
    """Return the faults as JSON."""
    shown: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(faults)))
    return shown
