"""Running a plan: down, level by level, resolving each field once for all objects of a level; and
up again, putting the answer together."""

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from itertools import chain
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, is_awaitable
from graphql.type.definition import GraphQLResolveInfoHelpers

from engine.along import along_with
from engine.errors import Absorbed, Failure, Position
from engine.group import Group
from engine.objects import Objects
from engine.observer import Observer
from engine.output import Column, Nest
from engine.plan import Plan, PlannedField
from engine.sources import Asking, Await, Read, Request, listed
from engine.within import Within
from runtime.along import Along
from runtime.batch import Batch

SLICE_SECONDS = 0.005
"""How long one operation may keep the event loop from all others."""
SLICE_ROWS = 500
"""After how many rows to look how long it has been."""


class Run:
    """One execution of a plan."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        plan: Plan,
        variables: VariableValues,
        context: Any,
        root: Any,
        observer: Observer,
    ) -> None:
        self.schema = schema
        self.fragments = dict(fragments)
        self.plan = plan
        self.variables = variables
        self.context = context
        self.root = root
        self.absorbed: list[Absorbed] = []
        self.later: list[Group | Task] = []
        """What of this is deferred, and lists that go on: the outermost first."""
        self._groups: list[Group] = []
        self._observer = observer
        self._slice_ends = time.perf_counter() + SLICE_SECONDS

    async def data(self) -> dict[str, Any] | None:
        """The answer's data; what went wrong is in `absorbed`."""
        answer: dict[str, Any] = {}
        # The fields of a mutation one after another, each complete before the next begins.
        for selection in self.plan.steps:
            root = Group(selection, [self.root])
            await self.complete([root])
            (made,) = root.made
            if type(made) is Failure:
                self.absorbed.append(Absorbed(made, 0))
                return None
            answer.update(made)
        return answer

    async def complete(self, groups: Sequence[Group]) -> None:
        """Makes the objects of the groups, with all that is selected on them and below."""
        levels: list[list[Group]] = []
        level = [*groups]
        while level:
            levels.append(level)
            with self._observer.level(len(levels), level):
                level = await self._level(level)
        for level in reversed(levels):
            # Those within others stand behind them.
            for group in reversed(level):
                group.assemble()
                if time.perf_counter() > self._slice_ends:
                    await self._breathe()
        for group in chain.from_iterable(levels):
            if group.selection.deferred or group.selection.spreads:
                self.later.append(group)
            self.later += [task for task in group.tasks if task.rest]
            self._groups.append(group)

    def release(self) -> None:
        """Takes the run apart once it is over, or given up. Its parts refer to each other: together
        with all the rows they hold they would stay until the garbage collector comes by."""
        if self.plan.projection is not None:
            self.context.batches.give_up()
        for group in self._groups:
            for task in group.tasks:
                task.release()
            group.tasks, group.objects = (), None

    async def _level(self, groups: list[Group]) -> list[Group]:
        """Resolves the fields of the groups, and of those that are found within them, which join
        the level; the groups of the objects they lead to."""
        tasks = []
        for group in list(groups):
            for begun, fields in await self._begun(group):
                begun.tasks = [Task(self, begun, field) for field in fields]
                tasks += begun.tasks
                if begun is not group:
                    groups.append(begun)
        for task in tasks:
            task.start()
            if time.perf_counter() > self._slice_ends:
                await self._breathe()
        while waiting := [task for task in tasks if task.requests]:
            await self._meet(waiting)
        below: list[Group] = []
        for task in tasks:
            if not task.complete():
                await task.sort_out()
            below += task.groups
            if time.perf_counter() > self._slice_ends:
                await self._breathe()
        return below

    async def _begun(self, group: Group) -> list[tuple[Group, Sequence[PlannedField]]]:
        """Makes of the rows what can be made at once, and the groups within it; with each group
        the fields that remain."""
        direct = group.selection.direct
        if direct is None:
            return [(group, group.selection.fields)]
        rows = group.rows
        within: list[tuple[Column, Column, dict[int, Any]]] = [([], [], {}) for _ in direct.parts]
        try:
            inputs = [*(given(self) for given in direct.inputs), *chain.from_iterable(within[1:])]
            group.begun = direct.loop(rows[:SLICE_ROWS], *inputs)
            for start in range(SLICE_ROWS, len(rows), SLICE_ROWS):
                if time.perf_counter() > self._slice_ends:
                    await self._breathe()
                group.begun += direct.loop(rows[start : start + SLICE_ROWS], *inputs)
        except Exception:
            # Whatever is wrong is found again field by field, and told in its place.
            group.begun = None
            return [(group, group.selection.fields)]
        groups = [group]
        for part, (found, made, _) in zip(direct.parts[1:], within[1:], strict=True):
            assert part.field is not None
            origin = Within(self, groups[part.above], part.field)
            groups.append(Group(part.selection, found, origin))
            groups[-1].begun = made
        return [
            (each, part.others)
            for each, part in zip(groups, direct.parts, strict=True)
            if each.rows or each is group
        ]

    async def _meet(self, tasks: "list[Task]") -> None:
        """Everything that is asked for on a level, together: one read for each batch, whoever asks
        for it, and all of them at the same time."""
        reads: dict[Batch, list[str]] = {}
        along: dict[Batch, dict[Along, None]] = {}
        awaitables: list[Any] = []
        for task in tasks:
            for request in task.requests:
                if isinstance(request, Read):
                    reads.setdefault(request.batch, []).extend(request.keys)
                    if request.along:
                        along.setdefault(request.batch, {}).update(dict.fromkeys(request.along))
                else:
                    awaitables += request.awaitables
        found = {}
        jobs = []
        asked = []
        for batch, keys in reads.items():
            columns = self.context.projection.of(batch.entity)
            known = self.context.batches.known(batch, keys, columns)
            if known is not None:
                found[batch] = Found(known)
                continue
            asked.append(batch)
            come = tuple(along.get(batch, ()))
            jobs.append(self.context.batches.level(batch, keys, columns, along=come))
        results = await outcomes([*jobs, *awaitables])
        found |= zip(asked, map(Found, results), strict=False)
        awaited = Found(results[len(jobs) :])
        for task in tasks:
            task.go_on(found, awaited)
            if time.perf_counter() > self._slice_ends:
                await self._breathe()

    async def _breathe(self) -> None:
        """Lets others have the event loop."""
        await asyncio.sleep(0)
        self._slice_ends = time.perf_counter() + SLICE_SECONDS


class Found:
    """What came of a request that several share; each takes its own part, in order."""

    __slots__ = ("_results", "_taken")

    def __init__(self, results: list[Any] | Exception) -> None:
        self._results = results
        self._taken = 0

    def take(self, count: int) -> list[Any] | Exception:
        """All of them get the exception, if there is one."""
        results = self._results
        if isinstance(results, Exception) or count == len(results):
            return results
        start = self._taken
        self._taken += count
        return results[start : start + count]


async def outcomes(awaitables: Sequence[Awaitable[Any]]) -> list[Any]:
    """What comes of each, an exception where it raised one. They run at the same time, the first
    without a task of its own: mostly there are one or two."""
    if not awaitables:
        return []
    first, *others = awaitables
    tasks = [asyncio.ensure_future(other) for other in others]
    try:
        return [await outcome(first), *[await outcome(task) for task in tasks]]
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def outcome(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except Exception as error:
        return error


class Task:
    """One field of one group: its request while it waits, its values when they are there."""

    __slots__ = (
        *("run", "group", "field", "requests", "groups", "rest"),
        *("_asking", "_values", "_objects", "_first"),
    )

    def __init__(self, run: Run, group: Group, field: PlannedField) -> None:
        self.run = run
        self.group = group
        self.field = field
        self.requests: Sequence[Request] = ()
        """What it waits for."""
        self.groups: list[Group] = []
        """The objects that the field leads to."""
        self.rest: Column | None = None
        """What follows later of each list."""
        self._first = 0
        self._asking: Asking | None = None
        self._values: Column = []
        self._objects: Objects | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """Not to be changed. Raises GraphQLError for a value that an argument refuses."""
        return self.field.arguments(self.run.variables)

    @property
    def along(self) -> tuple[Along, ...]:
        """What comes along with the rows that the field reads."""
        if self.field.along is None:
            projection = self.run.plan.projection
            self.field.along = along_with(self.field, projection) if projection else ()
        return self.field.along

    def start(self) -> None:
        try:
            values = self.field.source.values(self, self.group.rows)
        except Exception as error:
            self._fail(error)
            return
        if type(values) is list:
            self._values = values
        else:
            assert not isinstance(values, list)
            self._asking = values
            self._step(None)

    def go_on(self, found: Mapping[Batch, Found], awaited: Found) -> None:
        """With what came of its requests, in the order in which they were made."""
        assert self._asking is not None
        results: list[Any] = []
        for request in self.requests:
            if isinstance(request, Await):
                taken = awaited.take(len(request.awaitables))
            else:
                taken = found[request.batch].take(len(request.keys))
            if isinstance(taken, Exception):
                # Each object of its own: there may be some that need nothing of this read.
                assert isinstance(request, Read)
                taken = [taken] * len(request.keys)
            results.append(taken)
        self._step(results)

    def _step(self, results: list[Any] | None) -> None:
        assert self._asking is not None
        try:
            self.requests = self._asking.send(results)
        except StopIteration as done:
            self.requests, self._values = (), done.value
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.requests, self._values = (), [error] * len(self.group.rows)

    def complete(self) -> bool:
        """Leaves are serialised, objects sorted into groups; False if that has to wait."""
        output, values = self.field.output, self._values
        if output.leaf is not None and output.item is None and output.leaf.stays(output, values):
            return True
        if self.field.stream is not None and self.rest is None:
            values = self._begun(self.field.stream.initial_count)
        nest = Nest(output, values, self.position, self._first)
        if (leaf := nest.output.leaf) is not None:
            column = leaf.column(nest.inner, nest.places())
            self._values = nest.together(column, self.run.absorbed)
            self._check()
            return True
        self._objects = Objects(self, nest)
        found = self._objects.groups_at_once()
        self.groups = found or []
        return found is not None

    def _begun(self, initial_count: int | None) -> Column:
        """The beginnings of the lists; what follows them is left for later."""
        values = [listed(value) for value in self._values]
        if initial_count is None or initial_count < 0:
            error = GraphQLError("initialCount must be a positive integer")
            return [error if type(value) is list else value for value in values]
        lists = [value if type(value) is list else [] for value in values]
        if any(len(items) > initial_count for items in lists):
            self.rest = [items[initial_count:] for items in lists]
        return [value[:initial_count] if type(value) is list else value for value in values]

    def going_on(self) -> "Task":
        """The rest of the lists, as a task of its own. Where it fails, the objects remain: they
        have been delivered."""
        assert self.field.stream is not None
        assert self.field.stream.initial_count is not None
        assert self.rest is not None
        of = self.group
        group = Group(of.selection, of.rows, of.objects, of.same_as or of)
        task = Task(self.run, group, self.field)
        task._values, task._first, task.rest = self.rest, self.field.stream.initial_count, []
        return task

    def has(self, index: int, indexes: Sequence[int]) -> bool:
        """Whether something stands there in the answer, and no null in its place."""
        value = self._values[index]
        for step in indexes:
            if type(value) is not list:
                return False
            value = value[step - self._first if value is self._values[index] else step]
        return type(value) is dict

    def has_list(self, index: int) -> bool:
        return type(self._values[index]) is list

    async def sort_out(self) -> None:
        assert self._objects is not None
        self.groups = await self._objects.groups()

    def release(self) -> None:
        self._objects, self.groups = None, []

    def column(self) -> Column:
        """What stands under the field's key in each object."""
        if self._objects is not None:
            self._values = self._objects.together()
            self._check()
        return self._values

    def _check(self) -> None:
        if not self.field.output.nullable and Failure in set(map(type, self._values)):
            for index, value in enumerate(self._values):
                if type(value) is Failure:
                    self.group.broken.setdefault(index, value)

    def refuse(self, error: Exception, indexes: Sequence[int]) -> None:
        """Told once for the field, with nulls in place of what it hides."""
        if indexes:
            position = self.position(indexes[0])
            absorbed = Absorbed(Failure(error, position), position.depth, True, indexes[1:])
            self.run.absorbed.append(absorbed)

    def position(self, index: int) -> Position:
        return Position(self.group, index, (self.field.key,), self.field.nodes)

    def info(self, index: int) -> GraphQLResolveInfo[Any]:
        """What a resolver is told of where it is."""
        run, field = self.run, self.field
        return GraphQLResolveInfo(
            field.name,
            field.nodes,  # type: ignore[arg-type]
            field.definition.type,
            field.parent,
            Path(self.group.path(index), field.key, field.parent.name),
            run.schema,
            run.fragments,
            run.root,
            run.plan.operation,
            run.variables,
            run.context,
            is_awaitable,
            None,
            HELPERS,
        )


async def gathered(awaitables: Sequence[Any]) -> list[Any]:
    return list(await asyncio.gather(*awaitables))


def tracked(values: Sequence[Any]) -> None:
    """Lets work that nobody waits for any more come to its end."""
    for value in values:
        if is_awaitable(value):
            task = asyncio.ensure_future(outcome(value))
            unattended.add(task)
            task.add_done_callback(unattended.discard)


unattended: set[asyncio.Future[Any]] = set()
"""Kept until they are done: the event loop itself refers to tasks weakly."""


HELPERS = GraphQLResolveInfoHelpers(gather=gathered, track=tracked)
