"""Deliveries in the store: claimed and settled. See `bridge.app.ports.DeliveryStore`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import Keyspace, named, rows
from bridge.adapters.store.scripts import Script
from bridge.app.ports import ClaimLimits, Delivery, DeliveryClaim, Settled, Settlement
from bridge.core.action import ActionOutcome
from bridge.core.delivery import Attempt, DeliveryHistory, Verdict
from bridge.core.http import ChannelState

#: Claims without a reply that are remembered: those of a minute, at one a second.
LOST_AT_MOST = 60
#: Characters of an attempt's `detail` that the attempt log keeps.
LONGEST_DETAIL = 1024
#: The list whose elements wake workers.
_WAKEUPS = "wakeups:deliver"
#: What a settlement may lead to beside its own delivery: a script of its own sees to that, so
#: that no other settlement pays for it.
_EFFECTS = frozenset({"notices", "action", "archival"})


class StoredDeliveries:
    """The deliveries of one deployment, in Redis or Valkey."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys
        #: Tokens of claims whose replies did not arrive.
        self._lost: list[str] = []

    async def claim_deliveries(
        self, limits: ClaimLimits, *, alone: bool = False
    ) -> DeliveryClaim:
        """Claim the heads of due lanes, fairly over the endpoints."""
        return _claim(await self._claiming("claim_deliveries", limits, int(alone)))

    async def claim_when_woken(
        self, limits: ClaimLimits | None
    ) -> DeliveryClaim | None:
        """Wait until work wakes this worker, for a few seconds, and claim in the same round trip."""
        if limits is None:
            await self._keys.take(_WAKEUPS)
            return None
        await self.return_lost()  # a call that waits would hold it up
        reply = await self._claiming("claim_deliveries", limits, 0, behind=_WAKEUPS)
        return _claim(reply)

    async def return_lost(self) -> None:
        """Hand back what was claimed and did not reach us, for others to claim at once."""
        if self._lost:
            nothing = ClaimLimits(limit=0, slow_limit=0)
            await self._claiming("claim_deliveries", nothing, 0)

    async def settle(
        self, settlements: Sequence[Settlement], *, claim: ClaimLimits | None = None
    ) -> Settled:
        """Record what came of claimed deliveries, and claim more."""
        items = [_settlement(settlement) for settlement in settlements]
        given = codec.dumps({"retention": self._keys.retention, "items": items})
        has_effects = any(not _EFFECTS.isdisjoint(item) for item in items)
        claimed: DeliveryClaim | None = None
        if claim is not None and not has_effects:
            applied, reply = await self._claiming("settle_claim", claim, given)
            claimed = _claim(reply)
        else:
            script: Script = "settle_effects" if has_effects else "settle"
            more, applied = await self._keys.run(script, given)
            if claim is not None:
                claimed = _claim(await self._claiming("claim_deliveries", claim, 0))
        return Settled(
            applied=[bool(one) for one in applied],
            more=bool(more) if claimed is None else claimed.next_in == 0,
            claim=claimed,
        )

    async def _claiming(
        self,
        script: Script,
        limits: ClaimLimits,
        *args: str | float,
        behind: str | None = None,
    ) -> list[Any]:
        """
        Run a script that claims; the next one is told of those whose reply got lost.

        Args:
            behind: A list whose next element is taken first, see `Keyspace.take_and_run`.
        """
        token = token_hex(8)
        lost, self._lost = self._lost, []
        hook_limit = limits.hook_limit
        given = (
            *args,
            token,
            limits.limit,
            limits.slow_limit,
            limits.slow_limit if hook_limit is None else hook_limit,
            self._keys.retention,
            *lost,
        )
        try:
            reply: list[Any] = await (
                self._keys.run(script, *given)
                if behind is None
                else self._keys.take_and_run(behind, script, *given)
            )
        except BaseException:  # also when it is cancelled: the script may have run
            self._lost = [*lost, *self._lost, token][-LOST_AT_MOST:]
            raise
        return reply

    async def save_state(self, delivery: Delivery, channel_state: ChannelState) -> bool:
        """Save a channel's state in the middle of an attempt, if the claim still stands."""
        saved = await self._keys.run(
            "save_state",
            delivery.endpoint,
            delivery.lane,
            delivery.token,
            delivery.event.subject,
            codec.dumps(channel_state),
            self._keys.retention,
        )
        return bool(saved)


def _claim(reply: Sequence[Any]) -> DeliveryClaim:
    claim = named(reply)
    now, next_in = float(claim["now"]), claim["next_in"]
    claimed = rows(claim["columns"], claim["deliveries"])
    return DeliveryClaim(
        deliveries=[_delivery(row, now) for row in claimed],
        suspects=bool(claim["suspects"]),
        next_in=None if next_in is None else float(next_in),
    )


def _delivery(row: Mapping[str, Any], now: float) -> Delivery:
    first, channel_state = row["first"], row["state"]
    return Delivery(
        endpoint=row["endpoint"],
        lane=row["lane"],
        event=codec.read_event(row["id"], row),
        token=row["token"],
        history=DeliveryHistory(
            first=None if first is None else float(first),
            due=float(row["due"] or 0),
            failures=int(row["failures"] or 0),
            refusals=int(row["refusals"] or 0),
        ),
        attempts=int(row["attempts"] or 0),
        crashes=int(row["crashes"]),
        redelivery=row["lane"].startswith("~"),
        was_disabled=row["disabled_reported"] is not None,
        slow=bool(row["slow"]),
        now=now,
        channel_state=json.loads(channel_state) if channel_state else {},
        hook=codec.read_hook(row["hook"]),
        traceparent=row["traceparent"],
        archived=codec.read_archived(row["archived"]),
        sequence=int(row["task_sequence"] or 0),
    )


def _settlement(settlement: Settlement) -> dict[str, object]:
    delivery = settlement.delivery
    row: dict[str, object] = {
        "endpoint": delivery.endpoint,
        "lane": delivery.lane,
        "id": delivery.event.id,
        "token": delivery.token,
        "was_disabled": delivery.was_disabled,
        "disposition": "returned",
        "unconfigured": settlement.endpoint_unknown,
    }
    if settlement.verdict is None:
        return row
    row |= _judged(settlement, settlement.verdict)
    # Most of it is false, zero or empty; reading that took the script as long as the rest.
    row = {name: value for name, value in row.items() if value}
    if settlement.attempt is not None:
        row |= _attempted(delivery, settlement.attempt, settlement.verdict)
    return row


def _judged(settlement: Settlement, verdict: Verdict) -> dict[str, object]:
    row: dict[str, object] = {
        "disposition": verdict.disposition,
        "claimed_at": settlement.delivery.now,
        "due": verdict.due,
        "failures": verdict.failures,
        "refusals": verdict.refusals,
        "reason": verdict.reason,
        "disable": verdict.disable,
        "hold": verdict.hold,
        "notices": [codec.write_publication(notice) for notice in settlement.notices],
        "at": settlement.delivery.event.at,
        "subject": settlement.delivery.event.subject,
        "edit_in": settlement.hold_progress,
        "extra": settlement.extra_requests,
        "ends_hook": settlement.ends_hook,
    }
    if settlement.archival is not None:
        row["archival"] = {
            "archived": codec.dumps(settlement.archival.archived.to_json()),
            "publication": codec.write_publication(settlement.archival.publication),
        }
    if settlement.action is not None:
        row["action"] = _action_outcome(settlement.action)
    if settlement.channel_state is not None:
        row["state"] = codec.dumps(settlement.channel_state)
    return row


def _action_outcome(outcome: ActionOutcome) -> dict[str, object]:
    given = {
        "state": outcome.state,
        "ended": outcome.ended,
        "code": outcome.code,
        "reason": outcome.reason,
        "looks": outcome.searches or None,
    }
    return {name: value for name, value in given.items() if value is not None} | {
        "children": list(outcome.children)
    }


def _attempted(
    delivery: Delivery, attempt: Attempt, verdict: Verdict
) -> dict[str, object]:
    first = delivery.history.first
    logged = {
        "endpoint": delivery.endpoint,
        "started": round(attempt.started, 3),
        "took": round(attempt.duration, 4),
        "status": attempt.status,
        "fault": attempt.fault,
        "detail": attempt.detail[:LONGEST_DETAIL],
        "verdict": verdict.disposition,
    }
    return {
        "attempt": codec.dumps(logged),
        "outcome": attempt.outcome,
        "took": attempt.duration,
        "blames": attempt.blames_endpoint,
        "answered": attempt.status is not None,
        "first": attempt.started if first is None else first,
    }
