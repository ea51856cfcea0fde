"""Errors of the API's own: fields that are wrong, and ids that stand for nothing, or for two."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from bridge.errors import Ambiguous, InvalidCursor, NotFound
from bridge.web.api.requests import InvalidRequest
from bridge.web.problem_details import HANDLERS as COMMON
from bridge.web.problem_details import problem

#: A name that a field may have, if somebody mistyped it; anything else may be a secret.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")
_WRONG = "The request is not valid; see errors."


async def answer_invalid_request(_request: Request, error: Exception) -> Response:
    """Answer that a field is wrong."""
    assert isinstance(error, InvalidRequest)  # noqa: S101 - registered for nothing else
    errors = [{"pointer": error.pointer, "detail": error.detail}]
    return problem(422, _WRONG, more={"errors": errors})


async def answer_invalid_fields(_request: Request, error: Exception) -> Response:
    """Answer that fields have not the form that they are documented to have."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return problem(400, "The body is not JSON.")
    return problem(422, _WRONG, more={"errors": [_field(one) for one in found]})


def _field(error: Mapping[str, Any]) -> dict[str, str]:
    where: Sequence[str | int] = error["loc"]
    if where == ("body",):
        detail = "A JSON object is needed, with content-type: application/json."
        return {"pointer": "", "detail": detail}
    *path, last = where[1:]
    detail = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        detail = "There is no field of this name."
        if not _NAME.fullmatch(str(last)):
            last, detail = "", "There is a field of an unknown name."
    pointer = "".join(f"/{_escaped(part)}" for part in (*path, last))
    return {"pointer": pointer.removesuffix("/"), "detail": detail}


def _escaped(part: str | int) -> str:
    return str(part)[:200].replace("~", "~0").replace("/", "~1")


async def answer_invalid_cursor(_request: Request, error: Exception) -> Response:
    """Answer that a list cannot go on there."""
    errors = [{"pointer": "/cursor", "detail": str(error)}]
    return problem(422, _WRONG, more={"errors": errors})


async def answer_not_found(_request: Request, _error: Exception) -> Response:
    """Answer that an id stands for nothing."""
    detail = "Nothing of this id is known; what ended is forgotten after `retention`."
    return problem(404, detail)


async def answer_ambiguous(_request: Request, error: Exception) -> Response:
    """Answer that an id stands for several tasks."""
    assert isinstance(error, Ambiguous)  # noqa: S101 - as above
    detail = "Several upstreams know a task of this id; say which one with ?upstream=."
    return problem(409, detail, more={"upstreams": list(error.upstreams)})


HANDLERS: Mapping[Any, ExceptionHandler] = {
    **COMMON,
    RequestValidationError: answer_invalid_fields,
    InvalidRequest: answer_invalid_request,
    InvalidCursor: answer_invalid_cursor,
    NotFound: answer_not_found,
    Ambiguous: answer_ambiguous,
}
