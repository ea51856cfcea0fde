"""Tasks: track them, list them, show them, untrack them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from bridge.app.lookup import sift_ids
from bridge.app.views import View
from bridge.app.views.tasks import TaskDetailView, TaskView
from bridge.core.hook import MAX_URL
from bridge.web.api.answers import FEED_POSITION, LIST_HEADERS, PageView, ProblemDetails
from bridge.web.api.idempotency import RequestName
from bridge.web.api.requests import (
    MAX_IDS,
    MAX_TEXT,
    Body,
    InvalidRequest,
    PageParameters,
    Services,
    UpstreamParameters,
    about,
    chosen_upstream,
    of_path,
    with_example,
)

router = APIRouter(tags=["tasks"])

#: A status as `TaskView` shows it.
Status: TypeAlias = Literal[
    "NOT_START",
    "SUBMITTED",
    "MODAL",
    "IN_PROGRESS",
    "SUCCESS",
    "FAILURE",
    "CANCEL",
    "LOST",
]


class TrackBody(Body):
    """Which tasks to follow."""

    model_config = with_example(ids=["1730621826053455"], metadata={"order": "77"})

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_IDS)] = Field(
        description="As the gateway gave them."
    )
    upstream: str | None = Field(
        default=None,
        max_length=MAX_TEXT,
        description="Where they were submitted; may be left out where there is one "
        "upstream, or one that is called default.",
    )
    metadata: dict[str, Any] | None = Field(
        default=None, description="Every event of these tasks carries it."
    )
    notify_hook: str | None = Field(
        default=None,
        max_length=MAX_URL,
        description="The URL of a receiver for the events of these tasks alone. A task that "
        "is followed already takes it on if it has none.",
    )
    hook_format: Literal["event", "midjourney"] | None = Field(
        default=None,
        description="What the hook is sent: the event, as endpoints are, or the task as the "
        "protocol's own callback sends it.",
    )


class RejectedView(View):
    """An id that was left alone."""

    id: str = Field(description="Its beginning.")
    reason: str


class TrackedView(View):
    """What tracking came to."""

    tracked: list[str] = Field(description="Followed from now on.")
    known: list[str] = Field(description="Were followed already.")
    rejected: list[RejectedView] = Field(description="Cannot be followed.")


class TaskPageParameters(PageParameters):
    """Which tasks to list."""

    status: Status | None = None
    upstream: str | None = Field(default=None, max_length=MAX_TEXT)
    active: Literal["true", "false"] | None = Field(
        default=None, description="Those that are polled, or those that are not."
    )
    q: str | None = Field(
        default=None,
        max_length=MAX_TEXT,
        description="A task's id, or words of its id or prompt, in any case and order. "
        "Such a page may be short, or empty, and still have a next.",
    )


TaskId = Annotated[str, Path(description="As the gateway gave it.")]

#: What can be done with the first of the tasks that an answer names. Tools that follow links
#: guess them where there are none, and took the whole list of ids for one.
_FIRST_TRACKED: dict[int | str, dict[str, Any]] = {
    202: {
        "links": {
            operation: {
                "operationId": operation,
                "parameters": {"task_id": "$response.body#/tracked/0"},
            }
            for operation in ("show_task", "untrack", "press_button")
        }
    }
}


@router.post(
    "/tasks",
    status_code=202,
    responses=_FIRST_TRACKED | ProblemDetails.answers(409, 413, 415),
)
async def track(
    body: TrackBody, services: Services, request: RequestName
) -> TrackedView:
    """
    Follow tasks: every change is sent to the endpoints.

    Ids that were tracked already are fine; those that cannot be ids, or cannot take on the
    hook, are rejected, each with its reason, and only if that is all of them the request is
    refused.
    """
    hook, hook_format = body.notify_hook, body.hook_format
    with about("/notifyHook"):
        services.tracking.read_hook(hook, hook_format)
    ids, refused = sift_ids(body.ids)
    if not ids:
        detail = f"None of these can be a task's id: {refused[0][1]}."
        raise InvalidRequest(pointer="/ids", detail=detail)
    upstream = chosen_upstream(services, body.upstream)
    with about("/metadata"):
        tracked = await services.tracking.track(
            ids,
            upstream=upstream,
            metadata=body.metadata,
            hook=hook,
            hook_format=hook_format,
            request=request,
        )
    refused += tracked.rejected.items()
    if not tracked.tracked and not tracked.known:
        reason = next(iter(tracked.rejected.values()))
        raise InvalidRequest(pointer="/notifyHook", detail=f"{reason}.")
    return TrackedView(
        tracked=list(tracked.tracked),
        known=list(tracked.known),
        rejected=[RejectedView(id=given, reason=why) for given, why in refused],
    )


@router.get("/tasks", responses=LIST_HEADERS)
async def list_tasks(
    given: Annotated[TaskPageParameters, Query()],
    services: Services,
    response: Response,
) -> PageView[TaskView]:
    """List tasks, the newest tracked first."""
    response.headers[FEED_POSITION] = await services.feed.position()
    page = await services.queries.task_page(
        status=given.status,
        upstream=given.upstream,
        active=None if given.active is None else given.active == "true",
        search=given.q,
        cursor=given.cursor,
        limit=given.limit,
    )
    return PageView.of(page, TaskView.of)


@router.get("/tasks/{task_id:path}", responses=ProblemDetails.answers(404, 409))
async def show_task(
    task_id: TaskId,
    given: Annotated[UpstreamParameters, Query()],
    services: Services,
) -> TaskDetailView:
    """Show a task, its newest events, and why what is on its way waits."""
    with of_path():
        row = await services.lookup.find_task(task_id, given.upstream)
    events = await services.queries.story(str(row.key))
    waits = await services.lookup.waits_of(
        delivery for event in events for delivery in event.deliveries
    )
    return TaskDetailView.whole(row, events, waits)


@router.delete(
    "/tasks/{task_id:path}",
    status_code=204,
    response_class=Response,  # FastAPI's own names a type of content, and there is none
    responses=ProblemDetails.answers(404, 409),
)
async def untrack(
    task_id: TaskId,
    given: Annotated[UpstreamParameters, Query()],
    services: Services,
) -> None:
    """Stop polling a task; what is queued is still delivered."""
    with of_path():
        await services.tracking.untrack_one(task_id, upstream=given.upstream)
