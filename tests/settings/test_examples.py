"""`.env.example` and `bridge.example.toml`: complete, explained, and right when used."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest

from bridge.settings import KINDS, Settings
from bridge.settings.kinds import kinds_with
from bridge.settings.tree import SECTIONS, TABLES, files_of
from tests.settings.loading import Workplace, uncommented
from tools.settings_reference import with_reference

ROOT = Path(__file__).parents[2]
TOML = (ROOT / "bridge.example.toml").read_text(encoding="utf-8")
DOTENV = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

TOP = Settings.model_fields.keys() - {*TABLES, *SECTIONS}
SECTION = set().union(*SECTIONS.values())
UPSTREAM = TABLES["upstreams"].keys()
ENDPOINT = TABLES["endpoints"].keys()
#: What every endpoint has. `.env.example` need not show the rest: names are made in one way.
COMMON = {name for name in ENDPOINT if kinds_with(name) == KINDS}


def test_the_examples_as_they_are_change_nothing(place: Workplace) -> None:
    assert place.load(toml=TOML, dotenv=DOTENV) == place.load(toml="", dotenv="")


def test_the_toml_example_is_right_when_it_is_uncommented(place: Workplace) -> None:
    place.write("ca.pem", Path(certifi.where()).read_bytes())

    settings = place.load(toml=uncommented(TOML))

    assert settings.has_api_key
    assert len(settings.endpoints) > 5


def test_the_dotenv_example_is_right_when_it_is_uncommented(place: Workplace) -> None:
    place.write("ca.pem", Path(certifi.where()).read_bytes())

    settings = place.load(dotenv=uncommented(DOTENV))

    assert settings.has_api_key
    assert len(settings.endpoints) > 5


# --- who else reads such a file -------------------------------------------------------


def docker(text: str) -> dict[str, str]:
    """``docker run --env-file``: nothing is taken off a value, quotes included."""
    lines = (line.lstrip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")


def honcho(text: str) -> dict[str, str]:
    """honcho: a pair of quotes is taken off, and backslashes within double ones."""
    found = {}
    for line in text.splitlines():
        if matched := re.fullmatch(r"([A-Za-z_0-9]+)=(.*)", line):
            name, value = matched.groups()
            if single := re.fullmatch(r"'(.*)'", value):
                value = single[1]
            elif double := re.fullmatch(r'"(.*)"', value):
                value = re.sub(r"\\(.)", r"\1", double[1])
            found[name] = value
    return found


def systemd(text: str) -> dict[str, str]:
    """Systemd's EnvironmentFile: as a shell without variables would read each line."""
    found = {}
    for line in text.splitlines():
        if line[:1] in {"#", ";"} or "=" not in line:
            continue
        name, value = line.split("=", 1)
        if value[:1] == "'":
            value = value[1:].partition("'")[0]
        elif value[:1] == '"':
            value = re.sub(r"\\(.)", r"\1", re.match(r'"((?:[^"\\]|\\.)*)"', value)[1])  # type: ignore[index]
        else:
            value = re.sub(r"\\(.)", r"\1", value).rstrip()
        found[name] = value
    return found


@pytest.mark.parametrize("reader", [docker, honcho, systemd])
def test_the_dotenv_example_says_the_same_to_whoever_reads_it(
    place: Workplace, reader: Callable[[str], dict[str, str]]
) -> None:
    place.write("ca.pem", Path(certifi.where()).read_bytes())
    example = uncommented(DOTENV)

    read = place.load(reader(example))

    assert read == place.load(dotenv=example)


def test_the_toml_example_shows_every_setting() -> None:
    shown = tomllib.loads(uncommented(TOML))

    assert shown.keys() >= TOP
    for section, fields in SECTIONS.items():
        assert shown[section].keys() == fields.keys()
    assert set().union(*shown["upstreams"].values()) == UPSTREAM
    missing = ENDPOINT - set().union(*shown["endpoints"].values())
    assert not missing, "show it with a value in bridge.example.toml"
    assert set().union(*shown["endpoints"].values()) == ENDPOINT


def test_the_dotenv_example_shows_every_setting_that_all_endpoints_have() -> None:
    shown = {
        tuple(name.lower().split("__"))
        for name in re.findall(r"(?m)^#?BRIDGE_(\w+)=", uncommented(DOTENV))
    }

    assert {path[0] for path in shown if len(path) == 1} == TOP
    for section, fields in SECTIONS.items():
        assert {path[1] for path in shown if path[0] == section} == fields.keys()
    assert {path[2] for path in shown if path[0] == "upstreams"} == UPSTREAM
    named = {path[2] for path in shown if path[0] == "endpoints"}
    assert COMMON <= named <= ENDPOINT


def test_defaults_are_shown_as_they_are(place: Workplace) -> None:
    place.write("ca.pem", Path(certifi.where()).read_bytes())
    shown = place.load(toml=uncommented(TOML))
    plain = Settings.model_validate(
        {
            "upstreams": {"default": {}},
            "endpoints": {"pipeline": {"url": "https://x.example"}},
        }
    )

    for name in ("namespace", "retention", "progress_step", "log_level", "log_format"):
        assert getattr(shown, name) == getattr(plain, name)
    assert shown.web.model_copy(update={"cors_origins": ()}) == plain.web
    for name in SECTIONS["hooks"].keys() - {"secrets", "events", "allow_networks"}:
        assert getattr(shown.hooks, name) == getattr(plain.hooks, name)
    for name in UPSTREAM - {"api_key", "proxy", "tls_ca"}:
        theirs = getattr(shown.upstreams["default"], name)
        assert theirs == getattr(plain.upstreams["default"], name)
    for name in ("timeout", "concurrency", "retry", "kind"):
        theirs = getattr(shown.endpoints["pipeline"], name)
        assert theirs == getattr(plain.endpoints["pipeline"], name)


def test_every_secret_s_file_is_mentioned_in_the_toml_example() -> None:
    for name in (*files_of(), *files_of("upstreams"), *files_of("endpoints")):
        assert re.search(rf"\b{name}\b", TOML), name


@pytest.mark.parametrize(
    "name", sorted(TOP | SECTION | UPSTREAM | ENDPOINT | set(KINDS))
)
def test_the_documentation_mentions_everything(name: str) -> None:
    assert f"`{name}`" in DOCS, "run python -m tools.settings_reference"


def test_the_tables_of_settings_are_up_to_date_and_say_what_each_is_for() -> None:
    assert with_reference(DOCS) == DOCS, "run python -m tools.settings_reference"
    unsaid = re.findall(r"(?m)^\| `.*\|\s*\|$", DOCS)
    assert not unsaid, "say in the last column of docs/configuration.md what it is for"


def test_a_setting_of_which_nothing_is_said_yet_is_still_that_setting() -> None:
    before = DOCS.replace(
        "| slack | a channel's id, together with `token`: a bot |", "| slack |  |"
    )

    assert before != DOCS
    assert with_reference(before) == before


def test_what_is_said_of_a_setting_stays_when_another_kind_has_it() -> None:
    before = DOCS.replace(", apprise |", " |")

    assert before != DOCS
    assert with_reference(before) == with_reference(DOCS)
