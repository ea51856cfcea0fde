"""`bridge.adapters.archive.s3`, against moto's server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from bridge.adapters.archive.s3 import S3Files
from bridge.core.media import thumbnail_name
from bridge.errors import ArchiveUnavailable
from tests.pictures import picture

PNG = f"{'ab' * 32}.png"
SECRET = "s3cr3t-of-the-test"


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Where an S3 listens."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


def files_at(service: str, folder: Path, *, bucket: str = "pictures") -> S3Files:
    return S3Files(
        bucket=bucket,
        prefix="mj",
        endpoint_url=service,
        region="us-east-1",
        access_key="test",
        secret_key=SECRET,
        folder=folder,
    )


@pytest.fixture
async def files(service: str, tmp_path: Path) -> S3Files:
    async with httpx.AsyncClient() as client:
        await client.post(f"{service}/moto-api/reset")
        await client.put(f"{service}/pictures")
    return files_at(service, tmp_path)


async def keep(files: S3Files, data: bytes, name: str = PNG) -> None:
    async with files.incoming() as incoming:
        await incoming.write(data)
        await incoming.finish()
        await files.add(incoming.path, name)


async def test_what_is_added_can_be_read(files: S3Files) -> None:
    await keep(files, picture())

    assert await files.read(PNG, 1 << 20) == picture()
    assert await files.read(PNG, 10) is None


async def test_a_signed_url_leads_to_it(files: S3Files) -> None:
    await keep(files, picture())
    url = await files.locate(PNG)
    assert url is not None
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)

    assert (answer.status_code, answer.content) == (200, picture())
    assert answer.headers["content-type"] == "image/png"


async def test_one_of_the_same_name_is_the_same_and_stays(files: S3Files) -> None:
    await keep(files, picture())
    await keep(files, b"something else")

    assert await files.read(PNG, 1 << 20) == picture()


async def test_what_is_not_there_is_nowhere(files: S3Files) -> None:
    assert await files.read(PNG, 1 << 20) is None
    assert await files.locate(PNG) is None
    assert await files.read("../../etc/passwd", 1 << 20) is None


async def test_what_is_deleted_is_gone_with_its_thumbnails(files: S3Files) -> None:
    await keep(files, picture())
    await keep(files, picture("WEBP"), thumbnail_name(PNG, 256))
    await files.delete([PNG])
    await files.delete([PNG])

    assert await files.locate(PNG) is None
    assert await files.locate(thumbnail_name(PNG, 256)) is None


async def test_a_service_that_is_away_is_said_to_be_and_nothing_more(
    tmp_path: Path,
) -> None:
    files = files_at("http://127.0.0.1:9", tmp_path)
    with pytest.raises(ArchiveUnavailable) as caught:
        await files.try_out()

    assert "127.0.0.1" not in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_a_bucket_that_is_not_there_cannot_be_added_to(
    service: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveUnavailable):
        await keep(files_at(service, tmp_path, bucket="elsewhere"), picture())


async def test_a_bucket_that_answers_is_fine(files: S3Files) -> None:
    await files.try_out()
