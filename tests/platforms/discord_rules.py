"""
What Discord takes, written down from its reference, and apart from the code under test.

`complaint` is what Discord would find wrong with a message; `markup` is what it would read in
a text as more than text.
https://docs.discord.com/developers/resources/webhook
https://docs.discord.com/developers/resources/message
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

Json: TypeAlias = Mapping[str, Any]

MAX_FILE = 10 * 1024 * 1024
_SUPPRESS_EMBEDS, _SILENT = 1 << 2, 1 << 12

#: By name: the most UTF-16 units; what may be empty is left out where it is.
_EMBED_TEXTS = {"title": 256, "description": 4096}
_EMBED_KEYS = {
    *("title", "description", "url", "timestamp", "color"),
    *("footer", "image", "thumbnail", "author", "fields"),
}
_NEW_KEYS = {"username", "avatar_url", "tts", "thread_name", "applied_tags"}
_KEYS = {
    *("content", "embeds", "allowed_mentions", "components", "attachments", "flags"),
}


def units(text: str) -> int:
    """Measure in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def complaint(
    payload: Json, *, edit: bool, files: Mapping[str, str], owned: bool = False
) -> dict[str, str]:
    """
    Say what is wrong with a message, by the way to it; empty if nothing is.

    Args:
        edit: Whether it edits one.

        files: Names of the files that came along, by ``files[n]``.

        owned: Whether an application owns the webhook, so that buttons may be pressed.
    """
    return dict(_wrong(payload, edit=edit, files=files, owned=owned))


def _wrong(
    payload: Json, *, edit: bool, files: Mapping[str, str], owned: bool
) -> Iterator[tuple[str, str]]:
    for name in payload.keys() - _KEYS - (set() if edit else _NEW_KEYS):
        yield name, "Unknown field"
    yield from _text(payload, "content", 2000, needed=False)
    yield from _username(payload)
    yield from _url(payload, "avatar_url", 2048, ("http", "https"))
    yield from _text(payload, "thread_name", 100, needed=False)
    allowed = _SUPPRESS_EMBEDS | (0 if edit else _SILENT)
    if payload.get("flags", 0) & ~allowed:
        yield "flags", "These flags cannot be set"
    yield from _mentions(payload.get("allowed_mentions", {}))
    embeds = payload.get("embeds") or []
    if len(embeds) > 10:
        yield "embeds", "Must be 10 or fewer in length."
    for place, embed in enumerate(embeds):
        for path, why in _embed(embed):
            yield f"embeds.{place}.{path}", why
    if sum(map(embed_size, embeds)) > 6000:
        yield "embeds", "Embed size exceeds maximum size of 6000"
    yield from _attachments(payload.get("attachments") or [], files)
    yield from _rows(payload.get("components") or [], owned=owned)


def embed_size(embed: Json) -> int:
    """Count what counts for the 6,000 of all embeds."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed.get("footer", {}).get("text"), embed.get("author", {}).get("name")]
    for one in embed.get("fields", []):
        texts += [one.get("name"), one.get("value")]
    return sum(units(text) for text in texts if text)


def _text(
    holder: Json, name: str, most: int, *, needed: bool
) -> Iterator[tuple[str, str]]:
    text = holder.get(name)
    if text is None:
        if needed:
            yield name, "This field is required"
        return
    if not isinstance(text, str):
        yield name, "Could not be interpreted as a string."
    elif needed and not text.strip():
        yield name, "This field is required"
    elif units(text) > most:
        yield name, f"Must be {most} or fewer in length."


def _username(payload: Json) -> Iterator[tuple[str, str]]:
    name = payload.get("username")
    if name is None:
        return
    if not 1 <= units(name.strip()) <= 80:
        yield "username", "Must be between 1 and 80 in length."
    for word in ("clyde", "discord"):
        if word in name.lower():
            yield "username", f'Username cannot contain "{word}"'


def _url(
    holder: Json, name: str, most: int, schemes: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    url = holder.get(name)
    if url is None:
        return
    if not isinstance(url, str) or units(url) > most:
        yield name, f"Must be {most} or fewer in length."
    elif urlsplit(url).scheme not in schemes or not urlsplit(url).netloc:
        yield name, f"Scheme must be one of {schemes}."
    elif re.search(r"[\s\"<>\\^`{|}]|[^\x21-\x7e]", url):
        yield name, "Not a well formed URL."


def _mentions(allowed: Json) -> Iterator[tuple[str, str]]:
    kinds = set(allowed.get("parse", [])) - {"users", "roles", "everyone"}
    if kinds:
        yield (
            "allowed_mentions.parse",
            f"Value must be one of users, roles, everyone, not {kinds}",
        )


def _embed(embed: Json) -> Iterator[tuple[str, str]]:
    for name in embed.keys() - _EMBED_KEYS:
        yield name, "Unknown field"
    for name, most in _EMBED_TEXTS.items():
        yield from _text(embed, name, most, needed=False)
    yield from _url(embed, "url", 2048, ("http", "https"))
    for holder, name, most in (("footer", "text", 2048), ("author", "name", 256)):
        if holder in embed:
            for path, why in _text(embed[holder], name, most, needed=True):
                yield f"{holder}.{path}", why
    if "image" in embed:
        for _, why in _url(
            embed["image"], "url", 2048, ("http", "https", "attachment")
        ):
            yield "image.url", why
    yield from _colour_and_time(embed)
    yield from _fields(embed.get("fields", []))


def _colour_and_time(embed: Json) -> Iterator[tuple[str, str]]:
    if not 0 <= embed.get("color", 0) <= 0xFFFFFF:
        yield "color", "int value should be less than or equal to 16777215."
    try:
        datetime.fromisoformat(embed.get("timestamp", "2026-01-01"))
    except ValueError:
        yield "timestamp", "Must be ISO8601"


def _fields(fields: list[Any]) -> Iterator[tuple[str, str]]:
    if len(fields) > 25:
        yield "fields", "Must be 25 or fewer in length."
    for place, one in enumerate(fields):
        for name, most in (("name", 256), ("value", 1024)):
            for path, why in _text(one, name, most, needed=True):
                yield f"fields.{place}.{path}", why


def _attachments(
    attachments: list[Any], files: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    if len(attachments) > 10:
        yield "attachments", "Must be 10 or fewer in length."
    for place, one in enumerate(attachments):
        for path, why in _text(one, "description", 1024, needed=False):
            yield f"attachments.{place}.{path}", why
        if len(one["id"]) < 10 and f"files[{one['id']}]" not in files:
            yield f"attachments.{place}.id", "There is no such file"
        if not re.fullmatch(r"[\w.-]{1,260}", one.get("filename", "x"), re.ASCII):
            yield f"attachments.{place}.filename", "This would be renamed"


def _rows(rows: list[Any], *, owned: bool) -> Iterator[tuple[str, str]]:
    if len(rows) > 5:
        yield "components", "Must be 5 or fewer in length."
    seen: set[str] = set()
    for place, row in enumerate(rows):
        path = f"components.{place}"
        if row.get("type") != 1 or not 1 <= len(row.get("components", [])) <= 5:
            yield path, "Must be between 1 and 5 in length."
        for number, button in enumerate(row.get("components", [])):
            for name, why in _button(button, seen, owned=owned):
                yield f"{path}.components.{number}.{name}", why


def _button(button: Json, seen: set[str], *, owned: bool) -> Iterator[tuple[str, str]]:
    if button.get("type") != 2:
        yield "type", "Only buttons are known here"
        return
    if "emoji" not in button:
        yield from _text(button, "label", 80, needed=True)
    if button.get("style") == 5:
        if "custom_id" in button:
            yield "custom_id", "A link button has none"
        if "url" not in button:
            yield "url", "This field is required"
        yield from _url(button, "url", 512, ("http", "https", "discord"))
        return
    if not owned:
        yield "custom_id", "Only application-owned webhooks can send these"
    own = button.get("custom_id", "")
    if not 1 <= units(own) <= 100 or own in seen:
        yield "custom_id", "Component custom id cannot be duplicated"
    seen.add(own)


# --- what is read in a text ------------------------------------------------------------

_ESCAPED = re.compile(r"\\[^0-9A-Za-z\s]")
_MARKUP = re.compile(
    r"""
      <[^<>\n]*>                      # mentions, emoji, timestamps, commands, quiet links
    | @(?:everyone|here)\b
    | (?:https?|discord|steam)://\S*  # what becomes a link by itself
    | \[[^\]]*\]\(                    # masked links
    | [*_~|`]                         # emphasis, code, spoilers
    | ^\s*(?:\#{1,3}|-\#|>|[-*+]|\d+[.)])(?=\s)
    | :[\w+-]+:                       # emoji by name
    """,
    re.VERBOSE | re.MULTILINE | re.ASCII,
)


def markup(text: str) -> list[str]:
    """Find what Discord reads as more than text, after what a backslash made plain."""
    # A letter in place of what is plain, so that nothing new comes to stand together.
    return [found[0].strip() for found in _MARKUP.finditer(_ESCAPED.sub("x", text))]
