"""The objects that a field leads to: which type each is of, in groups to go on with, and back in
their places when they are complete."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    Undefined,
    default_type_resolver,
)
from graphql.pyutils import Path, inspect, is_awaitable
from graphql.type import is_abstract_type

from engine.errors import Failure, Keys
from engine.group import Group
from engine.output import NOTHING, Column, Nest
from runtime.field import ENTITY
from runtime.rows import entity_of

if TYPE_CHECKING:
    from engine.run import Task


class Objects:
    """The objects of one field of one group, taken out of their lists."""

    def __init__(self, task: "Task", nest: Nest) -> None:
        self._task = task
        self._nest = nest
        self.depth = task.group.depth + 1 + nest.lists
        self._named = nest.output.named
        self._groups: list[Group] = []
        self._places: Column | None = None
        """For each value its group and its index there, or what stands in its place; None where
        all of them are one group, in its order."""
        self._owners: dict[tuple[int, int], list[int]] = {}

    def groups_at_once(self) -> list[Group] | None:
        """The groups, where it is plain to see which they are: everything is there, and rows say
        what they are of."""
        values = self._nest.inner
        there = set(map(type, values)) - {NOTHING}
        if not there:
            self._places = values
            return []
        type_, *others = {self._tagged(kind) for kind in there}
        if type_ is None or others or self._task.field.below(type_).error is not None:
            return None
        rows: list[Any] = []
        if len(set(map(id, values))) == len(values) and NOTHING not in set(map(type, values)):
            group = self._group(type_, values)
        elif all(is_row(kind) for kind in there):
            # What many refer to is one row: resolved once, and one object of the answer.
            number: dict[int, int] = {}
            for value in values:
                if value is not None and id(value) not in number:
                    number[id(value)] = len(rows)
                    rows.append(value)
            group = self._group(type_, rows)
            if len(rows) < len(values):
                self._places = [v if v is None else (group, number[id(v)]) for v in values]
        elif NOTHING in set(map(type, values)):
            rows = [value for value in values if value is not None]
            group = self._group(type_, rows)
            index = count()
            self._places = [v if v is None else (group, next(index)) for v in values]
        else:
            group = self._group(type_, values)
        return [group]

    def _tagged(self, kind: type) -> GraphQLObjectType | None:
        """The type of a kind of row that says which table it is of; or of what needs no proof."""
        known = self._task.field.kinds
        if kind not in known:
            known[kind] = self._type_of(kind)
        return known[kind]

    def _type_of(self, kind: type) -> GraphQLObjectType | None:
        if issubclass(kind, Exception | Failure | type(Undefined)):
            return None
        entity = entity_of(kind)
        if is_abstract_type(self._named):
            possible = self._task.run.schema.get_possible_types(self._named)
            found = [t for t in possible if entity and t.extensions.get(ENTITY) is entity]
            return found[0] if len(found) == 1 else None
        assert isinstance(self._named, GraphQLObjectType)
        is_proven = entity is not None and self._named.extensions.get(ENTITY) is entity
        return self._named if self._named.is_type_of is None or is_proven else None

    async def groups(self) -> list[Group]:
        """The groups, each value asked for its type."""
        places: Column = [self._type_or_failure(i, v) for i, v in enumerate(self._nest.inner)]
        await self._wait(places)
        places = [self._proven(index, place) for index, place in enumerate(places)]
        await self._wait(places)
        rows: dict[GraphQLObjectType, list[Any]] = {}
        for index, place in enumerate(places):
            if isinstance(place, GraphQLObjectType):
                error = self._task.field.below(place).error
                if error is not None:
                    places[index] = Failure(error, self._nest.places()(index))
                    continue
                mine = rows.setdefault(place, [])
                places[index] = (place, len(mine))
                mine.append(self._nest.inner[index])
            elif isinstance(place, Exception):
                places[index] = Failure(place, self._nest.places()(index))
        groups = {type_: self._group(type_, mine) for type_, mine in rows.items()}
        self._places = [(groups[p[0]], p[1]) if type(p) is tuple else p for p in places]
        return list(groups.values())

    async def _wait(self, places: Column) -> None:
        waiting = [index for index, place in enumerate(places) if is_awaitable(place)]
        results = await asyncio.gather(*(places[i] for i in waiting), return_exceptions=True)
        for index, result in zip(waiting, results, strict=True):
            if isinstance(result, BaseException) and not isinstance(result, Exception):
                raise result
            places[index] = result

    def _type_or_failure(self, index: int, value: Any) -> Any:
        """The type, its name, something to wait for, or what stands in the value's place."""
        if value is None or value is Undefined:
            return None
        if isinstance(value, Exception | Failure):
            return value
        if (known := self._tagged(type(value))) is not None:
            return Proven(known)
        if isinstance(self._named, GraphQLObjectType):
            return self._named
        assert is_abstract_type(self._named)
        resolve = self._named.resolve_type or default_type_resolver
        try:
            return resolve(value, self._info(index), self._named)
        except Exception as error:
            return error

    def _proven(self, index: int, place: Any) -> Any:
        """The type, if the value is of it, or something to wait for."""
        value = self._nest.inner[index]
        if value is None or value is Undefined:
            return None
        if isinstance(place, Exception | Failure):
            return place
        if isinstance(place, Proven):
            return place.type
        type_: Any = place
        if is_abstract_type(self._named):
            try:
                type_ = self._runtime_type(place, value)
            except GraphQLError as error:
                return error
        if type_.is_type_of is None:
            return type_
        try:
            is_of_it = type_.is_type_of(value, self._info(index))
        except Exception as error:
            return error
        if is_awaitable(is_of_it):
            return self._later(is_of_it, type_, value)
        return type_ if is_of_it else self._wrong(type_, value)

    async def _later(self, is_of_it: Any, type_: GraphQLObjectType, value: Any) -> Any:
        return type_ if await is_of_it else self._wrong(type_, value)

    def _wrong(self, type_: GraphQLObjectType, value: Any) -> GraphQLError:
        message = f"Expected value of type '{type_}' but got: {inspect(value)}."
        return GraphQLError(message, self._task.field.nodes)

    def _runtime_type(self, name: Any, value: Any) -> GraphQLObjectType:
        """The type of that name, if it is one the field may lead to. The messages are those of
        graphql-core: people search for them."""
        field, abstract = self._task.field, self._named
        place = f"{field.parent}.{field.name}"
        must = f"Abstract type '{abstract}' must resolve to an Object type at runtime"
        if name is None:
            raise GraphQLError(
                f"{must} for field '{place}'. Either the '{abstract}' type should provide a"
                " 'resolve_type' function or each possible type should provide an 'is_type_of'"
                " function.",
                field.nodes,
            )
        if not isinstance(name, str):
            raise GraphQLError(
                f"{must} for field '{place}' with value {inspect(value)}, received"
                f" '{inspect(name)}', which is not a valid Object type name.",
                field.nodes,
            )
        schema = self._task.run.schema
        type_ = schema.get_type(name)
        if type_ is None:
            told = "that does not exist inside the schema"
            raise GraphQLError(
                f"Abstract type '{abstract}' was resolved to a type '{name}' {told}.", field.nodes
            )
        if not isinstance(type_, GraphQLObjectType):
            raise GraphQLError(
                f"Abstract type '{abstract}' was resolved to a non-object type '{name}'.",
                field.nodes,
            )
        assert is_abstract_type(abstract)
        if not schema.is_sub_type(abstract, type_):
            raise GraphQLError(
                f"Runtime Object type '{type_}' is not a possible type for '{abstract}'.",
                field.nodes,
            )
        return type_

    def _info(self, index: int) -> Any:
        return self._task.info(self._nest.origin(index)[0])

    def _group(self, type_: GraphQLObjectType, rows: list[Any]) -> Group:
        group = Group(self._task.field.below(type_), rows, self)
        self._groups.append(group)
        return group

    def together(self) -> Column:
        """The column of the field, now that the groups are made."""
        if self._places is None:
            (group,) = self._groups
            made = group.made
        else:
            made = [p[0].made[p[1]] if type(p) is tuple else p for p in self._places]
        return self._nest.together(made, self._task.run.absorbed)

    def paths(self, group: Group, index: int) -> Iterator[Keys]:
        """Where an object of one of the groups stands in the answer."""
        key = self._task.field.key
        for place in self._places_of(group, index):
            row, indexes = self._nest.origin(place)
            for path in self._task.group.paths(row):
                yield (*path, key, *indexes)

    def living(self, group: Group, index: int) -> Iterator[Keys]:
        """Of these places, those that are there in the end."""
        task = self._task
        for place in self._places_of(group, index):
            row, indexes = self._nest.origin(place)
            if task.has(row, indexes):
                for path in task.group.living(row):
                    yield (*path, task.field.key, *indexes)

    def path(self, group: Group, index: int) -> Path:
        row, indexes = self._nest.origin(self._places_of(group, index)[0])
        above = self._task
        path = Path(above.group.path(row), above.field.key, above.field.parent.name)
        for step in indexes:
            path = Path(path, step, None)
        return path

    def _places_of(self, group: Group, index: int) -> list[int]:
        if self._places is None:
            return [index]
        if not self._owners:
            for number, place in enumerate(self._places):
                if type(place) is tuple:
                    self._owners.setdefault((id(place[0]), place[1]), []).append(number)
        return self._owners[id(group), index]


class Proven:
    """The type of a row that says itself which it is."""

    def __init__(self, type_: GraphQLObjectType) -> None:
        self.type = type_


def is_row(kind: type) -> bool:
    return entity_of(kind) is not None
