"""
A story: a message in parts, as the robots of Feishu, DingTalk and WeCom tell them.

What can be opened and what can be shown is decided here, once: a link leads where somebody
other than the gateway's own machine can follow, and no picture is promised that is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from bridge.channels.base import DeliveryContext
from bridge.channels.message import Message, message_of
from bridge.channels.text import clean, utf8
from bridge.channels.urls import presentable
from bridge.core.endpoint import Endpoint

#: Characters; longer ones belong to nobody: Feishu takes words of 10.
_MOST_KEYWORD = 60
#: No picture, whatever a gateway calls it, or one that few clients can draw.
_UNDRAWN = (".mp4", ".webm", ".mov", ".m4v", ".svg", ".avif", ".json", ".html")


def option(endpoint: Endpoint, name: str) -> str:
    """Return an option as text; ``""`` if it is not set."""
    value = endpoint.options.get(name)
    return "" if value is None else str(value)


def json_size(text: str) -> int:
    """Measure a text in bytes as a JSON body has it: quotes and line feeds count twice."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) - 2


def destination(url: str) -> str:
    """Return a URL as markdown takes it: a parenthesis would end it."""
    return url.replace("(", "%28").replace(")", "%29")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """
    A message in parts, as a robot tells them.

    Attributes:
        keyword: The word without which the robot takes nothing; as configured, or empty.

        head: The keyword and what happened.

        prompt, reason, result: As in `Message`, or empty; not escaped, not cut.

        steps: What can be done next, labelled; one line.

        notes: Our own words on what is out of the ordinary; a line each.

        foot: Which task it was, or since when; small print.

        links: Label and URL of what can be opened.

        picture: The picture's URL, if it can be shown.
    """

    message: Message
    keyword: str
    head: str
    prompt: str
    reason: str
    result: str
    steps: str
    notes: tuple[str, ...]
    foot: str
    links: tuple[tuple[str, str], ...]
    picture: str | None = field(repr=False)

    @property
    def labelled_reason(self) -> str:
        """The reason with its label."""
        words = self.message.words
        return f"{words.reason}{words.colon}{self.reason}" if self.reason else ""


def story_of(context: DeliveryContext, *, most_of_links: int) -> Story:
    """
    Say what there is to say, in parts.

    Args:
        most_of_links: Bytes that all URLs together may have.
    """
    endpoint = context.endpoint
    message = message_of(
        context.event,
        language=option(endpoint, "language") or "en",
        prompt_max=int(option(endpoint, "prompt_max") or 1000),
    )
    words = message.words
    keyword = option(endpoint, "keyword").strip()[:_MOST_KEYWORD]
    # Of a picture that was described there is no prompt, and nobody misses one.
    described = message.result is not None and message.prompt == words.no_prompt
    upstream = "" if message.upstream == "default" else message.upstream
    task = f"{words.task_id} {message.task_id}" if message.task_id else ""
    links = _links(message, at=context.at, most=most_of_links)
    return Story(
        message=message,
        keyword=keyword,
        head=" · ".join(part for part in (keyword, message.title) if part),
        prompt="" if described else message.prompt,
        reason=message.reason or "",
        result=clean(message.result),
        steps=f"{words.next}{words.colon}{' · '.join(message.steps)}"
        if message.steps
        else "",
        notes=tuple(_notes(message, links, at=context.at)),
        foot=" · ".join(part for part in (task, upstream, _since(message)) if part),
        links=links,
        picture=_picture(message, endpoint, at=context.at),
    )


def _since(message: Message) -> str:
    if message.since is None:
        return ""
    moment = datetime.fromtimestamp(message.since, UTC)
    return f"{message.words.since} {moment:%Y-%m-%d %H:%M} UTC"


def _links(message: Message, *, at: float, most: int) -> tuple[tuple[str, str], ...]:
    """Label what can be opened; of a video not its still, and nothing that has expired."""
    words = message.words
    if not message.shows:
        return ()
    if message.videos:
        several = len(message.videos) > 1
        named = [
            (f"{words.watch} {n}" if several else words.watch, url)
            for n, url in enumerate(message.videos, start=1)
        ]
    else:
        named = [] if message.expired(at) else [(words.open, message.picture or "")]
    found: list[tuple[str, str]] = []
    for label, url in named:
        shown = presentable(url, schemes=("https", "http"))
        if shown is None or _is_only_ours(shown) or utf8(shown) > most:
            continue
        most -= utf8(shown)
        found.append((label, shown))
    return tuple(found)


def _picture(message: Message, endpoint: Endpoint, *, at: float) -> str | None:
    """Return the picture where everybody's client can load it, else ``None``."""
    if not message.shows or option(endpoint, "images") == "none":
        return None
    shown = presentable(message.picture)
    if shown is None or message.expired(at) or _is_private(shown):
        return None
    return None if urlsplit(shown).path.lower().endswith(_UNDRAWN) else shown


def _notes(
    message: Message, links: tuple[tuple[str, str], ...], *, at: float
) -> Iterator[str]:
    if message.sample:
        yield message.words.sample
    elif message.shows and message.picture and not links:
        expired = message.expired(at) and not message.videos
        yield message.words.expired if expired else message.words.not_shown


def _is_only_ours(url: str) -> bool:
    """Whether a URL leads to the gateway's own machine, which is nobody else's."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified or address.is_link_local


def _is_private(url: str) -> bool:
    """Whether a URL leads into some local network: a person may be there, a platform is not."""
    host = urlsplit(url).hostname or ""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan"))
