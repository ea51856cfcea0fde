"""Certificates that are not taken: whose, why, and what to do about it."""

from __future__ import annotations

import ssl

from bridge.errors import StoreRefused

#: Why a certificate is not taken, by OpenSSL's number of the error, and what to do about it.
_CERTIFICATE = {
    9: "is not valid yet; is the clock of this machine right?",
    10: "has expired; its server needs a new one",
    23: "was revoked; its server needs a new one",
    **dict.fromkeys(
        (62, 64),
        "is for another name; redis_url (BRIDGE_REDIS_URL) has to name its server as it does",
    ),
}


def distrust_of(error: BaseException, who: str = "the store") -> StoreRefused | None:
    """Read why somebody's certificate was not taken, if that is what an error is about."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    if words := _CERTIFICATE.get(cause.verify_code):
        return StoreRefused(f"{who}'s certificate {words}")
    return StoreRefused(
        f"{who} has a certificate that is not trusted ({cause.verify_message}); "
        "ssl_ca_certs in the query of redis_url (BRIDGE_REDIS_URL) names a file with its "
        "authority's"
    )
