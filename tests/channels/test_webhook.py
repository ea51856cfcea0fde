"""`bridge.channels.webhook`: what a program receives, and that it can be verified."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from bridge import __version__
from bridge.channels import webhook
from bridge.channels.sample import sample_event
from bridge.channels.webhook import WebhookOptions, key_of, signatures
from bridge.core.endpoint import Endpoint
from bridge.core.http import Request

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW = 1767268800.25


def signed_with(*secrets: str) -> WebhookOptions:
    return WebhookOptions(secrets=secrets)


def rendered(*, at: float = NOW, redelivery: bool = False, **settings: Any) -> Request:
    endpoint = Endpoint(name="pipeline", url="https://example.com/hooks", **settings)
    event = sample_event("task.succeeded", NOW)
    return webhook.render(event, endpoint, at=at, redelivery=redelivery)


def fresh(**settings: Any) -> Request:
    """Render as of now: the libraries refuse what is older than 5 minutes."""
    return rendered(at=datetime.now(UTC).timestamp(), **settings)


def svix(secret: str) -> Any:
    """Svix's verifier; importing its library takes longer than all tests in here."""
    from svix.webhooks import Webhook

    return Webhook(secret)


# --- signatures -----------------------------------------------------------------------


def test_the_public_vector_of_standard_webhooks() -> None:
    signed = signatures(
        [OLD],
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", [OLD, NEW])
@pytest.mark.parametrize("redelivery", [False, True])
def test_the_public_libraries_verify_with_either_secret_while_rotating(
    secret: str, redelivery: bool
) -> None:
    request = fresh(options=signed_with(NEW, OLD), redelivery=redelivery)
    headers = dict(request.headers)

    read = standardwebhooks.Webhook(secret).verify(request.body.decode(), headers)
    assert read == json.loads(request.body)
    svix(secret).verify(request.body, headers)


def test_the_first_secret_signs_first() -> None:
    both = (
        rendered(options=signed_with(NEW, OLD)).headers["webhook-signature"].split(" ")
    )

    assert both[:1] == rendered(options=signed_with(NEW)).headers[
        "webhook-signature"
    ].split(" ")
    assert len(both) == 2


def test_a_changed_body_is_not_verified() -> None:
    request = fresh(options=signed_with(OLD))
    forged = request.body.decode().replace("SUCCESS", "FAILURE")

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(OLD).verify(forged, dict(request.headers))
    with pytest.raises(Exception, match="No matching signature"):
        svix(OLD).verify(forged, dict(request.headers))


def test_a_secret_in_plain_text_stands_for_its_bytes() -> None:
    secret = "correct-horse-battery-staple-ü"
    request = fresh(options=signed_with(secret))

    library = standardwebhooks.Webhook(base64.b64encode(secret.encode()).decode())
    assert library.verify(request.body.decode(), dict(request.headers))


def test_a_malformed_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ValueError, match="after whsec_ comes base64") as caught:
        key_of("whsec_not*base64")

    assert "not*base64" not in str(caught.value)


@given(
    st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3), st.binary()
)
def test_whatever_the_keys_each_signature_is_its_own(
    keys: list[bytes], body: bytes
) -> None:
    secrets = ["whsec_" + base64.b64encode(key).decode() for key in keys]

    signed = signatures(secrets, id="evt_1", at=1, body=body).split(" ")

    assert signed == [
        signatures([secret], id="evt_1", at=1, body=body) for secret in secrets
    ]


# --- the request ----------------------------------------------------------------------


def test_the_request_says_what_the_contract_says() -> None:
    request = rendered(options=signed_with(OLD))
    event = sample_event("task.succeeded", NOW)

    assert (request.method, request.url) == ("POST", "https://example.com/hooks")
    assert request.body == event.body.encode()
    assert set(request.headers) == {
        "content-type",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"mjbridge/{__version__}"
    assert request.headers["webhook-id"] == event.id
    assert request.headers["webhook-timestamp"] == str(int(NOW))


def test_without_a_secret_there_is_no_signature() -> None:
    assert "webhook-signature" not in rendered().headers


def test_only_a_redelivery_is_marked_as_one() -> None:
    assert rendered(redelivery=True).headers["webhook-redelivery"] == "true"
    assert "webhook-redelivery" not in rendered().headers


def test_a_retry_has_the_same_id_and_body_and_a_timestamp_of_its_own() -> None:
    endpoint = Endpoint(
        name="pipeline", url="https://example.com/hooks", options=signed_with(OLD)
    )
    event = sample_event("task.failed", NOW)
    first, retry = (
        webhook.render(event, endpoint, at=at, redelivery=False)
        for at in (NOW, NOW + 300)
    )

    assert (first.body, first.headers["webhook-id"]) == (
        retry.body,
        retry.headers["webhook-id"],
    )
    assert int(retry.headers["webhook-timestamp"]) - int(NOW) == 300
    assert first.headers["webhook-signature"] != retry.headers["webhook-signature"]


def test_an_endpoints_own_headers_are_added_and_override_nothing() -> None:
    own = {
        "X-Team": "art",
        "Authorization": "Bearer t",
        "Webhook-Id": "evt_forged",
        "WEBHOOK-SIGNATURE": "v1,forged",
        "webhook-redelivery": "true",
        "Content-Type": "text/plain",
        "User-Agent": "me",
        "Host": "internal",
        "Content-Length": "0",
        "Transfer-Encoding": "chunked",
    }

    added = dict(rendered(headers=own).headers)
    for name in rendered().headers:
        assert added.pop(name) == rendered().headers[name]
    assert added == {"x-team": "art", "authorization": "Bearer t"}


def test_a_request_does_not_show_its_url_when_printed() -> None:
    assert "example.com" not in repr(rendered(headers={"X-Token": "t0ken"}))
    assert "t0ken" not in repr(rendered(headers={"X-Token": "t0ken"}))


def test_the_trace_is_named_in_a_header_that_no_setting_replaces() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    own = {"Traceparent": "00-0-0-00"}
    endpoint = Endpoint(name="pipeline", url="https://example.com/", headers=own)
    event = sample_event("task.succeeded", NOW)

    traced = webhook.render(
        event, endpoint, at=NOW, redelivery=False, traceparent=trace
    )

    assert traced.headers["traceparent"] == trace
    assert "traceparent" not in rendered().headers
