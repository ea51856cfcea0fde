"""Kept pictures over HTTP: as what they are, to anyone who knows the name, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bridge.adapters.archive.disk import LocalFiles
from bridge.core.media import thumbnail_name
from tests.pictures import VIDEO, picture
from tests.web.site import TOKEN, Site, open_site

SHA = "ab" * 32
PNG = f"{SHA}.png"


@pytest.fixture
async def gallery(
    redis_url: str, namespace: str, tmp_path: Path
) -> AsyncIterator[tuple[Site, LocalFiles]]:
    """A site that wants a token, and where its pictures are."""
    archive = {"url": f"file:{tmp_path}"}
    async with open_site(
        redis_url, namespace, archive=archive, api_token=TOKEN
    ) as site:
        yield site, LocalFiles(tmp_path)


async def keep(files: LocalFiles, data: bytes, name: str) -> None:
    async with files.incoming() as incoming:
        await incoming.write(data)
        await incoming.finish()
        await files.add(incoming.path, name)


async def ask(
    site: Site, name: str, method: str = "GET", **headers: str
) -> httpx.Response:
    return await site.http.request(method, f"/files/{name}", headers=headers)


@pytest.mark.parametrize(
    ("name", "data", "type_"),
    [
        (PNG, picture(), "image/png"),
        (f"{SHA}.mp4", VIDEO, "video/mp4"),
        (thumbnail_name(PNG, 512), picture("WEBP"), "image/webp"),
    ],
)
async def test_a_kept_file_is_served_to_whoever_knows_its_name(
    gallery: tuple[Site, LocalFiles], name: str, data: bytes, type_: str
) -> None:
    site, files = gallery
    await keep(files, data, name)
    answer = await ask(site, name)

    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == type_
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"] == f'inline; filename="{name}"'


async def test_a_file_that_is_known_is_not_sent_again(
    gallery: tuple[Site, LocalFiles],
) -> None:
    site, files = gallery
    await keep(files, picture(), PNG)
    etag = (await ask(site, PNG)).headers["etag"]
    answer = await ask(site, PNG, **{"if-none-match": etag})

    assert (answer.status_code, answer.content) == (304, b"")


async def test_a_part_is_sent_if_it_is_asked_for(
    gallery: tuple[Site, LocalFiles],
) -> None:
    site, files = gallery
    await keep(files, VIDEO, f"{SHA}.mp4")
    answer = await ask(site, f"{SHA}.mp4", range="bytes=4-7")

    assert (answer.status_code, answer.content) == (206, b"ftyp")
    assert answer.headers["content-range"] == f"bytes 4-7/{len(VIDEO)}"


async def test_its_head_says_how_large_it_is(gallery: tuple[Site, LocalFiles]) -> None:
    site, files = gallery
    await keep(files, picture(), PNG)
    answer = await ask(site, PNG, "HEAD")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(picture()))


@pytest.mark.parametrize(
    "name",
    [
        PNG,
        f"{SHA}.svg",
        f"{SHA}.html",
        "..%2fbridge.toml",
        "%2e%2e/%2e%2e/etc/passwd",
        f"{SHA}.png%00",
        "tmp",
        "",
    ],
)
async def test_nothing_else_is_there(
    gallery: tuple[Site, LocalFiles], name: str
) -> None:
    site, files = gallery
    secret = files.folder / "blobs" / SHA[:2] / f"{SHA}.svg"
    secret.parent.mkdir(parents=True)
    secret.write_text("<svg/>")
    answer = await ask(site, name)

    assert answer.status_code in {401, 404}
    assert "svg" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_it_can_be_read_only(
    gallery: tuple[Site, LocalFiles], method: str
) -> None:
    site, _ = gallery

    assert (await ask(site, PNG, method)).status_code == 405


async def test_without_an_archive_there_is_none(site: Site) -> None:
    assert (await ask(site, PNG)).status_code == 404
