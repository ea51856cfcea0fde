"""Where Celery's messages travel: the store itself, unless another broker is configured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from bridge.adapters.store.sentinel import SentinelAddress, is_watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """
    A broker as Celery takes it.

    Attributes:
        url: A secret.

        options: Celery's ``broker_transport_options``.

        tls: Celery's ``broker_use_ssl``, where the URL does not say it.

        transport: Celery's ``broker_transport``; ``None`` for the one that the URL names.

        prefixed: Whether all keys carry our own prefix, so that every queue is ours.
    """

    url: str = field(repr=False)
    options: dict[str, Any]
    tls: dict[str, Any] | None = None
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
        # Messages are ticks: one that is lost is replaced by the next.
        "ack_emulation": False,
    }
    if is_watched(url):
        address = SentinelAddress.parse(url)
        options["master_name"] = address.service
        options["sentinel_kwargs"] = address.for_watchers
        return Broker(
            url=address.for_celery,
            options=options,
            tls=None if address.tls is None else dict(address.tls),
            prefixed=True,
            transport=f"{_TRANSPORTS}:SentinelTransport",
        )
    # A URL like redis+socket:///path would name its transport itself, and not ours.
    address_of_server = broker_url_for(url).removeprefix("redis+")
    local = address_of_server.startswith("socket")
    return Broker(
        url=address_of_server,
        options=options,
        prefixed=True,
        transport=f"{_TRANSPORTS}:{'Socket' if local else 'Failover'}Transport",
    )


def broker_url_for(url: str) -> str:
    """
    Translate a store's URL into Celery's spelling.

    Its transport reads credentials before the host only, the database from the path only
    (of a Unix socket, from ``virtual_host``), and fails at any other part of a query than
    those about TLS.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        return url
    query = dict(parse_qsl(parts.query))
    user, password = query.get("username", ""), query.get("password", "")
    given = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""
    place = parts.netloc if "@" in parts.netloc else given + parts.netloc
    if parts.scheme == "unix":
        db = query.get("db", "0")
        return f"redis+socket://{place}{parts.path}?virtual_host={db}"
    path = f"/{query['db']}" if "db" in query else parts.path
    tls = urlencode({key: query[key] for key in query if key.startswith("ssl_")})
    return f"{parts.scheme}://{place}{path}{tls and '?'}{tls}"
