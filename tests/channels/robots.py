"""What the tests of Feishu, DingTalk and WeCom share: their endpoints, and hand-made answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bridge.core.delivery import Fault
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response
from tests.channels.cases import NOW, Answers, endpoint

URLS = {
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/5ecre7-0123-4567-89ab",
    "dingtalk": "https://oapi.dingtalk.com/robot/send?access_token=5ecre70123456789abcdef",
    "wecom": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=5ecre7-0123-4567-89ab",
}
SECRET = "SEC5ecre75ecre75ecre7"


def robot(kind: str, **settings: Any) -> Endpoint:
    """A robot that hears everything."""
    return endpoint(kind, URLS[kind], **{"events": ["*"], **settings})


def said(
    status: int | None = 200,
    *,
    fault: Fault | None = None,
    headers: Any = None,
    **body: Any,
) -> Response:
    """A platform's answer."""
    return Response(
        duration=0.25,
        status=status,
        fault=fault,
        headers=headers or {},
        body=json.dumps(body, ensure_ascii=False).encode() if body else b"",
        received_at=NOW + 1,
    )


def always(response: Response) -> Answers:
    """Answer everything with the same."""

    def answer(request: Request) -> Response:  # noqa: ARG001 - whatever it is
        return response

    return answer


def first(
    response: Response, then: Callable[[Request], Response], times: int = 1
) -> Answers:
    """Answer the first requests with one thing, and the rest by another."""
    left = [response] * times

    def answer(request: Request) -> Response:
        return left.pop() if left else then(request)

    return answer


def payload(request: Request) -> Any:
    """The JSON of a request."""
    return json.loads(request.body)
