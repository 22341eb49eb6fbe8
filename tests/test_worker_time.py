"""The one constraint that keeps two promises of a worker's time apart."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from models.base import new_id
from models.worker import Engagement
from tests.make import NOON, a_booking, a_department, a_worker, save, time_of

RIVALS = 50
INSERT = """
INSERT INTO worker_time (id, worker_id, during, booking_id)
VALUES ($1, $2, tstzrange($3, $4), $5)
"""


async def race(url: str) -> dict[str, int]:
    """How many of fifty clients got one worker's one slot, and what the others were told."""
    worker = await a_worker(url)
    bookings = [await a_booking(url, worker=worker, state="REQUESTED") for _ in range(RIVALS)]
    at = make_url(url)
    connections = [
        await asyncpg.connect(host=str(at.query["host"]), user=at.username, database=at.database)
        for _ in range(RIVALS)
    ]
    together = asyncio.Barrier(RIVALS)
    told: dict[str, int] = {}

    async def press_book(connection: asyncpg.Connection, number: int) -> None:
        start = NOON + timedelta(minutes=number % 3)
        await together.wait()
        try:
            await connection.execute(
                INSERT,
                new_id("wt"),
                worker.id,
                start,
                start + timedelta(hours=2),
                bookings[number].id,
            )
            answer = "taken"
        except asyncpg.PostgresError as error:
            answer = str(getattr(error, "constraint_name", None) or error.sqlstate)
        told[answer] = told.get(answer, 0) + 1

    await asyncio.gather(*(press_book(c, number) for number, c in enumerate(connections)))
    await asyncio.gather(*(connection.close() for connection in connections))
    return told


async def test_of_fifty_clients_one_gets_the_slot(database_url: str) -> None:
    assert await race(database_url) == {"taken": 1, "worker_time_taken": RIVALS - 1}


async def test_without_the_constraint_the_race_goes_wrong(database_url: str) -> None:
    at = make_url(database_url)
    owner = await asyncpg.connect(
        host=str(at.query["host"]), user=at.username, database=at.database
    )
    await owner.execute("ALTER TABLE worker_time DROP CONSTRAINT worker_time_taken")
    await owner.close()

    assert (await race(database_url))["taken"] == RIVALS


async def test_slots_that_touch_and_other_workers_do_not_disturb_each_other(
    database_url: str,
) -> None:
    worker, other = await a_worker(database_url), await a_worker(database_url)

    await a_booking(database_url, worker=worker, starts_at=NOON, hours=2)
    await a_booking(database_url, worker=worker, starts_at=NOON + timedelta(hours=2), hours=1)
    await a_booking(database_url, worker=other, starts_at=NOON, hours=2)


async def test_an_engagement_may_not_lie_over_a_booking(database_url: str) -> None:
    worker = await a_worker(database_url)
    await a_booking(database_url, worker=worker)
    department = await a_department(database_url)
    engagement = Engagement(
        id=new_id("en"),
        worker_id=worker.id,
        department_id=department.id,
        purpose="Maintenance",
        starts_on=NOON.date() - timedelta(days=1),
        ends_on=NOON.date() + timedelta(days=10),
        status="ACTIVE",
    )
    held = time_of(
        worker, NOON - timedelta(days=1), NOON + timedelta(days=10), engagement_id=engagement.id
    )

    with pytest.raises(IntegrityError, match="worker_time_taken"):
        await save(database_url, engagement, held)
