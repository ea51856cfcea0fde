"""`bridge.sandbox.verification`: what the libraries sign is believed, and nothing else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
import standardwebhooks
import svix
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.verification import Refusal, Verification, key_of, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"another secret, of 32 bytes long").decode()
NOW = 1_614_265_330
BODY = b'{"test": 2432232314}'
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"

#: Of the specification's own libraries, and re-computed by others.
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(signature: str = SIGNATURE, *, at: int | str = NOW) -> dict[str, str]:
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(at),
        "webhook-signature": signature,
    }


def judged(
    given_headers: dict[str, str],
    body: bytes = BODY,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    now: float = NOW,
) -> Verification:
    return verify(
        given_headers, body, keys=[key_of(secret) for secret in secrets], now=now
    )


def test_the_vector_of_the_specification_is_believed() -> None:
    assert judged(headers()) == Verification(secret=0)


@given(st.text(max_size=200))
def test_what_the_standard_library_signs_is_believed(text: str) -> None:
    signed = standardwebhooks.Webhook(SECRET).sign(
        ID, datetime.fromtimestamp(NOW, UTC), text
    )

    assert judged(headers(signed), text.encode()).ok


@given(st.text(max_size=200))
def test_what_svix_signs_is_believed(text: str) -> None:
    signed = svix.Webhook(SECRET).sign(ID, datetime.fromtimestamp(NOW, UTC), text)

    assert judged(headers(signed), text.encode()).ok


def test_a_secret_that_is_no_base64_stands_for_its_own_bytes() -> None:
    secret = "correct horse battery staple"
    library = standardwebhooks.Webhook(secret.encode())
    signed = library.sign(ID, datetime.fromtimestamp(NOW, UTC), BODY.decode())

    assert judged(headers(signed), secrets=(secret,)).ok


def test_one_of_several_signatures_and_one_of_several_secrets_are_enough() -> None:
    several = f"v1a,abc v1,{'A' * 43}= {SIGNATURE} v2,xyz"

    assert judged(headers(several), secrets=(OTHER, SECRET)).secret == 1


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        pytest.param({"webhook-signature": ""}, Refusal.UNSIGNED, id="no signature"),
        pytest.param({"webhook-id": ""}, Refusal.NO_ID, id="no id"),
        pytest.param({"webhook-timestamp": ""}, Refusal.NO_TIMESTAMP, id="no time"),
        pytest.param({"webhook-timestamp": "noon"}, Refusal.BAD_TIMESTAMP, id="a word"),
        pytest.param(
            {"webhook-timestamp": "١٢٣"}, Refusal.BAD_TIMESTAMP, id="other digits"
        ),
        pytest.param(
            {"webhook-timestamp": "9" * 5000}, Refusal.BAD_TIMESTAMP, id="too many"
        ),
        pytest.param(
            {"webhook-timestamp": f"{NOW}.0"}, Refusal.BAD_TIMESTAMP, id="a fraction"
        ),
        pytest.param(
            {"webhook-signature": "v1a,abc"}, Refusal.NO_V1, id="asymmetric only"
        ),
        pytest.param({"webhook-signature": "v1"}, Refusal.NO_V1, id="only a version"),
        pytest.param({"webhook-signature": "v1,"}, Refusal.MISMATCH, id="empty"),
        pytest.param({"webhook-signature": "v1,é"}, Refusal.MISMATCH, id="not ASCII"),
        pytest.param({"webhook-id": "msg_other"}, Refusal.MISMATCH, id="another id"),
        pytest.param(
            {"webhook-timestamp": str(NOW + 1)}, Refusal.MISMATCH, id="another time"
        ),
        pytest.param({"webhook-signature": SIGNATURE[:-2]}, Refusal.MISMATCH, id="cut"),
    ],
)
def test_what_is_missing_or_changed_is_refused_with_its_reason(
    changed: dict[str, str], refusal: Refusal
) -> None:
    assert judged(headers() | changed).refusal is refusal


def test_another_body_or_another_secret_is_refused() -> None:
    assert judged(headers(), BODY + b" ").refusal is Refusal.MISMATCH
    assert judged(headers(), secrets=(OTHER,)).refusal is Refusal.MISMATCH
    assert judged(headers(), secrets=()).refusal is Refusal.MISMATCH


@pytest.mark.parametrize(
    ("drift", "refusal"),
    [
        (-301, Refusal.TOO_NEW),
        (-300, None),
        (0, None),
        (300, None),
        (301, Refusal.TOO_OLD),
    ],
)
def test_five_minutes_are_tolerated_in_both_directions(
    drift: int, refusal: Refusal | None
) -> None:
    assert judged(headers(), now=NOW + drift).refusal is refusal


def test_a_malformed_secret_is_an_error() -> None:
    with pytest.raises(ValueError, match="base64"):
        key_of("whsec_not base64!")


@given(
    st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    st.binary(),
)
def test_whatever_comes_is_judged_and_never_an_exception(
    hostile: dict[str, str], body: bytes
) -> None:
    assert not judged(hostile, body).ok
