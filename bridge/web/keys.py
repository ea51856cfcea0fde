"""Signing keys: one for each purpose, all derived from `secret_key`, or from the store's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256

from itsdangerous import TimestampSigner


class SigningKeys:
    """The secrets that signers are derived from."""

    def __init__(self, secrets: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """
        Read no secret yet.

        Args:
            secrets: Returns them: the first signs, all are accepted.
        """
        self._read = secrets
        self._secrets: list[str] = []

    async def signer(self, purpose: str) -> TimestampSigner:
        """
        Return the signer of a purpose; what one signs, no other accepts.

        Raises:
            StoreUnavailable: The store keeps the secret, and does not answer.
        """
        if not self._secrets:
            self._secrets = list(await self._read())
        # The library signs with the last one.
        return TimestampSigner(
            self._secrets[::-1],
            salt=f"mjbridge.{purpose}",
            key_derivation="hmac",
            digest_method=sha256,
        )
