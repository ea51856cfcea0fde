"""
What a channel and its driver hand each other: requests, responses, and the state that a channel
keeps between deliveries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bridge.core.delivery import Fault
from bridge.core.event import Json

#: What a channel knows of a subject at an endpoint: ids of messages, above all. Losing it
#: costs one message too many.
ChannelState: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    An HTTP request, ready to be sent. Its URL is a secret.

    Attributes:
        most: Bytes of the answer's body that are read; the rest is dropped.

        within: Seconds that it may take; ``None`` for as long as the whole attempt may.

        guarded: Whether it goes to an address that a stranger has chosen (a picture's
            URL), which must then not be one of our own network.
    """

    url: str = field(repr=False)
    body: bytes = field(repr=False, default=b"")
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    method: str = "POST"
    most: int = 16 * 1024
    within: float | None = None
    guarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """
    What came of a request.

    Attributes:
        took: Seconds it took.

        status: The status code; ``None`` if there was no answer.

        fault: Why there was none, see `bridge.core.delivery.Fault`.

        headers: Names in lower case.

        body: At most as much as the request asked for, as received, but for the endpoint's
            own secrets: where the receiver repeats its URL or our headers, they are blotted
            out.

        detail: What went wrong, for a person, without the URL.

        at: When it came, in seconds since the epoch.
    """

    took: float
    status: int | None = None
    fault: Fault | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    detail: str = ""
    at: float = 0.0
