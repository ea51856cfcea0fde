"""``mjbridge web`` as a process that is killed, cut off from and lied to."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from tests.cli.commands import Running, Shell
from tests.contract.bench import Bench
from tests.core.tasks import PIG
from tests.web.history import polled
from tests.web.hostile import answer_to, hostile_requests
from tests.web.site import TOKEN

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: Seconds that a process may take to start while the machine is busy.
STARTS_WITHIN_S = 30


async def soon(condition: Callable[[], bool], *, within_s: float) -> None:
    """Wait until something is true, without holding anybody up."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


@dataclass
class Web:
    """A process that serves, and is started again at the same port after it was killed."""

    shell: Shell
    port: int = 0
    runs: AsyncExitStack = field(default_factory=AsyncExitStack)
    running: Running | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> Running:
        """Start it; returns when the store has been checked."""
        running = self.runs.enter_context(
            self.shell.running("web", "--port", str(self.port))
        )
        await soon(lambda: "web.started" in running.err, within_s=STARTS_WITHIN_S)
        self.port = int(re.findall(r"http://[0-9.]+:(\d+)", running.err)[0])
        shown = {"authorization": f"Bearer {TOKEN}"}
        async with (
            asyncio.timeout(STARTS_WITHIN_S),
            httpx.AsyncClient(base_url=self.url, headers=shown) as client,
        ):
            while (await client.get("/api/v1/openapi.json")).status_code == 503:
                await asyncio.sleep(0.01)
        self.running = running
        return running

    def kill(self) -> None:
        assert self.running is not None
        os.kill(self.running.process.pid, signal.SIGKILL)
        self.running.process.wait()


@asynccontextmanager
async def serving(shell: Shell) -> AsyncIterator[Web]:
    web = Web(shell)
    async with web.runs:
        await web.start()
        yield web


async def test_a_request_whose_process_was_killed_is_repeated_and_has_one_effect(
    deployment: Shell, bench: Bench
) -> None:
    headers = {"idempotency-key": "once"}
    ids: list[str] = []

    async with serving(deployment) as web, httpx.AsyncClient(timeout=30) as client:

        async def post() -> httpx.Response:
            body = {"ids": ids}
            return await client.post(
                f"{web.url}/api/v1/tasks", json=body, headers=headers
            )

        async def exists(task_id: str) -> bool:
            key = f"{{{bench.namespace}}}:task:default:{task_id}"
            return bool(await bench.client.exists(key))

        for prefix in "abcde":  # on a busy machine it may be done before it is killed
            ids[:] = [f"{prefix}{number}" for number in range(10_000)]
            cut_off = asyncio.create_task(post())
            while not await exists(ids[0]):
                await asyncio.sleep(0)
            web.kill()
            await asyncio.gather(cut_off, return_exceptions=True)
            was_done = await exists(ids[-1])
            await web.start()
            if not was_done:
                break
            await bench.client.delete((await _claim(bench))[0])
        async with asyncio.timeout(30):
            # Whoever was killed holds its claim for some seconds.
            while (answer := await post()).status_code == 409:
                await bench.client.hset(*await _claim(bench), "0")
        again = await post()

    assert not was_done
    assert isinstance(cut_off.exception(), httpx.TransportError)
    assert answer.status_code == 202
    assert answer.json() == {"tracked": ids, "known": [], "rejected": []}
    assert again.content == answer.content


async def _claim(bench: Bench) -> tuple[str, str]:
    [key] = [one async for one in bench.client.scan_iter(f"*{bench.namespace}*request:*")]  # fmt: skip
    return str(key), "until"


@pytest.mark.timeout(240)
async def test_a_client_that_is_cut_off_again_and_again_misses_nothing(
    deployment: Shell, bench: Bench
) -> None:
    """Neither does it when the process is killed meanwhile."""
    dice, count, cuts = random.Random(50), 2_000, 30
    frames: list[tuple[str, str]] = []
    last = begun = await bench.feed.position()

    async def listen(client: httpx.AsyncClient, enough: int) -> None:
        nonlocal last
        headers = {"last-event-id": last}
        async with client.stream("GET", "/api/v1/stream", headers=headers) as answer:
            frame: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    frame[name] = value
                    continue
                if "data" in frame:
                    frames.append((frame["id"], frame["data"]))
                last = frame.get("id", last)
                frame = {}
                if len(frames) >= enough:
                    return

    async def happen() -> None:
        for start in range(0, count, 100):
            numbers = range(start, start + 100)
            await polled(bench, *(replace(PIG, id=f"{one}") for one in numbers))
            await asyncio.sleep(0)

    async with serving(deployment) as web, asyncio.timeout(150):
        happening = asyncio.create_task(happen())
        async with httpx.AsyncClient(base_url=web.url, timeout=20) as client:
            for cut in range(cuts):
                with suppress(httpx.TransportError):
                    await listen(client, min(len(frames) + dice.randrange(150), count))
                if cut == cuts // 2:
                    web.kill()
                    with pytest.raises(httpx.TransportError):
                        await listen(client, count)
                    await web.start()
            await happening
            await listen(client, count)

    news = await bench.feed.after(begun, block=0, most=2 * count)
    assert len(news.entries) == count
    assert frames == [(one.position, one.event.body) for one in news.entries]


@linux_only
async def test_hostile_requests_are_answered_and_leave_nothing_behind(
    deployment: Shell,
) -> None:
    deployment.variables = {**deployment.variables, "BRIDGE_API_TOKEN": TOKEN}
    at_once = asyncio.Semaphore(10)

    async with serving(deployment) as web:
        assert web.running is not None
        process = web.running.process

        async def send(request: bytes, *, is_whole: bool) -> None:
            async with at_once:
                # One that announces more than it sends is waited for.
                within = 30.0 if is_whole else 0.2
                head = await answer_to(web.port, request, within_s=within)
            assert head or not is_whole, request[:300]
            assert not head or int(head.split()[1]) < 500, (request[:300], head)

        async def send_all(seed: int, number: int) -> None:
            async with asyncio.TaskGroup() as group:
                for request, is_whole in hostile_requests(number, seed=seed):
                    group.create_task(send(request, is_whole=is_whole))

        await send_all(1, 200)
        before = _megabytes(process.pid)
        await send_all(2, 400)
        grown = _megabytes(process.pid) - before
        assert web.running.interrupt(signal.SIGTERM) == 0

    lines = [json.loads(line) for line in web.running.err.splitlines()]
    assert [one for one in lines if one["level"] != "info"] == []
    assert grown < 20


@linux_only
async def test_a_low_soft_limit_of_open_files_does_not_limit_clients(
    deployment: Shell,
) -> None:
    low, clients = 128, 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4 * clients:
        pytest.skip("the hard limit is low as well")

    async with AsyncExitStack() as stack:
        # The process inherits it.
        resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
        try:
            web = await stack.enter_async_context(serving(deployment))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * clients), hard))
            stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        async with asyncio.timeout(60):
            for _ in range(clients):
                reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
                stack.callback(writer.close)
                writer.write(b"GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")


def _megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
