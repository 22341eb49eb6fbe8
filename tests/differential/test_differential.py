"""The engine answers as graphql-core does, on random operations over random schemas; and where
it would not, that is found."""

import asyncio
import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, Phase, given, settings

from engine import engine
from engine.arguments import Templates
from engine.collect import Collector, Visit
from engine.engine import Engine
from engine.errors import Absorbed, Failure, located
from engine.group import Group
from engine.objects import Objects
from engine.output import Leaf, Nest, Output
from engine.run import Run
from tests.differential.choices import seeded
from tests.differential.comparison import differences, expected_of
from tests.differential.operations import Case, case_of, cases
from tests.differential.schemas import schema_of
from tests.differential.values import World

pytestmark = pytest.mark.slow

LONG = bool(os.environ.get("LONG"))
PARTS = 4
SCHEMAS = 400 if LONG else 40
OPERATIONS = 4000 if LONG else 400
"""For each part; each is run up to four times, over other data and by other variables."""


@cache
def engine_of(schema_seed: int) -> Engine:
    return Engine(schema_of(schema_seed))


async def wrong_in(case: Case) -> list[str]:
    """How the engine's answers differ from what graphql-core may answer."""
    document = parse(case.document)
    found = []
    for run in case.runs:

        def world() -> World:
            return World(case.schema, run.data_seed, run.trouble)  # noqa: B023

        root = world().root()
        expected = await expected_of(case.schema, document, run.variables, world, root)
        ours = world()
        answer = await engine_of(case.schema_seed).execute(case.document, run.variables, ours, root)
        found += differences(expected, answer, ours.effects)
    return found


@pytest.fixture
def swept() -> Iterator[None]:
    """graphql-core leaves coroutines behind where a null takes their place: here they are found,
    and not in the middle of another test."""
    yield
    gc.collect()


@pytest.mark.usefixtures("swept")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", range(PARTS))
def test_the_engine_answers_as_graphql_core_does(part: int) -> None:
    with asyncio.Runner() as runner:

        @settings(
            max_examples=OPERATIONS,
            derandomize=not LONG,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(cases(range(part, SCHEMAS, PARTS)))
        def check(case: Case) -> None:
            wrong = runner.run(wrong_in(case))
            if wrong:  # as it would be by an operation that is not valid, which the engine refuses
                assert validate(case.schema, parse(case.document)) == []
            assert wrong == [], "\n".join(wrong)

        check()


def keep_nulls(patch: pytest.MonkeyPatch) -> None:
    settled = Output.settled
    patch.setattr(
        Output, "settled", lambda self, *more: settled(replace(self, nullable=True), *more)
    )


def lose_indexes(patch: pytest.MonkeyPatch) -> None:
    origin = Nest.origin

    def without(self: Nest, index: int, depth: int = -1) -> tuple[int, tuple[int, ...]]:
        row, indexes = origin(self, index, depth)
        return row, (0,) * len(indexes)

    patch.setattr(Nest, "origin", without)


def skip_serialising(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leaf, "column", lambda self, values, where: values)
    patch.setattr(Leaf, "stays", lambda self, output, values: False)


def lose_merged_fields(patch: pytest.MonkeyPatch) -> None:
    fields = Collector.fields

    def first(self: Collector, *more: Any) -> Any:
        found, defers = fields(self, *more)
        return {key: selected[:1] for key, selected in found.items()}, defers

    patch.setattr(Collector, "fields", first)


def ignore_abstract_conditions(patch: pytest.MonkeyPatch) -> None:
    def applies(self: Visit, fragment: Any) -> bool:
        return fragment.type_condition is None or fragment.type_condition.name.value == str(
            self.type
        )

    patch.setattr(Visit, "applies", applies)


def keep_arguments(patch: pytest.MonkeyPatch) -> None:
    """Of the first time that the operation is run."""
    worked_out = Templates.__call__
    known: dict[int, Any] = {}
    kept = []

    def same(self: Templates, variables: Any) -> Any:
        kept.append(self)
        if id(self) not in known:
            known[id(self)] = worked_out(self, variables)
        return known[id(self)]

    patch.setattr(Templates, "__call__", same)


def plan_for_all_conditions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "conditions", lambda *_: frozenset())


def run_mutations_at_once(patch: pytest.MonkeyPatch) -> None:
    async def data(self: Run) -> Any:
        roots = [Group(selection, [self.root]) for selection in self.plan.steps]
        await self.complete(roots)
        answer: dict[str, Any] = {}
        for root in roots:
            (made,) = root.made
            if isinstance(made, Failure):
                self.absorbed.append(Absorbed(made, 0))
                return None
            answer.update(made)
        return answer

    patch.setattr(Run, "data", data)


def tell_of_everything(patch: pytest.MonkeyPatch) -> None:
    """Of several errors in one region, too."""

    def told(absorbed: list[Absorbed], limit: int, **_: Any) -> list[Any]:
        failures = [found.failure for found in absorbed]
        return [located(failure, path) for failure in failures for path in failure.position.paths()]

    patch.setattr(engine, "told", told)


def trust_every_type(patch: pytest.MonkeyPatch) -> None:
    """Without asking `is_type_of`."""
    runtime_type = Objects._runtime_type

    def proven(self: Objects, index: int, place: Any) -> Any:
        value = self._nest.inner[index]
        if isinstance(place, str):
            try:
                return runtime_type(self, place, value)
            except Exception as error:
                return error
        return place

    patch.setattr(Objects, "_proven", proven)


@pytest.fixture
def fresh_engines() -> Iterator[None]:
    """What is compiled with a fault in place does not outlive it."""
    engine_of.cache_clear()
    yield
    engine_of.cache_clear()


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("fresh_engines", "swept")
@pytest.mark.parametrize(
    "fault",
    [
        keep_nulls,
        lose_indexes,
        skip_serialising,
        lose_merged_fields,
        ignore_abstract_conditions,
        keep_arguments,
        plan_for_all_conditions,
        run_mutations_at_once,
        tell_of_everything,
        trust_every_type,
    ],
)
async def test_a_fault_in_the_engine_is_found(
    fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    for seed in range(OPERATIONS):
        if await wrong_in(case_of(seeded(seed), range(SCHEMAS))):
            return
    pytest.fail("nothing differed")
