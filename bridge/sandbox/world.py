"""The world of one gateway: what its routes share, and the forms its answers have in common."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bridge.sandbox.book import Book
from bridge.sandbox.habits import Habits
from bridge.sandbox.traffic import Traffic

#: The largest body that is read, in bytes; pictures come as base64.
MAX_BODY = 16 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class World:
    """The state of a gateway. It is served by one event loop, so nothing here is locked."""

    book: Book
    key: str | None = None  #: ``None``: any key will do, as long as there is one
    auth: str = "any"  #: the one form of key it takes: bearer, raw or mj-api-secret
    key_header: str = "x-api-key"  #: where else a key may stand
    speed: float = (
        2.0  #: 1 is as long as Midjourney takes; 2 has a picture in 12 to 18 s
    )
    public_url: str = (
        ""  #: for the pictures' addresses; empty: as the client reached us
    )
    clock: Callable[[], float] = time.time
    habits: Habits = field(default_factory=Habits)
    traffic: Traffic = field(default_factory=Traffic)

    def base(self, request: Request) -> str:
        """Where the gateway is reached, without a slash at the end."""
        return (self.public_url or str(request.base_url)).rstrip("/")

    def new_id(self) -> str:
        """An id as midjourney-proxy makes them: milliseconds, and three digits of chance."""
        while True:
            task_id = f"{int(self.clock() * 1000):013d}{secrets.randbelow(1000):03d}"
            if task_id not in self.book:
                return task_id

    def refusal(self, request: Request) -> str | None:
        """Why the request's key is not taken, in new-api's words; ``None``: it is."""
        given = self._given(request)
        if not given:
            return "未提供令牌"
        # new-api hands keys out with this prefix, and ignores it.
        if self.key is None or secrets.compare_digest(
            given.removeprefix("sk-").encode(),  # bytes: a key need not be ASCII
            self.key.removeprefix("sk-").encode(),
        ):
            return None
        return "无效的令牌"

    def _given(self, request: Request) -> str:
        """The key of a request. Source: new-api `middleware/auth.go`, `TokenAuth`."""
        header = request.headers.get("authorization", "").strip()
        secret = request.headers.get("mj-api-secret", "").strip()
        bearer = (
            header.removeprefix("Bearer ").strip()
            if header.startswith("Bearer ")
            else ""
        )
        match self.auth:
            case "bearer":
                return bearer
            case "raw":
                return "" if bearer else header
            case "mj-api-secret":
                return secret
            case _:
                key = bearer or header
                if key in {"", "midjourney-proxy"}:
                    key = secret or request.headers.get(self.key_header, "")
                return key


def go_json(content: Any) -> str:
    """JSON as Go writes it, which escapes what HTML would read."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for character in "&<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def reply(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON answer."""
    kind = "application/json; charset=utf-8"
    return Response(go_json(content), status, headers, media_type=kind)


def upstream_error(description: str, *, status: int = 400, code: int = 4) -> Response:
    """new-api's error of a Midjourney route; the blank at the end is its own."""
    content = {"description": f"{description} ", "type": "upstream_error", "code": code}
    return reply(content, status)


async def body_of(request: Request) -> Any:
    """
    The request's JSON.

    Raises:
        ValueError: There is none, it is broken, or it is too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            msg = "the body is too large"
            raise ValueError(msg)
    return json.loads(body)
