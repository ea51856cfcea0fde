"""Tasks in the store: tracked, claimed, polled and recorded. See `bridge.app.ports.TaskStore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from secrets import token_hex
from typing import Any

from bridge.adapters.store import codec
from bridge.adapters.store.actions import written
from bridge.adapters.store.keyspace import Keyspace, named
from bridge.adapters.store.polled import LostClaims, due_tasks, read_claim
from bridge.adapters.store.scripts import Script
from bridge.app.humanize import counted
from bridge.app.ports import (
    PollClaim,
    PollFailure,
    PollLimits,
    PollResult,
    Publication,
    Recorded,
    Tracked,
)
from bridge.core.event_data import Json
from bridge.core.freshness import BOUNDS, Sketch, bucket_of
from bridge.core.hook import Hook
from bridge.core.task import TaskKey, TaskSnapshot
from bridge.errors import StoreUnavailable

#: Ids in one call of the track script, so that none blocks the store for long.
TRACKED_AT_ONCE = 500
#: What one call of the record script may cost, for the same reason: a poll result counts
#: for one, and so does each delivery that it leads to.
RECORDED_AT_ONCE = 500

#: Why a task does not take on a hook, by the script's word for it.
_REJECTED = {
    "other_hook": "it is tracked with another hook",
    "full": "hooks have {} origins already, and may not have more (hooks.max_origins)",
}


class StoredTasks:
    """The tasks of one deployment, in Redis or Valkey."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys
        self._lost = LostClaims()

    async def await_tracked(self) -> None:
        """Wait until tasks are tracked of which no other worker was told, for a few seconds."""
        await self._keys.take("wakeups:poll")

    async def track(
        self,
        upstream: str,
        ids: Sequence[str],
        metadata: Mapping[str, Json],
        *,
        request: str | None = None,
        hook: Hook | None = None,
        hook_refused: str = "",
        max_origins: int = 0,
    ) -> Tracked:
        """
        Begin to poll tasks, at once; for a request that is repeated, once.

        Returns:
            Which are new and which were tracked already, in the order given.

        Raises:
            StoreUnavailable: It stopped answering, or is full; the text says how far it came.
        """
        tracked: list[str] = []
        known: list[str] = []
        rejected: dict[str, str] = {}
        shared = {
            "upstream": upstream,
            "metadata": codec.dumps(metadata),
            "max_origins": max_origins,
            "hook_refused": hook_refused,
        }
        if hook is not None:
            shared |= {"hook": codec.write_hook(hook), "hook_at": hook.endpoint}
        remaining = iter(ids)
        while chunk := list(islice(remaining, TRACKED_AT_ONCE)):
            given = {
                **shared,
                "incarnation": token_hex(8),
                "ids": chunk,
                "request": request or "",
                "part": f"tracked:{chunk[0]}",
            }
            try:
                news = await self._keys.run("track", codec.dumps(given))
            except StoreUnavailable as error:
                what, _, _ = str(error).partition(";")
                taken = len(tracked) + len(known)
                msg = (
                    f"{what.rstrip('.')}: {taken or 'none'} of {counted(len(ids), 'task')} "
                    "tracked; ask again for all of them once `mjbridge check` is content"
                )
                raise StoreUnavailable(msg) from error
            for task_id, new in zip(chunk, news, strict=True):
                if new == "tracked":
                    tracked.append(task_id)
                elif new == "known":
                    known.append(task_id)
                else:
                    rejected[task_id] = _REJECTED[new].format(max_origins)
        return Tracked(tracked=tuple(tracked), known=tuple(known), rejected=rejected)

    async def claim_tasks(self, upstream: str, limits: PollLimits) -> PollClaim:
        """Claim a batch of due tasks within the upstream's limits."""
        asked = self._lost.asking(upstream, limits)
        with self._lost.unless_replied(upstream, asked):
            reply = await self._keys.run("claim_tasks", upstream, codec.dumps(asked))
        return read_claim(reply, upstream, asked)

    async def read_due(self, upstream: str, ids: Sequence[str]) -> PollClaim:
        """Return the tasks that are polled, as a claim would, without claiming them."""
        reply = named(await self._keys.run("read_due", upstream, *ids))
        return PollClaim(
            upstream=upstream,
            tasks=due_tasks(reply),
            now=float(reply["now"]),
            clock=float(reply["clock"] or 0),
            failures=0,
            unhealthy=False,
            unhealthy_since=0.0,
            token="",
        )

    async def poll_succeeded(
        self,
        claim: PollClaim,
        *,
        requests: int = 1,
        max_clock_advance: float = 0.0,
        recovery: Publication | None = None,
        waits: Mapping[TaskKey, float] | None = None,
        limits: PollLimits | None = None,
    ) -> PollClaim | None:
        """Note that a claim got a valid answer, and free its place, or use it."""
        given = self._answer(claim, requests, max_clock_advance) | {
            "outcome": "ok",
            "lease_ends": claim.lease_ends,
            "unchanged": [*map(str, waits or ())],
            "waits": [*(waits or {}).values()],
        }
        if recovery is not None:
            given |= codec.write_publication(recovery)
        asked = {} if limits is None else self._lost.asking(claim.upstream, limits)
        with self._lost.unless_replied(claim.upstream, asked):
            reply = await self._answered(given | {"limits": asked})
        return read_claim(reply, claim.upstream, asked) if reply else None

    async def poll_failed(
        self,
        claim: PollClaim,
        failure: PollFailure,
        *,
        requests: int = 1,
        max_clock_advance: float = 0.0,
    ) -> None:
        """Note that a claim got no valid answer, and free its place."""
        given = self._answer(claim, requests, max_clock_advance) | {
            "outcome": failure.error,
            "tasks": [str(due.key) for due in claim.tasks],
            "hold": failure.hold,
            "reason": failure.reason,
            "since": failure.since,
            "announce": failure.notice is not None,
        }
        if failure.notice is not None:
            given |= codec.write_publication(failure.notice)
        await self._answered(given)

    def _answer(
        self, claim: PollClaim, requests: int, max_clock_advance: float
    ) -> dict[str, Any]:
        return {
            "upstream": claim.upstream,
            "token": claim.token,
            "claimed_at": claim.now,
            "retention": self._keys.retention,
            "extra": requests - 1,
            "step": max_clock_advance,
        }

    async def _answered(self, given: Mapping[str, object]) -> Any:
        return await self._keys.run("answered", codec.dumps(given))

    async def return_tasks(self, claim: PollClaim) -> None:
        """Hand back a claim that the upstream was not asked about."""
        await self._keys.run("return_tasks", claim.upstream, claim.token)

    async def record(self, results: Sequence[PollResult]) -> Recorded:
        """Record poll results, each as a whole or not at all."""
        applied: list[bool] = []
        for some in _portions(results):
            texts: list[str] = []
            given = {
                "retention": self._keys.retention,
                "polls": [_poll_result(result, texts) for result in some],
            }
            pressing = any(result.actions for result in some)
            script: Script = "record_pressing" if pressing else "record"
            done = await self._keys.run(script, codec.dumps(given), *texts)
            applied += [bool(one) for one in done]
        return Recorded(applied=applied)

    async def learn(self, upstream: str, ages: Sequence[tuple[str, float]]) -> None:
        """Add to what is known of how long an upstream's tasks take."""
        given = [text for name, age in ages for text in (name, bucket_of(age) + 1)]
        await self._keys.run("learn", upstream, len(BOUNDS), *given)

    async def sketches(self, upstream: str) -> Mapping[str, Sketch]:
        """Return how long an upstream's tasks take, by kind and stage."""
        found = await self._keys.hash(f"ages:{upstream}")
        counts = {name: [*map(int, row.split())] for name, row in found.items()}
        return {
            name: Sketch.of(row)
            for name, row in counts.items()
            if len(row) == len(BOUNDS)
        }

    async def snapshot(self, key: TaskKey) -> TaskSnapshot | None:
        """Return the snapshot kept of a task, if it was ever seen."""
        return codec.read_snapshot(await self._keys.field(f"task:{key}", "snapshot"))


def _portions(results: Sequence[PollResult]) -> list[list[PollResult]]:
    """Cut poll results into calls that cost the store about the same, at most."""
    portions: list[list[PollResult]] = []
    room = 0
    for result in results:
        publication = result.publication
        cost = 1
        if publication is not None:
            cost += len(publication.recipients) + bool(publication.hook)
            cost += len(result.actions)
        if cost > room:
            portions.append([])
            room = RECORDED_AT_ONCE
        portions[-1].append(result)
        room -= cost
    return portions


def _poll_result(result: PollResult, texts: list[str]) -> dict[str, object]:
    """
    Write a poll result.

    Its long texts, which are JSON themselves, join `texts`, and the result has their places there: to
    escape them and to read them again takes longer than all else.
    """
    due = result.due
    row: dict[str, object] = {
        "task": str(due.key),
        "upstream": due.key.upstream,
        "incarnation": due.incarnation,
        "version": due.version,
        "misses": result.misses,
        "missed_clock": result.missed_clock,
    }
    if due.resumed_at:
        row["resumed_at"] = due.resumed_at
    if result.poll_again_in is not None:
        row["next_in"] = result.poll_again_in
    if result.task_state is not None:
        row["state"] = codec.write_task_state(result.task_state)
        row["status"] = codec.shown_status(result.task_state)
    if result.snapshot is not None:
        texts.append(codec.write_snapshot(result.snapshot))
        row["snapshot"] = len(texts)
        row["words"] = codec.words_of(result.snapshot)
    if result.publication is not None:
        texts.append(result.publication.event.body)
        row |= codec.write_publication(result.publication, body=len(texts))
        at = result.publication.event.at
        if result.actions:
            row["actions"] = [written(one, at) for one in result.actions]
    if (
        result.task_state is not None
        or result.publication is not None
        or result.misses != due.misses
    ):
        row["written"] = True
    return row
