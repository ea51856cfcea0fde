"""`bridge.channels.discord`: where it sends to, and what it makes of the answers."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import discord
from bridge.channels.discord.api import WebhookUrl
from bridge.channels.discord.replies import budget, describe, read
from bridge.channels.reply import Reply, reply_to
from bridge.core.delivery import Fault
from bridge.core.http import Response
from bridge.errors import Misconfigured
from bridge.version import __version__
from tests.channels.cases import CASES, NOW, endpoint, perform
from tests.platforms import discord as platform
from tests.platforms.discord import TOKEN, WEBHOOK, Discord

PATH = f"/api/v10/webhooks/{WEBHOOK}/{TOKEN}"
OFFICIAL = f"https://discord.com{PATH}"


def heard(said: platform.Said) -> Reply:
    response = Response(
        duration=0.1,
        status=said.status,
        headers=said.headers,
        body=said.body,
        received_at=NOW,
    )
    return reply_to(response, read)


def meaning(said: platform.Said) -> str:
    """What comes of an event that is answered like this."""
    server = Discord(limited=False, trouble=said)
    to = endpoint("discord", OFFICIAL)
    transcript = perform(discord, CASES["failed"], to, answers=server.answers)
    return transcript.result


# --- where ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"https://discord.com/api/webhooks/{WEBHOOK}/{TOKEN}", id="usual"),
        pytest.param(
            f"https://discordapp.com/api/webhooks/{WEBHOOK}/{TOKEN}", id="old"
        ),
        pytest.param(
            f"https://ptb.discord.com/api/webhooks/{WEBHOOK}/{TOKEN}", id="ptb"
        ),
        pytest.param(
            f"https://canary.discordapp.com/api/v8/webhooks/{WEBHOOK}/{TOKEN}",
            id="canary, v8",
        ),
        pytest.param(
            f"https://discord.com/api/webhooks/{WEBHOOK}/{TOKEN}/github", id="github's"
        ),
        pytest.param(
            f"https://discord.com/api/webhooks/{WEBHOOK}/{TOKEN}/slack?wait=false",
            id="slack's",
        ),
        pytest.param(
            f" https://DISCORD.com./api/v10/webhooks/{WEBHOOK}/{TOKEN}/ ", id="sloppy"
        ),
        pytest.param(f"http://discord.com/api/webhooks/{WEBHOOK}/{TOKEN}", id="http"),
    ],
)
def test_every_spelling_of_a_webhook_is_sent_to_version_10(url: str) -> None:
    address = WebhookUrl.of(url)

    assert address is not None
    assert address.to_post() == f"{OFFICIAL}?wait=true&with_components=true"
    assert address.to_edit("5") == f"{OFFICIAL}/messages/5?with_components=true"
    assert address.to_delete("5") == f"{OFFICIAL}/messages/5"
    assert address.to_ask() == OFFICIAL
    assert TOKEN not in repr(address)


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("http://127.0.0.1:8099/api/webhooks/1/t", "http://127.0.0.1:8099/api/v10"),
        ("https://proxy.example/discord/api/v9/webhooks/1/t", "https://proxy.example/discord/api/v10"),
        ("https://proxy.example/webhooks/1/t", "https://proxy.example/api/v10"),
        ("http://me:pw@proxy.example:81/api/webhooks/1/t", "http://me:pw@proxy.example:81/api/v10"),
        ("http://[::1]:81/api/webhooks/1/t", "http://[::1]:81/api/v10"),
    ],
)  # fmt: skip
def test_a_host_in_front_of_discord_stays(given_url: str, expected: str) -> None:
    address = WebhookUrl.of(given_url)

    assert address is not None
    assert address.to_ask() == f"{expected}/webhooks/1/t"


def test_what_a_url_asks_for_besides_is_kept_where_it_is_not_ours_to_say() -> None:
    address = WebhookUrl.of(f"{OFFICIAL}?thread_id=42&wait=false&key=a%20b")

    assert address is not None
    assert address.thread == "42"
    assert address.to_post("42") == (
        f"{OFFICIAL}?key=a+b&wait=true&with_components=true&thread_id=42"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://discord.com/channels/1/2",
        "https://discord.com/api/webhooks/1",
        "https://discord.com/api/webhooks//t",
        "https://discord.com/api/webhooks/named/t",
        "ftp://discord.com/api/webhooks/1/t",
        "https://[::1/api/webhooks/1/t",
        "",
    ],
)
def test_what_is_no_webhook_is_none(url: str) -> None:
    assert WebhookUrl.of(url) is None
    with pytest.raises(Misconfigured, match="not a Discord webhook's"):
        discord.probe(endpoint("discord", "https://discord.com/channels/1/2"))


def test_requests_say_whose_they_are_and_carry_the_endpoints_own_headers() -> None:
    to = endpoint("discord", OFFICIAL, headers={"X-Team": "art"})

    [request] = perform(discord, CASES["failed"], to).requests

    assert dict(request.headers) == {
        "user-agent": f"DiscordBot (mjbridge, {__version__})",
        "content-type": "application/json",
        "x-team": "art",
    }
    assert request.max_bytes >= 2 * 6000 * 3, "the whole message comes back"


# --- what it means --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [
        (404, 10015, "the webhook was deleted"),
        (401, 50027, "the webhook's token is not valid any more"),
        (404, 10003, "the channel or thread was deleted"),
        (403, 50001, "the webhook has no access to the channel"),
        (403, 50013, "the webhook has no permission to post there"),
        (400, 220001, "a forum channel needs thread_id or thread_name"),
        (400, 220002, "thread_id and thread_name cannot be used together"),
        (400, 220003, "this channel is not a forum: it takes no thread_name"),
        (403, 160005, "the thread is locked"),
        (401, 0, "the webhook's token is refused"),
        (404, 0, "there is no webhook at this address"),
    ],
)
def test_a_webhook_that_is_no_use_any_more_is_given_up_with_the_reason(
    status: int, code: int, why: str
) -> None:
    said = platform.error(status, code, "Words of Discord")

    assert meaning(said) == "gone"
    assert heard(said).detail == f"{why}: Discord {code}: Words of Discord"


def test_a_404_without_a_code_is_given_up_too() -> None:
    assert meaning(platform.page(404)) == "gone"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(platform.page(502), "failed", id="proxy's page"),
        pytest.param(platform.page(403), "failed", id="blocked by Cloudflare"),
        pytest.param(platform.page(400), "refused", id="a proxy refuses"),
        pytest.param(platform.page(200), "failed", id="a page instead of an answer"),
        pytest.param(platform.error(500, 0, "Internal"), "failed", id="its own error"),
        pytest.param(platform.error(403, 40333, "internal"), "failed", id="40333"),
        pytest.param(platform.invalid_form({"a": "b"}), "permanent_failure", id="invalid form"),
        pytest.param(platform.error(400, 50006, "empty"), "permanent_failure", id="empty"),
        pytest.param(platform.error(400, 200000, "no"), "permanent_failure", id="moderated"),
        pytest.param(platform.error(413, 40005, "large"), "permanent_failure", id="too large"),
        pytest.param(
            platform.Said(status=400, body=b'{"embeds": ["0"]}'), "permanent_failure", id="old style"
        ),
        pytest.param(platform.Said(status=204), "delivered", id="no content"),
    ],
)  # fmt: skip
def test_what_an_answer_comes_to(said: platform.Said, expected: str) -> None:
    assert meaning(said) == expected


@pytest.mark.parametrize(
    ("status", "body", "compatible", "taken"),
    [
        pytest.param(200, b"", True, True, id="another server, without a word"),
        pytest.param(204, b"", True, True, id="another server, no content"),
        pytest.param(
            200, b"", False, False, id="Discord's host, which says the message"
        ),
        pytest.param(200, b"<html>", True, False, id="a proxy's page"),
        pytest.param(302, b"", True, False, id="elsewhere"),
    ],
)
def test_a_compatible_server_may_take_a_message_without_a_word(
    status: int, body: bytes, compatible: bool, taken: bool
) -> None:
    response = Response(status=status, body=body)

    reply = reply_to(response, partial(read, compatible=compatible))

    assert reply.ok is taken


def test_no_answer_is_a_failure() -> None:
    response = Response(duration=1.0, fault=Fault.TIMEOUT, detail="not in 15 s")

    said = reply_to(response, read)

    assert (said.ok, said.fault, said.unclear) == (False, Fault.TIMEOUT, True)


def test_a_wrong_form_is_explained_with_the_way_to_the_mistake() -> None:
    said = platform.invalid_form(
        {"embeds.0.title": "Must be 256 or fewer.", "content": "Too long."}
    )

    assert heard(said).detail == (
        "Discord 50035: Invalid Form Body · embeds.0.title: Must be 256 or fewer.;"
        " content: Too long."
    )


# --- limits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        pytest.param(
            {"retry-after": "7"}, {"retry_after": 1.5}, 7.0, id="header first"
        ),
        pytest.param({}, {"retry_after": 1.5}, 1.5, id="body"),
        pytest.param({"x-ratelimit-reset-after": "0.75"}, {}, 0.75, id="reset"),
        pytest.param({}, {"retry_after": "soon"}, None, id="nonsense"),
        pytest.param({}, {}, None, id="nothing"),
        pytest.param({"retry-after": "9999999"}, {}, 86400.0, id="at most a day"),
    ],
)
def test_how_long_to_wait_is_read_wherever_it_stands(
    headers: dict[str, str], body: dict[str, Any], expected: float | None
) -> None:
    said = platform.Said(status=429, headers=headers, body=json.dumps(body).encode())

    assert heard(said).retry_after == expected
    assert heard(said).may_pass


def test_a_limit_may_come_as_a_page() -> None:
    said = heard(platform.page(429, retry_after="3600"))

    assert (said.may_pass, said.retry_after) == (True, 3600.0)
    assert said.detail.startswith("too many messages (HTTP 429")


def test_whose_limit_it_is_is_said() -> None:
    shared = heard(platform.too_many(2.0, "shared"))
    everybodys = heard(platform.too_many(2.0, "global"))

    assert "in this channel, not only ours" in shared.detail
    assert "from this address" in everybodys.detail


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.25"}, 1.25),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset-after": "1.25"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "nan"}, None),
        ({}, None),
    ],
)
def test_a_budget_says_when_there_is_more(
    headers: dict[str, str], expected: float | None
) -> None:
    assert budget(headers) == expected


@given(
    status=st.none() | st.integers(100, 599),
    body=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["code", "message", "errors", "_errors", "id", "retry_after"]),
            inner,
        ),
    ).map(lambda said: json.dumps(said).encode()),
    headers=st.dictionaries(
        st.sampled_from(
            ["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset-after"]
        ),
        st.text(max_size=9),
    ),
)  # fmt: skip
def test_no_answer_is_too_strange(
    status: int | None, body: bytes, headers: dict[str, str]
) -> None:
    response = Response(status=status, body=body, headers=headers)

    said = reply_to(response, read)

    assert said.retry_after is None or 0 < said.retry_after <= 86400
    assert "\n" not in said.detail
    describe(response)
    budget(headers)


# --- what a webhook is ----------------------------------------------------------------


def test_a_webhook_is_asked_what_it_is_without_posting_anything() -> None:
    server = Discord(name="art\n@everyone", application=None)

    request = discord.probe(endpoint("discord", OFFICIAL))
    answered = server.answers(request)

    assert (request.method, request.url) == ("GET", OFFICIAL)
    assert discord.describe(answered) == (
        "the webhook “art @everyone”, made by hand: it can show links, not buttons to press"
    )
    assert server.messages == []


def test_a_webhook_of_an_application_says_so() -> None:
    server = Discord(application="1250000000000000001")

    answered = server.answers(discord.probe(endpoint("discord", OFFICIAL)))

    assert discord.describe(answered) == (
        "the webhook “art”, which belongs to application 1250000000000000001"
    )


def test_a_webhook_that_is_gone_is_described_as_gone() -> None:
    server = Discord(trouble=platform.UNKNOWN_WEBHOOK)

    answered = server.answers(discord.probe(endpoint("discord", OFFICIAL)))

    assert discord.describe(answered).startswith("the webhook was deleted")
