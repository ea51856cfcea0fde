"""Templates of endpoints, tried with sample events as soon as their settings are typed."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.channels import template
from bridge.settings.models import Settings
from bridge.settings.problems import Problem


def problems(settings: Settings) -> Iterator[Problem]:
    """Say what is wrong with templates: one problem for a setting, all its lines in it."""
    for name, endpoint in settings.endpoints.items():
        if endpoint.kind != "template":
            continue
        said: dict[tuple[str, ...], list[str]] = {}
        for fault in template.faults(endpoint.to_endpoint(name)):
            said.setdefault(tuple(fault.setting.split(".", 1)), []).append(str(fault))
        for setting, texts in said.items():
            yield Problem(path=("endpoints", name, *setting), text="; ".join(texts))
