"""`bridge.core.redact`: nothing is shown that lets anybody in, and the rest stays readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.endpoint_options import RobotOptions
from bridge.channels.template.options import TemplateOptions
from bridge.channels.webhook import WebhookOptions
from bridge.core.endpoint import Endpoint, EndpointOptions
from bridge.core.redact import (
    BLOT,
    credentials_in,
    redact,
    redact_bytes,
    secrets_of_endpoint,
    secrets_of_headers,
    secrets_of_url,
)

TOKEN = "Zm9vYmFyYmF6cXV4"
SLACK = f"https://hooks.slack.com/services/T00000000/B00000000/{TOKEN}"


@pytest.mark.parametrize(
    ("url", "repeated", "shown"),
    [
        pytest.param(SLACK, f"no hook {TOKEN}", "no hook …", id="a token in the path"),
        pytest.param(SLACK, f"{TOKEN.upper()}?", "…?", id="in other letters"),
        pytest.param(SLACK, "unknown team T00000000", "unknown team …", id="an id"),
        pytest.param(
            SLACK, f"POST {SLACK} failed", "POST … failed", id="the whole URL"
        ),
        pytest.param(
            SLACK,
            "the services of hooks.slack.com",
            "the services of hooks.slack.com",
            id="words and the host",
        ),
        pytest.param(
            "https://example.com/send?access_token=0123456789&v=2",
            "bad 0123456789 in v=2",
            "bad … in v=2",
            id="a value of the query",
        ),
        pytest.param(
            "https://example.com/a%2Fbcdefghi",
            "no route to a/bcdefghi",
            "no route to …",
            id="another spelling",
        ),
        pytest.param(
            "https://ann:pass@example.com/x", "ann:pass!", "ann:…!", id="a password"
        ),
        pytest.param(
            "tgram://12345:token/chat",
            "12345 was refused by chat",
            "… was refused by …",
            id="every part of a URL that is not http",
        ),
        pytest.param(
            "http://[", "http://[ is not valid", "… is not valid", id="no URL"
        ),
    ],
)
def test_what_others_repeat_of_a_url_is_blotted_out(
    url: str, repeated: str, shown: str
) -> None:
    assert redact(repeated, secrets_of_url(url)) == shown


def test_a_secret_in_pieces_that_overlap_or_touch_is_replaced_once() -> None:
    assert redact("is sk-abcdef123456 yours", ["sk-abcdef", "cdef1234", "56 y"]) == (
        "is …ours"
    )


def test_a_name_and_a_password_are_recognised_in_a_header() -> None:
    assert redact("Basic YW5uZTpzM2NyZXQ=", credentials_in("http://anne:s3cret@h")) == (
        "Basic …"
    )


def test_a_url_that_cannot_be_read_has_no_credentials() -> None:
    assert credentials_in("http://[") == frozenset()


def test_headers_are_secret_unless_they_say_nothing() -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    shown = redact(f"Bearer {TOKEN} for application/json", secrets_of_headers(headers))

    assert shown == "… for application/json"


def test_an_endpoint_has_all_of_these_secrets() -> None:
    endpoint = Endpoint(
        name="art",
        url="https://example.com/hooks",
        headers={"x-key": "key-0123456789"},
        proxy="http://proxy:pr0xy@10.0.0.1",
        options=TemplateOptions(token="robot:t0ken"),
    )
    all_of_them = "key-0123456789 pr0xy robot:t0ken t0ken"

    assert redact(all_of_them, secrets_of_endpoint(endpoint)) == " ".join(BLOT * 4)


@pytest.mark.parametrize(
    "options",
    [WebhookOptions(secrets=("raw-s3cret",)), RobotOptions(secret="raw-s3cret")],
    ids=["signing secrets", "a robot's secret"],
)
def test_whatever_an_option_keeps_secret_is_one(options: EndpointOptions) -> None:
    endpoint = Endpoint(name="art", url="https://example.com/hooks", options=options)

    assert redact("it was raw-s3cret", secrets_of_endpoint(endpoint)) == "it was …"


def test_bytes_in_another_encoding_keep_all_but_the_secret() -> None:
    body = "找不到 ".encode("gbk") + TOKEN.encode()

    assert redact_bytes(body, [TOKEN]) == "找不到 ".encode("gbk") + BLOT.encode()


@given(st.text(), st.lists(st.text(), max_size=5), st.text())
def test_no_secret_survives_in_any_text(
    before: str, secrets: list[str], after: str
) -> None:
    for secret in secrets:
        shown = redact(f"{before}{secret}{after}", secrets)

        assert not any(
            len(one) >= 4
            and one != BLOT
            and one.isascii()
            and one in shown.replace(BLOT, "\0")
            for one in secrets
        )


@given(st.text(), st.text())
def test_any_url_is_taken_apart(url: str, text: str) -> None:
    assert isinstance(redact(text, secrets_of_url(url)), str)
