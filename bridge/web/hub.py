"""
The hub: one reader of the feed, however many clients there are.

What it read last is kept in one log that all clients share: each has a place in it, and no
queue of its own. So a client costs nothing while it waits. One that falls behind what is
kept here is cut off, and goes on from the store, which keeps more.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import structlog

from bridge.app.outage import store_outage
from bridge.app.ports import Feed, FeedEntry, News, Outcome
from bridge.core.event import Event
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Steps that are kept at most, and bytes of them.
KEPT, KEPT_BYTES = 2000, 8 * 1024 * 1024
#: Seconds that one read of the feed waits for news. Outcomes are read in between.
BLOCK = 1.0
#: Seconds until the next read while the store does not answer.
RETRY_AFTER = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What clients are shown, or go on from.

    Attributes:
        frame: As it is sent; empty where there is only a position.

        position: Where a client goes on after it; "" if the step does not change that.

        event: The event that it is about, if it is about one.

        is_outcome: Whether it says how a delivery ended.
    """

    frame: bytes = b""
    position: str = ""
    event: Event | None = None
    is_outcome: bool = False


def steps_of(news: News) -> list[Step]:
    """Return news as steps; what may be missing before them is a step of its own."""
    steps = [_event(entry) for entry in news.entries]
    if not steps or steps[-1].position != news.position:
        steps.append(Step(position=news.position))
    if news.reset:
        # A client that comes back after it goes on where it may be missing something,
        # unless there is nothing to miss.
        known = f"id: {news.position}\n" if not news.entries else ""
        steps.insert(0, Step(frame=f"{known}event: reset\ndata: {{}}\n\n".encode()))
    return steps


def _event(entry: FeedEntry) -> Step:
    event = entry.event
    frame = f"id: {entry.position}\nevent: {event.type}\ndata: {event.body}\n\n"
    return Step(frame=frame.encode(), position=entry.position, event=event)


def _outcome(outcome: Outcome) -> Step:
    data = json.dumps(
        {
            "eventId": outcome.event_id,
            "endpoint": outcome.endpoint,
            "state": outcome.state,
        }
    )
    frame = f"event: delivery\ndata: {data}\n\n"
    return Step(frame=frame.encode(), is_outcome=True)


class Hub:
    """
    Reads the feed, from the first client on.

    Attributes:
        ended: Whether there will be no more news.

        place: How many steps there were: the place after the last one.

        position: The feed's position there.
    """

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.ended = False
        self.place = 0
        self.position = ""
        self._steps: deque[Step] = deque()
        self._bytes = 0
        self._places: dict[str, int] = {}  #: by position
        self._news = asyncio.Event()
        self._outcomes = ""
        self._reader: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """
        Read from now on, if nothing is read yet.

        Raises:
            StoreUnavailable: The feed cannot be read.
        """
        if self._reader is None:
            position = await self.feed.position()
            _, outcomes = await self.feed.outcomes("")
            if self._reader is None:  # nobody else came in meanwhile
                self.position, self._outcomes = position, outcomes
                self._add([Step(position=position)])
                self._reader = asyncio.create_task(self._read())

    def place_of(self, position: str) -> int | None:
        """Return the place after a position; ``None`` if it is not among what is kept."""
        return self._places.get(position)

    def since(self, place: int) -> Sequence[Step] | None:
        """Return the steps after a place; ``None`` if some of them are no longer kept."""
        count = self.place - place
        if count > len(self._steps):
            return None
        return list(islice(self._steps, len(self._steps) - count, None))

    async def wait(self, place: int, seconds: float) -> None:
        """Wait until there is something after a place, for so many seconds at most."""
        news = self._news
        if place < self.place or self.ended:
            return
        try:
            async with asyncio.timeout(seconds):
                await news.wait()
        except TimeoutError:
            return

    def end(self) -> None:
        """Let every client go."""
        self.ended = True
        self._wake()
        if self._reader is not None:
            self._reader.cancel()

    # --- reading ----------------------------------------------------------------------

    async def _read(self) -> None:
        while not self.ended:
            try:
                await self._read_once()
                store_outage.worked()
            except BridgeError as error:
                store_outage.failed(str(error))
                await asyncio.sleep(RETRY_AFTER)
            except Exception:
                log.exception("feed.failed")  # the next read may do better
                await asyncio.sleep(RETRY_AFTER)

    async def _read_once(self) -> None:
        news = await self.feed.after(self.position, block=BLOCK)
        if news.position != self.position:
            self.position = news.position
            self._add(steps_of(news))
        outcomes, self._outcomes = await self.feed.outcomes(self._outcomes)
        self._add([_outcome(one) for one in outcomes])

    def _add(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._steps.append(step)
            self._bytes += len(step.frame)
            self.place += 1
            if step.position:
                self._places[step.position] = self.place
        while len(self._steps) > KEPT or self._bytes > KEPT_BYTES:
            oldest = self._steps.popleft()
            self._bytes -= len(oldest.frame)
            self._places.pop(oldest.position, None)
        if steps:
            self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
