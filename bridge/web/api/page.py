"""The page ``/api/docs``: the API's documentation for people, made from its own document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bridge.web.api.reference import models, topics


def docs_routes(api: FastAPI) -> Sequence[Route]:
    """
    Make the routes of the page and of its style sheet.

    Args:
        api: The application that the page documents.
    """
    environment = Environment(
        loader=PackageLoader("bridge.web.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose

    @cache
    def page() -> str:
        document = api.openapi()
        shown = models(document)
        environment.filters["linked"] = _linker([model.name for model in shown])
        return environment.get_template("docs.html").render(
            version=document["info"]["version"],
            description=document["info"]["description"].strip(),
            topics=topics(document),
            models=shown,
        )

    @cache
    def style() -> str:
        return environment.get_template("docs.css").render()

    async def show_page(_request: Request) -> Response:
        return HTMLResponse(page())

    async def show_style(_request: Request) -> Response:
        return Response(style(), media_type="text/css")

    return [Route("/api/docs", show_page), Route("/api/docs.css", show_style)]


def _prose(text: str) -> Markup:
    """Write what stands between backticks as code."""
    parts = re.split(r"`+", text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def _linker(names: Sequence[str]) -> object:
    """Return a filter that links the names of objects to their descriptions."""
    known = frozenset(names)

    def linked(text: str) -> Markup:
        return Markup().join(
            Markup('<a href="#{0}">{0}</a>').format(word)
            if word in known
            else escape(word)
            for word in re.split(r"(\w+)", text)
        )

    return linked
