"""Following tasks: each event once, from a moment on, until the tasks have ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from bridge.app.follow import Ended, Follower
from bridge.app.ports import EventRow, TaskRow
from bridge.core.event import Event
from bridge.core.task import TaskKey
from tests.feeds import WrittenFeed, event

KEY, OTHER = TaskKey("default", "1"), TaskKey("default", "2")


class Store:
    """A store of tasks, and the feed of their events."""

    def __init__(self) -> None:
        self.feed = WrittenFeed()
        self._rows: dict[TaskKey, TaskRow] = {}
        self._events: dict[str, list[Event]] = {}

    def track(self, *keys: TaskKey) -> None:
        for key in keys:
            self._rows[key] = TaskRow(
                key=key,
                active=True,
                status=None,
                sequence=0,
                tracked_at=0.0,
                metadata={},
                snapshot=None,
            )

    def happen(self, key: TaskKey, *, ends: bool = False) -> None:
        row = self._rows[key]
        number = row.sequence + 1
        self._rows[key] = replace(
            row, sequence=number, active=not ends, status="SUCCESS" if ends else None
        )
        made = event(number, task=key.id, upstream=key.upstream)
        self._events.setdefault(str(key), []).append(made)
        self.feed.add(made)

    def forget(self, key: TaskKey) -> None:
        del self._rows[key]

    def untrack(self, key: TaskKey) -> None:
        self._rows[key] = replace(self._rows[key], active=False)

    async def rows(self, keys: Sequence[TaskKey]) -> Sequence[TaskRow]:
        return [self._rows[key] for key in keys if key in self._rows]

    async def active(self, upstream: str, most: int) -> Sequence[TaskKey]:
        found = [one.key for one in self._rows.values() if one.active]
        return [key for key in found if key.upstream == upstream][:most]

    async def story(self, subject: str, most: int = 50) -> Sequence[EventRow]:
        return [
            EventRow(event=one, deliveries=(), attempts=())
            for one in self._events.get(subject, [])[-most:]
        ]


async def started(store: Store) -> Follower:
    follower = Follower(store, store.feed)
    await follower.start()
    return follower


async def all_of(steps: AsyncIterator[Event | Ended]) -> list[int | Ended]:
    async with asyncio.timeout(30):
        return [one if isinstance(one, Ended) else one.sequence async for one in steps]


async def test_every_event_is_there_once_and_before_the_end() -> None:
    store = Store()
    store.track(KEY, OTHER)
    follower = await started(store)
    for _ in range(600):
        store.happen(KEY)
    store.happen(OTHER)
    store.happen(KEY, ends=True)

    *numbers, last = await all_of(follower.until_ended([KEY]))

    assert numbers == list(range(1, 602))
    assert isinstance(last, Ended)
    assert last.row is not None
    assert last.row.status == "SUCCESS"


async def test_a_task_that_runs_begins_with_how_it_stands() -> None:
    store = Store()
    store.track(KEY)
    store.happen(KEY)
    store.happen(KEY)
    follower = await started(store)
    store.happen(KEY)  # between the moment and the first read

    steps = follower.until_ended([KEY], include_current=True)
    first = await anext(steps)
    store.happen(KEY, ends=True)
    *rest, _ = await all_of(steps)

    assert isinstance(first, Event)
    assert [first.sequence, *rest] == [3, 4]


async def test_a_task_that_ends_without_an_event_ends_all_the_same() -> None:
    store = Store()
    store.track(KEY, OTHER)
    follower = await started(store)
    store.untrack(KEY)
    store.forget(OTHER)

    ends = await all_of(follower.until_ended([KEY, OTHER], include_current=True))

    rows = {one.key: one.row for one in ends if isinstance(one, Ended)}
    assert rows.keys() == {KEY, OTHER}
    assert rows[KEY] is not None
    assert rows[OTHER] is None


async def test_all_tasks_of_some_upstreams_are_followed_without_being_named() -> None:
    store = Store()
    mirrored = TaskKey("mirror", "3")
    store.track(KEY, mirrored)
    store.happen(KEY)
    follower = await started(store)
    store.track(OTHER)
    store.happen(mirrored)
    store.happen(OTHER)

    async with asyncio.timeout(30):
        first = await anext(follower.events(["default"]))

    assert first.subject == str(OTHER)
