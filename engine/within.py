"""Objects made within those of another group, by one loop: where they stand, and what becomes of
those around them when one of them cannot be."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from graphql.pyutils import Path

from engine.errors import Failure, Keys, Position
from engine.output import Column, Nest

if TYPE_CHECKING:
    from engine.group import Group
    from engine.plan import PlannedField
    from engine.run import Run

Indexes = tuple[int, ...]


class Within:
    """What one field of a group leads to. Nothing is kept of it while all goes well: it is there,
    in the objects of the group, to be looked for."""

    def __init__(self, run: "Run", above: "Group", field: "PlannedField") -> None:
        self._run = run
        self._above = above
        self._field = field
        lists, output = 0, field.output
        while output.item is not None:
            output, lists = output.item, lists + 1
        self.depth = above.depth + 1 + lists
        self._values: Column | None = None
        """What stood there before nulls took the places of any."""
        self._places: dict[int, list[tuple[int, Indexes]]] = {}

    def settle(self, group: "Group") -> None:
        """Puts nulls where objects of the group have failed, or hands the failure on."""
        above, key = self._above, self._field.key
        nest = Nest(self._field.output, self._original(), self._position)
        made = dict(zip(map(id, begun(group)), group.made, strict=True))
        column = nest.together(
            [made.get(id(value), value) for value in nest.inner], self._run.absorbed
        )
        for index, (around, value) in enumerate(zip(begun(above), column, strict=True)):
            around[key] = value
            if type(value) is Failure:
                above.broken.setdefault(index, value)

    def paths(self, group: "Group", index: int) -> Iterator[Keys]:
        for row, indexes in self._places_of(group, index):
            for path in self._above.paths(row):
                yield (*path, self._field.key, *indexes)

    def living(self, group: "Group", index: int) -> Iterator[Keys]:
        """Of these places, those that are there in the end."""
        key = self._field.key
        for row, indexes in self._places_of(group, index):
            value = begun(self._above)[row][key]
            for step in indexes:
                value = value[step] if type(value) is list else None
            if type(value) is dict:
                for path in self._above.living(row):
                    yield (*path, key, *indexes)

    def path(self, group: "Group", index: int) -> Path:
        row, indexes = self._places_of(group, index)[0]
        path = Path(self._above.path(row), self._field.key, self._field.parent.name)
        for step in indexes:
            path = Path(path, step, None)
        return path

    def _position(self, index: int) -> Position:
        return Position(self._above, index, (self._field.key,), self._field.nodes)

    def _original(self) -> Column:
        if self._values is None:
            self._values = [around[self._field.key] for around in begun(self._above)]
        return self._values

    def _places_of(self, group: "Group", index: int) -> list[tuple[int, Indexes]]:
        """The objects around it, and the indexes in the lists that lie between."""
        if not self._places:
            for row, value in enumerate(self._original()):
                for indexes, found in objects_in(value, ()):
                    self._places.setdefault(id(found), []).append((row, indexes))
        return self._places[id(begun(group)[index])]


def begun(group: "Group") -> Column:
    assert group.begun is not None
    return group.begun


def objects_in(value: Any, indexes: Indexes) -> Iterator[tuple[Indexes, Any]]:
    if type(value) is list:
        for index, item in enumerate(value):
            yield from objects_in(item, (*indexes, index))
    elif value is not None:
        yield indexes, value
