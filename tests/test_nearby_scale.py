"""Nearest search among a hundred thousand: which indexes it reads, and how little of them."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from data.reference import categories
from runtime import clock
from runtime.database import engine_for
from runtime.geography import area_of, cell_at, centre_of
from tests.conftest import Ask, database, recorded
from tests.make import GOMTI_NAGAR

WORKERS = 100_000
PAGE = 20
SLUG = next(categories())["slug"]

FILL = """
INSERT INTO worker (id, code, status, first_name_en, languages, years_experience, district_id,
                    cell, latitude, longitude, registered_at, channel)
SELECT 'wk_' || n, 'SM' || n, 'ACTIVE', 'Asha', '{hi}', 5, 'dt_162', c.cell, c.latitude,
       c.longitude, now(), 'SELF'
  FROM generate_series(1, :workers) n JOIN spot c ON c.number = n % :spots;
INSERT INTO worker_place (worker_id, category_number, cell, area, score, verified, languages)
SELECT 'wk_' || n, 1 + n / :spots % 2, c.cell, c.area, 3 + n % 1999 / 1000.0, true, '{hi}'
  FROM generate_series(1, :workers) n JOIN spot c ON c.number = n % :spots;
INSERT INTO availability_rule (id, worker_id, weekday, from_time, until_time, valid_from)
SELECT 'av_' || n, 'wk_' || n, :weekday, '09:00', '18:00', '2020-01-01'
  FROM generate_series(1, :workers) n WHERE n % 3 > 0;
ANALYZE worker, worker_place, availability_rule
"""


@pytest.fixture(scope="module")
def crowded_url(server_url: str, template: str) -> Iterator[str]:
    """Half of the workers within a few kilometres of one place, the others all over."""
    with database(server_url, template) as url:
        asyncio.run(fill(url))
        yield url


async def fill(url: str) -> None:
    random = Random(11)
    spots = []
    for number in range(2_000):
        spread = 0.05 if number % 2 else 1.5
        at = tuple(degrees + random.gauss(0, spread) for degrees in GOMTI_NAGAR)
        cell = cell_at(*at)
        spots.append((number, cell, area_of(cell), *centre_of(cell)))
    engine = engine_for(url)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "CREATE TEMPORARY TABLE spot (number int, cell text, area text,"
                " latitude float8, longitude float8)"
            )
        )
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        await raw.copy_records_to_table("spot", records=spots)
        for statement in FILL.split(";"):
            tomorrow = clock.today() + timedelta(days=1)
            numbers = {
                "workers": WORKERS,
                "spots": len(spots),
                "weekday": tomorrow.isoweekday(),
            }
            await connection.execute(text(statement), numbers)
    await engine.dispose()


@pytest.fixture
def database_url(crowded_url: str) -> str:
    return crowded_url


async def plans(url: str, ask: Ask, arguments: str) -> list[dict[str, Any]]:
    """How PostgreSQL runs the statements of a search, every node of every plan."""
    latitude, longitude = GOMTI_NAGAR
    with recorded() as sent:
        found = await ask(
            f'{{ nearbyWorkers(categorySlug: "{SLUG}",'
            f" latitude: {latitude}, longitude: {longitude}, first: {PAGE}, {arguments})"
            " { nodes { id } } }"
        )
    assert len(found["nearbyWorkers"]["nodes"]) == PAGE
    connection = await asyncpg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    )
    nodes: list[dict[str, Any]] = []
    for statement, parameters in sent:
        explained = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *parameters
        )
        nodes += every_node(json.loads(explained)[0]["Plan"])
    await connection.close()
    return nodes


def every_node(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from every_node(below)


def rows_read(nodes: list[dict[str, Any]], table: str) -> int:
    """Rows that scans of the table looked at, whether they kept them or not."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes
        if node.get("Relation Name") == table
    )


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in nodes if "Index Name" in node}


async def test_the_nearest_are_read_from_the_index_of_places(crowded_url: str, ask: Ask) -> None:
    nodes = await plans(crowded_url, ask, "radiusKm: 10")

    assert "worker_place_nearest" in indexes(nodes)
    assert rows_read(nodes, "worker_place") <= 2 * PAGE
    assert rows_read(nodes, "worker") <= PAGE + 1


@pytest.mark.parametrize(
    ("radius", "index", "hexagons"),
    [(8, "worker_place_by_rating", 60), (40, "worker_place_by_rating_wide", 60)],
)
async def test_the_best_are_read_from_the_index_of_ratings(
    crowded_url: str, ask: Ask, radius: int, index: str, hexagons: int
) -> None:
    nodes = await plans(crowded_url, ask, f"radiusKm: {radius}, orderBy: RATING")

    assert index in indexes(nodes)
    assert rows_read(nodes, "worker_place") <= hexagons * (PAGE + 1)
    assert rows_read(nodes, "worker") <= PAGE + 1


async def test_free_time_is_looked_up_for_the_few_who_might_be_shown(
    crowded_url: str, ask: Ask
) -> None:
    tomorrow = clock.today() + timedelta(days=1)
    nodes = await plans(
        crowded_url,
        ask,
        f'freeFrom: "{tomorrow}T12:00:00+05:30", freeUntil: "{tomorrow}T13:00:00+05:30"',
    )

    assert "worker_place_nearest" in indexes(nodes)
    assert rows_read(nodes, "worker_place") <= 4 * PAGE
    assert rows_read(nodes, "availability_rule") <= 4 * PAGE
