"""
Errors: what a person can do something about.

    BridgeError
    ├── Misconfigured       ours to fix: a setting or an argument              exit 2
    ├── StoreUnavailable    the store is away; it is worth trying again        exit 1
    ├── StoreRefused        the store is there, but must not be used as it is  exit 2
    │   └── StoreForbids    its user lacks a right                             exit 2
    ├── NotFound            there is no such task or event                     exit 1
    ├── Ambiguous           the id is known at several upstreams               exit 2
    ├── Refused             an action that cannot be made                      exit 1
    └── InvalidCursor       a list cannot go on there                          exit 2

What a receiver or an upstream does wrong is not an exception here: it is a value (an
attempt, an answer) that the use cases weigh. An error's text is shown to people as it
is, on one line, so it says what is wrong and what to do; it holds no secret and no URL
that might contain one.
"""

# ruff: noqa: N818 - every name here says the trouble already; "Error" would add nothing

from __future__ import annotations

import errno
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar


class BridgeError(Exception):
    """mjbridge could not do this; the log says more."""

    #: What a command that fails with this error exits with: 1 not done, 2 wrong usage or
    #: configuration (the same command will fail again until somebody changes something).
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return what the error was raised with; without that, its class's docstring."""
        return super().__str__() or " ".join(
            inspect.cleandoc(self.__doc__ or "").split()
        )


class Misconfigured(BridgeError):
    """A setting or an argument is wrong; `mjbridge check` says which."""

    exit_code: ClassVar[int] = 2


class StoreUnavailable(BridgeError):
    """
    the store does not answer; does it run, and is it where redis_url (BRIDGE_REDIS_URL) says?
    Without one, `mjbridge up` brings its own, and its terminal says what is wrong with it.
    """


class StoreRefused(BridgeError):
    """
    The store would lose data or holds data of another version; use a Redis or Valkey
    server with maxmemory-policy noeviction, and the version of mjbridge that wrote to it.
    """

    exit_code: ClassVar[int] = 2


class StoreForbids(StoreRefused):
    """The store's user lacks a right; docs/operating.md lists those that it needs."""


class ArchiveUnavailable(BridgeError):
    """The archive cannot be reached; `mjbridge check` says why."""


class NotFound(BridgeError):
    """There is no such task or event; `mjbridge tasks` lists what is known."""


class Ambiguous(BridgeError):
    """The id is known at several upstreams; say which one with --upstream."""

    exit_code: ClassVar[int] = 2

    def __init__(self, *args: object, upstreams: Sequence[str] = ()) -> None:
        """Raise it with the names of the upstreams that know the id."""
        super().__init__(*args)
        self.upstreams = tuple(upstreams)


class Refused(BridgeError):
    """The action cannot be made with the task as it is."""


class InvalidCursor(BridgeError):
    """The cursor does not come from a list; begin without one."""

    exit_code: ClassVar[int] = 2


#: The system's numbers for a disk that is full, or of which a user may take no more.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def directory_errors(folder: object) -> Iterator[None]:
    """
    Translate what goes wrong where a directory is made, or written to.

    Raises:
        BridgeError: Its disk is full, which no setting is to blame for.

        Misconfigured: It cannot be used.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            msg = f"the disk of {folder} is full; make room there, and start again"
            raise BridgeError(msg) from error
        msg = f"cannot use the directory {folder}: {why_unusable(error)}"
        raise Misconfigured(msg) from error


def why_unusable(error: OSError) -> str:
    """Return what is wrong with a directory that could not be made, or written to."""
    if error.errno in FULL:
        return "the disk is full"
    in_its_place = isinstance(error, FileExistsError | NotADirectoryError)
    return "a file is in its place" if in_its_place else reason(error)


def reason(error: OSError) -> str:
    """Return the system's word for what went wrong, without a path that it may hold."""
    return (error.strerror or type(error).__name__).lower()
