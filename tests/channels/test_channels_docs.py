"""`docs/channels.md`: examples that are right, and tables of errors that say what happens."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.channels import CHANNELS, dingtalk, feishu, teams, wecom
from bridge.channels.discord import replies as discord
from bridge.channels.slack import replies as slack
from bridge.channels.telegram import replies as telegram
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request, Response
from bridge.settings import endpoint_settings
from bridge.settings.kinds import CHAT_KINDS, info_of
from bridge.settings.load import load_settings
from tests.channels.cases import CASES, perform

PAGE = (Path(__file__).parents[2] / "docs" / "channels.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^## (.*?)\n(.*?)(?=^## |\Z)", PAGE))
KINDS = {
    "slack": "Slack",
    "discord": "Discord",
    "telegram": "Telegram",
    "feishu": "Feishu and Lark",
    "dingtalk": "DingTalk",
    "wecom": "WeCom",
    "teams": "Teams",
    "ntfy": "ntfy",
    "apprise": "Apprise",
}


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


IN_TOML = {
    name: table
    for block in examples("toml")
    for name, table in tomllib.loads(block)["endpoints"].items()
}


def test_every_kind_of_chat_has_a_chapter() -> None:
    assert KINDS.keys() == CHAT_KINDS, "name each kind of chat in KINDS"
    missing = set(KINDS.values()) - SECTIONS.keys()
    assert not missing, "write the chapter in docs/channels.md, see write-a-channel.md"


@pytest.mark.parametrize("kind", KINDS)
def test_a_chapter_shows_its_kind_in_toml_and_as_variables(
    kind: str, tmp_path: Path
) -> None:
    chapter = SECTIONS[KINDS[kind]]
    tables = tomllib.loads(
        "".join(re.findall(r"```toml\n(.*?)```", chapter, re.DOTALL))
    )
    lines = shlex.split("".join(re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)))
    environment = dict(line.split("=", 1) for line in lines)

    loaded = load_settings(environ=environment, cwd=tmp_path).endpoints

    assert loaded == {
        name: endpoint_settings(**table) for name, table in tables["endpoints"].items()
    }
    assert {one.kind for one in loaded.values()} == {kind}


def test_the_limits_are_those_that_are_kept() -> None:
    (row,) = re.findall(r"(?m)^\| `rate_limit`.*?\|(.*)\|$", PAGE)
    said = dict(zip(KINDS, (cell.strip() for cell in row.split("|")), strict=True))

    for kind, limit in said.items():
        rate = info_of(kind).rate
        number, _, per = limit.partition("/")
        assert (float(number) / {"s": 1, "m": 60}[per] if limit else None) == (
            rate.per_second if rate else None
        )


# --- errors ---------------------------------------------------------------------------

Answer = Callable[[str], Response]


def as_json(status: int, said: object) -> Response:
    headers = {"content-type": "application/json"}
    body = json.dumps(said).encode()
    return Response(status=status, headers=headers, body=body)


def robot(code: str, text: str) -> Callable[[str], Response]:
    def answer(given: str) -> Response:
        number, _, words = given.partition(" ")
        return as_json(200, {code: int(number), text: words or "no"})

    return answer


def by_telegram(words: str) -> Response:
    return as_json(
        400, {"ok": False, "error_code": 400, "description": f"Bad Request: {words}"}
    )


#: What a platform says when it means one of the words in its table.
ANSWERS: dict[str, Answer] = {
    "slack": lambda word: Response(status=400, body=word.encode()),
    "discord": lambda code: as_json(400, {"code": int(code), "message": "No."}),
    "telegram": by_telegram,
    "feishu": robot("code", "msg"),
    "dingtalk": robot("errcode", "errmsg"),
    "wecom": robot("errcode", "errmsg"),
    "teams": lambda code: as_json(400, {"error": {"code": code}}),
}
#: Those that stand for the status.
STATUS = re.compile(r"\b[45]\d\d\b")


def errors(kind: str) -> Iterator[tuple[str, str, str]]:
    """Every word of a kind's table with what it leads to; whether it is a status."""
    for words, then in re.findall(
        r"(?m)^\| ((?:`|\d).*?) \| (disabled|in a simpler form|posted|tried).*\|$",
        SECTIONS[KINDS[kind]],
    ):
        yield from ((word, then, "word") for word in re.findall(r"`([^`]+)`", words))
        bare = re.sub(r"`[^`]*`", "", words)
        yield from ((number, then, "status") for number in STATUS.findall(bare))


CASES_OF_ERRORS = [
    pytest.param(kind, word, then, how, id=f"{kind} {word}")
    for kind in KINDS
    for word, then, how in errors(kind)
    if word != "chat_id"
]


def to(kind: str) -> Endpoint:
    name = next(
        name
        for name, table in IN_TOML.items()
        if endpoint_settings(**table).kind == kind and "events" not in table
    )
    return endpoint_settings(**IN_TOML[name]).to_endpoint(name)


def test_what_a_platform_says_is_known_where_a_table_has_its_words() -> None:
    kinds = {kind for kind in KINDS for _, _, how in errors(kind) if how == "word"}

    assert kinds <= ANSWERS.keys(), "say in ANSWERS how the platform puts its words"


@pytest.mark.parametrize(("kind", "word", "then", "how"), CASES_OF_ERRORS)
def test_an_error_leads_to_what_the_page_says(
    kind: str, word: str, then: str, how: str
) -> None:
    no = (
        Response(status=int(word), body=b"") if how == "status" else ANSWERS[kind](word)
    )
    if how == "status" and kind == "telegram":
        no = as_json(
            int(word), {"ok": False, "error_code": int(word), "description": "No"}
        )

    def answers(request: Request) -> Response:
        return Response(status=404) if request.guarded else no

    transcript = perform(
        CHANNELS[kind], CASES["succeeded_upscaled"], to(kind), answers=answers
    )

    posts = [one for one in transcript.requests if not one.guarded]
    if then == "disabled":
        assert transcript.result == "gone"
        assert transcript.outcome.attempt.detail
    elif then == "tried":
        assert (transcript.result, len(posts)) == ("failed", 1)
    else:
        # An error about an older message says nothing here: there is none.
        assert transcript.result in {"permanent_failure", "failed", "refused"}
        assert len(posts) > 1 or word in ABOUT_AN_OLDER_ONE or word in ABOUT_A_FILE


ABOUT_AN_OLDER_ONE = {
    *slack.MISSING,
    *slack.FROZEN,
    *map(str, discord.REPOST),
    *(words for words, reply, _ in telegram.DESCRIPTIONS if reply.repost),
    "MESSAGE_ID_INVALID",
}
ABOUT_A_FILE = {str(code) for code in discord.TOO_LARGE}


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("slack", {*slack.DEAD, *slack.UNSHOWABLE, *slack.MISSING, *slack.FROZEN, *slack.LIMITED, *slack.UNCLEAR}),
        (
            "discord",
            {
                str(code)
                for codes in (discord.GONE, discord.REPOST, discord.REFUSED, discord.TOO_LARGE)
                for code in codes
            },
        ),
        ("feishu", {str(code) for code in feishu._REPLIES}),
        ("dingtalk", {str(code) for code in dingtalk._REPLIES} | {"310000"}),
        ("wecom", {str(code) for code in wecom._REPLIES} | {"93000"}),
        ("teams", set(teams._GONE)),
        (
            "telegram",
            {
                words for words, reply, _ in telegram.DESCRIPTIONS
                if not reply.ok and not reply.code
            },
        ),
    ],
)  # fmt: skip
def test_every_error_that_is_known_is_in_the_table(kind: str, known: set[str]) -> None:
    said = {word.lower() for word, _, _ in errors(kind)}

    assert {word.lower() for word in known} <= said
