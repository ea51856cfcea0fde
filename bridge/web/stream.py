"""The stream: server-sent events, with everything that happens to tasks and deliveries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from time import monotonic

from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from bridge.errors import BridgeError
from bridge.web.hub import Hub, Step, steps_of
from bridge.web.problem_details import problem

#: Seconds between two writes to a client, and without a write until a comment is sent.
PACE, KEEP_ALIVE = 0.3, 15.0
#: Seconds that a client may take to read what was written, before it is cut off.
SLOW = 20.0
#: Milliseconds after which a client reconnects.
RETRY = 2000
#: The same when all clients are sent away at once: random within this, for each.
RETRY_SPREAD = (500, 3500)
#: Events in one read of the store for a client that has been away.
MOST = 500
#: Steps that may be hidden from a client before it is told its position.
MOST_HIDDEN = 1000
#: What a query may hold.
PARAMETERS = {"type", "task", "upstream", "after", "deliveries"}
#: Patterns in a query, and characters of each.
MOST_PATTERNS, LONGEST_PATTERN = 20, 100

MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would hold events back until a buffer is full
}


class WrongQuery(Exception):  # noqa: N818 - as the errors of the bridge, which say the trouble
    """A parameter of a query is wrong."""

    def __init__(self, *, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    What a client wants to be shown.

    Attributes:
        types: Patterns of events' types; all if there are none.

        task: A task's id, at whichever upstream.

        deliveries: Whether to show how deliveries end, too.
    """

    types: Sequence[str] = ()
    task: str | None = None
    upstream: str | None = None
    deliveries: bool = False

    @classmethod
    def of(cls, query: QueryParams) -> Wanted:
        """
        Read a query.

        Raises:
            WrongQuery: A parameter does not exist, or its value makes no sense.
        """
        for name in query.keys() - PARAMETERS:
            shown = name if name.isidentifier() and len(name) < 20 else ""
            raise WrongQuery(name=shown, detail="There is no such parameter.")
        types = [
            part.strip() for value in query.getlist("type") for part in value.split(",")
        ]
        if len(types) > MOST_PATTERNS or any(
            len(one) > LONGEST_PATTERN for one in types
        ):
            raise WrongQuery(
                name="type", detail="The patterns are too many, or too long."
            )
        deliveries = query.get("deliveries", "false")
        if deliveries not in {"true", "false"}:
            raise WrongQuery(name="deliveries", detail="It has to be true or false.")
        return cls(
            types=[one for one in types if one],
            task=query.get("task") or None,
            upstream=query.get("upstream") or None,
            deliveries=deliveries == "true",
        )

    def shows(self, step: Step) -> bool:
        """Whether a step is to be shown."""
        event = step.event
        if event is None:
            return self.deliveries or not step.is_outcome
        if self.types and not any(fnmatchcase(event.type, one) for one in self.types):
            return False
        if self.task is not None and event.subject != f"{event.upstream}:{self.task}":
            return False
        return self.upstream in {None, event.upstream}


class Subscription:
    """
    One client's view of all steps.

    After many steps in a row that the client does not want, it is told how far the feed has come.
    Otherwise it could come back with a position that is no longer kept, though it missed nothing.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._hidden = 0

    def frames(self, steps: Iterable[Step]) -> bytes:
        """Return what is to be sent of some steps."""
        frames: list[bytes] = []
        for step in steps:
            if self._wanted.shows(step):
                frames.append(step.frame)
                self._hidden = 0 if step.event else self._hidden
                continue
            self._hidden += 1
            if self._hidden >= MOST_HIDDEN and step.position:
                frames.append(f"id: {step.position}\n\n".encode())
                self._hidden = 0
        return b"".join(frames)


class Stream:
    """The endpoint ``/api/v1/stream``, as an ASGI application."""

    def __init__(
        self,
        hub: Hub,
        *,
        pace: float = PACE,
        keep_alive: float = KEEP_ALIVE,
        slow: float = SLOW,
    ) -> None:
        self._hub = hub
        self._pace = pace
        self._keep_alive = keep_alive
        self._slow = slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the client goes, falls behind, or the process ends."""
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        query = QueryParams(scope["query_string"])
        try:
            wanted = Wanted.of(query)
        except WrongQuery as wrong:
            errors = [{"pointer": f"/{wrong.name}", "detail": wrong.detail}]
            answer = problem(
                422, "The query is not valid; see errors.", more={"errors": errors}
            )
            await answer(scope, receive, send)
            return
        after = Headers(scope=scope).get("last-event-id") or query.get("after") or None
        await self._hub.begin()
        place, headers = self._hub.place, dict(HEADERS)
        if after is None:
            headers["x-feed-position"] = self._hub.position
        if scope["method"] == "HEAD":
            head = Response(headers=headers, media_type=MEDIA_TYPE)
            await head(scope, receive, send)
            return

        async def hurried(message: Message) -> None:
            async with asyncio.timeout(self._slow):
                await send(message)

        content = self._content(wanted, place, after)
        stream = StreamingResponse(content, headers=headers, media_type=MEDIA_TYPE)
        with suppress(TimeoutError):
            await stream(scope, receive, hurried)

    async def _content(
        self, wanted: Wanted, place: int, after: str | None
    ) -> AsyncIterator[bytes]:
        hub, subscription = self._hub, Subscription(wanted)
        yield f"retry: {RETRY}\n\n".encode()
        if after is not None:
            try:
                async for steps in self._missed(after):
                    if content := subscription.frames(steps):
                        yield content
                    after = steps[-1].position
            except BridgeError:
                return  # the client comes back, and goes on where it was
            place = hub.place_of(after) or hub.place
        written = monotonic()
        while not hub.ended:
            await hub.wait(place, self._keep_alive - (monotonic() - written))
            found, place = hub.since(place), hub.place
            if found is None:
                return  # as above
            content = subscription.frames(found)
            if content or monotonic() - written >= self._keep_alive:
                yield content or b":\n\n"
                written = monotonic()
            if found:
                await asyncio.sleep(self._pace)
        yield f"retry: {random.randint(*RETRY_SPREAD)}\n\n".encode()  # noqa: S311 - only to spread them

    async def _missed(self, position: str) -> AsyncIterator[Sequence[Step]]:
        """Read the store until we are where the hub is, or was not long ago."""
        hub = self._hub
        while hub.place_of(position) is None and not hub.ended:
            place = hub.place
            news = await hub.feed.after(position, block=0, most=MOST)
            yield steps_of(news)
            position = news.position
            if len(news.entries) < MOST:
                # We are ahead of the hub, which will come by.
                await hub.wait(place, self._pace)
