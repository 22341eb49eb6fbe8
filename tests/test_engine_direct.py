"""What one loop makes of rows: the same as going field by field, and the same errors."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLObjectType, GraphQLSchema, build_schema

from engine.engine import Engine
from engine.plan import Selection
from runtime.batch import Batch
from runtime.field import ENTITY, FIELD, Field
from tests.delivery import disagreements, merged

SDL = """
enum Kind { SMALL LARGE }
scalar Odd
directive @defer(if: Boolean, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
type Query { streets: [Street!]  listed: [Street]! }
type Street {
  name: String
  number: Int
  share: Float
  open: Boolean
  kind: Kind
  odd: Odd
  words: [String!]
  lists: [[Int]]
  first: House
  surely: House!
  houses: [House]
  few: [House!]
  all: [House!]!
}
type House { name: String!  street: Street!  owner: String  owned: String!  next: House }
"""


@dataclass(eq=False)
class House:
    name: Any
    owner: str | None = None
    street: "Street | None" = None


@dataclass(eq=False)
class Street:
    name: Any = "Mall Road"
    number: Any = 7
    share: Any = 0.5
    open: Any = True
    kind: Any = "SMALL"
    odd: Any = "odd"
    words: Any = ("a", "b")
    lists: Any = ((1, None), None)
    first: Any = None
    surely: Any = None
    houses: Any = ()
    few: Any = ()
    all: Any = ()


House.entity = House  # type: ignore[attr-defined]


class Reads:
    """In the place of a request's batches."""

    def known(self, *_: Any) -> None:
        return None

    async def level(self, batch: Batch, keys: Sequence[str], *_: Any, **__: Any) -> list[Any]:
        await asyncio.sleep(0)
        found: Any = batch.statement
        return list(map(found, keys))


class Context:
    def __init__(self) -> None:
        self.batches = Reads()
        self.projection = self

    def of(self, _: Any) -> tuple[str, ...]:
        return ()


def read(found: Any) -> Field:
    return Field(load=Batch(found, None, many=False), needs=("owner",))


OWNER = read(lambda owner: None if owner == "nobody" else f"of {owner}")
NEXT = read(lambda owner: House("Next", owner))


def a_schema() -> GraphQLSchema:
    schema = build_schema(SDL)
    for name in ("Street", "House"):
        type_ = schema.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        for key, made in type_.fields.items():
            made.extensions[FIELD] = Field(attribute=key)
    house: Any = schema.type_map["House"]
    house.extensions[ENTITY] = House
    for key in ("owner", "owned"):
        house.fields[key].extensions[FIELD] = OWNER
    house.fields["next"].extensions[FIELD] = NEXT
    return schema


async def answered(document: str, *streets: Street) -> ExecutionResult:
    schema = a_schema()
    assert schema.query_type is not None
    for made in schema.query_type.fields.values():
        made.resolve = lambda *_: list(streets)
    return await Engine(schema).execute(document, None, Context())


async def both_ways(
    monkeypatch: pytest.MonkeyPatch, document: str, *streets: Street
) -> tuple[Any, list[tuple[Any, str]]]:
    """The data, and the errors by path. It is the same without loops."""
    quickly = told(await answered(document, *streets))
    with monkeypatch.context() as patch:
        patch.setattr(Selection, "direct", None)
        assert told(await answered(document, *streets)) == quickly
    return quickly


def told(result: ExecutionResult) -> tuple[Any, list[tuple[Any, str]]]:
    return result.data, [(error.path, error.message) for error in result.errors or ()]


WHOLE = "{ streets { __typename name number share open kind odd words lists first { name } } }"
OWNED = "{ streets { name all { name owned } } }"


async def test_an_object_is_made_of_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    data, errors = await both_ways(monkeypatch, WHOLE, Street(first=House("Rose")), Street())

    assert errors == []
    one = {
        "__typename": "Street",
        **{"name": "Mall Road", "number": 7, "share": 0.5, "open": True, "kind": "SMALL"},
        **{"odd": "odd", "words": ["a", "b"], "lists": [[1, None], None]},
    }
    assert data == {"streets": [{**one, "first": {"name": "Rose"}}, {**one, "first": None}]}


async def test_the_keys_stand_in_the_order_they_are_asked_in() -> None:
    result = await answered(
        "{ streets { words all { owned } name } }", Street(all=[House("Rose", "r")])
    )

    assert result.data is not None
    assert list(result.data["streets"][0]) == ["words", "all", "name"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 5, None),
        ("name", ["no text"], "String cannot represent value: ['no text']"),
        ("number", 2**31, "Int cannot represent non 32-bit signed integer value: 2147483648"),
        ("number", True, None),
        ("share", float("nan"), "Float cannot represent non numeric value: nan"),
        ("share", 3, None),
        ("open", 1, None),
        ("kind", "HUGE", "Enum 'Kind' cannot represent value: 'HUGE'"),
        ("kind", [], "Enum 'Kind' cannot represent value: []"),
        ("words", 5, "Expected Iterable, but did not find one for field 'Street.words'."),
        ("words", {"a"}, None),
        ("words", ["a", None], "Cannot return null for non-nullable field Street.words."),
        ("lists", [5], "Expected Iterable, but did not find one for field 'Street.lists'."),
        ("first", ValueError("no house"), "no house"),
        ("first", House(None), "Cannot return null for non-nullable field House.name."),
    ],
)
async def test_a_value_that_is_not_as_promised_is_told_of_as_ever(
    monkeypatch: pytest.MonkeyPatch, field: str, value: Any, message: str | None
) -> None:
    streets = [Street(), Street(**{field: value}), Street()]

    data, errors = await both_ways(monkeypatch, WHOLE, *streets)

    assert [text for _, text in errors] == ([message] if message else [])
    assert all(path[:3] == ["streets", 1, field] for path, _ in errors)
    assert data["streets"][0] == data["streets"][2]


async def test_what_has_to_be_waited_for_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    data, errors = await both_ways(
        monkeypatch, OWNED, Street(all=[House("Rose", "r"), House("Lily", "l")]), Street()
    )

    assert errors == []
    rose, lily = {"name": "Rose", "owned": "of r"}, {"name": "Lily", "owned": "of l"}
    assert [street["all"] for street in data["streets"]] == [[rose, lily], []]


async def test_one_row_in_many_places_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House("Rose", "r")
    document = "{ streets { first { name owned } all { name owned } } }"

    data, _ = await both_ways(monkeypatch, document, Street(first=house, all=[house, house]))

    (street,) = data["streets"]
    assert street["all"][0] is street["all"][1]
    assert street["first"] == street["all"][0] == {"name": "Rose", "owned": "of r"}


async def test_a_null_takes_what_may_not_be_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up through objects that were made within each other, as far as it goes."""
    nobodys = House("Lily", "nobody")
    told_of = "Cannot return null for non-nullable field House.owned."

    document = "{ listed { houses { name owned } } }"
    data, errors = await both_ways(
        monkeypatch, document, Street(houses=[House("Rose", "r"), nobodys]), Street()
    )
    assert data["listed"][0]["houses"] == [{"name": "Rose", "owned": "of r"}, None]
    assert errors == [(["listed", 0, "houses", 1, "owned"], told_of)]

    document = "{ listed { name all { owned } } }"
    data, errors = await both_ways(monkeypatch, document, Street(all=[nobodys]), Street("Park"))
    assert data == {"listed": [None, {"name": "Park", "all": []}]}
    assert errors == [(["listed", 0, "all", 0, "owned"], told_of)]

    nested = House("Rose", "r", Street("Park", surely=nobodys))
    document = "{ listed { first { name street { name surely { owned } } } name } }"
    data, errors = await both_ways(monkeypatch, document, Street(first=nested), Street())
    assert [street["first"] for street in data["listed"]] == [None, None]
    assert errors == [(["listed", 0, "first", "street", "surely", "owned"], told_of)]

    document = "{ streets { all { street { all { owned } } } } }"
    inner = House("Rose", "r", Street(all=[nobodys]))
    data, errors = await both_ways(monkeypatch, document, Street(), Street(all=[inner]))
    assert data == {"streets": None}
    assert errors == [(["streets", 1, "all", 0, "street", "all", 0, "owned"], told_of)]


async def test_what_is_deferred_below_follows_where_its_object_is_still_there() -> None:
    """One house that cannot be takes its neighbours along, and what was to follow of them."""
    document = """{ listed { few { owned next { ...Owner } } } }
    fragment Owner on House { ... @defer { owner } }"""
    schema = a_schema()
    assert schema.query_type is not None
    fine, nobodys = House("Rose", "r"), House("Lily", "nobody")
    streets = [Street(few=[fine]), Street(few=[House("Iris", "i"), nobodys])]
    schema.query_type.fields["listed"].resolve = lambda *_: streets
    engine = Engine(schema)

    first, *later = [
        payload async for payload in engine.deliver(engine.prepare(document), None, Context())
    ]

    assert [street["few"] for street in first["data"]["listed"]] == [
        [{"owned": "of r", "next": {}}],
        None,
    ]
    assert [each["path"] for each in first["pending"]] == [["listed", 0, "few", 0, "next"]]
    assert [each["data"] for part in later for each in part["incremental"]] == [{"owner": "of r"}]


FRAGMENTS = (
    "{ streets { ... { name first { name owned } } ... { number houses { ... { name } } } } }",
    "{ listed { ... { name ... { few { ... { name owner } } } } all { ... { owned } } } }",
    "{ streets { first { ... { street { ... { name } surely { name } } } ... { owned } } } }",
    "{ ... { streets { ... { all { next { ... { name owner } } } } few { ... { name } } } } }",
    "{ listed { few { name ... { street { houses { name ... { owner owned } } } } } name } }",
    "{ ... { listed { all { name ... { owned } street { name } } } } listed { all { name } } }",
)
"""Each `... {` may be deferred or not."""


def a_town(owner: str | None, number: Any) -> list[Street]:
    """Houses stand in several lists, and streets in houses."""
    park = Street("Park", number, surely=House("Aster", owner), houses=[House("Iris", owner)])
    rose = House("Rose", "r", park)
    lily = House("Lily", owner, Street("Lane", houses=[rose, None], surely=rose))
    return [
        Street(first=rose, houses=[rose, None, lily], few=[lily], all=[lily, rose]),
        Street("Mall", number, first=lily, surely=lily, few=[rose, rose], all=()),
        Street(None, few=None),
    ]


TOWNS = {
    "as promised": a_town("l", 1),
    "without an owner": a_town("nobody", 1),
    "with what is no number": a_town("l", "odd"),
    "empty": [],
}


@pytest.mark.parametrize("town", TOWNS)
@pytest.mark.parametrize("document", FRAGMENTS)
async def test_whatever_is_deferred_is_together_what_it_is_at_once(
    document: str, town: str
) -> None:
    schema = a_schema()
    assert schema.query_type is not None
    for made in schema.query_type.fields.values():
        made.resolve = lambda *_: TOWNS[town]
    engine = Engine(schema)
    whole = await engine.execute(document, None, Context())
    first, *others = document.split("... {")
    for chosen in product(("... {", "... @defer {"), repeat=len(others)):
        some = first + "".join(chain.from_iterable(zip(chosen, others, strict=True)))
        payloads = engine.deliver(engine.prepare(some), None, Context())
        assert disagreements(await merged(payloads), whole) == [], some


async def test_a_fragment_that_fails_takes_nothing_away_that_is_there() -> None:
    """Of objects that were made within others, too."""
    document = "{ listed { few { name ... @defer { owned } } } }"
    schema = a_schema()
    assert schema.query_type is not None
    streets = [Street(few=[House("Rose", "r"), House("Lily", "nobody")])]
    schema.query_type.fields["listed"].resolve = lambda *_: streets
    engine = Engine(schema)

    found = await merged(engine.deliver(engine.prepare(document), None, Context()))

    assert found.data == {
        "listed": [{"few": [{"name": "Rose", "owned": "of r"}, {"name": "Lily"}]}]
    }
    assert found.failed == [("listed", 0, "few", 1)]


async def test_loops_that_would_lie_too_deep_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python allows twenty."""
    depth = 24
    street = Street("Park")
    for _ in range(depth):
        street = Street(all=[House("Rose", None, street)])
    document = "{ streets { " + "all { street { " * depth + "name" + " } }" * depth + " } }"

    data, errors = await both_ways(monkeypatch, document, street)

    assert errors == []
    found = data["streets"][0]
    for _ in range(depth):
        (house,) = found["all"]
        found = house["street"]
    assert found == {"name": "Park"}
