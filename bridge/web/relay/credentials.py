"""
Credentials: who may pass, and to which upstream.

A client of the protocol shows its key in one of several headers, and some in two at once. It
passes with an upstream's own key, which says which upstream it means, or with the bridge's
token. No cookie counts.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from starlette.datastructures import Headers

#: The upstream that is meant where several fit, if it is one of them.
DEFAULT = "default"
#: Headers that a key is shown in, whatever the upstream's own way is.
_HEADERS = ("mj-api-secret", "authorization")
#: Keys of one request that are looked at.
_MOST_SHOWN = 8


class Unauthorized(Exception):  # noqa: N818 - what becomes of a request, not an error of ours
    """A request does not pass; its text says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Who passes.

    Attributes:
        upstream: Where to.

        identity: The same for requests that show the same secret.
    """

    upstream: str
    identity: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCredential:
    """What opens the way to an upstream."""

    api_key: str | None
    header: str | None = None  #: The one that it wants its key in, if it has its own.


class Keyring:
    """Knows the keys of all upstreams, and the bridge's token."""

    def __init__(
        self, credentials: Mapping[str, UpstreamCredential], *, token: str | None
    ) -> None:
        """
        Know the keys.

        Args:
            credentials: By the upstream's name.

            token: The bridge's own; ``None`` if it has none.
        """
        self._names = tuple(credentials)
        self._keys = {
            name: _digest(credential.api_key)
            for name, credential in credentials.items()
            if credential.api_key
        }
        self._token = _digest(token) if token else None
        self._headers = dict.fromkeys(
            [
                *_HEADERS,
                *(
                    credential.header
                    for credential in credentials.values()
                    if credential.header
                ),
            ]
        )

    def caller(self, headers: Headers, named: str | None) -> Caller:
        """
        Return who makes a request.

        Args:
            headers: The request's.

            named: The upstream that its path names, if it names one.

        Raises:
            Unauthorized: It shows no key that opens anything, or not what its path names.
        """
        shown = list(self._shown(headers))
        opened = {name: _among(shown, key) for name, key in self._keys.items()}
        keyed = [name for name, secret in opened.items() if secret is not None]
        token = _among(shown, self._token) if self._token else None
        if not keyed and token is None:
            raise Unauthorized(401, "the key is missing or wrong")
        if named is not None:
            keyed = [name for name in keyed if name == named]
        if keyed:
            name = DEFAULT if DEFAULT in keyed else keyed[0]
            return Caller(name, opened[name] or b"")
        if token is None:
            raise Unauthorized(401, "the key is not that of the upstream in the path")
        return Caller(self._meant(named), token)

    def _meant(self, named: str | None) -> str:
        """Return where a request with the token goes."""
        if named in self._names:
            return str(named)
        if named is not None:
            raise Unauthorized(404, "there is no upstream of the name in the path")
        if DEFAULT in self._names:
            return DEFAULT
        if len(self._names) != 1:
            raise Unauthorized(
                400, "there are several upstreams: name one, /u/<name>/mj/"
            )
        return self._names[0]

    def _shown(self, headers: Headers) -> Iterator[bytes]:
        """Return digests of whatever could be a key."""
        values = [value for name in self._headers for value in headers.getlist(name)]
        for value in values[:_MOST_SHOWN]:
            scheme, blank, rest = value.strip().partition(" ")
            yield _digest(value.strip())
            if blank and scheme.lower() == "bearer":
                yield _digest(rest.strip())


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _among(shown: list[bytes], wanted: bytes) -> bytes | None:
    """Return what is wanted if it was shown, in a time that does not tell how near it was."""
    found = [hmac.compare_digest(one, wanted) for one in shown]
    return wanted if any(found) else None
