"""
Views: what is shown of tasks, events, deliveries and endpoints, as JSON objects.

``--json`` prints them, and their schemas describe them. Rule: only what is written out
here is shown; no URL that lets somebody in, no secret.
"""

from bridge.app.views.endpoints import (
    DeliveryView,
    EndpointView,
    FindingView,
    RedeliveryView,
    RequestView,
    SampleView,
)
from bridge.app.views.tasks import (
    EventView,
    NewsView,
    TaskDetailView,
    TaskEndView,
    TaskView,
    TrackingResult,
    TrackingView,
)
from bridge.app.views.view import View

__all__ = [
    "DeliveryView",
    "EndpointView",
    "EventView",
    "FindingView",
    "NewsView",
    "RedeliveryView",
    "RequestView",
    "SampleView",
    "TaskDetailView",
    "TaskEndView",
    "TaskView",
    "TrackingResult",
    "TrackingView",
    "View",
]
