"""The comparison that the differential test rests on finds what differs, and nothing else."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLError, build_schema, execute, parse

from tests.differential.comparison import Expected, differences, executed, expected_of

SCHEMA = build_schema("""
    type Query { item: Item, items: [Item!], whole: Item!, number: Int, told: String }
    type Item { must: Int!, may: Int, also: Int!, below: Item! }
    type Mutation { first: Int!, second: Int! }
""")


def failing(*_: Any) -> Any:
    raise GraphQLError("failed", extensions={"code": "FAILED"})


def broken(*_: Any) -> Any:
    raise ValueError("broken")


async def broken_later(*_: Any) -> Any:
    await asyncio.sleep(0)
    raise ValueError("broken later")


ROOT = {"number": 1, "told": "1", "item": {"must": 1, "may": failing, "also": 2}}


def no_effects() -> Any:
    return SimpleNamespace(effects=[])


async def expected(document: str, root: Any = ROOT) -> Expected:
    return await expected_of(SCHEMA, parse(document), {}, no_effects, root)


async def by_graphql_core(document: str, root: Any = ROOT) -> ExecutionResult:
    return await executed(SCHEMA, parse(document), root)


def an_answer(data: Any, *errors: GraphQLError) -> ExecutionResult:
    return ExecutionResult(data, list(errors) or None)


async def test_what_graphql_core_answers_does_not_differ() -> None:
    for document in ("{ number item { must may } }", "{ item { also may } told }", "{ a: number }"):
        assert differences(await expected(document), await by_graphql_core(document), []) == []


async def test_order_of_errors_does_not_matter() -> None:
    root = {"number": failing, "told": failing}
    answer = await by_graphql_core("{ number told }", root)
    assert answer.errors is not None
    answer.errors.reverse()

    assert differences(await expected("{ number told }", root), answer, []) == []


@pytest.mark.parametrize(
    "data",
    [
        {"number": 2, "told": "1"},
        {"number": 1.0, "told": "1"},
        {"number": True, "told": "1"},
        {"told": "1", "number": 1},
        {"number": 1},
        {"number": 1, "told": "1", "more": None},
        None,
    ],
)
async def test_other_data_differ(data: Any) -> None:
    assert len(differences(await expected("{ number told }"), an_answer(data), [])) == 1


def changed(change: Callable[[GraphQLError], Any]) -> Callable[[GraphQLError], list[GraphQLError]]:
    def errors(error: GraphQLError) -> list[GraphQLError]:
        change(error)
        return [error]

    return errors


@pytest.mark.parametrize(
    "errors",
    [
        lambda _: [],
        lambda error: [error, error],
        lambda error: [error, GraphQLError("another")],
        changed(lambda error: setattr(error, "message", "other")),
        changed(lambda error: setattr(error, "path", ["item"])),
        changed(lambda error: setattr(error, "locations", None)),
        changed(lambda error: setattr(error, "extensions", {"code": "OTHER"})),
        changed(lambda error: setattr(error, "original_error", ValueError("failed"))),
    ],
)
async def test_other_errors_differ(errors: Callable[[GraphQLError], list[GraphQLError]]) -> None:
    due = await expected("{ item { may } }")
    answer = await by_graphql_core("{ item { may } }")
    assert answer.errors is not None

    assert differences(due, an_answer(answer.data, *errors(answer.errors[0])), []) != []


async def test_other_effects_differ() -> None:
    due, answer = await expected("{ number }"), await by_graphql_core("{ number }")

    assert len(differences(due, answer, ["something"])) == 1


def told(message: str, *path: str | int, column: int) -> GraphQLError:
    """As `by_graphql_core` tells of it."""
    document = parse(DOCUMENT)
    node: Any = document.definitions[0]
    for key in path:
        if isinstance(key, str):
            node = next(field for field in node.selection_set.selections if field.name.value == key)
    error = GraphQLError(message, node, path=path, original_error=ValueError(message))
    assert error.locations
    assert error.locations[0].column == column
    return error


DOCUMENT = "{ item { must may also } }"
NULLED = {"item": {"must": broken, "may": broken, "also": broken_later}}


@pytest.mark.parametrize(("key", "column"), [("must", 10), ("also", 19)])
async def test_any_error_that_makes_the_region_null_may_be_told(key: str, column: int) -> None:
    message = "broken" if key == "must" else "broken later"
    error = told(message, "item", key, column=column)

    assert differences(await expected(DOCUMENT, NULLED), an_answer({"item": None}, error), []) == []


async def test_only_one_error_is_told_of_a_region() -> None:
    errors = (
        told("broken", "item", "must", column=10),
        told("broken later", "item", "also", column=19),
    )
    answer = an_answer({"item": None}, *errors)

    assert len(differences(await expected(DOCUMENT, NULLED), answer, [])) == 1


async def test_an_error_that_could_have_stayed_inside_does_not_tell_of_the_region() -> None:
    answer = an_answer({"item": None}, told("broken", "item", "may", column=15))

    assert len(differences(await expected(DOCUMENT, NULLED), answer, [])) == 2


async def test_a_region_ends_at_the_nearest_place_that_may_be_null() -> None:
    due = await expected(
        "{ item { below { must } } items { must } whole { may } }",
        {
            "item": {"below": {"must": None}},
            "items": [{"must": 1}, {"must": None}],
            "whole": {"may": broken},
        },
    )

    assert {region.at for region in due.regions} == {("item",), ("items",), ("whole", "may")}


async def test_what_lies_within_a_larger_region_is_no_region() -> None:
    due = await expected(
        "{ item { may } whole { must } }", {"item": {"may": broken}, "whole": {"must": None}}
    )

    assert [region.at for region in due.regions] == [()]
    assert [candidate[1] for candidate in due.regions[0].candidates] == [["whole", "must"]]


async def test_a_mutation_tells_of_what_ended_it() -> None:
    due = await expected("mutation { first second }", {"first": broken, "second": broken})

    assert [candidate[1] for candidate in due.regions[0].candidates] == [["first"]]


async def test_errors_of_a_request_have_to_be_told_all() -> None:
    document = parse("query ($a: Int!, $b: Int!) { number @include(if: true) }")
    due = await expected_of(SCHEMA, document, {}, no_effects, ROOT)
    answer = execute(SCHEMA, document, ROOT)
    assert isinstance(answer, ExecutionResult)
    assert answer.errors is not None

    assert differences(due, answer, []) == []
    assert len(differences(due, an_answer(None, answer.errors[0]), [])) == 1
