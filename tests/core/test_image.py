"""`bridge.core.media_url`: until when a picture's URL works, and whether it is new."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.media_url import expires_at, stable


@pytest.mark.parametrize(
    ("url", "expiry"),
    [
        pytest.param(
            "https://cdn.example/a.png?ex=6728831f&is=6727319f&hm=f6&",
            datetime(2024, 11, 4, 8, 17, 35, tzinfo=UTC),
            id="Discord",
        ),
        pytest.param(
            "https://x.oss.example/a.png?OSSAccessKeyId=1&Expires=1730708255&Signature=2",
            datetime(2024, 11, 4, 8, 17, 35, tzinfo=UTC),
            id="OSS",
        ),
        pytest.param(
            "https://s3.example/a?X-Amz-Date=20241103T081735Z&X-Amz-Expires=86400",
            datetime(2024, 11, 4, 8, 17, 35, tzinfo=UTC),
            id="S3",
        ),
        pytest.param(
            "https://cos.example/a?q-sign-time=1730621855;1730708255",
            datetime(2024, 11, 4, 8, 17, 35, tzinfo=UTC),
            id="COS",
        ),
        pytest.param("https://cdn.midjourney.com/uuid/0_0.png", None, id="for ever"),
        pytest.param(
            "https://h/a?ex=1&Expires=1730708255",
            datetime(2024, 11, 4, 8, 17, 35, tzinfo=UTC),
            id="another ex beside it",
        ),
        pytest.param(
            "https://h/a?Expires=never&q-sign-time=1730621855;1730708255",
            datetime(2024, 11, 4, 8, 17, 35, tzinfo=UTC),
            id="another Expires beside it",
        ),
        pytest.param("https://h/a?ex=1", None, id="an ex of another kind"),
        pytest.param("https://h/a?ex=06728831f", None, id="nine digits"),
        pytest.param("https://h/a?ex=0x672883", None, id="a prefix"),
        pytest.param("https://h/a?ex=12345678", None, id="1979"),
        pytest.param("https://h/a?ex=ffffffff", None, id="2106"),
        pytest.param("https://h/a?Expires=86400", None, id="a duration"),
        pytest.param("https://h/a?Expires=1_730_708_255", None, id="grouped digits"),
        pytest.param("https://h/a?Expires=1730708255000", None, id="milliseconds"),
        pytest.param("https://h/a?q-sign-time=1;2", None, id="1970"),
        pytest.param(
            "https://h/a?X-Amz-Date=19700103T081735Z&X-Amz-Expires=1",
            None,
            id="1970 S3",
        ),
        pytest.param("https://h/a?ex=nothex", None, id="not hexadecimal"),
        pytest.param("https://h/a?Expires=99999999999999999999", None, id="too far"),
        pytest.param(
            "https://h/a?X-Amz-Date=today&X-Amz-Expires=1", None, id="no date"
        ),
        pytest.param("https://h/a?q-sign-time=1", None, id="half a time"),
        pytest.param("https://[bad/a?ex=6728831f", None, id="no URL"),
        pytest.param("/mj/image/17", None, id="relative"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="none"),
    ],
)
def test_a_url_says_until_when_it_works(
    url: str | None, expiry: datetime | None
) -> None:
    assert expires_at(url) == expiry


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://gw/mj/image/9?rand=1", "https://gw/mj/image/9?rand=2"),
        ("https://gw/mj/image/9?rand=1", "https://gw/mj/image/9"),
        ("https://cdn/a.png?ex=1&is=2&hm=3&", "https://cdn/a.png?ex=4&is=5&hm=6&"),
        ("https://cdn/a.png?w=9&rand=1", "https://cdn/a.png?w=9"),
        ("https://oss/a?Expires=1&Signature=2", "https://oss/a?Signature=3&Expires=4"),
    ],
)
def test_decorations_do_not_make_a_new_picture(one: str, other: str) -> None:
    assert stable(one) == stable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://gw/mj/image/9?rand=1", "https://gw/mj/image/8?rand=1"),
        ("https://cdn/a.png?w=9", "https://cdn/a.png?w=8"),
        ("https://cdn/a.png", None),
    ],
)
def test_another_picture_is_another_picture(one: str, other: str | None) -> None:
    assert stable(one) != stable(other)


PARTS = st.sampled_from(
    ["ex", "Expires", "X-Amz-Date", "X-Amz-Expires", "q-sign-time", "a"]
)
URLS = st.lists(st.tuples(PARTS, st.text() | st.integers().map(str))).map(
    lambda pairs: "https://h/a?" + "&".join("=".join(pair) for pair in pairs)
)


@given(st.text() | URLS)
def test_any_text_has_an_answer(text: str) -> None:
    stable_part = stable(text)

    assert stable_part is not None
    assert text.startswith(stable_part.partition("?")[0])
    assert stable(stable_part) == stable_part
    expiry = expires_at(text)
    assert expiry is None or expiry.tzinfo is UTC or expiry.utcoffset() is not None
