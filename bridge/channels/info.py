"""
Channel info: what a configuration has to know of a kind of endpoint before anything is sent.

It stands in the channel's own module, as its `INFO`, so that everything known of a platform is
in one place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from bridge.channels.endpoint_options import ChatOptions
from bridge.core.endpoint import Endpoint, EndpointOptions, Rate
from bridge.core.http import Request, Response

#: The name of a setting, and what is wrong with it; in words that never repeat its value.
SettingProblem: TypeAlias = tuple[str, str]


def _none(settings: Mapping[str, object]) -> Iterable[SettingProblem]:  # noqa: ARG001 - they all will do
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """
    How a platform is asked whether it would accept us, without posting anything.

    Attributes:
        request: Makes the request; ``None`` for an endpoint that can only be posted to.
            Raises `Misconfigured` for one that cannot be the platform's.

        describe: Returns what the response says, for a person.
    """

    request: Callable[[Endpoint], Request | None]
    describe: Callable[[Response], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """
    What is true of every endpoint of a kind. The defaults are those of a simple chat.

    Attributes:
        options: The class of the settings that only this kind and a few others have.

        hosts: The platform's own hosts, by which a URL's kind is known; a leading dot
            stands for any subdomain.

        schemes: The same for URL schemes.

        aliases: Other names of the kind.

        rate: The platform's own limit, unless ``rate_limit`` says otherwise. A bucket lets
            its burst and what flows in meanwhile through at once, so both together stay
            below what the platform counts in one window.

        edits: Whether its messages can be edited in place.

        edits_with: The setting without which they cannot.

        buttons: What a setting has to say before its messages can have buttons of their
            own, any one of these; ``None`` if they cannot.

        ability: What its messages can do, in a few words for people.

        validate: Returns what is wrong with an endpoint's settings, as they were given: a URL
            that cannot be the platform's, above all. Never raises.

        probe: How the platform is asked about an endpoint; ``None`` where it cannot be.
    """

    options: type[EndpointOptions] = ChatOptions
    hosts: tuple[str, ...] = ()
    schemes: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()
    rate: Rate | None = None
    edits: bool = False
    edits_with: str | None = None
    buttons: tuple[str, ...] | None = None
    ability: str = ""
    validate: Callable[[Mapping[str, object]], Iterable[SettingProblem]] = _none
    probe: Probe | None = None

    @property
    def is_chat(self) -> bool:
        """Whether its events are messages for people."""
        return issubclass(self.options, ChatOptions)

    def can_edit(self, options: EndpointOptions) -> bool:
        """Whether messages can be edited at an endpoint with these options."""
        return self.edits and (
            self.edits_with is None or getattr(options, self.edits_with) is not None
        )


def is_at(host: str, hosts: tuple[str, ...]) -> bool:
    """Whether a host is one of a platform's; a leading dot stands for any subdomain."""
    return any(
        host.endswith(known) if known.startswith(".") else host == known
        for known in hosts
    )


def url_like(
    hosts: tuple[str, ...], shape: str, example: str
) -> Callable[[Mapping[str, object]], Iterator[SettingProblem]]:
    """
    Return what reports a URL on a platform's own host that is not like the platform's.

    On another host, a proxy may have paths of its own.

    Args:
        hosts: As in `ChannelInfo`.

        shape: A pattern of path and query, as a whole.

        example: What such URLs look like, for a person.
    """
    pattern = re.compile(shape)

    def validate(settings: Mapping[str, object]) -> Iterator[SettingProblem]:
        host, place = place_of(settings.get("url"))
        if is_at(host, hosts) and not pattern.fullmatch(place):
            yield "url", f"is not {example}"

    return validate


def place_of(url: object) -> tuple[str, str]:
    """Return a URL's host, and its path with its query; both empty if it is not one."""
    try:
        parts = urlsplit(str(url).strip())
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "", ""
    return host, f"{parts.path}?{parts.query}" if parts.query else parts.path
