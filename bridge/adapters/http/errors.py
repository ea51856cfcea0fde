"""
Faults: what went wrong with a request, in our own words.

The libraries' words hold host names and whole URLs, and a webhook's URL is a password;
so none of their texts is passed on.
"""

from __future__ import annotations

import errno
import socket
import ssl

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
    18: "it is self-signed; tls_ca can name it",
    19: "a self-signed certificate is in its chain; tls_ca can name that one",
    20: "its issuer is not known; tls_ca can name the issuer's certificate",
    21: "its issuer is not known; tls_ca can name the issuer's certificate",
    23: "it was revoked",
    62: "it is for another name",
    64: "it is for another address",
}


#: What the detail of a connection holds that did not come about because of its proxy.
THE_PROXY = "the proxy"


class NotConnectedError(httpx.ConnectError):
    """
    There is no connection; the cause is the system's or TLS's error.

    Args:
        to_proxy: Whether it would have been one to the proxy.
    """

    def __init__(self, *, to_proxy: bool) -> None:
        super().__init__("no connection")
        self.to_proxy = to_proxy


class DeadConnectionError(httpx.ReadError):
    """An open connection was gone before an answer came; the cause is the system's error, if any."""


class HeadTooLongError(httpx.RemoteProtocolError):
    """More came as headers, or among the pieces of a body, than is read of them."""


#: (exceptions, what they count as, in words); the first that matches decides.
_KINDS: tuple[tuple[tuple[type[BaseException], ...], Fault, str], ...] = (
    ((TimeoutError,), Fault.TIMEOUT, "not finished within {timeout} s"),
    (
        (DeadConnectionError,),
        Fault.CONNECTION,
        "the other side closed the connection without an answer",
    ),
    (
        (httpx.InvalidURL, httpx.UnsupportedProtocol),
        Fault.RENDERING,
        "the URL is not a valid http(s) URL",
    ),
    (
        (HeadTooLongError,),
        Fault.CONNECTION,
        "the answer's headers are too long, over 64 KiB",
    ),
    (
        (httpx.RemoteProtocolError,),
        Fault.CONNECTION,
        "the answer is not valid HTTP",
    ),
    (
        (OSError, httpx.TransportError),
        Fault.CONNECTION,
        "the connection broke",
    ),
    (
        (ValueError, TypeError),
        Fault.RENDERING,
        "the request could not be made: a header is not valid",
    ),
)


def explain(error: BaseException, *, timeout: float | None) -> tuple[Fault, str]:
    """
    Return what an exception means, for the breaker and for a person. Never raises.

    Args:
        error: What was raised while a request was sent, or its answer read.

        timeout: Seconds that there were for all of it, if they were counted.
    """
    if isinstance(error, ForbiddenAddressError):
        # Which address it is, and why not, is nothing to tell those who named it.
        return Fault.ADDRESS_BLOCKED, "the receiver's address is not allowed"
    if isinstance(error, Misconfigured | httpx.ProxyError):
        return Fault.CONNECTION, str(error)
    if isinstance(error, NotConnectedError):
        return Fault.CONNECTION, _connecting(error.__cause__, to_proxy=error.to_proxy)
    cause = error.__cause__ if isinstance(error, httpx.ReadError) else error
    if isinstance(cause, OSError) and cause.errno in _ERRNO:
        return Fault.CONNECTION, _ERRNO[cause.errno]
    for kinds, fault, words in _KINDS:
        if isinstance(error, kinds):
            return fault, words.format(timeout=f"{timeout or 0:g}")
    return (
        Fault.CONNECTION,
        f"failed in an unforeseen way: {type(error).__name__}",
    )


def _connecting(cause: BaseException | None, *, to_proxy: bool) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        number = cause.verify_code
        words = _CERTIFICATE.get(number, f"OpenSSL error {number}")
        return f"certificate not valid: {words}"
    if isinstance(cause, ssl.SSLError):
        reason = cause.reason or "unknown reason"
        if reason == "WRONG_VERSION_NUMBER":
            return (
                "TLS failed: the other side speaks none, so its URL begins with http://"
            )
        return f"TLS failed: {reason.lower().replace('_', ' ')}"
    if isinstance(cause, socket.gaierror):
        words = "name not resolved"
    elif isinstance(cause, ConnectionResetError) and cause.errno is None:
        words = "the other side closed the connection in the TLS handshake"
    else:
        words = _ERRNO.get(getattr(cause, "errno", None) or 0, "no connection")
    return f"no connection to {THE_PROXY}: {words}" if to_proxy else words
