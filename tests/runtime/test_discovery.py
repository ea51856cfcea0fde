"""`bridge.runtime.discovery`: what the settings make of hooks, and where the store is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.local.runfile import write_web_file
from bridge.channels.webhook import WebhookOptions
from bridge.core.hook import HookPolicy
from bridge.errors import StoreUnavailable
from bridge.runtime.discovery import circular_upstreams, hook_policy, store_url
from bridge.settings import Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def policy(**settings: Any) -> HookPolicy:
    made = hook_policy(Settings.model_validate(settings))
    assert made is not None
    return made


def test_hooks_are_endpoints_that_nobody_trusts() -> None:
    hooks = {"secrets": [SECRET], "events": ["task.*"], "max_origins": 7}

    made = policy(hooks=hooks)

    assert made.max_origins == 7
    assert made.endpoint.guarded
    assert made.endpoint.events == ("task.*",)
    assert made.endpoint.options == WebhookOptions(secrets=(SECRET,))
    assert made.endpoint.rate is not None


def test_hooks_that_are_not_enabled_are_not_taken() -> None:
    assert hook_policy(Settings.model_validate({"hooks": {"enabled": False}})) is None


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        pytest.param({}, False, id="no network is allowed"),
        pytest.param({"allow_networks": ["10.0.0.0/8"]}, True, id="the top level's is"),
        pytest.param(
            {"allow_networks": ["10.0.0.0/8"], "hooks": {"allow_networks": []}},
            False,
            id="none is for hooks",
        ),
        pytest.param(
            {"hooks": {"allow_networks": ["10.1.0.0/16"]}}, True, id="one is for hooks"
        ),
    ],
)
def test_private_networks_are_allowed_by_name(
    settings: dict[str, Any], taken: bool
) -> None:
    if taken:
        assert policy(**settings).read("http://10.1.2.3/hook").url
    else:
        with pytest.raises(ValueError, match="a private address"):
            policy(**settings).read("http://10.1.2.3/hook")


@pytest.mark.parametrize(
    "url",
    [
        "https://bridge.example.com/api/v1/tasks",
        "http://127.0.0.1:8399/api/v1/tasks",
        "http://localhost:8399/",
        "http://10.1.2.3:8399/",
    ],
)
def test_a_hook_does_not_lead_to_the_process_web(url: str) -> None:
    ours = policy(
        public_url="https://bridge.example.com/mj",
        web={"host": "10.1.2.3", "port": 8399},
        allow_networks=["127.0.0.0/8", "10.0.0.0/8"],
    )

    with pytest.raises(ValueError, match="the bridge itself"):
        ours.read(url)


def test_a_hook_does_not_lead_to_the_process_web_where_it_found_a_free_port(
    tmp_path: Path,
) -> None:
    write_web_file(tmp_path, web_url="http://127.0.0.1:8455")
    ours = policy(data_dir=tmp_path, web={"port": 0}, allow_networks=["127.0.0.0/8"])

    assert ours.read("http://127.0.0.1:8456/").url
    with pytest.raises(ValueError, match="the bridge itself"):
        ours.read("http://localhost:8455/")


def test_an_upstream_that_is_the_bridge_itself_is_known() -> None:
    public = "https://bridge.example.com/mjb"
    addresses = {
        "itself": "http://localhost:8399/",
        "public": f"{public}/",
        "beside_it": "https://bridge.example.com/gateway",
        "elsewhere": "http://localhost:8398",
    }
    settings = Settings.model_validate(
        {
            "public_url": public,
            "web": {"port": 8399},
            "upstreams": {name: {"base_url": url} for name, url in addresses.items()},
        }
    )

    assert circular_upstreams(settings) == {"itself", "public"}


def test_a_store_of_somebody_else_is_not_taken_for_none(tmp_path: Path) -> None:
    hidden = tmp_path / "run.json"
    hidden.symlink_to(hidden)  # what permissions hide, root would see
    settings = Settings(data_dir=tmp_path)

    with pytest.raises(StoreUnavailable, match="the user that runs `mjbridge up`"):
        store_url(settings)
    hidden.unlink()
    with pytest.raises(StoreUnavailable, match="no store runs here"):
        store_url(settings)
