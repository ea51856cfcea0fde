"""
Sessions: how a browser that has signed in is recognized.

A session is a signed time, in a cookie. It holds no token and is kept nowhere, so any
number of processes agree about it. The key that signs it is derived from `secret_key` and
from the token, so that changing the token ends every session.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest

from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from bridge.web.hosts import reached_by_https
from bridge.web.keys import SigningKeys

#: In a request's scope: whether it comes with a session instead of the token.
BY_COOKIE = "mjbridge.by_cookie"

#: Seconds that a session lasts.
LIFETIME = 30 * 24 * 3600

COOKIE = "mjbridge"


class Sessions:
    """The sessions of everyone who has shown the token."""

    def __init__(
        self, keys: SigningKeys, *, token: str, public_url: str | None
    ) -> None:
        self._keys = keys
        self._digest = sha256(token.encode()).digest()
        self._public_url = public_url

    def is_token(self, text: str) -> bool:
        """Compare a text with the token, in a time that does not depend on either."""
        given = text.encode("utf-8", "surrogatepass")
        return compare_digest(sha256(given).digest(), self._digest)

    async def open(self, scope: Scope, response: Response) -> None:
        """Let an answer begin a session."""
        signed = (await self._signer()).sign("session").decode()
        self._set(scope, response, signed, LIFETIME)

    def close(self, scope: Scope, response: Response) -> None:
        """Let an answer end the session of the browser that gets it."""
        self._set(scope, response, "", 0)

    async def holds(self, scope: Scope) -> bool:
        """Whether a request belongs to a session that is valid."""
        signed = HTTPConnection(scope).cookies.get(self._name(scope), "")
        if not signed:
            return False
        try:
            return (await self._signer()).unsign(signed, LIFETIME) == b"session"
        except BadSignature:
            return False

    async def _signer(self) -> TimestampSigner:
        return await self._keys.signer(f"session.{self._digest.hex()}")

    def _is_secure(self, scope: Scope) -> bool:
        return reached_by_https(scope, self._public_url)

    def _name(self, scope: Scope) -> str:
        return f"__Host-{COOKIE}" if self._is_secure(scope) else COOKIE

    def _set(self, scope: Scope, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self._name(scope),
            value,
            max_age=seconds,
            secure=self._is_secure(scope),
            httponly=True,
            samesite="Strict",  # type: ignore[arg-type]  # as its standard spells it
        )
