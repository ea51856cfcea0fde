"""
Ports: what the use cases need from the outside world, and no more.

All times are seconds since the epoch by the *store's* clock, so that workers on
machines with different clocks agree; `PollClaim.now` and `Delivery.now` are what it showed.
"""

from bridge.app.ports.delivery import (
    Delivery,
    DeliveryClaim,
    DeliveryStore,
    Sender,
    Settled,
    Settlement,
    Waiting,
)
from bridge.app.ports.operator import (
    Admin,
    DeliveryRow,
    DeliveryState,
    EndpointRow,
    EndpointState,
    EventRow,
    Queries,
    RedeliveryResult,
    TaskQueries,
    TaskRow,
    Tracker,
)
from bridge.app.ports.polling import (
    NEARLY_FULL,
    DueTask,
    FetchResult,
    PollClaim,
    PollError,
    PollFailure,
    PollLimits,
    PollResult,
    Recorded,
    TaskStore,
    Tracked,
    Upstream,
)
from bridge.app.ports.publication import Publication

__all__ = [
    "NEARLY_FULL",
    "Admin",
    "Delivery",
    "DeliveryClaim",
    "DeliveryRow",
    "DeliveryState",
    "DeliveryStore",
    "DueTask",
    "EndpointRow",
    "EndpointState",
    "EventRow",
    "FetchResult",
    "PollClaim",
    "PollError",
    "PollFailure",
    "PollLimits",
    "PollResult",
    "Publication",
    "Queries",
    "Recorded",
    "RedeliveryResult",
    "Sender",
    "Settled",
    "Settlement",
    "TaskQueries",
    "TaskRow",
    "TaskStore",
    "Tracked",
    "Tracker",
    "Upstream",
    "Waiting",
]
