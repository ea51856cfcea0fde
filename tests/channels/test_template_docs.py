"""`docs/templates.md`: every example works, and everything that there is can be found."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bridge.channels import template
from bridge.channels.template.environment import ENVIRONMENT
from bridge.channels.template.presets import PRESETS
from bridge.channels.template.rendering import HEADER_VARIABLES
from bridge.core.endpoint import Endpoint
from bridge.settings import endpoint_settings
from tests.channels.cases import DONE, event_of, perform

PAGE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, dict[str, Any]] = {
    name: table
    for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    for name, table in tomllib.loads(block)["endpoints"].items()
}


def example(name: str) -> Endpoint:
    given = {key: value for key, value in EXAMPLES[name].items() if key != "token_file"}
    if "token_file" in EXAMPLES[name]:
        given["token"] = "user:t0ken"
    return endpoint_settings(**given).to_endpoint(name)


@pytest.mark.parametrize(
    "name", [name for name in EXAMPLES if example(name).kind == "template"]
)
def test_every_example_of_a_template_is_right(name: str) -> None:
    assert template.faults(example(name)) == []


def test_every_preset_and_every_variable_is_in_it() -> None:
    for name in (*PRESETS, *HEADER_VARIABLES):
        assert f"`{name}" in PAGE, name


def test_the_filters_in_it_are_those_that_there_are() -> None:
    of_jinja = re.findall(r"of its filters `([^`]*)`", PAGE)[0].split()
    table = PAGE.partition("| filter | |")[2].partition("\n\n")[0]
    of_ours = re.findall(r"^\| `(\w+)(?:\(n\))?` \|", table, re.MULTILINE)

    # `d` is Jinja2's own short name of another; the others are not for templates.
    internal = {"d", "concat", "looped", "paid"}
    assert {*of_jinja, *of_ours} == ENVIRONMENT.filters.keys() - internal


def test_the_flat_body_is_what_arrives() -> None:
    shown = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    event = event_of("task.succeeded", DONE, at=1795329651.0, metadata={"order": "77"})

    (request,) = perform(template, event, example("zapier")).requests

    assert json.loads(request.body) == shown


def test_the_first_example_arrives_as_it_reads() -> None:
    (request,) = perform(
        template, event_of("task.succeeded", DONE), example("notes")
    ).requests

    body = json.loads(request.body)
    assert body["picture"] == DONE.image_url
    assert body["labels"] == [button.label for button in DONE.buttons]
