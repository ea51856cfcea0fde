"""
Answers: what a server of the sandbox says when it was told what to say.

Shared by the gateway, which can be made to fail as real ones do, and the receiver, which can
be made to refuse a delivery any number of times.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, sent after *delay* seconds."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None  #: text as it is, anything else as JSON, ``None``: empty
    delay: float = 0.0
    cut: bool = False  #: the connection breaks in the middle of the body

    @property
    def ok(self) -> bool:
        """Whether it takes what was sent."""
        return 200 <= self.status < 300

    async def response(self) -> Response:
        """Wait, then make the response."""
        if self.delay > 0:
            await asyncio.sleep(self.delay)
        if self.cut:
            return CutResponse(_text(self.body) or "[", status_code=self.status)
        headers = dict(self.headers)
        if self.body is not None and not any(
            name.lower() == "content-type" for name in headers
        ):
            headers["content-type"] = (
                "text/plain; charset=utf-8"
                if isinstance(self.body, str)
                else "application/json"
            )
        return Response(_text(self.body), self.status, headers)


class CutResponse(Response):
    """Promises twice what it sends, and hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send half."""
        length = str(2 * len(self.body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": headers,
            }
        )
        # Without its last part, a response that the application leaves is a broken connection.
        await send(
            {"type": "http.response.body", "body": bytes(self.body), "more_body": True}
        )


class Script:
    """Answers to give one after the other, and one to give for ever when they are used up."""

    def __init__(
        self, answers: Iterable[Answer] = (), *, then: Answer | None = None
    ) -> None:
        self._waiting = deque(answers)
        self._then = then

    def next(self) -> Answer | None:
        """The next answer; ``None`` where nobody said what it should be."""
        return self._waiting.popleft() if self._waiting else self._then

    def __len__(self) -> int:
        return len(self._waiting)


def read_answer(given: Any) -> Answer:
    """
    Make an answer of JSON: a status, or an object with the fields of `Answer`.

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
        msg = f"{status!r} is no status: 200 to 599"
        raise ValueError(msg)
    return Answer(
        status=status,
        headers={
            str(name): str(value)
            for name, value in (given.get("headers") or {}).items()
        },
        body=given.get("body"),
        delay=float(given.get("delay", 0)),
        cut=bool(given.get("cut", False)),
    )


def _text(body: Any) -> str:
    if body is None:
        return ""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
