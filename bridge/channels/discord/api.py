"""
The API: where a webhook's messages are posted, edited and deleted, and the requests that do it.

The URL that Discord's interface hands out names no version of the API, and such a URL leads
to version 6: deprecated, and with waits in milliseconds. So every spelling of it becomes
version 10's. On a host that is not Discord's own (a proxy in front of it), the host stays.

Sources: Discord, "API Reference" (versions) and "Webhook Resource".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from bridge.channels.discord.payload import Draft
from bridge.channels.discord.replies import snowflake
from bridge.channels.picture import form as multipart
from bridge.channels.reply import MAX_REPLY
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, with_own
from bridge.version import __version__

#: ``DiscordBot (where it is from, version)`` is the form that Discord asks of programs.
_USER_AGENT = f"DiscordBot (mjbridge, {__version__})"

#: Discord's own hosts; version 10 is served on the first only.
OFFICIAL = frozenset(
    f"{place}{host}"
    for host in ("discord.com", "discordapp.com")
    for place in ("", "www.", "ptb.", "canary.")
)
_PATH = re.compile(
    r"(?P<before>.*?)(?:/api(?:/v\d+)?)?/webhooks/(?P<id>[^/]+)/(?P<token>[^/]+)(?:/.*)?"
)
#: Ours to set; what else a URL's query holds, a proxy may need.
_OURS = frozenset({"wait", "with_components", "thread_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUrl:
    """
    A webhook's place.

    Attributes:
        id: The webhook's.

        webhook: Its URL in version 10 of the API, without a query.

        token: The secret in it.

        thread: The thread that the configured URL named.

        query: What else it asked for.
    """

    id: str
    webhook: str = field(repr=False)
    token: str = field(repr=False)
    thread: str = ""
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_official(self) -> bool:
        """Whether it is Discord's own, and not that of a server that speaks as Discord does."""
        return urlsplit(self.webhook).hostname in OFFICIAL

    @classmethod
    def of(cls, url: str) -> Self | None:
        """Read a webhook's URL in any spelling; ``None`` if it is not one. Never raises."""
        try:
            parts = urlsplit(url.strip())
            host = (parts.hostname or "").rstrip(".")
        except ValueError:
            return None
        found = _PATH.fullmatch(parts.path)
        if parts.scheme not in {"http", "https"} or not host or not found:
            return None
        if host in OFFICIAL and not snowflake(found["id"]):
            return None
        base = (
            "https://discord.com"
            if host in OFFICIAL
            else f"{parts.scheme}://{parts.netloc}{found['before']}"
        )
        asked = parse_qsl(parts.query)
        return cls(
            id=found["id"],
            webhook=f"{base}/api/v10/webhooks/{found['id']}/{found['token']}",
            token=found["token"],
            thread=dict(asked).get("thread_id", ""),
            query=tuple(pair for pair in asked if pair[0] not in _OURS),
        )

    def to_post(self, thread: str = "") -> str:
        """Where a message is posted. Without ``wait``, one that is lost says nothing."""
        return self._url("", thread, wait="true", with_components="true")

    def to_edit(self, message: str, thread: str = "") -> str:
        """Where a message is edited."""
        return self._url(f"/messages/{message}", thread, with_components="true")

    def to_delete(self, message: str, thread: str = "") -> str:
        """Where a message is deleted."""
        return self._url(f"/messages/{message}", thread)

    def to_ask(self) -> str:
        """Where the webhook answers what it is."""
        return self._url("", "")

    def _url(self, place: str, thread: str, **asked: str) -> str:
        if thread:
            asked["thread_id"] = thread
        query = urlencode([*self.query, *asked.items()])
        return f"{self.webhook}{place}{'?' if query else ''}{query}"


def request(
    endpoint: Endpoint, method: str, url: str, content_type: str = "", body: bytes = b""
) -> Request:
    """Make a request to Discord."""
    ours = {"user-agent": _USER_AGENT}
    if content_type:
        ours["content-type"] = content_type
    return Request(
        url=url,
        method=method,
        body=body,
        headers=with_own(ours, endpoint.headers),
        max_bytes=MAX_REPLY,
    )


def send(
    endpoint: Endpoint, method: str, url: str, draft: Draft, *, boundary: str
) -> Request:
    """
    Make the request that posts or edits a message.

    Args:
        boundary: Tells the parts of an upload apart.
    """
    text = json.dumps(draft.payload(), ensure_ascii=False, separators=(",", ":"))
    content_type, body = "application/json", text.encode(errors="replace")
    if draft.file is not None:
        fields = {"payload_json": body}
        content_type, body = multipart(
            fields, "files[0]", draft.file, boundary=boundary
        )
    return request(endpoint, method, url, content_type, body)
