"""
The gateway's own application: it takes what is for the gateway, and leaves everything else alone.

It stands beside the dashboard's sign-in: a session opens nothing here, and a key of the gateway
opens nothing there.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.web.origins import SAFE, is_same_site
from bridge.web.relay.admitted import Admitted, passed_on
from bridge.web.relay.answering import refusal
from bridge.web.relay.bodies import take_in
from bridge.web.relay.credentials import Caller, Keyring, Unauthorized
from bridge.web.relay.exchanges import Exchanges
from bridge.web.relay.paths import Target, is_ours, target_of
from bridge.web.relay.trail import HEADER, Trail

_PLAIN = {"", "identity"}


class RelayApp:
    """Serves the gateway's paths."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        keyring: Keyring,
        exchanges: Exchanges,
        trail: Trail,
        trusted: Collection[str],
    ) -> None:
        """
        Stand before an application.

        Args:
            app: Gets all other requests.

            keyring: Knows who may pass.

            exchanges: Passes requests on.

            trail: Marks what is passed on, and knows what has come back.

            trusted: Origins whose pages may ask, besides the one that a request is for.
        """
        self._app = app
        self._keyring = keyring
        self._exchanges = exchanges
        self._trail = trail
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check who asks for what, then serve."""
        if scope["type"] != "http" or not is_ours(scope["raw_path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        target = target_of(scope["raw_path"])
        found = self._admit(scope["method"], target, headers)
        if isinstance(found, Response) or target is None:
            assert isinstance(found, Response)  # noqa: S101 - without a target it is one
            await found(scope, receive, send)
            return
        body = await take_in(receive)
        query = scope["query_string"].decode("latin-1")
        request = Admitted(
            method=scope["method"],
            target=target,
            caller=found,
            query=f"?{query}" if query else "",
            headers={
                **passed_on(headers),
                HEADER: self._trail.onward(headers, found.upstream),
            },
            body=body,
        )
        await self._exchanges.serve(request, scope, receive, send)

    def _admit(
        self, method: str, target: Target | None, headers: Headers
    ) -> Caller | Response:
        """Return who is let in, or what they are told instead."""
        if method not in SAFE and not is_same_site(headers, self._trusted):
            return refusal(403, "a page of another site asked for this")
        if target is None:
            return refusal(404, "the gateway passes nothing on at this address")
        if (origin := self._trail.origin(headers)) is not None:
            why = f"upstreams.{origin}.base_url leads back to this bridge, not to a gateway"
            return refusal(508, why)
        try:
            caller = self._keyring.caller(headers, target.upstream)
        except Unauthorized as error:
            challenge = {"www-authenticate": 'Bearer realm="mjbridge"'}
            told = challenge if error.status == 401 else {}
            return refusal(error.status, error.why, headers=told)
        if method not in target.methods:
            allowed = ", ".join(sorted(target.methods))
            return refusal(
                405, f"this address takes {allowed}", headers={"allow": allowed}
            )
        if headers.get("content-encoding", "").strip().lower() not in _PLAIN:
            return refusal(415, "the body has to come as it is, without an encoding")
        return caller
