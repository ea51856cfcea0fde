"""The README in Chinese says what the English one says: headings, commands and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"

_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """Everything but the blocks of code."""
    return _BLOCK.sub("", read(name))


def levels(name: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(name), re.MULTILINE)]


def code(name: str) -> list[tuple[str, list[str]]]:
    """The language and the lines of each block; comments are in the reader's language."""
    return [
        (
            block["language"],
            [re.sub(r" +# .*| +$", "", line) for line in block["code"].splitlines()],
        )
        for block in _BLOCK.finditer(read(name))
    ]


def inline(name: str) -> list[str]:
    """What stands in the text as code, such as commands; languages order it differently."""
    return sorted(set(re.findall(r"`([^`\n]+)`", prose(name))))


def links(name: str) -> list[str]:
    """Where its links and pictures lead, but for those to the other language."""
    found = re.findall(r'(?:\]\(|src="|srcset=")([^)"\s]+)', prose(name))
    return sorted(one for one in found if one not in {ENGLISH, CHINESE})


def table(name: str) -> list[str]:
    """The first cell of each row."""
    return re.findall(r"^\| *([^|]*?) *\|", prose(name), re.MULTILINE)


@pytest.mark.parametrize("part", [levels, code, inline, links, table])
def test_the_readme_says_the_same_in_both_languages(part: object) -> None:
    assert callable(part)
    assert part(CHINESE) == part(ENGLISH)
    assert len(part(ENGLISH)) > 5


@pytest.mark.parametrize("name", [ENGLISH, CHINESE])
def test_each_link_of_the_readme_leads_to_a_file(name: str) -> None:
    inside = [one for one in links(name) if not one.startswith("https://")]

    missing = [one for one in inside if not (ROOT / one.partition("#")[0]).exists()]
    assert missing == []


def test_each_readme_links_to_the_other() -> None:
    assert f"]({CHINESE})" in read(ENGLISH)
    assert f"]({ENGLISH})" in read(CHINESE)
