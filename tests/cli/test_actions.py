"""``press``, ``imagine``, ``actions`` and ``rules``, with a store that nobody works on."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bridge.core.button import Button
from tests.cli.commands import Shell
from tests.contract.bench import Bench
from tests.web.dashboard.scene import Scene, running, succeeded

BUTTONS = (
    Button.of("MJ::JOB::upsample::1::3f", "U1", None),
    Button.of("MJ::JOB::variation::1::3f", "V1", None),
    Button.of("MJ::CustomZoom::3f", "Custom Zoom", None),
)
RULE = """
[rules.upscale]
where = { action = "IMAGINE", "metadata.auto" = "yes" }
press = ["U1"]
"""


@pytest.fixture
async def pressed(deployment: Shell, bench: Bench) -> Shell:
    """A deployment with a task that can be pressed."""
    scene = Scene(bench)
    await scene.see(running("1", 10), to=(), upstream="default")
    await bench.let_pass(10)
    await scene.see(replace(succeeded("1"), buttons=BUTTONS), to=(), upstream="default")
    return deployment


async def test_a_button_is_pressed_once_and_listed(pressed: Shell) -> None:
    first = pressed.run("press", "1", "U1")
    again = pressed.run("press", "1", "upsample:1", "--json")
    another = pressed.run("press", "1", "U1", "--again", "--json")
    listed = pressed.run("actions", "--json")
    table = pressed.run("actions", "--task", "1", "--state", "pending")
    shown = pressed.run("show", "1")

    assert first.code == again.code == 0
    assert re.fullmatch(r"pending  U1  act_[0-9a-f]{32}\n", first.out)
    [action] = again.rows
    assert action["id"] in first.out
    assert (action["by"], action["taskId"]) == ("cli", "1")
    assert another.rows[0]["id"] != action["id"]
    assert [row["id"] for row in listed.rows] == [another.rows[0]["id"], action["id"]]
    assert table.out.count("U1") == 2
    assert shown.out.count("pressed   U1 by cli: pending") == 2


async def test_a_press_that_cannot_work_says_why(pressed: Shell) -> None:
    unknown = pressed.run("press", "1", "U9")
    bare = pressed.run("press", "1", "Custom Zoom")
    nobody = pressed.run("press", "404", "U1")
    prompted = pressed.run("press", "1", "Custom Zoom", "--prompt", "a pig")

    assert [one.code for one in (unknown, bare, nobody, prompted)] == [1, 1, 1, 0]
    assert "it has: U1, V1, Custom Zoom" in unknown.err
    assert "Custom Zoom needs a prompt" in bare.err
    assert "404" in nobody.err


async def test_a_prompt_is_submitted(pressed: Shell) -> None:
    asked = pressed.run("imagine", "a", "pig", "--meta", "order=77", "--json")
    wrong = pressed.run("imagine", "a pig", "--meta", "order")

    assert asked.code == 0
    assert asked.rows[0]["label"] == "imagine"
    assert wrong.code == 2
    assert "not a K=V" in wrong.err


async def test_no_action_is_said(deployment: Shell) -> None:
    assert "no such action" in deployment.run("actions").err
    assert "no rule is configured" in deployment.run("rules").err
    assert deployment.run("actions", "--state", "nonsense").code == 2


async def test_rules_are_listed_paused_and_explained(
    pressed: Shell, bench: Bench
) -> None:
    (pressed.folder / "bridge.toml").write_text(RULE)
    [event] = [
        one.event.id
        for one in await bench.queries.story("default:1")
        if one.event.type == "task.succeeded"
    ]
    explained = pressed.run("rules", "test", event)
    [row] = pressed.run("rules", "test", event, "--json").rows
    paused = pressed.run("rules", "pause")
    listed = pressed.run("rules", "--json")
    resumed = pressed.run("rules", "resume")

    assert (explained.code, paused.code, resumed.code) == (0, 0, 0)
    assert "upscale  does not fit" in explained.out
    assert "✓ action = IMAGINE  (IMAGINE)" in explained.out
    assert "✗ metadata.auto = yes  (null)" in explained.out
    assert "would press U1" in explained.out
    assert (row["name"], row["fits"], row["press"]) == ("upscale", False, ["U1"])
    assert row["conditions"][-1] == {
        "asks": "metadata.auto = yes",
        "fits": False,
        "found": "null",
    }
    assert listed.rows == [
        {
            "name": "upscale",
            "on": ["task.succeeded"],
            "press": ["U1"],
            "dryRun": False,
            "paused": True,
        }
    ]
    assert not await bench.admin.rules_paused()
