"""``track``, ``untrack`` and ``tasks``, with a store that nobody works on."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from time import monotonic

from tests.cli.commands import COMMAND, Shell


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

    assert (piped.code, piped.out) == (0, "10,000 tasks tracked, 0 known already\n")
    assert (filed.code, filed.out) == (0, "1 task tracked, 10,000 known already\n")
    assert len(deployment.run("tasks", "--json").rows) == 10_001


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
        deadline = monotonic() + 20
        while shown.count(b"waiting") < 3:
            assert monotonic() < deadline, shown
            if select.select([master], [], [], 0.2)[0]:
                shown += os.read(master, 65536)
        process.send_signal(2)
        assert process.wait(10) == 0
    os.close(master)
    assert b"601" in shown
    assert "─────".encode() in shown
