"""
Action links: a page for one task, where whoever has its link presses a button.

Rule 1: reading changes nothing, however often and by whomever. A press takes the cookie and the
seal that reading the page gave out, so that a program that follows links presses nothing.
Rule 2: a link that is forged, cut short, expired or for something else leads to one and the
same page, and takes no longer to get there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.app.ports import TaskRow
from bridge.core.media_url import expires_at
from bridge.core.task import TaskKey
from bridge.core.token import Purpose, TokenKeys
from bridge.errors import Misconfigured, NotFound, Refused
from bridge.web import dashboard
from bridge.web.action_views import UNDER_WAY, choices_of, picture_of, shown_press
from bridge.web.context import WebContext
from bridge.web.hosts import reached_by_https

PREFIX = "/a/"

#: Presses of a task that are shown, the newest.
_MAX_SHOWN = 20
#: Seconds after which a page is loaded anew while something on it is under way.
_REFRESH = 3
#: Bytes of a form: a prompt, and what comes with it.
_MAX_FORM = 64 * 1024
_COOKIE = "mjbridge-a"
_NONCE = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
#: Programs that fetch a page to show what a link leads to, by what they call themselves.
_UNFURLERS = re.compile(
    r"bot\b|bot[/-]|preview|facebookexternalhit|whatsapp|embedly|slack-imgproxy|crawler|spider"
    r"|skypeuri|vkshare|pinterest|redditbot|mastodon|iframely|feishu|lark|dingtalk|wxwork",
    re.IGNORECASE,
)


def routes(context: WebContext) -> Sequence[BaseRoute]:
    """Return the routes of action links."""
    pages = _Pages(context)
    return [
        Route(f"{PREFIX}{{token:path}}", pages.show, methods=["GET"]),
        Route(f"{PREFIX}{{token:path}}", pages.change, methods=["POST"]),
    ]


class _Pages:
    """The pages of one deployment."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._actions = context.actions
        self._settings = context.settings.links

    async def show(self, request: Request) -> Response:
        """Show the page of a link, and change nothing."""
        keys = await self._context.links.keys()
        row = await self._task(request, keys)
        if row is None:
            return _nowhere(request)
        if _unfurls(request) and request.method == "GET":
            return self._preview(request, row)
        return await self._page(request, keys, row)

    async def change(self, request: Request) -> Response:
        """Press a button, or undo that."""
        keys = await self._context.links.keys()
        row = await self._task(request, keys)
        if row is None:
            return _nowhere(request)
        form = await _form(request)
        if form is None or not self._is_ours(request, keys, form):
            return await self._page(
                request, keys, row, status=HTTPStatus.FORBIDDEN, wrong="a.stale"
            )
        try:
            await self._do(row, form)
        except (Refused, NotFound, Misconfigured) as error:
            return await self._page(
                request, keys, row, status=HTTPStatus.CONFLICT, reason=str(error)
            )
        return RedirectResponse(request.url.path, HTTPStatus.SEE_OTHER)

    async def _do(self, row: TaskRow, form: Mapping[str, str]) -> None:
        if "undo" in form:
            action = await self._actions.find(form["undo"])
            mine = action is not None and (action.upstream, action.task_id) == (
                row.key.upstream,
                row.key.id,
            )
            if not mine:
                msg = "there is no such press of this task"
                raise NotFound(msg)
            await self._actions.cancel(form["undo"])
            return
        offered = {one.name: one for one in choices_of(row, [])}
        chosen = offered.get(form.get("button", ""))
        if chosen is None:
            msg = "the task has no such button"
            raise Refused(msg)
        await self._actions.press(
            row.key,
            chosen.custom_id,
            by="link",
            prompt=form.get("prompt") or None,
            delay_s=self._settings.delay,
        )

    # --- who asks, and for what -------------------------------------------------------

    async def _task(self, request: Request, keys: TokenKeys) -> TaskRow | None:
        token = request.path_params["token"]
        now = await self._context.clock()
        grant = keys.read(Purpose.LINK, token, now=now)
        if grant is None:
            return None
        configured = self._context.settings
        if grant.endpoint(configured.endpoints) is None:
            return None
        key = await self._context.links.task_of(grant, list(configured.upstreams))
        return None if key is None else await self._row(key)

    async def _row(self, key: TaskKey) -> TaskRow | None:
        try:
            return await self._context.lookup.find_task(key.id, key.upstream)
        except NotFound:
            return None

    def _is_ours(
        self, request: Request, keys: TokenKeys, form: Mapping[str, str]
    ) -> bool:
        """Whether a form was filled in on our page, by a browser that was given it."""
        headers = request.headers
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        # A page without referrer has the origin "null" in its own requests, too.
        if site not in {None, "same-origin"} or not self._is_own_origin(
            origin, headers
        ):
            return False
        nonce = request.cookies.get(self._cookie(request), "")
        seal, token = form.get("seal", ""), request.path_params["token"]
        sealed = keys.is_seal(Purpose.FORM, seal, nonce, token)
        return sealed and bool(_NONCE.fullmatch(nonce))

    def _is_own_origin(self, origin: str | None, headers: Headers) -> bool:
        if origin is None or origin == "null":
            return True
        _, _, place = origin.partition("://")
        own = (self._context.settings.public_url or "").rstrip("/")
        return place == headers.get("host") or origin == own

    def _cookie(self, request: Request) -> str:
        return f"__Host-{_COOKIE}" if self._is_secure(request) else _COOKIE

    def _is_secure(self, request: Request) -> bool:
        return reached_by_https(request.scope, self._context.settings.public_url)

    # --- what is shown ----------------------------------------------------------------

    def _preview(self, request: Request, row: TaskRow) -> Response:
        """Show a program that unfurls links a title, and the picture if it may have it."""
        picture = picture_of(row) if self._settings.previews else None
        page = dashboard.render(request, "preview.html", picture=picture)
        return _unlisted(page)

    async def _page(
        self,
        request: Request,
        keys: TokenKeys,
        row: TaskRow,
        *,
        status: int = HTTPStatus.OK,
        wrong: str = "",
        reason: str = "",
    ) -> Response:
        presses = (await self._actions.list(task=row.key, limit=_MAX_SHOWN)).items
        children = {
            one.id: await self._row(TaskKey(one.upstream, one.child_id))
            for one in presses
            if one.child_id is not None
        }
        nonce = request.cookies.get(self._cookie(request), "")
        is_new = not _NONCE.fullmatch(nonce)
        nonce = secrets.token_urlsafe(16) if is_new else nonce
        snapshot = row.snapshot
        picture = picture_of(row)
        expiry = expires_at(picture)
        now = await self._context.clock()
        page = dashboard.render(
            request,
            "choose.html",
            status=status,
            task=row,
            snapshot=snapshot,
            picture=picture,
            expired=expiry is not None and expiry.timestamp() <= now,
            previews=self._settings.previews,
            choices=choices_of(row, presses),
            presses=[shown_press(one, children.get(one.id)) for one in presses],
            delay=f"{self._settings.delay:g}",
            seal=keys.seal(Purpose.FORM, nonce, request.path_params["token"]),
            wrong=wrong,
            reason=reason,
        )
        if is_new and request.method == "GET":
            page.set_cookie(
                self._cookie(request),
                nonce,
                secure=self._is_secure(request),
                httponly=True,
                samesite="strict",
            )
        goes_on = [one for one in presses if one.state in UNDER_WAY]
        running = [one for one in children.values() if one is not None and one.active]
        if (goes_on or running) and status == HTTPStatus.OK:
            page.headers["Refresh"] = str(_REFRESH)
        return _unlisted(page)


def _nowhere(request: Request) -> Response:
    """Return the one page of all links that lead nowhere."""
    page = dashboard.render(request, "nowhere.html", status=HTTPStatus.NOT_FOUND)
    return _unlisted(page)


def _unlisted(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


def _unfurls(request: Request) -> bool:
    return bool(_UNFURLERS.search(request.headers.get("user-agent", "")))


async def _form(request: Request) -> Mapping[str, str] | None:
    """Read a form; ``None`` if it is not one, or a larger one than ours."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type.lower() != "application/x-www-form-urlencoded":
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            return None
    try:
        fields = parse_qs(body.decode(), max_num_fields=20)
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()}
