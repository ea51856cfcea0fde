"""
Signing in: all but a few addresses need the token, or a session that stands for it.

Without a token, everything is open: the process can then be reached from its machine only.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address
from time import monotonic

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.web.problem_details import problem
from bridge.web.session import BY_COOKIE, Sessions

SIGN_IN, SIGN_OUT = "/signin", "/signout"

#: Addresses that need no sign-in.
OPEN = {"/healthz", "/readyz", "/metrics", SIGN_IN, SIGN_OUT}

#: Wrong tokens that a visitor may try at once, and seconds for which each one counts.
WRONG_TRIES, TRY_EVERY = 5, 12.0
#: Visitors whose wrong tries are remembered.
MOST_VISITORS = 1000


class SignIn:
    """Refuses whoever shows neither the token nor a session."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        sessions: Sessions,
        open_prefixes: tuple[str, ...],
        signed_out: Callable[[Request], Awaitable[Response | None]],
    ) -> None:
        """
        Protect an application.

        Args:
            app: What comes after.

            sessions: Recognizes the token, and sessions.

            open_prefixes: What addresses begin with that everyone reaches: the files of the
                sign-in page, and those that know by themselves who asks.

            signed_out: Returns the page that asks to sign in; ``None`` for a request that
                wants no page.
        """
        self._app = app
        self._sessions = sessions
        self._open_prefixes = open_prefixes
        self._signed_out = signed_out

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check who asks, then serve."""
        if scope["type"] == "http" and not self._is_open(scope["path"]):
            given = Headers(scope=scope).get("authorization")
            if given is not None:
                self._check(given)
            elif await self._sessions.holds(scope):
                scope = {**scope, BY_COOKIE: True}
            else:
                await (await self._refusal(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in OPEN or path.startswith(self._open_prefixes)

    def _check(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not self._sessions.is_token(token.strip()):
            challenge = 'Bearer realm="mjbridge", error="invalid_token"'
            detail = "The token is not the one that is set as api_token."
            raise HTTPException(401, detail, {"WWW-Authenticate": challenge})

    async def _refusal(self, scope: Scope) -> Response:
        response = await self._signed_out(Request(scope))
        if response is None:
            detail = "Present the token: Authorization: Bearer <api_token>."
            response = problem(401, detail)
        response.status_code = 401
        response.headers["WWW-Authenticate"] = 'Bearer realm="mjbridge"'
        return response


class WrongTries:
    """
    Counts wrong tokens by visitor.

    Each process counts for itself: several of them let a few more through, but no stranger
    can make the store work.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        #: When all of a visitor's wrong tries are forgotten; whoever tried longest ago is first.
        self._until: OrderedDict[str, float] = OrderedDict()

    def wait(self, visitor: str) -> float:
        """Return the seconds until a visitor may try again; 0 for now."""
        left = self._until.get(visitor, 0.0) - self._clock()
        return max(left - (WRONG_TRIES - 1) * TRY_EVERY, 0.0)

    def add(self, visitor: str) -> None:
        """Count a wrong token."""
        until = max(self._until.pop(visitor, 0.0), self._clock())
        self._until[visitor] = until + TRY_EVERY
        if len(self._until) > MOST_VISITORS:
            self._until.popitem(last=False)


def visitor_of(scope: Scope) -> str:
    """Return who makes a request: an IPv4 address, or the IPv6 network that it comes from."""
    client = scope.get("client")
    if not client:
        return ""
    try:
        address = ip_address(client[0])
    except ValueError:
        return str(client[0])
    if isinstance(address, IPv6Address):
        return address.exploded[:19]  # the first 64 bits
    return str(address)


def routes(sessions: Sessions | None) -> list[Route]:
    """
    Return the routes by which browsers sign in and out.

    Args:
        sessions: ``None`` where there is no token, and nobody has to sign in.
    """
    tries = WrongTries()

    async def sign_in(request: Request) -> Response:
        response = Response(status_code=204)
        if sessions is None:
            return response
        visitor = visitor_of(request.scope)
        if seconds := math.ceil(tries.wait(visitor)):
            detail = f"Too many wrong tokens; try again in {seconds} s."
            raise HTTPException(429, detail, {"Retry-After": str(seconds)})
        if not sessions.is_token(_token_in(await request.body())):
            tries.add(visitor)
            detail = "The token is not the one that is set as api_token."
            challenge = {"WWW-Authenticate": 'Bearer realm="mjbridge"'}
            raise HTTPException(401, detail, challenge)
        await sessions.open(request.scope, response)
        return response

    async def sign_out(request: Request) -> Response:
        response = Response(status_code=204)
        if sessions is not None:
            sessions.close(request.scope, response)
        return response

    return [
        Route(SIGN_IN, sign_in, methods=["POST"]),
        Route(SIGN_OUT, sign_out, methods=["POST"]),
    ]


def _token_in(body: bytes) -> str:
    try:
        token = json.loads(body)["token"]
    except (ValueError, LookupError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str):
        raise HTTPException(422, 'The body has to be {"token": "..."}.')
    return token.strip()
