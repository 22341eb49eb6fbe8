"""The executor alone, with no database and no HTTP: our engine, and graphql-core's, on one schema
over rows that are in memory already; and how the engine's cost grows with what is asked for."""

import asyncio
import gc
import inspect
import os
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from statistics import median
from typing import Any

import orjson
from graphql import parse
from graphql.execution import experimental_execute_incrementally

from bench.database import Database
from bench.measure import Sample, difference
from bench.results import OURS, Figures, Growth
from bench.servers import SERVER_CORE
from bench.shapes import OPERATIONS
from engine.engine import Engine, Operation
from runtime.along import Along
from runtime.batch import Access, Batch, Batches, Columns
from runtime.context import Context, numbers
from runtime.garbage import look_seldom
from runtime.language import Language
from runtime.process import Process, process_of
from runtime.projection import Projection
from runtime.settings import Settings
from runtime.viewer import Viewer
from schema.graph import gateway

ROUNDS = 10
TURN_SECONDS = 0.25
SIZES = (10, 30, 100, 300, 1_000, 3_000, 10_000)
DEPTHS = range(1, 9)

Run = Callable[[], Awaitable[Any]]
Rows = dict[tuple[Batch, Columns], dict[str, Any]]

LIST = """query ($first: Int!) { workers(first: $first) { nodes {
  id displayName yearsExperience languages
  skills { category { slug name } verified }
  rating { mean count }
  reviews(first: 5) { nodes {
    stars text reviewerName month booking { state completedMonth } } } } } }"""
"""The nested list, of any size."""
STEP = "reviews(first: 1) { nodes { stars worker { displayName %s } } }"
"""From a worker to the same worker: so that every level has as many objects as the last."""


class Remembering(Batches):
    """Looks up what an earlier run has read: all that an executor does of itself remains."""

    recorded: Rows

    async def _read(
        self,
        batch: Batch,
        columns: Columns,
        access: Access,
        keys: list[str],
        along: tuple[Along, ...] = (),
    ) -> dict[str, Any]:
        known = self._recorded(batch, columns)
        for read in every(along):
            self._memory(read.batch, read.columns, access).known = self._recorded(
                read.batch, read.columns
            )
        missing = [key for key in keys if key not in known]
        if missing:
            known.update(await super()._read(batch, columns, access, missing, along))
        return {key: known[key] for key in keys}

    def _recorded(self, batch: Batch, columns: Columns) -> dict[str, Any]:
        return self.recorded.setdefault((batch, columns), {})


def every(along: Sequence[Along]) -> Iterator[Along]:
    for read in along:
        yield read
        yield from every(read.along)


class Bare:
    """Runs operations over rows in memory, with nothing around them."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.graph = gateway()
        self.engine = Engine(self.graph.schema)
        self.recorded: Rows = {}

    def context(self) -> Context:
        context = Context(Viewer(), Language.EN, self.process)
        batches = Remembering(
            self.process.database.reads,
            Access(context.viewer),
            numbers(self.process.settings),
        )
        batches.recorded = self.recorded
        context.batches = batches
        return context

    def by_engine(self, document: str, variables: dict[str, Any]) -> Run:
        operation = self.engine.prepare(document)

        async def run() -> Any:
            return await self.engine.run(operation, variables, self.context())

        return run

    def by_graphql_core(self, document: str, variables: dict[str, Any]) -> Run:
        """Parsed and validated before, as with the engine."""
        parsed, operation = parse(document), self.engine.prepare(document)

        async def run() -> Any:
            context = self.context()
            context.projection = self.projection(operation, context)
            found = experimental_execute_incrementally(
                self.graph.schema, parsed, context_value=context, variable_values=variables
            )
            return await found if inspect.isawaitable(found) else found

        return run

    def by_strawberry(self, document: str, variables: dict[str, Any]) -> Run:
        """Parses and validates each time, as it does unless it is told otherwise."""
        operation = self.engine.prepare(document)

        async def run() -> Any:
            context = self.context()
            context.projection = self.projection(operation, context)
            return await self.graph.execute(document, variables, context)

        return run

    def projection(self, operation: Operation, context: Context) -> Projection:
        return Projection(
            self.graph.schema, operation.definition, operation.fragments, context.viewer
        )


def run(database: Database) -> tuple[dict[str, Figures], Growth]:
    os.sched_setaffinity(0, {SERVER_CORE})
    return asyncio.run(timed(database.url))


async def timed(url: str) -> tuple[dict[str, Figures], Growth]:
    print("· the executor alone", flush=True)
    async with process_of(Settings(database_url=url, page_limit=max(SIZES))) as process:
        bare = Bare(process)
        look_seldom()  # as `serve` does
        return await compared(bare), {
            "list size": [await cost(bare, LIST, {"first": size}, size) for size in SIZES],
            "depth": [await cost(bare, nested(depth), {"first": 100}, depth) for depth in DEPTHS],
        }


def nested(depth: int) -> str:
    inner = ""
    for _ in range(depth):
        inner = STEP % inner
    return f"query ($first: Int!) {{ workers(first: $first) {{ nodes {{ id {inner} }} }} }}"


async def compared(bare: Bare) -> dict[str, Figures]:
    document = (OPERATIONS / "nested_list.graphql").read_text()
    variables = {"district": 162, "years": 1}
    runs = {
        OURS: bare.by_engine(document, variables),
        "graphql_core": bare.by_graphql_core(document, variables),
        "strawberry": bare.by_strawberry(document, variables),
    }
    first = {name: await answered(run) for name, run in runs.items()}
    for name, data in first.items():
        if found := difference(first[OURS], data):
            raise SystemExit(f"{name} answers otherwise in memory: {found}")
    figures = {name: Figures(statements=0) for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            figures[name].samples.append(await sample(run))
    return figures


async def answered(run: Run) -> Any:
    result = await run()
    if result.errors:
        raise SystemExit(f"The executor alone: {result.errors[0]}")
    return orjson.loads(orjson.dumps(result.data))


async def sample(run: Run) -> Sample:
    gc.collect()
    started, spent, count = time.perf_counter(), time.process_time(), 0
    while (elapsed := time.perf_counter() - started) < TURN_SECONDS:
        await run()
        count += 1
    spent = time.process_time() - spent
    return Sample(count / elapsed, spent * 1000 / count, 0.0, elapsed * 1000 / count)


async def cost(bare: Bare, document: str, variables: dict[str, Any], size: int) -> dict[str, float]:
    """Milliseconds of the processor, and the most memory in use at once beyond the rows."""
    run = bare.by_engine(document, variables)
    await answered(run)
    times = [(await sample(run)).cpu_ms for _ in range(5)]
    gc.collect()
    tracemalloc.start()
    await run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"size": size, "ms": round(median(times), 3), "mib": round(peak / 2**20, 3)}
