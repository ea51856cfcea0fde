"""
The process ``web``: the HTTP API, its stream, the dashboard, metrics and health.

``mjbridge web`` serves it, and so does any ASGI server: ``uvicorn bridge.web:app``. `app`
is made when it is asked for, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    app: ASGIApp


def __getattr__(name: str) -> object:
    if name == "app":
        from bridge.web.server import application_of_settings

        globals()["app"] = application_of_settings()
        return globals()["app"]
    raise AttributeError(name)
