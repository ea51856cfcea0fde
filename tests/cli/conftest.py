"""What the tests of commands can ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A directory with nothing in it, and nothing configured."""
    return Shell(tmp_path)


@pytest.fixture
def deployment(tmp_path: Path, redis_url: str, namespace: str) -> Shell:
    """A store that nobody works on, a gateway that is never asked, and an endpoint."""
    return Shell(
        tmp_path,
        {
            "BRIDGE_REDIS_URL": redis_url,
            "BRIDGE_NAMESPACE": namespace,
            "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-never-shown",
            "BRIDGE_ENDPOINTS__ME__URL": "https://example.com/hooks/T0/never-shown",
        },
    )
