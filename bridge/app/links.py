"""Links: what signs the tokens of links and buttons, made of secrets that may be the store's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bridge.app.ports import ExpiringTexts
from bridge.core.task import TaskKey
from bridge.core.token import ActionLinks, Grant, TokenKeys, long_id


class LinkSource:
    """Makes `ActionLinks`, and finds the tasks that tokens are for."""

    def __init__(
        self,
        *,
        secrets: Callable[[], Awaitable[Sequence[str]]],
        texts: ExpiringTexts,
        public_url: str | None,
        ttl: float,
    ) -> None:
        """
        Read no secret yet.

        Args:
            secrets: Returns the deployment's secrets; the first signs.

            texts: Keeps the ids of tasks that a token has no room for.

            public_url: Where people reach the pages; ``None`` if they cannot.

            ttl: Seconds that a token is valid.
        """
        self._secrets = secrets
        self._texts = texts
        self._public_url = public_url
        self.ttl = ttl
        self._keys: TokenKeys | None = None

    async def keys(self) -> TokenKeys:
        """
        Return the keys of all tokens.

        Raises:
            StoreUnavailable: The store keeps the secret, and does not answer.
        """
        if self._keys is None:
            self._keys = TokenKeys(await self._secrets())
        return self._keys

    async def ready_for(self, task: TaskKey) -> ActionLinks:
        """
        Return what signs tokens of a task, whose id can then be found again.

        Raises:
            StoreUnavailable: The store has to answer for it, and does not.
        """
        keys = await self.keys()
        if (name := long_id(task)) is not None:
            await self._texts.keep(f"id:{name}", task.id, self.ttl)
        return ActionLinks(keys=keys, public_url=self._public_url, ttl=self.ttl)

    async def keep_message(
        self, task: TaskKey, endpoint: str, *, channel: str, message: str
    ) -> None:
        """Keep where a task's button was pressed: what comes of it answers that message."""
        place = f"{channel} {message}"
        await self._texts.keep(f"message:{endpoint}:{task}", place, self.ttl)

    async def message_of(self, task: TaskKey, endpoint: str) -> tuple[str, str] | None:
        """Return channel and id of the message where a task's button was pressed."""
        kept = await self._texts.kept(f"message:{endpoint}:{task}")
        channel, _, message = (kept or "").partition(" ")
        return (channel, message) if message else None

    async def task_of(self, grant: Grant, upstreams: Sequence[str]) -> TaskKey | None:
        """
        Return the task that a token is for; ``None`` if nothing is known of it any more.

        Raises:
            StoreUnavailable: The store keeps its id, and does not answer.
        """
        upstream = grant.upstream(upstreams)
        task_id = grant.task_id
        if grant.long_id:
            task_id = await self._texts.kept(f"id:{grant.long_id}") or ""
        return TaskKey(upstream, task_id) if upstream and task_id else None
