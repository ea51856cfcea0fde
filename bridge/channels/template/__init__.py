"""
The template channel: any HTTP request that a pipeline wants, written by its operator.

Body and headers are templates over the event. Nothing of an event can change what a
request is (see `language` and `writing`): it ends no text, adds no field and no header.

`faults` tries an endpoint's templates before anything has happened, with events that say
much, next to nothing, and what strangers might say, so that a misspelt field is found when
the bridge starts and not by the first failed task.
"""

from __future__ import annotations

from bridge.channels.info import ChannelInfo
from bridge.channels.template.channel import deliver, sample_response
from bridge.channels.template.checking import faults, problems
from bridge.channels.template.faults import TemplateFault

__all__ = ["INFO", "TemplateFault", "deliver", "faults", "problems", "sample_response"]

INFO = ChannelInfo(
    is_chat=False,
    options=frozenset(
        {"token", "method", "preset", "body", "content_type", "success", "values"}
    ),
)
