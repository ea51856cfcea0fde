"""``rules``: presses that the configuration asks for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from bridge.cli.arguments import JsonOption
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import emit, line, say, text, write
from bridge.cli.tables import Column, table
from bridge.core.rule import Condition, Rule, buttons_for, conditions
from bridge.core.task import TaskKey
from bridge.errors import Misconfigured
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import rules_of

app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.callback()
def rules(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List rules, and whether they are at work; test, pause and resume them."""
    if ctx.invoked_subcommand is not None:
        return

    async def work(deployment: Deployment) -> None:
        paused = await deployment.admin.rules_paused()
        found = rules_of(deployment.settings)
        if as_json:
            for rule in found:
                emit(
                    {
                        "name": rule.name,
                        "on": list(rule.on),
                        "press": list(rule.press),
                        "dryRun": rule.dry_run,
                        "paused": paused,
                    }
                )
            return
        if not found:
            say("no rule is configured: [rules.<name>] in bridge.toml")
            return
        columns = [Column(title=one) for one in ("RULE", "STATE", "ON", "PRESS")]
        state = "paused" if paused else "at work"
        table(
            columns,
            [
                [
                    text(rule.name, "bold"),
                    text("dry run" if rule.dry_run and not paused else state),
                    text(", ".join(rule.on)),
                    text(", ".join(rule.press)),
                ]
                for rule in found
            ],
        )

    in_deployment(work)


@app.command("test")
def explain(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="evt_...")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show each condition of each rule for an event, and why it does or does not fit."""

    async def work(deployment: Deployment) -> None:
        event = (await deployment.lookup.find_event(event_id)).event
        if event.subject.startswith("@"):
            msg = "rules act on events of tasks, and this is one of operators"
            raise Misconfigured(msg)
        rows = await deployment.queries.rows([TaskKey.read(event.subject)])
        depth = rows[0].lineage.depth if rows else 0
        data = json.loads(event.body)["data"]
        buttons = rows[0].snapshot.buttons if rows and rows[0].snapshot else ()
        for rule in rules_of(deployment.settings):
            asked = list(conditions(rule, event.type, data, depth=depth))
            names = [one.label or one.custom_id for one in buttons_for(rule, buttons)]
            (_emit if as_json else _explain)(rule, asked, names)
        if await deployment.admin.rules_paused():
            say("rules are paused: mjbridge rules resume")

    in_deployment(work)


def _emit(rule: Rule, asked: Sequence[Condition], names: Sequence[str]) -> None:
    emit(
        {
            "name": rule.name,
            "fits": all(condition.fits for condition in asked),
            "conditions": [asdict(condition) for condition in asked],
            "press": list(names),
        }
    )


def _explain(rule: Rule, asked: Sequence[Condition], names: Sequence[str]) -> None:
    fits = all(condition.fits for condition in asked)
    verdict = ("fits", "green") if fits else ("does not fit", "yellow")
    line(text(f"{rule.name}  ", "bold") + text(*verdict))
    for condition in asked:
        mark = text("  ✓ ", "green") if condition.fits else text("  ✗ ", "red")
        line(mark + text(condition.asks) + text(f"  ({condition.found})", "dim"))
    pressed = ", ".join(names) or "nothing: the task has no such button"
    line(text("  would press ", "dim") + text(pressed))


@app.command()
def pause() -> None:
    """Have no rule press anything, until they are resumed; what is asked for goes on."""
    in_deployment(lambda one: one.admin.pause_rules(paused=True))
    write("rules are paused")


@app.command()
def resume() -> None:
    """Have rules press again, on what happens from now on."""
    in_deployment(lambda one: one.admin.pause_rules(paused=False))
    write("rules are at work")
