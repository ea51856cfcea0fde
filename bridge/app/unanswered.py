"""
USE CASE: look for what was not answered. A submission of a client's that was sent on, and whose
answer nobody saw (the connection broke, the process was killed), becomes an action that is
`unknown`: it is looked for as the bridge's own are, never sent, and listed until it is found.
"""

from __future__ import annotations

import asyncio

import structlog

from bridge.app.action_writer import ActionWriter
from bridge.app.outage import FolderOutage, reported
from bridge.app.ports import Entry, Journal, NewAction, Order, Sent
from bridge.core.action import submission_id
from bridge.core.characters import writable
from bridge.core.task import TaskKey, why_not_an_id
from bridge.errors import BridgeError, Misconfigured, Refused

log = structlog.get_logger(__name__)

#: Seconds between two looks into the journal.
LOOK_EVERY = 1.0


class Unanswered:
    """Notes submissions before they are sent on, and hands on what was not answered."""

    def __init__(self, writer: ActionWriter, journal: Journal) -> None:
        """
        Bind it to a deployment.

        Args:
            writer: Writes down what is looked for.

            journal: Keeps what is on its way.
        """
        self._writer = writer
        self._journal = journal
        self._folder = FolderOutage()
        self._failing: set[str] = set()  #: For the log.
        self._unreadable = 0  #: Likewise, how many files there were.

    def begin(self, sent: Sent) -> Entry | None:
        """Note a submission; ``None`` if it cannot be, which holds nothing up."""
        try:
            return self._journal.begin(sent)
        except OSError as error:
            log.error(  # noqa: TRY400
                "gateway.not_noted",
                reason=str(error.strerror),
                folder=str(self._journal.folder),
            )
            return None

    async def run(self) -> None:
        """Have what was not answered looked for; for ever."""
        while True:
            with reported(self._folder, "gateway.not_handed_on"):
                await self.hand_on()
            await asyncio.sleep(LOOK_EVERY)

    async def hand_on(self) -> None:
        """
        Have all that was not answered looked for.

        Raises:
            BridgeError: The store is away.

            OSError: The journal is.
        """
        unanswered = await asyncio.to_thread(self._journal.unanswered)
        self._report_unreadable()
        for name, sent in unanswered:
            try:
                self._writer.check_upstream(sent.upstream)
                sought = _sought(sent, name, self._writer.max_origins)
                action, _ = await self._writer.write(sought)
                log.warning(
                    "gateway.unanswered", upstream=sent.upstream, action=action.id
                )
            except (Misconfigured, Refused) as error:
                # Its upstream is gone from the configuration.
                log.error("gateway.not_sought", reason=str(error))  # noqa: TRY400
            except BridgeError:
                raise
            except Exception:
                if name not in self._failing:
                    log.exception("gateway.not_handed_on", file=name)
                self._failing.add(name)
                continue  # it holds up no other one, and is tried again with the next look
            await asyncio.to_thread(self._journal.forget, name)
        self._folder.worked()

    def _report_unreadable(self) -> None:
        """Log files that are no submissions: once, and when there are more."""
        count = self._journal.unreadable
        if count > self._unreadable:
            log.error(
                "gateway.journal_unreadable",
                count=count,
                folder=str(self._journal.folder),
                effect="nobody looks for what they were about; remove them",
            )
        self._unreadable = count


def _sought(sent: Sent, name: str, max_origins: int) -> NewAction:
    """Return the action that looks for a submission, and never sends it."""
    pressed = sent.custom_id is not None and why_not_an_id(sent.task_id) is None
    return NewAction(
        id=submission_id(sent.upstream, sent.route, name),
        kind="press" if pressed else "submit",
        upstream=sent.upstream,
        task=TaskKey(sent.upstream, str(sent.task_id)) if pressed else None,
        label=sent.route.rpartition("/")[2],
        by="gateway",
        order=Order(
            route=sent.route,
            body={"prompt": sent.prompt and writable(sent.prompt)},
            custom_id=sent.custom_id and writable(sent.custom_id),
            sent_at=sent.at,
        ),
        hook=sent.hook,
        max_origins=max_origins,
    )
