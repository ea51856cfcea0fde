"""
The template channel: any HTTP request that a pipeline wants, written by its operator.

Body and headers are templates over the event. Nothing of an event can change what a
request is (see `language` and `writing`): it ends no text, adds no field and no header.

`faults` tries an endpoint's templates before anything has happened, with events that say
much, next to nothing, and what strangers might say, so that a misspelt field is found when
the bridge starts and not by the first failed task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.channels.info import ChannelInfo, SettingProblem
from bridge.channels.template.channel import deliver, sample_response
from bridge.channels.template.checking import faults, problems
from bridge.channels.template.faults import TemplateFault
from bridge.channels.template.options import TemplateOptions

__all__ = ["INFO", "TemplateFault", "deliver", "faults", "problems", "sample_response"]


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
