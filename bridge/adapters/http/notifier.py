"""
The sender for endpoints of kind ``apprise``: the Apprise library, kept away from the loop.

Apprise blocks: it connects, waits, sleeps between requests. So each notification has a
thread of its own, and the sender stops waiting when its time is up. A thread cannot be
stopped from outside; it ends when Apprise's own time-outs do (4 seconds to connect and 4 to
read, unless the URL says otherwise with ``cto`` and ``rto``), and meanwhile counts towards
`MAX_THREADS`, so that a service that hangs does not fill the process with threads. They are
daemons: nothing waits for them when the process ends. The loop's own pool of threads is not
used, because others need it.

A partial success is a failure here: Apprise calls a service that the URL marks ``optional``
a success whatever came of it, and we report what came of it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import re
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bridge.adapters.http.threads import in_thread
from bridge.core.delivery import AttemptResult, Fault
from bridge.core.http import Notification, Response
from bridge.core.redact import redact, secrets_of_url
from bridge.errors import Misconfigured

if TYPE_CHECKING:
    import apprise

#: Notifications of one `Notifier` under way, those that nobody waits for any more included.
MAX_THREADS = 32

HOW_TO_INSTALL = "pip install '.[apprise]' in the clone"


def installed() -> bool:
    """Return whether the library is there."""
    return importlib.util.find_spec("apprise") is not None


def require() -> None:
    """
    Make sure that the library is there.

    Raises:
        Misconfigured: It is not; the text says how to install it.
    """
    if not installed():
        msg = f'kind = "apprise" needs an extra that is not installed: {HOW_TO_INSTALL}'
        raise Misconfigured(msg)


def problem_with(url: str) -> str | None:
    """Return what is wrong with an Apprise URL, without repeating it; ``None`` if nothing."""
    if not installed():
        return f"Apprise is not installed: {HOW_TO_INSTALL}"
    if _service(url) is not None:
        return None
    scheme = url.partition("://")[0].lower()
    shown = f"{scheme}://" if re.fullmatch(r"[a-z0-9+.-]{1,20}", scheme) else "it"
    return f"Apprise does not understand this URL: no service of {shown} takes it as it is written"


class Notifier:
    """Sends notifications, at most `MAX_THREADS` at once."""

    def __init__(self) -> None:
        self._slots = threading.BoundedSemaphore(MAX_THREADS)

    async def notify(self, notification: Notification) -> Response:
        """
        Send a notification. Never raises: whatever goes wrong is in the response.

        Returns:
            A response with a result in place of a status; its detail is the service and,
            where that did not take the notification, what it said.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        if not self._slots.acquire(blocking=False):
            detail = f"{MAX_THREADS} notifications are still under way in this process"
            return Response(fault=Fault.TIMEOUT, detail=detail)
        try:
            async with asyncio.timeout(notification.timeout):
                work = partial(self._work, notification)
                response = await in_thread(work, name="apprise")
        except TimeoutError:
            detail = f"the service did not finish within {notification.timeout:g} s"
            response = Response(fault=Fault.TIMEOUT, detail=detail)
        return replace(response, duration=clock() - began)

    def _work(self, notification: Notification) -> Response:
        try:
            return _send(notification)
        except Exception as error:  # noqa: BLE001 - a plugin may do anything
            return _response("apprise", type(error).__name__)
        finally:
            self._slots.release()


# --- in the thread --------------------------------------------------------------------


def _send(notification: Notification) -> Response:
    url = notification.url
    if not installed():
        return _response("apprise", HOW_TO_INSTALL)
    service = _service(url)
    if service is None:
        return _response("apprise", str(problem_with(url)), AttemptResult.GONE)
    import apprise  # noqa: PLC0415 - it may not be there, and takes long
    from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

    file = notification.file
    attach = file and AttachMemory(  # type: ignore[no-untyped-call]
        content=file.data, name=file.name, mimetype=file.type
    )
    crowd = apprise.Apprise(asset=service.asset)
    crowd.add(service)
    result = crowd.notify(
        title=notification.title,
        body=notification.body,
        notify_type=notification.type,
        body_format=apprise.NotifyFormat.TEXT,
        attach=attach,
    )
    said = [entry.message for entry in result.logs()]
    delivered = bool(result) and all(
        one.attempts and bool(one.attempts[-1]) for one in result
    )
    name = str(service.service_name)
    if delivered:
        return _response(name, "", AttemptResult.DELIVERED)
    reason = " ".join(said[-2:]) or "it did not take the notification"
    return _response(name, redact(reason, secrets_of_url(url)))


def _service(url: str) -> apprise.NotifyBase | None:
    import apprise  # noqa: PLC0415

    _silence()
    asset = apprise.AppriseAsset(
        app_id="mjbridge",
        app_desc="Midjourney notifications",
        app_url="",
        async_mode=False,  # it would hand its work to threads that nobody can leave behind
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        http_redirects=False,
        interpret_emojis=False,
        allow_templates=False,
    )
    return apprise.Apprise.instantiate(url, asset=asset)


def _silence() -> None:
    """
    Keep what Apprise logs out of our logs: it repeats URLs.

    It also reads its own logger for what came of a notification, so that cannot be off.
    """
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _response(
    name: str, said: str, result: AttemptResult = AttemptResult.FAILED
) -> Response:
    """Report what came of a notification; Apprise does not say why one failed."""
    fault = None if result is AttemptResult.DELIVERED else Fault.CONNECTION
    detail = f"{name}: {said}" if said else name
    return Response(fault=fault, detail=detail, result=result)
