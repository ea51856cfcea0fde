"""
Paths: which of the protocol's routes a request is for.

Rule 1: what is not on the list is refused. Everything else that an upstream serves (its
accounts, its settings, its own API) stays out of reach.
Rule 2: a path that is spelled in another way than its normal form is refused, not normalized:
an upstream might normalize it in yet another way. No route needs an escape, so ``%`` is
refused as such, and with it every encoded slash, dot, backslash and NUL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: What a segment may hold: RFC 3986's characters of a path without those that some server
#: takes for something else (``;`` for a parameter), and no ``.`` or ``..`` alone.
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_~.:@!$*+,=-]+"
_ROUTES = (
    rf"submit/{_SEGMENT}",
    rf"task/{_SEGMENT}(?:/{_SEGMENT})?",
    r"insight-face/swap",
    rf"image/{_SEGMENT}(?:/{_SEGMENT}){{0,5}}",
)
_PATH = re.compile(
    r"(?:/u/(?P<upstream>[^/]+))?"
    r"(?P<mode>/mj-(?:fast|relax|turbo))?"
    rf"/mj/(?P<route>{'|'.join(_ROUTES)})"
)
#: What begins like a path of the protocol, and is answered in its form.
_OURS = re.compile(rb"/(?:mj|mj-[^/]*|u)(?:/|$)")
_FETCH = re.compile(r"task/([^/]+)/fetch")
_LISTS = frozenset({"task/list-by-condition", "task/list-by-ids"})


@dataclass(frozen=True, slots=True)
class Target:
    """
    What a request is for.

    Attributes:
        upstream: The upstream that the path names; ``None`` if it names none.

        mode: ``/mj-fast``, ``/mj-relax``, ``/mj-turbo``, or empty.

        route: Below ``/mj/``.
    """

    upstream: str | None
    mode: str
    route: str

    @property
    def methods(self) -> frozenset[str]:
        """The methods that it takes."""
        if self.is_submission:
            return frozenset({"POST"})
        if self.route.startswith("image/"):
            return frozenset({"GET", "HEAD"})
        return frozenset({"GET", "HEAD", "POST"})

    @property
    def is_submission(self) -> bool:
        """Whether something is asked to be done there, and perhaps paid for."""
        return self.route.startswith(("submit/", "insight-face/"))

    @property
    def is_question(self) -> bool:
        """Whether it asks how tasks stand, and changes nothing."""
        return self.route in _LISTS or self.fetched is not None

    @property
    def fetched(self) -> str | None:
        """The id of the one task that it asks for; ``None`` if it asks in another way."""
        found = _FETCH.fullmatch(self.route)
        return found[1] if found else None


def is_ours(raw_path: bytes) -> bool:
    """Whether a path begins like one of the protocol's, allowed or not."""
    return _OURS.match(raw_path) is not None


def target_of(raw_path: bytes) -> Target | None:
    """
    Return what a path leads to; ``None`` if it is refused.

    Args:
        raw_path: As it came, without the query.
    """
    try:
        found = _PATH.fullmatch(raw_path.decode("ascii"))
    except UnicodeDecodeError:
        return None
    if found is None:
        return None
    return Target(found["upstream"], found["mode"] or "", found["route"])
