"""Where parts of exports are kept: a folder, or a bucket of a server that speaks S3."""

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from runtime import parts
from runtime.parts import Parts, parts_for
from runtime.settings import Settings
from tests.exporting import a_client, exported, exporting, note, parts_in, people
from tests.provider import free_port

CONTENT = os.urandom(3 * parts.CHUNK + 5)
NAME = "ex_1/00001-a.jsonl"


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one, on a server of its own."""
    program = shutil.which("nanio", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("nanio, which speaks S3, is not installed")
    port, key = free_port(), "key-of-the-test"
    server = subprocess.Popen(
        [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--no-access-log"],
        env={
            **os.environ,
            "NANIO_ACCESS_KEY": key,
            "NANIO_SECRET_KEY": key,
            "NANIO_DATA_DIR": str(tmp_path_factory.mktemp("buckets")),
        },
    )
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                httpx.get(f"http://127.0.0.1:{port}/")
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        where = f"endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
        files, _ = fs.FileSystem.from_uri(
            f"s3://{key}:{key}@exports?{where}&allow_bucket_creation=true"
        )
        files.create_dir("exports")
        with pytest.MonkeyPatch.context() as patch:
            # It does not know the checksums that have come into S3 of late.
            patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
            yield f"s3://{key}:{key}@exports/of/us?{where}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    if request.param == "bucket":
        return Parts(request.getfixturevalue("bucket"))
    return Parts(str(tmp_path / "store"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source"
    file.write_bytes(CONTENT)
    return file


async def content(store: Parts, start: int = 0, length: int = len(CONTENT)) -> bytes:
    return b"".join([chunk async for chunk in await store.read(NAME, start, length)])


async def test_what_goes_in_comes_out_whole_and_in_parts(store: Parts, source: Path) -> None:
    await store.put(source, NAME)

    assert await content(store) == CONTENT
    assert await content(store, parts.CHUNK - 1, 2) == CONTENT[parts.CHUNK - 1 : parts.CHUNK + 1]
    await store.remove("ex_1")
    with pytest.raises(FileNotFoundError):
        await content(store)
    await store.remove("ex_1")


async def test_a_folder_never_has_half_a_file_and_is_its_owners_alone(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Parts(str(tmp_path / "store"))

    def full(_: Path) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(parts, "sync", full)
        with pytest.raises(OSError, match="no space"):
            await store.put(source, NAME)
    left = [file for _, _, names in os.walk(store.address) for file in names]
    assert left == []
    assert stat.S_IMODE(os.stat(store.address).st_mode) == 0o700


def test_parts_lie_beside_documents_if_nothing_is_said() -> None:
    assert parts_for(Settings(storage_dir="/srv/documents")).address == "/srv/exports"
    assert parts_for(Settings(export_store="s3://b/p")).address == "s3://b/p"


async def test_an_export_goes_into_a_bucket(bucket: str, database_url: str) -> None:
    async with exporting(database_url, bucket) as process:
        client = await a_client(database_url)
        expected = await people(database_url, 6)
        await note(process)
        id = await exported(process, client, format="PARQUET")
        found: list[str] = []
        for part in await parts_in(process, id):
            chunks = await process.parts.read(part.name, 0, part.bytes)
            file = BytesIO(b"".join([chunk async for chunk in chunks]))
            found += pq.read_table(file).column("workerId").to_pylist()

    assert sorted(found) == sorted(expected)
