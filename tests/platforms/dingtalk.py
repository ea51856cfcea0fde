"""
A stand-in for DingTalk's custom robots.

Enforced: the token, the signature and its age, keywords, addresses, 20,000 bytes, and 20
messages a minute, after which nothing is taken for ten.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from dataclasses import dataclass

from aiohttp import web

from tests.platforms.robots import Json, Posted, Refused, Robot, json_object

MAX_BYTES = 20_000

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^()\s]*)\)")


@dataclass(kw_only=True)
class DingTalk(Robot):
    """
    One custom robot.

    Attributes:
        unsafe: Hosts that DingTalk's censors do not like; links and pictures of theirs are
            refused.
    """

    windows: tuple[tuple[int, float], ...] = ((20, 60.0),)
    shut_out: float = 600.0
    unsafe: tuple[str, ...] = ()

    path = "/robot/send"
    too_fast = (130101, "send too fast, exceed 20 times per minute")
    unfit = (430104, "消息中含有不合适的内容")

    @property
    def url(self) -> str:
        return f"{self.base}/robot/send?access_token={self.key}"

    def admit(self, request: web.Request, body: bytes) -> Posted:
        if self.removed or request.query.get("access_token") != self.key:
            raise Refused(300005, "token is not exist")
        payload = json_object(request, body, 43004, "无效的HTTP HEADER Content-Type")
        if len(body) > MAX_BYTES:
            raise Refused(460101, "message too long, exceed 20000 bytes")
        self._check_signature(request)
        if not self.welcome:
            raise Refused(
                310000,
                "ip 127.0.0.1 not in whitelist, more: [https://ding-doc.dingtalk.com]",
            )
        posted = _read(payload)
        self.check_keyword(
            posted.text,
            310000,
            "keywords not in content, more: [https://ding-doc.dingtalk.com]",
        )
        self._censor(posted)
        return posted

    def _check_signature(self, request: web.Request) -> None:
        if not self.secret:
            return
        at, said = request.query.get("timestamp", ""), request.query.get("sign")
        if not at.isdigit() or abs(self.today() * 1000 - int(at)) > 3_600_000:
            raise Refused(
                310000, "invalid timestamp, more: [https://ding-doc.dingtalk.com]"
            )
        signed = hmac.digest(
            self.secret.encode(), f"{at}\n{self.secret}".encode(), "sha256"
        )
        if said != b64encode(signed).decode():
            raise Refused(
                310000, "sign not match, more: [https://ding-doc.dingtalk.com]"
            )

    def _censor(self, posted: Posted) -> None:
        for code, what, urls in (
            (430103, "图片", posted.pictures),
            (430101, "外链", posted.links),
        ):
            if any(host in url for host in self.unsafe for url in urls):
                raise Refused(code, f"消息中含有不合适的{what}")


def _read(payload: Json) -> Posted:
    form = payload.get("msgtype")
    if form not in {"markdown", "text"}:
        raise Refused(400105, "不支持的消息类型")
    content = payload.get(form) or {}
    for name in ("title", "text") if form == "markdown" else ("content",):
        if not isinstance(content.get(name), str) or not content[name].strip():
            raise Refused(40035, f"缺少参数 {name}")
    text = content["text" if form == "markdown" else "content"]
    at = payload.get("at") or {}
    mentions = [*at.get("atMobiles", ()), *at.get("atUserIds", ())]
    found = _LINK.findall(text) if form == "markdown" else []
    title = content.get("title", "")
    return Posted(
        form=form,
        title=title,
        text=f"{title}\n{text}",
        links=tuple(url for picture, _, url in found if not picture),
        pictures=tuple(url for picture, _, url in found if picture),
        mentions=(*mentions, "all") if at.get("isAtAll") else tuple(mentions),
        payload=payload,
    )
