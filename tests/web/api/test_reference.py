"""What the API says of itself: the OpenAPI document, the page for people, and docs/api.md."""

from __future__ import annotations

import re

import httpx
import pytest
from jsonschema import Draft202012Validator

from bridge.web.api import routed_api
from tests.web.site import TOKEN, Site
from tools.api_reference import PAGE, with_reference

DOCUMENT = routed_api(needs_token=True).openapi()
OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
#: The table of routes that the API promises.
PROMISED = {
    "/tasks": {"get", "post"},
    "/tasks/{task_id}": {"get", "delete"},
    "/tasks/{task_id}/actions": {"post"},
    "/actions": {"get", "post"},
    "/actions/{action_id}": {"get", "delete"},
    "/events": {"get"},
    "/events/{event_id}": {"get"},
    "/events/{event_id}/redeliver": {"post"},
    "/deliveries": {"get"},
    "/endpoints": {"get"},
    "/endpoints/{name}": {"get"},
    "/endpoints/{name}/test": {"post"},
    "/endpoints/{name}/pause": {"post"},
    "/endpoints/{name}/resume": {"post"},
    "/endpoints/{name}/redeliver": {"post"},
    "/upstreams": {"get"},
    "/stream": {"get"},
}


def test_every_route_is_described() -> None:
    described = {path: set(methods) for path, methods in DOCUMENT["paths"].items()}

    assert described == PROMISED
    assert DOCUMENT["openapi"].startswith("3.1")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_error_is_described_as_a_problem(
    operation: dict[str, dict[str, object]],
) -> None:
    errors = {
        status: answer
        for status, answer in operation["responses"].items()
        if not status.startswith("2")
    }

    assert {"400", "401", "403", "421", "422", "500", "503"} <= errors.keys()
    for answer in errors.values():
        assert isinstance(answer, dict)
        assert list(answer["content"]) == ["application/problem+json"]


def test_every_schema_is_one() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    named = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert named <= schemas.keys()


async def test_links_lead_from_what_was_tracked_to_one_task(site: Site) -> None:
    """Where none is described, tools take the whole list of ids for an id."""
    tracked = await site.http.post("/api/v1/tasks", json={"ids": ["7", "8"]})
    links = DOCUMENT["paths"]["/tasks"]["post"]["responses"]["202"]["links"]

    led = {link["operationId"]: link["parameters"] for link in links.values()}
    assert tracked.json()["tracked"][0] == "7"
    assert led == {
        operation["operationId"]: {"task_id": "$response.body#/tracked/0"}
        for path, methods in DOCUMENT["paths"].items()
        for operation in methods.values()
        if path.startswith("/tasks/{task_id}")
    }


async def test_the_page_lists_every_operation_and_needs_nothing_from_elsewhere(
    site: Site,
) -> None:
    page = await site.http.get("/api/docs")
    style = await site.http.get("/api/docs.css")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert style.headers["content-type"].startswith("text/css")
    for path, methods in PROMISED.items():
        for method in methods:
            shown = f"{method.upper()}</span> <code>{path}</code>"
            assert shown in page.text
    assert not re.search(r"<script|style=|://", _without_links(page))


def _without_links(page: httpx.Response) -> str:
    """Return a page without the text of its examples."""
    return re.sub(r"<pre.*?</pre>", "", page.text, flags=re.DOTALL)


async def test_the_document_that_is_served_describes_this_deployment(
    site: Site, closed_site: Site
) -> None:
    open_one = await site.http.get("/api/v1/openapi.json")
    closed = await closed_site.http.get(
        "/api/v1/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}
    )

    assert "security" not in open_one.json()
    assert closed.json()["security"] == [{"bearer": []}]


def test_the_reference_in_the_documentation_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert with_reference(page) == page, "run python -m tools.api_reference"


async def test_every_operation_wants_the_token_where_there_is_one(
    closed_site: Site,
) -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method in methods:
            address = re.sub(r"\{\w+\}", "x", f"/api/v1{path}")
            answer = await closed_site.http.request(method, address)

            assert answer.status_code == 401, address
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["content-type"] == "application/problem+json"
