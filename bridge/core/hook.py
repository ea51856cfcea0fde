"""
Hooks: a receiver for the events of one task, named by whoever tracks it.

A hook's URL is somebody else's word, and a secret. What can be seen to be wrong with it is
refused when it is given; where its host leads is judged whenever it is connected to.
Rule 1: a host is read as browsers read it (full-width digits, ideographic full stops). What
comes out is a name, or an address in its usual spelling: one in any other spelling
(decimal, octal, hexadecimal, shortened) is refused, wherever it leads.
Rule 2: people, lists and logs are shown the origin of a hook, and nothing else of its URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from bridge.core.address import (
    DEFAULT_PORTS,
    Address,
    Network,
    is_loopback,
    origin_of,
    why_forbidden,
)
from bridge.core.endpoint import Endpoint
from bridge.core.event import ARCHIVED, Event

#: What the name of an endpoint begins with that stands for the hooks of one origin. The
#: names of configured endpoints have no colon.
PREFIX = "hook:"
#: Most characters of a hook's URL.
MAX_URL = 2048
#: Lower ones belong to a system's own services; of those, only HTTP's may be sent to.
FIRST_USER_PORT = 1024
#: Where other programs than HTTP servers listen. They might take a request for commands.
#: Source: WHATWG Fetch, "port blocking"; and the usual stores, brokers and desktops.
BLOCKED_PORTS = frozenset(
    {
        *(1433, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 3306, 3389, 3659, 4045, 4190),
        *(4369, 5060, 5061, 5222, 5432, 5433, 5671, 5672, 5900, 6000, 6379, 6380, 6566),
        *(6665, 6666, 6667, 6668, 6669, 6679, 6697, 8883, 9042, 9092, 9300, 10080),
        *(11211, 26379, 27017, 27018, 28015, 61616),
    }
)

_SCHEME = re.compile(r"(https?)://", re.IGNORECASE)
_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
#: The whole host is an IPv4 address to a browser if its last label is a number (WHATWG URL).
_ENDS_IN_A_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")


class HookFormat(StrEnum):
    """The form of the body that a hook is sent."""

    EVENT = "event"  #: The event, as endpoints of kind ``webhook`` get it.
    MIDJOURNEY = "midjourney"  #: The task, as the protocol's own callback sends it.


#: The kinds of endpoints that send the formats; the second is not for configurations.
_KINDS = {HookFormat.EVENT: "webhook", HookFormat.MIDJOURNEY: "midjourney"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """
    The receiver of one task's events.

    Attributes:
        url: Where it listens. A secret.
    """

    url: str = field(repr=False)
    format: HookFormat = HookFormat.EVENT

    @property
    def endpoint(self) -> str:
        """The endpoint that stands for all hooks of this one's origin: they share its limits."""
        return PREFIX + origin_of(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPolicy:
    """
    Which hooks are taken, and how they are delivered to.

    Attributes:
        endpoint: What holds for the hooks of every origin: events, limits, secrets.

        max_origins: How many origins there may be at once, over all tasks that are kept.

        allow: Networks that may be reached whatever they are.

        own: Origins where the bridge itself listens.
    """

    endpoint: Endpoint
    max_origins: int = 1000
    allow: tuple[Network, ...] = ()
    own: frozenset[str] = frozenset()

    def read(self, url: object, form: object = HookFormat.EVENT) -> Hook:
        """
        Return the hook that somebody asks for, its host in ASCII.

        Raises:
            ValueError: It is not taken; the text says why, and repeats nothing of it.
        """
        hook = Hook(url=_checked(url, self.allow), format=_format(form))
        if origin_of(hook.url) in self.own:
            msg = "a hook must not lead to the bridge itself"
            raise ValueError(msg)
        return hook

    def formats(self, event: Event) -> tuple[HookFormat, ...]:
        """
        Return the formats in which a task's hook is sent an event of it.

        The protocol's own callback knows no subscriptions: it reports every change. What is
        kept of a task's pictures is none, and has no place in its body.
        """
        formats = [HookFormat.EVENT] if self.endpoint.wants(event) else []
        if event.type != ARCHIVED:
            formats.append(HookFormat.MIDJOURNEY)
        return tuple(formats)

    def endpoint_of(self, hook: Hook) -> Endpoint:
        """Return the endpoint that a hook is."""
        kind = _KINDS[hook.format]
        return replace(self.endpoint, name=hook.endpoint, kind=kind, url=hook.url)

    def endpoint_at(self, name: str) -> Endpoint:
        """Return the endpoint of an origin. Its URL is none: each hook has its own."""
        return replace(self.endpoint, name=name, url=name.removeprefix(PREFIX))


def is_hook(endpoint: str) -> bool:
    """Whether an endpoint's name stands for the hooks of an origin."""
    return endpoint.startswith(PREFIX)


def _format(text: object) -> HookFormat:
    try:
        return HookFormat(str(text))
    except ValueError:
        msg = f"a hook's format is {' or '.join(HookFormat)}"
        raise ValueError(msg) from None


def _checked(url: object, allow: Iterable[Network]) -> str:
    """Return a URL as it is kept: what a client might read in another way is gone."""
    if not isinstance(url, str) or not (scheme := _SCHEME.match(url)):
        msg = "a hook's URL begins with http:// or https://"
        raise ValueError(msg)
    if len(url) > MAX_URL:
        msg = f"a hook's URL has at most {MAX_URL} characters"
        raise ValueError(msg)
    if not url.isprintable() or any(char.isspace() or char == "\\" for char in url):
        msg = "a hook's URL has no spaces, backslashes and control characters"
        raise ValueError(msg)
    if "#" in url:
        msg = "a hook's URL has no fragment: no #"
        raise ValueError(msg)
    parts, port = _split(url)
    if "@" in parts.netloc:
        msg = "a hook's URL has no user and no password"
        raise ValueError(msg)
    if port in BLOCKED_PORTS or (
        port < FIRST_USER_PORT and port not in DEFAULT_PORTS.values()
    ):
        msg = f"a hook's port is 80, 443, or from {FIRST_USER_PORT} on; those of other protocols are not allowed"
        raise ValueError(msg)
    host = _host(parts, allow)
    rest = url[scheme.end() :][len(parts.netloc) :]
    return origin_of(url, host=host) + (rest if rest.startswith("/") else f"/{rest}")


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        msg = "a hook's URL has a valid host and port"
        raise ValueError(msg) from None
    return parts, DEFAULT_PORTS[parts.scheme] if port is None else port


def _host(parts: SplitResult, allow: Iterable[Network]) -> str:
    """Return a host as it is resolved: in ASCII, an IPv6 address without its brackets."""
    given = parts.hostname or ""
    address: Address | None = None
    try:
        if parts.netloc.startswith("["):
            # Only an address that ends at its machine has a zone.
            address = IPv6Address(given) if "%" not in given else IPv6Address("fe80::")
            host = str(address)
        else:
            host = given.encode("idna").decode("ascii").lower().removesuffix(".")
            if _ENDS_IN_A_NUMBER.fullmatch(host):
                address = IPv4Address(host)
    except ValueError:
        msg = "a hook's host is a name, or an address in its usual spelling"
        raise ValueError(msg) from None
    if address is None and not _NAME.fullmatch(host):
        msg = "a hook's URL has a valid host and port"
        raise ValueError(msg)
    if address is None and is_loopback(host):
        address = IPv4Address("127.0.0.1")
    if address is not None and (reason := why_forbidden(address, allow)) is not None:
        msg = f"a hook must not lead to {reason}"
        raise ValueError(msg)
    return host
