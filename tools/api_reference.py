"""
The reference of the HTTP API in docs/api.md, made from its OpenAPI document.

``python -m tools.api_reference`` writes it; a test fails where it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bridge.web.api import routed_api
from bridge.web.api.reference import Field, Model, Operation, models, topics

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
BEGIN = "<!-- Made by `python -m tools.api_reference` from the API's OpenAPI document. -->\n"
END = "<!-- The reference ends here. -->\n"


def with_reference(page: str) -> str:
    """Return a page with its reference made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{reference(openapi_document())}{END}{after}"


def openapi_document() -> dict[str, Any]:
    """Return the document of a deployment that wants a token."""
    return routed_api(needs_token=True).openapi()


def reference(document: dict[str, Any]) -> str:
    """Return the reference: the operations of each topic, and the objects they use."""
    lines: list[str] = []
    for topic in topics(document):
        lines += [f"## {topic.name.capitalize()}", "", topic.description, ""]
        for operation in topic.operations:
            lines += _operation(operation)
    lines += ["## Objects", ""]
    for model in models(document):
        lines += _model(model)
    return "\n".join(lines)


def _operation(operation: Operation) -> Iterator[str]:
    yield from (f"### `{operation.method} {operation.path}`", "")
    yield from (f"{operation.summary}.", "")
    if operation.description:
        yield from (operation.description, "")
    yield from _table("parameter", operation.parameters)
    yield from _table("body", operation.body)
    answer = f" `{operation.answer}`" if operation.answer else ""
    errors = ", ".join(operation.errors)
    yield from (f"**{operation.success}**{answer}, or a problem: {errors}.", "")
    yield from ("```console", f"$ {operation.curl}", "```", "")


def _model(model: Model) -> Iterator[str]:
    yield from (f"### {model.name}", "", model.description, "")
    yield from _table("field", model.fields)


def _table(head: str, fields: Sequence[Field]) -> Iterator[str]:
    if not fields:
        return
    yield from (f"| {head} | type | |", "|---|---|---|")
    for field in fields:
        name = f"`{field.name}`"
        if field.required and head != "field":
            name += " (required)"
        description = " ".join(field.description.split()).replace("|", "\\|")
        yield f"| {name} | {field.type} | {description} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(with_reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
