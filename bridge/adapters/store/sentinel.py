"""
Addresses of stores that Redis Sentinel watches: ``sentinel://u:pw@a:26379,b:26379/service/0``.

A user and a password of the sentinels' own are ``sentinel_username`` and ``sentinel_password``
in the query. ``sentinels://`` means TLS, to the store and to its sentinels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from redis.credentials import UsernamePasswordCredentialProvider

SCHEME = "sentinel"
SCHEME_TLS = "sentinels"
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

        watcher_username: For the sentinels; ``None`` for none.

        watcher_password: The same.

        tls: How TLS is spoken, as redis-py's ``ssl_`` arguments; ``None`` without it.
    """

    watchers: tuple[tuple[str, int], ...]
    service: str = SERVICE
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    watcher_username: str | None = None
    watcher_password: str | None = field(default=None, repr=False)
    tls: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """
        Read an address; user and password are percent-encoded in it, as in any URL.

        Raises:
            ValueError: It is not such an address.
        """
        scheme, _, address = url.partition("://")
        address, _, text = address.partition("?")
        query = dict(parse_qsl(text))
        hosts, _, rest = address.partition("/")
        service, _, db = rest.partition("/")
        credentials, _, addresses = hosts.rpartition("@")
        username, _, password = credentials.partition(":")
        return cls(
            watchers=tuple(_watcher(address) for address in addresses.split(",")),
            service=unquote(service) or SERVICE,
            db=int(db or 0),
            username=unquote(username) or None,
            password=unquote(password) or None,
            watcher_username=query.get("sentinel_username"),
            watcher_password=query.get("sentinel_password"),
            tls=_tls(query) if scheme == SCHEME_TLS else None,
        )

    @property
    def for_watchers(self) -> dict[str, Any]:
        """What redis-py's clients of the sentinels are made with."""
        options: dict[str, Any] = {"socket_timeout": 3.0, "socket_connect_timeout": 3.0}
        if self.watcher_password is not None:
            # Celery shows its options to whoever asks for them: an object shows no password.
            options["credential_provider"] = UsernamePasswordCredentialProvider(
                self.watcher_username, self.watcher_password
            )
        if self.tls is not None:
            options |= {"ssl": True, **self.tls}
        return options

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


def is_watched(url: str) -> bool:
    """Check whether a URL names sentinels."""
    return url.startswith((f"{SCHEME}://", f"{SCHEME_TLS}://"))


def _tls(query: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {"ssl_cert_reqs": "required"}
    options |= {name: query[name] for name in query if name.startswith("ssl_")}
    if "ssl_check_hostname" in options:
        options["ssl_check_hostname"] = options["ssl_check_hostname"].lower() == "true"
    return options


def _watcher(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        msg = "a sentinel has a host"
        raise ValueError(msg)
    return parts.hostname, parts.port or PORT
