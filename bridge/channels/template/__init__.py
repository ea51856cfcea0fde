"""
The template channel: any HTTP request that a pipeline wants, written by its operator.

Body and headers are templates over the event. Nothing in an event can change what a request
is (see `language` and `escaping`): it ends no text, adds no field and no header. And no
template can stop the bridge (see `budget`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.channels.info import ChannelInfo, SettingProblem
from bridge.channels.template.channel import deliver, faults, sample_response
from bridge.channels.template.options import TemplateOptions

__all__ = ["INFO", "deliver", "faults", "sample_response"]


def _validate(settings: Mapping[str, object]) -> Iterator[SettingProblem]:
    """Report a template that says nothing about what it sends, or says it twice."""
    method = settings.get("method")
    bodiless = isinstance(method, str) and method.strip().upper() in {"GET", "DELETE"}
    if "preset" in settings and "body" in settings:
        yield "body", "set this or preset, not both"
    elif not bodiless and "preset" not in settings and "body" not in settings:
        yield "body", "is required, unless preset is set"


INFO = ChannelInfo(
    options=TemplateOptions,
    validate=_validate,
)
