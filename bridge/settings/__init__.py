"""
Settings: environment, ``.env`` and TOML become typed values, or one error that lists all.

Read `load` first, then `models` and `kinds`; `tree` is what these can hold, by its names. `sources`
reads, `checks` and the types of `types`, `addresses` and `rule_types` judge, `problems` finds the
words.
"""

from bridge.settings.kinds import (
    CHAT_EVENTS,
    CHAT_KINDS,
    KINDS,
    EndpointSettings,
    default_events,
    endpoint_settings,
    infer,
)
from bridge.settings.load import load_settings
from bridge.settings.models import (
    DEFAULT_BASE_URL,
    ActionSettings,
    ArchiveSettings,
    GatewaySettings,
    HookSettings,
    LinkSettings,
    RuleSettings,
    Settings,
    UpstreamSettings,
    WebSettings,
)

__all__ = [
    "CHAT_EVENTS",
    "CHAT_KINDS",
    "DEFAULT_BASE_URL",
    "KINDS",
    "ActionSettings",
    "ArchiveSettings",
    "EndpointSettings",
    "GatewaySettings",
    "HookSettings",
    "LinkSettings",
    "RuleSettings",
    "Settings",
    "UpstreamSettings",
    "WebSettings",
    "default_events",
    "endpoint_settings",
    "infer",
    "load_settings",
]
