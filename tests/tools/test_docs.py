"""Links between the pages lead somewhere, on GitHub too, and what lists things lists all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
APP = Path(bridge.__file__).parent / "app"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

_CODE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]*`")
_LINK = re.compile(
    r"\]\((?P<target>[^)\s]+)\)"
    r"|\b(?:src|srcset|href)=\"(?P<attribute>[^\"]+)\""
)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    return _CODE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    """Yield what a page links to in this repository."""
    for found in _LINK.finditer(_SPAN.sub("", prose(page))):
        target = found["target"] or found["attribute"]
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", prose(page)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_of_a_page_leads_to_a_file_and_to_a_heading(page: Path) -> None:
    dead = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)

    assert dead == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.is_relative_to(DOCS)], ids=name_of
)
def test_each_page_of_the_documentation_can_be_found_from_its_first(page: Path) -> None:
    first = DOCS / "README.md"

    assert page == first or page.relative_to(DOCS).as_posix() in set(links(first))


def test_each_module_of_the_use_cases_has_its_place_in_the_architecture() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = {APP / "ports", APP / "views"}  # these have a row as a whole
    modules = [
        path
        for path in APP.rglob("*.py")
        if path.name != "__init__.py" and path.parent not in rooms
    ]
    named = {name.rpartition("/")[2] for name in re.findall(r"`([\w/]+\.py)`", page)}

    assert {path.name for path in modules} - named == set()
    assert {"`app/ports/`", "`app/views/`"} <= set(re.findall(r"`[\w/]+`", page))
