"""Rows of the catalogue that requests share: the same for everybody, and not for long."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from loaders.place import district_by_id
from loaders.worker import worker_by_id
from models.place import District
from runtime.batch import refuse_rules
from runtime.kept import KeptRows
from runtime.recent import Recent
from runtime.rights import Role
from runtime.rows import row_type
from runtime.settings import Settings
from runtime.tokens import rotate
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.conftest import Statements, recorded, run_sql_async
from tests.make import a_booking, a_citizen, a_worker
from tests.test_answers import STATE, Clock, Gateway, a_change, a_gateway

BOOKINGS = "{ bookings { nodes { number category { name } } } }"
ROW = row_type(District, ("slug",))("lucknow")
COLUMNS = ("slug",)


@pytest_asyncio.fixture
async def gateway(settings: Settings, tmp_path: Path) -> AsyncIterator[Gateway]:
    keys = tmp_path / "keys.json"
    rotate(keys)
    keeping = replace(
        settings, signing_keys=str(keys), response_cache_bytes=1_000_000, entity_cache_rows=100
    )
    async with a_gateway(keeping) as gateway:
        yield gateway


async def a_booked_citizen(url: str) -> Viewer:
    citizen = await a_citizen(url)
    await a_booking(url, worker=await a_worker(url), citizen=citizen)
    return Viewer(Role.CITIZEN, citizen.id)


async def category_of(gateway: Gateway, viewer: Viewer) -> Any:
    (booking,) = (await gateway.data(BOOKINGS, viewer))["bookings"]["nodes"]
    return booking["category"]["name"]


async def test_what_somebodys_bookings_show_of_the_catalogue_is_read_once_for_all(
    gateway: Gateway, database_url: str
) -> None:
    asha, bela = [await a_booked_citizen(database_url) for _ in range(2)]
    with recorded() as first:
        assert await category_of(gateway, asha) == "Electrician"
    with recorded() as second:
        assert await category_of(gateway, bela) == "Electrician"

    assert any("service_category" in sql for sql, _ in first)
    assert not any("service_category" in sql for sql, _ in second)


async def test_a_change_of_the_catalogue_shows_as_soon_as_it_is_heard_of(
    gateway: Gateway, database_url: str
) -> None:
    viewer = await a_booked_citizen(database_url)
    await category_of(gateway, viewer)
    await run_sql_async(
        database_url, "UPDATE service_category SET name_en = 'Sparky' WHERE slug = 'electrician'"
    )
    assert await category_of(gateway, viewer) == "Electrician"

    async with transaction(gateway.process) as tx:
        await tx.emit("CategoryChanged", "ct_electrician")
    await gateway.followed()

    assert await category_of(gateway, viewer) == "Sparky"


async def test_a_command_shows_what_it_has_changed_at_once(
    gateway: Gateway, database_url: str
) -> None:
    await category_of(gateway, await a_booked_citizen(database_url))
    change = (
        'mutation { changeCategory(input: {categoryId: "ct_electrician",'
        ' name: {en: "Sparky", hi: "बिजली"}}) { __typename'
        " ... on ServiceCategory { name } } }"
    )

    changed = await gateway.data(change, STATE)

    assert changed["changeCategory"] == {"__typename": "ServiceCategory", "name": "Sparky"}


async def test_what_may_be_kept_as_an_answer_is_read_for_it(
    gateway: Gateway, database_url: str, statements: Statements
) -> None:
    await category_of(gateway, await a_booked_citizen(database_url))
    await run_sql_async(
        database_url, "UPDATE service_category SET name_en = 'Sparky' WHERE slug = 'electrician'"
    )

    shown = await gateway.data("{ workers { nodes { skills { category { name } } } } }")

    assert shown["workers"]["nodes"][0]["skills"][0]["category"]["name"] == "Sparky"


def test_a_lifetime_is_refused_where_rows_depend_on_who_is_asking() -> None:
    with pytest.raises(TypeError, match=r"worker_by_id has a lifetime"):
        refuse_rules(replace(worker_by_id, max_age=20), ("id", "code"))
    refuse_rules(replace(worker_by_id, max_age=None), ("id", "code"))


def test_a_row_is_known_until_its_time_is_over() -> None:
    clock = Clock()
    kept = KeptRows(10, Recent(0), clock)
    kept.write(district_by_id, {"dt_162": ROW, "dt_0": None}, COLUMNS, kept.position)

    assert kept.read(district_by_id, ["dt_162", "dt_0", "dt_1"], COLUMNS) == {"dt_162": ROW}
    assert kept.read(district_by_id, ["dt_162"], ("name_en",)) == {}
    clock.now += 300
    assert kept.read(district_by_id, ["dt_162"], COLUMNS) == {}


def test_no_more_rows_are_kept_than_there_is_room_for() -> None:
    kept = KeptRows(10, Recent(0))
    ids = [f"dt_{number}" for number in range(30)]
    kept.write(district_by_id, dict.fromkeys(ids, ROW), COLUMNS, 0)

    assert list(kept.read(district_by_id, ids, COLUMNS)) == ids[-10:]


def raced() -> dict[str, Any]:
    """What is known of a row that was read before a change, and comes after it was heard of."""
    recent = Recent(0)
    kept = KeptRows(10, recent)
    position = kept.position
    recent.note(a_change(1, "dt_162"))
    kept.write(district_by_id, {"dt_162": ROW}, COLUMNS, position)
    return kept.read(district_by_id, ["dt_162"], COLUMNS)


def test_a_row_that_was_read_before_a_change_is_not_kept_after_it() -> None:
    assert raced() == {}


def test_it_would_be_if_nobody_looked_at_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recent, "stands", lambda *_: True)

    assert raced() == {"dt_162": ROW}
