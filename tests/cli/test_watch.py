"""What is printed of tasks that are followed, a line for each change."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.app.follow import Ended
from bridge.cli.watch import print_until_ended
from bridge.core.event import Event, archived_event
from bridge.core.media import KeptFile
from tests.channels.cases import CASES

KEPT = KeptFile(
    sha256="ab" * 32,
    bytes=70,
    type="image/png",
    width=8,
    height=6,
    url=f"https://b.example/files/{'ab' * 32}.png",
)


@pytest.mark.parametrize(
    ("files", "reason", "shown"),
    [
        ([KEPT], "", KEPT.url),
        ([], "its address has expired", "its address has expired"),
    ],
    ids=["kept", "not kept"],
)
async def test_an_archived_picture_is_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str], files: list[KeptFile], reason: str, shown: str
) -> None:
    done = CASES["succeeded_grid"]

    async def steps() -> AsyncIterator[Event | Ended]:
        yield done
        yield archived_event(done, files, reason, sequence=9, at=done.at + 1)

    await print_until_ended(steps(), as_json=False)

    end, archived = capsys.readouterr().out.splitlines()
    assert "SUCCESS" in end
    assert "archived" in archived
    assert archived.endswith(shown)
    assert "SUCCESS" not in archived
