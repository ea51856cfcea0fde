"""Tasks in the store: tracked, claimed, polled and recorded. See `bridge.app.ports.TaskStore`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from secrets import token_hex
from typing import Any

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import Keyspace, named, rows
from bridge.app.ports import (
    DueTask,
    PollClaim,
    PollFailure,
    PollLimits,
    PollResult,
    Publication,
    Recorded,
    Tracked,
)
from bridge.core.event import Json
from bridge.core.task import TaskKey, TaskSnapshot

#: Ids in one call of the track script, so that none blocks the store for long.
TRACKED_AT_ONCE = 500
#: What one call of the record script may cost, for the same reason: a poll result counts
#: for one, and so does each delivery that it leads to.
RECORDED_AT_ONCE = 500


class StoredTasks:
    """The tasks of one deployment, in Redis or Valkey."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def track(
        self, upstream: str, ids: Sequence[str], metadata: Mapping[str, Json]
    ) -> tuple[Tracked, bool]:
        """
        Begin to poll tasks, at once.

        Returns:
            Which are new and which were tracked already, in the order given, and
            whether a poller should be woken.
        """
        tracked: list[str] = []
        known: list[str] = []
        wake = False
        text = codec.dumps(metadata)
        remaining = iter(ids)
        while chunk := list(islice(remaining, TRACKED_AT_ONCE)):
            given = {
                "upstream": upstream,
                "incarnation": token_hex(8),
                "metadata": text,
                "ids": chunk,
            }
            woke, news = await self._keys.run("track", codec.dumps(given))
            wake = wake or bool(woke)
            for task_id, new in zip(chunk, news, strict=True):
                (tracked if new else known).append(task_id)
        return Tracked(tracked=tuple(tracked), known=tuple(known)), wake

    async def claim_tasks(self, upstream: str, limits: PollLimits) -> PollClaim:
        """Claim a batch of due tasks within the upstream's limits."""
        token = token_hex(8)
        reply = await self._keys.run(
            "claim_tasks",
            upstream,
            token,
            limits.batch_size,
            limits.concurrency,
            limits.rate.per_second,
            limits.rate.burst,
            limits.lease,
        )
        claim = named(reply)
        return PollClaim(
            upstream=upstream,
            tasks=[_due_task(row) for row in rows(claim["columns"], claim["tasks"])],
            now=float(claim["now"]),
            clock=float(claim["clock"] or 0),
            failures=int(claim["failures"] or 0),
            unhealthy=claim["unhealthy_since"] is not None,
            unhealthy_since=float(claim["failing_since"] or 0),
            token=token,
            next_in=None if claim["next_in"] is None else float(claim["next_in"]),
        )

    async def poll_succeeded(
        self,
        claim: PollClaim,
        *,
        requests: int = 1,
        clock_step: float = 0.0,
        recovery: Publication | None = None,
    ) -> bool:
        """Note that a claim got a valid answer, and free its place."""
        given = self._answer(claim, requests, clock_step) | {"outcome": "ok"}
        if recovery is not None:
            given |= codec.write_publication(recovery)
        return await self._answered(given)

    async def poll_failed(
        self,
        claim: PollClaim,
        failure: PollFailure,
        *,
        requests: int = 1,
        clock_step: float = 0.0,
    ) -> bool:
        """Note that a claim got no valid answer, and free its place."""
        given = self._answer(claim, requests, clock_step) | {
            "outcome": failure.error,
            "hold": failure.hold,
            "reason": failure.reason,
            "since": failure.since,
            "announce": failure.notice is not None,
        }
        if failure.notice is not None:
            given |= codec.write_publication(failure.notice)
        return await self._answered(given)

    def _answer(
        self, claim: PollClaim, requests: int, clock_step: float
    ) -> dict[str, object]:
        return {
            "upstream": claim.upstream,
            "token": claim.token,
            "claimed_at": claim.now,
            "retention": self._keys.retention,
            "tasks": [str(due.key) for due in claim.tasks],
            "extra": requests - 1,
            "step": clock_step,
        }

    async def _answered(self, given: Mapping[str, object]) -> bool:
        wake, _told = await self._keys.run("answered", codec.dumps(given))
        return bool(wake)

    async def return_tasks(self, claim: PollClaim) -> None:
        """Hand back a claim that the upstream was not asked about."""
        tasks = [str(due.key) for due in claim.tasks]
        given = {"upstream": claim.upstream, "token": claim.token, "tasks": tasks}
        await self._keys.run("return_tasks", codec.dumps(given))

    async def record(self, results: Sequence[PollResult]) -> Recorded:
        """Record poll results, each as a whole or not at all."""
        applied: list[bool] = []
        wake = False
        for some in _portions(results):
            given = {
                "retention": self._keys.retention,
                "looks": [_poll_result(result) for result in some],
            }
            woke, done = await self._keys.run("record", codec.dumps(given))
            wake = wake or bool(woke)
            applied += [bool(one) for one in done]
        return Recorded(applied=applied, wake=wake)

    async def snapshot(self, key: TaskKey) -> TaskSnapshot | None:
        """Return the snapshot kept of a task, if it was ever seen."""
        return codec.read_snapshot(await self._keys.field(f"task:{key}", "snapshot"))


def _portions(results: Sequence[PollResult]) -> list[list[PollResult]]:
    """Cut poll results into calls that cost the store about the same, at most."""
    portions: list[list[PollResult]] = []
    room = 0
    for result in results:
        publication = result.publication
        cost = 1 if publication is None else 1 + len(publication.endpoints)
        if cost > room:
            portions.append([])
            room = RECORDED_AT_ONCE
        portions[-1].append(result)
        room -= cost
    return portions


def _due_task(row: Mapping[str, Any]) -> DueTask:
    metadata = row["metadata"]
    return DueTask(
        key=TaskKey.read(row["task"]),
        incarnation=row["incarnation"],
        version=int(row["version"]),
        sequence=int(row["sequence"]),
        task_state=codec.read_task_state(row["held"]),
        # Most have none; parsing that took a seventh of the time that reading a task takes.
        metadata={} if metadata == "{}" else json.loads(metadata),
        tracked_at=float(row["tracked_at"]),
        tracked_clock=float(row["tracked_clock"]),
        misses=int(row["misses"]),
        missed_clock=float(row["missed_clock"]),
    )


def _poll_result(result: PollResult) -> dict[str, object]:
    due = result.due
    row: dict[str, object] = {
        "task": str(due.key),
        "upstream": due.key.upstream,
        "incarnation": due.incarnation,
        "version": due.version,
        "misses": result.misses,
        "missed_clock": result.missed_clock,
    }
    if result.next_in is not None:
        row["next_in"] = result.next_in
    if result.task_state is not None:
        row["held"] = codec.write_task_state(result.task_state)
        row["status"] = result.task_state.status or ""
    if result.snapshot is not None:
        row["snapshot"] = codec.write_snapshot(result.snapshot)
    if result.publication is not None:
        row |= codec.write_publication(result.publication)
    if (
        result.task_state is not None
        or result.publication is not None
        or result.misses != due.misses
    ):
        row["written"] = True
    return row
