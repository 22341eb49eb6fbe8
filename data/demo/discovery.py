"""Fills the tables that finding workers reads, from the rows of the domains below."""

from collections.abc import Iterable
from typing import cast

from sqlalchemy import Index, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from data.demo.people import given_names
from data.reference import categories, districts
from models.discovery import MEANS_OF_CATEGORIES, PLACES, WORDS, WorkerPlace, WorkerWords
from runtime.folding import words
from runtime.geography import area_of

MEANS = f"CREATE TEMPORARY TABLE mean_of_category ON COMMIT DROP AS {MEANS_OF_CATEGORIES}"

INDEXES: list[Index] = [
    index for table in (WorkerPlace, WorkerWords) for index in cast(Table, table.__table__).indexes
]


async def fill(connection: AsyncConnection) -> None:
    await connection.execute(
        text("CREATE TEMPORARY TABLE area_of_cell (cell text, area text) ON COMMIT DROP")
    )
    await connection.execute(
        text("CREATE TEMPORARY TABLE folded (text text, folded text[]) ON COMMIT DROP")
    )
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    cells = (await connection.execute(text("SELECT DISTINCT cell FROM worker"))).scalars()
    await raw.copy_records_to_table(
        "area_of_cell", records=[(cell, area_of(cell)) for cell in cells]
    )
    providers = await connection.execute(text("SELECT id, name_en || ' ' || name_hi FROM provider"))
    await raw.copy_records_to_table(
        "folded",
        records=[
            (key, sorted(set(words(said)))) for key, said in (*known(), *map(tuple, providers))
        ],
    )
    # Built at once, an index of millions takes a fraction of what adding to it does.
    for index in INDEXES:
        await connection.run_sync(index.drop)
    for memory in ("work_mem", "maintenance_work_mem"):
        await connection.execute(text(f"SET LOCAL {memory} = '256MB'"))
    for statement in (MEANS, "ANALYZE area_of_cell, folded", PLACES, "ANALYZE worker_place", WORDS):
        await connection.execute(text(statement))
    for index in INDEXES:
        await connection.run_sync(index.create)


def known() -> Iterable[tuple[str, str]]:
    """What each key of the folded words stands for. Surnames are not public, so not here."""
    names = {f"{en} {hi}" for female in (True, False) for en, hi, _ in given_names(female)}
    yield from ((name, name) for name in names)
    for district in districts():
        names_ = (district["name_en"], district["name_hi"], district["also_known_as"] or "")
        yield district["id"], " ".join(names_)
    for category in categories():
        yield category["id"], f"{category['name_en']} {category['name_hi']}"
