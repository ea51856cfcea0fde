"""Requests that were let in, and what of them is passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers

from bridge.app.ports import Passed
from bridge.core.http import USER_AGENT
from bridge.web.relay.bodies import SpooledBody
from bridge.web.relay.credentials import Caller
from bridge.web.relay.paths import Target

#: Of a client's headers, those that an upstream may know. They are written anew: what belongs
#: to a connection, what shows a key or a session, and what says where somebody is stay here.
PASSED_ON = frozenset(
    {
        "accept",
        "accept-language",
        "content-type",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "range",
        "user-agent",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A request that was let in, with its body."""

    method: str
    target: Target
    caller: Caller
    query: str  #: With its question mark; empty if there is none.
    headers: Mapping[str, str]
    body: SpooledBody

    def passed(self, *, alone: bool) -> Passed:
        """
        Return what is sent to the upstream.

        Args:
            alone: Whether it gets a connection of its own.
        """
        length = self.body.length
        return Passed(
            method=self.method,
            path=f"{self.target.mode}/mj/{self.target.route}",
            query=self.query,
            headers=self.headers,
            content=self.body.pieces() if length else None,
            length=length,
            alone=alone,
        )


def passed_on(headers: Headers) -> dict[str, str]:
    """Return the headers that an upstream gets, without its credentials."""
    # A client library would add its own where a client sent none.
    defaults = {"accept": "*/*", "user-agent": USER_AGENT}
    return defaults | {
        name: value
        for name, value in headers.items()
        if name in PASSED_ON and value.isascii() and value.isprintable()
    }
