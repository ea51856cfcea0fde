"""
Addresses: where a webhook's messages are posted, edited and deleted.

The URL that Discord's interface hands out names no version of the API, and such a URL leads
to version 6: deprecated, and with waits in milliseconds. So every spelling of it becomes
version 10's. On a host that is not Discord's own (a proxy in front of it), the host stays.

Sources: Discord, "API Reference" (versions) and "Webhook Resource".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from bridge.channels.discord.wording import snowflake

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
class Address:
    """
    A webhook's place.

    Attributes:
        webhook: Its URL in version 10 of the API, without a query.

        token: The secret in it.

        thread: The thread that the configured URL named.

        query: What else it asked for.
    """

    webhook: str = field(repr=False)
    token: str = field(repr=False)
    thread: str = ""
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, url: str) -> Self | None:
        """Read a webhook's URL in any spelling; ``None`` if it is none. Total."""
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
        """Where the webhook tells of itself."""
        return self._url("", "")

    def _url(self, place: str, thread: str, **asked: str) -> str:
        if thread:
            asked["thread_id"] = thread
        query = urlencode([*self.query, *asked.items()])
        return f"{self.webhook}{place}{'?' if query else ''}{query}"
