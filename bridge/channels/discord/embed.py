"""
The embed: the card that a message is, its text made plain, its picture uploaded or linked.

Texts are cut before they are escaped, and every limit is counted as the strictest reader
does, in UTF-16 units. A backslash before a character that is neither a letter, a digit nor
white space makes it plain; discord.py's own helper leaves ``<@1>``, ``:smile:``, ``@everyone``
and headings alone. A URL of Discord's own CDN without its signature is one that Discord renders,
and signs anew, by itself.

Sources: Discord, "Message Resource" (embed limits), "Markdown Text 101" and "Signed Attachment
CDN URLs"; discord.py's ``utils.escape_markdown``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bridge.channels.message import Message
from bridge.channels.picture import taken
from bridge.channels.text import bar, cut, fit, line, utf16
from bridge.channels.urls import is_public, safe_url
from bridge.core.event_data import Json, iso
from bridge.core.http import File, Response

#: Of title, description, names and values of fields, footer and author together.
MAX_EMBED = 6000
MAX_TITLE = 256
MAX_DESCRIPTION = 3500
MAX_FIELD = 1024
MAX_FOOTER = 512
_MAX_REQUEST = 300

#: Emphasis, code, spoilers, links, mentions, quotes, timestamps, emoji, and the colon
#: without which no address becomes a link.
_SPECIAL = re.compile(r"[\\*_~|`\[\]<>@:]")
#: What means something at the beginning of a line: headings, small print, lists.
_LEADING = re.compile(r"(?m)^(\s*)([#+-])")
_NUMBER = re.compile(r"(?m)^(\s*[0-9]+)([.)])")
#: Characters of a URL in an embed.
MAX_URL = 2048

_CDN = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
#: There is no such picture, and asking again does not change that.
_NOT_THERE = frozenset({404, 410})

#: Events of a task whose picture is a preview.
RUNNING = frozenset({"task.started", "task.progress"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """
    How a message shows its picture.

    Attributes:
        file: Uploaded with it.

        url: Where Discord can load it, if there is no file.

        note: What there is to say where there is neither.

        dead: Whether its URL leads nowhere.
    """

    file: File | None = None
    url: str | None = field(default=None, repr=False)
    note: str = ""
    dead: bool = False


NOTHING = Picture()


def title_of(message: Message) -> str:
    """Return what happened, in our own words, which mean nothing to Discord."""
    return cut(message.title, MAX_TITLE)


def progress_of(message: Message) -> str:
    """Draw how far a running task is; empty if it does not run."""
    if message.progress is None or message.type not in RUNNING:
        return ""
    return f"{bar(message.progress)} {message.progress}%"


def embed_of(
    message: Message, picture: Picture, *, parent: str = ""
) -> dict[str, Json]:
    """
    Write the card.

    Args:
        picture: How its picture is shown.

        parent: URL of the message that it follows; the title leads there.
    """
    head: dict[str, Json] = {}
    if message.sample:
        head["author"] = {"name": message.strings.sample}
    head["title"] = title_of(message)
    if parent:
        head["url"] = parent
    rest: dict[str, Json] = {"color": message.color}
    if fields := list(_fields(message)):
        rest["fields"] = [*fields]
    if footer := _footer(message, picture):
        rest["footer"] = {"text": footer}
    rest["timestamp"] = iso(message.at)
    if picture.file:
        rest["image"] = {"url": f"attachment://{picture.file.name}"}
    elif picture.url:
        rest["image"] = {"url": picture.url}
    room = min(MAX_DESCRIPTION, MAX_EMBED - _size({**head, **rest}))
    if text := _text(message, room):
        head["description"] = text
    return {**head, **rest}


def _text(message: Message, room: int) -> str:
    """Return what it is about: the prompt, or the text that came of it."""
    if message.result:
        asked = fit(line(message.prompt), _MAX_REQUEST, escape)
        quoted = f"> {asked}\n" if asked else ""
        return quoted + fit(message.result, room - utf16(quoted), escape)
    return fit(message.prompt, room, escape) if message.prompt else ""


def _fields(message: Message) -> Iterator[Json]:
    strings = message.strings
    if drawn := progress_of(message):
        yield {"name": strings.progress, "value": drawn, "inline": True}
    if message.started is not None and message.type in RUNNING:
        yield {
            "name": strings.started,
            "value": _moment(message.started),
            "inline": True,
        }
    if message.reason and message.type != "task.succeeded":
        yield {"name": strings.reason, "value": fit(message.reason, MAX_FIELD, escape)}
    if message.since is not None:
        yield {"name": strings.since, "value": _moment(message.since), "inline": True}
    if message.steps:
        yield {
            "name": strings.next,
            "value": fit(" · ".join(message.steps), MAX_FIELD, escape),
        }


def _moment(seconds: float) -> str:
    """A time that every reader sees as "2 minutes ago", in his own language."""
    return f"<t:{int(seconds)}:R>"


def _footer(message: Message, picture: Picture) -> str:
    """Small print; Discord reads no markup in it."""
    origin = message.origin if message.task_id else ()
    parts = [*(label + text for label, text in origin), picture.note]
    return cut(line(" · ".join(part for part in parts if part)), MAX_FOOTER)


def _size(embed: dict[str, Json]) -> int:
    """Count what the limit for the whole counts; see `MAX_EMBED`."""
    counted: list[Json] = [embed.get("title")]
    for name in ("author", "footer"):
        part = embed.get(name)
        counted += part.values() if isinstance(part, dict) else []
    fields = embed.get("fields")
    for one in fields if isinstance(fields, list) else []:
        counted += [one["name"], one["value"]] if isinstance(one, dict) else []
    return sum(utf16(text) for text in counted if isinstance(text, str))


def escape(text: str) -> str:
    """Make a text plain; never shorter."""
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = _LEADING.sub(r"\1\\\2", text)
    return _NUMBER.sub(r"\1\\\2", text)


# --- its picture ----------------------------------------------------------------------


def fetched(response: Response, message: Message) -> Picture:
    """Decide how a picture is shown, now that it was asked for."""
    if file := taken(response, message.task_id):
        return Picture(file=file)
    if response.status in _NOT_THERE and not _is_discords(message.picture):
        return Picture(note=message.unshown, dead=True)
    return linked(message)


def linked(message: Message) -> Picture:
    """Decide how a picture is shown that is not fetched."""
    picture = message.picture
    own = _is_discords(picture)
    bare = picture.partition("?")[0] if picture and own else picture
    url = safe_url(bare, limit=MAX_URL)
    if url is None or not is_public(url) or (message.expired and not own):
        return Picture(note=message.unshown)
    return Picture(url=url)


def _is_discords(url: str | None) -> bool:
    """Whether a URL is an attachment on Discord's own CDN."""
    parts = urlsplit(url or "")
    return parts.hostname in _CDN and "attachments/" in parts.path
