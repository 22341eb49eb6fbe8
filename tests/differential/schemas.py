"""Random schemas: types of every kind, and resolvers of every kind in front of random values."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDefaultInput,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    assert_valid_schema,
    get_nullable_type,
    parse_const_value,
)

from runtime.batch import Batch
from runtime.field import ENTITY, FIELD, Field
from tests.differential.choices import Choices, seeded
from tests.differential.literals import literal
from tests.differential.values import (
    COLUMN,
    FAILURES,
    ROW,
    Colour,
    Read,
    Row,
    Size,
    awaitable,
    key_of,
    kind_of,
)

BUILT_IN = (GraphQLInt, GraphQLString, GraphQLBoolean, GraphQLFloat, GraphQLID)
# Members of one are known by the other's names.
MOOD = GraphQLEnumType("Mood", {"GLAD": "SAD", "SAD": "GLAD"})
COLOUR = GraphQLEnumType("Colour", Colour)
SIZE = GraphQLEnumType("Size", {"S": Size.LARGE, "L": Size.SMALL})
LEVEL = GraphQLEnumType("Level", {"NONE": 0, "SOME": 1, "ALL": 2})


def even(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no number")
    if value % 2:
        raise GraphQLError(f"{value} is odd", extensions={"odd": value})
    return value // 2


def doubled(value: Any) -> int | None:
    """Gives nothing for some values, and fails for others."""
    return None if even(value) == 3 else even(value) * 4


EVEN = GraphQLScalarType("Even", serialize=doubled, parse_value=even)
ANYTHING = GraphQLScalarType("Anything")
LEAVES = (*BUILT_IN, MOOD, COLOUR, SIZE, LEVEL, EVEN, ANYTHING)

Info = GraphQLResolveInfo[Any]
Wrap = Callable[[Any], Any]
WRAPPINGS: tuple[Wrap, ...] = (
    lambda t: t,
    lambda t: t,
    GraphQLNonNull,
    GraphQLNonNull,
    GraphQLList,
    lambda t: GraphQLList(GraphQLNonNull(t)),
    lambda t: GraphQLNonNull(GraphQLList(t)),
    lambda t: GraphQLNonNull(GraphQLList(GraphQLNonNull(t))),
    lambda t: GraphQLList(GraphQLList(t)),
    lambda t: GraphQLList(GraphQLNonNull(GraphQLList(GraphQLNonNull(t)))),
    lambda t: GraphQLNonNull(GraphQLList(GraphQLList(GraphQLNonNull(t)))),
)


@cache
def schema_of(seed: int) -> GraphQLSchema:
    schema = Builder(seeded(seed)).schema()
    assert_valid_schema(schema)
    return schema


@dataclass(frozen=True)
class Declared:
    """A field that several types have: the same arguments, and nearly the same type."""

    type: GraphQLOutputType
    arguments: dict[str, GraphQLArgument]


@dataclass
class Builder:
    choices: Choices
    pool: dict[str, Declared] = field(default_factory=dict)

    def schema(self) -> GraphQLSchema:
        inputs = self.inputs()
        named = self.interface("Named")
        aged = self.interface("Aged", named)
        strange = self.interface("Strange")
        interfaces: tuple[list[GraphQLInterfaceType], ...] = (
            [],
            [named],
            [named, aged],
            [strange],
            [named, aged, strange],
        )
        # A row may stand in several places of an answer: there is nothing to tell of its path.
        has_rows = self.choices.one_in(2)
        objects = [
            self.object(f"Object{n}", above, has_rows=has_rows and self.choices.one_in(2))
            for n, above in enumerate(interfaces)
        ]
        unions = [self.union(f"Union{n}", objects[n:]) for n in range(2)]
        composites = (named, aged, strange, *objects, *unions)
        for number in range(14):
            types: Sequence[Any] = LEAVES if number % 2 else composites
            made = self.choices.of(WRAPPINGS)(self.choices.of(types))
            self.pool[f"f{number}"] = Declared(made, self.arguments(inputs))
        return GraphQLSchema(self.object("Query", [], size=9), self.mutation(), types=composites)

    def interface(self, name: str, *above: GraphQLInterfaceType) -> GraphQLInterfaceType:
        def fields() -> dict[str, GraphQLField]:
            own = {self.choices.of(list(self.pool)) for _ in range(2)}
            inherited = {name for interface in above for name in interface.fields}
            return {
                name: GraphQLField(declared.type, declared.arguments)
                for name, declared in self.pool.items()
                if name in own | inherited
            }

        return GraphQLInterfaceType(name, fields, above, self.resolve_type())

    def union(self, name: str, objects: list[GraphQLObjectType]) -> GraphQLUnionType:
        return GraphQLUnionType(name, objects[: self.choices.of((1, 2, 4))], self.resolve_type())

    def object(
        self,
        name: str,
        interfaces: list[GraphQLInterfaceType],
        size: int = 5,
        has_rows: bool = False,
    ) -> GraphQLObjectType:
        def fields() -> dict[str, GraphQLField]:
            own = {self.choices.of(list(self.pool)) for _ in range(size)}
            narrowed = self.widened if name == "Query" else self.narrowed
            required = {name for interface in interfaces for name in interface.fields}
            made = {
                name: self.field(name, narrowed(declared.type), declared.arguments, has_rows)
                for name, declared in self.pool.items()
                if name in own | required
            }
            return made | {
                "told": GraphQLField(GraphQLString, {"of": OF}, resolve=tell),
                "effects": GraphQLField(strings, resolve=lambda _, info: [*info.context.effects]),
            }

        strings = GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLString)))
        if name == "Query":
            return GraphQLObjectType(name, fields, interfaces)
        if not has_rows:
            return GraphQLObjectType(name, fields, interfaces, self.is_type_of(name))
        entity = type(name, (), {})
        row = type(f"{name}Row", (Row,), {"entity": entity})
        extensions = {ENTITY: entity, ROW: row}
        return GraphQLObjectType(name, fields, interfaces, is_of(row), extensions)

    def field(
        self,
        name: str,
        type_: GraphQLOutputType,
        arguments: dict[str, GraphQLArgument],
        has_rows: bool,
    ) -> GraphQLField:
        if has_rows and self.choices.one_in(2):
            resolve, record = self.declared(name, type_, arguments)
            return GraphQLField(type_, arguments, resolve, extensions={FIELD: record})
        return GraphQLField(type_, arguments, self.resolver(name, type_))

    def declared(
        self, name: str, type_: GraphQLOutputType, arguments: dict[str, GraphQLArgument]
    ) -> tuple[Callable[..., Any], Field]:
        """A field by a record, and by a resolver that does as the record says."""

        def compute(row: Any, **arguments: Any) -> Any:
            return row.world.answer(type_, row, name, arguments, fresh=False)

        async def load(row: Any, info: Info, **arguments: Any) -> Any:
            key = row.shared
            if key is None:
                return [] if batch.many else batch.absent
            (found,) = await info.context.level(batch(**arguments), [key], ())
            return found

        is_list = isinstance(get_nullable_type(type_), GraphQLList)
        batch = Batch(Read(f"{name} {self.choices.below(1000)}", type_), None, many=is_list)
        if not arguments and self.choices.one_in(2):
            attribute = COLUMN + name
            return lambda row, _: getattr(row, attribute), Field(attribute=attribute)
        if self.choices.one_in(2) and all(is_plain(made.type) for made in arguments.values()):
            return load, Field(needs=("shared",), load=batch)
        return lambda row, _, **given: compute(row, **given), Field(compute=compute)

    def mutation(self) -> GraphQLObjectType:
        """Each of its fields leaves a trace, before and after it waits."""
        return GraphQLObjectType(
            "Mutation",
            {
                f"do_{name}": GraphQLField(
                    self.widened(declared.type),
                    declared.arguments,
                    resolve=effect(name, declared.type),
                )
                for name, declared in list(self.pool.items())[:6]
            },
        )

    def narrowed(self, type_: Any) -> GraphQLOutputType:
        """What an object may say where its interface says `type_`."""
        may = not isinstance(type_, GraphQLNonNull) and self.choices.one_in(4)
        return GraphQLNonNull(type_) if may else type_

    def widened(self, type_: Any) -> GraphQLOutputType:
        """Most errors are kept away from the root, or there would be little else to see."""
        return type_ if self.choices.one_in(4) else get_nullable_type(type_)  # type: ignore[no-any-return]

    def inputs(self) -> list[Any]:
        """Types of arguments."""
        made: list[Any] = [*LEAVES]
        for number in range(3):
            made.append(self.input(f"Input{number}", made))
        one = {f"o{n}": GraphQLInputField(self.choices.of(made)) for n in range(3)}
        return [*made[3:], GraphQLInputObjectType("OneOf", one, is_one_of=True)]

    def input(self, name: str, known: list[Any]) -> GraphQLInputObjectType:
        """Only what may be left out is of the type itself."""
        own = {f"i{n}": self.input_field(self.choices.of(known)) for n in range(3)}
        made = GraphQLInputObjectType(
            name, lambda: own | {"again": GraphQLInputField(made)}, out_type=self.out_type()
        )
        return made

    def input_field(self, named: GraphQLInputType) -> GraphQLInputField:
        type_, default, out_name = self.parameter(named)
        return GraphQLInputField(type_, default=default, out_name=out_name)

    def arguments(self, inputs: list[Any]) -> dict[str, GraphQLArgument]:
        made = {}
        for number in range(max(0, self.choices.below(5) - 1)):
            type_, default, out_name = self.parameter(self.choices.of(inputs))
            made[f"a{number}"] = GraphQLArgument(type_, default=default, out_name=out_name)
        return made

    def parameter(
        self, named: GraphQLInputType
    ) -> tuple[GraphQLInputType, GraphQLDefaultInput | None, str | None]:
        type_ = self.choices.of(WRAPPINGS)(named)
        out_name = self.choices.of((None, None, f"out_{self.choices.below(1000)}"))
        if not self.choices.one_in(3):
            return type_, None, out_name
        return type_, GraphQLDefaultInput(literal=literal_of(self.choices, type_)), out_name

    def out_type(self) -> Callable[[dict[str, Any]], Any] | None:
        return (lambda given: ("made", sorted(given.items()))) if self.choices.one_in(3) else None

    def resolver(self, name: str, type_: GraphQLOutputType) -> Callable[..., Any] | None:
        def sync(source: Any, info: Info, **arguments: Any) -> Any:
            return info.context.answer(type_, source, name, arguments)

        async def slow(source: Any, info: Info, **arguments: Any) -> Any:
            for _ in range(info.context.random(key_of(source), name).randrange(4)):
                await asyncio.sleep(0)
            return info.context.answer(type_, source, name, arguments)

        def sometimes(source: Any, info: Info, **arguments: Any) -> Any:
            random = info.context.random(key_of(source), name)
            if random.randrange(2):
                return sync(source, info, **arguments)
            return awaitable(lambda: sync(source, info, **arguments), random)

        return self.choices.of((None, None, sync, slow, sometimes))

    def is_type_of(self, name: str) -> Callable[..., Any] | None:
        def sync(value: Any, info: Info) -> Any:
            return named(value, info) == name

        def sometimes(value: Any, info: Info) -> Any:
            random = info.context.random(key_of(value), "is_type_of")
            if random.randrange(2):
                return sync(value, info)
            return awaitable(lambda: sync(value, info), random)

        return self.choices.of((None, None, sync, sometimes))

    def resolve_type(self) -> Callable[..., Any] | None:
        def sync(value: Any, info: Info, _: Any) -> Any:
            return named(value, info)

        def sometimes(value: Any, info: Info, _: Any) -> Any:
            random = info.context.random(key_of(value), "resolve_type")
            if random.randrange(2):
                return named(value, info)
            return awaitable(lambda: named(value, info), random)

        return self.choices.of((None, sync, sometimes))


def literal_of(choices: Choices, type_: GraphQLInputType) -> Any:
    return parse_const_value(literal(choices, type_))


def named(value: Any, info: Info) -> Any:
    """The type of a value, or what a faulty schema takes for it."""
    random = info.context.random(key_of(value), "type")
    if isinstance(value, Row) or not info.context.is_amiss(random):
        return kind_of(value)
    if random.randrange(4) == 0:
        raise random.choice(FAILURES)(random.randrange(100))
    return random.choice((None, "Nowhere", "Query", "Colour", 7))


def is_of(row: type[Row]) -> Callable[..., bool]:
    return lambda value, _: isinstance(value, row)


def effect(name: str, type_: GraphQLOutputType) -> Callable[..., Any]:
    async def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        info.context.effects.append(f"{info.path.key} begins")
        for _ in range(info.context.random(name).randrange(4)):
            await asyncio.sleep(0)
        info.context.effects.append(f"{info.path.key} ends")
        return info.context.answer(type_, source, name, arguments)

    return resolve


TELLS: dict[str, Callable[[Info], Any]] = {
    "NAME": lambda info: info.field_name,
    "NODES": lambda info: [
        (n.loc and n.loc.start, n.alias and n.alias.value) for n in info.field_nodes
    ],
    "TYPE": lambda info: (str(info.return_type), str(info.parent_type)),
    "PATH": lambda info: (info.path.as_list(), info.path.typename),
    "OPERATION": lambda info: (info.operation.name, sorted(info.fragments)),
    "VARIABLES": lambda info: sorted(info.variable_values.coerced.items()),
    "ROOT": lambda info: key_of(info.root_value),
}
OF = GraphQLArgument(
    GraphQLNonNull(GraphQLEnumType("Tells", {name: name for name in TELLS})),
    default=GraphQLDefaultInput(literal=parse_const_value("PATH")),
)


def tell(source: Any, info: Info, of: str) -> str:
    """What a resolver is told of where it stands."""
    has_rows = any(ROW in type_.extensions for type_ in info.schema.type_map.values())
    return of if of == "PATH" and has_rows else repr(TELLS[of](info))


def is_plain(type_: GraphQLInputType) -> bool:
    """Whether values of the type can be part of what identifies a read."""
    named: Any = get_nullable_type(type_)
    return named in LEAVES and named is not ANYTHING
