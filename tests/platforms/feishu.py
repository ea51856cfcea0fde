"""
A stand-in for Feishu's custom robots.

Enforced: the hook's token, the signature and its age, keywords, addresses, 20 KB a body, 100
messages a minute and 5 a second, and which members a card of schema 2.0 may have. Unknown
members and tags are refused, as Feishu does.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.platforms.robots import Json, Posted, Refused, Robot, json_object

MAX_BYTES = 20 * 1024

#: By tag: the members it must have, and those that it may.
_MEMBERS: Mapping[str, tuple[set[str], set[str]]] = {
    "div": ({"text"}, set()),
    "plain_text": ({"content"}, {"text_size", "text_color"}),
    "button": ({"text", "behaviors"}, {"type"}),
    "column_set": ({"columns"}, {"flex_mode"}),
    "column": ({"elements"}, {"width"}),
    "text": ({"text"}, {"un_escape"}),
    "a": ({"text", "href"}, set()),
}
_TEMPLATES = frozenset(
    [
        "blue",
        "wathet",
        "turquoise",
        "green",
        "yellow",
        "orange",
        "red",
        "carmine",
        "violet",
        "purple",
        "indigo",
        "grey",
        "default",
    ]
)


@dataclass(kw_only=True)
class Feishu(Robot):
    """One custom robot; ``old_answers`` makes it answer as the first version did."""

    windows: tuple[tuple[int, float], ...] = ((100, 60.0), (5, 1.0))
    old_answers: bool = False

    path = "/open-apis/bot/v2/hook/{key}"
    too_fast = (
        11232,
        "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]",
    )

    @property
    def url(self) -> str:
        return f"{self.base}/open-apis/bot/v2/hook/{self.key}"

    def verdict(self, code: int, words: str) -> Json:
        if self.old_answers and code == 0:
            return {"Extra": None, "StatusCode": 0, "StatusMessage": "success"}
        if code == 0:
            return {
                "StatusCode": 0,
                "StatusMessage": "success",
                "code": 0,
                "data": {},
                "msg": "success",
            }
        return {"code": code, "data": {}, "msg": words}

    def admit(self, request: web.Request, body: bytes) -> Posted:
        if self.removed or request.match_info["key"] != self.key:
            raise Refused(19001, "param invalid: incoming webhook access token invalid")
        payload = json_object(request, body, 9499, "Bad Request")
        if len(body) > MAX_BYTES:
            raise Refused(9499, "Bad Request: the request body is too large")
        self._check_signature(payload)
        if not self.welcome:
            raise Refused(19022, "Ip Not Allowed")
        posted = _read(payload)
        self.check_keyword(posted.text, 19024, "Key Words Not Found")
        return posted

    def _check_signature(self, payload: Json) -> None:
        if not self.secret:
            return
        said, at = payload.get("sign"), payload.get("timestamp")
        fresh = (
            isinstance(at, str) and at.isdigit() and abs(self.today() - int(at)) <= 3600
        )
        key = f"{at}\n{self.secret}".encode()
        if not fresh or said != b64encode(hmac.digest(key, b"", "sha256")).decode():
            raise Refused(
                19021,
                "sign match fail or timestamp is not within one hour from current time",
            )


def _read(payload: Json) -> Posted:
    form = payload.get("msg_type")
    if form == "interactive":
        return _card(payload, payload.get("card"))
    if form == "post":
        return _post(payload)
    raise Refused(19002, "params error, msg_type need")


def _card(payload: Json, card: Any) -> Posted:
    if not isinstance(card, dict) or set(card) != {"schema", "header", "body"}:
        raise Refused(11246, "parse card json err")
    header, elements = card["header"], card["body"]["elements"]
    if card["schema"] != "2.0" or header["template"] not in _TEMPLATES or not elements:
        raise Refused(
            11246, "parse card json err, please check whether the card json is correct"
        )
    texts, links = [header["title"]["content"]], []
    _check(header["title"])
    for element in _every(elements):
        _check(element)
        if element["tag"] == "plain_text":
            texts.append(element["content"])
        links += [_url(one["default_url"]) for one in element.get("behaviors", ())]
    # Nothing is read as a mention or a link: every text is a plain one.
    return Posted(
        form="interactive",
        title=texts[0],
        text="\n".join(texts),
        links=tuple(links),
        payload=payload,
    )


def _every(value: Any) -> Iterator[Json]:
    """Every element, and every text in it."""
    if isinstance(value, list):
        for one in value:
            yield from _every(one)
    elif isinstance(value, dict):
        if "tag" in value:
            yield value
        for name in ("text", "columns", "elements"):
            yield from _every(value.get(name))


def _check(element: Json) -> None:
    must, may = _MEMBERS.get(element["tag"], (None, set()))
    if must is None:
        raise Refused(200621, f"parse card json err: not support tag: {element['tag']}")
    names = set(element) - {"tag"}
    if must - names or names - must - may:
        raise Refused(
            11246, f"parse card json err: unknown property of {element['tag']}"
        )
    if element["tag"] == "plain_text" and not element["content"].strip():
        raise Refused(11246, "parse card json err: content is empty")


def _post(payload: Json) -> Posted:
    (post,) = payload["content"]["post"].values()
    texts, links = [post["title"]], []
    for one in (one for row in post["content"] for one in row):
        if one["tag"] not in {"text", "a"}:
            raise Refused(19002, "params error, unknown tag")
        _check(one)
        texts.append(one["text"])
        links += [_url(one["href"])] if one["tag"] == "a" else []
    return Posted(
        form="post",
        title=texts[0],
        text="\n".join(texts),
        links=tuple(links),
        payload=payload,
    )


def _url(url: str) -> str:
    if not re.fullmatch(r"https?://[!-~]+", url):
        raise Refused(11246, "parse card json err: invalid url")
    return url
