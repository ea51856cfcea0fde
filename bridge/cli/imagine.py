"""``imagine``: submit a prompt."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.action_printer import carry_out
from bridge.cli.arguments import JsonOption, UpstreamOption, pairs
from bridge.cli.in_deployment import in_deployment
from bridge.errors import Misconfigured
from bridge.runtime.deployment import Deployment


def imagine(
    prompt: Annotated[list[str], typer.Argument(metavar="PROMPT")],
    *,
    upstream: UpstreamOption = None,
    meta: Annotated[
        list[str] | None,
        typer.Option("--meta", metavar="K=V", help="What the task's events carry."),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", "-w", help="Wait until the task has ended."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """
    Submit a prompt, and follow the task that comes of it.

    It is sent to the upstream once; what becomes of it is in mjbridge actions.
    """
    words = " ".join(prompt)
    if not words.strip():
        msg = "the prompt is blank"
        raise Misconfigured(msg)

    async def work(deployment: Deployment) -> bool:
        action, _ = await deployment.actions.submit(
            "imagine",
            {"prompt": words},
            by="cli",
            upstream=upstream,
            metadata=pairs(meta),
        )
        return await carry_out(deployment, action, wait=wait, as_json=as_json)

    if not in_deployment(work):
        raise typer.Exit(1)
