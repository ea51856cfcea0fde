"""
Unmodified clients: what they exchange through the bridge is what they exchange without it.

What four of them send is recorded, see the files: uniai (npm, axios on Node.js, the first servers'
routes), @302ai/ai-sdk (npm, Node.js's own `fetch`, the key in two headers), meutils (PyPI, OpenAI's
client, a bearer token behind a mode) and the wechat plugin (Python's requests). The other requests
are as these clients' sources write them, byte for byte: Dooy's chatgpt-web-midjourney-proxy (a
browser's `fetch` behind its own server), chatnio (Go), and trueai's web page (axios).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import httpx
import pytest
from aiohttp import web

from bridge.web.relay.admitted import PASSED_ON
from bridge.web.relay.answering import PASSED_BACK
from tests.gateways import Asked, Gateway, says
from tests.web.relay.conftest import OpenStage
from tests.web.relay.stage import KEY, SHOWN
from tests.web.site import Site

ID = "1795883703777001"
#: Seconds that a request may take longer through the bridge; it takes some three milliseconds.
LONGER_S = 0.05
TAKEN = (
    '{"code":1,"description":"提交成功","result":"1795883703777001","properties":{}}'
)
QUEUED = '{"code":22,"description":"排队中，前面还有1个任务","result":1795883703777001}'
MODAL = (
    '{"code":21,"description":"Waiting for window confirm","result":"1795883703777001"}'
)
SEED = '{"code":1,"description":"success","result":"3066846127"}'
ROW = (
    '{"id":"1795883703777001","action":"IMAGINE","status":"IN_PROGRESS","progress":"31%",'
    '"imageUrl":"https://gw.example/mj/image/1795883703777001?rand=1743326760000000001",'
    '"buttons":null,"properties":null, "startTime":1743326752001,"finishTime":0}'
)


@dataclass(frozen=True, kw_only=True)
class Client:
    """How a client writes its requests."""

    headers: str
    prefix: str = ""

    def request(self, path: str, body: str | None) -> bytes:
        method = "GET" if body is None else "POST"
        content = (body or "").encode()
        length = f"Content-Length: {len(content)}\r\n" if body is not None else ""
        head = f"{method} {self.prefix}{path} HTTP/1.1\r\n{self.headers}{length}\r\n"
        return head.encode() + content


DOOY = Client(
    headers=(
        "host: 127.0.0.1\r\nmj-api-secret: {key}\r\nContent-Type: application/json\r\n"
        "accept: */*\r\naccept-language: zh-CN,zh;q=0.9\r\nconnection: close\r\n"
        "user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0\r\n"
    )
)
CHATNIO = Client(
    headers=(
        "Host: 127.0.0.1\r\nUser-Agent: Go-http-client/1.1\r\nContent-Type: application/json\r\n"
        "Mj-Api-Secret: {key}\r\nAccept-Encoding: gzip\r\n"
    ),
    prefix="/mj-fast",
)
TRUEAI = Client(
    headers=(
        "Host: 127.0.0.1\r\nAccept: application/json, text/plain, */*\r\n"
        "Accept-Language: en-US\r\nMj-Api-Secret: {key}\r\nContent-Type: application/json\r\n"
        "User-Agent: Mozilla/5.0 (Macintosh)\r\nReferer: http://127.0.0.1/draw\r\n"
    )
)

#: Status, content type and body.
Answered = tuple[int, str, str]
#: (client, path, body, answer)
TRAFFIC: list[tuple[Client, str, str | None, Answered]] = [
    (
        DOOY,
        "/mj/submit/imagine",
        '{"base64Array":[],"prompt":"a pale sun 🌅","state":"","botType":"MID_JOURNEY"}',
        (200, "text/plain; charset=utf-8", TAKEN),
    ),
    (
        DOOY,
        "/mj/submit/change",
        f'{{"action":"UPSCALE","index":1,"taskId":"{ID}"}}',
        (200, "application/json", QUEUED),
    ),
    (
        DOOY,
        "/mj/submit/action",
        f'{{"chooseSameChannel":true,"customId":"MJ::CustomZoom::3785","taskId":"{ID}"}}',
        (200, "application/json;charset=UTF-8", MODAL),
    ),
    (DOOY, f"/mj/task/{ID}/fetch", None, (200, "application/json", ROW)),
    (DOOY, f"/mj/task/{ID}/fetch", None, (200, "application/json", "")),
    (DOOY, f"/mj/task/{ID}/image-seed", None, (200, "application/json", SEED)),
    (
        DOOY,
        "/mj/task/list-by-condition",
        f'{{"ids":[{ID},1743326750223591]}}',  # as numbers, which new-api refuses
        (400, "text/plain; charset=utf-8", '{"description":"do_request_failed "}'),
    ),
    (
        CHATNIO,
        "/mj/submit/imagine",
        '{"prompt":"a pale sun --v 6"}',
        (200, "application/json", TAKEN),
    ),
    (
        CHATNIO,
        "/mj/submit/imagine",
        '{"prompt":"nude"}',
        (200, "application/json", '{"code":24,"description":"banned","result":null}'),
    ),
    (
        CHATNIO,
        "/mj/submit/imagine",
        '{"prompt":"a pale sun"}',
        (503, "application/json", '{"error":{"code":"model_not_found"}}'),
    ),
    (
        TRUEAI,
        "/mj/submit/imagine",
        f'{{"botType":"MID_JOURNEY","prompt":"x","accountFilter":{{"modes":[]}},"n":{2**70}}}',
        (200, "application/json; charset=utf-8", TAKEN),
    ),
    (
        TRUEAI,
        "/mj/task/list-by-ids",
        f'{{"ids":["{ID}"]}}',
        (200, "application/json; charset=utf-8", f"[{ROW}]"),
    ),
    (TRUEAI, f"/mj/task/{ID}/cancel", "", (404, "application/json", '{"code":3}')),
    (
        TRUEAI,
        "/mj/insight-face/swap",
        '{"sourceBase64":"data:image/png;base64,AAAA","targetBase64":"data:,"}',
        (200, "text/plain; charset=utf-8", TAKEN),
    ),
]


RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
WRITTEN = {"dooy": DOOY, "chatnio": CHATNIO, "trueai": TRUEAI}


def conversations() -> dict[str, list[tuple[bytes, Answered]]]:
    """Return what each client sends, without a key, each request with the answer to it."""
    found = {
        name: [
            (client.request(path, body), answer)
            for sender, path, body, answer in TRAFFIC
            if sender is client
        ]
        for name, client in WRITTEN.items()
    }
    for one in RECORDED:
        recorded = json.loads(one.read_text(encoding="utf-8"))["exchanges"]
        found[one.stem] = [
            (
                each["request"].encode(),
                (answer["status"], answer["content_type"], answer["body"]),
            )
            for each in recorded
            for answer in [each["answer"]]
        ]
    return found


@dataclass(frozen=True)
class Exchanged:
    """What both ends saw, without what belongs to a connection."""

    asked: tuple[str, str, bytes, Mapping[str, str]]
    answered: tuple[bytes, Mapping[str, str], bytes]


async def exchange(url: str, upstream: Gateway, request: bytes) -> Exchanged:
    upstream.asked.clear()
    site = Site(url=url, port=urlsplit(url).port or 0, http=None)  # type: ignore[arg-type]
    head, _, body = (await site.raw(request)).partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = dict(line.decode().lower().split(": ", 1) for line in lines)
    (asked,) = upstream.asked
    kept = {*PASSED_ON, "mj-api-secret", "content-length"}
    seen = {name: value for name, value in asked.headers.items() if name in kept}
    return Exchanged(
        (asked.method, asked.path, asked.body, seen),
        (status[:12], {n: v for n, v in headers.items() if n in PASSED_BACK}, body),
    )


@pytest.mark.parametrize(
    "conversation",
    [pytest.param(told, id=name) for name, told in conversations().items()],
)
async def test_a_client_sees_no_difference_and_neither_does_its_upstream(
    open_stage: OpenStage,
    upstream: Gateway,
    conversation: list[tuple[bytes, Answered]],
) -> None:
    one = {"api_key": KEY, "base_url": upstream.url, "auth": "mj-api-secret"}
    async with open_stage(upstreams={"u": one}, gateway={"collapse": 0}) as stage:
        for sent, answer in conversation:
            upstream.script = partial(answered, answer)
            request = sent.replace(b"{key}", KEY.encode())
            direct = await exchange(upstream.url, upstream, request)
            through = await exchange(stage.site.url, upstream, request)
            assert through.answered == direct.answered
            assert through.asked[:3] == direct.asked[:3]
            # A header that a client leaves out may come in a form that says as much.
            assert direct.asked[3].items() <= through.asked[3].items()


def answered(answer: Answered, _: Asked) -> web.Response:
    status, kind, text = answer
    return says(text, status, content_type=kind, x_request_id="20260101")


async def test_chatnio_is_called_back_by_the_bridge_and_by_nobody_else(
    open_stage: OpenStage, upstream: Gateway
) -> None:
    upstream.script = lambda _: says(TAKEN)
    body = '{"notifyHook":"https://chat.example/mj/notify","prompt":"a sun --v 6"}'
    request = CHATNIO.request("/mj/submit/imagine", body)
    async with open_stage() as stage:
        await stage.site.raw(request.replace(b"{key}", KEY.encode()))
        task = await stage.task(ID)
    assert json.loads(upstream.asked[0].body) == {"prompt": "a sun --v 6"}
    assert upstream.asked[0].path == "/mj-fast/mj/submit/imagine"
    assert task is not None


@pytest.mark.parametrize(
    ("path", "body"),
    [("/mj/submit/imagine", {"prompt": "a pale sun"}), (f"/mj/task/{ID}/fetch", None)],
    ids=["submission", "question"],
)
async def test_a_client_waits_little_longer_than_without_the_bridge(
    open_stage: OpenStage, upstream: Gateway, path: str, body: object
) -> None:
    async def fastest(client: httpx.AsyncClient) -> float:
        took = []
        for _ in range(10):
            began = perf_counter()
            method = "GET" if body is None else "POST"
            answer = await client.request(method, path, json=body, headers=SHOWN)
            took.append(perf_counter() - began)
            assert answer.status_code == 200
        return min(took)

    async with (
        open_stage(gateway={"collapse": 0}) as stage,
        httpx.AsyncClient(base_url=upstream.url) as straight,
    ):
        assert await fastest(stage.site.http) - await fastest(straight) < LONGER_S
