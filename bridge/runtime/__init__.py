"""
Wiring: the only place that knows ports and adapters. It owns the clock and the dice.

`parts` makes single objects from settings, `engine` is what a worker runs, `office` is
where commands and programs come to.
"""

from bridge.runtime.deployment import (
    Deployment,
    await_store,
    checked,
    choose_upstream,
    track_now,
)
from bridge.runtime.engine import Engine
from bridge.runtime.factories import (
    broker,
    endpoints_of,
    polled,
    receivers_of,
    store_url,
    upstream_of,
)

__all__ = [
    "Deployment",
    "Engine",
    "await_store",
    "broker",
    "checked",
    "choose_upstream",
    "endpoints_of",
    "polled",
    "receivers_of",
    "store_url",
    "track_now",
    "upstream_of",
]
