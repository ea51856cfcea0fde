"""
What the stand-ins for Feishu, DingTalk and WeCom have in common.

Each is a small server on the loopback that enforces what the platform documents: the robot's
key, signatures, keywords, addresses, sizes, rates; and like the platforms it answers HTTP 200
whatever happened. What it accepted is in `messages`, as a person in the group would see it.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiohttp import web

Json: TypeAlias = dict[str, Any]


class Refused(Exception):  # noqa: N818 - it is what happened to a message
    """A message is refused, with the platform's code and words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words


@dataclass(frozen=True, kw_only=True)
class Posted:
    """
    A message in the group.

    Attributes:
        form: Its ``msgtype``.

        title: Its headline, where it has one of its own.

        text: Everything that can be read, the headline included.

        links: URLs that can be opened.

        pictures: URLs that are shown.

        mentions: Whom it calls, ``all`` among them.
    """

    form: str
    title: str
    text: str
    links: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    payload: Json = field(default_factory=dict, repr=False)


Fault: TypeAlias = Callable[[], web.Response]


@dataclass(kw_only=True)
class Robot:
    """
    One robot in one group.

    Attributes:
        secret: Set where the robot checks signatures.

        keywords: Where there are any, a message must contain one.

        welcome: Whether this machine's address is on the robot's list.

        removed: Whether the robot is no longer in the group.

        spurned: Forms (``msgtype``) of which it dislikes every message.

        windows: Limits: so many messages in so many seconds.

        shut_out: Seconds for which nothing is accepted after a limit was exceeded.

        messages: What the group has seen, in order.

        refusals: Code and words of everything that was refused.

        faults: Answers that come first, before anything is looked at.

        clock: Seconds; a test that waits for a limit to pass brings its own.

        today: Seconds since the epoch; a test whose events have a date brings it along.
    """

    key: str = "robotkey-0123456789abcdef"
    secret: str = ""
    keywords: tuple[str, ...] = ()
    welcome: bool = True
    removed: bool = False
    spurned: frozenset[str] = frozenset()
    windows: tuple[tuple[int, float], ...] = ()
    shut_out: float = 0.0
    messages: list[Posted] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    clock: Callable[[], float] = time.monotonic
    today: Callable[[], float] = time.time
    base: str = ""
    _seen: deque[float] = field(default_factory=deque)
    _shut_until: float = 0.0

    path = "/"
    too_fast = (-1, "system busy")
    unfit = (9499, "Bad Request")

    @property
    def url(self) -> str:
        """What the operator configures, once the server runs."""
        raise NotImplementedError

    def verdict(self, code: int, words: str) -> Json:
        """Word an answer as the platform does."""
        return {"errcode": code, "errmsg": words}

    def admit(self, request: web.Request, body: bytes) -> Posted:
        """Check a request by the platform's rules and return what the group sees."""
        raise NotImplementedError

    def app(self) -> web.Application:
        """Return the platform as an application with this one robot."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post(self.path, self._answer)
        return app

    # --- what a test makes happen -------------------------------------------------

    def say_once(self, code: int, words: str, times: int = 1) -> None:
        """Refuse the next messages with a code."""
        for _ in range(times):
            self.faults.append(lambda: self._refuse(code, words))

    def break_once(
        self, status: int, body: str = "", times: int = 1, **headers: str
    ) -> None:
        """Answer the next messages as a proxy in between does, in HTML."""
        page = body or f"<html><title>{status}</title></html>"
        for _ in range(times):
            self.faults.append(
                lambda: web.Response(
                    status=status, text=page, content_type="text/html", headers=headers
                )
            )

    # --- inside -------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append({"query": request.query_string, "body": body})
        if self.faults:
            return self.faults.popleft()()
        try:
            self._count()
            posted = self.admit(request, body)
            self._spurn(posted)
        except Refused as refused:
            return self._refuse(refused.code, refused.words)
        self.messages.append(posted)
        return web.json_response(self.verdict(0, "ok"))

    def _refuse(self, code: int, words: str) -> web.Response:
        self.refusals.append((code, words))
        return web.json_response(self.verdict(code, words))

    def _count(self) -> None:
        """Keep the limits; what is refused counts too, which is why hammering never helps."""
        now = self.clock()
        if now < self._shut_until:
            raise Refused(*self.too_fast)
        self._seen.append(now)
        longest = max((seconds for _, seconds in self.windows), default=0.0)
        while self._seen and self._seen[0] <= now - longest:
            self._seen.popleft()
        for most, seconds in self.windows:
            if sum(seen > now - seconds for seen in self._seen) > most:
                self._shut_until = now + self.shut_out
                raise Refused(*self.too_fast)

    def _spurn(self, posted: Posted) -> None:
        if posted.form in self.spurned:
            raise Refused(*self.unfit)

    def check_keyword(self, text: str, code: int, words: str) -> None:
        """Refuse a text without any of the robot's keywords."""
        if self.keywords and not any(keyword in text for keyword in self.keywords):
            raise Refused(code, words)


def json_object(request: web.Request, body: bytes, code: int, words: str) -> Json:
    """Read a JSON object that is sent as one; anything else is refused."""
    if request.content_type != "application/json":
        raise Refused(code, words)
    try:
        payload = json.loads(body)
    except ValueError:
        raise Refused(code, words) from None
    if not isinstance(payload, dict):
        raise Refused(code, words)
    return payload


@asynccontextmanager
async def running(robot: Robot) -> AsyncIterator[None]:
    """Run a robot's platform on a loopback port."""
    runner = web.AppRunner(robot.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    robot.base = f"http://{host}:{port}"
    try:
        yield
    finally:
        await runner.cleanup()
