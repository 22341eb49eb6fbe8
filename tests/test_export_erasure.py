"""Whoever is forgotten, or withdraws, is in no file that was exported."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, text

from models.base import new_id
from models.export import ExportPart
from models.worker import Document, Worker
from runtime import clock
from runtime.process import Process
from runtime.rights import Role
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.asking import send
from tests.background import settle
from tests.conftest import run_sql_async
from tests.exporting import (
    PURPOSE,
    a_client,
    about,
    begin,
    exported,
    exporting,
    finish,
    people,
    records,
    while_it_runs,
)
from tests.make import a_booking, a_citizen, a_review, save, scalar
from tests.test_erasure import left

NAME = "Zqxarani"
CARDS = "{ workers { nodes { displayName } } }"
"""Public, and without an id."""
REVIEWS = "{ workers { nodes { code reviews(first: 5) { nodes { text reviewerName } } } } }"
AUDITOR = Viewer(Role.AUDITOR, "us_dpo")


@pytest_asyncio.fixture
async def process(database_url: str, tmp_path: Path) -> AsyncIterator[Process]:
    store = tmp_path / "store"
    async with exporting(database_url, store, storage_dir=str(tmp_path / "documents")) as process:
        yield process


async def forget(process: Process, viewer: Viewer) -> None:
    asked = await send(process, viewer, "requestErasure", "... on Node { id }")
    given = {"requestId": asked["id"], "granted": True}
    decided = await send(process, AUDITOR, "decideErasure", **given)
    assert decided["__typename"] == "ErasureRequest", decided


async def withdraw(process: Process, viewer: Viewer) -> None:
    await send(process, viewer, "withdrawConsent", purpose=PURPOSE)


async def somebody(url: str) -> Viewer:
    (id,) = await people(url, 1, first_name_en=NAME)
    return Viewer(Role.WORKER, id)


def holding(folder: Path, name: str) -> list[Path]:
    """The files in it that the name stands in."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if name.encode() in path.read_bytes()]


def holds(process: Process, name: str) -> list[Path]:
    return holding(Path(process.parts.address), name)


async def test_nothing_of_whoever_was_forgotten_is_in_any_folder_or_table(
    process: Process, database_url: str, tmp_path: Path
) -> None:
    client, person = await a_client(database_url), await somebody(database_url)
    await exported(process, client, CARDS)
    paper = Document(
        id=new_id(Document.prefix),
        worker_id=person.id,
        kind="IDENTITY",
        media_type="application/pdf",
        bytes=1,
        sha256=await process.storage.put(NAME.encode()),
        submitted_at=clock.now(),
    )
    await save(database_url, paper)
    assert len(holding(tmp_path, NAME)) == 2
    assert await left(database_url, {NAME: "name"}, []) != []

    await forget(process, person)
    await settle(process)

    assert holding(tmp_path, NAME) == []
    assert await left(database_url, {NAME: "name"}, []) == []


@pytest.mark.parametrize("leave", [forget, withdraw])
async def test_an_export_with_somebody_who_is_gone_is_ended_and_its_files_too(
    process: Process, database_url: str, leave: Any
) -> None:
    client, person = await a_client(database_url), await somebody(database_url)
    id = await exported(process, client, CARDS)
    assert holds(process, NAME)

    await leave(process, person)
    await settle(process)

    assert holds(process, NAME) == []
    told = await about(process, client, id)
    assert (told["state"], told["parts"]) == ("FAILED", [])
    assert told["reason"].startswith("PERSON_GONE: ")
    assert await scalar(database_url, select(ExportPart.name)) is None
    ended = text(
        "SELECT facts->>'state' FROM change_log WHERE event = 'ExportEnded' AND"
        " position = (SELECT max(position) FROM change_log WHERE event = 'ExportEnded')"
    )
    assert await scalar(database_url, ended) == "FAILED"


async def test_what_a_forgotten_citizen_wrote_is_in_no_export(
    process: Process, database_url: str
) -> None:
    client, citizen = await a_client(database_url), await a_citizen(database_url)
    (id,) = await people(database_url, 1)
    async with transaction(process) as tx:
        worker = await tx.find(select(Worker).where(Worker.id == id))
    assert worker is not None
    booking = await a_booking(database_url, worker=worker, citizen=citizen, state="COMPLETED")
    await a_review(database_url, booking=booking, text=NAME)
    await exported(process, client, REVIEWS)
    assert holds(process, NAME)

    await forget(process, Viewer(Role.CITIZEN, citizen.id))
    await settle(process)

    assert holds(process, NAME) == []


async def test_exports_of_others_and_for_other_purposes_stay(
    process: Process, database_url: str
) -> None:
    client, person = await a_client(database_url), await somebody(database_url)
    other = await a_client(database_url, purposes=["SKILL_RECORDS"])
    ids = await exported(process, client, CARDS), await exported(process, other, CARDS)

    await withdraw(process, person)
    await settle(process)

    states = [
        (await about(process, who, id))["state"]
        for who, id in zip((client, other), ids, strict=True)
    ]
    assert states == ["FAILED", "DONE"]


async def test_a_part_that_was_being_written_is_written_again_without_them(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, person = await a_client(database_url), await somebody(database_url)
    await people(database_url, 1)
    id = await begin(process, client, CARDS)

    async def happens() -> None:
        await forget(process, person)
        await settle(process)

    while_it_runs(monkeypatch, happens)
    await finish(process)

    assert (await about(process, client, id))["state"] == "DONE"
    assert holds(process, NAME) == []
    assert len(await records(process, id)) >= 1


async def test_parts_from_before_it_was_kept_whom_they_are_about_may_be_about_anybody(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url)
    await people(database_url, 1)
    id = await exported(process, client, CARDS)
    await run_sql_async(database_url, "UPDATE export_part SET about = NULL")

    await forget(process, await somebody(database_url))
    await settle(process)

    assert (await about(process, client, id))["state"] == "FAILED"
