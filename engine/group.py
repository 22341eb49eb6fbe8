"""Objects of one type and one selection, on one level."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from graphql.pyutils import Path

from engine.errors import Failure, Keys
from engine.output import Column
from engine.plan import Selection
from engine.within import Within

if TYPE_CHECKING:
    from engine.objects import Objects
    from engine.run import Task


class Group:
    """`objects` is where they come from; None for the root."""

    def __init__(
        self,
        selection: Selection,
        rows: Sequence[Any],
        objects: "Objects | Within | None" = None,
        same_as: "Group | None" = None,
    ) -> None:
        self.selection = selection
        self.same_as = same_as
        """The same objects, of which other fields have been answered already."""
        self.rows = rows
        self.objects = objects
        self.depth: int = objects.depth if objects else 0
        """How many steps their paths have."""
        self.tasks: Sequence[Task] = ()
        self.broken: dict[int, Failure] = {}
        """The objects that cannot be: a field of theirs that may not be null has failed."""
        self.made: Column = []
        """What they are in the answer, or what they failed by."""
        self.begun: Column | None = None
        """What of them is there already, and only lacks what `tasks` find."""
        self._paths: dict[int, Path | None] = {}

    def assemble(self) -> None:
        columns = [task.column() for task in self.tasks]
        if self.begun is None:
            self.made = self.selection.assemble(len(self.rows), *columns)
        else:
            self.made = self.begun
            for task, column in zip(self.tasks, columns, strict=True):
                key = task.field.key
                for made, value in zip(self.made, column, strict=True):
                    made[key] = value
        if self.broken:
            self.made = [self.broken.get(index, made) for index, made in enumerate(self.made)]
            if isinstance(self.objects, Within):
                self.objects.settle(self)

    def paths(self, index: int) -> Iterator[Keys]:
        """Where the object stands in the answer; one row may stand in several places."""
        if self.objects is None:
            return iter([()])
        return self.objects.paths(self.same_as or self, index)

    def living(self, index: int) -> Iterator[Keys]:
        """Those of its places that no null has taken."""
        first = self.same_as or self
        if index in first.broken or index in self.broken:
            return iter(())
        return iter([()]) if self.objects is None else self.objects.living(first, index)

    def path(self, index: int) -> Path | None:
        """One of these places, for a resolver."""
        if self.objects is None:
            return None
        if index not in self._paths:
            self._paths[index] = self.objects.path(self.same_as or self, index)
        return self._paths[index]
