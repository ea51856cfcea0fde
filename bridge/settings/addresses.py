"""
Addresses: URLs and networks, as settings.

What a URL parser would have to guess (spaces, backslashes, a user before the host) is
refused: two parsers that guess differently are how a request ends up elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, TypeAlias
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit

from pydantic import AfterValidator, SecretStr

from bridge.core.address import is_host, origin_of
from bridge.settings.files import check_tls_file
from bridge.settings.types import checked_secret, refuse_quotes

_LABEL = r"[\w-]+"  # letters beyond ASCII too: they are encoded (IDNA) on the wire
_HOST_AND_PORT = re.compile(
    rf"({_LABEL}(\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(:\d{{1,5}})?"
)


def _split(text: str) -> SplitResult:
    refuse_quotes(text)
    if not text.isprintable() or any(char.isspace() or char == "\\" for char in text):
        msg = "holds a space, a backslash or a control character"
        raise ValueError(msg)
    try:
        return urlsplit(text)
    except ValueError:
        msg = "is not a URL"
        raise ValueError(msg) from None


def _check_host(parts: SplitResult) -> None:
    if not parts.hostname:
        msg = "has no host after ://"
        raise ValueError(msg)
    try:
        parts.hostname.encode("idna")
        fine = parts.port != 0
    except ValueError:
        fine = False
    address = parts.netloc.rpartition("@")[2]
    if not fine or not _HOST_AND_PORT.fullmatch(address):
        msg = "has no valid host and port after ://"
        raise ValueError(msg)


def http_url(text: str, *, userinfo: bool = False, instead: str = "") -> str:
    """
    Check an address for HTTP.

    Args:
        userinfo: Whether a user and a password may be part of it.

        instead: What the error suggests in place of a user and a password.

    Raises:
        ValueError: It is not valid; the message does not repeat it.
    """
    text = text.strip()
    parts = _split(text)
    if parts.scheme not in {"http", "https"} or not text.lower().startswith(
        ("http://", "https://")
    ):
        msg = "must begin with http:// or https://"
        raise ValueError(msg)
    _check_host(parts)
    if "@" in parts.netloc and not userinfo:
        msg = f"must not contain a user or password{instead and '; '}{instead}"
        raise ValueError(msg)
    return text


def any_url(text: str) -> str:
    """Check that an address has a scheme, whichever; Apprise knows the rest."""
    text = text.strip()
    refuse_quotes(text)
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://.", text) or not text.isprintable():
        msg = "must begin with a scheme such as https://"
        raise ValueError(msg)
    return text


def _base_url(text: str, *, instead: str = "") -> str:
    text = http_url(text, instead=instead)
    if "?" in text or "#" in text:
        msg = "must end with its path: no ? and no #"
        raise ValueError(msg)
    return text


def _public_url(text: str) -> str:
    return _base_url(text).rstrip("/")


def _origin(text: str) -> str:
    text = _public_url(text)
    if urlsplit(text).path:
        msg = "must end with its host or port: an origin has no path"
        raise ValueError(msg)
    return origin_of(text)


def _archive_url(text: str) -> str:
    text = text.strip()
    refuse_quotes(text)
    if text.startswith("file:") and text.removeprefix("file:").strip("/"):
        return text
    if not re.fullmatch(
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w./-]*)?", text, re.ASCII
    ):
        msg = 'must be a folder, "file:./pictures", or a bucket, "s3://bucket/prefix"'
        raise ValueError(msg)
    return text.rstrip("/")


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
            _check_host(urlsplit(f"//{address}"))
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


_REDIS = ("redis", "rediss", "sentinel", "sentinels", "unix")


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        msg = "must be a network such as 10.0.0.0/8 or fd00::/8, or an address"
        raise ValueError(msg) from None
    msg = f"is an address inside its network; did you mean {meant}?"
    raise ValueError(msg)


def _host(text: str) -> str:
    if not is_host(text):
        msg = "must be a host: an address such as 127.0.0.1 or ::1, or a name"
        raise ValueError(msg)
    return text


HookUrl: TypeAlias = Annotated[
    SecretStr,
    checked_secret(partial(http_url, instead="a header can carry them instead")),
]
AnyUrl: TypeAlias = Annotated[SecretStr, checked_secret(any_url)]
BaseUrl: TypeAlias = Annotated[
    str,
    AfterValidator(
        partial(_base_url, instead="an upstream is shown api_key, in the way of auth")
    ),
]
PublicUrl: TypeAlias = Annotated[str, AfterValidator(_public_url)]
ArchiveUrl: TypeAlias = Annotated[str, AfterValidator(_archive_url)]
ServiceUrl: TypeAlias = Annotated[str, AfterValidator(http_url)]
Origin: TypeAlias = Annotated[str, AfterValidator(_origin)]
HostName: TypeAlias = Annotated[str, AfterValidator(_host)]
Cidr: TypeAlias = Annotated[str, AfterValidator(_network)]
ProxyUrl: TypeAlias = Annotated[
    SecretStr, checked_secret(partial(http_url, userinfo=True))
]
RedisUrl: TypeAlias = Annotated[SecretStr, checked_secret(_server_url(*_REDIS))]
BrokerUrl: TypeAlias = Annotated[
    SecretStr, checked_secret(_server_url(*_REDIS, "redis+socket", "amqp", "amqps"))
]
