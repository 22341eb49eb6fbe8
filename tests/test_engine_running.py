"""How operations run beside each other: what they share, what each may take, what they leave."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
)
from sqlalchemy import Text, func, select, text
from strawberry.types.field import StrawberryField

from engine import run
from engine.engine import VARIANTS, Engine, Operation
from engine.group import Group
from engine.observer import Observer
from engine.run import Task
from runtime.along import Along
from runtime.batch import KEYS, Access, Batch, Batches, Columns, Reading, value
from runtime.command import COMMAND
from runtime.context import Context
from runtime.field import FIELD, Field, told
from runtime.language import Language
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from schema.graph import gateway
from tests.asking import SCHEMA, a_process, because
from tests.make import LUCKNOW, a_booking, a_worker, scalar
from tests.patience import PATIENCE

SDL = """
type Query { workers(count: Int!): [Worker!]!  one: Worker }
type Mutation { work: Worker }
type Worker { id: ID!  name: String  district: District  home: District  broken: District }
type District { id: ID!  name: String  surely: String! }
"""


@dataclass
class Worker:
    id: str
    name: str = "Anil"
    district_id: str | None = "dt_1"
    home_id: str | None = "dt_1"


@dataclass
class District:
    id: str
    name: str = "Lucknow"


Worker.entity = Worker  # type: ignore[attr-defined]
District.entity = District  # type: ignore[attr-defined]


def read(of: Any) -> Batch:
    """A batch that `Memory` answers by this function of the keys."""
    return Batch(of, None, many=False)


@dataclass
class Memory:
    """In the place of a request's batches."""

    asked: list[tuple[Batch, list[str]]] = field(default_factory=list)

    def known(self, batch: Batch, keys: Sequence[str], columns: Columns) -> list[Any] | None:
        """Nothing is remembered."""
        return None

    async def level(
        self, batch: Batch, keys: Sequence[str], _: Columns, *, along: tuple[Along, ...] = ()
    ) -> list[Any]:
        self.asked.append((batch, list(keys)))
        await asyncio.sleep(0)
        found: Any = batch.statement
        return list(await found(keys))


class Asking:
    """In the place of a request's context, where there is no database."""

    def __init__(self) -> None:
        self.batches = Memory()
        self.projection = self

    def of(self, _: Any) -> Columns:
        return ()


async def districts(keys: Sequence[str]) -> list[Any]:
    known = {key: District(key) for key in keys}
    return [known[key] for key in keys]


async def broken(_: Sequence[str]) -> list[Any]:
    raise ValueError("broken")


def a_schema(**declared: Field) -> GraphQLSchema:
    """Every field of it is declared but for the roots; `Type_field` says otherwise how."""
    schema = build_schema(SDL)
    usual = {
        "Worker_id": Field(attribute="id"),
        "Worker_name": Field(attribute="name"),
        "Worker_district": Field(load=read(districts), needs=("district_id",)),
        "Worker_home": Field(load=read(districts), needs=("home_id",)),
        "Worker_broken": Field(load=read(broken), needs=("district_id",)),
        "District_id": Field(attribute="id"),
        "District_name": Field(attribute="name"),
        "District_surely": Field(attribute="name"),
    }
    for place, record in (usual | declared).items():
        type_name, _, name = place.partition("_")
        type_ = schema.type_map[type_name]
        assert isinstance(type_, GraphQLObjectType)
        type_.fields[name].extensions[FIELD] = record
    assert schema.query_type is not None
    schema.query_type.fields["workers"].resolve = lambda *_, count: [
        Worker(f"wk_{n}", district_id=f"dt_{n % 7}") for n in range(count)
    ]
    return schema


WORKERS = """query ($count: Int!) {
  workers(count: $count) { id name district { id name } home { id name } }
}"""


async def answered(
    engine: Engine, document: str, context: Any = None, root: Any = None, **variables: Any
) -> Any:
    result = await engine.execute(document, variables, context or Asking(), root)
    assert not result.errors, result.errors
    return result.data


# What is kept


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url, pool_size=2) as process:
        yield process


def context_of(process: Process, viewer: Viewer | None = None) -> Context:
    return Context(viewer or Viewer(), Language.EN, process)


DISTRICTS = """query ($full: Boolean! = true, $after: String) {
  districts(first: 5, after: $after) {
    nodes { lgdCode id @include(if: $full) }
    pageInfo { hasNextPage endCursor }
  }
}"""


async def test_viewers_of_one_scope_share_a_plan(process: Process) -> None:
    engine = Engine(SCHEMA)
    operation = engine.prepare(DISTRICTS)

    async def plans(viewer: Viewer, **variables: Any) -> int:
        result = await engine.run(operation, variables, context_of(process, viewer))
        assert not result.errors, result.errors
        return len(operation.plans)

    assert await plans(Viewer(Role.CITIZEN, "cz_1")) == 1
    assert await plans(Viewer(Role.CITIZEN, "cz_2", districts=(LUCKNOW,))) == 1
    assert await plans(Viewer(Role.CITIZEN, "cz_1"), after=None) == 1
    assert await plans(Viewer(Role.MODERATOR, "of_1")) == 2
    assert await plans(Viewer(Role.MODERATOR, "of_1", reason=because("A complaint."))) == 3
    assert (
        await plans(Viewer(Role.MODERATOR, "of_2", reason=because("Another complaint.", "wk_1")))
        == 3
    )


async def test_what_is_included_makes_another_plan(process: Process) -> None:
    engine = Engine(SCHEMA)
    operation = engine.prepare(DISTRICTS)

    for full in (True, False, True, False):
        result = await engine.run(operation, {"full": full}, context_of(process))
        assert result.data is not None
        assert all(("id" in node) is full for node in result.data["districts"]["nodes"])

    assert len(operation.plans) == 2


async def test_the_plans_of_an_operation_are_bounded() -> None:
    names = [f"v{number}" for number in range(7)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: __typename @include(if: ${name})" for name in names)
    engine = Engine(a_schema())
    operation = engine.prepare(f"query ({declared}) {{ {fields} }}")

    for chosen in product((True, False), repeat=7):
        result = await engine.run(operation, dict(zip(names, chosen, strict=True)))
        assert result.data is not None
        assert len(result.data) == sum(chosen)

    assert len(operation.plans) == VARIANTS < 2**7


def test_the_operations_of_an_engine_are_bounded_and_the_latest_used_stay() -> None:
    engine = Engine(a_schema(), operations=2)

    first = engine.prepare("{ a: __typename }")
    engine.prepare("{ b: __typename }")
    assert engine.prepare("{ a: __typename }") is first
    dropped = engine.prepare("{ b: __typename }")
    engine.prepare("{ a: __typename }")
    engine.prepare("{ c: __typename }")

    assert engine.prepare("{ a: __typename }") is first
    assert engine.prepare("{ b: __typename }") is not dropped


async def test_an_operation_keeps_nothing_of_a_request() -> None:
    """Whether it went well or not: errors have tracebacks, and those have everything."""
    document = """query ($count: Int!, $on: Boolean!) {
      workers(count: $count) {
        id district { name } broken { name } home { surely } ... @include(if: $on) { name }
      }
      more: workers(count: 7) { id }
    }"""
    engine = Engine(a_schema(District_surely=Field(compute=lambda _: 1 / 0)))
    operation = engine.prepare(document)
    schema = engine.schema
    assert schema.query_type is not None
    seen: list[weakref.ref[Any]] = []
    plain = schema.query_type.fields["workers"].resolve

    def noted(root: Any, info: Any, count: int) -> Any:
        assert plain is not None
        rows: Any = plain(root, info, count=count)
        seen.extend(weakref.ref(row) for row in rows)
        return rows

    schema.query_type.fields["workers"].resolve = noted

    async def once() -> None:
        context, root = Asking(), Worker("root")
        seen.extend((weakref.ref(context), weakref.ref(root), weakref.ref(context.batches)))
        result = await engine.run(operation, {"count": 3, "on": True}, context, root)
        assert result.errors

    await once()
    await swept()

    assert len(seen) == 3 + 3 + 7
    assert [reference() for reference in seen if reference() is not None] == []


@pytest.mark.parametrize(
    "document",
    [
        # Refused where the argument is worked out, once for all requests.
        "{ workers(count: 7) { id } }",
        # Refused where a selection is made: a directive is given null.
        "query ($on: Boolean) { one { district { id @include(if: $on) } } }",
    ],
)
async def test_an_error_that_a_plan_remembers_keeps_nothing_of_a_request(document: str) -> None:
    def refuse(_: Any) -> Any:
        raise ValueError("refused")

    schema = a_schema(Query_workers=Field(load=read(districts), convert=refuse))
    engine = Engine(schema)
    operation = unvalidated(engine, document)
    seen: list[weakref.ref[Any]] = []

    async def once() -> list[GraphQLError]:
        context = Asking()
        root = {"one": Worker("wk_1")}
        seen.extend((weakref.ref(context), weakref.ref(root["one"])))
        result = await engine.run(operation, {"on": None}, context, root)
        assert result.errors
        return [GraphQLError(error.message, path=error.path) for error in result.errors]

    first, second = await once(), await once()
    await swept()

    assert first == second
    assert [reference() for reference in seen if reference() is not None] == []


async def swept() -> None:
    # The event loop has whatever woke us until it wakes us again.
    await asyncio.sleep(0)
    gc.collect()


def unvalidated(engine: Engine, document: str) -> Operation:
    """As a document is that was valid for an older schema, say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.document.validate", lambda *_, **__: [])
        return engine.prepare(document)


async def test_a_plan_knows_nothing_of_the_viewer_it_was_made_for(process: Process) -> None:
    engine = Engine(SCHEMA)
    operation = engine.prepare(DISTRICTS)
    secret = "cz_that_nobody_else_has"
    viewer = Viewer(Role.CITIZEN, secret, reason=because("Mine alone.", secret))
    await engine.run(operation, {"full": True, "after": None}, context_of(process, viewer))

    gc.collect()
    reached: list[Any] = [*operation.plans.items()]
    known: set[int] = set()
    while reached:
        thing = reached.pop()
        if id(thing) in known or isinstance(thing, type) or type(thing).__name__ == "module":
            continue
        known.add(id(thing))
        assert thing is not viewer
        assert thing not in (secret, "Mine alone.") if isinstance(thing, str) else True
        reached += gc.get_referents(thing)


# What is read together


async def test_no_task_is_made_for_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Field(load=read(districts)(of="home"), needs=("home_id",))
    engine = Engine(a_schema(Worker_home=other))
    loop = asyncio.get_running_loop()
    made: list[Any] = []
    told: list[int] = []

    def count(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **more)

    def info(task: Task, index: int) -> GraphQLResolveInfo[Any]:
        told.append(index)
        return plain(task, index)

    plain = Task.info
    monkeypatch.setattr(Task, "info", info)
    loop.set_task_factory(count)
    found = []
    for size in (10, 1000):
        made.clear()
        told.clear()
        await answered(engine, WORKERS, count=size)
        found.append((len(made), len(told)))

    # Of two different reads at the same time, one; and the root's resolver is told where it is.
    assert found == [(1, 1), (1, 1)]


async def test_reads_do_not_grow_with_the_objects() -> None:
    engine = Engine(a_schema())
    reads = []
    for size in (10, 1000):
        context = Asking()
        await answered(engine, WORKERS, context, count=size)
        reads.append(len(context.batches.asked))

    assert reads == [1, 1]


async def test_equal_reads_of_a_level_are_one_whoever_asks_for_them() -> None:
    context = Asking()
    document = """{
      few: workers(count: 2) { district { id } }
      many: workers(count: 3) { there: district { name } home { id } }
    }"""

    data = await answered(Engine(a_schema()), document, context)

    ((_, keys),) = context.batches.asked
    assert len(keys) == 2 + 3 + 3
    assert [worker["district"]["id"] for worker in data["few"]] == ["dt_0", "dt_1"]
    assert [worker["home"]["id"] for worker in data["many"]] == ["dt_1"] * 3


async def test_reads_of_a_level_are_under_way_at_the_same_time() -> None:
    together = asyncio.Barrier(2)

    def waiting() -> Any:
        async def found(keys: Sequence[str]) -> list[Any]:
            await together.wait()
            return await districts(keys)

        return found

    schema = a_schema(
        Worker_district=Field(load=read(waiting()), needs=("district_id",)),
        Worker_home=Field(load=read(waiting()), needs=("home_id",)),
    )

    async with asyncio.timeout(PATIENCE):
        data = await answered(Engine(schema), WORKERS, count=2)
    assert data["workers"][1]["district"]["id"] == "dt_1"


async def test_a_read_that_fails_takes_nothing_from_those_who_share_another() -> None:
    """Each row of `home` chooses what to read; the read of some fails."""
    other, failing = read(districts), read(broken)
    schema = a_schema(
        Worker_home=Field(
            load=lambda row: failing if row.id == "wk_0" else other, needs=("district_id",)
        ),
    )
    result = await Engine(schema).execute(WORKERS, {"count": 4}, Asking())

    assert result.data is not None
    workers = result.data["workers"]
    assert [worker["district"]["id"] for worker in workers] == [f"dt_{n}" for n in range(4)]
    assert [worker["home"] and worker["home"]["id"] for worker in workers] == [
        None,
        "dt_1",
        "dt_2",
        "dt_3",
    ]
    assert [error.path for error in result.errors or ()] == [["workers", 0, "home"]]


async def test_a_row_that_many_refer_to_is_one_object_of_the_answer() -> None:
    data = await answered(Engine(a_schema()), WORKERS, count=14)

    first, *_, eighth = data["workers"][:8]
    assert first["district"] is eighth["district"]
    assert first["district"] is not data["workers"][1]["district"]


async def test_errors_in_a_shared_row_are_told_wherever_it_stands() -> None:
    made: list[Any] = []

    def compute(row: District) -> str:
        made.append(row)
        raise ValueError(row.id)

    engine = Engine(a_schema(District_name=Field(compute=compute)))
    document = "{ workers(count: 8) { home { name } } }"
    result = await engine.execute(document, None, Asking())

    assert [error.path for error in result.errors or ()] == [
        ["workers", number, "home", "name"] for number in range(8)
    ]
    assert len({id(row) for row in made}) == 1


async def test_errors_are_told_up_to_the_limit() -> None:
    engine = Engine(a_schema(Worker_name=Field(compute=lambda _: 1 / 0)), error_limit=10)

    result = await engine.execute(WORKERS, {"count": 100}, Asking())

    assert [error.path for error in result.errors or ()] == [
        ["workers", number, "name"] for number in range(10)
    ]
    assert result.data is not None
    assert len(result.data["workers"]) == 100


def test_nothing_around_our_fields_would_run_for_each_object() -> None:
    """Permissions, extensions of a field and those of a schema that resolve are called for each
    object. The engine obeys those of a field, which costs a call for each; no type of ours has
    any. Few fields have a resolver of their own, beside commands."""
    assert [*gateway().extensions] == []
    one_by_one = set()
    for type_ in SCHEMA.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_.name.startswith("__"):
            continue
        for name, made in type_.fields.items():
            declared = made.extensions.get("strawberry-definition")
            assert isinstance(declared, StrawberryField), f"{type_}.{name}"
            assert declared.extensions == [], f"{type_}.{name}"
            assert declared.permission_classes == [], f"{type_}.{name}"
            record = told(made)
            if COMMAND not in made.extensions and not (record and record.is_declared):
                one_by_one.add(f"{type_}.{name}")

    assert one_by_one == {
        *("Query.node", "Query.nodes", "Query.viewer", "Query.rateLimit"),
        *("Document.url", "Export.manifest", "ExportPart.url", "Incident.numbersToCall"),
    }


# What one may take from others


@pytest.mark.parametrize(("seconds", "is_fair"), [(0, True), (3600, False)])
async def test_a_huge_operation_lets_others_have_their_turns(
    monkeypatch: pytest.MonkeyPatch, seconds: float, is_fair: bool
) -> None:
    monkeypatch.setattr(run, "SLICE_SECONDS", seconds)
    document = "{ workers(count: 20000) { name } }"
    turns = 0

    async def ticking() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ticker = asyncio.create_task(ticking())
    try:
        data = await answered(Engine(a_schema()), document)
    finally:
        ticker.cancel()

    assert len(data["workers"]) == 20_000
    if is_fair:
        assert turns >= 20_000 // run.SLICE_ROWS - 1
    else:
        assert turns == 0


# What is broken off


def sleeping(columns: Columns) -> Any:
    keys = func.unnest(KEYS).column_valued("key")
    return select(keys, func.pg_sleep(3600).cast(Text))


def asleep_or_quick() -> GraphQLSchema:
    schema = build_schema("type Query { slow: String  quick: String }")
    assert schema.query_type is not None
    for name, of in (("slow", sleeping), ("quick", quick)):
        schema.query_type.fields[name].extensions[FIELD] = Field(load=value(None)(of))
    return schema


def quick(columns: Columns) -> Any:
    return select(func.unnest(KEYS).column_valued("key"), text("'quick'"))


SLEEPERS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%'"
    " AND pid <> pg_backend_pid()"
)


async def until_sleepers(url: str, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await scalar(url, SLEEPERS) != wanted:
            pass


async def test_a_query_that_takes_too_long_is_given_up_and_gives_back_its_connection(
    process: Process, database_url: str
) -> None:
    engine = Engine(asleep_or_quick(), seconds=0.2)

    result = await engine.execute("{ slow quick }", None, context_of(process))

    assert result.data is None
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions == {"code": "LIMIT_EXCEEDED", "limit": 0.2}
    # The pool has one connection for reads.
    async with asyncio.timeout(PATIENCE):
        result = await engine.execute("{ quick }", None, context_of(process))
    assert result.data == {"quick": "quick"}
    await until_sleepers(database_url, 0)


async def test_a_request_that_is_cancelled_gives_back_its_connection(
    process: Process, database_url: str
) -> None:
    engine = Engine(asleep_or_quick())
    request = asyncio.create_task(engine.execute("{ slow }", None, context_of(process)))
    await until_sleepers(database_url, 1)

    request.cancel()

    with pytest.raises(asyncio.CancelledError):
        await request
    async with asyncio.timeout(PATIENCE):
        result = await engine.execute("{ quick }", None, context_of(process))
    assert result.data == {"quick": "quick"}
    await until_sleepers(database_url, 0)


async def test_a_mutation_is_never_given_up_half_way() -> None:
    schema = a_schema()
    assert schema.mutation_type is not None

    async def work(*_: Any) -> Worker:
        await asyncio.sleep(0.05)
        return Worker("wk_1")

    schema.mutation_type.fields["work"].resolve = work
    engine = Engine(schema, seconds=0.001)

    assert await answered(engine, "mutation { work { id district { id } } }") == {
        "work": {"id": "wk_1", "district": {"id": "dt_1"}}
    }


# What can be watched


class Log(Observer):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0

    @contextmanager
    def _around(self, what: str) -> Iterator[None]:
        self.lines.append("  " * self._depth + what)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def operation(self, operation: Operation, context: Any) -> Any:
        return self._around(f"operation {operation.name}")

    def level(self, depth: int, groups: Sequence[Group]) -> Any:
        return self._around(f"level {depth} {[str(group.selection.type) for group in groups]}")

    def read(self, reading: Reading) -> Any:
        # Several may be under way at once: nothing is inside one of them.
        self.lines.append("  " * self._depth + f"read of {len(reading.keys)}")
        return nullcontext()

    def failed(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        self.lines.append("  " * self._depth + f"failed {[error.path for error in errors]}")


async def test_what_happens_is_told_as_it_happens(process: Process) -> None:
    log = Log()
    engine = Engine(SCHEMA, observer=log)
    document = """query Districts {
      districts(first: 2) { nodes { division { id } } }
      nodes(ids: "dt_162") { ... on District { divisions: division { id } } }
      audit(first: 1000) { totalCount }
    }"""

    await engine.execute(document, None, context_of(process))

    assert log.lines == [
        "operation Districts",
        "  level 1 ['Query']",
        "    read of 1",
        "    read of 1",
        "  level 2 ['DistrictConnection', 'District']",
        "    read of 1",
        "  level 3 ['Division']",
        "  failed [['audit']]",
    ]


# Where and for whom it runs, without HTTP


async def test_an_operation_on_a_snapshot_sees_nothing_of_what_others_do_meanwhile(
    database_url: str,
) -> None:
    worker = await a_worker(database_url)
    document = "query ($id: ID!) { node(id: $id) { ... on Worker { bookings { totalCount } } } }"
    viewer = Viewer(Role.WORKER, worker.id)
    engine = Engine(SCHEMA)

    async with a_process(database_url, pool_size=4) as process:

        async def bookings(source: Any) -> Any:
            context = context_of(process, viewer)
            context.batches = Batches(source, Access(viewer))
            data = await answered(engine, document, context, id=worker.id)
            return data["node"]["bookings"]["totalCount"]

        async with process.database.reads.snapshot() as snapshot:
            assert await bookings(snapshot) == 0
            await a_booking(database_url, worker=worker)
            assert await bookings(snapshot) == 0
            assert await bookings(process.database.reads) == 1


async def test_a_list_is_read_page_by_page_for_a_viewer(process: Process) -> None:
    engine = Engine(SCHEMA)
    operation = engine.prepare(DISTRICTS)
    viewer = Viewer(Role.CITIZEN, "cz_1")

    async def pages() -> AsyncIterator[list[int]]:
        after = None
        while True:
            result = await engine.run(operation, {"after": after}, context_of(process, viewer))
            assert result.data is not None
            page = result.data["districts"]
            yield [node["lgdCode"] for node in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    found = [code async for page in pages() for code in page]

    assert len(found) == len(set(found)) == 75
    assert len(operation.plans) == 1


async def test_nothing_of_a_run_is_left_for_the_garbage_collector(
    database_url: str, process: Process
) -> None:
    for _ in range(3):
        await a_worker(database_url)
    engine = Engine(SCHEMA)
    operation = engine.prepare("{ workers { nodes { code district { name } skills { id } } } }")
    await engine.run(operation, {}, context_of(process))
    gc.collect()
    gc.disable()
    try:
        result = await engine.run(operation, {}, context_of(process))
        left = gc.collect()
    finally:
        gc.enable()

    assert result.errors is None
    assert left == 0


def test_a_document_that_is_known_beforehand_is_prepared_once() -> None:
    engine = Engine(SCHEMA)
    document = "query Names { districts { nodes { name } } }"

    engine.warm(document)

    operation = engine.prepare(document, "Names")
    assert len(operation.plans) == 1
    assert engine.prepare(document, "Names") is operation
