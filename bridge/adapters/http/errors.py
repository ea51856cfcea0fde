"""
Faults: what went wrong with a request, in our own words.

The libraries' words hold host names and whole URLs, and a webhook's URL is a password;
so none of their texts is passed on.
"""

from __future__ import annotations

import errno
import ssl

import aiohttp
import httpx

from bridge.adapters.http.guard import ForbiddenAddressError
from bridge.core.delivery import Fault
from bridge.errors import Misconfigured

_ERRNO = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset by the other side",
    errno.EHOSTUNREACH: "host not reachable",
    errno.ENETUNREACH: "network not reachable",
    errno.EADDRNOTAVAIL: "network not reachable",
    errno.ETIMEDOUT: "no answer from the host",
    errno.EPIPE: "the other side closed the connection",
    errno.EMFILE: "this process has too many open files",
    errno.ENFILE: "this machine has too many open files",
}

#: By OpenSSL's number of the error.
_CERTIFICATE = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "a self-signed certificate is in its chain",
    20: "its issuer is not known",
    21: "its issuer is not known",
    23: "it was revoked",
    62: "it is for another name",
    64: "it is for another address",
}


#: (exceptions, what they count as, in words); the first that matches decides.
_KINDS: tuple[tuple[tuple[type[BaseException], ...], Fault, str], ...] = (
    ((TimeoutError,), Fault.TIMEOUT, "not finished within {timeout} s"),
    (
        (aiohttp.ServerDisconnectedError,),
        Fault.CONNECTION,
        "the other side closed the connection without an answer",
    ),
    (
        (
            aiohttp.InvalidURL,
            aiohttp.NonHttpUrlClientError,
            httpx.InvalidURL,
            httpx.UnsupportedProtocol,
        ),
        Fault.RENDERING,
        "the URL is not a valid http(s) URL",
    ),
    ((aiohttp.ClientResponseError,), Fault.CONNECTION, "the answer is not valid HTTP"),
    (
        (OSError, aiohttp.ClientError),
        Fault.CONNECTION,
        "the connection broke",
    ),
    (
        (ValueError, TypeError),
        Fault.RENDERING,
        "the request could not be made: a header is not valid",
    ),
)


def is_dead_connection(error: BaseException) -> bool:
    """Return whether an open connection turned out to be gone before an answer came."""
    gone = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)
    return isinstance(error, gone) and not isinstance(
        error, aiohttp.ClientConnectorError
    )


def explain(error: BaseException, *, timeout: float | None) -> tuple[Fault, str]:
    """
    Return what an exception means, for the breaker and for a person. Never raises.

    Args:
        error: What the transport raised.

        timeout: Seconds that there were for all of it, if they were counted.
    """
    if isinstance(error, ForbiddenAddressError):
        return Fault.FORBIDDEN, str(error)
    if isinstance(error, Misconfigured):
        return Fault.CONNECTION, str(error)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Fault.CONNECTION, f"the proxy answered {error.status}"
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientSSLError):
        return Fault.CONNECTION, _connecting(error)
    if isinstance(error, OSError) and error.errno in _ERRNO:
        return Fault.CONNECTION, _ERRNO[error.errno]
    for kinds, fault, words in _KINDS:
        if isinstance(error, kinds):
            return fault, words.format(timeout=f"{timeout or 0:g}")
    return (
        Fault.CONNECTION,
        f"failed in an unforeseen way: {type(error).__name__}",
    )


def _connecting(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "name not resolved"
    below = getattr(error, "os_error", None)
    if isinstance(below, ssl.SSLCertVerificationError):
        return _certificate(below)
    if isinstance(below, ssl.SSLError):
        return f"TLS failed: {(below.reason or 'unknown reason').lower().replace('_', ' ')}"
    words = _ERRNO.get(getattr(below, "errno", None) or 0, "no connection")
    proxied = isinstance(error, aiohttp.ClientProxyConnectionError)
    return f"no connection to the proxy: {words}" if proxied else words


def _certificate(error: Exception) -> str:
    number = getattr(error, "verify_code", 0)
    return (
        f"certificate not valid: {_CERTIFICATE.get(number, f'OpenSSL error {number}')}"
    )
