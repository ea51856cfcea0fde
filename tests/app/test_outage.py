"""`bridge.app.outage`: what lasts is logged when it begins, once a while, and when it ends."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from structlog.testing import capture_logs

from bridge.app.outage import FolderOutage, Outage
from bridge.app.ports import StoreMemory
from bridge.app.store_memory import MemoryLog


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_is_logged_when_it_begins_once_a_minute_and_when_it_is_over() -> None:
    clock = Clock()
    outage = Outage("store.away", "store.back", quiet=5.0, elapsed=clock)

    with capture_logs() as lines:
        for _ in range(125):
            outage.failed("it does not answer; is it there?")
            clock.now += 1
        for _ in range(20):
            outage.worked()
            clock.now += 1

    assert [(one["event"], one.get("reason")) for one in lines] == [
        ("store.away", "it does not answer; is it there?"),
        ("store.away", "it does not answer"),
        ("store.away", "it does not answer"),
        ("store.back", None),
    ]
    assert [one.get("for_s") for one in lines] == [None, 60, 120, None]


def test_another_reason_is_logged_at_once() -> None:
    clock = Clock()
    outage = Outage("store.away", "store.back", elapsed=clock)

    with capture_logs() as lines:
        for reason in ("silent", "loading", "silent", "loading"):
            outage.failed(reason)

    assert [one["reason"] for one in lines] == ["silent", "loading"]


def test_a_silence_is_logged_once_it_lasts() -> None:
    clock = Clock()
    outage = Outage("store.away", "store.back", silence="silent", elapsed=clock)

    with capture_logs() as lines:
        outage.failed("silent")
        clock.now += 1
        outage.worked()
        for _ in range(6):
            outage.failed("silent")
            clock.now += 1
        outage.worked()

    assert [one["event"] for one in lines] == ["store.away", "store.back"]


def test_a_silence_before_or_beside_a_reason_is_no_reason_of_its_own() -> None:
    clock = Clock()
    outage = Outage("store.away", "store.back", silence="silent", elapsed=clock)

    with capture_logs() as lines:
        for reason in ("silent", "busy", "silent", "silent", "busy", "silent") * 15:
            outage.failed(reason)
            clock.now += 1

    assert [one["reason"] for one in lines] == ["busy", "busy"]


def test_a_silence_that_outlasts_the_reason_is_logged() -> None:
    clock = Clock()
    outage = Outage("store.away", "store.back", silence="silent", elapsed=clock)

    with capture_logs() as lines:
        outage.failed("busy")
        for _ in range(30):
            outage.failed("silent")
            clock.now += 1

    assert [one["reason"] for one in lines] == ["busy", "silent"]


def test_what_fails_now_and_then_is_still_away() -> None:
    clock = Clock()
    outage = Outage("store.away", "store.back", quiet=5.0, elapsed=clock)

    with capture_logs() as lines:
        for _ in range(10):
            outage.failed("full")
            outage.worked()
            clock.now += 4

    assert [one["event"] for one in lines] == ["store.away"]


def test_what_always_worked_is_not_logged() -> None:
    with capture_logs() as lines:
        Outage("store.away", "store.back").worked()

    assert lines == []


def test_too_many_open_files_are_reported_with_the_limit_to_raise() -> None:
    too_many = OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/data/gateway")

    with capture_logs() as lines:
        FolderOutage().met(too_many)

    [line] = lines
    assert (line["event"], line["path"]) == ("gateway.folder_away", "/data/gateway")
    assert line["reason"].startswith("too many open files; ")
    assert "ulimit -n" in line["reason"]


async def test_a_process_that_said_that_memory_is_short_looks_by_itself_until_it_is_not() -> (
    None
):
    """The sweep that finds room is another process's."""
    clock = Clock()
    memory, looks = MemoryLog(elapsed=clock), 0
    stands = StoreMemory(share=0.97, evicts="")

    async def watch() -> StoreMemory:
        nonlocal looks
        looks += 1
        return stands

    with capture_logs() as lines:
        await memory.follow(watch)
        assert looks == 0
        memory.note(stands)
        for _ in range(60):
            clock.now += 5
            await memory.follow(watch)
        stands = StoreMemory(share=0.2, evicts="")
        for _ in range(60):
            clock.now += 5
            await memory.follow(watch)

    assert [(one["event"], one.get("after_s")) for one in lines] == [
        ("store.nearly_full", None),
        ("store.has_room", 330),
    ]
    assert looks == 66
