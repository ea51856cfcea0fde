"""Claims of tasks to poll: what the scripts are asked for, and how their replies are read."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from secrets import token_hex
from typing import Any

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import named
from bridge.app.ports import DueTask, PollClaim, PollLimits
from bridge.core.event_data import Json
from bridge.core.task import TaskKey
from bridge.errors import StoreUnavailable

#: What is read of a task's lineage, in the order in which `codec.read_lineage` takes it.
_LINEAGE = ("parent", "root", "action", "by", "depth")


class LostClaims:
    """
    Claims whose replies never came, of one process: what is asked for along with the next one.

    The store may have made them, and may still. Until their leases are over, each claim names
    them, so that they are given back and hide nothing.
    """

    def __init__(self) -> None:
        #: By upstream: the tokens, each with when the lease is over at the latest.
        self._tokens: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def asking(self, upstream: str, limits: PollLimits) -> dict[str, Any]:
        """Write limits as the scripts take them, with a token for a claim within them."""
        now, tokens = time.monotonic(), self._tokens[upstream]
        for token in [token for token, until in tokens.items() if until < now]:
            del tokens[token]
        return {
            "token": token_hex(8),
            "size": limits.batch_size,
            "concurrency": limits.concurrency,
            "rate": limits.rate.per_second,
            "burst": limits.rate.burst,
            "lease": limits.lease,
            "ride": limits.ride,
            "lost": [*tokens],
        }

    @contextmanager
    def unless_replied(self, upstream: str, asked: Mapping[str, Any]) -> Iterator[None]:
        """Remember a claim if its reply does not come; *asked* is what `asking` returned."""
        try:
            yield
        except StoreUnavailable:
            if asked:
                until = time.monotonic() + asked["lease"]
                self._tokens[upstream][asked["token"]] = until
            raise


def read_claim(
    reply: Sequence[Any], upstream: str, asked: Mapping[str, Any]
) -> PollClaim:
    """Read the claim that was asked for, see `LostClaims.asking`."""
    claim = named(reply)
    now = float(claim["now"])
    return PollClaim(
        upstream=upstream,
        tasks=due_tasks(claim),
        now=now,
        clock=float(claim["clock"] or 0),
        failures=int(claim["failures"] or 0),
        unhealthy=claim["unhealthy_since"] is not None,
        unhealthy_since=float(claim["failing_since"] or 0),
        token=asked["token"],
        lease_ends=now + asked["lease"],
        due_count=int(claim["due"] or 0),
        next_in=None if claim["next_in"] is None else float(claim["next_in"]),
        gone=claim["gone"],
    )


def due_tasks(reply: Mapping[str, Any]) -> list[DueTask]:
    """Read the tasks of a reply, whose columns are named once for all of them."""
    at = {name: place for place, name in enumerate(reply["columns"])}
    lineage = itemgetter(*map(at.__getitem__, _LINEAGE))
    return [
        DueTask(
            key=TaskKey.read(row[at["task"]]),
            incarnation=row[at["incarnation"]],
            version=int(row[at["version"]]),
            sequence=int(row[at["sequence"]]),
            task_state=codec.read_task_state(row[at["state"]]),
            metadata=_metadata(row[at["metadata"]]),
            tracked_at=float(row[at["tracked_at"]]),
            tracked_clock=float(row[at["tracked_clock"]]),
            misses=int(row[at["misses"]]),
            missed_clock=float(row[at["missed_clock"]]),
            lineage=codec.read_lineage(*lineage(row)),
            resumed_at=float(row[at["resumed_at"]] or 0),
        )
        for row in reply["tasks"]
    ]


def _metadata(text: str) -> Mapping[str, Json]:
    # Most have none; parsing that took a seventh of the time that reading a task takes.
    return {} if text == "{}" else json.loads(text)
