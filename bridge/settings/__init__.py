"""
Settings: environment, ``.env`` and TOML become typed values, or one error that says all.

Read `load` first, then `models`; `sources` and `files` read, `checks` and the types of
`fields`, `addresses` and `credentials` judge, `problems` finds the words.
"""

from bridge.settings.kinds import (
    CHAT_EVENTS,
    CHAT_KINDS,
    KINDS,
    Kind,
    default_events,
    infer,
)
from bridge.settings.load import load_settings
from bridge.settings.models import (
    DEFAULT_BASE_URL,
    EndpointSettings,
    Settings,
    UpstreamSettings,
)

__all__ = [
    "CHAT_EVENTS",
    "CHAT_KINDS",
    "DEFAULT_BASE_URL",
    "KINDS",
    "EndpointSettings",
    "Kind",
    "Settings",
    "UpstreamSettings",
    "default_events",
    "infer",
    "load_settings",
]
