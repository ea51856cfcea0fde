"""The API keeps its own description, whatever it is asked: schemathesis against a live server."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.bench import Bench
from tests.core.tasks import PIG
from tests.web.history import polled
from tests.web.site import TOKEN, Site

#: Tasks that there are, and seconds of the search; the more, the less can hide.
BRIEFLY, THOROUGHLY = (200, 3), (10_000, 180)

#: What may be answered to a request that is as described: a name may stand for nothing, and
#: a thing may have no room in a rule that a schema cannot express. And what is not as
#: described may be too long to be read at all.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "414", "415", "422", "431"]
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("tasks", "seconds"),
    [
        pytest.param(*BRIEFLY, id="briefly"),
        pytest.param(*THOROUGHLY, id="thoroughly", marks=pytest.mark.soak),
    ],
)
async def test_what_is_answered_is_what_is_described_and_nothing_without_the_token(
    tmp_path: Path, closed_site: Site, bench: Bench, tasks: int, seconds: int
) -> None:
    pigs = [replace(PIG, id=f"{number}") for number in range(tasks)]
    await polled(bench, *pigs, to=("a", "b"))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)

    search = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        f"--config-file={tmp_path / 'schemathesis.toml'}",
        "run",
        f"{closed_site.url}/api/v1/openapi.json",
        f"--header=Authorization: Bearer {TOKEN}",
        "--checks=all",
        # What was untracked or undone is shown for as long as it is kept.
        "--exclude-checks=use_after_free",
        f"--max-time={seconds}",
        "--seed=1",
        "--suppress-health-check=all",
        # A stream ends when its reader goes away.
        "--exclude-path=/stream",
        "--request-timeout=10",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    found, _ = await search.communicate()

    assert search.returncode == 0, found.decode()
