"""``press``: press a button of a task."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer

from bridge.cli.action_printer import carry_out
from bridge.cli.arguments import JsonOption, UpstreamOption, pairs, read_given
from bridge.cli.in_deployment import in_deployment
from bridge.runtime.deployment import Deployment

#: Bytes of a mask, as for the HTTP API.
LARGEST_MASK = 12 * 1024 * 1024


def press(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="The task.")],
    button: Annotated[
        str,
        typer.Argument(
            metavar="BUTTON", help="U1, V2, upsample:1, reroll, or a customId."
        ),
    ],
    *,
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", help="For buttons that ask for one.")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option("--mask", help="A picture, for those that ask for it."),
    ] = None,
    upstream: UpstreamOption = None,
    meta: Annotated[
        list[str] | None,
        typer.Option("--meta", metavar="K=V", help="What the new task's events carry."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Press it again, though it was pressed.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait", "-w", help="Wait until the new task has ended."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """
    Press a button of a task: U1, V2, upsample:1, a customId.

    It is sent to the upstream once, however often it is asked for. A task that comes of it is
    followed.
    """
    picture = None if mask is None else read_given(mask, LARGEST_MASK)

    async def work(deployment: Deployment) -> bool:
        row = await deployment.lookup.find_task(task_id, upstream)
        action, _ = await deployment.actions.press(
            row.key,
            button,
            by="cli",
            prompt=prompt,
            mask=picture,
            metadata=pairs(meta),
            key=token_hex(16) if again else None,
        )
        return await carry_out(deployment, action, wait=wait, as_json=as_json)

    if not in_deployment(work):
        raise typer.Exit(1)
