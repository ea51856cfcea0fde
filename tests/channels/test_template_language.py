"""`bridge.channels.template`: what a template can say, and what no value can do to it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import template
from bridge.channels.template.rendering import recipe_of, render
from bridge.core.event import Event
from tests.channels.cases import (
    CASES,
    DONE,
    NASTY_TEXTS,
    PROMPT,
    TASK_ID,
    each_hostile,
    endpoint,
    event_of,
    events,
)

URL = "https://ci.example/hook"
DONE_EVENT = CASES["succeeded_grid"]


class Filled(NamedTuple):
    body: bytes
    headers: dict[str, str]


def filled(body: str, event: Event = DONE_EVENT, **settings: Any) -> Filled:
    target = endpoint("template", URL, body=body, **settings)
    return Filled(*render(recipe_of(target), target, event))


def made(body: str, event: Event = DONE_EVENT, **settings: Any) -> Any:
    return json.loads(filled(body, event, **settings).body)


def problems(body: str, **settings: Any) -> list[str]:
    target = endpoint("template", URL, body=body, **settings)
    return [f"{fault.setting}: {fault}" for fault in template.faults(target)]


def prompted(prompt: str) -> Event:
    return event_of("task.succeeded", replace(DONE, prompt=prompt))


# --- what it can say ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            '{"id": "{{ data.id }}"}', {"id": TASK_ID}, id="in quotes: a text"
        ),
        pytest.param('{"id": {{ data.id }}}', {"id": TASK_ID}, id="bare: a value"),
        pytest.param('{"n": {{ data.progress }}}', {"n": 100}, id="a number"),
        pytest.param('{"n": "{{ data.progress }} %"}', {"n": "100 %"}, id="in a text"),
        pytest.param('{"x": {{ data.state }}}', {"x": None}, id="null"),
        pytest.param('{"x": "<{{ data.state }}>"}', {"x": "<>"}, id="null in a text"),
        pytest.param(
            '{"p": {{ data.prompt | tojson }}}', {"p": PROMPT}, id="tojson, as usual"
        ),
        pytest.param(
            '{"m": "{{ {"a": 1} | tojson }}"}', {"m": '{"a": 1}'}, id="JSON in a text"
        ),
        pytest.param(
            '{"l": {{ data.buttons | map(attribute="label") | list }}}',
            {
                "l": [
                    *(f"U{n}" for n in range(1, 5)),
                    None,
                    *(f"V{n}" for n in range(1, 5)),
                ]
            },
            id="a list",
        ),
        pytest.param(
            '[{% for b in data.buttons[:2] %}"{{ b.label }}"'
            '{{ "," if not loop.last }}{% endfor %}]',
            ["U1", "U2"],
            id="a loop with commas",
        ),
        pytest.param('{"x": {{ "1" if data.id else "2" }}}', {"x": 1}, id="own text"),
        pytest.param(
            '{"x": {{ data.id if data.state else "1" }}}',
            {"x": "1"},
            id="own text where a value might be",
        ),
        pytest.param(
            '{"x": "{{ event.type }} {{ event.data.id }}"}',
            {"x": f"task.succeeded {TASK_ID}"},
            id="by the name of event",
        ),
        pytest.param('{"x": {{ data.metadata.order }}}', {"x": None}, id="metadata"),
        pytest.param(
            '{"x": {{ data.videoUrls[0] }}}', {"x": None}, id="beyond the end"
        ),
        pytest.param(
            '{"x": {{ data.videoUrls[0].host }}}', {"x": None}, id="a field of null"
        ),
        pytest.param('{"x": {{ data.state["a"] }}}', {"x": None}, id="an item of null"),
        pytest.param(
            '{"p": {{ data.id | tojson | tojson }}}', {"p": TASK_ID}, id="tojson twice"
        ),
        pytest.param(
            '{"x": {{ {"n": range(999) | list, "t": "a"} | fit(200) }}}',
            {"x": {"n": [*range(20)], "t": "a"}},
            id="fit: a list is shortened last",
        ),
        pytest.param(
            '{"x": "{{ values.team }} {{ values.floor }}"}', {"x": "art "}, id="values"
        ),
        pytest.param(
            '{"x": "{{ data.prompt | cut(12) }}"}', {"x": "a lighthous…"}, id="cut"
        ),
        pytest.param(
            '{"x": "{% raw %}{{ a }}{% endraw %}"}', {"x": "{{ a }}"}, id="raw"
        ),
        pytest.param('{"x": "{{ "{{" }} a"}', {"x": "{{ a"}, id="braces"),
        pytest.param(
            '{"x": "{{ title }}"}', {"x": "✅ Imagine finished · 47 s"}, id="a title"
        ),
        pytest.param(
            '{% set who = data.prompt.split(",")[0] %}{"x": "{{ who | upper }}"}',
            {"x": "A LIGHTHOUSE IN A STORM"},
            id="set and methods",
        ),
    ],
)
def test_a_json_body_is_made_of_the_event(body: str, expected: object) -> None:
    assert made(body, values={"team": "art"}) == expected


def test_a_key_of_metadata_is_found_before_a_method_of_its_name() -> None:
    event = event_of("task.succeeded", DONE, metadata={"items": "3", "order": "77"})

    body = '{"x": "{{ data.metadata.items }} {{ data.metadata.order }}"}'

    assert made(body, event) == {"x": "3 77"}


def test_other_bodies_are_escaped_as_their_content_type_wants_it() -> None:
    event = prompted("a&b=c <d> 灯塔\n+")

    text = filled("{{ data.prompt }}", event, content_type="text/plain").body
    form = filled(
        "p={{ data.prompt }}&q={{ data.state }}",
        event,
        content_type="application/x-www-form-urlencoded",
    ).body
    xml = filled("<p>{{ data.prompt }}</p>", event, content_type="application/xml").body

    assert text.decode() == "a&b=c <d> 灯塔\n+"
    assert parse_qs(form.decode(), keep_blank_values=True) == {
        "p": ["a&b=c <d> 灯塔\n+"],
        "q": [""],
    }
    assert ET.fromstring(xml).text == "a&b=c <d> 灯塔\n+"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-ndjson",
        "application/jsonl; charset=utf-8",
        "application/json-seq",
        "application/vnd.team+json; charset=utf-8",
        "application/x-json",
    ],
)
def test_json_under_another_name_is_escaped_as_json(content_type: str) -> None:
    body = '{"prompt": "{{ task.prompt }}"}'
    lines = content_type.partition(";")[0].endswith(("ndjson", "jsonl", "-seq"))
    source = body + f"\n\n{body}" * lines

    written = filled(source, prompted('a "quoted"\nprompt'), content_type=content_type)

    said = [json.loads(line) for line in written.body.decode().splitlines() if line]
    assert said == [{"prompt": 'a "quoted"\nprompt'}] * (2 if lines else 1)


def test_what_a_template_puts_together_is_what_it_says() -> None:
    body = (
        '{% set a, b = "x" ~ 1 ~ none, [1] + [2] %}'
        '{{ {"a": a, "b": b, "c": [1, "y"] | join("-"),'
        ' "d": data.buttons[:2] | map(attribute="label") | join(","),'
        ' "e": data.buttons[:2] | join(attribute="label")} }}'
    )

    expected = {"a": "x1None", "b": [1, 2], "c": "1-y", "d": "U1,U2", "e": "U1U2"}
    assert made(body) == expected


def test_what_comes_out_empty_is_no_body() -> None:
    assert filled("{% if data.state %}{}{% endif %}").body == b""


# --- what no value can do -------------------------------------------------------------

SHAPE = """
{
  "id": "{{ data.id }}",
  "text": "<{{ data.prompt }}> {{ data.failReason }}",
  "prompt": {{ data.prompt }},
  "again": {{ data.prompt | tojson }},
  "inside": "{{ data | tojson }}",
  "labels": [{% for b in data.buttons %}{{ "," if not loop.first }}{{ b.label }}{% endfor %}],
  "meta": { {% for key, value in data.metadata.items() %}
    {{ "," if not loop.first }}"x_{{ key }}": {{ value }}{% endfor %} },
  "admin": false
}
"""


def written(value: Any) -> Any:
    """As UTF-8 can hold it."""
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    return value


@given(events(tuple(f"task.{end}" for end in ("succeeded", "failed", "submitted"))))
def test_whatever_strangers_write_stays_the_text_that_it_is(event: Event) -> None:
    data = json.loads(event.body)["data"]

    body = made(SHAPE, event)

    assert body.keys() == {
        *("id", "text", "prompt", "again", "inside", "labels", "meta", "admin")
    }
    assert body["admin"] is False
    assert body["prompt"] == body["again"] == written(data["prompt"])
    assert body["text"] == written(
        f"<{data['prompt'] or ''}> {data['failReason'] or ''}"
    )
    assert body["labels"] == [written(each["label"]) for each in data["buttons"]]
    assert len(body["meta"]) == len({written(key) for key in data["metadata"]})
    json.loads(body["inside"])


@each_hostile
def test_hostile_events_make_valid_bodies(event: Event) -> None:
    assert made(SHAPE, event)["admin"] is False


@given(st.text(), st.text(), st.text(st.characters(exclude_categories=()), max_size=9))
def test_forms_and_xml_stay_what_they_are_as_well(a: str, b: str, c: str) -> None:
    event = prompted(a + '"</p>&q=1<!--]]>' + b + c)

    form = filled(
        "p={{ data.prompt }}&q=2",
        event,
        content_type="application/x-www-form-urlencoded",
    ).body
    xml = filled(
        '<r a="{{ data.prompt }}"><p>{{ data.prompt }}</p></r>',
        event,
        content_type="application/xml",
    ).body

    assert parse_qs(form.decode(), strict_parsing=True)["q"] == ["2"]
    assert [child.tag for child in ET.fromstring(xml)] == ["p"]


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_no_value_begins_a_header_or_breaks_one(text: str) -> None:
    event = prompted(f"{text}\r\nX-Evil: 1\r\n\r\n\x00{text}")

    headers = filled("{}", event, headers={"X-Prompt": "<{{ data.prompt }}>"}).headers

    assert headers.keys() == {"x-prompt"}
    value = headers["x-prompt"]
    assert value.isascii()
    assert value.isprintable()
    assert "%0D%0AX-Evil: 1" in value


def test_templates_in_a_prompt_are_not_filled_in() -> None:
    prompt = NASTY_TEXTS["templates"]

    body = made('{"a": "{{ data.prompt }}", "b": {{ data.prompt }}}', prompted(prompt))

    assert body == {"a": prompt, "b": prompt}


# --- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(
            '{"a": 1,\n"b": {{ data.promt }}}',
            "line 2: there is no field 'promt' here; did you mean 'prompt'?",
            id="a misspelt field",
        ),
        pytest.param(
            "\n\n{{ dat.id }}",
            "line 3: there is no variable 'dat' here; did you mean 'data'?",
            id="a misspelt variable",
        ),
        pytest.param(
            "{% if data.state %}{{ oops }}{% endif %}",
            "line 1: there is no variable 'oops' here",
            id="a variable where no sample gets to",
        ),
        pytest.param(
            "{{ data.id | tojosn }}",
            "line 1: there is no filter 'tojosn' here; did you mean 'tojson'?",
            id="a misspelt filter",
        ),
        pytest.param("{{ 1", "line 1: unexpected end of template", id="no end"),
        pytest.param(
            '{"a": 1,}', "what it makes is not JSON: Expecting property name", id="JSON"
        ),
        pytest.param('{"a": NaN}', "NaN is not a number in JSON", id="NaN"),
        pytest.param(
            '{"a": "\\{{ data.id }}"}',
            "a backslash stands right before a value",
            id="a backslash",
        ),
        pytest.param(
            "{{ data.prompt.strip() }}",
            "line 1: something that is null is called (task.submitted)",
            id="a method of what may be null",
        ),
        pytest.param(
            "{{ data.id.lower }}", "a method needs parentheses", id="a method"
        ),
        pytest.param("{{ token }}", "there is no variable 'token'", id="the token"),
        pytest.param("{{ 10 ** 9 }}", "** is not available", id="**"),
        pytest.param("{{ range(100001) | list }}", "Range too big", id="range"),
        pytest.param('{{ "a" * 10000000000 }}', "* is for numbers only", id="*"),
        pytest.param('{{ "%999999999d" % 1 }}', "% is for numbers only", id="%"),
        pytest.param(
            '{{ "{:999999999}".format(1) }}', "cannot be called", id="str.format"
        ),
        pytest.param('{{ "a".ljust(99999999) }}', "cannot be called", id="ljust"),
        pytest.param(
            '{{ (["a"] | map(attribute="zfill") | first)(99999999) }}',
            "cannot be called",
            id="zfill through a filter",
        ),
        pytest.param("{{ (5).to_bytes(99999999) }}", "cannot be called", id="to_bytes"),
        pytest.param("{{ data.clear() }}", "is unsafe", id="clear"),
        pytest.param("{{ data.id.__class__ }}", "is unsafe", id="an inner attribute"),
        pytest.param(
            "{{ data.id.oops }}", "there is no 'oops' here", id="no attribute"
        ),
        pytest.param(
            "{% for a in data.state %}{% endfor %}",
            "it loops over something that is null",
            id="a loop over null",
        ),
        pytest.param(
            '{{ "1e999" | float }}', "inf is not a number in JSON", id="infinity"
        ),
        pytest.param(
            "{{ range(999) | list | fit(9) }}", "it does not fit into 9 bytes", id="fit"
        ),
        pytest.param("{{ self }}", "there is no variable 'self'", id="self"),
        pytest.param("{{ lipsum() }}", "there is no variable 'lipsum'", id="lipsum"),
        pytest.param(
            '{{ data.id | attr("x") }}', "there is no filter 'attr'", id="attr"
        ),
        pytest.param("{{ data.id | safe }}", "there is no filter 'safe'", id="safe"),
        pytest.param(
            "{% macro a() %}{% endmacro %}", "{% macro %} is not available", id="macro"
        ),
        pytest.param(
            "{% set a %}{{ data.id }}{% endset %}", "is not available", id="a block set"
        ),
        pytest.param('{% include "x" %}', "{% include %} is not", id="include"),
        pytest.param(
            "{% filter upper %}{% endfilter %}", "{% filter %} is not", id="filter"
        ),
        pytest.param(
            "{% for a in data.buttons recursive %}{% endfor %}",
            "for … recursive",
            id="recursion",
        ),
        pytest.param("(" * 500, "", id="just text, and no JSON"),
        pytest.param("{{ " + "(" * 5000, "", id="depth"),
        pytest.param("{{ 1 / 0 }}", "ZeroDivisionError", id="division by zero"),
        pytest.param("x" * 70_000, "is longer than 65,536 characters", id="length"),
    ],
)
def test_a_template_that_cannot_work_is_found_at_start_up(body: str, said: str) -> None:
    (problem,) = problems(body)

    assert problem.startswith("body: ")
    assert said in problem


def again(statement: str, start: str = '"aaaaaaaa"') -> str:
    """A template that does the same to a value 32 times."""
    return f"{{% set a = {start} %}}" + f"{{% set a = {statement} %}}" * 32 + "{{ a }}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(again("a ~ a"), id="a text doubled with ~"),
        pytest.param(again("a + a"), id="a text doubled with +"),
        pytest.param(again("[a, a] | join"), id="a text doubled with join"),
        pytest.param(again('a | replace("a", "aaa")'), id="a text with replace"),
        pytest.param(again("(a ~ a) | base64"), id="a text encoded again and again"),
        pytest.param(again('["\\"", a] | tojson | string'), id="JSON of JSON of JSON"),
        pytest.param(again("a + a", "[1]"), id="a list doubled with +"),
        pytest.param(again("[a, a]"), id="a list of lists of lists"),
        pytest.param(again('{"b": a, "c": a}'), id="a table of tables of tables"),
        pytest.param(
            again("[[a], [a]]") + "{{ a == a }}", id="lists in lists in lists"
        ),
        pytest.param(again("a * a", "99"), id="a number squared"),
        pytest.param(
            '{{ range(1000) | join("' + "a" * 12_000 + '") }}',
            id="a long text between",
        ),
        pytest.param(
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            id="loops in loops",
        ),
        pytest.param(
            "{% for a in range(9999) %}{{ data.prompt }}{% endfor %}",
            id="a loop over a long text",
        ),
        pytest.param(
            '{% set a = "a b " %}'
            + "{% set a = a ~ a %}" * 14
            + '{% for b in range(9999) %}{% if a.count("b") or a | wordcount %}{% endif %}{% endfor %}',
            id="a loop that reads a long text",
        ),
        pytest.param(
            '{% with a = ["a"] %}'
            + "{% with a = [a, a] %}" * 30
            + "{{ a }}"
            + "{% endwith %}" * 31,
            id="names in names",
        ),
        pytest.param(
            '{% set a = "a " %}{% for b in range(99) %}'
            + '{% if range(999) | map("upper") | map("lower") | list %}{% endif %}' * 9
            + "{% endfor %}",
            id="a loop over filters that go through lists",
        ),
    ],
)
def test_a_template_that_multiplies_is_refused_and_costs_next_to_nothing(
    body: str,
) -> None:
    begun = time.process_time()
    (problem,) = problems(body, content_type="text/plain")
    took = time.process_time() - begun

    assert "it does more than a rendering may" in problem
    assert took < 1.0  # some 0.05 s; without a budget it never ends


def test_a_number_is_rounded_to_any_number_of_digits_at_once() -> None:
    assert made('{"x": {{ 1.25 | round(1000000000, "floor") }}}') == {"x": 1.25}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param(
            {"headers": {"X-A": "{{ data.oops }}"}},
            "headers.x-a: line 1: there is no field 'oops' here (task.submitted)",
            id="a header's field",
        ),
        pytest.param(
            {"headers": {"X-A": "{{ data.prompt }}"}},
            "the most; `| cut(200)` shortens a text (task.submitted)",
            id="a header that can be too long",
        ),
        pytest.param(
            {"headers": {"X-A": r'{{ "\u00e9" }}'}},
            "headers.x-a: must be one line of printable ASCII (task.submitted)",
            id="a header that is not ASCII",
        ),
        pytest.param(
            {"content_type": "application/jsonl", "body": "{}\n\n{"},
            "Extra data, at line 3, column 1 of it (task.submitted)",
            id="a line that is not JSON",
        ),
        pytest.param(
            {"content_type": "text/plain; charset=gbk"},
            "content_type: bodies are UTF-8, not gbk",
            id="another charset",
        ),
        pytest.param(
            {"body": "{{ data.id }}", "events": ["*"]},
            "body: line 1: there is no field 'id' here (endpoint.disabled)",
            id="an operator's event",
        ),
    ],
)
def test_every_part_and_every_type_of_event_is_tried(
    settings: dict[str, Any], said: str
) -> None:
    (problem,) = problems(**{"body": "{}", **settings})

    assert problem.endswith(said)


def test_only_events_that_the_endpoint_gets_are_tried() -> None:
    assert problems('{"prompt": "{{ data.endpoint }}"}', events=["endpoint.*"]) == []


def test_all_templates_are_reported_at_once_and_each_once() -> None:
    body = "[{{ data.a }},\n{{ data.b }}]"

    found = problems(body, headers={"X-A": "{{ data.c }}", "X-B": "{{ oops }}"})

    assert [problem.partition(":")[0] for problem in found] == [
        *("body", "headers.x-a", "headers.x-b")
    ]
