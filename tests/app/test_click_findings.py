"""`mjbridge check --online`: why a click on a button would not arrive."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import pytest

from bridge.app.click_findings import of_clicks
from bridge.core.endpoint import Endpoint
from bridge.core.http import Response
from tests.channels.cases import NOW, endpoint

PUBLIC = "https://bridge.example"
HOOK = "https://bridge.example/interactions/telegram/chat"


def native(kind: str) -> Endpoint:
    more: dict[str, dict[str, Any]] = {
        "slack": {
            "url": "https://hooks.slack.com/services/T/B/x",
            "signing_secret": "s" * 32,
        },
        "socket": {
            "url": "https://hooks.slack.com/services/T/B/x",
            "app_token": "xapp-1",
        },
        "discord": {
            "url": "https://discord.com/api/webhooks/1/x",
            "public_key": "ab" * 32,
        },
        "telegram": {"url": "https://api.telegram.org/bot1:abc", "chat_id": "7"},
    }
    name = "slack" if kind == "socket" else kind
    return endpoint(name, buttons="native", **more[kind])


def says(body: Any, *, ahead: float = 0.0) -> Response:
    date = formatdate(NOW - ahead, usegmt=True)
    return Response(status=200, headers={"date": date}, body=json.dumps(body).encode())


def telegram(**info: Any) -> Response:
    return says({"ok": True, "result": {"url": "", **info}})


@pytest.mark.parametrize(
    ("kind", "public_url", "answer", "said"),
    [
        pytest.param("slack", None, None, "nowhere to go", id="no address"),
        pytest.param(
            "discord", None, None, "nowhere to go", id="no address for Discord"
        ),
        pytest.param(
            "discord",
            PUBLIC,
            says({"id": "1", "application_id": None}),
            "made by hand",
            id="a webhook made by hand",
        ),
        pytest.param(
            "telegram", None, telegram(url=HOOK), "409", id="a webhook in the way"
        ),
        pytest.param(
            "telegram", PUBLIC, telegram(), "are sent nowhere", id="no webhook"
        ),
        pytest.param(
            "telegram",
            PUBLIC,
            telegram(url="https://other.example"),
            "are sent elsewhere",
            id="another bridge's webhook",
        ),
        pytest.param(
            "telegram",
            PUBLIC,
            telegram(url=HOOK, last_error_message="Connection refused"),
            "Connection refused",
            id="a webhook that is not reached",
        ),
        pytest.param(
            "slack",
            PUBLIC,
            says({"ok": True}, ahead=400),
            "400 s ahead",
            id="a fast clock",
        ),
        pytest.param(
            "discord",
            PUBLIC,
            says({"id": "1", "application_id": "9"}, ahead=-400),
            "400 s behind",
            id="a slow clock",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_said_with_what_to_do(
    kind: str, public_url: str | None, answer: Response | None, said: str
) -> None:
    [found] = of_clicks(native(kind), public_url, answer, now=NOW)

    assert said in found.detail
    assert found.mend
    assert found.level == "error"


def test_where_clicks_come_to_another_endpoint_of_the_bot_nothing_is_said() -> None:
    other = telegram(url="https://bridge.example/interactions/telegram/other")
    found = of_clicks(native("telegram"), PUBLIC, other, siblings=["other"], now=NOW)

    assert list(found) == []


@pytest.mark.parametrize(
    ("kind", "public_url", "answer"),
    [
        ("slack", PUBLIC, says({"ok": True})),
        ("socket", None, None),
        ("discord", PUBLIC, says({"id": "1", "application_id": "9"})),
        ("telegram", None, telegram()),
        ("telegram", PUBLIC, telegram(url=HOOK)),
        ("telegram", PUBLIC, Response(detail="no answer")),
    ],
)
def test_where_all_is_well_nothing_is_said(
    kind: str, public_url: str | None, answer: Response | None
) -> None:
    assert list(of_clicks(native(kind), public_url, answer, now=NOW)) == []
