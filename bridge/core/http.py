"""
HTTP as the channels see it: a request and its headers, what came of it, what that asks for,
and the state that a channel keeps between deliveries.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from bridge.core.backoff import MAX_RETRY_AFTER
from bridge.core.delivery import AttemptResult, Fault
from bridge.core.event_data import Json
from bridge.core.media import KeptFile
from bridge.version import __version__

#: What a channel knows of a subject at an endpoint: ids of messages, above all. Losing it
#: costs one message too many.
ChannelState: TypeAlias = Mapping[str, Json]

#: Seconds. HTTP counts whole ones; a shorter wait would become a loop that uses up no
#: attempt.
MIN_RETRY_AFTER = 1.0

#: What the bridge calls itself.
USER_AGENT = f"mjbridge/{__version__}"

#: Headers that belong to the bridge or to the connection. Two ``content-length``, or a
#: ``host`` of the caller's choice, make two servers read two different requests.
RESERVED_HEADERS = frozenset(
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

_SECONDS = re.compile(r"\d+(\.\d*)?(e\+?\d+)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    An HTTP request, ready to be sent. Its URL is a secret.

    Attributes:
        max_bytes: Bytes of the answer's body that are read; the rest is dropped.

        timeout: Seconds that it may take; ``None`` for as long as the whole attempt may.

        guarded: Whether it goes to an untrusted address (a picture's URL), which must then not be one of our own network.
    """

    url: str = field(repr=False)
    body: bytes = field(repr=False, default=b"")
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    method: str = "POST"
    max_bytes: int = 16 * 1024
    timeout: float | None = None
    guarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """
    A file that goes with a message.

    Attributes:
        type: The media type, such as ``image/png``.
    """

    name: str
    type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """
    What is handed to the Apprise library to be sent. Its URL is a secret.

    Attributes:
        url: The service, as Apprise writes it.

        title: One line of plain text.

        body: Plain text.

        type: ``info``, ``success``, ``warning`` or ``failure``.

        file: Attached to it.

        timeout: As in `Request`.
    """

    url: str = field(repr=False)
    title: str
    body: str = field(repr=False)
    type: str
    file: File | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """
    A picture or a video that is to be fetched and kept in the archive. Its URL is untrusted.

    Attributes:
        about: The task that it belongs to.

        timeout, guarded: As in `Request`.
    """

    url: str = field(repr=False)
    about: str
    timeout: float | None = None
    guarded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPicture:
    """
    A picture that is to be read from the archive.

    Attributes:
        name: Of the file or of a thumbnail.

        max_bytes, timeout: As in `Request`.
    """

    name: str
    max_bytes: int
    timeout: float | None = None


#: What a message's picture takes, and the message itself.
MessageRequest: TypeAlias = Request | KeptPicture
#: What an exchange may ask for.
AnyRequest: TypeAlias = Request | Notification | Download | KeptPicture


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """
    What came of a request, a notification or a download.

    Attributes:
        duration: Seconds it took.

        status: The status code; ``None`` if there was no answer.

        fault: Why there was none, see `bridge.core.delivery.Fault`.

        headers: Names in lower case.

        body: At most as much as the request asked for, as received, but for the endpoint's
            own secrets: where the receiver repeats its URL or our headers, they are blotted
            out.

        detail: What went wrong, for a person, without the URL.

        received_at: When it came, in seconds since the epoch.

        result: What came of a notification, which has no status, or of what was downloaded and
            not kept; ``None`` for a request.

        kept: The file that a download has put into the archive.

        unsent: Whether it is certain that nothing of the request was sent. Known only of
            requests that have a connection of their own; false where it is not known.
    """

    duration: float = 0.0
    status: int | None = None
    fault: Fault | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    detail: str = ""
    received_at: float = 0.0
    result: AttemptResult | None = None
    kept: KeptFile | None = None
    unsent: bool = False

    @property
    def retry_after(self) -> float | None:
        """Seconds that the ``Retry-After`` header asks to wait, see `retry_after`."""
        return retry_after(self.headers.get("retry-after"), now=self.received_at)


def retry_after(value: str | None, *, now: float | None) -> float | None:
    """
    Read a ``Retry-After``: seconds, with or without a fraction, or an HTTP date.

    Args:
        value: The header's value, if there was one.

        now: Seconds since the epoch, which a date is measured against; without it a date
            is not understood.

    Returns:
        Seconds to wait, from `MIN_RETRY_AFTER` to `MAX_RETRY_AFTER`; ``None`` if
        nothing sensible was asked for. ``0`` asks for nothing.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        until = http_date(text)
        seconds = math.nan if until is None or now is None else until - now
    if math.isnan(seconds) or seconds <= 0:
        return None
    return min(max(seconds, MIN_RETRY_AFTER), MAX_RETRY_AFTER)


def http_date(value: str | None) -> float | None:
    """Read an HTTP date as seconds since the epoch; ``None`` if it is not one."""
    try:
        moment = parsedate_to_datetime(value or "")
        # "-0000" is a time in UTC whose place is unknown, and comes without a zone.
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def json_object(body: bytes | str) -> dict[str, object]:
    """Read a JSON object; ``{}`` for anything else. Never raises."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def with_own(ours: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """
    Add an endpoint's own headers to those of a request.

    Args:
        ours: What the request needs; names in lower case. Always sent as they are.

        own: The endpoint's. Left out are those that are `RESERVED_HEADERS`, those that begin
            with ``webhook-`` (a receiver trusts them), and those that are also in
            *ours*.
    """
    merged = {}
    for spelled, value in own.items():
        name = spelled.lower()
        if name not in RESERVED_HEADERS and not name.startswith("webhook-"):
            merged[name] = value
    return {**merged, **ours}
