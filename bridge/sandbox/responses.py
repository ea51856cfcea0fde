"""Responses of the sandbox's servers: canned ones, and the forms that new-api's have."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

#: The largest body that is read, in bytes; pictures come as base64.
MAX_BODY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedResponse:
    """A response that was decided beforehand, sent after *delay* seconds."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None  #: text as it is, anything else as JSON, ``None``: empty
    delay: float = 0.0
    cut: bool = False  #: the connection breaks in the middle of the body

    @property
    def ok(self) -> bool:
        """Whether it accepts the request."""
        return 200 <= self.status < 300

    async def send(self) -> Response:
        """Wait, then return the response."""
        if self.delay > 0:
            await asyncio.sleep(self.delay)
        if self.cut:
            return CutResponse(_text(self.body) or "[", status_code=self.status)
        headers = dict(self.headers)
        if self.body is not None and "content-type" not in map(str.lower, headers):
            is_text = isinstance(self.body, str)
            kind = "text/plain; charset=utf-8" if is_text else "application/json"
            headers["content-type"] = kind
        return Response(_text(self.body), self.status, headers)


class CutResponse(Response):
    """Promises twice what it sends, and hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send half."""
        length = str(2 * len(self.body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        start = {"type": "http.response.start", "status": self.status_code}
        await send(start | {"headers": headers})
        # Without its last part, a response that the application leaves is a broken connection.
        half = {"type": "http.response.body", "body": bytes(self.body)}
        await send(half | {"more_body": True})


def read_response(given: Any) -> CannedResponse:
    """
    Read a response from JSON: a status, or an object with the fields of `CannedResponse`.

    Raises:
        ValueError: It is neither; the text says what is wrong.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        given = {"status": given}
    if not isinstance(given, dict):
        msg = f"an answer is a status or an object, not {given!r}"
        raise ValueError(msg)
    if unknown := set(given) - {"status", "headers", "body", "delay", "cut"}:
        msg = f"an answer has no {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    status = given.get("status", 204)
    if not isinstance(status, int) or not 200 <= status <= 599:
        msg = f"{status!r} is not a status: 200 to 599"
        raise ValueError(msg)
    headers = given.get("headers") or {}
    return CannedResponse(
        status=status,
        headers={str(name): str(value) for name, value in headers.items()},
        body=given.get("body"),
        delay=float(given.get("delay", 0)),
        cut=bool(given.get("cut", False)),
    )


def _text(body: Any) -> str:
    if body is None:
        return ""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


# --- new-api's ------------------------------------------------------------------------


def go_json(content: Any) -> str:
    """Return JSON as Go writes it, which escapes what HTML would read."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for character in "&<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def reply(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a JSON response."""
    kind = "application/json; charset=utf-8"
    return Response(go_json(content), status, headers, media_type=kind)


def upstream_error(description: str) -> Response:
    """Return new-api's error of a Midjourney route; the blank at the end is its own."""
    content = {"description": f"{description} ", "type": "upstream_error", "code": 4}
    return reply(content, 400)


async def json_of(request: Request) -> Any:
    """
    Return the request's JSON.

    Raises:
        ValueError: It is missing, broken or too large.
    """
    body = await body_of(request, limit=MAX_BODY)
    if body is None:
        msg = "the body is too large"
        raise ValueError(msg)
    return json.loads(body)


async def body_of(request: Request, *, limit: int) -> bytes | None:
    """Return the bytes as they were sent; ``None`` if they are more than *limit*."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)
