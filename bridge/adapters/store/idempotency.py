"""Requests in the store, by the names that their callers gave them. See `RequestStore`."""

from __future__ import annotations

from bridge.adapters.store.keyspace import Keyspace
from bridge.app.ports import CLAIMED_FOR, KeptAnswer, RequestState


class StoredRequests:
    """The requests of one deployment that may be repeated."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def claim(
        self, name: str, *, fingerprint: str, holder: str
    ) -> RequestState | KeptAnswer:
        """Claim a request, or return what it was answered with."""
        state, *answer = await self._keys.run(
            "claim_request", name, fingerprint, holder, CLAIMED_FOR
        )
        if not answer:
            claimed: RequestState = state
            return claimed
        status, media_type, body = answer
        return KeptAnswer(status=int(status), media_type=media_type, body=body)

    async def keep_answer(self, name: str, answer: KeptAnswer) -> None:
        """Keep what a request was answered with."""
        await self._keys.run(
            "end_request", name, "", answer.status, answer.media_type, answer.body
        )

    async def release(self, name: str, *, holder: str) -> None:
        """Give a claim back."""
        await self._keys.run("end_request", name, holder)

    async def queued(self, name: str) -> int:
        """Return how many deliveries a request has queued so far."""
        return int(await self._keys.field(f"request:{name}", "queued") or 0)
