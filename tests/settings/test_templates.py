"""`bridge.settings`: a template that cannot work is a mistake like any other."""

from __future__ import annotations

import pytest

from bridge.channels.template.options import TemplateOptions
from tests.settings.loading import Workplace

BASE = """
[endpoints.notes]
kind = "template"
url = "https://notes.example/hook"
"""


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        pytest.param(
            "body = '''\n{\"a\": {{ data.promt }}}'''",
            "endpoints.notes.body: line 1: there is no field 'promt' here; did you mean 'prompt'? (task.submitted) (from bridge.toml, line 5)",
            id="a misspelt field",
        ),
        pytest.param(
            'body = "{}"\nheaders = { X-Secret = "s3cret {{ x }}" }',
            "endpoints.notes.headers.x-secret: line 1: there is no variable 'x' here",
            id="a misspelt variable in a header",
        ),
        pytest.param(
            'preset = "airfow"',
            "endpoints.notes.preset: there is no such preset; did you mean airflow?",
            id="a misspelt preset",
        ),
        pytest.param(
            'body = "{}"\ncontent_type = "text/plain; charset=latin-1"',
            "endpoints.notes.content_type: bodies are UTF-8, not latin-1",
            id="another charset",
        ),
        pytest.param(
            'method = "POST"', "endpoints.notes.body: is required", id="no body"
        ),
        pytest.param(
            'body = "{}"\nvalues = { "a-b" = "1" }',
            "endpoints.notes.values.a-b",
            id="a value that no template could name",
        ),
    ],
)
def test_it_is_told_at_start_up_with_its_place(
    place: Workplace, rest: str, said: str
) -> None:
    message = place.refused(toml=f"{BASE}{rest}\n")

    assert said in message
    assert "s3cret" not in message


def test_a_method_that_carries_no_body_needs_none(place: Workplace) -> None:
    settings = place.load(toml=f'{BASE}method = "get"\n')

    assert settings.endpoints["notes"].options() == TemplateOptions(method="GET")


def test_a_right_one_is_taken(place: Workplace) -> None:
    settings = place.load(
        toml=f"""{BASE}
        preset = "github-workflow-dispatch"
        token = "github_pat_1"
        values = {{ ref = "main", dry = true, n = 3 }}
        """
    )

    endpoint = settings.endpoints["notes"].to_endpoint("notes")
    options = TemplateOptions.of(endpoint)
    assert options.token == "github_pat_1"
    assert options.values == {"ref": "main", "dry": True, "n": 3}
