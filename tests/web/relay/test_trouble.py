"""What a client is told when its request gets no answer, and that nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.contract.bench import Bench
from tests.gateways import Asked, Gateway, raw, says
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import KEY, SHOWN, Stage

REQUESTS = [
    ("POST", "/mj/submit/imagine"),
    ("POST", "/mj/task/list-by-condition"),
    ("POST", "/mj/task/7/cancel"),
    ("GET", "/mj/task/7/fetch"),
    ("GET", "/mj/image/7"),
]


def at(url: str) -> dict[str, object]:
    return {"upstreams": {"u": {"api_key": KEY, "base_url": url}}}


@asynccontextmanager
async def hanging_up() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a server that reads a request's head and hangs up; yields its address and the heads."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield "http://{}:{}".format(*server.sockets[0].getsockname()[:2]), heads


@pytest.mark.parametrize(("method", "path"), REQUESTS)
async def test_a_connection_that_ends_without_an_answer_is_not_tried_again(
    open_stage: OpenStage, method: str, path: str
) -> None:
    async with hanging_up() as (url, heads), open_stage(**at(url)) as on:
        body = {"ids": ["7"]} if method == "POST" else None
        answer = await on.site.http.request(method, path, headers=SHOWN, json=body)
    assert answer.status_code == 502
    assert answer.json()["description"] == answer.json()["error"]["message"]
    assert ("may have taken" in answer.text) == ("submit" in path)
    assert len(heads) == 1


async def test_an_upstream_that_cannot_be_reached_is_a_502(
    open_stage: OpenStage,
) -> None:
    async with open_stage(**at("http://127.0.0.1:1")) as on:
        answer = await on.post("/mj/submit/imagine", {"prompt": "x"})
    assert answer.status_code == 502
    why = answer.json()["description"]
    assert "connection refused" in why
    assert "nothing was submitted" in why
    assert KEY not in answer.text
    assert "127.0.0.1" not in answer.text


async def test_an_upstream_that_is_silent_is_a_504(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    async def silent(_: Asked) -> object:
        await asyncio.sleep(3600)
        return says()

    upstream.script = silent  # type: ignore[assignment]  # it never answers
    async with open_stage(gateway={"timeout": 0.2}) as on:
        answer = await on.post("/mj/submit/imagine", {"prompt": "x"})
    assert answer.status_code == 504
    assert len(upstream.asked) == 1


async def test_half_an_answer_to_a_submission_is_none(open_stage: OpenStage) -> None:
    half = b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"code":1,'
    async with raw(half) as url, open_stage(**at(url)) as on:
        answer = await on.post("/mj/submit/imagine", {"prompt": "x"})
    assert answer.status_code == 502


async def test_of_a_length_and_chunks_the_chunks_count(open_stage: OpenStage) -> None:
    said = (
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    body = b'{"code":1,"result":"7"}'
    coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with raw(said + coded) as url, open_stage(**at(url)) as on:
        answer = await on.post("/mj/submit/imagine", {"prompt": "x"})
    assert (answer.status_code, answer.content) == (200, body)


async def test_a_client_that_hangs_up_breaks_nothing_off(
    stage: Stage, upstream: Gateway
) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Asked) -> object:
        arrived.set()
        await go_on.wait()
        return says({"code": 1, "result": "77"})

    upstream.script = slow  # type: ignore[assignment]  # as `Script` allows
    client = asyncio.ensure_future(stage.post("/mj/submit/imagine", {"prompt": "x"}))
    await arrived.wait()
    client.cancel()
    go_on.set()
    async with asyncio.timeout(30):
        while await stage.task("77") is None:
            await asyncio.sleep(0.01)
    assert len(upstream.asked) == 1


async def test_a_process_that_ends_reads_the_answers_to_what_it_has_sent(
    open_stage: OpenStage, upstream: Gateway, bench: Bench
) -> None:
    arrived = asyncio.Event()
    port = 0

    async def slow(_: Asked) -> object:
        arrived.set()
        while await takes_connections(port):
            await asyncio.sleep(0.01)
        return says({"code": 1, "result": "77"})

    upstream.script = slow  # type: ignore[assignment]  # as `Script` allows
    async with open_stage() as stage:
        port = stage.site.port
        client = asyncio.ensure_future(stage.post("/mj/submit/imagine", {"a": 1}))
        await arrived.wait()
    await asyncio.gather(client, return_exceptions=True)  # it has left as well
    assert (await bench.task("77", "default")).active


async def takes_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True
