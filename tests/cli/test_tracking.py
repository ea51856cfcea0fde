"""``track``, ``untrack``, ``tasks`` and ``show``, with a store that nobody works on."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import subprocess
from pathlib import Path
from time import monotonic

import pytest
from redis import Redis

from bridge.adapters.local.embedded import EmbeddedStore
from bridge.core.media import KeptFile
from tests.cli.commands import COMMAND, Shell
from tests.contract.bench import Bench
from tests.web.dashboard.scene import Scene, succeeded


def test_ids_are_tracked_once_and_known_afterwards(deployment: Shell) -> None:
    first = deployment.run("track", "101", "102", "101", "--meta", "order=77")
    again = deployment.run("track", "102", "103", "--json")
    listed = deployment.run("tasks", "--active", "--json")

    assert (first.code, first.out) == (0, "tracked 101\ntracked 102\n")
    assert again.code == 0
    assert [(row["id"], row["result"]) for row in again.rows] == [
        ("103", "tracked"),
        ("102", "known"),
    ]
    assert {row["id"]: row["metadata"] for row in listed.rows} == {
        "101": {"order": "77"},
        "102": {"order": "77"},
        "103": {},
    }
    assert "never-shown" not in first.err + again.err + listed.out


@pytest.mark.parametrize(
    ("room", "tracked"),
    [(0, "none of"), (1_500_000, r"[1-9]\d+ of")],
    ids=["no", "some"],
)
def test_a_full_store_says_how_far_tracking_came(
    tmp_path: Path, room: int, tracked: str
) -> None:
    with (
        EmbeddedStore(tmp_path / "store") as store,
        Redis.from_url(store.url) as client,
    ):
        shell = Shell(
            tmp_path,
            {
                "BRIDGE_REDIS_URL": store.url,
                "BRIDGE_UPSTREAMS__DEFAULT__API_KEY": "sk-x",
            },
        )
        shell.run("track", "first")
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", used + room)

        ran = shell.run("track", "-", stdin="\n".join(str(n) for n in range(20_000)))

    assert ran.code == 1
    assert re.search(f"memory is used up: {tracked} 20,000 tasks tracked", ran.err)
    assert "ask again for all of them" in ran.err


def test_tasks_are_listed_for_people_and_by_status(deployment: Shell) -> None:
    deployment.run("track", "151", "152")

    listed = deployment.run("tasks")
    ended = deployment.run("tasks", "--status", "success")
    newest = deployment.run("tasks", "--limit", "1", "--json")

    head, *rows = listed.out.splitlines()
    assert head.split() == ["TASK", "STATUS", "%", "ACTION", "TRACKED", "PROMPT"]
    assert {row.split()[0] for row in rows} == {"151", "152"}
    assert (ended.code, ended.out) == (0, "")
    assert len(newest.rows) == 1


def test_a_hook_is_taken_on_and_another_one_is_not(deployment: Shell) -> None:
    hook = ("--hook", "https://studio.example/s3cr3t-path")
    first = deployment.run("track", "161", *hook, "--hook-format", "midjourney")
    again = deployment.run("track", "161", *hook, "--hook-format", "midjourney")
    other = deployment.run("track", "161", "162", *hook, "--json")
    endpoints = deployment.run("endpoints", "--json")

    assert (first.code, first.out) == (0, "tracked 161\n")
    assert (again.code, again.out) == (0, "known 161\n")
    assert other.code == 1
    assert [(row["id"], row["result"]) for row in other.rows] == [
        ("162", "tracked"),
        ("161", "rejected"),
    ]
    assert "it is tracked with another hook" in other.err
    assert "hook:https://studio.example" in {row["name"] for row in endpoints.rows}
    assert "s3cr3t" not in first.out + first.err + other.err + endpoints.out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--hook", "http://10.0.0.1/"], "must not lead to a private address"),
        (["--hook", "http://2130706433/"], "in its usual spelling"),
        (["--hook", "http://127.0.0.1:8300/"], "must not lead to a loopback address"),
        (
            ["--hook", "https://x.example", "--hook-format", "xml"],
            "event or midjourney",
        ),
        (["--hook-format", "event"], "needs the hook's URL"),
    ],
)
def test_a_hook_that_must_not_be_means_that_nothing_is_tracked(
    deployment: Shell, options: list[str], reason: str
) -> None:
    refused = deployment.run("track", "171", *options)

    assert (refused.code, refused.out) == (2, "")
    assert reason in refused.err
    assert len(refused.err.splitlines()) == 1
    assert deployment.run("tasks", "--json").rows == []


def test_a_bad_id_among_good_ones_means_that_nothing_is_tracked(
    deployment: Shell,
) -> None:
    refused = deployment.run("track", "201", " ", "202")

    assert refused.code == 2
    assert deployment.run("tasks", "--json").rows == []


def test_ten_thousand_ids_come_from_a_pipe_or_a_file(deployment: Shell) -> None:
    ids = [str(10**15 + number) for number in range(10_000)]
    (deployment.folder / "ids.txt").write_text("\n".join(ids))

    piped = deployment.run("track", "-", stdin=" ".join(ids))
    filed = deployment.run("track", "--file", "ids.txt", "1")
    named = deployment.run("track", "--file", "/dev/stdin", stdin=" ".join(ids[:5]))

    assert (piped.code, piped.out) == (0, "10,000 tasks tracked, 0 known already\n")
    assert (filed.code, filed.out) == (0, "1 task tracked, 10,000 known already\n")
    assert [row.split()[0] for row in named.out.splitlines()] == ["known"] * 5
    assert len(deployment.run("tasks", "--json").rows) == 10_001


def test_a_list_of_ids_without_an_end_is_refused(deployment: Shell) -> None:
    refused = deployment.run("track", "--file", "/dev/zero")

    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "/dev/zero has more than the" in refused.err


def test_what_is_untracked_is_no_longer_active(deployment: Shell) -> None:
    deployment.run("track", "301", "302")

    untracked = deployment.run("untrack", "301", "404")

    assert untracked.code == 1
    assert untracked.out == "untracked 301\n"
    assert "404" in untracked.err
    rows = deployment.run("tasks", "--json").rows
    assert {row["id"]: row["active"] for row in rows} == {"301": False, "302": True}
    assert deployment.run("untrack", "301").out == "not tracked 301\n"


def test_an_id_at_two_upstreams_wants_the_upstream_named(deployment: Shell) -> None:
    deployment.variables = {
        **deployment.variables,
        "BRIDGE_UPSTREAMS__OTHER__BASE_URL": "http://127.0.0.1:1",
    }
    deployment.run("track", "401", "--upstream", "default")
    deployment.run("track", "401", "--upstream", "other")

    unsure = deployment.run("show", "401")
    sure = deployment.run("show", "401", "--upstream", "other", "--json")

    assert unsure.code == 2
    assert "default, other" in unsure.err
    assert "--upstream" in unsure.err
    assert (sure.code, sure.rows[0]["upstream"]) == (0, "other")


def test_a_wait_that_is_interrupted_leaves_its_tasks_tracked(deployment: Shell) -> None:
    with deployment.running("track", "501", "--wait") as waiting:
        waiting.says("tracked 501")
        code = waiting.interrupt()

    assert code == 130
    assert waiting.err == "mjbridge: no longer waiting; the tasks stay tracked\n"
    assert [
        row["id"] for row in deployment.run("tasks", "--active", "--json").rows
    ] == ["501"]


def test_watch_draws_bars_on_a_terminal_until_ctrl_c(deployment: Shell) -> None:
    deployment.run("track", "601")
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "watch"],
        cwd=deployment.folder,
        env=deployment.env | {"TERM": "xterm", "COLUMNS": "80", "LINES": "20"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        shown = b""
        deadline = monotonic() + 30
        while shown.count(b"waiting") < 3:
            assert monotonic() < deadline, shown
            if select.select([master], [], [], 0.2)[0]:
                shown += os.read(master, 65536)
        process.send_signal(2)
        assert process.wait(30) == 0
    os.close(master)
    assert b"601" in shown
    assert "─────".encode() in shown


async def test_a_task_that_nobody_polls_shows_since_when_it_should_be(
    deployment: Shell, bench: Bench
) -> None:
    deployment.run("track", "1")
    await bench.let_pass(61.0)

    shown = await asyncio.to_thread(deployment.run, "show", "1")

    assert re.search(r"tracked   6\d s ago, next poll was due 6\d s ago", shown.out)


async def test_what_is_shown_of_a_task_says_what_became_of_its_picture(
    deployment: Shell, bench: Bench
) -> None:
    scene = Scene(bench)
    url = "https://cdn.discordapp.com/attachments/1/2/a.png?ex=6728831f&is=6727319f&hm=aa&"
    kept = KeptFile(
        sha256="ab" * 32,
        bytes=4_812_345,
        type="image/png",
        width=2048,
        height=1024,
        url="https://bridge.example/files/ab.png",
    )
    archive = ["archive:default"]
    await scene.see(succeeded("1", image=url), to=archive, upstream="default")
    waiting = deployment.run("show", "1").out
    await scene.keep(kept)
    there = deployment.run("show", "1").out
    await scene.see(succeeded("2", image=url), to=archive, upstream="default")
    await scene.keep(reason="a page, and no picture")
    refused = deployment.run("show", "2").out

    assert re.search(
        r"image +https://cdn\.discordapp.*  \(expired \d+ d ago\)", waiting
    )
    assert re.search(r"kept +not yet: ", waiting)
    assert f"{kept.url}  image/png, 2048 x 1024, 4,812,345 bytes" in there
    assert "not yet" not in there
    assert re.search(r"not kept +a page, and no picture", refused)
