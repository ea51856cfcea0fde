"""
Signing: so that a receiver knows who sent an event, and that nobody changed it.

The scheme is Standard Webhooks' ``v1``, HMAC-SHA256 over ``id.timestamp.body``, which
the ``standardwebhooks`` and ``svix`` libraries verify as it is.
Source: the Standard Webhooks specification, "Signature scheme".
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from functools import lru_cache

_PREFIX = re.compile("whsec_", re.IGNORECASE)
#: What may stand before it.
_BEFORE = frozenset({"", "v1", "bearer", "secret", "webhook-secret"})

#: Characters of a raw signing secret: short ones can be guessed offline from one request.
SHORTEST_SECRET = 8


@lru_cache(maxsize=1024)
def key_of(secret: str) -> bytes:
    """
    Return the bytes that a signing secret stands for.

    ``whsec_`` and base64 is the notation of Standard Webhooks; any other text stands
    for its UTF-8 bytes.

    Raises:
        ValueError: What follows ``whsec_`` is not base64.
    """
    if secret.startswith("whsec_"):
        try:
            return b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            # The decoder's own words are about the secret; they are not passed on.
            msg = "a signing secret is malformed: after whsec_ comes base64"
            raise ValueError(msg) from None
    return secret.encode()


def check_secret(text: str) -> str:
    """
    Return a signing secret as it is kept.

    What a page shows before ``whsec_``, such as ``v1,`` or ``Bearer``, is left out, and
    capitals are forgiven: signed with those bytes, every event would be refused.

    Raises:
        ValueError: It is malformed, or too short to be one.
    """
    if found := _PREFIX.search(text):
        before = text[: found.start()].strip(" \t,:=\"'").lower()
        if before not in _BEFORE:
            msg = "is malformed: whsec_ is where a secret begins, and something is before it"
            raise ValueError(msg)
        text = "whsec_" + text[found.end() :].strip(" \t\"'")
    if text.startswith(("whsk_", "whpk_")):
        msg = "is a key of an asymmetric signature; this one takes whsec_..."
        raise ValueError(msg)
    if not text.startswith("whsec_") and len(text) < SHORTEST_SECRET:
        msg = f"is too short to be a secret: at least {SHORTEST_SECRET} characters, better whsec_ and base64 of 32 bytes"
        raise ValueError(msg)
    try:
        size = len(key_of(text))
    except ValueError:
        msg = "is malformed: after whsec_ comes base64, with its padding"
        raise ValueError(msg) from None
    if text.startswith("whsec_") and not 24 <= size <= 64:
        msg = f"is malformed: the base64 after whsec_ stands for 24 to 64 bytes, not {size}"
        raise ValueError(msg)
    return text


def signatures(secrets: Iterable[str], *, id: str, at: int, body: bytes) -> str:  # noqa: A002 - the header's own word
    """
    Sign a message with every secret, in their order, as ``webhook-signature`` has them.

    Args:
        secrets: Several while one replaces another.

        id: The message's ``webhook-id``; it holds no dot.

        at: The attempt's ``webhook-timestamp``, in seconds since the epoch.

        body: The bytes that are sent.

    Returns:
        The signatures, separated by spaces; ``""`` without a secret.
    """
    signed = b"%b.%d.%b" % (id.encode(), at, body)
    return " ".join(
        "v1," + b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()
        for secret in secrets
    )
