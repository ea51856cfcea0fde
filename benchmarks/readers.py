"""
Clients of the stream that cost as little as clients can: they read, and throw away.

    python -m benchmarks.readers http://127.0.0.1:8300 200
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

REQUEST = b"GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n"


async def read(url: str, count: int) -> None:
    """Be so many clients; whoever is cut off comes back."""
    host, _, port = url.removeprefix("http://").partition(":")
    begun = asyncio.Semaphore(0)

    async def one() -> None:
        while True:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(REQUEST)
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await reader.readuntil(b"retry:")
                begun.release()
                while await reader.read(1 << 20):
                    pass
            writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
        for _ in range(count):
            await begun.acquire()
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(read(sys.argv[1], int(sys.argv[2])))
