"""`bridge.channels.info`: a URL that cannot be the platform's is found before anything is sent."""

from __future__ import annotations

import pytest

from bridge.channels import CHANNELS
from bridge.channels.urls import is_public


@pytest.mark.parametrize(
    ("kind", "url", "fine"),
    [
        ("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/x", True),
        ("feishu", "https://open.feishu.cn/document", False),
        ("feishu", "https://proxy.example/document", True),
        ("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=x", True),
        ("dingtalk", "https://oapi.dingtalk.com/robot/send", False),
        ("teams", "https://a.logic.azure.com/workflows/1/triggers/manual", True),
        ("teams", "https://a.logic.azure.com/", False),
        ("teams", "https://[broken", True),
        ("ntfy", "https://ntfy.sh/art", True),
        ("ntfy", "https://ntfy.sh/", False),
        ("ntfy", "https://ntfy.sh/art/json", False),
        ("ntfy", "https://home.example/push/art", True),
        ("ntfy", "https://ntfy.sh/no%20topic", False),
    ],
)
def test_only_what_cannot_be_the_platforms_is_a_problem(
    kind: str, url: str, *, fine: bool
) -> None:
    """A broken URL is reported once, by whoever reads URLs."""
    problems = list(CHANNELS[kind].INFO.validate({"url": url}))

    assert (problems == []) is fine
    assert {name for name, _ in problems} <= {"url"}


def test_a_url_that_is_not_one_leads_nowhere() -> None:
    assert not is_public("https://[broken")
