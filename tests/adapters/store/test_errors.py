"""`bridge.adapters.store.errors`: what a store says, in our words."""

from __future__ import annotations

import inspect as look
import socket
from enum import Enum

import pytest
from redis import exceptions
from redis._parsers.base import BaseParser
from redis.exceptions import ResponseError

from bridge.adapters.store.errors import meaning_of, store_errors
from bridge.errors import StoreForbids, StoreRefused, StoreUnavailable

#: Every class of error that redis-py has: wait for it, refuse the store, or it is ours.
MEANINGS = {
    **dict.fromkeys(
        [
            "AskError",
            "BusyLoadingError",
            "ClusterDownError",
            "ConnectionError",
            "ExternalAuthProviderError",
            "MasterDownError",
            "MaxConnectionsError",
            "OutOfMemoryError",
            "ReadOnlyError",
            "TimeoutError",
            "TryAgainError",
        ],
        StoreUnavailable,
    ),
    **dict.fromkeys(
        [
            "AuthenticationError",
            "AuthenticationWrongNumberOfArgsError",
            "AuthorizationError",
            "CrossSlotTransactionError",
            "InvalidPipelineStack",
            "InvalidResponse",
            "RedisClusterException",
            "SlotNotCoveredError",
        ],
        StoreRefused,
    ),
    **dict.fromkeys(
        ["ClusterCrossSlotError", "MovedError", "NoPermissionError"], StoreForbids
    ),
    **dict.fromkeys(
        [
            "ChildDeadlockedError",
            "ClusterError",
            "DataError",
            "ExecAbortError",
            "IncorrectPolicyType",
            "LockError",
            "LockNotOwnedError",
            "ModuleError",
            "NoScriptError",
            "NoSuchFieldsetError",
            "PubSubError",
            "RedisError",
            "ResponseError",
            "WatchError",
        ]
    ),
}
CLASSES = [
    found
    for _, found in look.getmembers(exceptions, look.isclass)
    if issubclass(found, Exception) and not issubclass(found, Enum)
]


def test_every_class_of_error_has_a_meaning() -> None:
    assert {found.__name__ for found in CLASSES} == MEANINGS.keys()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_classes_decide_what_an_error_means(kind: type[Exception]) -> None:
    moved = issubclass(kind, exceptions.AskError)
    meaning = meaning_of(kind("1 h:1") if moved else kind("x"))

    assert (type(meaning) if meaning else None) == MEANINGS[kind.__name__]


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", StoreUnavailable),
        ("NOREPLICAS Not enough good replicas to write.", StoreUnavailable),
        (
            "MISCONF Errors writing to the AOF file: No space left on device",
            StoreUnavailable,
        ),
        ("READONLY You can't write against a read only replica.", StoreUnavailable),
        (
            "UNBLOCKED force unblock from blocking operation, instance state changed",
            StoreUnavailable,
        ),
        ("BUSY Valkey is busy running a script.", StoreUnavailable),
        ("LOADING Valkey is loading the dataset in memory", StoreUnavailable),
        ("MASTERDOWN Link with MASTER is down", StoreUnavailable),
        ("CLUSTERDOWN The cluster is down", StoreUnavailable),
        ("TRYAGAIN Multiple keys request during rehashing of slot", StoreUnavailable),
        ("ERR max number of clients reached", StoreUnavailable),
        ("MOVED 3999 127.0.0.1:6381", StoreForbids),
        ("CROSSSLOT Keys in request don't hash to the same slot", StoreForbids),
        ("WRONGPASS invalid username-password pair or user is disabled.", StoreRefused),
        ("NOAUTH Authentication required.", StoreRefused),
        ("ERR DB index is out of range", StoreRefused),
        (
            "ERR The user executing the script can't run this command script: 4f3c",
            StoreForbids,
        ),
        ("NOPERM User x has no permissions to run the 'info' command", StoreForbids),
    ],
)
def test_what_a_server_says_is_read_as_the_client_reads_it(
    line: str, meaning: type[Exception]
) -> None:
    read = BaseParser.parse_error(line)  # type: ignore[no-untyped-call]

    assert type(meaning_of(read)) is meaning


def test_a_refused_write_in_a_script_is_worth_another_try() -> None:
    said = "-OOM script: 4f3c, on @user_script:12."

    with pytest.raises(StoreUnavailable), store_errors():
        raise ResponseError(said)


def test_a_crowded_store_says_so() -> None:
    read = BaseParser.parse_error("ERR max number of clients reached")  # type: ignore[no-untyped-call]

    assert "maxclients" in str(meaning_of(read))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("WRONGPASS invalid username-password pair", "refuses the password"),
        ("NOAUTH Authentication required.", "wants a password and got none"),
        (
            "NOAUTH HELLO must be called with the client already authenticated, otherwise",
            "wants a password and got none",
        ),
        (
            (
                "ERR AUTH <password> called without any password configured for the default user. "
                "Are you sure your configuration is correct?"
            ),
            "has no password, and got one",
        ),
    ],
    ids=["wrong", "missing", "missing in a greeting", "not wanted"],
)
def test_what_is_wrong_with_a_password_is_said(line: str, words: str) -> None:
    read = BaseParser.parse_error(line)  # type: ignore[no-untyped-call]

    assert words in str(meaning_of(read))


def test_a_socket_that_is_kept_from_us_is_not_called_silent() -> None:
    said = "Error 13 connecting to /run/valkey.sock. Permission denied."

    assert "may not connect" in str(meaning_of(exceptions.ConnectionError(said)))


def test_a_host_name_that_means_nothing_is_not_called_a_silence() -> None:
    error = exceptions.ConnectionError("Error -2 connecting to cache:6379.")
    error.__context__ = socket.gaierror(-2, "Name or service not known")

    meaning = meaning_of(error)

    assert isinstance(meaning, StoreUnavailable)
    assert "host name that cannot be resolved" in str(meaning)
    assert "cache" not in str(meaning)


def test_what_is_forbidden_is_named_without_keys_and_users() -> None:
    said = "User anne has no permissions to run the 'info' command"
    meaning = meaning_of(exceptions.NoPermissionError(said))

    assert "may not run INFO" in str(meaning)
    assert "anne" not in str(meaning)


def test_what_is_wrong_with_a_command_is_no_reason_to_wait() -> None:
    said = "wrong number of arguments for 'get' command"

    with pytest.raises(ResponseError, match="arguments"), store_errors():
        raise ResponseError(said)
