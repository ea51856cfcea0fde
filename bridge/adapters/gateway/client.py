"""One gateway account: how it is asked, and what the kinds of its replies are."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlsplit

from bridge.adapters.gateway.address import headers_of, root_of, secrets_of
from bridge.adapters.gateway.errors import complain, redact, wait_in
from bridge.adapters.gateway.exchange import Reply, client, exchange
from bridge.adapters.gateway.parse import read_answer, text_in
from bridge.app.ports import FetchResult, PollError
from bridge.version import __version__

#: Answers that refuse what was asked for, not who asks.
_REFUSALS = frozenset({400, 413, 414, 422})
#: Answers that say that there is nothing at an address.
_GONE = frozenset({404, 405})
#: Source: new-api ``relay/relay-mj.go``, which answers 400 for one unknown task.
_UNKNOWN_TASK = re.compile(
    r"task_no_found|task_not_found|task not found|任务不存在", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """
    How a gateway account is reached.

    Attributes:
        name: What people, logs and metrics call it.

        base_url: In any spelling, see `bridge.adapters.gateway.address.root_of`.

        api_key: A secret.

        auth: How the key is shown, see `bridge.adapters.gateway.address.headers_of`.

        timeout: Seconds for a whole `HttpUpstream.fetch`, however many requests it takes.

        proxy: The proxy to go through; it may hold a password.

        tls_ca: A file of certificates to trust instead of the usual ones.

        concurrency: Requests in flight at once, of this object.

        rate: Requests a second, of this object, beyond the first one of each `fetch`, which
            the store's limit has admitted; ``None`` for no limit.
    """

    name: str
    base_url: str
    api_key: str = field(repr=False)
    auth: str = "bearer"
    timeout: float = 30.0
    proxy: str | None = field(default=None, repr=False)
    tls_ca: str | None = None
    concurrency: int = 4
    rate: float | None = None


class Gateway:
    """A gateway account, for one event loop. It never raises for what the gateway does."""

    def __init__(self, options: UpstreamOptions) -> None:
        self._root = root_of(options.base_url)
        self._host = urlsplit(self._root).hostname or ""
        self._secrets = secrets_of(options.api_key, options.base_url, options.proxy)
        keyed = headers_of(options.auth, options.api_key, options.base_url)
        self._client = client(
            headers={
                "accept": "application/json",
                "accept-encoding": "identity",
                "content-type": "application/json",
                "user-agent": f"mjbridge/{__version__}",
                **keyed,
            },
            connections=options.concurrency,
            proxy=options.proxy,
            tls_ca=options.tls_ca,
        )
        self._slots = asyncio.Semaphore(options.concurrency)

    async def ask(self, route: str, ids: Sequence[str]) -> Reply:
        """Ask for several tasks at once."""
        content = json.dumps({"ids": list(ids)}, separators=(",", ":")).encode()
        async with self._slots:
            return await exchange(
                self._client, "POST", f"{self._root}/{route}", content
            )

    async def ask_for(self, task_id: str) -> Reply:
        """Ask for one task."""
        if task_id in {".", ".."}:
            return Reply(status=400)  # would be another address
        url = f"{self._root}/task/{quote(task_id, safe='')}/fetch"
        async with self._slots:
            return await exchange(self._client, "GET", url)

    def read(
        self, reply: Reply, ids: Sequence[str], *, alone: bool = False
    ) -> FetchResult:
        """
        Say what a reply means.

        Args:
            reply: To a question about `ids`.

            ids: What was asked for.

            alone: Whether it was asked with `ask_for`, where an empty body means that
                there is no such task. In the place of a list it means nothing good.
        """
        status = reply.status
        if status is None or (reply.fault and 200 <= status < 300):
            wait = wait_in(reply.headers)
            return FetchResult(
                error=PollError.BROKEN, detail=reply.fault, retry_after=wait
            )
        if len(ids) == 1 and is_unknown(reply):
            return FetchResult()
        if not 200 <= status < 300:
            return complain(status, reply.headers, reply.body, asked_host=self._host)
        if alone and not text_in(reply.body):
            return FetchResult()
        answer = read_answer(reply.body, ids)
        if answer.error is None:
            return answer
        return replace(answer, retry_after=wait_in(reply.headers))

    def redacted(self, words: str) -> str:
        """Make words fit to be shown, see `bridge.adapters.gateway.errors.redact`."""
        return redact(words, self._secrets)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def is_refusal(reply: Reply, *, several: bool) -> bool:
    """
    Whether it is about what was asked for; too many rows in one answer are, too.

    Args:
        reply: To a question.

        several: Whether that was about several tasks. "Task not found" is an answer about
            one; of several it leaves open which, and what the others are.
    """
    if reply.too_large and reply.status is not None and reply.status < 300:
        return True
    if is_unknown(reply):
        return several
    return reply.status in _REFUSALS


def is_gone(reply: Reply) -> bool:
    """Whether there is nothing at the address that was asked."""
    return reply.status in _GONE and not is_unknown(reply)


def is_unknown(reply: Reply) -> bool:
    """Whether it says that there is no such task."""
    if reply.status not in {400, 404}:
        return False
    return bool(_UNKNOWN_TASK.search(text_in(reply.body[:4096])))
