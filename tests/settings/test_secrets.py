"""`bridge.settings`: secrets are read from files, and shown nowhere."""

from __future__ import annotations

import json
import traceback
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bridge.channels.ntfy import NtfyOptions
from bridge.channels.webhook import WebhookOptions
from bridge.errors import Misconfigured
from bridge.settings import endpoint_settings
from bridge.settings.tree import files_of
from tests.settings.loading import Workplace

URL = "BRIDGE_ENDPOINTS__ME__URL"
HIDDEN = "hunter2hunter2"


def revealed(secret: SecretStr | None) -> str:
    assert secret is not None
    return secret.get_secret_value()


def test_every_secret_can_stand_in_a_file(place: Workplace) -> None:
    place.write("key", " sk-1\n")
    place.write("hook", "https://discord.com/api/webhooks/1/x\n")
    place.write("signing", "first-secret\n\n  second-secret \n")
    place.write("token", "\ufefft0ken\n")
    place.write("redis", "redis://:pw@h/0")

    settings = place.load(
        {
            "BRIDGE_UPSTREAMS__DEFAULT__API_KEY_FILE": "key",
            "BRIDGE_ENDPOINTS__CHAT__URL_FILE": str(place.path / "hook"),
            "BRIDGE_ENDPOINTS__NT__URL": "https://ntfy.sh/x",
            "BRIDGE_ENDPOINTS__NT__TOKEN_FILE": "token",
            "BRIDGE_REDIS_URL_FILE": "redis",
        },
        toml='api_token_file = "token"\n'
        '[endpoints.me]\nurl = "https://me.example"\nsecrets_file = "signing"',
    )

    assert revealed(settings.upstreams["default"].api_key) == "sk-1"
    assert revealed(settings.api_token) == "t0ken"
    assert revealed(settings.redis_url) == "redis://:pw@h/0"
    assert settings.endpoints["nt"].options() == NtfyOptions(token="t0ken")
    assert settings.endpoints["chat"].kind == "discord"
    assert settings.endpoints["me"].options() == WebhookOptions(
        secrets=("first-secret", "second-secret")
    )


def test_every_setting_that_is_a_secret_is_known_as_one() -> None:
    endpoint = {"url", "secrets", "token", "secret", "proxy"}
    endpoint |= {"signing_secret", "app_token"}

    top = {"api_token", "secret_key", "redis_url", "broker_url"}
    assert set(files_of().values()) == top
    assert set(files_of("upstreams").values()) == {"api_key", "proxy"}
    assert set(files_of("endpoints").values()) == endpoint
    assert set(files_of("hooks").values()) == {"secrets"}


def test_a_stronger_source_counts_whether_it_names_a_file_or_not(
    place: Workplace,
) -> None:
    place.write("key", "sk-file")
    key, file = (
        "BRIDGE_UPSTREAMS__DEFAULT__API_KEY",
        "BRIDGE_UPSTREAMS__DEFAULT__API_KEY_FILE",
    )

    plain = place.load(
        {key: "sk-env"}, toml='[upstreams.default]\napi_key_file = "key"'
    )
    filed = place.load({file: "key"}, toml='[upstreams.default]\napi_key = "sk-toml"')

    assert revealed(plain.upstreams["default"].api_key) == "sk-env"
    assert revealed(filed.upstreams["default"].api_key) == "sk-file"


def test_a_secret_and_its_file_in_one_source_are_refused(place: Workplace) -> None:
    said = place.refused({"BRIDGE_API_TOKEN": HIDDEN, "BRIDGE_API_TOKEN_FILE": "x"})

    assert said == (
        "configuration: api_token: set this or api_token_file, not both "
        "(from BRIDGE_API_TOKEN_FILE)"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "cannot be read: no such file or directory", id="missing"),
        pytest.param(b" \n", "is empty", id="empty"),
        pytest.param(b"\xff\xfe\x00", "is not UTF-8 text", id="binary"),
    ],
)
def test_a_file_without_a_secret_is_refused_once(
    place: Workplace, content: bytes | None, reason: str
) -> None:
    if content is not None:
        place.write(HIDDEN, content)

    said = place.refused({URL + "_FILE": HIDDEN})

    assert said == (
        f"configuration: endpoints.me.url: the file named for it {reason} "
        f"(from {URL}_FILE)"
    )


def test_a_file_of_a_secret_has_a_name_of_text(place: Workplace) -> None:
    said = place.refused(toml="api_token_file = 5")

    assert (
        "api_token: the name of its file must be text (from bridge.toml, line 1)"
        in said
    )


@pytest.mark.parametrize("name", ["\0", "x" * 5000, "."])
def test_an_impossible_file_of_a_secret_is_refused(place: Workplace, name: str) -> None:
    assert "api_token: the file named for it" in place.refused(
        {"BRIDGE_API_TOKEN_FILE": name}
    )


# --- signing secrets ------------------------------------------------------------------


@given(key=st.binary(min_size=24, max_size=64))
def test_a_whsec_secret_of_24_to_64_bytes_is_accepted(key: bytes) -> None:
    secret = f" whsec_{b64encode(key).decode()}\n"

    endpoint = endpoint_settings(url="https://x.example", secrets=[secret])

    assert endpoint.options() == WebhookOptions(secrets=(secret.strip(),))


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("v1,{}", id="a version"),
        pytest.param("Bearer {}", id="a scheme"),
        pytest.param("'{}'", id="quotes"),
        pytest.param('Bearer "{}"', id="a scheme and quotes"),
        pytest.param(" {}\r\n", id="white space"),
    ],
)
@pytest.mark.parametrize("prefix", ["whsec_", "WHSEC_", "Whsec_"])
def test_what_stands_around_a_whsec_secret_is_not_signed_with(
    place: Workplace, written: str, prefix: str
) -> None:
    key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    settings = place.load(
        {
            URL: "https://x.example",
            "BRIDGE_ENDPOINTS__ME__SECRETS": json.dumps([written.format(prefix + key)]),
        }
    )

    assert settings.endpoints["me"].options() == WebhookOptions(
        secrets=(f"whsec_{key}",)
    )


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        pytest.param(
            "my whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "something is before it",
            id="a word before it",
        ),
        pytest.param("whsec_!!!", "after whsec_ comes base64", id="not base64"),
        pytest.param("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "base64", id="unpadded"),
        pytest.param(
            "whsec_" + b64encode(b"x" * 23).decode(),
            "24 to 64 bytes, not 23",
            id="short",
        ),
        pytest.param(
            "whsec_" + b64encode(b"x" * 65).decode(),
            "24 to 64 bytes, not 65",
            id="long",
        ),
        pytest.param("whsec_", "24 to 64 bytes, not 0", id="nothing"),
        pytest.param("whsk_" + "a" * 44, "asymmetric", id="another scheme's"),
        pytest.param("hunter2", "too short", id="raw and short"),
    ],
)
def test_a_malformed_signing_secret_is_refused(
    place: Workplace, secret: str, reason: str
) -> None:
    said = place.refused(
        {URL: "https://x.example", "BRIDGE_ENDPOINTS__ME__SECRETS": f'["{secret}"]'}
    )

    assert said.startswith("configuration: endpoints.me.secrets[0]: is ")
    assert reason in said
    assert secret not in said or secret == "whsec_"


# --- nothing is shown -----------------------------------------------------------------

#: Every place of a configuration that takes something that must not be shown.
PLACES = [
    "BRIDGE_REDIS_URL",
    "BRIDGE_BROKER_URL",
    "BRIDGE_API_TOKEN",
    "BRIDGE_API_TOKEN_FILE",
    "BRIDGE_UPSTREAMS__DEFAULT__API_KEY",
    "BRIDGE_UPSTREAMS__DEFAULT__API_KEY_FILE",
    "BRIDGE_UPSTREAMS__DEFAULT__PROXY",
    "BRIDGE_UPSTREAMS__DEFAULT__AUTH",
    "BRIDGE_UPSTREAMS__DEFAULT",
    "BRIDGE_ENDPOINTS__ME__URL",
    "BRIDGE_ENDPOINTS__ME__URL_FILE",
    "BRIDGE_ENDPOINTS__ME__SECRETS",
    "BRIDGE_ENDPOINTS__ME__SECRETS_FILE",
    "BRIDGE_ENDPOINTS__ME__HEADERS",
    "BRIDGE_ENDPOINTS__ME__TOKEN",
    "BRIDGE_ENDPOINTS__ME__SECRET",
    "BRIDGE_ENDPOINTS__ME__PROXY",
    "BRIDGE_ENDPOINTS__ME__KIND",
    "BRIDGE_ENDPOINTS__ME__TIMEOUT",
    "BRIDGE_ENDPOINTS__ME__EVENTS",
    "BRIDGE_ENDPOINTS__ME",
    "BRIDGE_ENDPOINTS",
    "BRIDGE_NAMESPACE",
    "BRIDGE_LOG_LEVEL",
    "BRIDGE_RETENTION",
    "BRIDGE_ALLOW_NETWORKS",
    "BRIDGE_PUBLIC_URL",
    "BRIDGE_NONSENSE",
]
FORMS = [
    f"{HIDDEN}",
    f"https://{HIDDEN} x",
    f"https://u:{HIDDEN}@h.example/",
    f"ftp://h.example/{HIDDEN}",
    f"Bearer {HIDDEN}",
    f'["{HIDDEN}"]',
    f'["{HIDDEN}\\n", "whsec_{HIDDEN}"]',
    f'{{"X": "{HIDDEN}\\r\\n"}}',
    f'{{"https://{HIDDEN}.example/x": "{HIDDEN}"}}',
    f'{{"a": {{"url": "{HIDDEN}"}}}}',
    f'{{"{HIDDEN}',
]


def outcome(place: Workplace, env: dict[str, str]) -> str:
    """Everything that is shown of a configuration, right or wrong."""
    try:
        return repr(place.load(env))
    except Misconfigured as error:
        return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("form", FORMS)
def test_no_error_and_no_traceback_shows_a_value(place: Workplace, form: str) -> None:
    for name in PLACES:
        shown = outcome(place, {name: form})

        # A namespace is no secret, whatever it looks like.
        assert HIDDEN not in shown or (name, form) == ("BRIDGE_NAMESPACE", HIDDEN)


def test_no_toml_or_dotenv_error_shows_a_value(place: Workplace) -> None:
    toml = place.refused(toml=f'api_token = "{HIDDEN}\n')
    place.write("bridge.toml", "")
    dotenv = place.refused(dotenv=f"this is {HIDDEN}")

    assert HIDDEN not in toml
    assert HIDDEN not in dotenv


def test_nothing_secret_is_in_any_representation(place: Workplace) -> None:
    place.write("ca.pem", "")
    settings = place.load(
        toml=f"""
        redis_url = "redis://:{HIDDEN}@h/0"
        broker_url = "amqp://u:{HIDDEN}@h//"
        api_token = "{HIDDEN}"
        [upstreams.default]
        api_key = "{HIDDEN}"
        proxy = "http://u:{HIDDEN}@proxy.example:3128"
        [endpoints.me]
        url = "https://h.example/{HIDDEN}"
        secrets = ["{HIDDEN}"]
        headers = {{ Authorization = "{HIDDEN}" }}
        [endpoints.robot]
        url = "https://oapi.dingtalk.com/robot/send?access_token={HIDDEN}"
        secret = "{HIDDEN}"
        [endpoints.phone]
        url = "https://ntfy.sh/{HIDDEN}"
        token = "{HIDDEN}"
        """
    )
    endpoints = [
        each.to_endpoint(name).__repr__() for name, each in settings.endpoints.items()
    ]

    for shown in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        *endpoints,
    ):
        assert HIDDEN not in shown
