"""Nearest search: exact order, exact radius, and no way to a home."""

from datetime import time, timedelta
from random import Random
from typing import Any

import h3
import pytest
from sqlalchemy import select

from models.booking import AvailabilityException
from models.discovery import WorkerPlace
from runtime import clock
from runtime.database import engine_for
from runtime.geography import CELL, cell_at, cells_within, centre_of, kilometres
from tests.conftest import Ask
from tests.make import GOMTI_NAGAR, NOON, a_booking, a_worker, save

QUERY = """query ($lat: Float!, $lng: Float!, $km: Float, $first: Int, $after: String,
  $order: NearbyOrder, $from: DateTime, $until: DateTime, $verified: Boolean, $speaking: String) {
  nearbyWorkers(categorySlug: "electrician", latitude: $lat, longitude: $lng, radiusKm: $km,
    first: $first, after: $after, orderBy: $order, freeFrom: $from, freeUntil: $until,
    verified: $verified, speaking: $speaking) {
    edges { distanceKm node { id } } totalCount pageInfo { hasNextPage endCursor } } }"""


async def walk(ask: Ask, at: tuple[float, float], **variables: Any) -> list[tuple[str, float]]:
    """Everyone found, page after page."""
    met: list[tuple[str, float]] = []
    after = None
    while True:
        variables = {"lat": at[0], "lng": at[1], "first": 7, **variables, "after": after}
        found = (await ask(QUERY, **variables))["nearbyWorkers"]
        met += [(edge["node"]["id"], edge["distanceKm"]) for edge in found["edges"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            # A figure of so few people is told to nobody who has not signed in.
            assert found["totalCount"] == (len(met) if len(met) >= 10 or not met else None)
            return met


async def scattered(url: str, count: int) -> list[Any]:
    """Many of them in one cell, so that many are equally far."""
    random = Random(7)
    homes = [
        (GOMTI_NAGAR[0] + random.gauss(0, 0.06), GOMTI_NAGAR[1] + random.gauss(0, 0.06))
        for _ in range(count // 2)
    ]
    homes += [GOMTI_NAGAR] * (count - len(homes))
    return [await a_worker(url, home=home, score=random.uniform(3, 5)) for home in homes]


async def test_everyone_in_reach_comes_once_nearest_first(database_url: str, ask: Ask) -> None:
    workers = await scattered(database_url, 60)
    for at in (GOMTI_NAGAR, (26.80, 80.90), (26.95, 81.10)):
        away = {w.id: kilometres(at, (w.latitude, w.longitude)) for w in workers}
        expected = sorted((km, id) for id, km in away.items() if km <= 12)

        met = await walk(ask, at, km=12)

        assert [id for id, _ in met] == [id for _, id in expected]
        assert [km for _, km in met] == [round(km, 1) for km, _ in expected]


@pytest.mark.parametrize("km", [8, 30])
async def test_everyone_in_reach_comes_once_best_rated_first(
    database_url: str, ask: Ask, km: float
) -> None:
    workers = await scattered(database_url, 40)
    scores = {row[0]: row[1] for row in await scores_of(database_url)}
    near = [w for w in workers if kilometres(GOMTI_NAGAR, (w.latitude, w.longitude)) <= km]

    met = await walk(ask, GOMTI_NAGAR, km=km, order="RATING")

    expected = sorted(near, key=lambda w: (scores[w.id], w.id), reverse=True)
    assert [id for id, _ in met] == [w.id for w in expected]


async def scores_of(url: str) -> list[Any]:
    engine = engine_for(url)
    async with engine.connect() as connection:
        rows = await connection.execute(select(WorkerPlace.worker_id, WorkerPlace.score))
        found = list(rows)
    await engine.dispose()
    return found


async def test_a_home_cannot_be_found_by_measuring_from_three_places(
    database_url: str, ask: Ask
) -> None:
    centre = centre_of(cell_at(*GOMTI_NAGAR))
    one = await a_worker(database_url, home=(centre[0] + 0.006, centre[1]))
    other = await a_worker(database_url, home=(centre[0] - 0.004, centre[1] + 0.005))
    assert one.cell == other.cell
    assert kilometres((one.home_latitude or 0, one.home_longitude or 0), centre) > 0.5

    for at in ((26.9, 80.95), (26.8, 81.05), (26.85, 81.1)):
        met = dict(await walk(ask, at, km=25))
        assert met[one.id] == met[other.id] == round(kilometres(at, centre), 1)
    # The radius tells no more than the distance: at its edge both come or both stay away.
    exact = kilometres((26.9, 80.95), centre)
    assert await walk(ask, (26.9, 80.95), km=exact - 1e-6) == []
    assert len(await walk(ask, (26.9, 80.95), km=exact + 1e-6)) == 2


async def test_only_workers_who_are_open_and_free_that_time_are_found(
    database_url: str, ask_signed_in: Ask
) -> None:
    ask = ask_signed_in
    free = await a_worker(database_url)
    away = await a_worker(database_url)
    day_off = AvailabilityException(worker_id=away.id, day=NOON.date())
    await save(database_url, day_off)
    busy = await a_worker(database_url)
    await a_booking(database_url, worker=busy, starts_at=NOON, hours=2)
    await a_worker(database_url, closes=time(12, 30))
    await a_worker(database_url, weekdays=(2, 3))
    window = {"from": NOON.isoformat(), "until": (NOON + timedelta(hours=1)).isoformat()}

    met = await walk(ask, GOMTI_NAGAR, **window)

    assert [id for id, _ in met] == [free.id]
    later = NOON + timedelta(hours=2)
    window = {"from": later.isoformat(), "until": (later + timedelta(hours=1)).isoformat()}
    assert {id for id, _ in await walk(ask, GOMTI_NAGAR, **window)} == {free.id, busy.id}


async def test_filters_leave_the_others_out(database_url: str, ask: Ask) -> None:
    plain = await a_worker(database_url, verified=False, languages=["hi", "ur"])
    checked = await a_worker(database_url, languages=["hi", "en"])

    assert {id for id, _ in await walk(ask, GOMTI_NAGAR)} == {plain.id, checked.id}
    assert [id for id, _ in await walk(ask, GOMTI_NAGAR, verified=True)] == [checked.id]
    assert [id for id, _ in await walk(ask, GOMTI_NAGAR, speaking="ur")] == [plain.id]


SOON = f"{clock.today() + timedelta(days=2)}T"
REFUSED = [
    ("radiusKm: 51", "LIMIT_EXCEEDED"),
    ("radiusKm: 0", "LIMIT_EXCEEDED"),
    ('freeFrom: "2030-01-01T10:00:00+05:30"', "BAD_INPUT"),
    # Too far ahead for whoever has not signed in, and too fine.
    (
        'freeFrom: "2030-01-01T10:00:00+05:30", freeUntil: "2030-01-01T11:00:00+05:30"',
        "BAD_INPUT",
    ),
    (f'freeFrom: "{SOON}10:15:00+05:30", freeUntil: "{SOON}11:00:00+05:30"', "BAD_INPUT"),
    (f'freeFrom: "{SOON}10:00:00+05:30", freeUntil: "{SOON}10:45:00+05:30"', "BAD_INPUT"),
    (
        'freeFrom: "2030-01-01T10:00:00+05:30", freeUntil: "2030-01-02T10:00:00+05:30"',
        "BAD_INPUT",
    ),
    ('freeFrom: "2030-01-01T10:00:00", freeUntil: "2030-01-01T11:00:00Z"', "BAD_INPUT"),
]


@pytest.mark.parametrize(("argument", "code"), REFUSED)
async def test_a_search_that_cannot_be_is_refused(ask_raw: Ask, argument: str, code: str) -> None:
    answer = await ask_raw(
        '{ nearbyWorkers(categorySlug: "electrician", latitude: 26.8, longitude: 81.0, '
        f"{argument}) {{ nodes {{ id }} }} }}"
    )

    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


def test_the_cells_within_a_radius_are_all_whose_centre_is() -> None:
    random = Random(3)
    for _ in range(60):
        at = (random.uniform(23.9, 30.4), random.uniform(77.1, 84.6))
        km = random.choice([0.5, 3, 10, 10.5, 25, 50])
        # Far more than could be in reach, by another measure of distance.
        around = h3.grid_disk(h3.latlng_to_cell(*at, CELL), int(km / 1.5) + 3)
        away = {cell: h3.great_circle_distance(at, centre_of(cell)) for cell in around}

        found = cells_within(*at, km)

        assert {cell for cell, _ in found} == {cell for cell in away if away[cell] <= km}
        assert all(abs(away[cell] - distance) < 0.001 for cell, distance in found)
        assert list(found) == sorted(found, key=lambda pair: pair[1])
