"""
Wiring: the only place that knows ports and adapters. It owns the clock and the dice.

`factories` makes single objects from settings, `engine` is what a worker runs, `deployment` is
what commands and programs use, `supervised` is what `mjbridge up` keeps running.
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
