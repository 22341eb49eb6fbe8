"""Whatever the values, nobody gets at a fault of ours: every root field, asked with the worst."""

import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import SCHEMA, a_process, answer
from tests.test_rights import a_world

ROUNDS = 60 if os.environ.get("LONG") else 3
STRINGS = (
    *("", "\x00", "a\x00b", "%", "\\", "'; --", "\u202e", "🙂" * 100, "x" * 5_000, "ऀ\u0301"),
    *("wk_1", "wk_\x00", "bk_" + "z" * 300, "bWFkZSB1cA==", "-1", "9" * 400, "1e400", "null"),
    *("2026-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00Z", "2026-02-30"),
    *("+919876543210", "226001", "12:00", "24:61", "PT1H", "[]", "{}"),
)
INTEGERS = (0, -1, 1, 162, 5_000, 2**31 - 1, -(2**31))
FLOATS = (0, -1, 26.8, 90, 180.001, 1e308, -1e308, 5e-324)


class Hostile:
    """Operations over the schema, the same for the same seed."""

    def __init__(self, seed: int, ids: Sequence[str]) -> None:
        """The `ids` are of what there is: behind them lies more to be reached."""
        self.random = random.Random(seed)
        self.ids = ids

    def operations(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for kind, root in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
            assert root is not None
            for name, field in root.fields.items():
                yield self.operation(kind, name, field)

    def operation(self, kind: str, name: str, field: GraphQLField) -> tuple[str, dict[str, Any]]:
        given = {
            argument: each.type
            for argument, each in field.args.items()
            if isinstance(each.type, GraphQLNonNull) or self.random.random() < 0.7
        }
        declared = ", ".join(f"${argument}: {type_}" for argument, type_ in given.items())
        used = ", ".join(f"{argument}: ${argument}" for argument in given)
        query = f"{kind} Q({declared}) {{ {name}({used}) {{ __typename }} }}"
        if not given:
            query = f"{kind} {{ {name} {{ __typename }} }}"
        if is_leaf_type(get_named_type(field.type)):
            query = query.replace(" { __typename }", "")
        elif kind == "query":
            query = query.replace("{ __typename }", self.selection(field.type, 0))
        return query, {argument: self.value(type_) for argument, type_ in given.items()}

    def selection(self, type_: Any, depth: int) -> str:
        named = get_named_type(type_)
        chosen = ["__typename"]
        if isinstance(named, GraphQLUnionType) or depth == 3:
            return "{ __typename }"
        fields = list(named.fields.items())
        for name, field in self.random.sample(fields, min(5, len(fields))):
            if not any(isinstance(each.type, GraphQLNonNull) for each in field.args.values()):
                leaf = is_leaf_type(get_named_type(field.type))
                chosen.append(name if leaf else f"{name} {self.selection(field.type, depth + 1)}")
        return f"{{ {' '.join(chosen)} }}"

    def value(self, type_: GraphQLInputType) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self.value(type_.of_type)
        if isinstance(type_, GraphQLList):
            return [self.value(type_.of_type) for _ in range(self.random.choice((0, 1, 2, 30)))]
        if isinstance(type_, GraphQLInputObjectType):
            return {
                name: self.value(each.type)
                for name, each in type_.fields.items()
                if isinstance(each.type, GraphQLNonNull) or self.random.random() < 0.6
            }
        if isinstance(type_, GraphQLEnumType):
            return self.random.choice(list(type_.values))
        if type_.name == "Boolean":
            return self.random.random() < 0.5
        if type_.name == "ID" and self.random.random() < 0.7:
            return self.random.choice(self.ids)
        choices: dict[str, tuple[Any, ...]] = {"Int": INTEGERS, "Float": FLOATS}
        return self.random.choice(choices.get(type_.name, (*STRINGS, *INTEGERS)))


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_no_value_is_a_fault_of_ours(database_url: str, seed: int) -> None:
    world = await a_world(database_url)
    hostile = Hostile(seed, [*world.ids.values(), world.worker.id, world.booking.id])
    faults = []
    async with a_process(database_url) as process:
        for number, (query, variables) in enumerate(hostile.operations()):
            viewer = world.near(list(Role)[(number + seed) % len(Role)])
            _, errors = await answer(process, viewer, query, **variables)
            codes = {error["extensions"]["code"] for error in errors}
            if codes & {"INTERNAL", "UNAVAILABLE"}:
                faults.append(f"{viewer.role}: {query} {variables}"[:600])

    assert faults == []


async def test_a_text_that_cannot_be_kept_is_told_as_the_clients_mistake(
    database_url: str,
) -> None:
    async with a_process(database_url) as process:
        query = """query ($slug: String!) { serviceCategory(slug: $slug) { id } }"""
        _, (error,) = await answer(process, Viewer(), query, slug="a\x00b")

    assert error["extensions"]["code"] == "BAD_INPUT"
    assert "U+0000" in error["message"]
