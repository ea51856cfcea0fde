"""Addresses of stores that Redis Sentinel watches: ``sentinel://u:pw@a:26379,b:26379/service/0``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, unquote, urlsplit

SCHEME = "sentinel"
PORT = 26379
SERVICE = "mymaster"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelAddress:
    """
    Where to ask for a store's master.

    Attributes:
        watchers: Hosts and ports of the sentinels; IPv6 addresses without brackets.

        service: What the sentinels call the store.

        db: The store's database.

        username: For the store itself, not for the sentinels; ``None`` for none.

        password: The same.
    """

    watchers: tuple[tuple[str, int], ...]
    service: str = SERVICE
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """
        Read an address; user and password are percent-encoded in it, as in any URL.

        Raises:
            ValueError: It is not such an address.
        """
        hosts, _, rest = url.removeprefix(f"{SCHEME}://").partition("/")
        service, _, db = rest.partition("/")
        credentials, _, addresses = hosts.rpartition("@")
        username, _, password = credentials.partition(":")
        return cls(
            watchers=tuple(_watcher(address) for address in addresses.split(",")),
            service=unquote(service) or SERVICE,
            db=int(db or 0),
            username=unquote(username) or None,
            password=unquote(password) or None,
        )

    @property
    def for_celery(self) -> str:
        """The same as Celery's transport takes it: one URL for each sentinel."""
        user = quote(self.username or "", safe="")
        secret = "" if self.password is None else f":{quote(self.password, safe='')}"
        credentials = f"{user}{secret}@" if user or secret else ""
        return ";".join(
            f"{SCHEME}://{credentials}{f'[{host}]' if ':' in host else host}:{port}/{self.db}"
            for host, port in self.watchers
        )


def _watcher(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        msg = "a sentinel has a host"
        raise ValueError(msg)
    return parts.hostname, parts.port or PORT
