"""Counters: what metrics are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.app.ports.life import SignsOfLife
from bridge.app.ports.rows import DeliveryState

#: The label under which the hooks of all origins are counted together.
HOOKS = "hook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """
    How long something took, in seconds, since the store was made.

    Attributes:
        bounds: The upper bounds of the buckets, in rising order; a last bucket has none.

        counts: Observations by bucket, one more than there are bounds; not cumulative.

        total: The sum of all observations.
    """

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """
    What metrics are made of, of the whole deployment, read at one moment.

    Counters rise from when the store was made. Names come from the configuration; hooks
    of all origins are together under `HOOKS`.

    Attributes:
        events: By type.

        attempts: By endpoint and outcome: ``delivered``, ``timeout``, ``5xx``, ...

        clicks: On buttons of chats, by endpoint and `ClickOutcome`.

        dead: Deliveries that were given up, by endpoint.

        polls: By upstream and outcome: ``ok``, or the error.

        attempt_seconds: By endpoint.

        delivery_latency: By endpoint, from the change to the answer that accepts it;
            without what was sent again by hand.

        poll_seconds: By upstream.

        poll_lag: By upstream, of each poll of a task: how long after it was due.

        tasks: Those that are kept, by upstream, status (``-`` for one never seen), and
            whether they are polled.

        deliveries: Those of the events that are kept, by endpoint and state.

        oldest_pending_at: By endpoint, where something waits.

        endpoints_up: False while an endpoint is disabled, configured nowhere, or fails while
            something waits for it.

        upstreams_up: False while an upstream fails.

        memory_full: Whether the store's memory is nearly used up.

        life: When beat and workers were last heard of.
    """

    events: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    clicks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    dead: Mapping[str, int] = field(default_factory=dict)
    polls: Mapping[tuple[str, str], int] = field(default_factory=dict)
    attempt_seconds: Mapping[str, Histogram] = field(default_factory=dict)
    delivery_latency: Mapping[str, Histogram] = field(default_factory=dict)
    poll_seconds: Mapping[str, Histogram] = field(default_factory=dict)
    poll_lag: Mapping[str, Histogram] = field(default_factory=dict)
    tasks: Mapping[tuple[str, str, bool], int] = field(default_factory=dict)
    deliveries: Mapping[tuple[str, DeliveryState], int] = field(default_factory=dict)
    oldest_pending_at: Mapping[str, float] = field(default_factory=dict)
    endpoints_up: Mapping[str, bool] = field(default_factory=dict)
    upstreams_up: Mapping[str, bool] = field(default_factory=dict)
    memory_full: bool = False
    life: SignsOfLife = field(default_factory=SignsOfLife)
