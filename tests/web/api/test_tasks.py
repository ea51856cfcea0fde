"""`/api/v1/tasks`: tracking, showing and untracking over HTTP."""

from __future__ import annotations

import json

import pytest

from bridge.core.task import MAX_METADATA_DEPTH
from tests.contract.bench import Bench
from tests.web.site import Site, open_site


async def test_ids_are_tracked_once(site: Site) -> None:
    first = await site.http.post("/api/v1/tasks", json={"ids": ["1", " 2 ", "1"]})
    again = await site.http.post("/api/v1/tasks", json={"ids": ["2", "3"]})

    assert first.status_code == 202
    assert first.json() == {"tracked": ["1", "2"], "known": [], "rejected": []}
    assert again.json() == {"tracked": ["3"], "known": ["2"], "rejected": []}


async def test_what_is_not_an_id_is_rejected_and_costs_the_others_nothing(
    site: Site,
) -> None:
    body = {"ids": ["1", "a b", "", "x" * 200, "\ud800"]}
    answer = await site.http.post(
        "/api/v1/tasks",
        content=json.dumps(body),
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 202
    assert answer.json()["tracked"] == ["1"]
    assert answer.json()["rejected"] == [
        {
            "id": "a b",
            "reason": "a task id has no white space and no invisible characters",
        },
        {"id": "", "reason": "a task id is not blank"},
        {"id": "x" * 128, "reason": "a task id has at most 128 characters, not 200"},
        {
            "id": "?",
            "reason": "a task id has no white space and no invisible characters",
        },
    ]


HOOK = "https://studio.example/s3cr3t-path"


async def test_a_hook_is_taken_on_and_its_url_shown_nowhere(site: Site) -> None:
    body = {"ids": ["1"], "notifyHook": HOOK, "hookFormat": "midjourney"}
    first = await site.http.post("/api/v1/tasks", json=body)
    again = await site.http.post("/api/v1/tasks", json=body)
    other = {"ids": ["1", "2"], "notifyHook": f"{HOOK}/2"}
    more = await site.http.post("/api/v1/tasks", json=other)
    none = await site.http.post("/api/v1/tasks", json=other | {"ids": ["1"]})
    shown = [
        await site.http.get(f"/api/v1/{path}")
        for path in ("tasks/1", "endpoints", "endpoints/hook:https://studio.example")
    ]

    assert (first.status_code, first.json()["tracked"]) == (202, ["1"])
    assert again.json()["known"] == ["1"]
    assert more.json() == {
        "tracked": ["2"],
        "known": [],
        "rejected": [{"id": "1", "reason": "it is tracked with another hook"}],
    }
    assert none.status_code == 422
    assert none.json()["errors"][0]["pointer"] == "/notifyHook"
    assert [one.status_code for one in shown] == [200, 200, 200]
    assert (shown[2].json()["host"], shown[2].json()["kind"]) == (
        "studio.example",
        "webhook",
    )
    for one in (first, again, more, none, *shown):
        assert "s3cr3t" not in one.text


async def test_hooks_that_are_not_enabled_are_refused(
    redis_url: str, namespace: str
) -> None:
    off = {"enabled": False}
    async with open_site(redis_url, namespace, hooks=off) as site:
        body = {"ids": ["1"], "notifyHook": HOOK}
        answer = await site.http.post("/api/v1/tasks", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "/notifyHook",
            "detail": "hooks are not enabled here (hooks.enabled)",
        }
    ]


NESTED = '{"a":' * (MAX_METADATA_DEPTH + 1) + "1" + "}" * (MAX_METADATA_DEPTH + 1)


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        pytest.param('{"ids": ["a b"]}', 422, "/ids", id="no id at all"),
        pytest.param('{"ids": []}', 422, "/ids", id="an empty list"),
        pytest.param('{"ids": [1730621826053455]}', 422, "/ids/0", id="a number"),
        pytest.param("{}", 422, "/ids", id="none"),
        pytest.param('{"ids": ["1"], "upstraem": "u"}', 422, "/upstraem", id="a typo"),
        pytest.param(
            '{"ids": ["1"], "sk-a-secret": 1}', 422, "", id="perhaps a secret"
        ),
        pytest.param(
            '{"ids": ["1"], "upstream": "sk-no"}', 422, "/upstream", id="no upstream"
        ),
        pytest.param(
            '{"ids": ["1"], "metadata": {"a": NaN}}', 422, "/metadata", id="NaN"
        ),
        pytest.param(
            f'{{"ids": ["1"], "metadata": {NESTED}}}', 422, "/metadata", id="too deep"
        ),
        pytest.param(
            '{"ids": ["1"], "notifyHook": "http://169.254.169.254/"}',
            422,
            "/notifyHook",
            id="a hook that leads inside",
        ),
        pytest.param(
            '{"ids": ["1"], "hookFormat": "event"}',
            422,
            "/notifyHook",
            id="a format without a hook",
        ),
        pytest.param(
            '{"ids": ["1"], "notifyHook": "https://example.com", "hookFormat": "xml"}',
            422,
            "/hookFormat",
            id="a format that there is not",
        ),
        pytest.param("[]", 422, "", id="not an object"),
        pytest.param("", 422, "", id="nothing"),
        pytest.param("{", 400, None, id="not JSON"),
        pytest.param("[" * 100_000, 400, None, id="endlessly nested"),
    ],
)
async def test_a_body_that_is_wrong_is_a_problem_that_names_the_field(
    site: Site, body: str, status: int, pointer: str | None
) -> None:
    answer = await site.http.post(
        "/api/v1/tasks", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "sk-" not in answer.text
    errors = answer.json().get("errors")
    if pointer is None:
        assert errors is None
    else:
        assert [one["pointer"] for one in errors] == [pointer]
        assert errors[0]["detail"]


async def test_ten_thousand_ids_are_tracked_at_once_and_no_more(site: Site) -> None:
    ids = [str(number) for number in range(10_001)]

    refused = await site.http.post("/api/v1/tasks", json={"ids": ids})
    taken = await site.http.post("/api/v1/tasks", json={"ids": ids[1:]})

    assert refused.status_code == 422
    assert len(taken.json()["tracked"]) == 10_000


async def test_a_task_is_shown_with_what_it_was_tracked_with(site: Site) -> None:
    metadata = {"order": "77", "lines": [1, None]}
    await site.http.post("/api/v1/tasks", json={"ids": ["7/%"], "metadata": metadata})

    answer = await site.http.get("/api/v1/tasks/7%2F%25")

    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["id"], shown["upstream"], shown["active"]) == ("7/%", "default", True)
    assert shown["metadata"] == metadata
    assert shown["events"] == []
    assert shown["trackedAt"].endswith("Z")


async def test_a_task_that_nobody_knows_is_not_found(site: Site) -> None:
    for path in ("/api/v1/tasks/9", "/api/v1/tasks/a%20b", "/api/v1/tasks/"):
        assert (await site.http.get(path)).status_code == 404
        assert (await site.http.delete(path)).status_code == 404
    unknown = await site.http.get("/api/v1/tasks/9", params={"upstream": "nowhere"})
    assert unknown.status_code == 404


async def test_an_id_that_two_upstreams_know_is_a_conflict_that_names_them(
    redis_url: str, namespace: str
) -> None:
    upstreams = {name: {"api_key": "sk-test"} for name in ("one", "two")}
    async with open_site(redis_url, namespace, upstreams=upstreams) as site:
        for name in upstreams:
            body = {"ids": ["7"], "upstream": name}
            await site.http.post("/api/v1/tasks", json=body)
        unsaid = await site.http.post("/api/v1/tasks", json={"ids": ["7"]})
        unsure = await site.http.get("/api/v1/tasks/7")
        kept = await site.http.delete("/api/v1/tasks/7")
        sure = await site.http.get("/api/v1/tasks/7", params={"upstream": "two"})

    assert unsaid.json()["errors"][0]["pointer"] == "/upstream"
    assert (unsure.status_code, kept.status_code) == (409, 409)
    assert unsure.json()["upstreams"] == ["one", "two"]
    assert sure.json()["upstream"] == "two"


async def test_a_task_that_is_untracked_stays_to_be_seen(
    site: Site, bench: Bench
) -> None:
    await bench.track("7", upstream="default")

    untracked = await site.http.delete("/api/v1/tasks/7")
    again = await site.http.delete("/api/v1/tasks/7")

    assert (untracked.status_code, again.status_code) == (204, 204)
    assert untracked.content == b""
    assert "content-type" not in untracked.headers
    assert (await site.http.get("/api/v1/tasks/7")).json()["active"] is False


async def test_a_parameter_that_does_not_exist_is_a_problem(site: Site) -> None:
    answer = await site.http.get("/api/v1/tasks", params={"stauts": "SUCCESS"})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/stauts", "detail": "There is no field of this name."}
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "many"},
        {"status": "DONE"},
        {"active": "maybe"},
    ],
    ids=str,
)
async def test_a_parameter_that_is_out_of_bounds_is_a_problem(
    site: Site, parameters: dict[str, str]
) -> None:
    answer = await site.http.get("/api/v1/tasks", params=parameters)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [
        f"/{name}" for name in parameters
    ]


async def test_a_method_that_an_address_does_not_answer_lists_those_it_does(
    site: Site,
) -> None:
    several = await site.http.put("/api/v1/tasks/7")
    one = await site.http.get("/api/v1/endpoints/a/pause")
    nested = await site.http.put("/api/v1/tasks/7/actions")

    assert {answer.status_code for answer in (several, one, nested)} == {405}
    assert several.headers["allow"] == "DELETE, GET, HEAD"
    assert one.headers["allow"] == nested.headers["allow"] == "POST"


async def test_a_head_is_answered_without_a_body(site: Site, bench: Bench) -> None:
    await bench.track("7", upstream="default")

    answer = await site.http.head("/api/v1/tasks/7")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/json"
