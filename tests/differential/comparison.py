"""What an operation may answer by graphql-core, and how an answer differs from that.

What is null because of an error is a region of the answer; the largest ones count. graphql-core
reports one error or several in each, by timing. We report exactly one: one of those that made the
region null.
"""

from asyncio import Future, wait
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from operator import itemgetter
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationType,
    execute,
    get_nullable_type,
    get_operation_ast,
    located_error,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from graphql.type import is_non_null_type

Position = tuple[str | int, ...]
Told = tuple[Any, ...]
"""All that is told of an error."""


@dataclass(frozen=True)
class Region:
    """A place that an error makes null, and the errors of which one is told."""

    at: Position
    candidates: list[Told]


@dataclass(frozen=True)
class Expected:
    data: Any
    regions: list[Region]
    effects: list[str]


def differences(expected: Expected, answer: ExecutionResult, effects: list[str]) -> list[str]:
    """How the answer differs from what is expected, in words."""
    found = []
    if exact(answer.data) != exact(expected.data):
        found.append(f"the data is {answer.data!r}, not {expected.data!r}")
    if effects != expected.effects:
        found.append(f"the effects are {effects!r}, not {expected.effects!r}")
    told = [told_of(error) for error in answer.errors or ()]
    for region in expected.regions:
        chosen = next((error for error in told if error in region.candidates), None)
        if chosen is None:
            found.append(f"no error for {[*region.at]}, where one is due of {region.candidates}")
        else:
            told.remove(chosen)
    return found + [f"an error that is not due: {error}" for error in told]


def exact(value: Any) -> Any:
    """With the order of keys, and with 1, 1.0 and true apart."""
    if isinstance(value, dict):
        return [(key, exact(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [exact(item) for item in value]
    return type(value), repr(value)


def told_of(error: GraphQLError) -> Told:
    return (
        error.message,
        error.path,
        [(at.line, at.column) for at in error.locations or ()],
        error.extensions,
        type(error.original_error),
    )


async def expected_of(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: dict[str, Any],
    context: Callable[[], Any],
    root: Any,
) -> Expected:
    """`context` makes one for each execution; it has the `effects`."""
    true = context()
    answer = await executed(schema, document, root, true, variables)
    if not answer.errors:
        return Expected(answer.data, [], true.effects)
    if answer.data is None and all(error.path is None for error in answer.errors):
        whole = [Region((), [told_of(error)]) for error in answer.errors]
        return Expected(None, whole, true.effects)
    record = Record()
    await executed(
        schema, document, root, context(), variables, executor_class=Recording, record=record
    )
    while record.unfinished:
        await wait(list(record.unfinished))
    regions = record.regions()
    if is_serial(document):
        regions = [record.up_to_the_first(region) for region in regions]
    return Expected(
        answer.data, [Region(at, [*map(itemgetter(1), f)]) for at, f in regions], true.effects
    )


async def executed(*arguments: Any, **more: Any) -> ExecutionResult:
    answer = execute(*arguments, **more)
    return await answer if isawaitable(answer) else answer


def is_serial(document: DocumentNode) -> bool:
    operation = get_operation_ast(document)
    return operation is not None and operation.operation is OperationType.MUTATION


Failure = tuple[Position, Told]


@dataclass
class Record:
    """What may fail, and where a failure can stay."""

    types: dict[Position, GraphQLOutputType] = field(default_factory=dict)
    """The type of each field that was reached, in the order in which they were."""
    failures: list[Failure] = field(default_factory=list)
    unfinished: set[Future[Any]] = field(default_factory=set)

    def regions(self) -> list[tuple[Position, list[Failure]]]:
        """The largest ones, with the failures that make just them null."""
        found: dict[Position, list[Failure]] = {}
        for failure in self.failures:
            found.setdefault(self.resting_place(failure[0]), []).append(failure)
        return [
            (at, failures)
            for at, failures in found.items()
            if not any(at[:size] in found for size in range(len(at)))
        ]

    def resting_place(self, position: Position) -> Position:
        """The nearest position from here to the root that may be null."""
        while position and is_non_null_type(self.type_at(position)):
            position = position[:-1]
        return position

    def type_at(self, position: Position) -> GraphQLOutputType:
        if position in self.types:
            return self.types[position]
        outer: Any = get_nullable_type(self.type_at(position[:-1]))
        return cast(GraphQLOutputType, outer.of_type)

    def up_to_the_first(
        self, region: tuple[Position, list[Failure]]
    ) -> tuple[Position, list[Failure]]:
        """Once the whole is null, later fields of a serial operation are not run."""
        at, failures = region
        if at:
            return region
        failed = {position[0] for position, _ in failures}
        first = next(key for key, *below in self.types if not below and key in failed)
        return at, [failure for failure in failures if failure[0][0] == first]


class Recording(Executor[None]):
    """Lets each null be where its error is, whatever the type says."""

    def __init__(self, *arguments: Any, record: Record, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.error_propagation = False
        self.record = record
        record.unfinished = self.background_futures

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: list[FieldDetails],
        path: Path,
        position_context: None,
    ) -> Any:
        made = self.schema.get_field(parent_type, field_details_list[0].node.name.value)
        assert made is not None
        self.record.types[tuple(path.as_list())] = made.type
        return super().execute_field(
            parent_type, source, field_details_list, path, position_context
        )

    def handle_field_error(
        self,
        raw_error: Exception,
        return_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        path: Path,
    ) -> None:
        at = path.as_list()
        error = located_error(raw_error, [details.node for details in field_details_list], at)
        self.record.failures.append((tuple(at), told_of(error)))
        super().handle_field_error(error, return_type, field_details_list, path)
