"""What the specification says of execution, one construct at a time, as the engine does it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    get_introspection_query,
    introspection_from_schema,
)

from engine.engine import Engine
from schema.graph import gateway

SDL = """
scalar Positive
enum Colour { RED GREEN }
input Near { lat: Float = 26.5, within: [Int!]! = [5], colour: Colour }
interface Named { name: String }
type Person implements Named { name: String, friends: [Person!], surely: Person!, age: Positive }
type Firm implements Named { name: String, size: Int! }
union Found = Person | Firm
type Query {
  person: Person
  surely: Person!
  named: [Named]
  found: [Found!]
  grid: [[Int!]!]
  loose: [[Int]]
  told(near: Near, ids: [ID!] = ["a"], many: Int! = 3): String
  colour: Colour
  positive: Positive
  colours: [Colour!]
}
type Mutation { add(number: Int!): Sum, never: Int! }
type Sum { total: Int, slowly: Int }
"""
Answer = tuple[Any, list[tuple[str, Any, Any]]]


def a_schema(**resolvers: Any) -> GraphQLSchema:
    """`Type__field` says which field a resolver is for."""
    schema = build_schema(SDL)
    for name, resolve in resolvers.items():
        owner, _, field = name.partition("__")
        type_ = schema.type_map[owner]
        assert isinstance(type_, GraphQLObjectType)
        type_.fields[field].resolve = resolve
    return schema


async def ask(
    document: str,
    root: Any = None,
    *,
    schema: GraphQLSchema | None = None,
    variables: Mapping[str, Any] | None = None,
    context: Any = None,
) -> Answer:
    """The data; and of each error its message, path and places in the document."""
    engine = Engine(schema or a_schema())
    answer = await engine.execute(document, variables, context, root)
    errors = [
        (error.message, error.path, [(at.line, at.column) for at in error.locations or ()])
        for error in answer.errors or ()
    ]
    return answer.data, errors


def null_in(field: str) -> str:
    return f"Cannot return null for non-nullable field {field}."


async def test_a_null_stays_where_it_may() -> None:
    assert await ask("{ person { name } }", {"person": {"name": None}}) == (
        {"person": {"name": None}},
        [],
    )


async def test_a_null_that_may_not_be_takes_the_nearest_that_may() -> None:
    root = {"person": {"name": "A", "surely": {"surely": {"name": "C", "surely": None}}}}

    assert await ask("{ person { name surely { surely { name surely { name } } } } }", root) == (
        {"person": None},
        [(null_in("Person.surely"), ["person", "surely", "surely", "surely"], [(1, 40)])],
    )


async def test_a_null_with_nothing_above_that_may_be_null_takes_the_whole() -> None:
    assert await ask("{ surely { name } colour }", {"surely": None, "colour": "RED"}) == (
        None,
        [(null_in("Query.surely"), ["surely"], [(1, 3)])],
    )


@pytest.mark.parametrize(
    ("key", "given", "made", "path"),
    [
        ("loose", [[1, None], None], [[1, None], None], None),
        ("loose", [[1], [None]], [[1], [None]], None),
        ("grid", [[1], [2, None]], None, ["grid", 1, 1]),
        ("grid", [[1], None], None, ["grid", 1]),
        ("grid", [], [], None),
        ("grid", ((1, 2), {3}), [[1, 2], [3]], None),
    ],
)
async def test_lists_in_lists_hold_nulls_where_they_may(
    key: str, given: Any, made: Any, path: list[str | int] | None
) -> None:
    data, errors = await ask(f"{{ {key} }}", {key: given})

    assert data == {key: made}
    assert [error[1] for error in errors] == ([path] if path else [])


async def test_one_item_that_fails_takes_its_list_only_as_far_as_it_must() -> None:
    people = [{"friends": [{"name": "B"}, None]}, {"friends": [{"name": "C"}]}]

    assert await ask(
        "{ found { ... on Person { friends { name } } } }", {"found": people}, schema=tagged()
    ) == (
        {"found": [{"friends": None}, {"friends": [{"name": "C"}]}]},
        [(null_in("Person.friends"), ["found", 0, "friends", 1], [(1, 27)])],
    )


def tagged() -> GraphQLSchema:
    """Whoever has a size is a firm."""
    schema = a_schema()
    firm, person = schema.type_map["Firm"], schema.type_map["Person"]
    assert isinstance(firm, GraphQLObjectType)
    assert isinstance(person, GraphQLObjectType)
    firm.is_type_of = lambda value, _: "size" in value
    person.is_type_of = lambda value, _: "size" not in value
    return schema


async def test_an_error_tells_of_every_place_that_asks_for_the_field() -> None:
    def fails(*_: Any) -> Any:
        raise ValueError("broken")

    document = "{ person { name } person { name } ...P } fragment P on Query { person { name } }"
    _, errors = await ask(document, {"person": {}}, schema=a_schema(Person__name=fails))

    assert errors == [("broken", ["person", "name"], [(1, 12), (1, 28), (1, 73)])]


async def test_an_error_has_the_alias_in_its_path() -> None:
    _, errors = await ask("{ a: positive }", {"positive": ValueError("broken")})

    assert errors == [("broken", ["a"], [(1, 3)])]


async def test_errors_keep_their_extensions_and_their_cause() -> None:
    cause = ValueError("cause")
    refused = GraphQLError("refused", extensions={"code": "NO"})
    engine = Engine(a_schema())

    answer = await engine.execute(
        "{ colour positive }", root={"colour": cause, "positive": refused}
    )

    assert answer.errors is not None
    assert [error.original_error for error in answer.errors] == [cause, refused]
    assert [error.extensions for error in answer.errors] == [{}, {"code": "NO"}]


async def test_one_error_is_told_of_all_that_a_null_hides() -> None:
    async def slow(*_: Any) -> Any:
        await asyncio.sleep(0)
        raise ValueError("slow")

    schema = a_schema(Person__name=lambda *_: ValueError("quick"), Person__surely=slow)

    assert await ask("{ person { name surely { name } } }", {"person": {}}, schema=schema) == (
        {"person": None},
        [("slow", ["person", "surely"], [(1, 17)])],
    )


async def test_what_is_left_out_takes_its_default() -> None:
    schema = a_schema(Query__told=lambda _, __, **given: repr(sorted(given.items())))
    document = """query ($near: Near, $many: Int! = 7, $gone: [ID!]) {
        nothing: told
        null: told(near: null, ids: null)
        near: told(near: {colour: RED})
        item: told(ids: "b")
        variables: told(near: $near, many: $many, ids: $gone)
    }"""

    data, errors = await ask(document, schema=schema, variables={"near": {"lat": 1}})

    assert errors == []
    assert data == {
        "nothing": "[('ids', ['a']), ('many', 3)]",
        "null": "[('ids', None), ('many', 3), ('near', None)]",
        "near": "[('ids', ['a']), ('many', 3),"
        " ('near', {'lat': 26.5, 'within': [5], 'colour': 'RED'})]",
        "item": "[('ids', ['b']), ('many', 3)]",
        "variables": "[('ids', ['a']), ('many', 7), ('near', {'lat': 1.0, 'within': [5]})]",
    }


async def test_another_value_of_a_variable_is_another_argument() -> None:
    engine = Engine(a_schema(Query__told=lambda _, __, **given: repr(given["near"])))
    document = "query ($lat: Float, $w: Int!) { told(near: {lat: $lat, within: [1, $w]}) }"

    answers = [
        (await engine.execute(document, variables)).data
        for variables in ({"lat": 1.5, "w": 2}, {"w": 3}, {"lat": None, "w": 4})
    ]

    assert answers == [
        {"told": "{'lat': 1.5, 'within': [1, 2]}"},
        {"told": "{'lat': 26.5, 'within': [1, 3]}"},
        {"told": "{'lat': None, 'within': [1, 4]}"},
    ]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "Variable '$many' has invalid value: Expected a value of non-null type 'Int!' to be"),
        ({"many": None}, "Variable '$many' has invalid value: Expected value of non-null type"),
        ({"many": "x"}, "Variable '$many' has invalid value: Int cannot represent non-integer"),
        ({"many": 1, "near": {"far": 1}}, "Variable '$near' has invalid value: Expected value of"),
        ({"many": 1, "near": {"within": [None]}}, "Variable '$near' has invalid value at .within"),
    ],
)
async def test_a_variable_that_does_not_fit_is_told_before_anything_runs(
    variables: dict[str, Any], message: str
) -> None:
    def told(*_: Any, **__: Any) -> Any:
        raise AssertionError("it has run")

    document = "query ($many: Int!, $near: Near) { told(many: $many, near: $near) }"
    data, errors = await ask(document, schema=a_schema(Query__told=told), variables=variables)

    assert data is None
    ((told_of, path, places),) = errors
    assert told_of.startswith(message)
    assert path is None
    assert places in ([(1, 8)], [(1, 21)])


async def test_a_null_for_an_argument_that_may_not_be_null_fails_its_field() -> None:
    document = "query ($many: Int = 1) { told(many: $many) colour }"
    data, errors = await ask(document, {"colour": "RED"}, variables={"many": None})

    assert data == {"told": None, "colour": "RED"}
    assert [error[1] for error in errors] == [["told"]]


@pytest.mark.parametrize(
    ("skip", "include", "made"),
    [
        (False, True, {"colour": "RED", "positive": 1}),
        (True, True, {"positive": 1}),
        (False, False, {"positive": 1}),
        (True, False, {"positive": 1}),
    ],
)
async def test_a_field_is_there_if_it_is_included_and_not_skipped(
    skip: bool, include: bool, made: Any
) -> None:
    document = """query ($s: Boolean!, $i: Boolean!) {
        colour @skip(if: $s) @include(if: $i)
        ... @skip(if: true) { told }
        positive
    }"""
    root = {"colour": "RED", "positive": 1}

    assert await ask(document, root, variables={"s": skip, "i": include}) == (made, [])


async def test_fields_are_merged_and_stand_where_they_are_first_asked_for() -> None:
    root = {"person": {"name": "A", "surely": {"name": "B"}}, "colour": "RED"}
    document = """{
        person { surely { __typename } }
        colour
        ...P
        person { n: name }
    }
    fragment P on Query { person { surely { name } name } }"""

    data, _ = await ask(document, root)

    assert list(data) == ["person", "colour"]
    assert list(data["person"]) == ["surely", "name", "n"]
    assert data["person"]["surely"] == {"__typename": "Person", "name": "B"}


async def test_the_type_of_each_value_decides_what_is_selected() -> None:
    values = [{"name": "A", "age": 7}, {"name": "B", "size": 2}]
    document = """{
        named { __typename name ... on Firm { size } ... on Person { age } }
        found { ... on Named { name } ... on Firm { size } }
    }"""

    assert await ask(document, {"named": values, "found": values}, schema=tagged()) == (
        {
            "named": [
                {"__typename": "Person", "name": "A", "age": 7},
                {"__typename": "Firm", "name": "B", "size": 2},
            ],
            "found": [{"name": "A"}, {"name": "B", "size": 2}],
        },
        [],
    )


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("Nothing", "was resolved to a type 'Nothing' that does not exist inside the schema"),
        ("Query", "Runtime Object type 'Query' is not a possible type for 'Named'"),
        ("Colour", "was resolved to a non-object type 'Colour'"),
        (None, "must resolve to an Object type at runtime for field 'Query.named'"),
    ],
)
async def test_a_value_of_no_possible_type_is_null_and_an_error(
    named: str | None, message: str
) -> None:
    root = {"named": [{"__typename": named, "name": "A"}, {"__typename": "Firm", "name": "B"}]}
    data, errors = await ask("{ named { name } }", root)

    assert data == {"named": [None, {"name": "B"}]}
    assert [(message in error[0], error[1]) for error in errors] == [(True, ["named", 0])]


async def test_enums_and_scalars_are_told_as_their_types_tell_them() -> None:
    schema = a_schema()
    positive: Any = schema.type_map["Positive"]

    def serialised(value: int) -> str | None:
        if value < 0:
            raise ValueError(f"{value} is negative")
        return f"+{value}" if value else None

    positive.coerce_output_value = serialised
    document = "{ colour colours named { ... on Person { age } } }"
    ages = [{"__typename": "Person", "age": age} for age in (1, -1, 0)]
    root = {"colour": "BLUE", "colours": ["RED", "RED"], "named": ages}

    data, errors = await ask(document, root, schema=schema)

    assert data == {
        "colour": None,
        "colours": ["RED", "RED"],
        "named": [{"age": "+1"}, {"age": None}, {"age": None}],
    }
    assert [error[:2] for error in errors] == [
        ("Enum 'Colour' cannot represent value: 'BLUE'", ["colour"]),
        ("-1 is negative", ["named", 1, "age"]),
        (
            "Expected `Positive.coerce_output_value(0)` to return non-nullable value,"
            " returned: None",
            ["named", 2, "age"],
        ),
    ]


class Summing:
    """The mutations of SDL, over a sum and a note of what was done when."""

    def __init__(self) -> None:
        self.total = 0
        self.done: list[str] = []
        self.schema = a_schema(
            Mutation__add=self.add, Mutation__never=self.never, Sum__slowly=self.slowly
        )

    async def add(self, _: Any, __: Any, number: int) -> Any:
        self.done.append(f"add {number}")
        await asyncio.sleep(0)
        self.total += number
        return {"total": self.total}

    async def never(self, *_: Any) -> Any:
        raise ValueError("never")

    async def slowly(self, *_: Any) -> int:
        for _step in range(3):
            await asyncio.sleep(0)
        self.done.append(f"saw {self.total}")
        return self.total


async def test_a_mutation_is_complete_before_the_next_begins() -> None:
    sums = Summing()
    document = "mutation { a: add(number: 1) { slowly } b: add(number: 2) { total slowly } }"

    data, _ = await ask(document, schema=sums.schema)

    assert data == {"a": {"slowly": 1}, "b": {"total": 3, "slowly": 3}}
    assert sums.done == ["add 1", "saw 1", "add 2", "saw 3"]


async def test_no_mutation_follows_one_that_leaves_nothing_to_answer() -> None:
    sums = Summing()
    document = "mutation { a: add(number: 1) { total } never b: add(number: 2) { total } }"

    assert await ask(document, schema=sums.schema) == (None, [("never", ["never"], [(1, 40)])])
    assert sums.done == ["add 1"]


async def test_a_mutation_that_fails_where_it_may_lets_the_next_go_on() -> None:
    sums = Summing()
    document = "mutation ($n: Int = 1) { a: add(number: $n) { total } b: add(number: 2) { total } }"

    data, errors = await ask(document, schema=sums.schema, variables={"n": None})

    assert data == {"a": None, "b": {"total": 2}}
    assert [error[1] for error in errors] == [["a"]]


async def test_values_may_come_in_every_form() -> None:
    async def later(value: Any) -> Any:
        await asyncio.sleep(0)
        return value

    async def stream() -> AsyncIterator[Any]:
        yield {"name": "A"}
        yield later({"name": later("B")})

    class Being:
        name = "C"

        def surely(self, info: GraphQLResolveInfo[Any]) -> Any:
            return later({"name": info.field_name})

    root = {
        "person": lambda _: later({"friends": stream()}),
        "surely": Being(),
        "grid": (later([n]) for n in range(2)),
    }

    assert await ask(
        "{ person { friends { name } } surely { name surely { name } } grid }", root
    ) == (
        {
            "person": {"friends": [{"name": "A"}, {"name": "B"}]},
            "surely": {"name": "C", "surely": {"name": "surely"}},
            "grid": [[0], [1]],
        },
        [],
    )


async def test_a_stream_that_breaks_is_one_error_of_its_list() -> None:
    async def stream() -> AsyncIterator[Any]:
        yield {"name": "A"}
        raise ValueError("broken")

    assert await ask("{ person { friends { name } } }", {"person": {"friends": stream()}}) == (
        {"person": {"friends": None}},
        [("broken", ["person", "friends"], [(1, 12)])],
    )


@pytest.mark.filterwarnings("error")
async def test_nothing_that_could_be_awaited_is_left_behind() -> None:
    """Not even below a null, or beside an error that takes it along."""

    async def fails(*_: Any) -> Any:
        raise ValueError("broken")

    async def fine(*_: Any) -> Any:
        await asyncio.sleep(0)
        return {"name": "A"}

    schema = a_schema(Person__surely=fails, Person__name=fine, Query__surely=lambda *_: None)
    await ask(
        "{ person { name surely { name } } surely { name } }", {"person": fine}, schema=schema
    )
    gc.collect()


async def test_a_resolver_is_told_where_it_stands() -> None:
    seen: list[GraphQLResolveInfo[Any]] = []

    def name(_: Any, info: GraphQLResolveInfo[Any]) -> str:
        seen.append(info)
        return "A"

    root: Any = {"person": {"friends": [{}, {}]}}
    document = "query Asked($v: Int = 3) { person { friends { n: name ...F } } told(many: $v) }"
    fragment = " fragment F on Person { n: name }"
    await ask(document + fragment, root, schema=a_schema(Person__name=name), context="context")

    assert [info.path.as_list() for info in seen] == [
        ["person", "friends", 0, "n"],
        ["person", "friends", 1, "n"],
    ]
    info = seen[0]
    assert (info.field_name, str(info.return_type), str(info.parent_type)) == (
        "name",
        "String",
        "Person",
    )
    assert len(info.field_nodes) == 2
    assert info.operation.name is not None
    assert (info.operation.name.value, list(info.fragments)) == ("Asked", ["F"])
    assert (info.root_value, info.context) == (root, "context")
    assert info.variable_values.coerced == {"v": 3}


async def test_the_operation_of_the_name_is_run() -> None:
    engine = Engine(a_schema())
    document = "query A { colour } query B { positive }"
    root = {"colour": "RED", "positive": 1}

    assert (await engine.execute(document, root=root, operation_name="B")).data == {"positive": 1}
    unnamed = await engine.execute(document, root=root)
    assert unnamed.data is None
    assert unnamed.errors is not None


@pytest.mark.parametrize("document", ["{ nothing }", "{ person }", "{", "{ told(many: RED) }"])
async def test_what_is_not_valid_is_not_run(document: str) -> None:
    data, errors = await ask(document)

    assert data is None
    assert errors


async def test_introspection_tells_of_the_whole_schema() -> None:
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        experimental_directive_deprecation=True,
        one_of=True,
    )
    for schema in (a_schema(), gateway().schema):
        answer = await Engine(schema).execute(query)

        assert answer.errors is None
        assert answer.data == introspection_from_schema(schema)
