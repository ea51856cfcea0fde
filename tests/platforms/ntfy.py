"""
A stand-in for an ntfy server.

Enforced: topics, access tokens, what a JSON publication may consist of, its size and the
message's, URLs, and a limit of requests.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.platforms.loopback import Asked, Said

TOPIC = "art-7f3a9c"
Json: TypeAlias = dict[str, Any]

_MEMBERS = {
    *("topic", "message", "title", "tags", "priority", "actions", "click", "attach"),
    *("markdown", "icon", "filename", "delay", "email", "call"),
}
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
_TAG = re.compile(r"[a-z0-9_+-]+")
_URL = re.compile(r"https?://[!-~]+")


class Refused(Exception):  # noqa: N818 - it is what happened to a publication
    """A publication is refused, in ntfy's words."""

    def __init__(self, status: int, code: int, words: str) -> None:
        super().__init__(code, words)
        self.status, self.code, self.words = status, code, words


@dataclass(kw_only=True)
class Ntfy:
    """
    One server.

    Attributes:
        tokens: Access tokens that may publish; empty where everybody may.

        most_per_minute: Publications; ``None`` for no limit.

        attachments: Whether it takes messages that point to a picture.

        published: What subscribers have got, in order.
    """

    base: str = "https://ntfy.example"
    tokens: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()
    most_per_minute: int | None = None
    attachments: bool = True
    clock: Callable[[], float] = time.monotonic
    faults: deque[Said] = field(default_factory=deque)
    published: list[Json] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    _seen: deque[float] = field(default_factory=deque)

    @property
    def url(self) -> str:
        """What the operator configures."""
        return f"{self.base}/{TOPIC}"

    def answer(self, asked: Asked) -> Said:
        """Take one publication."""
        if self.faults:
            return self.faults.popleft()
        try:
            made = self._admit(asked)
        except Refused as refused:
            self.refusals.append((refused.code, refused.words))
            error = {
                "code": refused.code,
                "http": refused.status,
                "error": refused.words,
                "link": "https://ntfy.sh/docs/publish/",
            }
            wait = {"retry-after": "7"} if refused.status == 429 else {}
            return _said(refused.status, error, wait)
        self.published.append(made)
        answer = {"id": f"m{len(self.published)}", "event": "message", **made}
        return _said(200, answer, {})

    def _admit(self, asked: Asked) -> Json:
        if asked.path != "/" or asked.method not in {"POST", "PUT"}:
            raise Refused(404, 40401, "page not found")
        given = asked.headers.get("authorization", "")
        if given and given.removeprefix("Bearer ") not in self.tokens:
            raise Refused(401, 40101, "unauthorized")
        if self.tokens and not given:
            raise Refused(403, 40301, "forbidden")
        now = self.clock()
        while self._seen and self._seen[0] <= now - 60:
            self._seen.popleft()
        if self.most_per_minute is not None and len(self._seen) >= self.most_per_minute:
            raise Refused(429, 42901, "limit reached: too many requests")
        self._seen.append(now)
        if len(asked.body) > 8192:
            raise Refused(413, 41303, "JSON body too large")
        made: Json = json.loads(asked.body)
        self._check(made)
        return made

    def _check(self, made: Json) -> None:
        if made["topic"] in self.reserved:
            raise Refused(403, 40301, "forbidden")
        if "attach" in made and not self.attachments:
            raise Refused(400, 40014, "invalid request: attachments not allowed")
        for right, code, words in _rules(made):
            if not right:
                raise Refused(400, code, f"invalid request: {words}")


def _rules(made: Json) -> Iterator[tuple[bool, int, str]]:
    """Every rule for a publication: whether it is kept, and what ntfy says if not."""
    actions = made.get("actions", [])
    size = len(made.get("message", "").encode())
    yield not made.keys() - _MEMBERS, 40024, "request body must be valid JSON"
    yield bool(_TOPIC.fullmatch(made["topic"])), 40009, "topic invalid"
    # A longer one would become an attachment.
    yield 0 < size < 4096, 40014, "attachments not allowed"
    yield len(made.get("title", "").encode()) <= 200, 40099, "title too long"
    yield made.get("priority") in {None, 1, 2, 3, 4, 5}, 40007, "priority invalid"
    yield all(_TAG.fullmatch(tag) for tag in made.get("tags", [])), 40024, "tags"
    yield len(actions) <= 3, 40018, "actions invalid, too many"
    for action in actions:
        yield set(action) == {"action", "label", "url"}, 40018, "actions invalid"
        yield action["action"] == "view", 40018, "actions invalid"
    for url in (
        made.get("attach"),
        made.get("click"),
        *(one["url"] for one in actions),
    ):
        yield url is None or bool(_URL.fullmatch(url)), 40013, "URL is invalid"


def _said(status: int, body: Json, headers: dict[str, str]) -> Said:
    return Said(
        status=status,
        headers={"content-type": "application/json", **headers},
        body=json.dumps(body).encode(),
    )
