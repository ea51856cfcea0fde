"""
A shop: an upstream on a real socket that sells a task for each submission it takes, and may
fail at any moment before, in and after that. What counts is how many it sold.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.receivers import Socket, serving

#: The task whose buttons are pressed.
PARENT = "1730621826053455"


class Visit(Socket):
    """A connection to the shop."""

    async def answer(
        self, body: bytes, status: str = "200 OK", kind: str = "application/json"
    ) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        await self.say(head.encode() + body)

    async def tell(self, value: object, status: str = "200 OK") -> None:
        await self.answer(json.dumps(value).encode(), status)


#: What the shop does with a submission that it has read; the row is sold if it is called.
Manner: TypeAlias = Callable[[Visit, Callable[[], dict[str, Any]]], Awaitable[None]]


@dataclass
class Shop:
    """
    An upstream that sells tasks.

    Attributes:
        manners: How the next submissions are dealt with; then all are taken.

        first: How the first submission of each action is dealt with, if not as all others.

        hang_ups: How many connections are closed at once, without anything being read.

        lists: Whether ``/mj/task/list`` is there.
    """

    manners: list[Manner] = field(default_factory=list)
    first: Manner | None = None
    hang_ups: int = 0
    lists: bool = True
    log: list[dict[str, Any]] | None = None
    submissions: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sold: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    port: int = 0
    echoes: bool = True
    connections: int = 0
    old: list[dict[str, Any]] = field(default_factory=list)
    visits: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        long_ago = (time.time() - 3600) * 1000
        self.old.append(
            {"id": PARENT, "submitTime": long_ago, "status": "SUCCESS", "state": ""}
        )

    def sell(self, body: dict[str, Any]) -> dict[str, Any]:
        row = {
            "id": f"9{len(self.sold):015}",
            "parentId": body.get("taskId"),
            "prompt": body.get("prompt"),
            "submitTime": time.time() * 1000,
            "status": "SUBMITTED",
            "progress": "0%",
            "state": body.get("state") if self.echoes else "",
        }
        self.sold.append(row)
        return row

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        visit = Visit(reader, writer)
        try:
            if self.hang_ups:
                self.hang_ups -= 1
                return
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._answer(visit):
                    pass
        finally:
            writer.close()

    async def dealt_with_all(self) -> None:
        """Wait until what was sent over connections that are closed has been dealt with."""
        before = self.connections
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()  # accepted after all earlier ones
        async with asyncio.timeout(30):
            while self.connections == before or self.visits:
                await asyncio.sleep(0.001)

    async def _answer(self, visit: Visit) -> bool:
        head = (await visit.reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split("\r\n")[0].split(" ")
        lengths = [
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length:")
        ]
        body = await visit.reader.readexactly(lengths[0] if lengths else 0)
        if method == "POST" and "/submit/" in path:
            await self._submitted(visit, path, json.loads(body))
            return False
        await self._asked(visit, path, body)
        return True

    async def _submitted(self, visit: Visit, path: str, body: dict[str, Any]) -> None:
        is_first = all(
            one.get("state") != body.get("state") for _, one in self.submissions
        )
        self.submissions.append((path, body))
        manner = self.manners.pop(0) if self.manners else takes
        if self.first is not None and is_first:
            manner = self.first
        await manner(visit, lambda: self.sell(body))

    async def _asked(self, visit: Visit, path: str, body: bytes) -> None:
        rows = [*self.old, *self.sold]
        if path == "/mj/task/list" and self.lists:
            await visit.tell(rows)
        elif path == "/mj/task/list-by-condition":
            ids = json.loads(body)["ids"]
            await visit.tell([row for row in rows if row["id"] in ids])
        elif path == "/api/log/token" and self.log is not None:
            await visit.tell({"success": True, "data": self.log})
        else:
            await visit.answer(b"<html>New API</html>", kind="text/html")


@asynccontextmanager
async def shop(**habits: Any) -> AsyncIterator[Shop]:
    """Open a shop on a loopback port."""
    this = Shop(**habits)
    async with serving(this.serve, this.visits) as this.port:
        this.url = f"http://127.0.0.1:{this.port}"
        yield this


# --- manners --------------------------------------------------------------------------


async def takes(visit: Visit, sell: Callable[[], dict[str, Any]]) -> None:
    """Sell a task and say so."""
    await visit.tell({"code": 1, "description": "ok", "result": sell()["id"]})


def says(
    value: object, status: str = "200 OK", *, sells: bool = False, kind: str = ""
) -> Manner:
    """Say something, and sell a task or not."""

    async def manner(visit: Visit, sell: Callable[[], dict[str, Any]]) -> None:
        if sells:
            sell()
        if isinstance(value, bytes):
            await visit.answer(value, status, kind or "text/html")
        else:
            await visit.tell(value, status)

    return manner


def resets(*, sells: bool) -> Manner:
    """Read it all, and break the connection."""

    async def manner(visit: Visit, sell: Callable[[], dict[str, Any]]) -> None:
        if sells:
            sell()
        visit.reset()

    return manner


def hangs_up(*, sells: bool) -> Manner:
    """Read it all, and close the connection."""

    async def manner(visit: Visit, sell: Callable[[], dict[str, Any]]) -> None:
        if sells:
            sell()
        visit.writer.close()

    return manner


def is_silent(*, sells: bool) -> Manner:
    """Read it all, and say nothing."""

    async def manner(visit: Visit, sell: Callable[[], dict[str, Any]]) -> None:
        if sells:
            sell()
        await visit.gone()

    return manner


def says_half(*, sells: bool) -> Manner:
    """Begin an answer, and hang up in the middle."""

    async def manner(visit: Visit, sell: Callable[[], dict[str, Any]]) -> None:
        if sells:
            sell()
        await visit.say(
            b'HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{"code":1,"descr'
        )

    return manner
