"""
The application: the routes, and the layers around them.

A request passes the layers from the outside in, and what one of them raises becomes a
problem document: host check, CORS (if there are ``web.cors_origins``), limits, the gateway's own
door, sign-in, cross-site check. Each is plain ASGI, so that none holds back
a stream or loses its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Scope

from bridge.core.address import origin_of
from bridge.runtime.relay import GatewayServices
from bridge.settings import Settings
from bridge.web import (
    action_pages,
    dashboard,
    health,
    interactions,
    kept_files,
    metrics,
    signin,
)
from bridge.web.api import ServedFrom, routed_api
from bridge.web.api.page import docs_routes
from bridge.web.context import WebContext
from bridge.web.headers import SecurityHeaders
from bridge.web.health import NeedsStore, StoreGuard
from bridge.web.hosts import HostCheck
from bridge.web.hub import Hub
from bridge.web.limits import BODY, MASKED_BODY, PASSED_BODY, Limits
from bridge.web.origins import CrossOrigin, CrossSiteCheck
from bridge.web.problem_details import HANDLERS, Problems
from bridge.web.relay.credentials import Keyring, UpstreamCredential
from bridge.web.relay.exchanges import Exchanges
from bridge.web.relay.paths import is_ours
from bridge.web.relay.relay_app import RelayApp
from bridge.web.relay.trail import Trail
from bridge.web.session import Sessions
from bridge.web.stream import Stream

API = "/api/v1"
#: Where a button is pressed, perhaps with a mask.
_PRESS = re.compile(rf"{API}/tasks/.+/actions")


def create_app(
    context: WebContext,
    *,
    store: StoreGuard,
    hub: Hub,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
    gateway: GatewayServices | None = None,
) -> ASGIApp:
    """
    Make the application of one deployment.

    Args:
        context: What its routes may use.

        store: Keeps the API from a store that has not been checked.

        hub: Reads the feed for all streams.

        lifespan: Entered before the first request, left after the last one.

        gateway: What the routes of the protocol stand on; ``None`` if they are not served.
    """
    settings = context.settings
    api = routed_api(needs_token=settings.api_token is not None)
    sessions = None
    if settings.api_token is not None:
        token = settings.api_token.get_secret_value()
        sessions = Sessions(context.keys, token=token, public_url=settings.public_url)
    routed = Starlette(
        routes=[
            *health.routes(context, store),
            *metrics.routes(context, store),
            *signin.routes(sessions),
            Route(f"{API}/stream", NeedsStore(Stream(hub), store)),
            Mount(API, NeedsStore(ServedFrom(api, context), store)),
            *docs_routes(api),
            *action_pages.routes(context),
            *interactions.routes(context),
            *kept_files.routes(context),
            *dashboard.routes(context),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    routed.router.redirect_slashes = False  # an address has one spelling
    origins = set(settings.web.cors_origins)
    ours = {origin_of(settings.public_url)} if settings.public_url else set()
    app: ASGIApp = CrossSiteCheck(
        routed,
        trusted=origins | ours,
        self_authenticated=(action_pages.PREFIX, interactions.PREFIX),
    )
    if sessions is not None:
        app = signin.SignIn(
            app,
            sessions=sessions,
            open_prefixes=(
                dashboard.STATIC,
                kept_files.PREFIX,
                *_open_prefixes(settings),
            ),
            signed_out=dashboard.signed_out,
        )
    if gateway is not None:
        app = RelayApp(
            app,
            keyring=_keyring(settings),
            exchanges=Exchanges(
                gateway, context.tracking, collapse=settings.gateway.collapse
            ),
            trail=Trail(settings.upstreams),
            trusted=origins | ours,
        )
    app = Limits(app, most=partial(_most, gateway is not None))
    if origins:
        # A page may read why it is refused, too.
        app = CrossOrigin(Problems(app), origins=origins)
    app = HostCheck(app, public_url=settings.public_url)
    return SecurityHeaders(Problems(app))


def _open_prefixes(settings: Settings) -> tuple[str, ...]:
    """Return what addresses begin with that need no session: their own proof is enough."""
    pages = () if settings.links.login else (action_pages.PREFIX,)
    return (interactions.PREFIX, *pages)


def _most(is_gateway: bool, scope: Scope) -> int:  # noqa: FBT001 - bound by `partial`
    """Return the bytes that a request's body may have."""
    if is_gateway and is_ours(scope["raw_path"]):
        return PASSED_BODY
    return MASKED_BODY if _PRESS.fullmatch(scope["path"]) else BODY


def _keyring(settings: Settings) -> Keyring:
    """Return the keys that open the gateway."""
    token = settings.api_token
    credentials = {}
    for name, upstream in settings.upstreams.items():
        key = upstream.api_key
        _, own, header = upstream.auth.partition("header:")
        credentials[name] = UpstreamCredential(
            api_key=key.get_secret_value() if key else None,
            header=header if own else None,
        )
    return Keyring(credentials, token=token.get_secret_value() if token else None)
