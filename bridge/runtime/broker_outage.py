"""
The broker's absence in the log, which Celery would report in paragraphs.

Where the store is the broker, a worker's engines report its absence already, so the process
around them says nothing; beat, which has no engine, does.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any

from amqp.exceptions import (
    AccessRefused,
    AMQPError,
    ConnectionForced,
    NotAllowed,
    RecoverableConnectionError,
)
from celery import bootsteps
from celery.worker.consumer.consumer import (  # type: ignore[attr-defined]  # its stubs lack them
    CONNECTION_ERROR,
    CONNECTION_RETRY,
)
from redis.exceptions import RedisError

from bridge.adapters.store.errors import meaning_of
from bridge.app.outage import Outage
from bridge.runtime.publishing import BrokerBlocked

broker_outage = Outage("broker.away", "broker.back")


def reason_of(error: BaseException) -> str:
    """Return why the broker takes no message, in our words and without its address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BrokerBlocked):
            return "the broker takes no messages: it is short of memory or of disk"
        if isinstance(cause, AMQPError) and (words := _words_of(cause)):
            return words
        if words := _words_of_connecting(cause):
            return words
        if isinstance(cause, RedisError | OSError) and (meaning := meaning_of(cause)):
            # What to do about it names the store's setting.
            return str(meaning).partition(";")[0].replace("the store", "the broker", 1)
        cause = cause.__cause__ or cause.__context__
    return f"the broker refuses ({type(error).__name__})"


def _words_of(error: AMQPError) -> str | None:
    """Return what an error of RabbitMQ's protocol means; its own text may name users."""
    if isinstance(error, ConnectionForced):
        # It is also what our own side calls a connection on which nothing is heard any more.
        silent = "heartbeat" in str(error)
        return f"the broker {'does not answer' if silent else 'closed the connection'}"
    if isinstance(error, AccessRefused):
        refused = (
            "refuses the password" if "Login" in str(error) else "refuses its user"
        )
        return f"the broker {refused}"
    if isinstance(error, NotAllowed):
        return "the broker has no such virtual host, or refuses its user there"
    if isinstance(error, RecoverableConnectionError):
        return "the broker does not answer"
    return None


def _words_of_connecting(error: BaseException) -> str | None:
    """Return what is known of who does not speak RabbitMQ's protocol, or not so."""
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "the broker does not speak TLS there"
    if type(error) is OSError and error.errno is None:  # the client's word for an end
        return "the broker closed the connection"
    return None


class BrokerBack(bootsteps.StartStopStep):
    """A step that a worker takes when it is connected to its broker again."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:  # noqa: ARG002 - the signature is Celery's
        """Note that the broker works."""
        broker_outage.worked()


def report_in_our_words(logger: logging.Logger, *, is_store: bool) -> None:
    """
    Replace what a worker's consumer logs about its broker.

    Args:
        logger: The consumer's.

        is_store: Whether its engines report the same.
    """

    def keep(record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("Frequent restarts detected"):
            return False  # it tried again, at once and in vain
        args = record.args if isinstance(record.args, tuple) else ()
        if record.msg != CONNECTION_ERROR and CONNECTION_RETRY not in args:
            return True
        if not is_store:
            [error] = [one for one in args if isinstance(one, BaseException)]
            broker_outage.failed(reason_of(error))
        return False

    logger.addFilter(keep)
    logging.getLogger("celery.worker.loops").addFilter(says_more_than_broken)
    logging.getLogger("celery.worker").addFilter(is_not_of_broker)


def is_not_of_broker(record: logging.LogRecord) -> bool:
    """
    Return whether a worker does not end for what its broker said; that is logged in our words.

    Celery tries again where nobody answers, and ends where it is refused.
    """
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, AMQPError) or (words := _words_of(error)) is None:
        return True
    reason = f"{words}; check broker_url (BRIDGE_BROKER_URL)"
    broker_outage.failed(reason, effect="this worker ends")
    return False


def says_more_than_broken(record: logging.LogRecord) -> bool:
    """
    Return whether a line of the worker's loop says more than that its connection broke.

    Where that breaks while it is read, Celery's loop meets the same error a second time when
    it cleans up, and logs this one with its traceback.
    """
    cleaning_up = str(record.msg).startswith("Error cleaning up after")
    error = record.exc_info[1] if record.exc_info else None
    return not (cleaning_up and isinstance(error, OSError))
