"""The feed: what is new of a task since a position."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.app.feed import Feed
from bridge.app.ports import EventRow, TaskRow
from bridge.core.event import Event
from bridge.core.task import TaskKey

KEY = TaskKey("default", "1")


class Task:
    """A store that keeps one task, with as many events as it is told."""

    def __init__(self, sequence: int, *, active: bool = True) -> None:
        self.sequence = sequence
        self.active_now = active

    @property
    def row(self) -> TaskRow:
        return TaskRow(
            key=KEY,
            active=self.active_now,
            status="IN_PROGRESS",
            sequence=self.sequence,
            tracked_at=0.0,
            metadata={},
            snapshot=None,
        )

    async def rows(self, keys: Sequence[TaskKey]) -> Sequence[TaskRow]:
        return [self.row for key in keys if key == KEY]

    async def active(self, upstream: str, most: int) -> Sequence[TaskKey]:
        return [KEY][:most] if upstream == KEY.upstream and self.active_now else []

    async def story(self, subject: str) -> Sequence[EventRow]:
        return [_event(subject, number + 1) for number in range(self.sequence)]


def _event(subject: str, sequence: int) -> EventRow:
    event = Event(
        id=f"evt_{sequence}",
        type="task.progress",
        subject=subject,
        upstream="default",
        sequence=sequence,
        at=0.0,
        body="{}",
    )
    return EventRow(event=event, deliveries=(), attempts=())


async def read(feed: Feed, task: Task) -> list[int]:
    """The sequences of the events that are new."""
    return [one.event.sequence for one in await feed.news(task.row)]


async def test_every_event_is_news_once_however_many_happen_between_two_reads() -> None:
    task = Task(0)
    feed = Feed(task, {KEY: 0})

    assert await read(feed, task) == []
    task.sequence = 3
    assert await read(feed, task) == [1, 2, 3]
    assert await read(feed, task) == []
    task.sequence = 4
    assert await read(feed, task) == [4]


async def test_a_task_without_a_position_begins_with_where_it_stands() -> None:
    task = Task(2)

    assert await read(Feed(task), task) == [2]
    assert await read(Feed(Task(0)), Task(0)) == []
    assert await read(Feed(task), Task(2, active=False)) == []


async def test_what_happened_before_a_feed_begins_at_the_end_is_no_news() -> None:
    task = Task(2)
    feed = Feed(task)

    await feed.begin_at_the_end([KEY])

    assert await read(feed, task) == []
    task.sequence, task.active_now = 3, False
    assert await read(feed, task) == [3]
    assert await feed.active(["default", "other"]) == []
