"""
Tokens: what a link or a button carries, so that whoever shows it may press what it is for.

A token is made from keys alone, without the store, and has at most 64 bytes: what Telegram
lets a button carry. Packed and signed it holds

    version 1 | upstream 4 | endpoint 4 | expiry 4 | task 8 or 13 | button 6 | signature 16

Names are digests, and whoever reads a token knows the names that there are. A task's id is a
number of eight bytes nearly everywhere; of any other, 13 bytes of its digest are carried, and
whoever signs has the store keep which id that is (see `long_id`).

Rule 1: what was signed for one purpose is worth nothing for another one: each has a key.
Rule 2: whatever is wrong with a token, reading it takes the same time and answers the same.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Self

from bridge.core.task import TaskKey

#: Most characters of a token.
MAX_LENGTH = 64

_SIGNATURE = 16
_NAME, _EXPIRY, _BUTTON = 4, 4, 6
#: Bytes of a task's id, by the version that says how it is written.
_NUMBER, _DIGEST = 1, 2
_ID_SIZES = {_NUMBER: 8, _DIGEST: 13}
#: A number is written in one way only: any other spelling is another id.
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LAST_SECOND = 2**32 - 1


class Purpose(StrEnum):
    """What a token is for; its platform, if it is a button's."""

    LINK = "link"  #: A page that offers a task's buttons.
    SLACK = "slack"
    DISCORD = "discord"
    TELEGRAM = "telegram"
    FORM = "form"  #: What a page's form has to come with, see `TokenKeys.seal`.
    WEBHOOK = (
        "webhook"  #: What a platform that does not sign shows, see `TokenKeys.seal`.
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """
    What a valid token allows: to press one task's buttons, or one of them.

    Attributes:
        expires: Until when, in seconds since the epoch.

        task_id: The task's id; empty if `long_id` stands for it.

        long_id: The name under which the store keeps the id; empty if `task_id` is known.
    """

    expires: int
    task_id: str
    long_id: str
    _upstream: bytes
    _endpoint: bytes
    _button: bytes

    def upstream(self, names: Iterable[str]) -> str | None:
        """Return which of these upstreams it is for."""
        return next((one for one in names if _digest(one) == self._upstream), None)

    def endpoint(self, names: Iterable[str]) -> str | None:
        """Return which of these endpoints it was sent to."""
        return next((one for one in names if _digest(one) == self._endpoint), None)

    def button(self, custom_ids: Iterable[str]) -> str | None:
        """Return which of these buttons it is for; ``None`` for a whole task's token, too."""
        if not self._button:
            return None
        wanted = self._button.hex()
        return next((one for one in custom_ids if button_name(one) == wanted), None)


class TokenKeys:
    """The keys that tokens are signed with, derived from the deployment's secrets."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """
        Derive the keys of every purpose.

        Args:
            secrets: At least one. The first signs, all are accepted.
        """
        self._keys = {
            purpose: [_derive(secret, purpose) for secret in secrets]
            for purpose in Purpose
        }

    def sign(
        self,
        purpose: Purpose,
        task: TaskKey,
        *,
        endpoint: str,
        expires: float,
        custom_id: str | None = None,
    ) -> str:
        """
        Make a token.

        Args:
            endpoint: The endpoint that it is sent to.

            expires: In seconds since the epoch.

            custom_id: The one button that it presses; ``None`` for all of the task's.
        """
        version, task_id = _packed_id(task)
        until = max(0, min(int(expires), _LAST_SECOND))
        packed = b"".join(
            (
                bytes((version,)),
                _digest(task.upstream),
                _digest(endpoint),
                until.to_bytes(_EXPIRY),
                task_id,
                b"" if custom_id is None else bytes.fromhex(button_name(custom_id)),
            )
        )
        return _text(packed + _signature(self._keys[purpose][0], packed))

    def read(self, purpose: Purpose, token: str, *, now: float) -> Grant | None:
        """Return what a token allows; ``None`` if it is not valid (any more). Never raises."""
        raw, whole = _bytes(token)
        packed, given = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
        signed = False
        for key in self._keys[purpose]:  # all of them, whichever fits
            signed |= compare_digest(_signature(key, packed), given)
        grant = _Parts.of(packed).grant(of_button=purpose is not Purpose.LINK)
        if not (signed and whole) or grant is None or grant.expires <= now:
            return None
        return grant

    def seal(self, purpose: Purpose, *about: str) -> str:
        """Return a text that proves whoever shows it got it from here, for these texts."""
        return self.seals(purpose, *about)[0]

    def seals(self, purpose: Purpose, *about: str) -> list[str]:
        """Return what `seal` returns with each of the keys, the one that signs first."""
        message = "\0".join(about).encode("utf-8", "surrogatepass")
        return [_text(_signature(key, message, size=24)) for key in self._keys[purpose]]

    def is_seal(self, purpose: Purpose, text: str, *about: str) -> bool:
        """Whether a text is what `seal` returns, or returned before the keys were rotated."""
        given = text.encode("utf-8", "surrogatepass")
        valid = False
        for made in self.seals(purpose, *about):
            valid |= compare_digest(made.encode(), given)
        return valid


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLinks:
    """
    What an exchange needs to offer a task's buttons.

    Attributes:
        public_url: Where people reach the pages; ``None`` if they cannot.

        ttl: Seconds that a token is valid.
    """

    keys: TokenKeys = field(repr=False)
    public_url: str | None
    ttl: float

    def page(self, task: TaskKey, endpoint: str, *, now: float) -> str | None:
        """Return the URL of the page that offers a task's buttons."""
        if self.public_url is None:
            return None
        expires = now + self.ttl
        token = self.keys.sign(Purpose.LINK, task, endpoint=endpoint, expires=expires)
        return f"{self.public_url.rstrip('/')}/a/{token}"

    def button(
        self,
        purpose: Purpose,
        task: TaskKey,
        endpoint: str,
        custom_id: str,
        *,
        now: float,
    ) -> str:
        """Return the token of one button at a platform."""
        expires = now + self.ttl
        return self.keys.sign(
            purpose, task, endpoint=endpoint, expires=expires, custom_id=custom_id
        )


def button_name(custom_id: str) -> str:
    """Return a button's name in tokens and forms: twelve hexadecimal digits."""
    return sha256(_utf8(custom_id)).hexdigest()[: 2 * _BUTTON]


def long_id(task: TaskKey) -> str | None:
    """Return the name by which the store has to know a task's id; ``None`` if it need not."""
    version, packed = _packed_id(task)
    return packed.hex() if version == _DIGEST else None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of what was signed; empty where there is too little."""

    version: int
    upstream: bytes
    endpoint: bytes
    expiry: bytes
    rest: bytes

    @classmethod
    def of(cls, packed: bytes) -> Self:
        upstream, endpoint = 1 + _NAME, 1 + 2 * _NAME
        expiry = endpoint + _EXPIRY
        return cls(
            packed[0] if packed else 0,
            packed[1:upstream],
            packed[upstream:endpoint],
            packed[endpoint:expiry],
            packed[expiry:],
        )

    def grant(self, *, of_button: bool) -> Grant | None:
        size = _ID_SIZES.get(self.version)
        if size is None or len(self.rest) != size + (_BUTTON if of_button else 0):
            return None
        task_id, button = self.rest[:size], self.rest[size:]
        is_number = self.version == _NUMBER
        return Grant(
            expires=int.from_bytes(self.expiry),
            task_id=str(int.from_bytes(task_id)) if is_number else "",
            long_id="" if is_number else task_id.hex(),
            _upstream=self.upstream,
            _endpoint=self.endpoint,
            _button=button,
        )


def _packed_id(task: TaskKey) -> tuple[int, bytes]:
    if _DECIMAL.fullmatch(task.id):
        return _NUMBER, int(task.id).to_bytes(_ID_SIZES[_NUMBER])
    return _DIGEST, sha256(_utf8(str(task))).digest()[: _ID_SIZES[_DIGEST]]


def _derive(secret: str, purpose: Purpose) -> bytes:
    """Derive a key by HKDF-SHA-256 (RFC 5869); one block is as long as the key."""
    extracted = digest(b"mjbridge token", _utf8(secret), "sha256")
    return digest(extracted, purpose.encode() + b"\x01", "sha256")


def _signature(key: bytes, message: bytes, *, size: int = _SIGNATURE) -> bytes:
    return digest(key, message, "sha256")[:size]


def _digest(name: str) -> bytes:
    return sha256(_utf8(name)).digest()[:_NAME]


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(token: str) -> tuple[bytes, bool]:
    """
    Decode a token, and check that it is written as we write it.

    Base64 has several spellings of the same bytes; of what is not base64 at all, zeros are read.
    """
    given = token[: MAX_LENGTH + 1].encode("utf-8", "replace")
    try:
        raw = urlsafe_b64decode(given + b"=" * (-len(given) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    whole = compare_digest(_text(raw).encode(), given) and len(token) <= MAX_LENGTH
    return raw or bytes(MAX_LENGTH // 4 * 3), whole
