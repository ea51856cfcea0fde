"""Health: whether the process answers, and whether the deployment works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.app import findings
from bridge.app.outage import Outage, store_outage
from bridge.errors import BridgeError, StoreUnavailable
from bridge.runtime.deployment import DEPLOYMENT_HEADER
from bridge.web.context import WebContext
from bridge.web.fresh import Fresh
from bridge.web.problem_details import problem

log = structlog.get_logger(__name__)

#: Seconds between two attempts to check the store at the start.
CHECK_EVERY = 1.0
#: Seconds between two tries of the store: there may be no request and no stream that meets its
#: absence, or its return.
WATCH_EVERY = 2.0
#: Seconds between two looks for keys that somebody has written over: there are some for each
#: endpoint, and that is not about to change.
FOREIGN_EVERY = 15.0
#: Seconds that a store may take to say how things stand: whoever asks has a limit, too.
READY_WITHIN = 2.0


class StoreGuard:
    """Checks, at the start, whether the store may be used; later, whether it is back."""

    def __init__(
        self,
        check: Callable[[], Awaitable[Sequence[str]]],
        try_write: Callable[[], Awaitable[None]],
        *,
        outage: Outage = store_outage,
        watch_every: float = WATCH_EVERY,
    ) -> None:
        """
        Begin with an unchecked store.

        Args:
            check: Checks it, as `Deployment.ready` does.

            try_write: Checks that it works, see `StoreAdmin.try_write`.

            outage: Where its absence is noted.

            watch_every: Seconds between two tries.
        """
        self._check_store = check
        self._try_write = try_write
        self._outage = outage
        self._watch_every = watch_every
        self._error: BridgeError | None = StoreUnavailable(
            "the store has not been checked yet"
        )

    def check(self) -> None:
        """
        Do nothing if the store may be used.

        Raises:
            BridgeError: It may not; the error says why, as far as that is known.
        """
        if self._error is not None:
            raise self._error

    async def run(self) -> None:
        """Check the store until it may be used; then note when it goes and is back."""
        while not await self._is_checked():  # noqa: ASYNC110 - the store has no event for it
            await asyncio.sleep(CHECK_EVERY)
        while True:
            await asyncio.sleep(self._watch_every)
            try:
                await self._try_write()
            except BridgeError as error:
                self._outage.failed(str(error))
            except Exception:
                log.exception("store.not_tried")  # the next time may do better
            else:
                self._outage.worked()

    async def _is_checked(self) -> bool:
        try:
            for warning in await self._check_store():
                log.warning("store.careless", detail=warning)
        except BridgeError as error:
            self._outage.failed(str(error))
            self._error = error
        except Exception:
            log.exception("store.not_checked")  # as above
        else:
            self._error = None
        return self._error is None


class NeedsStore:
    """Refuses requests as long as the store may not be used."""

    def __init__(self, app: ASGIApp, store: StoreGuard) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, if the store may be used."""
        self._store.check()
        await self._app(scope, receive, send)


async def problems(
    context: WebContext, store: StoreGuard, foreign: Fresh[Sequence[str]]
) -> Sequence[str]:
    """Return what keeps a deployment from working, a sentence for each."""
    queries, names = context.queries, context.settings.upstreams
    try:
        store.check()
        async with asyncio.timeout(READY_WITHIN):
            await context.try_write()
            if overwritten := await foreign.get():
                return [f"store: {one}" for one in overwritten]
            now = await context.clock()
            full = await queries.memory_full()
            life = await queries.signs_of_life()
            upstreams = await queries.upstreams(now, names=names)
    except TimeoutError:
        return [f"store: {StoreUnavailable()}"]
    except BridgeError as error:
        return [f"store: {error}"]
    workers = findings.of_workers(life, now)
    return [
        *(["store: its memory is nearly used up, so polling pauses"] if full else []),
        *([] if workers.level == "ok" else [f"beat or workers: {workers.detail}"]),
        *(
            f"upstream {one.name}: {one.reason or 'it does not answer'}"
            for one in upstreams
            if one.state == "unhealthy" and one.active and one.name in names
        ),
    ]


def routes(context: WebContext, store: StoreGuard) -> list[Route]:
    """Return the routes of probes, which need no token."""
    foreign = Fresh(context.foreign_keys, fresh=FOREIGN_EVERY)
    readiness = Fresh(partial(problems, context, store, foreign))
    identity = Fresh(context.deployment_id)

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        answer: Response = JSONResponse({"problems": []})
        if found := await readiness.get():
            detail = "The deployment does not work as it should."
            answer = problem(503, detail, more={"problems": found})
        # So that `mjbridge check` does not take another deployment's for its own.
        with suppress(BridgeError, TimeoutError):
            async with asyncio.timeout(READY_WITHIN):
                answer.headers[DEPLOYMENT_HEADER] = await identity.get()
        return answer

    return [Route("/healthz", alive), Route("/readyz", ready)]
