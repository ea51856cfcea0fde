"""Headers: what an endpoint may add to its requests, and what it can never change."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.version import __version__

#: What the bridge calls itself.
USER_AGENT = f"mjbridge/{__version__}"

#: Headers that belong to the bridge or to the connection. Two ``content-length``, or a
#: ``host`` of the caller's choice, make two servers read two different requests.
RESERVED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
    }
    | {"keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"}
)


def with_own(ours: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """
    Add an endpoint's own headers to those of a request.

    Args:
        ours: What the request needs; names in lower case. Always sent as they are.

        own: The endpoint's. Left out are those that are `RESERVED`, those that begin
            with ``webhook-`` (a receiver trusts them), and those that are also in
            *ours*.
    """
    merged = {}
    for spelled, value in own.items():
        name = spelled.lower()
        if name not in RESERVED and not name.startswith("webhook-"):
            merged[name] = value
    return {**merged, **ours}
