"""The dashboard's modules and strings: each string in each language, and none is markup."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import bridge.web.dashboard
from bridge.core.event import EVENT_TYPES
from bridge.core.task import TaskStatus
from bridge.web.dashboard.strings import LANGUAGES, catalog, language_of

HERE = Path(bridge.web.dashboard.__file__).parent
SOURCES = [*(HERE / "static").glob("*.js"), *(HERE / "templates").glob("*.html")]
#: ``t("key")`` of a module, ``t["key"]`` of a template.
USE = re.compile(r"""\bt[(\[]["'](?P<key>[^"'${}]+)["'][\]),]""")


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_has_the_same_strings_with_the_same_places_to_fill() -> None:
    english, *others = [catalog(language) for language in LANGUAGES]

    for other in others:
        assert list(other) == list(english)
        assert {key: fields(text) for key, text in other.items()} == {
            key: fields(text) for key, text in english.items()
        }


def test_every_string_that_a_page_says_is_in_the_catalogs() -> None:
    used = {
        match["key"]
        for source in SOURCES
        for match in USE.finditer(source.read_text(encoding="utf-8"))
    }
    known = set(catalog("en"))

    missing = {
        key
        for key in used
        if not key.endswith(".") and not {key, f"{key}.other"} & known
    }

    assert len(used) > 50
    assert missing == set()


def test_every_status_and_every_type_of_event_has_a_name() -> None:
    known = set(catalog("en"))

    assert {f"status.{one}" for one in (*TaskStatus, "LOST", "none")} <= known
    assert {f"type.{one}" for one in EVENT_TYPES} <= known


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        pytest.param("", "en", id="nothing said"),
        pytest.param("zh-CN,zh;q=0.9,en;q=0.8", "zh", id="a country's"),
        pytest.param("en-US,en;q=0.9,zh;q=0.8", "en", id="the first"),
        pytest.param("en;q=0.2, zh-TW;q=0.7", "zh", id="the heavier"),
        pytest.param("de, zh;q=0", "en", id="not wanted"),
        pytest.param("fr, zh;q=0.1", "zh", id="the only one we speak"),
        pytest.param("zh;q=lots;;,\x00=", "en", id="nonsense"),
    ],
)
def test_a_visitor_is_spoken_to_in_a_language_that_the_browser_accepts(
    accepted: str, language: str
) -> None:
    assert language_of(None, accepted) == language


def test_what_a_visitor_chose_counts_more() -> None:
    assert language_of("zh", "en") == "zh"
    assert language_of("xx", "en") == "en"


def test_no_module_makes_markup_of_text() -> None:
    modules = [*(HERE / "static").glob("*.js")]

    assert len(modules) > 10
    for module in modules:
        source = module.read_text(encoding="utf-8")

        assert source.startswith("// @ts-check\n"), module.name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function",
            source,
        ), module.name
