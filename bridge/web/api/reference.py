"""
The OpenAPI document as a person reads it: operations by their topic, and the objects they use.

The page ``/api/docs`` shows it, and ``docs/api.md`` is made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

#: What stands for a value in examples, by the parameter's name.
_EXAMPLES = {
    "task_id": "1730621826053455",
    "event_id": "evt_21b8909689338a691c82fe81aa58dbbd",
    "action_id": "act_8153eff0a1cdb3ff7e99e48f8b43085e",
    "name": "pipeline",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter, or a field of an object."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    What can be asked for.

    Attributes:
        anchor: Its name within a page.

        success: The status if all goes well.

        answer: What the answer is, if it has a body.

        errors: Every other status that it may be answered with.

        curl: A command that asks for it.
    """

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: Sequence[Field]
    body: Sequence[Field]
    success: str
    answer: str
    errors: Sequence[str]
    curl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Operations that belong together."""

    name: str
    description: str
    operations: Sequence[Operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An object that is sent or answered."""

    name: str
    description: str
    fields: Sequence[Field]


def topics(document: Schema) -> Sequence[Topic]:
    """Return all operations, by their topic."""
    found = [
        (operation["tags"][0], _operation(document, path, method, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return [
        Topic(
            name=tag["name"],
            description=tag["description"],
            operations=[one for name, one in found if name == tag["name"]],
        )
        for tag in document["tags"]
    ]


def models(document: Schema) -> Sequence[Model]:
    """Return all objects that are answered, by their names."""
    schemas = document["components"]["schemas"]
    return [
        Model(
            name=name,
            description=schema.get("description", ""),
            fields=list(_fields(schema)),
        )
        for name, schema in sorted(schemas.items())
        if "properties" in schema and not name.endswith("Body")
    ]


def _operation(
    document: Schema, path: str, method: str, operation: Schema
) -> Operation:
    body: Schema = {}
    if "requestBody" in operation:
        [content] = operation["requestBody"]["content"].values()
        body = _resolved(document, content["schema"])
    success = next(status for status in operation["responses"] if status[0] == "2")
    contents = operation["responses"][success].get("content", {})
    return Operation(
        anchor=operation["operationId"].replace("_", "-"),
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        parameters=[_parameter(one) for one in operation.get("parameters", ())],
        body=list(_fields(body)),
        success=success,
        answer=next((_type(one["schema"]) for one in contents.values()), ""),
        errors=sorted(status for status in operation["responses"] if status[0] != "2"),
        curl=_curl(method, path, body),
    )


def _resolved(document: Schema, schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = document["components"]["schemas"][_name(schema)]
    return found


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _parameter(parameter: Schema) -> Field:
    where = "" if parameter["in"] == "query" else f"In the {parameter['in']}. "
    return Field(
        name=parameter["name"],
        # Nobody sends a null in a query: what is optional is left out.
        type=_type(parameter["schema"]).removesuffix(" or null"),
        required=parameter.get("required", False),
        description=f"{where}{parameter.get('description', '')}".strip(),
    )


def _fields(schema: Schema) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        yield Field(
            name=name,
            type=_type(value),
            required=name in required,
            description=value.get("description", ""),
        )


def _type(schema: Schema) -> str:
    """Return what a value may be, in words: ``string or null``, ``array of Task``."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    kind = {"date-time": "time"}.get(
        schema.get("format", ""), schema.get("type", "any")
    )
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    return f" {low} to {high}" if low is not None and high is not None else ""


def _curl(method: str, path: str, body: Schema) -> str:
    url = re.sub(r"\{(\w+)\}", lambda found: _EXAMPLES[found[1]], path)
    parts = ["curl"]
    if method != "get":
        parts.append(f"-X {method.upper()}")
    parts.append(f'"$BRIDGE/api/v1{url}"')
    parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        parts.append("-H 'content-type: application/json'")
        parts.append(f"-d '{json.dumps(body['examples'][0])}'")
    return " ".join(parts)
