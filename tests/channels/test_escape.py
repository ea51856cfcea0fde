"""`bridge.channels.text`: a text stays readable, and means nothing to markdown."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from bridge.channels.text import defang, defang_line
from tests.channels.cases import NASTY_TEXTS, PROMPT, texts

#: With tables and strikethrough, which some clients draw.
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
#: All that a text without any markup consists of.
PLAIN = {"paragraph_open", "paragraph_close", "inline", "text", "softbreak"}


def meant(text: str) -> set[str]:
    """What markdown takes a text for."""
    tokens = MARKDOWN.parse(text)
    return {one.type for token in tokens for one in (token, *(token.children or ()))}


def stripped(text: str) -> str:
    return "\n".join(one.strip() for one in text.split("\n"))


@given(texts)
def test_any_text_is_a_plain_paragraph(text: str) -> None:
    assert meant(stripped(defang(text))) <= PLAIN


@pytest.mark.parametrize("name", NASTY_TEXTS)
def test_nasty_texts_are_plain_paragraphs(name: str) -> None:
    shown = defang(NASTY_TEXTS[name])

    assert meant(stripped(shown)) <= PLAIN
    assert not re.search(r"[<>@\[\]`*_|\\]|[a-z]://|www\.", shown, re.IGNORECASE)


@given(texts)
def test_what_a_person_reads_stays_the_same(text: str) -> None:
    shown = defang(text)

    assert unicodedata.normalize("NFKC", shown) == unicodedata.normalize("NFKC", text)
    assert len(shown) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        PROMPT,
        "hot::2 dog::1 --no text, watermark --sref 123 --chaos 20",
        "--ar 16:9 at the beginning",
        "50% off; 3.5 apples (red, #1); a & b!",
        "灯塔与风暴，油画 --v 7",
    ],
)
def test_everyday_prompts_can_be_copied_as_they_are(text: str) -> None:
    assert defang(text) == text


def test_a_line_is_one() -> None:
    assert defang_line(" a\n# b ") == "a # b"
