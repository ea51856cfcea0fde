"""
The embed: the card that a message is.

Texts are cut before they are escaped, and every limit is counted as the strictest reader
does, in UTF-16 units.

Source: Discord, "Message Resource" (embed limits).
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.channels.discord.markup import escape
from bridge.channels.discord.pictures import Shown
from bridge.channels.message import Message
from bridge.channels.text import bar, cut, fit, line, utf16
from bridge.core.event import Json, iso

#: Of title, description, names and values of fields, footer and author together.
EMBED_MOST = 6000
TITLE_MOST = 256
DESCRIPTION_MOST = 3500
FIELD_MOST = 1024
FOOTER_MOST = 512
_REQUEST_MOST = 300

#: Events of a task whose picture is a preview.
RUNNING = frozenset({"task.started", "task.progress"})


def title_of(message: Message) -> str:
    """Return what happened, in our own words, which mean nothing to Discord."""
    return cut(message.title, TITLE_MOST)


def progress_of(message: Message) -> str:
    """Draw how far a running task is; empty if it does not run."""
    if message.progress is None or message.type not in RUNNING:
        return ""
    return f"{bar(message.progress)} {message.progress}%"


def embed_of(message: Message, shown: Shown, *, parent: str = "") -> dict[str, Json]:
    """
    Write the card.

    Args:
        shown: How its picture is shown.

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
    if footer := _footer(message, shown):
        rest["footer"] = {"text": footer}
    rest["timestamp"] = iso(message.at)
    if shown.file:
        rest["image"] = {"url": f"attachment://{shown.file.name}"}
    elif shown.url:
        rest["image"] = {"url": shown.url}
    room = min(DESCRIPTION_MOST, EMBED_MOST - _size({**head, **rest}))
    if text := _text(message, room):
        head["description"] = text
    return {**head, **rest}


def _text(message: Message, room: int) -> str:
    """Return what it is about: the prompt, or the text that came of it."""
    if message.result:
        asked = fit(line(message.prompt), _REQUEST_MOST, escape)
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
        yield {"name": strings.reason, "value": fit(message.reason, FIELD_MOST, escape)}
    if message.since is not None:
        yield {"name": strings.since, "value": _moment(message.since), "inline": True}
    if message.steps:
        yield {
            "name": strings.next,
            "value": fit(" · ".join(message.steps), FIELD_MOST, escape),
        }


def _moment(seconds: float) -> str:
    """A time that every reader sees as "2 minutes ago", in his own language."""
    return f"<t:{int(seconds)}:R>"


def _footer(message: Message, shown: Shown) -> str:
    """Small print; Discord reads no markup in it."""
    task = f"{message.strings.task_id} {message.task_id}" if message.task_id else ""
    upstream = message.upstream if task and message.upstream != "default" else ""
    parts = (task, upstream, shown.note)
    return cut(line(" · ".join(part for part in parts if part)), FOOTER_MOST)


def _size(embed: dict[str, Json]) -> int:
    """Count what the limit for the whole counts; see `EMBED_MOST`."""
    counted: list[Json] = [embed.get("title")]
    for name in ("author", "footer"):
        part = embed.get(name)
        counted += part.values() if isinstance(part, dict) else []
    fields = embed.get("fields")
    for one in fields if isinstance(fields, list) else []:
        counted += [one["name"], one["value"]] if isinstance(one, dict) else []
    return sum(utf16(text) for text in counted if isinstance(text, str))
