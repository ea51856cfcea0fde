"""
Verification of Standard Webhooks signatures, as a receiver does it.

Written from the specification and not from the sender, with which it shares no code: two
halves with the same mistake would agree only with each other.

Pure: no I/O, no clock.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

#: Seconds that a signature may be old, or ahead of our clock. A copy of a request that
#: someone sends again later is refused by it.
TOLERANCE = 300.0

#: Signatures that are compared. A sender has one for each secret; more is an attack.
MOST_SIGNATURES = 16


class Refusal(StrEnum):
    """Why a request is refused, in words that help to mend it."""

    UNSIGNED = "it has no webhook-signature"
    NO_ID = "it has no webhook-id"
    NO_TIMESTAMP = "it has no webhook-timestamp"
    BAD_TIMESTAMP = "its webhook-timestamp is not in unix seconds"
    TOO_OLD = "it was signed more than 5 minutes ago"
    TOO_NEW = "it was signed more than 5 minutes in the future: compare the clocks"
    NO_V1 = "none of its signatures is a v1"
    MISMATCH = (
        "no signature fits: it was signed with another secret, or changed on the way"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of verifying a request."""

    refusal: Refusal | None = None
    secret: int | None = None  #: which of the secrets fitted, counted from 0

    @property
    def ok(self) -> bool:
        """Whether the request was signed with one of the secrets."""
        return self.refusal is None


def key_of(secret: str) -> bytes:
    """
    Return the key that a secret stands for: ``whsec_`` and base64, or any other text as it is.

    Raises:
        ValueError: What follows ``whsec_`` is not base64.
    """
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as problem:
        msg = "the secret is malformed: what follows whsec_ must be base64"
        raise ValueError(msg) from problem


def verify(
    headers: Mapping[str, str], body: bytes, *, keys: Sequence[bytes], now: float
) -> Verification:
    """
    Verify a request by its headers and the bytes of its body.

    Args:
        headers: With names in lower case.

        keys: The keys that are valid today; several while a secret is being changed.

        now: Seconds since the epoch.
    """
    message_id = headers.get("webhook-id", "")
    stamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not signatures:
        return Verification(refusal=Refusal.UNSIGNED)
    if not message_id:
        return Verification(refusal=Refusal.NO_ID)
    if not stamp:
        return Verification(refusal=Refusal.NO_TIMESTAMP)
    # Fewer digits than `int` refuses, and ASCII ones only: it would also read others.
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return Verification(refusal=Refusal.BAD_TIMESTAMP)
    signed_at = float(stamp)
    if now - signed_at > TOLERANCE:
        return Verification(refusal=Refusal.TOO_OLD)
    if signed_at - now > TOLERANCE:
        return Verification(refusal=Refusal.TOO_NEW)
    given = _v1(signatures)
    if not given:
        return Verification(refusal=Refusal.NO_V1)
    content = f"{message_id}.{stamp}.".encode() + body
    secret = _which(content, given, keys)
    if secret is None:
        return Verification(refusal=Refusal.MISMATCH)
    return Verification(secret=secret)


def _v1(signatures: str) -> list[bytes]:
    """Return the v1 signatures of a header; those of other versions are ignored."""
    given = []
    for part in signatures.split(" ")[:MOST_SIGNATURES]:
        version, comma, text = part.partition(",")
        if version == "v1" and comma:
            given.append(text.encode())
    return given


def _which(content: bytes, given: list[bytes], keys: Sequence[bytes]) -> int | None:
    """Return the first key that matches a signature. All are compared, in constant time."""
    fitting = None
    for number, key in enumerate(keys):
        wanted = base64.b64encode(hmac.digest(key, content, hashlib.sha256))
        for signature in given:
            if hmac.compare_digest(wanted, signature) and fitting is None:
                fitting = number
    return fitting
