"""What the fields of a random schema hold: a function of a seed and of the place, not of who
asks when, so that two executors see the same."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any
from zlib import crc32

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    get_nullable_type,
)
from graphql.type import is_abstract_type, is_leaf_type

from runtime.along import Along
from runtime.batch import Batch, Columns

Place = tuple[Any, ...]
COLUMN = "column_"
ROW = "row"
"""The key, in the extensions of an object type, of the class of its rows."""


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Size(StrEnum):
    """Its members are strings, and equal to them."""

    SMALL = "S"
    LARGE = "L"


class Refusal(Exception):
    """graphql-core passes on the extensions of any exception."""

    def __init__(self, number: int) -> None:
        super().__init__(f"refused {number}")
        self.extensions = {"code": f"CODE_{number}"}


class Unfit:
    """A value of no use to any type."""

    def __repr__(self) -> str:
        return "Unfit"


FAILURES: tuple[Callable[[int], Exception], ...] = (
    lambda number: ValueError(f"failed {number}"),
    lambda number: GraphQLError(f"failed {number}", extensions={"number": number}),
    Refusal,
    lambda number: KeyError(number),
)
ODD: tuple[Callable[[], Any], ...] = (
    lambda: "odd",
    lambda: "7",
    lambda: 7,
    lambda: 2**40,
    lambda: 1.5,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: True,
    lambda: b"odd",
    lambda: [1, None],
    lambda: {"odd": 1},
    Unfit,
    lambda: Undefined,
)


class Thing:
    """An object whose attributes are worked out when they are asked for."""

    def __init__(self, world: "World", type_: GraphQLObjectType, key: str, told: str) -> None:
        self.key = key
        self.kind = type_.name
        self.__typename = told  # where the default type resolver looks
        self.world = world
        self._fields = type_.fields

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._fields:
            raise AttributeError(name)
        return self.world.attribute(self._fields[name], name, self.key, fresh=True)

    def __repr__(self) -> str:
        return f"Thing({self.kind}, {self.key})"


class Row(Thing):
    """As loaders give them: their classes say what table they are of, their columns are plain."""

    entity: type

    @property
    def shared(self) -> str | None:
        """A key that other rows have too."""
        return (None, "one", "two", "three")[crc32(self.key.encode()) % 4]

    def __getattr__(self, name: str) -> Any:
        column = name.removeprefix(COLUMN)
        if column == name:
            return super().__getattr__(name)
        random = self.world.random(self.key, column)
        return self.world.value(self._fields[column].type, (self.key, column), random, False)


class Later:
    """An awaitable that is no coroutine."""

    def __init__(self, made: Callable[[], Any]) -> None:
        self._made = made

    def __await__(self) -> Generator[Any, None, Any]:
        yield
        return self._made()


@dataclass(frozen=True, eq=False)
class Read:
    """In place of a statement: what it would give."""

    name: str
    type: GraphQLOutputType

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("there is no database")


@dataclass
class World:
    """What the resolvers of one execution answer from, as its context."""

    schema: GraphQLSchema
    seed: int
    trouble: int
    """How often, out of a hundred times, something is not as it should be."""
    effects: list[str] = field(default_factory=list)
    """What mutations did, in order."""
    rows: dict[Any, Any] = field(default_factory=dict)
    """What loaders have given: the same for the same key."""

    def root(self) -> Any:
        assert self.schema.query_type is not None
        return self.formed(self.schema.query_type, "root", "Query", self.random("root"), True)

    def random(self, *place: Any) -> Random:
        return Random(crc32(repr((self.seed, *place)).encode()))

    def is_amiss(self, random: Random) -> bool:
        return random.randrange(100) < self.trouble

    def answer(
        self,
        type_: GraphQLOutputType,
        source: Any,
        name: str,
        arguments: dict[str, Any],
        fresh: bool = True,
    ) -> Any:
        """What a resolver gives, or raises."""
        place = (key_of(source), name, sorted(arguments.items()))
        random = self.random(*place)
        if self.is_amiss(random):
            raise random.choice(FAILURES)(random.randrange(100))
        return self.value(type_, place, random, fresh)

    @property
    def batches(self) -> "World":
        return self

    @property
    def projection(self) -> "World":
        return self

    def of(self, entity: type | None) -> tuple[str, ...]:
        return ()

    def known(self, batch: Batch, keys: Sequence[str], columns: Columns) -> list[Any] | None:
        """Nothing is remembered."""
        return None

    async def level(
        self, batch: Batch, keys: Sequence[str], columns: Columns, *, along: tuple[Along, ...] = ()
    ) -> list[Any]:
        """What a loader gives for the keys, where it does not fail altogether."""
        if not keys:
            return []
        read = batch.statement
        assert isinstance(read, Read)
        random = self.random(read.name, batch.arguments)
        for _step in range(random.randrange(3)):
            await asyncio.sleep(0)
        if self.is_amiss(random):
            raise random.choice(FAILURES)(random.randrange(100))
        for key in keys:
            if (batch, key) not in self.rows:
                place = (read.name, batch.arguments, key)
                made = self.value(read.type, place, self.random(*place), fresh=False)
                self.rows[batch, key] = made
        return [self.rows[batch, key] for key in keys]

    def attribute(self, made: GraphQLField, name: str, key: str, fresh: bool) -> Any:
        """What the default resolver finds under the name."""

        def call(_: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            return self.answer(made.type, {"__key": key}, name, arguments)

        random = self.random(key, name)
        if made.args or random.randrange(3) == 0:
            return call
        return self.value(made.type, (key, name), random, fresh)

    def value(self, type_: GraphQLOutputType, place: Place, random: Random, fresh: bool) -> Any:
        """`fresh` is whether it is used once: only then may it be an iterator or awaitable."""
        if self.is_amiss(random):
            how = random.randrange(4)
            if how == 0:
                return random.choice(FAILURES)(random.randrange(100))
            return None if how == 1 else random.choice(ODD)()
        if not isinstance(type_, GraphQLNonNull) and random.randrange(8) == 0:
            return None
        inner: Any = get_nullable_type(type_)
        if isinstance(inner, GraphQLList):
            return self.items(inner.of_type, place, random, fresh)
        if is_leaf_type(inner):
            return self.leaf(inner, random)
        return self.thing(inner, place, random, fresh)

    def items(self, type_: GraphQLOutputType, place: Place, random: Random, fresh: bool) -> Any:
        made: list[Any] = []
        for index in range(random.choice((0, 1, 2, 2, 3))):
            item = partial(self.value, type_, (*place, index), random, fresh)
            is_later = fresh and random.randrange(8) == 0
            made.append(awaitable(constant(item()), random) if is_later else item())
            is_list = isinstance(get_nullable_type(type_), GraphQLList)
            if not is_later and not is_list and random.randrange(8) == 0:
                made.append(made[-1])
        form = random.randrange(10)
        if form == 0:
            return tuple(made)
        if form == 1 and all(isinstance(item, str | int) for item in made):
            return set(made)
        if fresh and form in (2, 3):
            failure = random.choice(FAILURES)(1) if self.is_amiss(random) else None
            return iterated(made, failure) if form == 2 else streamed(made, failure)
        return made

    def leaf(self, type_: GraphQLScalarType | GraphQLEnumType, random: Random) -> Any:
        if isinstance(type_, GraphQLEnumType):
            return random.choice(list(type_.values.values())).value
        number = random.randrange(1000)
        return {
            "Int": number,
            "Float": number / 4,
            "Boolean": number % 2 == 0,
            "Even": number * 2 + (number % 8 == 0),
            "Anything": [{"number": number}, None],
        }.get(type_.name, f"s{number}")

    def thing(self, type_: Any, place: Place, random: Random, fresh: bool) -> Any:
        """An object, in one of the forms in which resolvers find them."""
        possible = self.schema.get_possible_types(type_) if is_abstract_type(type_) else [type_]
        objects = [t for t in self.schema.type_map.values() if isinstance(t, GraphQLObjectType)]
        if self.is_amiss(random) or not possible:
            possible = objects
        chosen = random.choice(list(possible))
        told = random.choice(objects).name if self.is_amiss(random) else chosen.name
        key = f"{crc32(repr(place).encode()):x}"
        if ROW in chosen.extensions:
            row: Row = chosen.extensions[ROW](self, chosen, key, chosen.name)
            return row
        return self.formed(chosen, key, told, random, fresh)

    def formed(
        self, type_: GraphQLObjectType, key: str, told: str, random: Random, fresh: bool
    ) -> Any:
        if random.randrange(3) == 0:
            return Thing(self, type_, key, told)
        row: dict[str, Any] = {"__key": key, "__kind": type_.name}
        if random.randrange(10):
            row["__typename"] = told
        for name, made in type_.fields.items():
            if made.resolve is None and random.randrange(20):
                # Within what may be used twice stand only leaves and calls, or there is no end.
                is_whole = fresh or is_leaf_type(made.type)
                call = partial(self._called, made, name, key)
                row[name] = self.attribute(made, name, key, fresh=False) if is_whole else call
        return row if random.randrange(4) else MappingProxyType(row)

    def _called(self, made: GraphQLField, name: str, key: str, _: Any, **arguments: Any) -> Any:
        return self.answer(made.type, {"__key": key}, name, arguments)


def key_of(source: Any) -> str:
    if isinstance(source, Thing):
        return source.key
    found = source.get("__key") if isinstance(source, Mapping) else None
    return found if isinstance(found, str) else repr(source)


def kind_of(source: Any) -> str | None:
    if isinstance(source, Thing):
        return source.kind
    found = source.get("__kind") if isinstance(source, Mapping) else None
    return found if isinstance(found, str) else None


def constant(value: Any) -> Callable[[], Any]:
    def made() -> Any:
        if isinstance(value, ValueError):
            raise value
        return value

    return made


def awaitable(made: Callable[[], Any], random: Random) -> Awaitable[Any]:
    steps = random.randrange(4)
    return Later(made) if steps == 3 else later(made, steps)


async def later(made: Callable[[], Any], steps: int) -> Any:
    for _ in range(steps):
        await asyncio.sleep(0)
    return made()


def iterated(items: list[Any], failure: Exception | None) -> Iterator[Any]:
    yield from items
    if failure is not None:
        raise failure


async def streamed(items: list[Any], failure: Exception | None) -> AsyncIterator[Any]:
    for item in items:
        await asyncio.sleep(0)
        yield item
    if failure is not None:
        raise failure
