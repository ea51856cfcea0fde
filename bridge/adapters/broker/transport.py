"""Where Celery's wake-ups travel: the store itself, unless another broker is configured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from bridge.adapters.store.sentinel import SCHEME, SentinelAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """
    A broker as Celery takes it.

    Attributes:
        url: A secret.

        options: Celery's ``broker_transport_options``.

        transport: Celery's ``broker_transport``; ``None`` for the one that the URL names.

        prefixed: Whether all keys carry our own prefix, so that every queue is ours.
    """

    url: str = field(repr=False)
    options: dict[str, Any]
    prefixed: bool
    transport: str | None = None


_TRANSPORTS = "bridge.adapters.broker.redis_transport"


def broker_of(url: str, namespace: str) -> Broker:
    """
    Return how Celery reaches a broker.

    Args:
        url: A ``redis_url`` in any form, or the address of another broker.

        namespace: The deployment's; keys of the broker begin with it.
    """
    if not url.startswith(("redis", "rediss", "unix", "sentinel")):
        return Broker(url=url, options={}, prefixed=False)
    options: dict[str, Any] = {
        "global_keyprefix": f"{{{namespace}}}:celery:",
        # Without them, publishing to a frozen server hung for more than 40 s.
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
        # Messages are wake-ups: one that is lost is replaced by the next tick.
        "ack_emulation": False,
    }
    if url.startswith(f"{SCHEME}://"):
        address = SentinelAddress.parse(url)
        options["master_name"] = address.service
        return Broker(
            url=address.for_celery,
            options=options,
            prefixed=True,
            transport=f"{_TRANSPORTS}:SentinelTransport",
        )
    # The URL of a Unix socket names its transport itself; nobody demotes a server there.
    local = url.startswith("unix")
    return Broker(
        url=broker_url_for(url),
        options=options,
        prefixed=True,
        transport=None if local else f"{_TRANSPORTS}:Transport",
    )


def broker_url_for(url: str) -> str:
    """Translate a store's URL to what Celery calls it; only Unix sockets differ."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    user = quote(given.get("username", unquote(parts.username or "")), safe="")
    secret = quote(given.get("password", unquote(parts.password or "")), safe="")
    credentials = f"{user}:{secret}@" if user or secret else ""
    return (
        f"redis+socket://{credentials}{parts.path}?virtual_host={given.get('db', '0')}"
    )
