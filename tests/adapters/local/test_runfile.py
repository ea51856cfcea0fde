"""`bridge.adapters.local.runfile`: the store is found while its process lives, by its owner only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.adapters.local.runfile import (
    RunFile,
    read_run_file,
    read_web_url,
    remove_run_file,
    why_unreadable,
    write_run_file,
    write_web_file,
)

URL = "redis://:a-secret@127.0.0.1:6379/0"


@pytest.mark.parametrize("url", [URL, "unix:///var/lib/mjbridge/store.sock"])
def test_what_was_written_is_read_while_the_writer_lives(
    tmp_path: Path, url: str
) -> None:
    write_run_file(tmp_path, redis_url=url, started_at=12.5)

    expected = RunFile(pid=os.getpid(), redis_url=url, started_at=12.5)
    assert read_run_file(tmp_path) == expected


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = write_run_file(tmp_path, redis_url=URL, started_at=12.5)

    assert file.stat().st_mode & 0o777 == 0o600


def test_the_url_is_in_no_repr(tmp_path: Path) -> None:
    write_run_file(tmp_path, redis_url=URL, started_at=12.5)

    assert "a-secret" not in repr(read_run_file(tmp_path))


def test_writing_leaves_nothing_but_the_file(tmp_path: Path) -> None:
    for started_at in (1.0, 2.0):
        file = write_run_file(tmp_path, redis_url=URL, started_at=started_at)

    assert list(tmp_path.iterdir()) == [file]


def test_a_file_whose_process_is_gone_counts_as_absent(tmp_path: Path) -> None:
    write = (
        "import sys, pathlib, bridge.adapters.local.runfile as r;"
        "r.write_run_file(pathlib.Path(sys.argv[1]), redis_url='x', started_at=1.0)"
    )
    subprocess.run([sys.executable, "-c", write, tmp_path], check=True)

    assert (tmp_path / "run.json").exists()
    assert read_run_file(tmp_path) is None


def test_where_web_is_served_is_found_while_a_process_serves_it(tmp_path: Path) -> None:
    assert read_web_url(tmp_path) is None
    write_web_file(tmp_path, web_url="http://127.0.0.1:1")
    assert read_web_url(tmp_path) == "http://127.0.0.1:1"
    write_run_file(
        tmp_path, redis_url=URL, started_at=1.0, web_url="http://127.0.0.1:2"
    )
    assert read_web_url(tmp_path) == "http://127.0.0.1:2"
    remove_run_file(tmp_path)
    (tmp_path / "web.json").write_text('{"pid": 0, "web_url": "http://127.0.0.1:1"}')
    assert read_web_url(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="torn"),
        pytest.param("[]", id="a list"),
        pytest.param("\x00\xff", id="not text"),
        pytest.param('{"pid": 1}', id="half of it"),
        pytest.param(
            '{"pid": 0, "redis_url": "unix:///x", "started_at": 1}', id="our group"
        ),
        pytest.param(
            '{"pid": -1, "redis_url": "unix:///x", "started_at": 1}', id="everybody"
        ),
        pytest.param('{"pid": 1e300, "redis_url": "x", "started_at": 1}', id="no pid"),
        pytest.param(
            '{"pid": 1e999, "redis_url": "x", "started_at": 1}', id="infinity"
        ),
    ],
)
def test_a_file_that_makes_no_sense_counts_as_absent(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "run.json").write_text(content)

    assert read_run_file(tmp_path) is None


def test_a_running_process_whose_file_makes_no_sense_is_not_taken_for_none(
    tmp_path: Path,
) -> None:
    content = f'{{"pid": {os.getpid()}, "redis_url": "x", "started_at": 1}}'
    (tmp_path / "run.json").write_text(content)

    assert read_run_file(tmp_path) is None
    assert "run.json is not as" in why_unreadable(tmp_path)


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    remove_run_file(tmp_path)

    assert read_run_file(tmp_path) is None
    assert read_run_file(tmp_path / "nowhere") is None


def test_a_process_takes_away_its_own_file(tmp_path: Path) -> None:
    file = write_run_file(tmp_path, redis_url=URL, started_at=12.5)

    remove_run_file(tmp_path)

    assert not file.exists()


def test_a_process_leaves_another_ones_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(f'{{"pid": {os.getppid()}, "redis_url": "x", "started_at": 1}}')

    remove_run_file(tmp_path)

    assert file.exists()
