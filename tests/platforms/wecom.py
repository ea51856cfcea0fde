"""
A stand-in for WeCom's group robots.

Enforced: the key, the bytes of markdown (4,096), text (2,048) and of a news card's title (128)
and description (512), raw UTF-8 instead of escapes, and 20 messages a minute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.platforms.robots import Json, Posted, Refused, Robot, json_object

_MORE = "hint: [1700000000123456789], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e="
_LINK = re.compile(r"\[([^\]]*)\]\(([^()\s]*)\)")
_MENTION = re.compile(r"<@([^>]*)>")


@dataclass(kw_only=True)
class WeCom(Robot):
    """One group robot."""

    windows: tuple[tuple[int, float], ...] = ((20, 60.0),)

    path = "/cgi-bin/webhook/send"
    too_fast = (45009, f"api freq out of limit, {_MORE}45009")
    unfit = (40058, f"invalid Request Parameter, {_MORE}40058")

    @property
    def url(self) -> str:
        return f"{self.base}/cgi-bin/webhook/send?key={self.key}"

    def admit(self, request: web.Request, body: bytes) -> Posted:
        if self.removed or request.query.get("key") != self.key:
            raise Refused(93000, f"invalid webhook url, {_MORE}93000")
        payload = json_object(
            request, body, 40008, f"invalid message type, {_MORE}40008"
        )
        if re.search(rb"\\u[0-9a-fA-F]{4}", body):
            raise Refused(40033, f"invalid request character, {_MORE}40033")
        readers = {"markdown": _markdown, "text": _text, "news": _news}
        form = payload.get("msgtype")
        if form not in readers:
            raise Refused(40008, f"invalid message type, {_MORE}40008")
        return readers[form](payload, payload.get(form) or {})


def _sized(content: Any, what: str, most: int) -> str:
    if not isinstance(content, str) or not content.strip():
        raise Refused(44004, f"empty content, {_MORE}44004")
    if len(content.encode()) > most:
        raise Refused(
            40058,
            f"{what} exceed max length {most}. invalid Request Parameter, {_MORE}40058",
        )
    return content


def _markdown(payload: Json, content: Json) -> Posted:
    text = _sized(content.get("content"), "markdown.content", 4096)
    return Posted(
        form="markdown",
        title=text.split("\n")[0],
        text=text,
        links=tuple(url for _, url in _LINK.findall(text)),
        mentions=tuple(_MENTION.findall(text)),
        payload=payload,
    )


def _text(payload: Json, content: Json) -> Posted:
    text = _sized(content.get("content"), "text.content", 2048)
    called = [
        *content.get("mentioned_list", ()),
        *content.get("mentioned_mobile_list", ()),
    ]
    return Posted(
        form="text",
        title="",
        text=text,
        mentions=(*called, *_MENTION.findall(text)),
        payload=payload,
    )


def _news(payload: Json, content: Json) -> Posted:
    articles = content.get("articles")
    if not isinstance(articles, list) or not 1 <= len(articles) <= 8:
        raise Refused(40058, f"articles expect array size in [1, 8]. {_MORE}40058")
    texts: list[str] = []
    links: list[str] = []
    pictures: list[str] = []
    for article in articles:
        if set(article) - {"title", "description", "url", "picurl"}:
            raise Refused(
                40058, f"unknown member. invalid Request Parameter, {_MORE}40058"
            )
        texts.append(_sized(article.get("title"), "news.title", 128))
        if article.get("description"):
            texts.append(_sized(article["description"], "news.description", 512))
        for url, found in (
            (article.get("url"), links),
            (article.get("picurl"), pictures),
        ):
            if not re.fullmatch(r"https?://[!-~]+", url or ""):
                raise Refused(40058, f"news.url missing or not a url. {_MORE}40058")
            found.append(url)
    return Posted(
        form="news",
        title=texts[0],
        text="\n".join(texts),
        links=tuple(links),
        pictures=tuple(pictures),
        payload=payload,
    )
