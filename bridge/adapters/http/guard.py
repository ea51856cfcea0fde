"""
The guard: which addresses may be connected to where somebody else has chosen them.

A callback URL that came in through the API must not become a way into the network that
the bridge runs in. Names lie (they can be answered differently a moment later), so what
is judged is the address that a socket is about to be connected to, with every spelling
of it already gone. One forbidden address among a name's answers refuses the whole name:
an honest public receiver has none.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any, TypeAlias

from bridge.core.address import Network, why_forbidden

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]


class ForbiddenAddressError(Exception):
    """
    The receiver is not at an address that may be connected to.

    Not an `OSError`: those are collected while several addresses of a name are tried,
    and the next address would be tried.
    """


class Guard:
    """
    Refuses addresses before anything is connected to them.

    Args:
        allow: Networks that may be reached whatever they are, such as ``10.1.0.0/16``.

    Raises:
        ValueError: One of them is not a network.
    """

    def __init__(self, allow: Iterable[str | Network] = ()) -> None:
        self._allow = tuple(ip_network(network) for network in allow)

    def check(self, host: str) -> None:
        """
        Let an address pass, or refuse it.

        Args:
            host: The address in its text form, as a resolver or a socket address has it.

        Raises:
            ForbiddenAddressError: It may not be connected to, or it is not an address.
        """
        try:
            reason = why_forbidden(ip_address(host), self._allow)
        except ValueError:
            reason = "not an IP address"
        if reason is not None:
            msg = f"the address may not be connected to: {reason}"
            raise ForbiddenAddressError(msg)

    def socket(self, info: AddressInfo) -> socket.socket:
        """
        Return a socket for an address that is about to be connected to.

        Args:
            info: The address, in the form of `socket.getaddrinfo`.

        Raises:
            ForbiddenAddressError: It may not be connected to.
        """
        family, kind, proto, _, address = info
        self.check(str(address[0]))
        return socket.socket(family, kind, proto)
