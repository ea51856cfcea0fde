"""
Ports: what the use cases need from the outside world, and no more.

All times are seconds since the epoch by the *store's* clock, so that workers on
machines with different clocks agree; `PollClaim.now` and `Delivery.now` are what it showed.
"""

from bridge.app.ports.actions import (
    ActionKind,
    ActionRow,
    ActionStore,
    ActionUpstream,
    Begun,
    Masks,
    NewAction,
    Order,
    SearchResult,
    Sought,
)
from bridge.app.ports.admin import Admin, RedeliveryResult, Tracker
from bridge.app.ports.archive import ArchiveUsage, PictureFiles, PictureIndex
from bridge.app.ports.clicks import ClickOutcome, ClickStore
from bridge.app.ports.counters import HOOKS, Counters, Histogram
from bridge.app.ports.delivery import (
    Archival,
    ClaimLimits,
    Delivery,
    DeliveryClaim,
    DeliveryStore,
    Performer,
    Sender,
    Settled,
    Settlement,
    Waiting,
)
from bridge.app.ports.expiring import ExpiringTexts
from bridge.app.ports.feed import Feed, FeedEntry, News, Outcome
from bridge.app.ports.gateways import FetchResult, PollError, Upstream
from bridge.app.ports.idempotency import (
    CLAIMED_FOR,
    KeptAnswer,
    RequestState,
    RequestStore,
)
from bridge.app.ports.life import QUEUES, SignedOn, SignsOfLife
from bridge.app.ports.polling import (
    NEARLY_FULL,
    DueTask,
    PollClaim,
    PollFailure,
    PollLimits,
    PollResult,
    Recorded,
    TaskStore,
    Tracked,
)
from bridge.app.ports.queries import Queries, TaskQueries
from bridge.app.ports.relay import (
    Answer,
    Entry,
    Journal,
    NotPassedOn,
    Passage,
    Passed,
    Sent,
    Spool,
    Submitted,
)
from bridge.app.ports.rows import (
    DeliveryRow,
    DeliveryState,
    EndpointRow,
    EndpointState,
    EventRow,
    Page,
    Row,
    Slot,
    TaskRow,
    UpstreamRow,
    UpstreamState,
    Wait,
)
from bridge.app.ports.wakeups import Queue, Wakeups
from bridge.core.endpoint import Publication

__all__ = [
    "CLAIMED_FOR",
    "HOOKS",
    "NEARLY_FULL",
    "QUEUES",
    "ActionKind",
    "ActionRow",
    "ActionStore",
    "ActionUpstream",
    "Admin",
    "Answer",
    "Archival",
    "ArchiveUsage",
    "Begun",
    "ClaimLimits",
    "ClickOutcome",
    "ClickStore",
    "Counters",
    "Delivery",
    "DeliveryClaim",
    "DeliveryRow",
    "DeliveryState",
    "DeliveryStore",
    "DueTask",
    "EndpointRow",
    "EndpointState",
    "Entry",
    "EventRow",
    "ExpiringTexts",
    "Feed",
    "FeedEntry",
    "FetchResult",
    "Histogram",
    "Journal",
    "KeptAnswer",
    "Masks",
    "NewAction",
    "News",
    "NotPassedOn",
    "Order",
    "Outcome",
    "Page",
    "Passage",
    "Passed",
    "Performer",
    "PictureFiles",
    "PictureIndex",
    "PollClaim",
    "PollError",
    "PollFailure",
    "PollLimits",
    "PollResult",
    "Publication",
    "Queries",
    "Queue",
    "Recorded",
    "RedeliveryResult",
    "RequestState",
    "RequestStore",
    "Row",
    "SearchResult",
    "Sender",
    "Sent",
    "Settled",
    "Settlement",
    "SignedOn",
    "SignsOfLife",
    "Slot",
    "Sought",
    "Spool",
    "Submitted",
    "TaskQueries",
    "TaskRow",
    "TaskStore",
    "Tracked",
    "Tracker",
    "Upstream",
    "UpstreamRow",
    "UpstreamState",
    "Wait",
    "Waiting",
    "Wakeups",
]
