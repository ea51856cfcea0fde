"""What `mjbridge check` finds out about endpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.cli.inspections import Finding, broken
from bridge.cli.words import ago, counted, masked
from bridge.core.delivery import AttemptResult
from bridge.errors import BridgeError

if TYPE_CHECKING:
    from bridge.adapters.store.queries import EndpointRow
    from bridge.core.delivery import Attempt
    from bridge.core.endpoint import Endpoint
    from bridge.core.http import Response
    from bridge.settings import Settings

#: Nothing that comes later makes such an end another one.
_NEVER = frozenset({AttemptResult.GONE, AttemptResult.HOPELESS})


async def inspect_endpoints(settings: Settings, *, online: bool) -> Sequence[Finding]:
    """
    Look whether each endpoint can be spoken to; nothing is posted.

    Args:
        settings: All of them.

        online: Whether to ask the platforms that can be asked without posting anything.
    """
    if not settings.endpoints:
        mend = "BRIDGE_ENDPOINTS__ME__URL=https://... adds one"
        detail = "none: nobody is told"
        return [Finding(about="endpoint", level="warning", detail=detail, mend=mend)]
    found = []
    for name, one in settings.endpoints.items():
        endpoint = one.to_endpoint(name)
        finding = _offline(endpoint)
        if online and finding.level == "ok":
            finding = await _online(endpoint, finding)
        found.append(finding)
    return found


async def with_health(
    findings: Sequence[Finding], settings: Settings
) -> Sequence[Finding]:
    """Add what deliveries have shown: who fails, is held, and what waits there."""
    from bridge.runtime import Deployment

    try:
        async with Deployment(settings) as deployment:
            now = await deployment.admin.clock()
            rows = {row.name: row for row in await deployment.queries.endpoints(now)}
    except BridgeError:
        return findings  # what is wrong with the store is told already
    return [
        _in_trouble(finding, rows[finding.name], now)
        if finding.name in rows
        else finding
        for finding in findings
    ]


def _in_trouble(finding: Finding, row: EndpointRow, now: float) -> Finding:
    if row.state in {"ok", "idle"} or finding.level == "error":
        return finding
    since = f" since {ago(row.failing_since, now)}" if row.failing_since else ""
    why = f": {row.reason}" if row.reason else ""
    waits = (
        f"; {counted(row.pending, 'delivery', 'deliveries')} waiting"
        if row.pending
        else ""
    )
    held = row.state in {"paused", "disabled"}
    mend = f"mjbridge endpoints {'resume' if held else 'test'} {row.name}"
    return replace(
        finding,
        level="warning",
        detail=f"{finding.detail}; {row.state}{since}{why}{waits}",
        mend=mend,
    )


def _offline(endpoint: Endpoint) -> Finding:
    """Make every request that an endpoint could be sent, and send none."""
    from bridge.channels.webhook import signing_secrets
    from bridge.cli.rehearsal import occasion_of, rehearsed
    from bridge.core.event import EVENT_TYPES

    now = time.time()
    try:
        for event_type in EVENT_TYPES:
            context = occasion_of(event_type, endpoint, at=now)
            _, outcome = rehearsed(context)
            # The samples' upstream is nobody's.
            told = replace(endpoint, upstreams=None).wants(context.event)
            if told and outcome.attempt.said in _NEVER:
                return _unspeakable(endpoint, event_type, outcome.attempt)
    except BridgeError as error:
        return broken("endpoint", error, name=endpoint.name)
    except Exception as error:  # noqa: BLE001 - whatever a channel raises is what is wrong
        detail = f"no request can be made: {type(error).__name__}"
        return Finding(
            about="endpoint", name=endpoint.name, level="error", detail=detail, code=2
        )
    where = f"{endpoint.kind} {masked(endpoint.url)}"
    if endpoint.kind == "webhook" and not signing_secrets(endpoint.options):
        key = f"endpoints.{endpoint.name}.secrets"
        return Finding(
            about="endpoint",
            name=endpoint.name,
            level="warning",
            detail=f"{where}, not signed",
            mend=f"{key} lets the receiver know that events are yours",
        )
    return Finding(
        about="endpoint", name=endpoint.name, detail=f"{where}{_ability(endpoint)}"
    )


def _unspeakable(endpoint: Endpoint, event_type: str, attempt: Attempt) -> Finding:
    """Say of an endpoint that it cannot be told an event even if the platform agrees to all."""
    return Finding(
        about="endpoint",
        name=endpoint.name,
        level="error",
        detail=attempt.detail,
        mend=f"mend endpoints.{endpoint.name}: {event_type} cannot be told there",
        code=2,
    )


def _ability(endpoint: Endpoint) -> str:
    from bridge.channels import channel_for
    from bridge.channels.webhook import signing_secrets

    if secrets := signing_secrets(endpoint.options):
        return f", signed with {counted(len(secrets), 'secret')}"
    traits = channel_for(endpoint.kind).INFO
    if not traits.ability:
        return ""
    edits = ", edited in place if progress = edit"
    return f": {traits.ability}{edits if traits.can_edit(endpoint.options) else ''}"


async def _online(endpoint: Endpoint, finding: Finding) -> Finding:
    from bridge.adapters.http.sender import Sender, silence_http_loggers
    from bridge.channels import discord, slack, telegram

    channels = {"discord": discord, "slack": slack, "telegram": telegram}
    channel = channels.get(endpoint.kind)
    request = channel.probe(endpoint) if channel else None
    if channel is None or request is None:
        return finding
    silence_http_loggers()
    sender = Sender()
    try:
        answer = await sender.send(endpoint, request)
    finally:
        await sender.aclose()
    if answer.status is None:
        detail = f"{endpoint.kind} {masked(endpoint.url)}: {answer.detail}"
        mend = "it may be down; try again later"
        return replace(finding, level="error", detail=detail, mend=mend, code=1)
    told = channel.describe(replace(answer, at=time.time()))
    if _agreed(answer):
        return replace(finding, detail=f"{finding.detail}; {told}")
    mend = f"check endpoints.{endpoint.name}: the platform does not accept it"
    return replace(finding, level="error", detail=told, mend=mend, code=1)


def _agreed(answer: Response) -> bool:
    """Whether a platform let us in: some say no with a 200."""
    if answer.status is None or not 200 <= answer.status < 300:
        return False
    try:
        body = json.loads(answer.body)
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("ok") is not False
