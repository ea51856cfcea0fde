"""
Endpoints that were removed from the configuration, while something waits for them.

What waits is held, in case that they come back, and given up after an hour.
"""

from __future__ import annotations

from bridge.app.humanize import span
from bridge.app.ports import EndpointRow
from bridge.core.hook import is_hook

#: Seconds without a worker that has an endpoint configured, after which it is gone.
GONE_AFTER = 3600.0
#: Seconds within which a worker that has an endpoint configured says so again. It does every 5 s.
CONFIGURED_LATELY = 30.0


def how_held(row: EndpointRow, now: float) -> str:
    """
    Return until when deliveries are held for an endpoint that no worker has configured.

    Returns:
        Nothing if none wait, or a worker has it configured, or it stands for hooks.
    """
    since = now - (row.configured_at or 0.0)
    if not row.pending or since < CONFIGURED_LATELY or is_hook(row.name):
        return ""
    return f"held, and given up in {span(max(0.0, GONE_AFTER - since))}"


def mend_of_removed(name: str) -> str:
    """Return what to do about deliveries that are held for such an endpoint."""
    return (
        "configure it again before that, or give up at once what waits: "
        f"mjbridge deliveries drop --endpoint {name}"
    )
