"""Looking at the process `web`: whether it serves this deployment, and has where to keep things."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import httpx

from bridge.adapters.local.data_dir import NOTHING_KEPT, trouble_in
from bridge.app import findings
from bridge.app.findings import Finding
from bridge.errors import BridgeError, reason
from bridge.runtime.deployment import DEPLOYMENT_HEADER, Deployment
from bridge.runtime.discovery import check_reach, has_store, web_url
from bridge.runtime.relay import JOURNAL, SPOOL
from bridge.settings import Settings

#: Seconds to wait for the process web.
WEB_TIMEOUT = 2.0


def data_dir_of(settings: Settings) -> Sequence[Finding]:
    """Report a data directory that nothing can be kept in."""
    error = trouble_in(settings.data_dir)
    if error is None:
        return []
    folder = str(settings.data_dir)
    holds_store = settings.redis_url is None
    return [
        findings.of_data_dir(
            folder, error, holds_store=holds_store, effect=NOTHING_KEPT
        )
    ]


async def web_of(settings: Settings) -> Sequence[Finding]:
    """Report whether it serves this deployment, or could."""
    if not settings.web.enabled:
        return []
    url = web_url(settings)
    served = "" if url is None else await _served(url, await _id_of(settings))
    if served != "ours":
        try:
            check_reach(settings, settings.web.host)
        except BridgeError as error:
            return [findings.of_error("web", error)]
    return [findings.of_web(url, served)]


async def _id_of(settings: Settings) -> str | None:
    """Return what the deployment is known by; ``None`` if its store does not tell."""
    if not has_store(settings):
        return None
    try:
        async with Deployment(settings) as deployment:
            return await deployment.id()
    except BridgeError:  # that is reported above
        return None


async def _served(url: str, own: str | None) -> Literal["ours", "another's", ""]:
    """Return whose `web` it is that answers at an address; empty if there is none."""
    try:
        async with httpx.AsyncClient(timeout=WEB_TIMEOUT, trust_env=False) as client:
            alive = await client.get(f"{url}/healthz")
            if alive.json() != {"status": "ok"}:
                return ""
            if own is None:  # our store does not answer, nor need its own
                return "ours"
            ready = await client.get(f"{url}/readyz")
            if "problems" not in ready.json():
                return ""
    except (httpx.HTTPError, ValueError, TypeError):
        return ""
    known = ready.headers.get(DEPLOYMENT_HEADER)
    return "ours" if known == own else "another's"


def gateway_of(settings: Settings) -> Sequence[Finding]:
    """Report folders that the gateway could not keep submissions in."""
    if not settings.gateway.enabled:
        return []
    folders = (settings.data_dir / SPOOL, settings.data_dir / JOURNAL)
    return [
        findings.of_gateway_folder(str(folder), trouble)
        for folder in folders
        if (trouble := _trouble_with(folder))
    ]


def _trouble_with(folder: Path) -> str:
    """Say why files in a folder cannot be read and written; nothing if it is not there yet."""
    try:
        os.listdir(folder)  # noqa: PTH208 - an iterator of paths may ask later
    except FileNotFoundError:
        return ""
    except OSError as error:
        return reason(error)
    return "" if os.access(folder, os.W_OK | os.X_OK) else "it is not writable"
