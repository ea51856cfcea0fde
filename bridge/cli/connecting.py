"""
The office: how a one-shot command finds the deployment that it is about.

The settings say where the store is; without a word from them it is the one that a running
`mjbridge up` has left a note of. Where nothing real is configured, that may be the sandbox.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from bridge import logs
from bridge.adapters.local.runfile import read_run_file
from bridge.adapters.store.queries import TaskRow
from bridge.cli.output import say
from bridge.errors import Ambiguous, Misconfigured, NotFound, StoreUnavailable
from bridge.runtime import Deployment, checked
from bridge.settings import Settings, load_settings

Result = TypeVar("Result")

#: Seconds that a one-shot command waits for the store.
PATIENCE = 3.0
#: Seconds between two looks whether it is there.
LOOK_AGAIN = 0.25


def in_deployment(work: Callable[[Deployment], Awaitable[Result]]) -> Result:
    """
    Do something with the deployment's store.

    Raises:
        Misconfigured: The settings are wrong.

        StoreUnavailable: The store did not answer within `PATIENCE`.
    """

    async def run() -> Result:
        deployment = await _open()
        async with deployment:
            return await work(deployment)

    return asyncio.run(run())


async def _open() -> Deployment:
    deadline = time.monotonic() + PATIENCE
    while True:
        settings = find_settings()
        # A command's own words are enough; what workers log about the store is not for it.
        quiet = "debug" if settings.log_level == "debug" else "error"
        logs.configure(quiet, settings.log_format)
        deployment: Deployment | None = None
        try:
            deployment = Deployment(settings)
            await deployment.ready(patience=0.0)
        except BaseException as error:
            if deployment is not None:
                await deployment.client.aclose()
            if not isinstance(error, StoreUnavailable) or time.monotonic() > deadline:
                raise
        else:
            if settings.data_dir.name == SANDBOX and is_sandbox(settings):
                say("this is the sandbox, as no API key is configured")
            return deployment
        await asyncio.sleep(LOOK_AGAIN)


#: The sandbox's directory in the data directory, and its upstream.
SANDBOX = "sandbox"


def sandbox_dir(settings: Settings) -> Path:
    """Say where the sandbox of a deployment lives."""
    return settings.data_dir / SANDBOX


def is_sandbox(settings: Settings) -> bool:
    """Whether these are the settings of a sandbox."""
    return list(settings.upstreams) == [SANDBOX]


def can_poll(settings: Settings) -> bool:
    """Whether there is a gateway to poll in earnest: a key, or a server that wants none."""
    return settings.has_api_key or any(
        upstream.api_key is None and "base_url" in upstream.model_fields_set
        for upstream in settings.upstreams.values()
    )


def find_settings() -> Settings:
    """
    Return the settings of the deployment that a command is about.

    Raises:
        Misconfigured: They are wrong.
    """
    settings = load_settings(need_keys=False)
    here = settings.redis_url is not None or read_run_file(settings.data_dir)
    if not here and not can_poll(settings):
        folder = sandbox_dir(settings)
        if read_run_file(folder) is not None:
            return load_sandbox(folder)
    return load_settings()


def load_sandbox(folder: Path) -> Settings:
    """Read the settings of a sandbox, and nobody else's."""
    return load_settings(config=folder / "bridge.toml", environ={}, cwd=folder)


async def find_task(
    deployment: Deployment, task_id: str, upstream: str | None
) -> TaskRow:
    """
    Find the one task that an id means.

    Raises:
        Misconfigured: It is no id, or there is no such upstream.

        NotFound: None is known by it.

        Ambiguous: Several upstreams know it, and none was named.
    """
    [task_id] = checked([task_id])
    await check_upstream(deployment, upstream)
    queries = deployment.queries
    names: Sequence[str] = (
        [upstream] if upstream else list(deployment.settings.upstreams)
    )
    rows = await queries.find(task_id, names)
    if not rows and upstream is None:
        rows = await queries.find(task_id, await queries.upstreams())
    if not rows:
        where = f" at upstream {upstream}" if upstream else ""
        msg = (
            f"no task {task_id[:128]!r} is known{where}; `mjbridge tasks` lists what is"
        )
        raise NotFound(msg)
    if len(rows) > 1:
        known = ", ".join(row.key.upstream for row in rows)
        msg = f"task {task_id} is known at several upstreams ({known}); say which one with --upstream"
        raise Ambiguous(msg)
    return rows[0]


async def check_upstream(deployment: Deployment, name: str | None) -> None:
    """
    Make sure that there is such an upstream, configured or once heard of, if one is named.

    Raises:
        Misconfigured: There is none.
    """
    if name is not None and name not in deployment.settings.upstreams:
        _check(
            "upstream",
            name,
            deployment.settings.upstreams,
            await deployment.queries.upstreams(),
        )


async def check_endpoint(deployment: Deployment, name: str | None) -> None:
    """
    Make sure that there is such an endpoint, configured or once heard of, if one is named.

    Raises:
        Misconfigured: There is none.
    """
    if name is not None and name not in deployment.settings.endpoints:
        heard_of = [row.name for row in await deployment.queries.endpoints(0.0)]
        _check("endpoint", name, deployment.settings.endpoints, heard_of)


def _check(
    what: str, name: str, configured: Iterable[str], heard_of: Iterable[str]
) -> None:
    if name not in heard_of:
        known = ", ".join(dict.fromkeys([*configured, *heard_of])) or "none"
        msg = f"there is no {what} {name!r}; there are: {known}"
        raise Misconfigured(msg)
