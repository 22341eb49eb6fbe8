"""Random operations over a schema: valid ones, but for the values of variables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from textwrap import indent
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_required_argument,
    print_schema,
)
from graphql.type import is_leaf_type
from hypothesis import strategies

from tests.differential.choices import Choices, drawn
from tests.differential.literals import has_default, literal, value
from tests.differential.schemas import schema_of

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
DEPTH = 4
SIZE = 40
INTROSPECTION = (
    "__schema { queryType { name } types { name kind } }",
    '__type(name: "Object0") { name fields { name type { name kind ofType { name } } } }',
    '__type(name: "Input0") { kind inputFields { name defaultValue } }',
    '__type(name: "Nowhere") { name }',
)


@dataclass(frozen=True)
class Run:
    """Once, over data that are a function of the number."""

    data_seed: int
    trouble: int
    variables: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """An operation, and the times that it is run."""

    schema_seed: int
    document: str = field(repr=False)
    runs: list[Run] = field(repr=False)

    @property
    def schema(self) -> GraphQLSchema:
        return schema_of(self.schema_seed)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """As hypothesis shows what has failed."""
        runs = "\n".join(map(repr, self.runs))
        printer.text(f"{print_schema(self.schema)}\n\n{self.document}\n\n{self!r}\n{runs}")


@strategies.composite
def cases(draw: Callable[[Any], int], schema_seeds: Sequence[int]) -> Case:
    return case_of(drawn(draw), schema_seeds)


def case_of(choices: Choices, schema_seeds: Sequence[int]) -> Case:
    schema_seed = choices.of(schema_seeds)
    operation = Operation(schema_of(schema_seed), choices)
    document = operation.document()
    runs = [
        Run(choices.below(1000), choices.of((0, 0, 2, 7)), operation.values())
        for _ in range(1 + choices.below(4))
    ]
    return Case(schema_seed, document, runs)


@dataclass
class Operation:
    """An operation in the making."""

    schema: GraphQLSchema
    choices: Choices
    keys: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """What each response key stands for, anywhere: so that fields can always be merged."""
    fragments: dict[str, tuple[Composite, str]] = field(default_factory=dict)
    variables: dict[str, tuple[GraphQLInputType, str | None]] = field(default_factory=dict)
    """Their types and defaults."""
    numbers: Any = field(default_factory=count)
    size: int = 0

    def document(self) -> str:
        kind, root = "query", self.schema.query_type
        if self.choices.one_in(5):
            kind, root = "mutation", self.schema.mutation_type
        assert root is not None
        body = self.selection_set(root, DEPTH, least=2)
        declared = ", ".join(
            f"${name}: {type_}" + (f" = {default}" if default else "")
            for name, (type_, default) in self.variables.items()
        )
        fragments = (
            f"\n\nfragment {name} on {type_} {body}"
            for name, (type_, body) in self.fragments.items()
        )
        return f"{kind} Asked" + (f"({declared}) " if declared else " ") + body + "".join(fragments)

    def values(self) -> dict[str, Any]:
        given = {}
        for name, (type_, default) in self.variables.items():
            needed = isinstance(type_, GraphQLNonNull) and default is None
            if not self.choices.one_in(60 if needed else 4):
                given[name] = value(self.choices, type_)
        if self.choices.one_in(10):
            given["unknown"] = 1
        return given

    def selection_set(self, type_: Composite, depth: int, least: int = 1) -> str:
        size = least + self.choices.below(4 if self.size < SIZE else 1)
        chosen = [self.selection(type_, depth) for _ in range(size)]
        return "{\n" + indent("\n".join(chosen), "  ") + "\n}"

    def selection(self, type_: Composite, depth: int) -> str:
        form = self.choices.below(12)
        self.size += 1
        if self.size > SIZE:
            depth = 0
        if form == 8:
            return self.keyed("__typename", "", "String!") + self.directives()
        if form < 8 or depth == 0:
            return self.field(type_, depth)
        if form == 9:
            return f"...{self.directives()} {self.selection_set(type_, depth - 1)}"
        if form == 10:
            on = self.overlapping(type_)
            return f"... on {on}{self.directives()} {self.selection_set(on, depth - 1)}"
        return f"...{self.fragment(type_, depth)}{self.directives()}"

    def field(self, type_: Composite, depth: int) -> str:
        if isinstance(type_, GraphQLUnionType):
            return self.keyed("__typename", "", "String!") + self.directives()
        if type_ is self.schema.query_type and self.choices.one_in(12):
            return f"alias{next(self.numbers)}: {self.choices.of(INTROSPECTION)}"
        fields = {
            name: made
            for name, made in type_.fields.items()
            if depth > 0 or is_leaf_type(get_named_type(made.type))
        }
        if not fields:
            return self.keyed("__typename", "", "String!")
        name = self.choices.of(list(fields))
        text = self.keyed(name, self.arguments(fields[name]), str(fields[name].type))
        text += self.directives()
        named: Any = get_named_type(fields[name].type)
        return text if is_leaf_type(named) else f"{text} {self.selection_set(named, depth - 1)}"

    def keyed(self, name: str, arguments: str, type_: str) -> str:
        """The field under a key that stands for nothing else."""
        asked = (name, arguments, type_)
        tried = self.choices.of((name, name, "a", "b", "c"))
        if self.keys.setdefault(tried, asked) != asked:
            tried = f"alias{next(self.numbers)}"
            self.keys[tried] = asked
        return (name if tried == name else f"{tried}: {name}") + arguments

    def arguments(self, made: GraphQLField) -> str:
        given = []
        for name, argument in made.args.items():
            if not is_required_argument(argument) and self.choices.one_in(2):
                continue
            if self.choices.one_in(3):
                text = self.variable(argument.type, has_default(argument))
            else:
                text = literal(self.choices, argument.type, self.variable)
            given.append(f"{name}: {text}")
        return f"({', '.join(given)})" if given else ""

    def directives(self) -> str:
        made = ""
        for name in ("skip", "include"):
            if self.choices.one_in(10):
                condition = self.choices.of(("false", "true", None))
                condition = condition or self.variable(GraphQLNonNull(GraphQLBoolean))
                made += f" @{name}(if: {condition})"
        return made

    def variable(
        self, type_: GraphQLInputType, has_default: bool = False, exact: bool = False
    ) -> str:
        """A variable that may stand where the type is wanted."""
        nullable: Any = get_nullable_type(type_)
        wanted, default = type_, None
        if exact:
            pass
        elif isinstance(type_, GraphQLNonNull):
            if self.choices.one_in(3):
                wanted = nullable
                if not has_default or self.choices.one_in(2):
                    default = literal(self.choices, type_)
        else:
            wanted = self.choices.of((type_, GraphQLNonNull(type_)))
        if default is None and self.choices.one_in(4):
            default = literal(self.choices, wanted)
        for name, (other, its_default) in self.variables.items():
            if str(other) == str(wanted) and (default is None or its_default == default):
                return f"${name}"
        name = f"v{len(self.variables)}"
        self.variables[name] = (wanted, default)
        return f"${name}"

    def fragment(self, type_: Composite, depth: int) -> str:
        known = [
            name
            for name, (on, _) in self.fragments.items()
            if set(self.possible(on)) & set(self.possible(type_))
        ]
        if known and self.choices.one_in(2):
            return self.choices.of(known)
        on = self.overlapping(type_)
        body = self.selection_set(on, depth - 1)
        name = f"Part{len(self.fragments)}"
        self.fragments[name] = (on, body)
        return name

    def overlapping(self, type_: Composite) -> Composite:
        possible = set(self.possible(type_))
        others = [
            other for other in self.composites if not possible.isdisjoint(self.possible(other))
        ]
        return self.choices.of([type_, *others])

    @cached_property
    def composites(self) -> list[Composite]:
        return [t for t in self.schema.type_map.values() if is_own(t)]  # type: ignore[misc]

    def possible(self, type_: Composite) -> Sequence[GraphQLObjectType]:
        if isinstance(type_, GraphQLObjectType):
            return (type_,)
        return self.schema.get_possible_types(type_)


def is_own(type_: GraphQLNamedType) -> bool:
    return isinstance(type_, Composite) and not type_.name.startswith("__")
