"""An upstream that actions are made at: one request each, and questions about what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from urllib.parse import urlsplit

from bridge.adapters.gateway.access import json_headers, root_of
from bridge.adapters.gateway.client import GatewayClient, UpstreamOptions
from bridge.adapters.gateway.search import in_log, in_page, in_rows
from bridge.adapters.http.client import Client
from bridge.app.ports import SearchResult, Sought
from bridge.core.event_data import Json
from bridge.core.http import Request, Response
from bridge.core.task import TaskSnapshot

#: Bytes of an answer that are read at most: it is one object with an id.
LARGEST_ANSWER = 1024 * 1024
#: What midjourney-proxy-plus is asked for; of its answer nothing is taken for complete.
NEWEST = {"pageNumber": 1, "pageSize": 100}
#: Seconds that one question about what came of a request may take.
ASK_WITHIN = 15.0


class ActionClient:
    """
    Makes actions at a gateway account, for one event loop; see `bridge.app.ports.ActionUpstream`.

    Each request has a connection of its own: one that was idle may be gone, and then nobody
    knows whether the request was read. Nothing repeats it.
    """

    def __init__(self, options: UpstreamOptions) -> None:
        """Make one that has no connection yet."""
        self._root = root_of(options.base_url)
        parts = urlsplit(self._root)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._key = options.api_key
        self._headers = json_headers(options.auth, options.api_key)
        self._once = Client(
            connections=options.concurrency,
            keepalive=None,
            proxy=options.proxy,
            tls_ca=options.tls_ca,
        )
        self._questions = GatewayClient(options)

    async def submit(
        self, route: str, body: Mapping[str, Json], *, within: float
    ) -> Response:
        """Send one request once, over a connection of its own, within some seconds."""
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        request = Request(
            url=f"{self._root}/{route}",
            body=text.encode(errors="replace"),
            headers=self._headers,
            max_bytes=LARGEST_ANSWER,
            timeout=within,
        )
        return await self._once.send(request)

    async def task(self, task_id: str) -> TaskSnapshot | None:
        """Ask for a task; ``None`` if the upstream does not show it."""
        response = await self._ask(
            self._questions.ask("task/list-by-condition", [task_id])
        )
        if response is None:
            return None
        return self._questions.read(response, [task_id]).tasks.get(task_id)

    async def search(self, sought: Sought) -> SearchResult:
        """Look for the task of a request that was not answered, without changing anything."""
        listed = await self._ask(self._questions.ask_at(f"{self._root}/task/list"))
        result = in_rows(listed, sought)
        if result.blind:
            url = f"{self._root}/task/query"
            page = await self._ask(self._questions.ask_at(url, NEWEST))
            result = in_page(page, sought)
        if result.blind and self._key:
            result = await self._search_log(sought)
        return result

    async def _search_log(self, sought: Sought) -> SearchResult:
        """Look into what the key was charged for, which new-api shows to the key itself."""
        log = await self._ask(self._questions.ask_at(f"{self._origin}/api/log/token"))
        ids = in_log(log, sought)
        if ids is None:
            return SearchResult(blind=True)
        if not ids:
            return SearchResult()
        response = await self._ask(self._questions.ask("task/list-by-condition", ids))
        tasks = {} if response is None else self._questions.read(response, ids).tasks
        fitting = [
            task_id
            for task_id, task in tasks.items()
            if sought.prompt is None
            or task.prompt is None
            or sought.prompt.strip() in task.prompt
        ]
        return SearchResult(candidates=tuple(fitting))

    def redacted(self, words: str) -> str:
        """Make the upstream's words fit to be shown."""
        return self._questions.redacted(words)

    async def aclose(self) -> None:
        """Close its connections."""
        await asyncio.gather(self._once.aclose(), self._questions.aclose())

    async def _ask(self, question: Awaitable[Response]) -> Response | None:
        try:
            async with asyncio.timeout(ASK_WITHIN):
                return await question
        except TimeoutError:
            return None
