"""From values to the answer: leaves serialised, lists taken apart and put together again, nulls
where something is missing. Always a whole column at a time."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate, chain
from math import isfinite
from typing import Any, TypeAlias

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNamedOutputType,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import inspect, is_iterable
from graphql.type import is_leaf_type

from engine.errors import Absorbed, Failure, Position, Where

Column: TypeAlias = list[Any]
"""The values of one field, one for each object of a group."""
NOTHING = type(None)
INT_LIMIT = 2**31


@dataclass(frozen=True, eq=False)
class Output:
    """The type of a field, one wrapping at a time."""

    nullable: bool
    item: "Output | None"
    """What a list holds."""
    leaf: "Leaf | None"
    named: GraphQLNamedOutputType
    field: str
    """`Type.field`, for messages."""

    def settled(self, values: Column, where: Where, absorbed: list[Absorbed]) -> Column:
        """The column with each null and failure where the type lets it be: a failure becomes null
        and is told of where it may, and a null becomes a failure where it may not."""
        kinds = set(map(type, values))
        if self.nullable:
            if Failure not in kinds:
                return values
            absorbed += [
                Absorbed(value, where(index).depth)
                for index, value in enumerate(values)
                if type(value) is Failure
            ]
            return [None if type(value) is Failure else value for value in values]
        if NOTHING not in kinds:
            return values
        return [
            Failure(self.null(), where(index)) if value is None else value
            for index, value in enumerate(values)
        ]

    def null(self) -> TypeError:
        return TypeError(f"Cannot return null for non-nullable field {self.field}.")


def output_of(type_: GraphQLOutputType, field: str, leaves: "Callable[[Any], Leaf]") -> Output:
    inner: Any = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    nullable = inner is type_
    if isinstance(inner, GraphQLList):
        item = output_of(inner.of_type, field, leaves)
        return Output(nullable, item, None, item.named, field)
    leaf = leaves(inner) if is_leaf_type(inner) else None
    return Output(nullable, None, leaf, inner, field)


class Leaf:
    """A scalar or an enum, as it leaves."""

    def __init__(self, type_: GraphQLLeafType) -> None:
        self.type = type_
        self._unchanged = unchanged(type_)
        self._known: dict[type, dict[Any, Any]] = {}
        """The members of an enum that have been seen, by the kind of value they are known by."""
        self.members: dict[Any, Any] = {}
        """The same, whatever kind of value they are known by."""
        self.members_or_null: dict[Any, Any] = {None: None}
        if isinstance(type_, GraphQLEnumType):
            for member in type_.values.values():
                with suppress(GraphQLError):
                    self._note(member.value, type_.coerce_output_value(member.value))

    def stays(self, output: Output, values: Column) -> bool:
        """Whether the column leaves as it is, with no null where none may be."""
        if self._unchanged is None:
            return not values
        kinds = set(map(type, values))
        if NOTHING in kinds and not output.nullable:
            return False
        return bool(self._unchanged(kinds, values))

    def column(self, values: Column, where: Where) -> Column:
        if not values:
            return values
        kinds = set(map(type, values))
        if self._unchanged is not None and self._unchanged(kinds, values):
            return values
        kinds.discard(NOTHING)
        # Of another kind than has been seen, a value may be unfit to be looked up at all.
        known = self._known.get(kinds.pop()) if len(kinds) == 1 else None
        if known is not None:
            try:
                return [None if value is None else known[value] for value in values]
            except KeyError:
                pass  # not all of them have been seen yet
        return [self._value(value, index, where) for index, value in enumerate(values)]

    def _value(self, value: Any, index: int, where: Where) -> Any:
        if value is None or value is Undefined or type(value) is Failure:
            return None if value is Undefined else value
        if isinstance(value, Exception):
            return Failure(value, where(index))
        try:
            made = self.type.coerce_output_value(value)
        except Exception as error:
            return Failure(error, where(index))
        if made is None or made is Undefined:
            told = f"`{inspect(self.type)}.coerce_output_value({inspect(value)})`"
            message = f"Expected {told} to return non-nullable value, returned: {inspect(made)}"
            return Failure(TypeError(message), where(index))
        if isinstance(self.type, GraphQLEnumType):
            self._note(value, made)
        return made

    def _note(self, value: Any, made: Any) -> None:
        if isinstance(value, str | Enum):
            self._known.setdefault(type(value), {})[value] = made
            self.members[value] = self.members_or_null[value] = made

    def one(self, value: Any) -> Any:
        """A single value as it leaves. Raises where it may not."""
        made = None if value is Undefined else self.type.coerce_output_value(value)
        if made is None or made is Undefined or isinstance(value, Exception):
            raise TypeError
        return made


def standard(type_: GraphQLLeafType) -> GraphQLScalarType | None:
    """The scalar of the specification that serialises as this one does."""
    if not isinstance(type_, GraphQLScalarType):
        return None
    alike = (s for s in TESTS if type_.coerce_output_value == s.coerce_output_value)
    return next(alike, None)


def unchanged(type_: GraphQLLeafType) -> Callable[[set[type], Column], bool] | None:
    """How to tell that a column needs no serialising; None where it always does."""
    scalar = standard(type_)
    return TESTS[scalar] if scalar else None


def only(kind: type) -> Callable[[set[type], Column], bool]:
    allowed = {kind, NOTHING}
    return lambda kinds, values: kinds <= allowed


def small_ints(kinds: set[type], values: Column) -> bool:
    if kinds == {int}:
        return bool(min(values) >= -INT_LIMIT and max(values) < INT_LIMIT)
    if kinds <= {int, NOTHING}:
        return all(value is None or -INT_LIMIT <= value < INT_LIMIT for value in values)
    return False


def finite_floats(kinds: set[type], values: Column) -> bool:
    return kinds <= {float, NOTHING} and all(value is None or isfinite(value) for value in values)


TESTS: dict[GraphQLScalarType, Callable[[set[type], Column], bool]] = {
    GraphQLString: only(str),
    GraphQLID: only(str),
    GraphQLBoolean: only(bool),
    GraphQLInt: small_ints,
    GraphQLFloat: finite_floats,
}


class Nest:
    """The lists of a column, taken apart down to what they hold, to be put together again.

    `inner` is what they hold, all of one field and level in one run; without lists, the column
    itself. Where each of it came from is worked out when an error asks for it.
    """

    def __init__(self, output: Output, values: Column, where: Where, first: int = 0) -> None:
        """`first` is the index of what the lists begin with: the rest of a list begins later."""
        self._first = first
        self._outputs = [output]
        self._columns = [values]
        self._where = where
        self._known_starts: dict[int, list[int]] = {}
        self._altered: set[int] = set()
        """How deep stand values that are not those in the lists around them: failures, mostly."""
        while (item := self._outputs[-1].item) is not None:
            depth = len(self._outputs) - 1
            lists = self._lists(self._outputs[-1], self._columns[-1], self.places(depth))
            if lists is not self._columns[-1]:
                self._columns[-1] = lists
                self._altered.add(depth)
            self._outputs.append(item)
            if set(map(type, lists)) <= {list}:
                self._columns.append(list(chain.from_iterable(lists)))
            else:
                self._columns.append([x for v in lists if type(v) is list for x in v])

    @property
    def lists(self) -> int:
        """How many lists lie around `inner`."""
        return len(self._columns) - 1

    @property
    def inner(self) -> Column:
        return self._columns[-1]

    @property
    def output(self) -> Output:
        return self._outputs[-1]

    def places(self, depth: int = -1) -> Where:
        """The positions of what stands so many lists deep; of `inner` if left out."""
        if depth % len(self._columns) == 0:
            return self._where

        def where(index: int) -> Position:
            owner, keys = self.origin(index, depth)
            position = self._where(owner)
            return Position(position.group, position.index, position.keys + keys, position.nodes)

        return where

    def origin(self, index: int, depth: int = -1) -> tuple[int, tuple[int, ...]]:
        """The object of the group that a value belongs to, and the indexes to it."""
        keys: list[int] = []
        for above in range(depth % len(self._columns) - 1, -1, -1):
            starts = self._starts(above)
            owner = bisect_right(starts, index) - 1
            keys.append(index - starts[owner] + (self._first if above == 0 else 0))
            index = owner
        return index, tuple(reversed(keys))

    def together(self, inner: Column, absorbed: list[Absorbed]) -> Column:
        """The column again, once `inner` is complete: with nulls where they may be, failures where
        the object itself has to go."""
        column = self.output.settled(inner, self.places(), absorbed)
        for depth in range(len(self._columns) - 2, -1, -1):
            lists = self._lists_of(depth, column)
            column = self._outputs[depth].settled(lists, self.places(depth), absorbed)
        return column

    def _lists_of(self, depth: int, items: Column) -> Column:
        lists = self._columns[depth]
        if items is self._columns[depth + 1] and depth + 1 not in self._altered:
            return lists
        failing = Failure in set(map(type, items))
        made: Column = []
        start = 0
        for value in lists:
            if type(value) is not list:
                made.append(value)
                continue
            end = start + len(value)
            part = items[start:end]
            start = end
            failure = next((x for x in part if type(x) is Failure), None) if failing else None
            made.append(part if failure is None else failure)
        return made

    def _lists(self, output: Output, values: Column, where: Where) -> Column:
        if set(map(type, values)) <= {list, NOTHING}:
            return values
        return [self._list(output, value, index, where) for index, value in enumerate(values)]

    def _list(self, output: Output, value: Any, index: int, where: Where) -> Any:
        if value is None or type(value) in (list, Failure):
            return value
        if value is Undefined:
            return None
        if isinstance(value, Exception):
            return Failure(value, where(index))
        if not is_iterable(value):
            message = f"Expected Iterable, but did not find one for field '{output.field}'."
            return Failure(GraphQLError(message), where(index))
        try:
            return list(value)
        except Exception as error:
            return Failure(error, where(index))

    def _starts(self, depth: int) -> Sequence[int]:
        """Where the items of each list of that depth begin among all of them."""
        if depth not in self._known_starts:
            sizes = (len(v) if type(v) is list else 0 for v in self._columns[depth])
            self._known_starts[depth] = [0, *accumulate(sizes)][:-1]
        return self._known_starts[depth]
