"""Documents: a ticket, the file that was announced and no other, and who reads it again."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select

import loaders.document
from models.account import AuditDetail, AuditEntry, Outbox
from models.worker import Document, Upload, Worker
from runtime.process import Process
from runtime.rights import Role
from runtime.settings import Settings
from runtime.storage import LocalStorage, media_type_of, sha256_of
from runtime.tokens import rotate
from runtime.viewer import Viewer
from server import create_app
from tests.asking import Inbox, a_process, answer, because, send
from tests.conftest import client_of, run_sql_async
from tests.make import LUCKNOW, a_provider, a_worker, scalar

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 8
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 64
REASON = "Registration of the worker"
OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """One process signs and the other checks, as two gateways over one key file do."""
    rotate(tmp_path / "keys.json")
    return Settings(
        database_url=database_url,
        pool_size=5,
        storage_dir=str(tmp_path / "documents"),
        signing_keys=str(tmp_path / "keys.json"),
    )


@pytest_asyncio.fixture
async def process(settings: Settings) -> AsyncIterator[Process]:
    assert settings.database_url
    async with a_process(
        settings.database_url,
        storage_dir=settings.storage_dir,
        signing_keys=settings.signing_keys,
    ) as process:
        yield process


@pytest_asyncio.fixture
async def client(settings: Settings, inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings, inbox)) as client:
        yield client


def me(worker: Worker) -> Viewer:
    return Viewer(Role.WORKER, worker.id)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def ticket(
    process: Process, viewer: Viewer, content: bytes = PDF, media_type: str = "PDF", **given: Any
) -> Any:
    told = {
        "kind": "POLICE",
        "mediaType": media_type,
        "bytes": len(content),
        "sha256": sha256(content),
    }
    selection = "... on UploadTicket { url expiresAt }"
    return await send(process, viewer, "requestDocumentUpload", selection, **told | given)


async def put(client: httpx.AsyncClient, url: str, content: bytes = PDF) -> httpx.Response:
    return await client.put(httpx.URL(url).path, content=content)


async def documents(url: str) -> int:
    return int(await scalar(url, select(func.count()).select_from(Document)))


async def handed_in(process: Process, client: httpx.AsyncClient, worker: Worker) -> str:
    given = await ticket(process, me(worker))
    return str((await put(client, given["url"])).json()["id"])


async def address(process: Process, viewer: Viewer, id: str) -> Any:
    query = f'{{ node(id: "{id}") {{ ... on Document {{ url }} }} }}'
    data, errors = await answer(process, viewer, query)
    if errors:
        return [error["extensions"]["code"] for error in errors]
    return data["node"] and data["node"]["url"]


async def test_a_document_is_handed_in_and_read_again(
    process: Process, client: httpx.AsyncClient, settings: Settings, database_url: str
) -> None:
    worker = await a_worker(database_url)

    given = await ticket(process, me(worker))
    response = await put(client, given["url"])
    assert response.status_code == 201
    id = response.json()["id"]

    fields = "documents { id kind mediaType bytes sha256 }"
    data, _ = await answer(process, me(worker), f'{{ worker(id: "{worker.id}") {{ {fields} }} }}')
    assert data["worker"]["documents"] == [
        {
            "id": id,
            "kind": "POLICE",
            "mediaType": "application/pdf",
            "bytes": len(PDF),
            "sha256": sha256(PDF),
        }
    ]
    read = await client.get(httpx.URL(await address(process, me(worker), id)).path)
    assert (read.status_code, read.content) == (200, PDF)
    assert read.headers["content-type"] == "application/pdf"
    assert read.headers["content-disposition"].startswith("attachment")
    assert read.headers["cache-control"] == "private, no-store"
    event = select(func.array_agg(Outbox.event)).where(Outbox.subject_id == id)
    assert await scalar(database_url, event) == ["DocumentSubmitted"]
    ticket_text = given["url"].rpartition("/")[2]
    kept = await scalar(database_url, select(Upload.ticket_hash))
    assert ticket_text not in kept


async def test_a_file_that_is_not_the_one_announced_is_refused(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    worker = await a_worker(database_url)
    given = await ticket(process, me(worker))

    other = await put(client, given["url"], PDF[:-1] + b"\xfe")
    short = await put(client, given["url"], PDF[:-1])
    large = await put(client, given["url"], PDF + b"\0")

    assert [one.status_code for one in (other, short, large)] == [422, 422, 413]
    assert other.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    assert await documents(database_url) == 0
    # The ticket is not spent by that.
    assert (await put(client, given["url"])).status_code == 201


async def test_a_file_of_another_type_than_it_says_is_refused(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    worker = await a_worker(database_url)
    page = b"<html><script>alert(1)</script>"

    for content, media_type in ((JPEG, "PNG"), (page, "PDF"), (PDF, "JPEG")):
        given = await ticket(process, me(worker), content, media_type)
        assert (await put(client, given["url"], content)).status_code == 415
    assert await documents(database_url) == 0


async def test_a_file_that_is_too_large_gets_no_ticket(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)

    refused = await ticket(process, me(worker), bytes=5_000_001)
    assert refused["__typename"] == "DocumentTooLarge"
    for wrong in ({"bytes": 0}, {"sha256": "ABC"}):
        assert await ticket(process, me(worker), **wrong) == ["BAD_INPUT"]


async def test_more_is_not_read_than_was_announced(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    worker = await a_worker(database_url)
    given = await ticket(process, me(worker))
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield PDF

    response = await client.put(httpx.URL(given["url"]).path, content=endless())

    assert response.status_code == 413
    assert sent < 100


async def test_a_ticket_is_used_once(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    worker = await a_worker(database_url)
    given = await ticket(process, me(worker))

    answers = await asyncio.gather(*(put(client, given["url"]) for _ in range(5)))

    assert sorted(one.status_code for one in answers) == [201, 404, 404, 404, 404]
    assert (await put(client, given["url"])).status_code == 404
    assert await documents(database_url) == 1


async def test_unless_it_is_spent_a_ticket_brings_in_five(
    process: Process,
    client: httpx.AsyncClient,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = await a_worker(database_url)
    given = await ticket(process, me(worker))
    monkeypatch.setattr(
        loaders.document,
        "use_ticket",
        lambda hash, _: select(Upload.worker_id).where(Upload.ticket_hash == hash),
    )

    await asyncio.gather(*(put(client, given["url"]) for _ in range(5)))

    assert await documents(database_url) == 5


async def test_a_ticket_that_is_old_or_made_up_is_refused(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    worker = await a_worker(database_url)
    given = await ticket(process, me(worker))
    await run_sql_async(database_url, "UPDATE upload SET expires_at = :now")

    assert (await put(client, given["url"])).status_code == 404
    assert (await put(client, "/documents/made-up")).status_code == 404


async def test_whoever_was_erased_hands_nothing_in(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    worker = await a_worker(database_url)
    given = await ticket(process, me(worker))
    await run_sql_async(database_url, "UPDATE worker SET status = 'ERASED', mobile = NULL")

    assert (await put(client, given["url"])).status_code == 404
    assert await documents(database_url) == 0
    with pytest.raises(FileNotFoundError):
        await process.storage.get(sha256_of(PDF))


async def test_a_document_is_for_the_worker_and_for_officers_with_a_reason(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)
    stranger = await a_worker(database_url)
    id = await handed_in(process, client, worker)

    assert str(await address(process, me(worker), id)).startswith("http")
    officer = replace(OFFICER, reason=because(REASON, worker.id))
    assert str(await address(process, officer, id)).startswith("http")
    audited = (
        select(AuditDetail.reason)
        .join(AuditEntry, AuditEntry.detail_id == AuditDetail.id)
        .where(AuditEntry.type == "Document", AuditEntry.actor_id == OFFICER.id)
    )
    assert await scalar(database_url, audited) == REASON
    elsewhere = replace(officer, districts=("dt_118",))
    for viewer in (Viewer(), me(stranger), Viewer(Role.AUDITOR, "us_1"), elsewhere):
        assert await address(process, viewer, id) is None, viewer.role
    # Those who handle the worker know of it, and are told why they do not read it.
    provided = Viewer(Role.PROVIDER, provider.id, provider_id=provider.id)
    assert await address(process, provided, id) == ["FORBIDDEN"]
    assert await address(process, OFFICER, id) == ["REASON_REQUIRED"]


async def test_an_officer_and_the_provider_hand_in_for_a_worker(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)

    for viewer in (OFFICER, Viewer(Role.PROVIDER, provider.id, provider_id=provider.id)):
        given = await ticket(process, viewer, workerId=worker.id)
        assert (await put(client, given["url"])).status_code == 201
    # The same content lies in storage once; each handing-in is on record.
    assert await documents(database_url) == 2


async def test_documents_of_one_person_are_limited(settings: Settings, database_url: str) -> None:
    worker = await a_worker(database_url)
    async with a_process(database_url, documents_each=0) as process:
        refused = await ticket(process, me(worker))

    assert refused["__typename"] == "TooManyDocuments"


async def test_an_address_holds_for_one_document_and_some_minutes(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    worker = await a_worker(database_url)
    id = await handed_in(process, client, worker)
    path = httpx.URL(await address(process, me(worker), id)).path

    assert (await client.get(path[:-4] + "AAAA")).status_code == 404
    ended = process.keys.sign(-10, aud="sewa-mitra-documents", document=id)
    assert (await client.get(f"/documents/{ended}")).status_code == 404
    gone = process.keys.sign(5, aud="sewa-mitra-documents", document="dc_gone")
    assert (await client.get(f"/documents/{gone}")).status_code == 404
    await process.storage.remove(sha256(PDF))
    assert (await client.get(path)).status_code == 404


async def test_an_address_signs_nobody_in_and_a_session_opens_no_document(
    process: Process, client: httpx.AsyncClient, database_url: str
) -> None:
    worker = await a_worker(database_url)
    id = await handed_in(process, client, worker)
    token = httpx.URL(await address(process, me(worker), id)).path.rpartition("/")[2]

    response = await client.post(
        "/graphql",
        json={"query": "{ viewer { role } }"},
        headers={"authorization": f"Bearer {token}"},
    )
    assert response.status_code == 401
    session = process.keys.sign(5, sub=worker.id, role="WORKER", document=id)
    assert (await client.get(f"/documents/{session}")).status_code == 404


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_storage_keeps_a_file_whole_and_to_itself(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "documents")

    key = await storage.put(PDF)
    assert await storage.put(PDF) == key == sha256(PDF)

    assert await storage.get(key) == PDF
    assert [path.name for path in files_in(storage.folder)] == [key]
    modes = {path.stat().st_mode & 0o077 for path in (storage.folder, *storage.folder.rglob("*"))}
    assert modes == {0}
    await storage.remove(key)
    await storage.remove(key)
    with pytest.raises(FileNotFoundError):
        await storage.get(key)


async def test_a_write_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = LocalStorage(tmp_path)

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        await storage.put(PDF)

    assert not files_in(tmp_path)


def test_a_file_is_told_by_how_it_begins() -> None:
    assert media_type_of(PDF) == "application/pdf"
    assert media_type_of(JPEG) == "image/jpeg"
    assert media_type_of(b"\x89PNG\r\n\x1a\n...") == "image/png"
    assert media_type_of(b"GIF89a") is media_type_of(b"") is None
