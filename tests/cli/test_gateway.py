"""The gateway in a process of its own: large bodies, and a process that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count

import httpx
import pytest
from aiohttp import web

from tests.cli.commands import Running, Shell
from tests.cli.test_web import address
from tests.contract.bench import Bench
from tests.gateways import Asked, Gateway, says, scripted
from tests.resident import MIB, Peak

KEY = "sk-never-shown"
SHOWN = {"mj-api-secret": KEY}


@pytest.fixture
async def upstream() -> AsyncIterator[Gateway]:
    numbers = count(1)

    async def script(asked: Asked) -> web.Response:
        if "/image/" in asked.path:
            return says(b"\x89PNG" + bytes(60 * MIB), content_type="image/png")
        await asyncio.sleep(0.01)
        return says({"code": 1, "description": "ok", "result": str(next(numbers))})

    async with scripted(script) as gateway:
        yield gateway


@contextmanager
def serving(shell: Shell, upstream: Gateway) -> Iterator[tuple[Running, str]]:
    named = {"BRIDGE_UPSTREAMS__DEFAULT__BASE_URL": upstream.url}
    with shell.running("web", "--port", "0", **named) as running:
        yield running, address(running)


async def test_large_bodies_pass_in_both_directions_with_flat_memory_and_larger_ones_do_not(
    deployment: Shell, upstream: Gateway
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield bytes(MIB)

    picture = b"A" * (12 * MIB)
    body = b'{"base64Array":["' + b'","'.join([picture] * 5)
    body += b'"],"notifyHook":"https://studio.example.com/x","dimensions":"SQUARE"}'
    with serving(deployment, upstream) as (running, url):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            # What a process needs once: connections, modules, buffers.
            await client.post("/mj/submit/blend", content=b"{}", headers=SHOWN)
            await client.get("/mj/task/1/fetch", headers=SHOWN)
            memory = Peak(running.process.pid)

            answer = await client.post("/mj/submit/blend", content=body, headers=SHOWN)
            assert answer.json()["code"] == 1
            sent = upstream.asked[-1].body
            assert sent == body.replace(
                b'"notifyHook":"https://studio.example.com/x",', b""
            )
            async with client.stream("GET", "/mj/image/1", headers=SHOWN) as got:
                size = 0
                async for piece in got.aiter_raw():
                    size += len(piece)
            assert size == 60 * MIB + 4
            assert memory.grown < 10 * MIB, f"{memory.grown / MIB:.1f} MiB"

            passed_on = len(upstream.asked)
            announced = {**SHOWN, "content-length": str(65 * MIB)}
            for headers in (announced, SHOWN):
                answer = await client.post(
                    "/mj/submit/blend", content=endless(), headers=headers
                )
                assert answer.status_code == 413
            assert len(upstream.asked) == passed_on


async def test_a_process_that_is_killed_submits_nothing_twice_and_loses_no_answer(
    deployment: Shell, upstream: Gateway, bench: Bench
) -> None:
    received: list[str] = []
    submitted = 0
    for reached in (1, 3, 6):
        with serving(deployment, upstream) as (running, url):
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:

                async def submit() -> str:
                    answer = await client.post(
                        "/mj/submit/imagine", json={"prompt": "x"}, headers=SHOWN
                    )
                    return str(answer.json()["result"])

                received.append(await submit())
                before = len(upstream.asked)
                clients = [asyncio.ensure_future(submit()) for _ in range(8)]
                submitted += 1 + len(clients)
                async with asyncio.timeout(30):
                    while len(upstream.asked) < before + reached:
                        await asyncio.sleep(0)
                os.kill(running.process.pid, signal.SIGKILL)
                answers = await asyncio.gather(*clients, return_exceptions=True)
                received += [one for one in answers if isinstance(one, str)]
    assert 3 + 1 + 3 + 6 <= len(upstream.asked) <= submitted
    with serving(deployment, upstream):
        async with asyncio.timeout(30):
            for task_id in received:
                while not await tracked(bench, task_id):
                    await asyncio.sleep(0.05)
            # All that was sent is tracked, or listed as what nobody knows the end of.
            while await known(bench) < len(upstream.asked):
                await asyncio.sleep(0.05)


async def tracked(bench: Bench, task_id: str) -> bool:
    key = f"{{{bench.namespace}}}:task:default:{task_id}"
    return bool(await bench.client.exists(key))


async def known(bench: Bench) -> int:
    """How many submissions are known: by their tasks, and by what looks for them."""
    prefix = f"{{{bench.namespace}}}:"
    tasks = [key async for key in bench.client.scan_iter(f"{prefix}task:*")]
    sought = [key async for key in bench.client.scan_iter(f"{prefix}action:*")]
    return len(tasks) + len(sought)
