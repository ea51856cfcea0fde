"""
The OpenAPI document, made from the models that serve.

FastAPI knows nothing of this program's problem documents and sign-in; they are added here.
"""

from __future__ import annotations

import json
import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from bridge.web.api.answers import COMMON, ProblemDetails

DESCRIPTION = """\
Everything that an operator can see and do. Errors are problem documents (RFC 9457). Times are
RFC 3339, in UTC. Lists are newest first, and `next` is the `cursor` of the page after: it stays
right while rows are added, change or end.

Every POST takes an `Idempotency-Key`: the same key with the same body gives the first answer
again for 24 hours, with another body 422, and 409 while the first request is in work.
"""

TAGS = [
    {"name": "tasks", "description": "Which tasks are followed."},
    {"name": "actions", "description": "Buttons that are pressed, and submissions."},
    {"name": "events", "description": "What happened, and to whom it was delivered."},
    {"name": "endpoints", "description": "Who gets events, and how that goes."},
    {"name": "upstreams", "description": "The gateways that are polled."},
    {"name": "stream", "description": "Events as they happen."},
]

_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "The deployment's api_token. Pages use a session's cookie instead.",
}


def describe(api: FastAPI, *, needs_token: bool) -> dict[str, Any]:
    """
    Return the document of an application.

    Args:
        api: The application that serves.

        needs_token: Whether requests have to show a token.
    """
    document = get_openapi(
        title=api.title,
        version=api.version,
        description=DESCRIPTION,
        routes=api.routes,
        tags=TAGS,
        servers=[{"url": "/api/v1"}],
    )
    document = _renamed(document)
    for methods in document["paths"].values():
        for operation in methods.values():
            summary, _, rest = operation.pop("description").partition("\n\n")
            operation["summary"] = " ".join(summary.split()).rstrip(".")
            if rest:
                operation["description"] = rest
    components = document["components"]
    problem = ProblemDetails.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    components["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
    document["paths"]["/stream"] = _STREAM
    if needs_token:
        components["securitySchemes"] = {"bearer": _BEARER}
        document["security"] = [{"bearer": []}]
    return document


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """Name objects as those who read of them do: Task, and a page of tasks TaskPage."""
    text = re.sub(r"PageView_(\w+?)(?:View)?_", r"\1Page", json.dumps(document))
    renamed: dict[str, Any] = json.loads(re.sub(r"\b([A-Z]\w+)View\b", r"\1", text))
    return renamed


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }


#: It is served beside this application, whose answers are whole when they begin.
_STREAM: dict[str, Any] = {
    "get": {
        "tags": ["stream"],
        "summary": "Follow events as they happen, as server-sent events",
        "operationId": "stream",
        "description": "`id` is a position, `event` the type, and `data` the body as webhooks "
        "are sent it. A break is mended with `Last-Event-ID`; if it was too long, the first "
        "message is `reset`.",
        "parameters": [
            _parameter(
                "type",
                "Patterns of types, as of lists.",
                type="array",
                items={"type": "string"},
            ),
            _parameter("task", "Those of a task."),
            _parameter("upstream", "Those that concern an upstream."),
            _parameter("after", "The x-feed-position of a list's answer."),
            _parameter(
                "deliveries",
                "Also how deliveries end, as messages `delivery`; they are not repeated.",
                type="boolean",
            ),
        ],
        "responses": {
            "200": {
                "description": "Until the client or the server goes away.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **{str(status): answer for status, answer in COMMON.items()},
        },
    }
}
