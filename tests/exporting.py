"""A client that has lists exported, people for them, and what comes of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from loaders import export as load
from models.account import ConsentRecord
from models.base import new_id
from models.change import RecordKind, all_noted
from models.export import ExportPart
from models.partner import PartnerClient
from models.worker import Worker
from resolvers import export_turn as turn
from resolvers.export_turn import work_on_exports
from runtime import clock
from runtime.database import engine_for
from runtime.process import Process
from runtime.rights import Role
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.make import LUCKNOW, a_worker, save

PURPOSE = "JOB_MATCHING"
VARANASI = "dt_187"
IDS = "{ workerChanges { nodes { workerId } } }"
NAMES = "{ workers { nodes { code fullName } } }"
ABOUT = """query About($id: ID!) { export(id: $id) {
  state rows share warnings startedAt finishedAt estimatedEnd expiresAt reason
  parts { number rows bytes sha256 } } }"""


async def a_client(url: str, **columns: Any) -> Viewer:
    client = PartnerClient(
        **{
            "id": new_id(PartnerClient.prefix),
            "name": "Skill Mission",
            "purposes": [PURPOSE],
            "district_ids": [LUCKNOW],
            **columns,
        }
    )
    await save(url, client)
    return Viewer(
        Role.PARTNER,
        client.id,
        districts=tuple(client.district_ids),
        purposes=tuple(client.purposes),
    )


@asynccontextmanager
async def exporting(url: str, store: Path | str, **settings: Any) -> AsyncIterator[Process]:
    """Pages of two rows and parts of five, if nothing else is said."""
    sizes = {"export_page": 2, "export_part_rows": 5, **settings}
    async with a_process(url, None, export_store=str(store), **sizes) as process:
        yield process


async def people(
    url: str, count: int, *, purpose: str | None = PURPOSE, **columns: Any
) -> list[str]:
    """Their ids."""
    made = []
    for _ in range(count):
        worker = await a_worker(url, weekdays=(), **columns)
        made.append(worker.id)
        if purpose is not None:
            await save(url, a_consent(worker, purpose))
    return made


def a_consent(worker: Worker, purpose: str) -> ConsentRecord:
    return ConsentRecord(
        id=new_id(ConsentRecord.prefix),
        subject_id=worker.id,
        purpose=purpose,
        notice_version="1",
        language="hi",
        channel="APP",
        given_at=clock.now(),
    )


async def note(process: Process) -> None:
    """That they are there, for `workerChanges`."""
    async with transaction(process) as tx:
        await tx.change(text(all_noted(RecordKind.WORKER)))


async def begin(process: Process, viewer: Viewer, document: str = IDS, **given: Any) -> str:
    """The id of an export that waits."""
    came = await send(
        process, viewer, "startExport", "... on Export { id }", document=document, **given
    )
    assert came["__typename"] == "Export", came
    return str(came["id"])


async def finish(process: Process) -> int:
    """Turn after turn until nothing is left; how many it took."""
    turns = 0
    while await work_on_exports(process):
        turns += 1
    return turns


async def about(process: Process, viewer: Viewer, id: str) -> dict[str, Any]:
    data, errors = await answer(process, viewer, ABOUT, id=id)
    assert not errors, errors
    found: dict[str, Any] = data["export"]
    return found


async def exported(process: Process, viewer: Viewer, document: str = IDS, **given: Any) -> str:
    id = await begin(process, viewer, document, **given)
    await finish(process)
    told = await about(process, viewer, id)
    assert told["state"] == "DONE", told
    return id


async def parts_in(process: Process, id: str) -> list[ExportPart]:
    async with transaction(process) as tx:
        return await tx.every(load.parts(id))


async def files(process: Process, id: str) -> list[Path]:
    return [Path(process.parts.address) / part.name for part in await parts_in(process, id)]


async def records(process: Process, id: str) -> list[dict[str, Any]]:
    """Of an export in lines of JSON."""
    lines = [line for file in await files(process, id) for line in file.read_bytes().splitlines()]
    return [json.loads(line) for line in lines]


async def ids_in(process: Process, id: str) -> list[str]:
    return [record["workerId"] for record in await records(process, id)]


async def rows_of(url: str, statement: str, **given: Any) -> list[Any]:
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            return list((await connection.execute(text(statement), given)).all())
    finally:
        await engine.dispose()


def kept(process: Process) -> list[Path]:
    """What the store holds."""
    return list(Path(process.parts.address).iterdir())


def with_settings(process: Process, **settings: Any) -> Process:
    return replace(process, settings=replace(process.settings, **settings))


def while_it_runs(monkeypatch: pytest.MonkeyPatch, happens: Any) -> None:
    """Behind the first page."""
    whole, seen = turn.keep_turn, False

    async def kept(*given: Any) -> None:
        nonlocal seen
        if not seen:
            seen = True
            await happens()
        await whole(*given)

    monkeypatch.setattr(turn, "keep_turn", kept)
