"""
URLs of the store and of the broker, as settings.

What one of their clients would read in another way than the others, or not at all, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, TypeAlias
from urllib.parse import unquote, unquote_plus, urlsplit

from pydantic import SecretStr

from bridge.settings.addresses import check_host
from bridge.settings.files import check_tls_file
from bridge.settings.types import checked_secret, refuse_quotes

_STORE = ("redis", "rediss", "sentinel", "sentinels", "unix")

_NUMBER = re.compile(r"\d{1,9}")
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")
_TRUE_OR_FALSE = re.compile(r"true|false", re.IGNORECASE)
_ANYTHING = re.compile(r".+")
_CERT_REQS = re.compile(r"(cert_)?(none|optional|required)", re.IGNORECASE)

#: What the query of a store's URL can hold.
_TLS_QUERY: Mapping[str, re.Pattern[str]] = {
    "ssl_cert_reqs": _CERT_REQS,
    "ssl_check_hostname": _TRUE_OR_FALSE,
    "ssl_ca_certs": _ANYTHING,
    "ssl_ca_path": _ANYTHING,
    "ssl_certfile": _ANYTHING,
    "ssl_keyfile": _ANYTHING,
    "ssl_password": _ANYTHING,
}
_QUERY: Mapping[str, re.Pattern[str]] = {
    "db": _NUMBER,
    "virtual_host": _NUMBER,
    "username": _ANYTHING,
    "password": _ANYTHING,
    "client_name": _ANYTHING,
    "socket_timeout": _SECONDS,
    "socket_connect_timeout": _SECONDS,
    "health_check_interval": _NUMBER,
    **_TLS_QUERY,
}
#: And a client of sentinels, whose own credentials these are.
_SENTINEL_QUERY: Mapping[str, re.Pattern[str]] = {
    "sentinel_username": _ANYTHING,
    "sentinel_password": _ANYTHING,
    **_TLS_QUERY,
}


def _server_url(*schemes: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        text = text.strip()
        refuse_quotes(text)
        scheme, found, rest = text.partition("://")
        if not found or scheme.lower() not in schemes:
            known = [f"{scheme}://" for scheme in schemes]
            msg = f"must begin with {', '.join(known[:-1])} or {known[-1]}"
            raise ValueError(msg)
        if not rest or any(char.isspace() or not char.isprintable() for char in rest):
            msg = "names no server after ://"
            raise ValueError(msg)
        scheme = scheme.lower()
        if not scheme.startswith("amqp"):  # whose query is the broker's own
            rest, _, query = rest.partition("?")
            query = _checked_query(scheme, query)
            rest = f"{rest}?{query}" if query else rest
        _check_server(scheme, rest.partition("?")[0])
        return f"{scheme}://{rest}"

    return check


def _check_server(scheme: str, rest: str) -> None:
    if scheme in {"unix", "redis+socket"}:
        # A user and a password may stand before the path, and nothing else.
        if not rest.rpartition("@")[2].startswith("/"):
            msg = "must name its socket by an absolute path: three slashes after the colon"
            raise ValueError(msg)
        return
    if scheme.startswith("amqp"):
        rest = rest.partition(";")[0]  # Celery's notation for brokers to fall back to
    authority, _, path = rest.partition("/")
    watched = scheme in {"sentinel", "sentinels"}
    addresses = authority.rpartition("@")[2].split("," if watched else None)
    try:
        for address in addresses:
            check_host(urlsplit(f"//{address}"))
    except ValueError:
        msg = "has no valid host and port after ://"
        raise ValueError(msg) from None
    if watched:
        service, _, path = path.partition("/")
        if not service:
            msg = "must name the service after the hosts: sentinel://host:26379,host:26379/service"
            raise ValueError(msg)
    if not scheme.startswith("amqp") and path and not _NUMBER.fullmatch(path):
        msg = "must name its database by a number, after the last slash"
        raise ValueError(msg)


def _checked_query(scheme: str, query: str) -> str:
    """Return a store's query as every client of it reads it."""
    watched = scheme in {"sentinel", "sentinels"}
    known = _SENTINEL_QUERY if watched else _QUERY
    secure = "sentinels" if watched else "rediss"
    parts = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        pattern = known.get(name)
        if watched and name == "db":
            msg = "must name its database after the service: /service/0"
        elif name in {"ssl", "tls"}:
            msg = f"must begin with {secure}:// for TLS, instead of {name} in its query"
        elif pattern is None:
            # What follows ? may be half of a password.
            msg = f"has an unknown part in its query; known are {', '.join(known)}"
        elif name.startswith("ssl_") and scheme != secure:
            msg = f"has {name} in its query, which only {secure}:// can have"
        elif not pattern.fullmatch(unquote(value)):
            msg = f"has a value of {name} in its query that makes no sense"
        else:
            check_tls_file(name, unquote_plus(value))
            if name == "ssl_cert_reqs":  # Celery writes CERT_NONE, redis-py none
                value = value.lower().removeprefix("cert_")
            parts.append(f"{name}={value}")
            continue
        raise ValueError(msg)
    return "&".join(parts)


RedisUrl: TypeAlias = Annotated[SecretStr, checked_secret(_server_url(*_STORE))]
BrokerUrl: TypeAlias = Annotated[
    SecretStr, checked_secret(_server_url(*_STORE, "redis+socket", "amqp", "amqps"))
]
