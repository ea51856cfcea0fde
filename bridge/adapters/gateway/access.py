"""
Where a gateway's task list is, and how it wants to be shown the key.

Both are made of settings, which are valid: an ``http(s)`` address without a user, a query
and a fragment, one of the known ways, and a key that a header can carry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from bridge.core.http import USER_AGENT

#: What people copy from a vendor's page behind the part that matters. In front of that, a
#: path of the same name is somebody's prefix.
_ROUTE = r"/(?:task|submit|image|insight-face)(?:/.*)?$"
_PREFIX = re.compile(r"/mj(?:-[^/]*)?(?=/|$)")
_ROUTE_ALONE = re.compile(_ROUTE)
_ROUTE_BEHIND = re.compile(rf"(?P<mj>{_PREFIX.pattern}){_ROUTE}")


def root_of(base_url: str) -> str:
    """
    Return the address that ends in ``/mj``, from any spelling of it.

    ``https://host``, ``https://host/mj/``, ``https://host/prefix/mj-fast`` and
    ``https://host/mj/task/list-by-condition`` are all understood; a speed such as
    ``/mj-fast`` stays in front of ``/mj``, as the gateways route it.
    """
    parts = urlsplit(base_url)
    path = re.sub("/+", "/", parts.path)
    if _PREFIX.search(path):
        path = _ROUTE_BEHIND.sub(r"\g<mj>", path)
    else:
        path = _ROUTE_ALONE.sub("", path)
    path = path.rstrip("/")
    if not path.endswith("/mj"):
        path = f"{path}/mj"
    return f"{parts.scheme}://{parts.netloc}{path}"


def origin_root(root: str, mode: str) -> str:
    """
    Return an address that ends in ``/mj``, for another speed.

    Args:
        root: From `root_of`.

        mode: ``/mj-fast`` and the like, in the place of whatever speed the address has;
            empty to leave it as it is.
    """
    if not mode:
        return root
    parts = urlsplit(root)
    path = _PREFIX.sub("", parts.path.removesuffix("/mj"))
    return f"{parts.scheme}://{parts.netloc}{path}{mode}/mj"


def headers_of(auth: str, api_key: str) -> Mapping[str, str]:
    """
    Return the headers that show the key; none without a key.

    Args:
        auth: ``bearer``, ``raw``, ``mj-api-secret``, ``both`` or ``header:<Name>``.

        api_key: The key alone.
    """
    if not api_key:
        return {}
    bearer = {"authorization": f"Bearer {api_key}"}
    match auth:
        case "bearer":
            return bearer
        case "raw":
            return {"authorization": api_key}
        case "mj-api-secret":
            return {"mj-api-secret": api_key}
        case "both":
            return {**bearer, "mj-api-secret": api_key}
    return {auth.removeprefix("header:").lower(): api_key}


def json_headers(auth: str, api_key: str) -> Mapping[str, str]:
    """Return the headers of our own requests, see `headers_of`."""
    json = "application/json"
    ours = {"accept": json, "content-type": json, "user-agent": USER_AGENT}
    return {**ours, **headers_of(auth, api_key)}
