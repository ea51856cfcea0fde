"""The Celery app: ``celery -A bridge worker``, ``celery -A bridge beat``."""

from __future__ import annotations

import logging
import signal
import sys
from datetime import timedelta
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.beat import ScheduleEntry, Scheduler
from kombu import Producer, Queue

from bridge.runtime.broker_outage import (
    BrokerBack,
    broker_outage,
    reason_of,
    report_in_our_words,
)
from bridge.runtime.hangup import end_at_hangup
from bridge.runtime.publishing import limit_waiting, options_to_publish

log = structlog.get_logger(__name__)

#: Ticks of a queue that may wait unread. More would say nothing more.
MOST_WAITING = 2


#: Seconds between two events by which flower knows that a worker lives. Celery's own are two, and
#: each costs more than a tick.
HEARTBEAT_INTERVAL = 30
#: Tasks after which replacing a child costs more than it can be worth: a tick every three
#: seconds, or so, makes this every 50 minutes.
FEW_TASKS = 1000


class TickScheduler(Scheduler):
    """
    A scheduler in memory that does not pile up ticks while no worker reads them.

    Over a weekend without workers, one tick a second would fill the broker with a quarter
    of a million.
    """

    #: Celery's own connects before anything can be caught, and keeps what is broken.
    producer = None  # type: ignore[assignment]  # what is passed on is not used

    _connected: Producer | None = None

    def setup_schedule(self) -> None:
        """Make every entry due at once: a deployment that has just started works at once."""
        super().setup_schedule()
        long_ago = self.app.now() - timedelta(days=1)
        for entry in self.schedule.values():
            entry.last_run_at = long_ago

    def adjust(self, n: Any, drift: float = 0.0) -> Any:  # noqa: ARG002 - as in Celery
        """
        Return for how long to sleep before a tick: until it is due.

        Celery's own is 10 ms less, and beat turned in circles for as long, at full speed.
        """
        return n

    def apply_async(
        self,
        entry: ScheduleEntry,
        producer: Any = None,  # noqa: ARG002 - it is ours, above
        advance: bool = True,  # noqa: FBT001, FBT002 - the signature is Celery's
        **options: Any,
    ) -> Any:
        """
        Send an entry's task, unless its queue has unread ticks.

        One that cannot be sent needs no second try: the next one does its work.
        """
        try:
            sender = self._connect()
            if self._waiting(entry) < MOST_WAITING:
                sent = super().apply_async(
                    entry, producer=sender, advance=advance, **options
                )
                broker_outage.worked()
                return sent
        except Exception as error:  # noqa: BLE001 - whatever a broker's client raises
            broker_outage.failed(reason_of(error))
            self._disconnect()
        if advance:
            self.reserve(entry)
        return None

    def _connect(self) -> Producer:
        if self._connected is None:
            self._connection = self.app.connection_for_write(
                transport_options=options_to_publish(self.app.conf.broker_url)
            )
            self._connection.ensure_connection(max_retries=1, interval_start=0)
            limit_waiting(self._connection)
            self._connected = self.app.amqp.Producer(
                self._connection, auto_declare=False
            )
        return self._connected

    def _disconnect(self) -> None:
        """Let go of what may be broken: the next tick connects anew."""
        if self._connected is not None:
            self._connection.collect(socket_timeout=1)
            self._connected = None

    def _waiting(self, entry: ScheduleEntry) -> int:
        queue: Queue = self.app.amqp.router.route({}, str(entry.task))["queue"]
        declared: Any = queue(self._connection).queue_declare(passive=False)
        return int(declared.message_count)


class EndAtHangup(bootsteps.StartStopStep):
    """A step of a worker, which Celery would have begin its program anew, and hang."""

    def __init__(self, parent: Any, **options: Any) -> None:
        """Remember what a hangup is to do, before Celery changes it."""
        super().__init__(parent, **options)
        end_at_hangup()
        self._at_hangup = signal.getsignal(signal.SIGHUP)

    def start(self, parent: Any) -> None:  # noqa: ARG002 - the signature is Celery's
        """Put it back."""
        signal.signal(signal.SIGHUP, self._at_hangup)


class BridgeCelery(Celery):
    """
    Celery, but for what a worker and a beat of ours do before Celery prints its first line.

    The methods have the names of Celery's attributes, which its commands call.
    """

    def Worker(self, **options: Any) -> Any:  # type: ignore[override]  # noqa: N802 - Celery's, a class there
        """Make a worker; one whose pool cannot run an engine ends the process with code 2."""
        from bridge.logs import complain
        from bridge.settings import load_settings

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
                effect="after every few ticks a new process has to connect; leave the option "
                f"out, or use {FEW_TASKS} or more",
            )
        consumer = logging.getLogger("celery.worker.consumer.consumer")
        report_in_our_words(consumer, is_store=load_settings().broker_url is None)
        if options.get("heartbeat_interval") is None:
            options["heartbeat_interval"] = HEARTBEAT_INTERVAL
        return super().Worker(**options | {"quiet": quiet})

    def Beat(self, **options: Any) -> Any:  # type: ignore[override]  # noqa: N802 - as above
        """Make a beat."""
        end_at_hangup()
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
app.steps["worker"].add(EndAtHangup)
app.steps["consumer"].add(BrokerBack)
