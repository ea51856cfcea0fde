"""
Addresses: URLs and networks, as settings.

What a URL parser would have to guess (spaces, backslashes, a user before the host) is
refused: two parsers that guess differently are how a request ends up elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
from functools import partial
from typing import Annotated, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

from bridge.core.address import is_host, origin_of
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


def check_host(parts: SplitResult) -> None:
    """
    Check the host and the port of a URL.

    Raises:
        ValueError: They are not valid; the message does not repeat them.
    """
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
    check_host(parts)
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
