"""
``Idempotency-Key``: a request that is repeated takes effect once, and gets the first answer.

A claim is taken before a request is served, and its answer is kept before it is sent. What
happens in between may be cut off at any moment: an effect in the store is recorded under
the request's name in the same step, so serving the request again comes to the same answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from contextlib import suppress
from hashlib import sha256
from secrets import token_hex
from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.app.ports import CLAIMED_FOR, KeptAnswer, RequestState, RequestStore
from bridge.errors import BridgeError
from bridge.web.problem_details import problem

HEADER = "idempotency-key"
#: The header of an answer that was given before.
REPLAYED = "idempotency-replayed"
_KEY = r"[\x21-\x7e]{1,255}"

#: How long a request takes at most, as a rule.
_LATER = {"Retry-After": "1"}
_PROBLEMS = {
    "in work": (
        409,
        "A request with this Idempotency-Key is in work; repeat it later.",
    ),
    "other": (422, "This Idempotency-Key was sent with another body."),
}


def _name(
    request: Request,
    _key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            pattern=f"^{_KEY}$",
            description="1 to 255 visible characters. The same key with the same body gives "
            "the first answer again, for 24 hours.",
        ),
    ] = None,
) -> str | None:
    name: str | None = getattr(request.state, "request_name", None)
    return name


#: The name under which a request takes effect once; ``None`` if its caller gave it none.
RequestName: TypeAlias = Annotated[str | None, Depends(_name)]
#: For routes whose effect is not in the store.
IDEMPOTENT = Depends(_name)


class Idempotency:
    """Serves each request that has a key once, whoever repeats it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or answer it as it was answered."""
        key = (
            Headers(scope=scope).get(HEADER) if scope.get("method") == "POST" else None
        )
        if key is None or not re.fullmatch(_KEY, key):
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        claim = _Claim(scope, key, body)
        claimed = await claim.take()
        if isinstance(claimed, Response):
            answer = claimed
        elif claimed == "claimed":
            answer = await claim.hold(self._serve(scope, claim.name, body))
        else:
            status, detail = _PROBLEMS[claimed]
            answer = problem(status, detail, headers=_LATER if status == 409 else None)
        await answer(scope, receive, send)

    async def _serve(self, scope: Scope, name: str, body: bytes) -> Response:
        """Serve a request whose body was read; its answer is read as a whole."""
        messages: list[Message] = []
        rest = [{"type": "http.request", "body": body}]

        async def receive() -> Message:
            return rest.pop() if rest else {"type": "http.disconnect"}

        async def collect(message: Message) -> None:
            messages.append(message)

        state = {**scope.get("state", {}), "request_name": name}
        await self._app({**scope, "state": state}, receive, collect)
        head, *parts = messages
        answer = Response(
            b"".join(part.get("body", b"") for part in parts), head["status"]
        )
        answer.raw_headers = list(head["headers"])
        return answer


class _Claim:
    """The claim to serve a request."""

    def __init__(self, scope: Scope, key: str, body: bytes) -> None:
        address = scope["path"], scope["query_string"].decode("latin-1")
        named = "\n".join((*address, key))
        self.name = sha256(named.encode(errors="replace")).hexdigest()[:32]
        self._store: RequestStore = scope["state"]["context"].requests
        self._fingerprint = sha256(body).hexdigest()
        self._holder = token_hex(8)

    async def take(self) -> RequestState | Response:
        """Claim the request, unless somebody has, or it was answered."""
        found = await self._store.claim(
            self.name, fingerprint=self._fingerprint, holder=self._holder
        )
        if not isinstance(found, KeptAnswer):
            return found
        return Response(
            found.body,
            found.status,
            headers={REPLAYED: "true"},
            media_type=found.media_type,
        )

    async def hold(self, serving: Coroutine[None, None, Response]) -> Response:
        """Keep the claim until the request is served, and its answer from then on."""
        renewing = asyncio.create_task(self._renew())
        try:
            answer = await serving
            if answer.status_code < 500:
                await self._keep(answer)
            return answer
        finally:
            renewing.cancel()
            # Of an answer that is kept nothing is left to release.
            with suppress(BridgeError):
                await self._store.release(self.name, holder=self._holder)

    async def _keep(self, answer: Response) -> None:
        kept = KeptAnswer(
            status=answer.status_code,
            media_type=answer.headers["content-type"],
            body=bytes(answer.body).decode(),
        )
        await self._store.keep_answer(self.name, kept)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(CLAIMED_FOR / 3)
            with suppress(BridgeError):
                await self.take()
