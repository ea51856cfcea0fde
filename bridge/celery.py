"""The Celery app: ``celery -A bridge worker``, ``celery -A bridge beat``."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import structlog
from celery import Celery
from celery.beat import ScheduleEntry, Scheduler
from kombu import Queue

log = structlog.get_logger(__name__)

#: Ticks of a queue that may wait unread. More would say nothing more.
MOST_WAITING = 2


#: Tasks after which replacing a child costs more than it can be worth: two ticks a second
#: make this every ten minutes.
FEW_TASKS = 1000


class TickScheduler(Scheduler):
    """
    A scheduler in memory that does not pile up ticks while no worker reads them.

    Over a weekend without workers, one tick a second would fill the broker with a quarter
    of a million.
    """

    def setup_schedule(self) -> None:
        """Make every entry due at once: a deployment that has just started works at once."""
        super().setup_schedule()
        long_ago = self.app.now() - timedelta(days=1)
        for entry in self.schedule.values():
            entry.last_run_at = long_ago

    def apply_async(
        self,
        entry: ScheduleEntry,
        producer: Any = None,
        advance: bool = True,  # noqa: FBT001, FBT002 - the signature is Celery's
        **options: Any,
    ) -> Any:
        """
        Send an entry's task, unless its queue has unread ticks.

        One that cannot be sent is a line in the log: the next one does its work.
        """
        queue = self.app.amqp.router.route({}, str(entry.task))["queue"]
        try:
            if self._waiting(queue) < MOST_WAITING:
                return super().apply_async(
                    entry, producer=producer, advance=advance, **options
                )
        except Exception as error:  # noqa: BLE001 - whatever a broker's client raises
            log.warning("tick.not_sent", task=entry.task, error=type(error).__name__)
        if advance:
            self.reserve(entry)
        return None

    def _waiting(self, queue: Queue) -> int:
        with self.app.connection_or_acquire(self.connection) as connection:
            bound = queue(connection.default_channel)
            declared: Any = bound.queue_declare(passive=False)
            return int(declared.message_count)


class BridgeCelery(Celery):
    """
    Celery, but for what a worker and a beat of ours do before Celery prints its first line.

    The methods have the names of Celery's attributes, which its commands call.
    """

    def Worker(self, **options: Any) -> Any:  # type: ignore[override]  # noqa: N802 - Celery's, a class there
        """Make a worker; one whose pool cannot run an engine ends the process with code 2."""
        from bridge.logs import complain

        pool = str(options.get("pool") or options.get("pool_cls"))
        for name in ("gevent", "eventlet"):
            if name in pool:
                complain(
                    f"the pool {name} cannot deliver, because it replaces the threads "
                    "that attempts run in; leave out -P, or take -P prefork"
                )
                sys.exit(2)
        quiet = self._set_up_logs() or options.pop("quiet", False)
        lives = options.get("max_tasks_per_child")
        if lives is not None and int(lives) < FEW_TASKS:
            log.warning(
                "worker.short_lived_children",
                max_tasks_per_child=lives,
                effect="every few ticks a new process connects anew; leave the option out",
            )
        return super().Worker(**options | {"quiet": quiet})

    def Beat(self, **options: Any) -> Any:  # type: ignore[override]  # noqa: N802 - as above
        """Make a beat."""
        quiet = self._set_up_logs() or options.pop("quiet", False)
        return super().Beat(**options | {"quiet": quiet})

    def _set_up_logs(self) -> bool:
        """Set the logs up as configured; return whether every line has to be JSON."""
        from bridge import logs
        from bridge.settings import load_settings

        self.conf.broker_url  # noqa: B018 - mistakes in the settings end the process here
        settings = load_settings()
        logs.configure(settings.log_level, settings.log_format)
        return logs.only_json()


# A program that imports us may be a Celery application itself: its current app and its
# @shared_tasks stay its own, and its Django settings are not for our workers.
app = BridgeCelery("mjbridge", set_as_current=False, fixups=[])
app.config_from_object("bridge.runtime.celery_settings")
