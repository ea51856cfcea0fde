"""Where a gateway's task list is, and how it wants to be shown the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit, urlunsplit

from bridge.core.redact import basic, credentials_in, spellings
from bridge.errors import Misconfigured

#: What people copy from a vendor's page behind the part that matters. In front of that, a
#: path of the same name is somebody's prefix.
_ROUTE = r"/(?:task|submit|image|insight-face)(?:/.*)?$"
_PREFIX = re.compile(r"/mj(?:-[^/]*)?(?=/|$)")
_ROUTE_ALONE = re.compile(_ROUTE)
_ROUTE_BEHIND = re.compile(rf"(?P<mj>{_PREFIX.pattern}){_ROUTE}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def root_of(base_url: str) -> str:
    """
    Return the address that ends in ``/mj``, from any spelling of it.

    ``https://host``, ``https://host/mj/``, ``https://host/prefix/mj-fast`` and
    ``https://host/mj/task/list-by-condition`` are all understood; a speed such as
    ``/mj-fast`` stays in front of ``/mj``, as the gateways route it.

    Raises:
        Misconfigured: It is not an address.
    """
    parts = _split(base_url)
    path = re.sub("/+", "/", parts.path)
    if _PREFIX.search(path):
        path = _ROUTE_BEHIND.sub(r"\g<mj>", path)
    else:
        path = _ROUTE_ALONE.sub("", path)
    path = path.rstrip("/")
    if not path.endswith("/mj"):
        path = f"{path}/mj"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def headers_of(auth: str, api_key: str, base_url: str) -> Mapping[str, str]:
    """
    Return the headers that show the key.

    Args:
        auth: ``bearer``, ``raw``, ``mj-api-secret``, ``both`` or ``header:<Name>``.

        api_key: The key; without one no header is sent.

        base_url: A name and password in it are for a proxy in front of the gateway, and
            are sent unless the key takes their place.

    Raises:
        Misconfigured: There is no such mode, or no header can carry the key.
    """
    key = api_key.strip()
    if re.match("bearer ", key, re.IGNORECASE):
        key = key[7:].strip()
    if not key.isascii() or not key.isprintable():
        msg = "api_key has characters that no HTTP header can carry"
        raise Misconfigured(msg)
    headers = _keyed(auth.strip(), key)
    return {**_basic(base_url), **(headers if key else {})}


def secrets_of(api_key: str, *urls: str | None) -> frozenset[str]:
    """
    Return what must not be shown: the key, and the names and passwords in addresses.

    Raises:
        Misconfigured: One of the addresses is not one.
    """
    found = spellings(api_key.strip())
    for url in filter(None, urls):
        found |= credentials_in(urlunsplit(_split(url)))
    return found


def _split(url: str) -> SplitResult:
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address:
        msg = "base_url and proxy are addresses of the form https://host"
        raise Misconfigured(msg)
    return parts


def _keyed(auth: str, key: str) -> dict[str, str]:
    mode = auth.lower()
    if mode == "bearer":
        return {"authorization": f"Bearer {key}"}
    if mode == "raw":
        return {"authorization": key}
    if mode == "mj-api-secret":
        return {"mj-api-secret": key}
    if mode == "both":
        return {"authorization": f"Bearer {key}", "mj-api-secret": key}
    name = auth.partition(":")[2].strip()
    if mode.startswith("header:") and _HEADER_NAME.fullmatch(name):
        return {name.lower(): key}
    msg = "auth is one of bearer, raw, mj-api-secret, both and header:<Name>"
    raise Misconfigured(msg)


def _basic(base_url: str) -> dict[str, str]:
    parts = _split(base_url)
    if parts.username is None and parts.password is None:
        return {}
    return {"authorization": f"Basic {basic(parts)}"}
