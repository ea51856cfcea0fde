"""
The delivery half of `tests.fake_store.FakeStore`: lanes and endpoints, in memory.

It keeps the promises of `bridge.app.ports.DeliveryStore` in the plainest way there is: one
object per lane that says where it waits, and loops over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil, inf
from typing import Literal

from bridge.app.ports import Delivery, DeliveryClaim, Publication, Settled, Settlement
from bridge.core.delivery import Attempt, Disposition, Tried, Verdict
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.event import Event
from bridge.core.http import ChannelState

Where = Literal["fresh", "retry", "woken", "edits", "flight", "suspect"]
State = Literal["pending", "delivered", "superseded", "dead"]


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 1_750_000_000.0


@dataclass
class Kept:
    """An event that is kept, and what became of it."""

    event: Event
    since: float
    states: dict[str, State] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    attempts: list[tuple[str, Attempt, str]] = field(default_factory=list)
    closed_at: float | None = None
    again: dict[str, float] = field(default_factory=dict)


@dataclass
class Head:
    """What is known of a lane's first event."""

    token: str = ""
    claims: int = 0
    attempts: int = 0
    first: float | None = None
    due: float | None = None
    failures: int = 0
    refusals: int = 0


@dataclass
class Lane:
    """Event ids waiting for one endpoint, oldest first."""

    endpoint: str
    name: str
    queue: list[str] = field(default_factory=list)
    head: Head = field(default_factory=Head)
    where: Where = "fresh"
    at: float = 0.0  #: Fresh since; due; until when its lease lasts; a suspect since.
    woken_at: float = -inf  #: Tried early because of news.
    revived_at: float = -inf  #: Tried early because the endpoint was back.
    roused: bool = False  #: Whether news has moved its next attempt forward.


@dataclass
class Health:
    """An endpoint."""

    name: str
    kind: str = ""
    concurrency: int = 1
    edits: bool = False
    rate: Rate | None = None
    lease: float = 30.0
    url: str | None = None
    seen_at: float = 0.0
    served: int = 0
    turn: int = 0
    tokens: float = inf
    tokens_at: float = 0.0
    failures: int = 0
    faults: int = 0
    opens: int = 0
    open_until: float = 0.0
    trial: str = ""
    trial_until: float = 0.0
    hold_until: float = 0.0
    paused: bool = False
    disabled: bool = False
    told_disabled: bool = False
    away: bool = False
    latency: float | None = None
    succeeded_at: float | None = None
    reason: str | None = None

    @property
    def slow(self) -> bool:
        return (self.latency or 0.0) > 1 or self.failures > 0

    @property
    def task_state(self) -> bool:
        return self.paused or self.disabled or self.away

    def tokens_now(self, now: float) -> float:
        if self.rate is None:
            return inf
        flown = max(0.0, now - self.tokens_at) * self.rate.per_second
        return min(self.rate.burst, self.tokens + flown + 1e-6)


class FakeLanes:
    """Lanes, endpoints and the events in them."""

    def __init__(self, clock: Clock, retention: float) -> None:
        self.clock = clock
        self.retention = retention
        self.kept: dict[str, Kept] = {}
        self.lanes: dict[tuple[str, str], Lane] = {}
        self.health: dict[str, Health] = {}
        self.memories: dict[tuple[str, str], tuple[ChannelState, float]] = {}
        self.edit_at: dict[tuple[str, str], float] = {}
        self.suspect_under_way: tuple[str, float] | None = None
        self.gates: dict[str, float] = {}
        self._numbers = count(1)

    # --- coming in --------------------------------------------------------------------

    def wake(self, queue: str) -> bool:
        """Whether a wake-up is to be sent: none is on its way."""
        if self.gates.get(queue, 0.0) > self.clock.now:
            return False
        self.gates[queue] = self.clock.now + 0.5
        return True

    def tell(self, publication: Publication) -> None:
        event = publication.event
        if event.id in self.kept:
            return
        kept = self.kept[event.id] = Kept(event=event, since=self.clock.now)
        if not publication.endpoints:
            kept.closed_at = self.clock.now
        for endpoint in publication.endpoints:
            kept.states[endpoint] = "pending"
            self._append(endpoint, event)

    def find(self, event_id: str) -> Kept | None:
        kept = self.kept.get(event_id)
        if kept is None or kept.closed_at is None:
            return kept
        return None if kept.closed_at + self.retention <= self.clock.now else kept

    def endpoint(self, name: str) -> Health:
        return self.health.setdefault(name, Health(name, seen_at=self.clock.now))

    def configure(self, endpoints: Iterable[Endpoint]) -> list[str]:
        changed = []
        for one in endpoints:
            health = self.endpoint(one.name)
            if health.url not in {None, one.url}:
                health.paused, health.disabled, health.reason = False, False, None
                health.faults = health.opens = 0
                health.open_until = health.trial_until = health.hold_until = 0.0
                changed.append(one.name)
            health.kind, health.url, health.away = one.kind, one.url, False
            health.concurrency, health.rate = one.concurrency, one.rate
            health.edits = one.edits
            health.lease, health.seen_at = one.timeout + 10.0, self.clock.now
        return changed

    def redeliver(
        self, event_id: str, endpoint: str, *, dead_only: bool
    ) -> Literal["queued", "open", "recent", "unknown", "skipped"]:
        kept = self.find(event_id)
        if kept is None or endpoint not in kept.states:
            return "unknown"
        if kept.states[endpoint] == "pending":
            return "open"
        asked = kept.again.get(endpoint, -inf)
        if kept.states[endpoint] == "delivered" and self.clock.now - asked < 30:
            return "recent"
        if dead_only and kept.states[endpoint] != "dead":
            return "skipped"
        kept.states[endpoint] = "pending"
        kept.again[endpoint] = self.clock.now
        kept.why.pop(endpoint, None)
        kept.closed_at, kept.since = None, self.clock.now
        self.endpoint(endpoint)
        lane = f"~{event_id}"
        self.lanes[endpoint, lane] = Lane(endpoint, lane, [event_id], at=self.clock.now)
        return "queued"

    def _append(self, endpoint: str, event: Event) -> None:
        self.endpoint(endpoint)
        lane = self.lanes.setdefault(
            (endpoint, event.subject), Lane(endpoint, event.subject)
        )
        if lane.queue and self._is_passing(endpoint, lane.queue[-1]):
            if len(lane.queue) > 1:
                self._close(lane.queue.pop(), endpoint, "superseded")
            elif lane.where != "flight":
                self._give_way(lane)
        lane.queue.append(event.id)
        if len(lane.queue) == 1:
            self._place(lane)
        else:
            self._rouse(lane)

    def _rouse(self, lane: Lane) -> None:
        at = self._next_wake(lane.woken_at)
        if lane.where == "retry" and at < lane.at:
            lane.at, lane.roused = at, True

    def _give_way(self, lane: Lane) -> None:
        due, lane.head = lane.head.due, Head()
        self._close(lane.queue.pop(), lane.endpoint, "superseded")
        if due is None:
            return
        at = self._next_wake(lane.woken_at)
        if at > self.clock.now:
            lane.head.due, lane.roused = min(due, at), True
        else:
            lane.woken_at = self.clock.now

    def _next_wake(self, last: float) -> float:
        """When a lane may be woken again."""
        return max(self.clock.now, last + 30.0)

    # --- going out --------------------------------------------------------------------

    def claim(self, limit: int, slow_limit: int, *, alone: bool) -> DeliveryClaim:
        now = self.clock.now
        claimed: list[Delivery] = []
        if alone:
            self._claim_suspect(claimed)
        else:
            names = sorted(self.health, key=lambda name: self.health[name].served)
            ready = [name for name in names if self._next_time(name) <= now]
            for place, name in enumerate(ready):
                left = limit - len(claimed)
                if left < 1:
                    break
                taken = self._serve(name, ceil(left / (len(ready) - place)), slow_limit)
                slow_limit -= len(taken) if self.health[name].slow else 0
                claimed += taken
        waits = [self._next_time(name) for name in self.health]
        soonest = min(waits, default=inf)
        return DeliveryClaim(
            deliveries=claimed,
            suspects=self._first_suspect() is not None,
            next_in=None if soonest == inf else max(0.0, soonest - now),
        )

    def _of(self, endpoint: str) -> list[Lane]:
        return [
            lane
            for lane in self.lanes.values()
            if lane.endpoint == endpoint and lane.queue
        ]

    def _free_slots(self, health: Health) -> int:
        most = health.concurrency if health.latency is not None else 5
        in_flight = sum(lane.where == "flight" for lane in self._of(health.name))
        return min(most, health.concurrency) - in_flight

    def _admissible(self, health: Health) -> float:
        now = self.clock.now
        if health.task_state or self._free_slots(health) < 1:
            return inf
        at = max(health.hold_until, health.open_until)
        if health.opens:
            at = max(at, health.trial_until)
        tokens = health.tokens_now(now)
        if health.rate is not None and tokens < 1:
            at = max(at, now + (1 - tokens) / health.rate.per_second)
        return at

    def _next_time(self, name: str) -> float:
        health = self.health[name]
        if health.task_state:
            return inf
        lanes = self._of(name)
        leases = [lane.at for lane in lanes if lane.where == "flight"]
        dues = [
            lane.at if lane.where in {"retry", "edits"} else 0.0
            for lane in lanes
            if lane.where in {"fresh", "retry", "woken", "edits"}
        ]
        free = self._admissible(health) if dues else inf
        return min(max(min(dues, default=inf), free), min(leases, default=inf))

    def _serve(self, name: str, quota: int, slow_limit: int) -> list[Delivery]:
        now, health = self.clock.now, self.health[name]
        for lane in self._of(name):
            if lane.where == "flight" and lane.at <= now:
                self._put_back(lane)
        if self._next_time(name) > now:
            return []
        slots = min(quota, self._free_slots(health))
        if health.slow:
            slots = min(slots, slow_limit)
        slots = int(min(slots, health.tokens_now(now), 1 if health.opens else inf))
        taken = [self._take(lane) for lane in self._choose(health, slots)]
        if taken:
            health.turn = 1 - health.turn
            health.served = next(self._numbers)
            self._spend(health, taken)
        return taken

    def _choose(self, health: Health, slots: int) -> list[Lane]:
        now = self.clock.now
        for lane in self._of(health.name):
            due, at = lane.head.due or 0.0, self._next_wake(lane.revived_at)
            if lane.where == "woken" and not lane.roused and min(at, due) > now:
                lane.where, lane.at = "retry", min(at, due)
        lanes = sorted(self._of(health.name), key=lambda lane: lane.at)
        fresh = [lane for lane in lanes if lane.where == "fresh"]
        recent = [lane for lane in fresh if lane.at >= now - 60][:slots]
        backlog = [lane for lane in lanes if lane.where == "retry" and lane.at <= now]
        backlog += [lane for lane in lanes if lane.where == "woken"]
        backlog += [lane for lane in fresh if lane.at < now - 60]
        share = (slots + health.turn) // 2
        from_recent = min(len(recent), max(share, slots - len(backlog)))
        edits = [lane for lane in lanes if lane.where == "edits" and lane.at <= now]
        chosen = recent[:from_recent] + backlog[: max(0, slots - from_recent)] + edits
        return chosen[: max(0, slots)]

    def _take(self, lane: Lane) -> Delivery:
        now, health, head = self.clock.now, self.health[lane.endpoint], lane.head
        crashes = head.claims - head.attempts
        head.token, head.claims = f"claim{next(self._numbers)}", head.claims + 1
        if lane.roused:
            lane.woken_at, lane.roused = now, False
        elif lane.where in {"retry", "woken"} and (head.due or 0.0) > now:
            lane.revived_at = now
        lane.where, lane.at = "flight", now + health.lease
        return Delivery(
            endpoint=lane.endpoint,
            lane=lane.name,
            event=self._head(lane),
            token=head.token,
            tried=Tried(
                first=head.first,
                due=head.due or 0.0,
                failures=head.failures,
                refusals=head.refusals,
            ),
            attempts=head.attempts,
            crashes=crashes,
            redelivery=lane.name.startswith("~"),
            was_disabled=health.told_disabled,
            slow=health.slow,
            now=now,
            channel_state=self._memory(lane),
        )

    def _memory(self, lane: Lane) -> ChannelState:
        subject = lane.endpoint, self._head(lane).subject
        channel_state, since = self.memories.get(subject, ({}, 0.0))
        return channel_state if self.clock.now - since < self.retention else {}

    def _is_passing(self, endpoint: str, event_id: str) -> bool:
        event = self.kept[event_id].event
        on_the_way = event.type in {"task.submitted", "task.started"}
        edits = self.endpoint(endpoint).edits
        return event.is_progress or (edits and on_the_way)

    def _head(self, lane: Lane) -> Event:
        return self.kept[lane.queue[0]].event

    def _spend(self, health: Health, taken: Sequence[Delivery]) -> None:
        now = self.clock.now
        health.tokens, health.tokens_at = health.tokens_now(now) - len(taken), now
        if health.opens:
            health.trial, health.trial_until = taken[-1].token, now + health.lease

    def _first_suspect(self) -> Lane | None:
        now = self.clock.now
        if self.suspect_under_way is not None and self.suspect_under_way[1] > now:
            return None
        for lane in self.lanes.values():
            health = self.health[lane.endpoint]
            is_suspect = lane.queue and lane.where == "suspect"
            if is_suspect and self._admissible(health) <= now:
                return lane
        return None

    def _claim_suspect(self, claimed: list[Delivery]) -> None:
        lane = self._first_suspect()
        if lane is None:
            return
        health = self.health[lane.endpoint]
        claimed.append(self._take(lane))
        self.suspect_under_way = claimed[0].token, self.clock.now + health.lease
        self._spend(health, claimed)

    # --- coming back ------------------------------------------------------------------

    def settle(self, settlements: Sequence[Settlement]) -> Settled:
        applied = [self._settle(one) for one in settlements]
        waits = [self._next_time(name) for name in self.health]
        return Settled(applied=applied, more=min(waits, default=inf) <= self.clock.now)

    def _settle(self, one: Settlement) -> bool:
        delivery, verdict = one.delivery, one.verdict
        lane = self.lanes.get((delivery.endpoint, delivery.lane))
        if lane is None or not lane.queue or lane.queue[0] != delivery.event.id:
            return False
        delivered = verdict is not None and verdict.disposition is Disposition.DELIVERED
        if lane.head.token != delivery.token and not delivered:
            return False
        health = self.health[delivery.endpoint]
        if health.trial == delivery.token:
            health.trial, health.trial_until = "", 0.0
        if self.suspect_under_way and self.suspect_under_way[0] == delivery.token:
            self.suspect_under_way = None
        lane.head.token = ""
        if verdict is None:
            self._hand_back(lane, away=one.away)
        else:
            self._judge(lane, one, verdict)
        return True

    def _hand_back(self, lane: Lane, *, away: bool) -> None:
        health = self.health[lane.endpoint]
        health.away = health.away or away
        lane.head.claims -= 1
        lane.woken_at = lane.revived_at = -inf
        self._put_back(lane)
        self._rouse(lane)

    def _judge(self, lane: Lane, one: Settlement, verdict: Verdict) -> None:
        delivery, head = one.delivery, lane.head
        kept, health = self.kept[delivery.event.id], self.health[delivery.endpoint]
        if one.attempt is not None:
            kept.attempts.append((delivery.endpoint, one.attempt, verdict.disposition))
        subject = delivery.endpoint, delivery.event.subject
        if one.channel_state is not None:
            self.memories[subject] = one.channel_state, self.clock.now
        if one.edit_in:
            self.edit_at[subject] = self.clock.now + one.edit_in
        became = self._note_health(health, one)
        if verdict.disposition is Disposition.RETRY and one.attempt is not None:
            head.attempts += 1
            head.claims, head.due = head.attempts, verdict.due
            head.first = head.first if head.first is not None else one.attempt.started
            head.failures, head.refusals = verdict.failures, verdict.refusals
            self._put_back(lane)
        elif verdict.disposition is Disposition.DELIVERED:
            self._pop(lane, "delivered")
        else:
            self._pop(lane, "dead")
            kept.why[delivery.endpoint] = verdict.reason
            became.add("delivery.dead")
        for publication in one.notices:
            if publication.event.type in became:
                self.tell(publication)

    def save_state(self, delivery: Delivery, channel_state: ChannelState) -> bool:
        lane = self.lanes.get((delivery.endpoint, delivery.lane))
        if lane is None or lane.head.token != delivery.token:
            return False
        subject = delivery.endpoint, delivery.event.subject
        self.memories[subject] = channel_state, self.clock.now
        return True

    def _note_health(self, health: Health, one: Settlement) -> set[str]:
        now, attempt, verdict = self.clock.now, one.attempt, one.verdict
        became: set[str] = set()
        if attempt is None or verdict is None:
            return became
        before = attempt.took if health.latency is None else health.latency
        health.latency = before * 0.8 + attempt.took * 0.2
        health.tokens -= one.extra
        if verdict.hold:
            health.hold_until = max(health.hold_until, now + verdict.hold)
        if verdict.disposition is Disposition.DELIVERED:
            if health.failures or health.told_disabled:
                for lane in self._of(health.name):
                    lane.where = "woken" if lane.where == "retry" else lane.where
            health.failures = health.faults = health.opens = 0
            health.open_until, health.succeeded_at = 0.0, now
            if not health.disabled:
                health.reason = None
                if health.told_disabled and one.delivery.was_disabled:
                    health.told_disabled = False
                    became.add("endpoint.recovered")
            return became
        health.failures += 1
        if not health.disabled:
            health.reason = verdict.reason
        self._judge_breaker(health, attempt)
        if verdict.disable and not health.disabled:
            health.disabled = health.told_disabled = True
            health.reason = verdict.reason
            became.add("endpoint.disabled")
        return became

    def _judge_breaker(self, health: Health, attempt: Attempt) -> None:
        now = self.clock.now
        if attempt.blames_endpoint:
            health.faults += 1
            half_open = health.opens > 0 and now >= health.open_until
            if half_open or (health.faults >= 10 and health.opens == 0):
                health.opens += 1
                health.open_until = now + min(300.0, 5.0 * 2 ** (health.opens - 1))
        elif attempt.status is not None:
            health.faults = health.opens = 0
            health.open_until = 0.0

    def _put_back(self, lane: Lane) -> None:
        """Let go of a head that was in flight and not delivered."""
        if len(lane.queue) > 1 and self._is_passing(lane.endpoint, lane.queue[0]):
            self._pop(lane, "superseded")
        else:
            self._place(lane)

    def _place(self, lane: Lane) -> None:
        head = lane.head
        if head.claims > head.attempts:
            lane.where, lane.at = "suspect", self.clock.now
        elif head.due is not None:
            lane.where, lane.at = "retry", head.due
        elif lane.queue and self._is_passing(lane.endpoint, lane.queue[0]):
            edit_at = self.edit_at.get((lane.endpoint, lane.name), 0.0)
            waits = edit_at if self._head(lane).is_progress else 0.0
            lane.where, lane.at = "edits", max(waits, self.clock.now)
        else:
            lane.where, lane.at = "fresh", self.clock.now

    def _pop(self, lane: Lane, state: State) -> None:
        lane.head, lane.roused = Head(), False
        self._close(lane.queue.pop(0), lane.endpoint, state)
        self._place(lane)
        if not lane.queue:
            del self.lanes[lane.endpoint, lane.name]

    def _close(self, event_id: str, endpoint: str, state: State) -> None:
        kept = self.kept[event_id]
        kept.states[endpoint] = state
        if "pending" not in kept.states.values():
            kept.closed_at = self.clock.now

    def give_up(
        self, endpoint: str, lane_name: str, event_id: str, reason: str
    ) -> bool:
        lane = self.lanes.get((endpoint, lane_name))
        if lane is None or event_id not in lane.queue:
            return False
        if lane.queue[0] != event_id:
            lane.queue.remove(event_id)
            self._close(event_id, endpoint, "dead")
        elif lane.where == "flight" and lane.at > self.clock.now:
            return False
        else:
            self._pop(lane, "dead")
        self.kept[event_id].why[endpoint] = reason
        return True
