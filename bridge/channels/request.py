"""What a channel makes and what it reads: one HTTP request, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.delivery import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request, ready to be sent. Its URL is a secret."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """
    What came of a request.

    Attributes:
        took: Seconds it took.

        status: The status code; ``None`` if there was no answer.

        fault: Why there was none, see `bridge.core.delivery.Fault`.

        headers: Names in lower case.

        body: At most the first 16 KiB, as received, but for the endpoint's own secrets:
            where the receiver repeats its URL or our headers, they are blotted out.

        detail: What went wrong, for a person, without the URL.
    """

    took: float
    status: int | None = None
    fault: Fault | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    detail: str = ""
