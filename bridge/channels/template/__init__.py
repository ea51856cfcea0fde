"""
The template channel: any HTTP request that a pipeline wants, written by its operator.

Body and headers are templates over the event. Nothing in an event can change what a request
is (see `language` and `escaping`): it ends no text, adds no field and no header. And no
template can stop the bridge (see `budget`).
"""

from __future__ import annotations

from bridge.channels.info import ChannelInfo
from bridge.channels.template.channel import deliver, faults, sample_response

__all__ = ["INFO", "deliver", "faults", "sample_response"]

INFO = ChannelInfo(
    is_chat=False,
    options=frozenset(
        {"token", "method", "preset", "body", "content_type", "success", "values"}
    ),
)
