"""
Kinds of endpoint: which there are, how a URL tells its kind, and what each kind can be told.

Nothing of it is said here: it is gathered from the traits of the registered channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from bridge.channels import CHANNELS
from bridge.channels.info import ChannelInfo, is_at
from bridge.core.change import ChangeType
from bridge.core.endpoint import DEFAULT_EVENTS

KINDS = tuple(CHANNELS)

#: Kinds whose events are messages for people.
CHAT_KINDS = frozenset(
    kind for kind, channel in CHANNELS.items() if channel.INFO.is_chat
)

#: What a chat is told unless its ``events`` say otherwise: what ends, and what waits for
#: a person.
CHAT_EVENTS = tuple(
    str(kind)
    for kind in (
        ChangeType.SUCCEEDED,
        ChangeType.FAILED,
        ChangeType.CANCELLED,
        ChangeType.LOST,
        ChangeType.ACTION_REQUIRED,
    )
)

#: Settings that every chat has, and nobody else.
_CHAT_OPTIONS = frozenset(
    {
        *("progress", "min_interval", "final", "silent"),
        *("images", "prompt_max", "language"),
    }
)

#: What a message that is edited in place shows on the way to its end.
_ON_THE_WAY = (ChangeType.SUBMITTED, ChangeType.STARTED, ChangeType.PROGRESS)


def _options() -> Iterator[tuple[str, str]]:
    for kind, channel in CHANNELS.items():
        traits = channel.INFO
        for name in traits.options | (_CHAT_OPTIONS if traits.is_chat else set()):
            yield name, kind


#: The kinds that have a setting. What is not listed, every kind has.
BELONGS_TO: dict[str, frozenset[str]] = {
    name: frozenset(kind for known, kind in _options() if known == name)
    for name in sorted({name for name, _ in _options()})
}

_ALIASES = {
    alias: kind for kind, channel in CHANNELS.items() for alias in channel.INFO.aliases
}


def canonical(kind: str) -> str:
    """Return a kind as it is called here, whatever people call it."""
    kind = kind.strip().lower()
    return _ALIASES.get(kind, kind)


def traits_of(kind: str) -> ChannelInfo:
    """Return the traits of one of `KINDS`."""
    return CHANNELS[kind].INFO


def infer(url: str) -> str:
    """
    Tell a URL's kind by the platform's own host, or by a scheme that only Apprise has.

    Anything else, a URL that is no URL included, is a plain webhook's.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "webhook"
    for kind, channel in CHANNELS.items():
        if parts.scheme in channel.INFO.schemes or is_at(host, channel.INFO.hosts):
            return kind
    return "webhook"


def default_events(kind: str) -> tuple[str, ...]:
    """Globs over the events that a kind is told when nobody says which."""
    return CHAT_EVENTS if kind in CHAT_KINDS else DEFAULT_EVENTS


def with_edits(events: tuple[str, ...]) -> tuple[str, ...]:
    """Add what a message that is edited in place shows on the way."""
    missing = [
        str(kind)
        for kind in _ON_THE_WAY
        if not any(fnmatchcase(kind, glob) for glob in events)
    ]
    return (*events, *missing)


def _known(kind: object) -> object:
    if kind not in KINDS:
        *most, last = map(repr, KINDS)
        msg = f"must be {', '.join(most)} or {last}"
        raise ValueError(msg)
    return kind


#: One of `KINDS`.
Kind: TypeAlias = Annotated[str, BeforeValidator(_known)]
