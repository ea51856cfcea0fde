"""What every answer of the API has in common: pages, the feed's position, and problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from bridge.app.ports import Page
from bridge.app.views import View
from bridge.errors import InvalidCursor
from bridge.web.problem_details import MEDIA_TYPE

Item = TypeVar("Item", bound=View)
Row = TypeVar("Row")

#: The header of a list's answer: the feed's position before the list was read.
FEED_POSITION = "x-feed-position"
#: How lists document it.
LIST_HEADERS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            FEED_POSITION: {
                "description": "Where the stream goes on, so that nothing is missed: "
                "GET /stream?after=...",
                "schema": {"type": "string"},
            }
        }
    }
}


class PageView(BaseModel, Generic[Item]):
    """A part of a list, the newest first."""

    model_config = ConfigDict(frozen=True)

    items: list[Item]
    next: str | None = Field(
        default=None,
        description="The cursor of the page after; null at the list's end.",
    )

    @classmethod
    def of(cls, page: Page[Row], show: Callable[[Row], Item]) -> PageView[Item]:
        """Show a page of rows."""
        return cls(items=[show(row) for row in page.items], next=page.next)

    @classmethod
    def part(
        cls, items: Mapping[str, Item], *, limit: int | None, cursor: str | None
    ) -> PageView[Item]:
        """
        Show a part of a list that is at hand as a whole.

        Args:
            items: The whole list, by name.

            limit: How many to show, at most; ``None`` for all.

            cursor: The name of the last one before; ``None`` to begin.

        Raises:
            InvalidCursor: No item has that name.
        """
        names = list(items)
        if cursor is not None and cursor not in items:
            msg = "The cursor does not come from a list; begin without one."
            raise InvalidCursor(msg)
        start = 0 if cursor is None else names.index(cursor) + 1
        shown = names[start:][:limit]
        more = bool(shown) and shown[-1] != names[-1]
        return cls(
            items=[items[name] for name in shown], next=shown[-1] if more else None
        )


class FieldProblem(BaseModel):
    """A field that is wrong."""

    pointer: str = Field(
        description="The field in the body (RFC 6901), or /name of a parameter."
    )
    detail: str


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 describes it."""

    model_config = ConfigDict(title="Problem")

    type: str
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what to do about it.")
    instance: str = Field(description="Names this one answer.")
    errors: list[FieldProblem] | None = None
    upstreams: list[str] | None = Field(
        default=None, description="With 409: those that know the task."
    )

    @staticmethod
    def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
        """Document statuses as problems, for a route's ``responses``."""
        schema = {"$ref": "#/components/schemas/Problem"}
        return {
            status: {
                "description": HTTPStatus(status).phrase,
                "content": {MEDIA_TYPE: {"schema": schema}},
            }
            for status in statuses
        }


#: What any request may be answered with, whatever it asks for.
COMMON = ProblemDetails.answers(400, 401, 403, 414, 421, 422, 431, 500, 503)
