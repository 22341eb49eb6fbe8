"""Workers are found as what they are now, soon after they changed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from sqlalchemy import text, update

from data import demo
from models.review import RatingSummary
from models.skill import ServiceCategory, WorkerSkill
from models.worker import Provider, Verification, Worker, WorkerStatus
from resolvers.search_rows import refresh
from runtime.geography import area_of, cell_at, centre_of
from runtime.process import Process
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.asking import a_process, answer
from tests.background import settle
from tests.make import LUCKNOW, a_provider, a_worker, save

SEARCH = "query ($text: String!) { searchWorkers(text: $text) { nodes { id } } }"
PLACES = "SELECT * FROM worker_place ORDER BY worker_id, category_number"
WORDS = "SELECT * FROM worker_words ORDER BY worker_id"
VARANASI = (25.3176, 82.9739)


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


async def rows(process: Process, statement: str) -> list[Any]:
    async with process.database.engine.connect() as connection:
        return list((await connection.execute(text(statement))).all())


async def found(process: Process, said: str) -> list[str]:
    data, errors = await answer(process, Viewer(), SEARCH, text=said)
    assert not errors
    return [node["id"] for node in data["searchWorkers"]["nodes"]]


async def change(process: Process, statement: Any, event: str, subject: str, **facts: Any) -> None:
    async with transaction(process) as tx:
        await tx.change(statement)
        await tx.emit(event, subject, **facts)
    await settle(process)


def of(table: Any, worker: Worker, **values: Any) -> Any:
    key = table.id if table is Worker else table.worker_id
    return update(table).where(key == worker.id).values(**values)


async def test_refreshing_makes_the_rows_that_demo_data_came_with(
    process: Process, database_url: str
) -> None:
    await demo.seed(
        database_url,
        demo.PROFILES["launch"].sized(300),
        seed=1,
        as_of=None,
        progress=lambda *_: None,
    )
    made = await rows(process, PLACES), await rows(process, WORDS)
    workers = [row.id for row in await rows(process, "SELECT id FROM worker")]

    async with transaction(process) as tx:
        await tx.change(text("TRUNCATE worker_place, worker_words"))
        await refresh(tx, workers)

    assert len(made[0]) > 200
    assert (await rows(process, PLACES), await rows(process, WORDS)) == made


async def test_a_worker_who_is_activated_is_found_and_one_who_is_suspended_is_not(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(
        database_url, status=WorkerStatus.UNDER_VERIFICATION, first_name_en="Zoya"
    )
    assert await found(process, "zoya") == []

    await change(process, of(Worker, worker, status="ACTIVE"), "WorkerActivated", worker.id)
    assert await found(process, "zoya electrician lucknow") == [worker.id]
    (place,) = await rows(process, PLACES)
    assert (place.cell, place.area) == (worker.cell, area_of(worker.cell))

    await change(process, of(Worker, worker, status="SUSPENDED"), "WorkerSuspended", worker.id)
    assert await found(process, "zoya") == []
    assert await rows(process, PLACES) == []


async def test_a_worker_who_moved_or_has_another_name_is_found_by_the_new_one(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)
    cell = cell_at(*VARANASI)
    latitude, longitude = centre_of(cell)
    moved = of(
        Worker,
        worker,
        cell=cell,
        latitude=latitude,
        longitude=longitude,
        first_name_en="Zubin",
        first_name_hi=None,
    )

    await change(process, moved, "WorkerChanged", worker.id)

    assert await found(process, "zubin") == [worker.id]
    assert await found(process, "anil") == []
    assert (await rows(process, PLACES))[0].cell == cell


async def test_badges_skills_and_ratings_follow(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)

    await change(
        process,
        of(Verification, worker, verified=False),
        "VerificationRecorded",
        "vf_1",
        worker=worker.id,
    )
    assert not (await rows(process, PLACES))[0].verified

    rating = RatingSummary(
        subject_id=worker.id,
        worker_id=worker.id,
        count=1,
        sum=2,
        histogram=[0, 1, 0, 0, 0],
        prior=3.0,
        prior_weight=10,
        bayesian=2.9,
    )
    await save(database_url, rating)
    await change(process, text("SELECT 1"), "RatingRecomputed", worker.id)
    assert [(await rows(process, table))[0].score for table in (PLACES, WORDS)] == [2.9, 2.9]

    await change(
        process,
        of(WorkerSkill, worker, verified=False),
        "SkillVerified",
        "sk_1",
        worker=worker.id,
    )
    assert await found(process, "anil") == []


async def test_the_workers_of_a_provider_come_and_go_with_its_empanelment(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)
    mine = update(Provider).where(Provider.id == provider.id)

    await change(process, mine.values(status="SUSPENDED"), "ProviderSuspended", provider.id)
    assert await found(process, "anil") == []

    await change(process, mine.values(status="EMPANELLED"), "ProviderEmpanelled", provider.id)
    assert await found(process, "gomti anil") == [worker.id]


async def test_a_category_is_found_by_its_new_name(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)
    renamed = update(ServiceCategory).where(ServiceCategory.id == "ct_electrician")

    await change(process, renamed.values(name_en="Wirer"), "CategoryChanged", "ct_electrician")

    assert await found(process, "wirer") == [worker.id]
    assert await found(process, "electrician") == []


async def test_what_changed_twice_is_worked_out_once_and_for_its_end(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url, district_id=LUCKNOW)
    async with transaction(process) as tx:
        for name in ("Zubin", "Zafar"):
            await tx.change(of(Worker, worker, first_name_en=name))
            await tx.emit("WorkerChanged", worker.id)
    await settle(process)

    assert await found(process, "zafar") == [worker.id]
    assert await found(process, "zubin") == []
