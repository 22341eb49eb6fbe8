"""Batches: what a request reads once, and what is built once for all requests."""

import asyncio
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from inspect import Parameter, signature
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import ARRAY, Text, any_, bindparam, cast, column, literal, select, table

import loaders
from loaders.place import district_by_id, districts_by_division
from loaders.worker import WorkerFilter, WorkerOrder, workers
from models.place import District
from runtime.batch import KEYS, ROOT, Access, Batch, Batches, Columns, Read, Reading, many, value
from runtime.page import Pages, Window
from runtime.privacy import Privacy
from runtime.process import Process
from runtime.reads import Query, Record, Tally, compiled
from runtime.viewer import Viewer
from tests.asking import a_process
from tests.conftest import Statements, run_sql_async

LUCKNOW, AGRA = "dt_162", "dt_118"
NAME = ("name_en",)
CODE = ("code",)
ANYONE = Access(Viewer())


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


@pytest.fixture
def batches(process: Process) -> Batches:
    return Batches(process.database.reads, ANYONE)


async def names(batches: Batches, *keys: str) -> list[str | None]:
    rows = await batches.level(district_by_id, keys, NAME)
    return [row and row.name_en for row in rows]


THING = table("thing", column("id", Text(collation="C")))


async def planned_anew(database_url: str, keys: Any) -> int:
    """How often PostgreSQL plans a read by two keys, of twenty runs on one connection."""
    query = compiled(select(THING.c.id).where(THING.c.id == any_(keys)))
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    for _ in range(20):
        await connection.fetch(query.sql, ["1", "2"])
    counted = await connection.fetchval(
        "SELECT custom_plans FROM pg_prepared_statements WHERE statement = $1", query.sql
    )
    await connection.close()
    return int(counted)


async def test_what_is_read_by_keys_is_planned_once(database_url: str) -> None:
    """After the five times that PostgreSQL takes to find out."""
    await run_sql_async(
        database_url,
        'CREATE TABLE thing (id text COLLATE "C" PRIMARY KEY)',
        "INSERT INTO thing SELECT g::text FROM generate_series(1, 20000) g",
        "ANALYZE thing",
    )

    assert await planned_anew(database_url, KEYS) == 5
    assert await planned_anew(database_url, bindparam("keys", type_=ARRAY(Text))) == 20


async def test_results_stand_in_the_order_of_their_keys(
    batches: Batches, statements: Statements
) -> None:
    with statements(at_most=1):
        found = await names(batches, LUCKNOW, "dt_none", AGRA, LUCKNOW)

    assert found == ["Lucknow", None, "Agra", "Lucknow"]


async def test_what_is_known_is_not_asked_again(batches: Batches, statements: Statements) -> None:
    await names(batches, LUCKNOW, "dt_none")

    with statements(at_most=0):
        assert await names(batches, "dt_none", LUCKNOW) == [None, "Lucknow"]
        assert await batches.load(district_by_id, LUCKNOW, NAME)
        assert await names(batches) == []
    with statements(at_most=1) as sent:
        await names(batches, LUCKNOW, AGRA)
    assert len(sent) == 1


def watched(batches: Batches) -> list[Reading]:
    """The statements that are sent, from now on."""
    told: list[Reading] = []

    @contextmanager
    def observe(reading: Reading) -> Iterator[None]:
        assert reading.rows is None
        yield
        told.append(reading)

    batches.observe = observe
    return told


async def test_levels_at_once_read_each_key_once(batches: Batches) -> None:
    told = watched(batches)

    found = await asyncio.gather(
        names(batches, LUCKNOW),
        names(batches, AGRA, LUCKNOW),
        batches.load(district_by_id, AGRA, NAME),
    )

    assert list(found[:2]) == [["Lucknow"], ["Agra", "Lucknow"]]
    assert found[2].name_en == "Agra"
    assert sorted(key for reading in told for key in reading.keys) == [AGRA, LUCKNOW]


async def test_one_who_stops_waiting_takes_nobody_along(batches: Batches) -> None:
    leaving, staying = (
        asyncio.create_task(batches.load(district_by_id, LUCKNOW, NAME)) for _ in range(2)
    )
    await asyncio.sleep(0)
    leaving.cancel()

    assert (await staying).name_en == "Lucknow"
    assert leaving.cancelled()


async def test_a_failure_is_not_remembered(process: Process) -> None:
    class Failing:
        left = 1

        async def fetch(self, query: Query, given: Any, tally: Tally) -> list[Record]:
            if self.left:
                self.left -= 1
                raise ConnectionError
            return await process.database.reads.fetch(query, given, tally)

    batches = Batches(Failing(), ANYONE)
    with pytest.raises(ConnectionError):
        await names(batches, LUCKNOW)

    assert await names(batches, LUCKNOW) == ["Lucknow"]


async def test_after_a_change_everything_is_read_again(
    batches: Batches, statements: Statements
) -> None:
    await names(batches, LUCKNOW)
    await batches.load(district_by_id, AGRA, NAME)
    batches.clear()

    with statements(at_most=2) as sent:
        await names(batches, LUCKNOW)
        await batches.load(district_by_id, AGRA, NAME)
    assert len(sent) == 2


async def test_whoever_watches_is_told_of_each_read(batches: Batches) -> None:
    told = watched(batches)

    await names(batches, LUCKNOW, "dt_none")
    await names(batches, LUCKNOW)

    (reading,) = told
    assert reading.batch is district_by_id
    assert reading.query is district_by_id.query(NAME)[0]
    assert (reading.keys, reading.rows) == ([LUCKNOW, "dt_none"], 1)


async def test_a_request_can_read_on_a_snapshot(process: Process) -> None:
    async with process.database.reads.snapshot() as snapshot:
        batches = Batches(snapshot, ANYONE)
        page = districts_by_division.asked({"first": 3}, limit=100).run

        found = await asyncio.gather(
            names(batches, LUCKNOW), batches.level(page, ["dv_lucknow", "dv_none"], NAME)
        )

    assert found[0] == ["Lucknow"]
    assert [len(rows) for rows in found[1]] == [4, 0]


def listed(**filter: Any) -> Batch:
    return workers.run(
        window=Window(20), sort=WorkerOrder.CODE, filter=WorkerFilter(**filter) if filter else None
    )


def test_arguments_that_differ_in_values_share_their_statement() -> None:
    first, some = listed(language="hi", district_code=162).query(CODE)
    second, others = listed(language="ur", district_code=118).query(CODE)

    assert first is second
    assert sorted(some.values(), key=str) == [162, "hi"]
    assert sorted(others.values(), key=str) == [118, "ur"]


@pytest.mark.parametrize(
    "other",
    [
        listed(),
        listed(provider_id="pr_1"),
        workers.run(window=Window(21), sort=WorkerOrder.CODE, filter=None),
        workers.run(window=Window(20, backward=True), sort=WorkerOrder.CODE, filter=None),
        workers.run(window=Window(20, after=("SM1",)), sort=WorkerOrder.CODE, filter=None),
        workers.run(window=Window(20), sort=WorkerOrder.EXPERIENCE, filter=None),
    ],
)
def test_what_makes_another_statement_is_shape(other: Batch) -> None:
    assert other.query(CODE)[0].sql != listed(language="hi").query(CODE)[0].sql


async def test_a_list_is_bound_whole(batches: Batches) -> None:
    def halves(*, text: str, **others: Any) -> dict[str, Any]:
        return {**others, "halves": text.split(",")}

    @value(absent=None, derive=halves)
    def joined(columns: Columns, *, halves: list[str]) -> Read:
        return select(literal(ROOT), cast(halves, ARRAY(Text)))

    assert await batches.level(joined(text="a,b"), [ROOT], ()) == [["a", "b"]]
    assert await batches.level(joined(text=""), [ROOT], ()) == [[""]]
    assert joined(text="a,b").query(())[0] is joined(text="").query(())[0]


@pytest.mark.parametrize("decide", [bool, lambda code: code > 100, range])
def test_a_loader_that_decides_by_a_value_is_refused_at_once(decide: Any) -> None:
    @many(District)
    def some(columns: Columns, *, code: int) -> Read:
        found = select(District.id).where(District.id == any_(KEYS))
        return found if decide(code) else found.where(District.lgd_code == code)

    with pytest.raises(TypeError):
        some(code=162).query(NAME)


async def test_every_read_is_sound_with_every_argument(database_url: str) -> None:
    """Each statement with all its arguments, and each page from both sides, as prepared by
    PostgreSQL; and none is another statement for other values."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        for name, batch in every_batch():
            columns = columns_of(batch.entity)
            query, _ = batch.query(columns)
            await connection.prepare(query.sql)
            assert len(query.bound(GIVEN)) == len(query.template), name
    finally:
        await connection.close()


class Anything(dict[str, Any]):
    def __missing__(self, name: str) -> None:
        return None


GIVEN = Anything()


def every_batch() -> Iterator[tuple[str, Batch]]:
    for module in pkgutil.iter_modules(loaders.__path__):
        for name, found in vars(import_module(f"loaders.{module.name}")).items():
            # One that derives is reached through the pages it belongs to.
            if isinstance(found, Batch) and found.derive is None:
                yield name, found(**sample(signature(found.statement).parameters.values()))
            elif isinstance(found, Pages):
                for batch in batches_of(found):
                    yield name, batch


def batches_of(pages: Pages) -> Iterator[Batch]:
    own = sample(p for p in pages.parameters if p.name != "order_by")
    yield pages.total(**own)
    for sort, kinds in pages.sorts.items():
        anchor = tuple(example(kind) for kind in kinds)
        for backward in (False, True):
            window = Window(5, backward, after=anchor, before=anchor)
            yield pages.run(window=window, sort=sort, **own)
            yield pages.beyond(sort=sort, anchor=anchor, ahead=backward, **own)


def sample(parameters: Any) -> dict[str, Any]:
    return {
        parameter.name: example(parameter.annotation)
        for parameter in parameters
        if parameter.kind is Parameter.KEYWORD_ONLY
    }


EXAMPLES: dict[Any, Any] = {
    str: "word",
    int: 5,
    float: 5.0,
    bool: True,
    date: date(2030, 1, 7),
    datetime: datetime(2030, 1, 7, 12, tzinfo=UTC),
}


def example(kind: Any) -> Any:
    if get_origin(kind) in (Annotated, Union, UnionType):
        return example(get_args(kind)[0])
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{field.name: example(hints[field.name]) for field in fields(kind)})
    # The schema, where it was made before, has turned what are ids into a type of its own.
    kind = getattr(kind, "__supertype__", kind)
    return EXAMPLES[kind] if kind in EXAMPLES else next(iter(kind))


def columns_of(entity: Any) -> Columns:
    """All that may leave the database."""
    if not hasattr(entity, "__table__"):
        return ()
    return tuple(c.key for c in entity.__table__.columns if c.info["privacy"] is not Privacy.NEVER)
