"""Deliveries in the store: claimed and settled. See `bridge.app.ports.DeliveryStore`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import Keyspace, named, rows
from bridge.app.ports import Delivery, DeliveryClaim, Settled, Settlement
from bridge.core.delivery import Attempt, Tried, Verdict
from bridge.core.http import ChannelState

#: Claims without a reply that are remembered: those of a minute, at one a second.
LOST_AT_MOST = 60
#: Characters of an attempt's `detail` that the attempt log keeps.
LONGEST_DETAIL = 1024


class StoredDeliveries:
    """The deliveries of one deployment, in Redis or Valkey."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys
        #: Tokens of claims whose replies did not arrive.
        self._lost: list[str] = []

    async def claim_deliveries(
        self, *, limit: int, slow_limit: int, alone: bool = False, woken: bool = False
    ) -> DeliveryClaim:
        """Claim the heads of due lanes, fairly over the endpoints."""
        token = token_hex(8)
        lost, self._lost = self._lost, []
        try:
            reply = await self._keys.run(
                "claim_deliveries",
                token,
                limit,
                slow_limit,
                int(alone),
                int(woken),
                self._keys.retention,
                *lost,
            )
        except BaseException:  # also when it is cancelled: the script may have run
            self._lost = [*lost, *self._lost, token][-LOST_AT_MOST:]
            raise
        claim = named(reply)
        now, next_in = float(claim["now"]), claim["next_in"]
        claimed = rows(claim["columns"], claim["deliveries"])
        return DeliveryClaim(
            deliveries=[_delivery(row, now) for row in claimed],
            suspects=bool(claim["suspects"]),
            next_in=None if next_in is None else float(next_in),
        )

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        """Record what came of claimed deliveries."""
        given = {
            "retention": self._keys.retention,
            "items": [_settlement(settlement) for settlement in settlements],
        }
        more, applied = await self._keys.run("settle", codec.dumps(given))
        return Settled(applied=[bool(one) for one in applied], more=bool(more))

    async def save_state(self, delivery: Delivery, channel_state: ChannelState) -> bool:
        """Save a channel's state in the middle of an attempt, if the claim still stands."""
        saved = await self._keys.run(
            "remember",
            delivery.endpoint,
            delivery.lane,
            delivery.token,
            delivery.event.subject,
            codec.dumps(channel_state),
            self._keys.retention,
        )
        return bool(saved)


def _delivery(row: Mapping[str, Any], now: float) -> Delivery:
    first, channel_state = row["first"], row["memory"]
    return Delivery(
        endpoint=row["endpoint"],
        lane=row["lane"],
        event=codec.read_event(row["id"], row),
        token=row["token"],
        tried=Tried(
            first=None if first is None else float(first),
            due=float(row["due"] or 0),
            failures=int(row["failures"] or 0),
            refusals=int(row["refusals"] or 0),
        ),
        attempts=int(row["attempts"] or 0),
        crashes=int(row["crashes"]),
        redelivery=row["lane"].startswith("~"),
        was_disabled=row["told_disabled"] is not None,
        slow=bool(row["slow"]),
        now=now,
        channel_state=json.loads(channel_state) if channel_state else {},
    )


def _settlement(settlement: Settlement) -> dict[str, object]:
    delivery = settlement.delivery
    row: dict[str, object] = {
        "endpoint": delivery.endpoint,
        "lane": delivery.lane,
        "id": delivery.event.id,
        "token": delivery.token,
        "was_disabled": delivery.was_disabled,
        "fate": "returned",
        "away": settlement.away,
    }
    if settlement.verdict is None:
        return row
    row |= _judged(settlement, settlement.verdict)
    if settlement.attempt is not None:
        row |= _attempted(delivery, settlement.attempt, settlement.verdict)
    return row


def _judged(settlement: Settlement, verdict: Verdict) -> dict[str, object]:
    row: dict[str, object] = {
        "fate": verdict.disposition,
        "claimed_at": settlement.delivery.now,
        "due": verdict.due,
        "failures": verdict.failures,
        "refusals": verdict.refusals,
        "reason": verdict.reason,
        "disable": verdict.disable,
        "hold": verdict.hold,
        "notices": [codec.write_publication(notice) for notice in settlement.notices],
        "subject": settlement.delivery.event.subject,
        "edit_in": settlement.edit_in,
        "extra": settlement.extra,
    }
    if settlement.channel_state is not None:
        row["memory"] = codec.dumps(settlement.channel_state)
    return row


def _attempted(
    delivery: Delivery, attempt: Attempt, verdict: Verdict
) -> dict[str, object]:
    first = delivery.tried.first
    logged = {
        "endpoint": delivery.endpoint,
        "started": round(attempt.started, 3),
        "took": round(attempt.took, 4),
        "status": attempt.status,
        "fault": attempt.fault,
        "detail": attempt.detail[:LONGEST_DETAIL],
        "verdict": verdict.disposition,
    }
    return {
        "attempt": codec.dumps(logged),
        "outcome": attempt.outcome,
        "took": attempt.took,
        "blames": attempt.blames_endpoint,
        "answered": attempt.status is not None,
        "first": attempt.started if first is None else first,
    }
