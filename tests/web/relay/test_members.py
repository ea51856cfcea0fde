"""`bridge.web.relay.members`: members of an object, found while its bytes go by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.web.relay.members import MAX_FOUND, MAX_VALUE, Members, Unread, without

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(["notifyHook", "customId", "prompt", 'a"b\\', "{", ""])


def scanned(body: bytes, size: int) -> tuple[Members, bytes]:
    members = Members(["customId", "notifyHook"], cut=["notifyHook"])
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    for piece in pieces:
        members.feed(piece)
    return members, b"".join(without(pieces, members.cuts))


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"a":1 , "notifyHook":"x" , "b":2}', b'{"a":1 , "b":2}'),
        (b'{"notifyHook":"x"}', b"{}"),
        (b' { "notifyHook":"x", "b":2}', b' {  "b":2}'),
        (b'{"b":12,"notifyHook":null}', b'{"b":12}'),
        (b'{"notifyHook":1,"NOTIFYHOOK":[1,{"a":"}"}],"b":2}', b'{"b":2}'),
        (b'{"a":1,"notifyHook":1,"notifyhook":2}', b'{"a":1}'),
        (b'{"notifyH\\u006fok":"x","b":2}', b'{"b":2}'),
        (b'{"a":{"notifyHook":"x"}}', b'{"a":{"notifyHook":"x"}}'),
        (b'{"a":"\\"notifyHook\\":1"}', b'{"a":"\\"notifyHook\\":1"}'),
        (b'["notifyHook"]', b'["notifyHook"]'),
        (b'"notifyHook":1', b'"notifyHook":1'),
        (b'{"notifyHook', b'{"notifyHook'),
        (b"", b""),
    ],
)
@pytest.mark.parametrize("size", [3, 7, 1000])
def test_only_what_is_to_be_left_out_is(body: bytes, left: bytes, size: int) -> None:
    assert scanned(body, size)[1] == left


def test_a_byte_order_mark_is_stepped_over() -> None:
    members, left = scanned(b'\xef\xbb\xbf{"notifyHook":"x"}', 5)
    assert (members.found, left) == ({"notifyHook": "x"}, b"\xef\xbb\xbf{}")


def test_a_value_that_is_too_long_is_not_kept_and_left_out_all_the_same() -> None:
    long = b'{"notifyHook":"' + b"x" * MAX_VALUE + b'","a":1}'
    members, left = scanned(long, 1000)
    assert (members.found, left) == ({"notifyHook": Unread()}, b'{"a":1}')


def test_nobody_means_so_many_of_one_name() -> None:
    body = b"{" + b'"notifyHook":1,' * (MAX_FOUND + 1) + b'"a":1}'
    assert scanned(body, 1000)[0].too_many


@given(
    st.lists(st.tuples(NAMES, JSON), max_size=6),
    st.sampled_from([None, 2]),
    st.integers(3, 40),
)
def test_what_is_left_is_the_object_without_it(
    members: list[tuple[str, Any]], indent: int | None, size: int
) -> None:
    parts = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members]
    gap = "\n  " if indent else ""
    body = ("{" + gap + f",{gap}".join(parts) + "}").encode()
    found, left = scanned(body, size)
    expected = dict(members)
    for name in ("notifyHook", "customId"):
        assert found.found.get(name) == expected.get(name)
    expected.pop("notifyHook", None)
    assert json.loads(left) == expected


@given(st.binary(), st.integers(1, 10))
def test_nothing_makes_it_raise(body: bytes, size: int) -> None:
    scanned(b"{" + body, size)
