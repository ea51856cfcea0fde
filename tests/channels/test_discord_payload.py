"""`bridge.channels.discord`: what a person sees, whatever a stranger wrote."""

from __future__ import annotations

import asyncio
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import discord
from bridge.channels.discord.embed import escape
from bridge.channels.sample import sample_event
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import Request, Response
from tests.channels.cases import (
    CASES,
    GRID_URL,
    HOSTILE,
    LANGUAGES,
    NASTY_TEXTS,
    NOW,
    OPERATORS,
    REPORTED,
    Transcript,
    each_hostile,
    endpoint,
    events,
    perform,
    texts,
)
from tests.channels.goldens import check_golden, json_of, languages, parts_of
from tests.platforms.discord import PNG, TOKEN, Discord, invalid_form
from tests.platforms.discord_rules import MAX_FILE, markup, units

with warnings.catch_warnings():
    # Its half for voices still imports what Python has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import discord as discord_py

URL = f"https://discord.com/api/webhooks/1200000000000000777/{TOKEN}"

GIF = b"GIF89a" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(20)


def channel(**settings: Any) -> Endpoint:
    return endpoint("discord", URL, **settings)


def publish(
    event: Event,
    *,
    to: Endpoint | None = None,
    server: Discord | None = None,
    picture: Response | None = None,
) -> tuple[Transcript, Discord]:
    """Tell an event to a Discord of its own; where it comes to a picture, this is it."""
    server = server or Discord(limited=False)
    photo = picture or Response(status=200, body=PNG)
    transcript = perform(
        discord,
        event,
        to or channel(),
        answers=lambda request: photo if request.guarded else server.answers(request),
    )
    return transcript, server


def posted(transcript: Transcript) -> dict[str, Any]:
    """The payload of the last message that was sent."""
    sent = [one for one in transcript.requests if one.method in {"POST", "PATCH"}]
    payload: dict[str, Any] = json_of(sent[-1])
    return payload


# --- golden payloads ------------------------------------------------------------------


@pytest.mark.parametrize("language", languages("discord"))
@pytest.mark.parametrize("case", CASES)
def test_what_is_sent_is_what_was_agreed_upon(case: str, language: str) -> None:
    """A task is followed by one message; each file shows all that one event takes."""
    to = channel(language=language, progress="edit")
    begun = perform(discord, CASES["submitted"], to)
    channel_state = {} if case == "submitted" else begun.channel_state

    transcript = perform(discord, CASES[case], to, channel_state=channel_state)

    assert transcript.result == "delivered"
    check_golden("discord", case, language, transcript.requests)


# --- anything a stranger can write ----------------------------------------------------


@pytest.mark.parametrize("images", ["upload", "url", "none"])
@each_hostile
def test_a_hostile_event_makes_a_valid_and_inert_message(
    event: Event, images: str
) -> None:
    transcript, server = publish(event, to=channel(images=images))

    assert transcript.result == "delivered"
    assert "simpler form" not in transcript.outcome.attempt.detail
    assert_inert(posted(transcript))
    assert server.pinged == []
    assert server.shown[0].text.strip()


@given(
    event=events(),
    language=st.sampled_from(LANGUAGES),
    images=st.sampled_from(["upload", "url", "none"]),
    refused=st.integers(0, 4),
    picture=st.sampled_from([PNG, JPEG, WEBP, GIF, b"<html>", b""]),
)
def test_whatever_is_told_is_valid_and_inert_in_every_form(
    event: Event, language: str, images: str, refused: int, picture: bytes
) -> None:
    server = Discord(limited=False)
    server.faults.extend([invalid_form({"embeds.0.title": "no"})] * refused)

    transcript, _ = publish(
        event,
        to=channel(language=language, images=images, prompt_max=100_000),
        server=server,
        picture=Response(status=200 if picture else 404, body=picture),
    )

    refusals = [one for one in server.calls if one.said.status >= 400]  # type: ignore[union-attr]
    assert len(refusals) <= refused, "Discord refused what it was not to refuse"
    for request in transcript.requests:
        assert TOKEN.encode() not in request.body
        assert TOKEN not in repr(request)
    assert TOKEN not in transcript.outcome.attempt.detail
    for request in transcript.requests:
        if not request.guarded:
            assert_inert(json_of(request))
            assert_discord_py_reads(json_of(request))
    assert server.pinged == []


@given(texts)
def test_an_escaped_text_says_the_same_and_means_nothing(text: str) -> None:
    plain = escape(text)

    assert markup(plain) == []
    shown = discord_shows(plain)
    assert shown == text


def discord_shows(text: str) -> str:
    """Take out the backslashes as Discord does; a letter keeps its own."""
    shown, after_backslash = [], False
    for char in text:
        if char == "\\" and not after_backslash:
            after_backslash = True
            continue
        if after_backslash and (char.isalnum() or char.isspace()):
            shown.append("\\")
        shown.append(char)
        after_backslash = False
    return "".join(shown)


def assert_inert(payload: dict[str, Any]) -> None:
    """Nothing is read as more than text but what is ours."""
    assert payload["allowed_mentions"] == {"parse": []}
    for text in markup_texts(payload):
        for found in markup(text):
            # Links in plain text are the gateway's; none of a stranger's words is one.
            assert re.match(r"https?://(cdn|xn--|127|192)", found), (found, text)


def markup_texts(payload: dict[str, Any]) -> Iterator[str]:
    """The texts in which Discord reads markup; links of ours in content are checked."""
    if content := payload.get("content"):
        yield content.replace("**", "")
    for embed in payload.get("embeds", []):
        yield embed["title"]
        yield embed.get("description", "").removeprefix("> ")
        for one in embed.get("fields", []):
            if not one["value"].startswith("<t:"):
                yield one["value"]


def assert_discord_py_reads(payload: dict[str, Any]) -> None:
    """Another program of the trade reads it as it was meant."""
    for data in payload.get("embeds", []):
        embed = discord_py.Embed.from_dict(data)

        assert len(embed) <= 6000
        assert embed.title == data["title"]
        assert embed.timestamp is not None
        assert embed.color is not None
        read = {**embed.to_dict(), "type": 0, "flags": 0}
        assert read == {**data, **as_discord_py(data)}


def as_discord_py(data: dict[str, Any]) -> dict[str, Any]:
    """What discord.py writes in its own way."""
    moment = discord_py.utils.parse_time(data["timestamp"])
    assert moment is not None
    return {"type": 0, "flags": 0, "timestamp": moment.isoformat()}


def test_the_longest_texts_stay_below_the_limit_for_the_whole_card() -> None:
    for language in LANGUAGES:
        for name in ("long", "chinese", "only_emoji", "markdown", "fences"):
            event = HOSTILE[f"reason_{name}"]
            transcript, _ = publish(
                event, to=channel(language=language, prompt_max=100_000)
            )
            embed = posted(transcript)["embeds"][0]

            assert len(discord_py.Embed.from_dict(embed)) <= 6000
            assert units(embed["description"]) <= 3500
            assert units(embed["fields"][0]["value"]) <= 1024


def test_a_prompt_is_cut_where_the_settings_say() -> None:
    transcript, _ = publish(HOSTILE["prompt_long"], to=channel(prompt_max=20))

    assert posted(transcript)["embeds"][0]["description"] == "long prompt long pr…"


def test_nothing_of_a_prompt_is_lost_on_the_way() -> None:
    transcript, _ = publish(HOSTILE["prompt_mentions"])

    shown = discord_shows(posted(transcript)["embeds"][0]["description"])
    assert shown == NASTY_TEXTS["mentions"]


# --- what is there to see -------------------------------------------------------------


def test_a_result_shows_its_picture_large_and_what_can_be_done_next() -> None:
    _, server = publish(CASES["succeeded_grid"])

    [message] = server.shown
    assert message.title == "✅ Imagine finished · 47 s"
    assert message.picture == PNG
    assert "U1 U2 U3 U4 · V1 V2 V3 V4 · 🔄" in message.text
    assert not message.silent


def test_a_failure_says_why() -> None:
    _, server = publish(CASES["failed"])

    [message] = server.shown
    assert message.title == "❌ Imagine failed · 11 s"
    assert "Banned prompt detected" in message.text
    assert message.picture is None


def test_a_video_can_be_watched() -> None:
    _, server = publish(CASES["video"])

    assert [url[-7:] for url in server.shown[0].links] == [
        *("0_0.mp4", "0_1.mp4", "0_2.mp4", "0_3.mp4"),
    ]


def test_a_described_picture_shows_what_came_of_it() -> None:
    _, server = publish(CASES["describe"])

    assert "a lone tower" in server.shown[0].text
    assert "(no prompt)" not in server.shown[0].text


def test_a_link_that_expires_is_not_offered_where_the_picture_is_there() -> None:
    _, signed = publish(CASES["succeeded_grid"])
    _, lasting = publish(CASES["succeeded_upscaled"])

    assert signed.shown[0].links == []
    assert lasting.shown[0].links == [
        "https://cdn.example/attachments/13/38/lighthouse_1.png"
    ]


def test_without_pictures_a_link_is_offered_as_long_as_it_lives() -> None:
    """By the time when it is delivered: a delivery may have waited for days."""
    event, to = CASES["succeeded_grid"], channel(images="none")

    def links(at: float) -> list[str]:
        transcript = perform(discord, event, to, at=at)
        rows = posted(transcript).get("components", [])
        return [button["url"] for row in rows for button in row["components"]]

    assert links(event.at + 3600) == [GRID_URL]
    assert links(event.at + 86400) == []


@pytest.mark.parametrize("kind", OPERATORS)
def test_operators_are_told_what_happened_and_since_when(kind: str) -> None:
    transcript, server = publish(OPERATORS[kind], to=channel(progress="edit"))

    assert transcript.channel_state == {}
    assert "<t:1795329060:R>" in server.shown[0].text
    assert "connection refused" in server.shown[0].text


@pytest.mark.parametrize("kind", REPORTED)
def test_a_sample_says_that_it_is_one(kind: str) -> None:
    # A sample of progress is posted where progress is delivered at all.
    _, server = publish(sample_event(kind, NOW), to=channel(progress="edit"))

    assert "sample" in server.shown[0].text


def test_a_name_and_a_face_can_be_chosen() -> None:
    to = channel(username="Midjourney", avatar_url="https://cdn.example/face.png")

    transcript, server = publish(CASES["failed"], to=to)

    assert server.shown[0].author == "Midjourney"
    assert posted(transcript)["avatar_url"] == "https://cdn.example/face.png"


# --- pictures -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (PNG, "mj_1732257600123456.png", "image/png"),
        (JPEG, "mj_1732257600123456.jpg", "image/jpeg"),
        (WEBP, "mj_1732257600123456.webp", "image/webp"),
        (GIF, "mj_1732257600123456.gif", "image/gif"),
    ],
)
def test_a_picture_is_uploaded_as_what_its_bytes_are(
    data: bytes, name: str, kind: str
) -> None:
    photo = Response(status=200, body=data)

    transcript, server = publish(CASES["succeeded_grid"], picture=photo)

    assert server.shown[0].files == {name: data}
    assert f"content-type: {kind}\r\n".encode() in transcript.requests[-1].body
    about = posted(transcript)["attachments"][0]
    assert about["description"].startswith("Midjourney picture for: a lighthouse")


def test_a_picture_is_fetched_with_care() -> None:
    transcript, _ = publish(CASES["succeeded_grid"])

    fetch = transcript.requests[0]
    assert (fetch.method, fetch.guarded, fetch.timeout) == ("GET", True, 6.0)
    assert fetch.max_bytes == MAX_FILE + 1
    assert "authorization" not in fetch.headers


@pytest.mark.parametrize(
    "photo",
    [
        pytest.param(Response(duration=6.0, detail="timed out"), id="slow"),
        pytest.param(Response(status=500, body=b"oops"), id="broken"),
        pytest.param(Response(status=200, body=b"<html>not a picture"), id="page"),
        pytest.param(
            Response(status=200, body=PNG, detail="the body broke off"),
            id="half",
        ),
        pytest.param(
            Response(status=200, body=PNG, headers={"content-length": "999"}),
            id="short",
        ),
        pytest.param(Response(status=200, body=PNG + bytes(MAX_FILE)), id="huge"),
    ],
)
def test_a_picture_that_cannot_be_had_is_linked_instead(photo: Response) -> None:
    _, server = publish(CASES["succeeded_upscaled"], picture=photo)

    [message] = server.shown
    assert message.picture == "https://cdn.example/attachments/13/38/lighthouse_1.png"


def test_a_picture_that_is_not_there_is_neither_shown_nor_linked() -> None:
    gone = Response(status=404)

    _, server = publish(CASES["succeeded_upscaled"], picture=gone)

    [message] = server.shown
    assert (message.picture, message.links) == (None, [])
    assert "The picture cannot be shown here" in message.text


def test_a_picture_on_discords_own_cdn_is_linked_without_its_signature() -> None:
    gone = Response(status=404)

    _, server = publish(HOSTILE["picture_expired"], picture=gone)

    assert server.shown[0].picture == "https://cdn.discordapp.com/attachments/1/2/a.png"


@pytest.mark.parametrize(
    "case",
    ["relative", "no_host", "javascript", "data", "broken", "with_password"],
)
def test_what_is_no_picture_is_not_asked_for(case: str) -> None:
    transcript, server = publish(HOSTILE[f"picture_{case}"])

    assert transcript.order == ["POST"]
    assert server.shown[0].picture is None


@pytest.mark.parametrize("case", ["local", "private", "http", "3001_characters"])
def test_an_address_that_discord_cannot_show_is_not_shown(case: str) -> None:
    refused = Response(duration=0.0, detail="this address is not for us")

    _, server = publish(HOSTILE[f"picture_{case}"], picture=refused)

    [message] = server.shown
    assert message.picture is None
    assert "The picture cannot be shown here" in message.text


def test_pictures_can_be_left_out() -> None:
    transcript, server = publish(CASES["succeeded_grid"], to=channel(images="none"))

    assert transcript.order == ["POST"]
    assert server.shown[0].picture is None
    assert "cannot be shown" not in server.shown[0].text


def test_a_file_that_is_too_large_for_the_server_is_linked() -> None:
    server = Discord(limited=False)
    server.faults.append(too_large())

    transcript, _ = publish(CASES["succeeded_upscaled"], server=server)

    assert transcript.order == ["GET", "POST", "POST"]
    assert server.shown[0].picture == (
        "https://cdn.example/attachments/13/38/lighthouse_1.png"
    )
    assert server.shown[0].files == {}


def too_large() -> Any:
    from tests.platforms.discord import error

    return error(413, 40005, "Request entity too large")


async def test_an_independent_reader_finds_the_parts_of_an_upload() -> None:
    transcript, _ = publish(CASES["succeeded_grid"])
    request = transcript.requests[-1]

    parts = await read_by_aiohttp(request)

    assert set(parts) == {"payload_json", "files[0]"}
    assert parts["files[0]"] == PNG == parts_of(request)["files[0]"]
    assert json.loads(parts["payload_json"]) == json_of(request)


async def read_by_aiohttp(request: Request) -> dict[str, bytes]:
    stream = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**20)
    stream.feed_data(request.body)
    stream.feed_eof()
    headers = {"Content-Type": request.headers["content-type"]}
    reader = aiohttp.MultipartReader(headers, stream)
    found = {}
    while isinstance(part := await reader.next(), aiohttp.BodyPartReader):
        found[str(part.name)] = bytes(await part.read())
    return found


def test_a_picture_that_holds_the_boundary_is_told_apart_all_the_same() -> None:
    event = CASES["succeeded_grid"]
    data = PNG + f"\r\n--{event.id}\r\n--{event.id}x--".encode()

    _, server = publish(event, picture=Response(status=200, body=data))

    assert server.shown[0].picture == data


def test_the_same_event_is_the_same_bytes_on_every_attempt() -> None:
    first, _ = publish(CASES["succeeded_grid"])
    second, _ = publish(CASES["succeeded_grid"])

    assert [one.body for one in first.requests] == [one.body for one in second.requests]
