"""
Members of a JSON object, found while its bytes go by.

A submission may hold five pictures, 60 MB of base64, and the one member that must not be sent
on. To parse it would take several times its size; so a scanner looks for members at the top of
the object, keeps the short values that are wanted, and notes which bytes to leave out.

Names are compared without regard to case, as the JSON readers of Go and .NET compare them: the
upstream would otherwise know a member that this scanner did not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bridge.core.event_data import Json

#: Most bytes of a value that is kept, and of a name that is looked at.
MAX_VALUE, MAX_NAME = 16_384, 256
#: Most members with wanted names: nobody means a second one.
MAX_FOUND = 16

_MARK = b"\xef\xbb\xbf"
_BEFORE_OBJECT = re.compile(rb"[ \t\r\n]*")
_IN_STRING = re.compile(rb'["\\]')
_IN_OBJECT = re.compile(rb'[][{}",:]')
_DEEPER = re.compile(rb'[][{}"]')


@dataclass(frozen=True, slots=True)
class Unread:
    """A value that was too long to be kept, or is not JSON."""


class Members:
    """
    Reads an object in pieces.

    Attributes:
        found: The values of the wanted members, by their names as they were asked for; the
            last one counts where there are several.

        cuts: Which bytes to leave out, from (inclusive) and to (exclusive), in order.

        too_many: Whether there were more than `MAX_FOUND` of them.
    """

    def __init__(self, wanted: Iterable[str], *, cut: Iterable[str]) -> None:
        """
        Begin before the first byte.

        Args:
            wanted: Names of members whose values are kept.

            cut: Those of them that are left out.
        """
        self.found: dict[str, Json | Unread] = {}
        self.cuts: list[tuple[int, int]] = []
        self.too_many = False
        self._wanted = {name.lower(): name for name in wanted}
        self._cut = {name.lower() for name in cut}
        self._seen = 0
        self._place = 0  #: Of the piece at hand, in the whole.
        self._depth = 0  #: 0 before the object.
        self._over = False
        self._in_string = False
        self._skip = False  #: Whether the next byte is escaped.
        self._named = False  #: Whether the colon of a member has been passed.
        self._keeping: bytearray | None = None
        self._most = 0
        self._name: str | None = None  #: Of the member at hand, if it is wanted.
        self._name_at = 0
        self._before = (
            -1
        )  #: The comma before the member at hand, if any is kept before it.
        self._kept_any = False

    def feed(self, piece: bytes) -> None:
        """Read on. The first piece holds all of a byte order mark, if there is one."""
        if self._over:
            return
        self._place, self._seen = self._seen, self._seen + len(piece)
        at = self._open(piece) if self._depth == 0 else 0
        while at < len(piece) and not self._over:
            at = self._string(piece, at) if self._in_string else self._plain(piece, at)

    def _open(self, piece: bytes) -> int:
        """Step over what is in front of the object."""
        marked = self._place == 0 and piece.startswith(_MARK)
        blank = _BEFORE_OBJECT.match(piece, len(_MARK) if marked else 0)
        at = blank.end() if blank else 0  # it matches nothing, at least
        if at < len(piece):
            self._over = piece[at : at + 1] != b"{"
            self._depth = 1
            at += 1
        return at

    def _string(self, piece: bytes, at: int) -> int:
        """Read on within a string."""
        if self._skip:
            self._skip = False
            self._keep(piece, at, at + 1)
            return at + 1
        special = _IN_STRING.search(piece, at)
        if special is None:
            self._keep(piece, at, len(piece))
            return len(piece)
        self._keep(piece, at, special.end())
        if special[0] == b"\\":
            self._skip = True
        else:
            self._in_string = False
            if self._depth == 1 and not self._named:
                self._read_name()
        return special.end()

    def _plain(self, piece: bytes, at: int) -> int:
        """Read on between strings."""
        special = (_IN_OBJECT if self._depth == 1 else _DEEPER).search(piece, at)
        if special is None:
            self._keep(piece, at, len(piece))
            return len(piece)
        char, start, end = special[0], special.start(), special.end()
        self._keep(piece, at, start)
        if self._depth == 1 and char in b",}":
            self._end_member(self._place + start, last=char == b"}")
            return end
        if char == b'"':
            self._in_string = True
            if self._depth == 1 and not self._named:
                self._name_at = self._place + start
                self._keeping, self._most = bytearray(), MAX_NAME
        elif char in b"{[":
            self._depth += 1
        elif char in b"}]":
            self._depth -= 1
        elif char == b":" and not self._named:
            self._named = True
            if self._name is not None:
                self._keeping, self._most = bytearray(), MAX_VALUE
            return end
        self._keep(piece, start, end)
        return end

    def _keep(self, piece: bytes, start: int, end: int) -> None:
        if self._keeping is not None and len(self._keeping) <= self._most:
            self._keeping += piece[start : min(end, start + self._most + 1)]

    def _read_name(self) -> None:
        name = self._read()
        self._name = self._wanted.get(name.lower()) if isinstance(name, str) else None

    def _read(self) -> Json | Unread:
        """Return what was kept."""
        kept, self._keeping = self._keeping, None
        if kept is None or len(kept) > self._most:
            return Unread()
        try:
            value: Json = json.loads(kept, strict=False)
        except (ValueError, RecursionError):
            return Unread()
        return value

    def _end_member(self, end: int, *, last: bool) -> None:
        """Finish the member that ends before a comma, or before the object's end."""
        cut = False
        if self._name is not None:
            self.found[self._name] = self._read()
            cut = self._name.lower() in self._cut
        if cut and len(self.cuts) >= MAX_FOUND:
            self.too_many = True
        elif cut and self._kept_any:
            self.cuts.append((self._before, end))
        elif cut:
            self.cuts.append((self._name_at, end if last else end + 1))
        self._kept_any = self._kept_any or not cut
        self._before = end
        self._name, self._named, self._keeping = None, False, None
        self._over = last


def without(
    pieces: Iterable[bytes], cuts: Iterable[tuple[int, int]]
) -> Iterator[bytes]:
    """Return pieces of a whole without the bytes that are to be left out."""
    left = list(reversed(list(cuts)))
    place = 0
    for piece in pieces:
        kept, at, end = [], 0, place + len(piece)
        while left and left[-1][0] < end:
            start, stop = left[-1]
            kept.append(piece[at : max(start - place, at)])
            at = min(stop, end) - place
            if stop > end:
                break
            left.pop()
        kept.append(piece[at:])
        place = end
        if whole := b"".join(kept):
            yield whole
