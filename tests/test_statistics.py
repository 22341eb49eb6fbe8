"""The published figures come from the rows, and small ones stay hidden."""

from datetime import timedelta
from typing import Any

from tests.conftest import Ask, run_sql_async
from tests.make import LUCKNOW, NOON, a_booking, a_provider, a_worker

FIGURES = (
    "{ statistics { registeredWorkers serviceProviders serviceCategories servicesDelivered } }"
)
AGRA = "dt_118"
ALIGARH = "dt_119"


async def test_completing_one_booking_raises_the_figure_by_one(database_url: str, ask: Ask) -> None:
    worker = await a_worker(database_url)
    await a_worker(database_url, status="DRAFT")
    await a_worker(database_url, status="SUSPENDED")
    await a_provider(database_url)
    await a_provider(database_url, status="EXPIRED")
    await a_booking(database_url, worker=worker)
    before = (await ask(FIGURES))["statistics"]

    await a_booking(
        database_url, worker=worker, state="COMPLETED", starts_at=NOON - timedelta(days=900)
    )

    after = (await ask(FIGURES))["statistics"]
    assert before == {
        "registeredWorkers": 2,
        "serviceProviders": 1,
        "serviceCategories": 26,
        "servicesDelivered": 0,
    }
    assert after == {**before, "servicesDelivered": 1}


async def registered(ask: Ask) -> dict[str, Any]:
    data = await ask("{ statistics { byDistrict { district { id } registeredWorkers } } }")
    cells = data["statistics"]["byDistrict"]
    return {cell["district"]["id"]: cell["registeredWorkers"] for cell in cells}


async def test_a_district_with_few_workers_shows_no_figure(database_url: str, ask: Ask) -> None:
    for _ in range(10):
        await a_worker(database_url)
    for _ in range(9):
        await a_worker(database_url, district_id=AGRA)

    cells = await registered(ask)

    assert cells[LUCKNOW] == 10
    assert cells[AGRA] is None
    assert len(cells) == 75


async def test_a_lone_small_figure_takes_the_next_smallest_along(
    database_url: str, ask: Ask
) -> None:
    # All other districts leave the table, so that one small figure stands among large ones.
    for id, count in ((LUCKNOW, 12), (AGRA, 11), (ALIGARH, 3)):
        for _ in range(count):
            await a_worker(database_url, district_id=id)
    await run_sql_async(
        database_url,
        "DELETE FROM pin",
        f"DELETE FROM district WHERE id NOT IN ('{LUCKNOW}', '{AGRA}', '{ALIGARH}')",
    )

    assert await registered(ask) == {LUCKNOW: 12, AGRA: None, ALIGARH: None}
