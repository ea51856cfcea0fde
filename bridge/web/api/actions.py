"""Actions: press a button, submit something, see what came of it, undo it in time."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from bridge.app.asked import MAX_PROMPT
from bridge.app.views.actions import Action
from bridge.core.action import ActionState, why_not_submitted
from bridge.core.hook import MAX_URL
from bridge.core.task import TaskKey
from bridge.errors import Misconfigured, NotFound, Refused
from bridge.web.api.answers import FEED_POSITION, LIST_HEADERS, PageView, ProblemDetails
from bridge.web.api.idempotency import RequestName
from bridge.web.api.requests import (
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
from bridge.web.limits import MASKED_BODY

router = APIRouter(tags=["actions"])


def _by(request: Request) -> str:
    """Return who asks: our own pages say so themselves, as other sites' pages cannot."""
    ours = request.headers.get("x-requested-with") == "mjbridge-dashboard"
    return "dashboard" if ours else "api"


#: Who asks for an action.
By = Annotated[str, Depends(_by)]

#: Most characters of a mask, a picture as base64: what a body has room for beside the rest.
MAX_MASK = MASKED_BODY - 64 * 1024


class ChildFields(Body):
    """What the task that an action makes is followed with."""

    metadata: dict[str, Any] | None = Field(
        default=None,
        description="What its events carry; without it, what its parent's do.",
    )
    notify_hook: str | None = Field(
        default=None,
        max_length=MAX_URL,
        description="The URL of a receiver of its events; without it, its parent's.",
    )
    hook_format: Literal["event", "midjourney"] | None = Field(
        default=None, description="What the hook is sent, as for tracking."
    )


class PressBody(ChildFields):
    """Which button to press."""

    model_config = with_example(button="U1")

    button: str | None = Field(
        default=None,
        max_length=MAX_TEXT,
        description="A label (U1), or a kind with an index (upsample:1).",
    )
    custom_id: str | None = Field(
        default=None, max_length=1000, description="Instead of button: its customId."
    )
    prompt: str | None = Field(
        default=None,
        max_length=MAX_PROMPT,
        description="For buttons that ask for one (needsModal).",
    )
    mask_base64: str | None = Field(
        default=None,
        max_length=MAX_MASK,
        description="For buttons that ask for one: a picture, also as a data: URL.",
    )


class SubmitBody(ChildFields):
    """What to submit."""

    model_config = with_example(submit="imagine", body={"prompt": "a lighthouse"})

    submit: str = Field(
        max_length=64,
        description="imagine, blend, describe, shorten, or another of /mj/submit/.",
    )
    body: dict[str, Any] = Field(
        description="As the gateway's route takes it; a notifyHook in it is not sent there, and "
        "becomes the task's hook, as behind /mj."
    )
    upstream: str | None = Field(
        default=None,
        max_length=MAX_TEXT,
        description="Where; may be left out where there is one, or one that is called default.",
    )

    def hook(self) -> tuple[object, str | None]:
        """Return the hook's URL and its format, wherever it is named."""
        inside = self.body.get("notifyHook")
        if self.notify_hook is not None or not inside:
            return self.notify_hook, self.hook_format
        return inside, self.hook_format or "midjourney"


class ActionPageParameters(PageParameters):
    """Which actions to list."""

    task: str | None = Field(
        default=None,
        max_length=MAX_TEXT,
        description="Presses of the buttons of this task.",
    )
    upstream: str | None = Field(
        default=None, max_length=MAX_TEXT, description="Which task of that id."
    )
    state: ActionState | None = None


ActionId = Annotated[str, Path(max_length=MAX_TEXT, description="act_...")]
_EXISTS: dict[int | str, dict[str, Any]] = {
    200: {"model": Action, "description": "It was asked for before."}
}


@router.post(
    "/tasks/{task_id:path}/actions",
    status_code=202,
    responses={**_EXISTS, **ProblemDetails.answers(404, 409, 413, 415)},
)
async def press_button(
    *,
    task_id: Annotated[str, Path(description="As the gateway gave it.")],
    body: PressBody,
    given: Annotated[UpstreamParameters, Query()],
    services: Services,
    request: RequestName,
    by: By,
    response: Response,
) -> Action:
    """
    Press a button of a task.

    It is sent to the upstream once, however often it is asked for. What is pressed once for ever
    (upsamples and upscales) is the action that exists; an Idempotency-Key tells presses apart
    that are meant to be several.
    """
    if (body.button is None) == (body.custom_id is None):
        detail = "Name either the button or its customId."
        raise InvalidRequest(pointer="/button", detail=detail)
    with of_path():
        row = await services.lookup.find_task(task_id, given.upstream)
    with about("/notifyHook"):
        services.tracking.read_hook(body.notify_hook, body.hook_format)
    with about("/metadata"):
        action, is_new = await services.actions.press(
            row.key,
            body.custom_id or body.button or "",
            by=by,
            prompt=body.prompt,
            mask=_mask(body.mask_base64),
            metadata=body.metadata,
            hook=body.notify_hook,
            hook_format=body.hook_format,
            key=request,
        )
    if not is_new:
        response.status_code = 200
    return action


@router.post(
    "/actions",
    status_code=202,
    responses={**_EXISTS, **ProblemDetails.answers(409, 413, 415)},
)
async def submit(
    body: SubmitBody,
    services: Services,
    request: RequestName,
    by: By,
    response: Response,
) -> Action:
    """
    Submit something to an upstream; the task that comes of it is followed.

    It is sent once. Without an Idempotency-Key, each request is another submission.
    """
    hook, hook_format = body.hook()
    with about("/notifyHook"):
        services.tracking.read_hook(hook, hook_format)
    upstream = chosen_upstream(services, body.upstream)
    if (why := why_not_submitted(body.submit)) is not None:
        raise InvalidRequest(pointer="/submit", detail=why)
    with about("/body"):
        action, is_new = await services.actions.submit(
            body.submit,
            body.body,
            by=by,
            upstream=upstream,
            metadata=body.metadata,
            hook=hook,
            hook_format=hook_format,
            key=request,
        )
    if not is_new:
        response.status_code = 200
    return action


@router.get("/actions", responses=LIST_HEADERS | ProblemDetails.answers(409))
async def list_actions(
    given: Annotated[ActionPageParameters, Query()],
    services: Services,
    response: Response,
) -> PageView[Action]:
    """List actions, the newest first."""
    response.headers[FEED_POSITION] = await services.feed.position()
    task: TaskKey | None = None
    if given.task is not None:
        try:
            task = (await services.lookup.find_task(given.task, given.upstream)).key
        except (Misconfigured, NotFound):
            return PageView(items=[])
    page = await services.actions.list(
        task=task, state=given.state, after=given.cursor, limit=given.limit
    )
    return PageView(items=list(page.items), next=page.next)


@router.get("/actions/{action_id}", responses=ProblemDetails.answers(404))
async def show_action(action_id: ActionId, services: Services) -> Action:
    """Show an action: how it stands, and what came of it."""
    action = await services.actions.find(action_id)
    if action is None:
        raise NotFound
    return action


@router.delete("/actions/{action_id}", responses=ProblemDetails.answers(404, 409))
async def cancel_action(action_id: ActionId, services: Services) -> Action:
    """Undo an action while it is pending; any other, unless it was undone before, is 409."""
    try:
        return await services.actions.cancel(action_id)
    except Refused as error:
        raise HTTPException(409, str(error)) from error


def _mask(text: str | None) -> bytes | None:
    try:
        encoded = (text or "").rpartition(";base64,")[2]
        return None if text is None else base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        detail = "A mask is a picture, as base64."
        raise InvalidRequest(pointer="/maskBase64", detail=detail) from None
