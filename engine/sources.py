"""Where the values of a field come from: one source for each way of declaring a field.

A source gives a whole column, one value for each object of a group; an exception in place of a
value is the failure of that one. What a source does not have at once it asks for: it yields
requests, those of a whole level are met together, and it goes on with what came of its own.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutine
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from graphql import GraphQLField, default_field_resolver
from graphql.pyutils import is_awaitable, is_iterable

from engine.errors import Failure
from engine.output import Column, Output
from runtime.along import Along
from runtime.batch import ROOT, Batch
from runtime.faults import AnotherHistory, Forbidden, ReasonRequired
from runtime.field import Field, told
from runtime.page import Pages
from runtime.privacy import Privacy
from runtime.viewer import Viewer

if TYPE_CHECKING:
    from engine.run import Task


@dataclass(frozen=True)
class Read:
    """Asks a batch for keys; is met by their results, in order."""

    batch: Batch
    keys: Sequence[str]
    along: tuple[Along, ...] = ()
    """What to read along with its rows."""


@dataclass(frozen=True)
class Await:
    """Asks for the results of awaitables; is met by them, an exception for each that raised."""

    awaitables: Sequence[Awaitable[Any]]


Request: TypeAlias = Read | Await
Asking: TypeAlias = Generator[Sequence[Request], Any, Column]
"""Is met by a list with what came of each request."""


class Source(Protocol):
    def values(self, task: "Task", rows: Sequence[Any]) -> Column | Asking: ...


def source_of(definition: GraphQLField, owner: str, name: str, viewer: Viewer | None) -> Source:
    """How the field is answered; `viewer` stands for all who may see what they may see."""
    record = told(definition)
    if record is None or not record.is_declared:
        return Resolved(definition, name)
    source = declared(record)
    if record.area is None:
        return source
    assert viewer is not None
    return guarded(source, record, owner, name, viewer)


def declared(record: Field) -> Source:
    if record.attribute is not None:
        return Attribute(record.attribute)
    if record.load is None:
        assert record.compute is not None
        return Computed(record, record.compute)
    if isinstance(record.load, Pages):
        return Paged(record, record.load)
    if isinstance(record.load, Batch):
        return Loaded(record, record.load)
    return Dependent(record, record.load)


class Attribute:
    """An attribute of the row."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._read = attrgetter(name)

    def values(self, task: "Task", rows: Sequence[Any]) -> Column:
        return mapped(self._read, rows)


@dataclass(frozen=True)
class Computed:
    """A function of each row."""

    record: Field
    compute: Callable[..., Any]

    def values(self, task: "Task", rows: Sequence[Any]) -> Column:
        arguments = task.arguments
        if self.record.check is not None:
            self.record.check(task.run.context, arguments)
        function = self.bound(arguments, task.run.context)
        return mapped(function, rows)

    def bound(self, arguments: dict[str, Any], context: Any) -> Callable[[Any], Any]:
        """The function of a row alone."""
        arguments = self.arguments(arguments, context)
        return partial(self.compute, **arguments) if arguments else self.compute

    def arguments(self, given: dict[str, Any], context: Any) -> dict[str, Any]:
        """With the language of the request where none is asked for."""
        if self.record.speaks and given.get("language") is None:
            return {**given, "language": context.language}
        return given


def mapped(function: Callable[[Any], Any], rows: Sequence[Any]) -> Column:
    try:
        return list(map(function, rows))
    except Exception:
        # Seldom, and it costs nothing until then: find out which of them it was.
        return [attempted(function, row) for row in rows]


def attempted(function: Callable[[Any], Any], row: Any) -> Any:
    try:
        return function(row)
    except Exception as error:
        return error


@dataclass(frozen=True)
class Loaded:
    """One read for all rows, by a column of theirs, or by an argument."""

    record: Field
    batch: Batch

    def values(self, task: "Task", rows: Sequence[Any]) -> Asking:
        keys, arguments = keyed(self.record, task, rows)
        batch = self.batch(**arguments) if arguments else self.batch
        if self.record.stands is not None:
            (stand,) = yield [Read(self.record.stands, keys)]
            if not all(stand):
                raise AnotherHistory(self.record.by or "")
        if None not in keys:
            (found,) = yield [Read(batch, keys, task.along)]
            values: Column = found
            return values
        missing = [] if batch.many else batch.absent
        (found,) = yield [Read(batch, [key for key in keys if key is not None], task.along)]
        present = iter(found)
        return [missing if key is None else next(present) for key in keys]


@dataclass(frozen=True)
class Paged:
    """A page of a list for each row, all by the same arguments."""

    record: Field
    pages: Pages

    def values(self, task: "Task", rows: Sequence[Any]) -> Asking:
        keys, arguments = keyed(self.record, task, rows)
        asked = self.pages.asked(arguments, task.run.context.settings.page_limit)
        if self.pages.history is not None and asked.marks:
            (stand,) = yield [Read(self.pages.history.stands, list(asked.marks.values()))]
            if refused := asked.refused(stand):
                raise refused
        (found,) = yield [Read(asked.run, keys, task.along)]
        return [
            page if isinstance(page, Exception) else asked.page(key, page)
            for key, page in zip(keys, found, strict=True)
        ]


def keyed(record: Field, task: "Task", rows: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The key of each row, and what else is asked for. Raises what `check` does."""
    arguments = dict(task.arguments)
    if record.check is not None:
        record.check(task.run.context, arguments)
    if record.by is not None:
        return [str(arguments.pop(record.by))] * len(rows), arguments
    if not record.needs:
        return [ROOT] * len(rows), arguments
    return list(map(attrgetter(record.needs[0]), rows)), arguments


@dataclass(frozen=True)
class Dependent:
    """A read that each row chooses, or knows the result of."""

    record: Field
    load: Callable[[Any], Batch | bool]

    def values(self, task: "Task", rows: Sequence[Any]) -> Column | Asking:
        chosen = mapped(self.load, rows)
        if not any(isinstance(read, Batch) for read in chosen):
            return chosen
        return self._read(chosen, keyed(self.record, task, rows)[0])

    def _read(self, chosen: Column, keys: list[str]) -> Asking:
        asking: dict[Batch, list[int]] = {}
        for index, read in enumerate(chosen):
            if isinstance(read, Batch):
                asking.setdefault(read, []).append(index)
        results = yield [Read(read, [keys[i] for i in rows]) for read, rows in asking.items()]
        values = list(chosen)
        for indexes, found in zip(asking.values(), results, strict=True):
            for index, value in zip(indexes, found, strict=True):
                values[index] = value
        return values


def guarded(source: Source, record: Field, owner: str, name: str, viewer: Viewer) -> Source:
    """What stands above PUBLIC: for a viewer, and in a row, that shows it."""
    area = record.area
    assert area is not None
    grant = viewer.grant(area)
    field = f"{owner}.{name}"
    if not viewer.may_read(area):
        missing = ReasonRequired(field) if grant and grant.reason else Forbidden(field)
        return Refused(owner, name, missing)
    assert grant is not None
    # Whoever had to say why is on record with it, whatever the class.
    audited = record.privacy in (Privacy.PARTNER, Privacy.OFFICER) or grant.reason
    return Guarded(source, record, owner, name, area.flag, bool(audited), grant.reason)


@dataclass(frozen=True)
class Refused:
    """A field that the viewer may see nowhere."""

    owner: str
    name: str
    error: Exception

    def values(self, task: "Task", rows: Sequence[Any]) -> Column:
        task.run.context.trail.note(self.owner, self.name, None, refused=True)
        task.refuse(self.error, range(len(rows)))
        return [None] * len(rows)


@dataclass(frozen=True)
class Guarded:
    """A field that some rows show."""

    source: Source
    record: Field
    owner: str
    name: str
    flag: str
    audited: bool
    reasoned: bool
    """Whether only rows that a stated reason names show it."""

    def values(self, task: "Task", rows: Sequence[Any]) -> Column | Asking:
        shown = list(map(attrgetter(self.flag), rows))
        subjects: Sequence[Any] = (
            list(map(attrgetter(self.record.subject), rows))
            if self.record.subject
            else [None] * len(rows)
        )
        context = task.run.context
        trail = context.trail
        for subject, is_shown in zip(subjects, shown, strict=True):
            if self.audited or not is_shown:
                trail.note(self.owner, self.name, subject, refused=not is_shown)
        if all(shown):
            return self.source.values(task, rows)
        hidden = [index for index, is_shown in enumerate(shown) if not is_shown]
        unnamed = [
            index for index in hidden if self.reasoned and not context.viewer.named(subjects[index])
        ]
        field = f"{self.owner}.{self.name}"
        task.refuse(ReasonRequired(field), unnamed)
        task.refuse(Forbidden(field), sorted({*hidden} - {*unnamed}))
        return self._some(task, rows, shown)

    def _some(self, task: "Task", rows: Sequence[Any], shown: list[bool]) -> Asking:
        visible = [row for row, is_shown in zip(rows, shown, strict=True) if is_shown]
        values = self.source.values(task, visible)
        column = iter(values if isinstance(values, list) else (yield from values))
        return [next(column) if is_shown else None for is_shown in shown]


class Resolved:
    """A field with a resolver of its own, called once for each object."""

    def __init__(self, definition: GraphQLField, name: str) -> None:
        self._resolve = definition.resolve
        self._name = name

    def values(self, task: "Task", rows: Sequence[Any]) -> Column | Asking:
        arguments = task.arguments
        resolve = self._resolve or default_field_resolver
        values: Column = []
        for index, row in enumerate(rows):
            try:
                values.append(resolve(row, task.info(index), **arguments))
            except Exception as error:
                values.append(error)
        return awaited(values, task.field.output)


def awaited(values: Column, output: Output) -> Column | Asking:
    """The values, once nothing in them has to be waited for, in lists neither."""
    if not any(map(may_wait, set(map(type, values)))) and (
        output.item is None or set(map(type, values)) <= {type(None), Failure}
    ):
        return values
    return waited(values, output)


def waited(values: Column, output: Output) -> Asking:
    waiting = [index for index, value in enumerate(values) if is_awaitable(value)]
    if waiting:
        (found,) = yield [Await([values[index] for index in waiting])]
        for index, value in zip(waiting, found, strict=True):
            values[index] = value
    if output.item is None:
        return values
    streams = [index for index, value in enumerate(values) if hasattr(value, "__aiter__")]
    if streams:
        (found,) = yield [Await([gathered(values[index]) for index in streams])]
        for index, value in zip(streams, found, strict=True):
            values[index] = value
    values = [listed(value) for value in values]
    lists = [value for value in values if type(value) is list]
    if any(may_wait(kind) for items in lists for kind in set(map(type, items))) or output.item.item:
        flat = [item for items in lists for item in items]
        items = iter((yield from waited(flat, output.item)))
        return [[next(items) for _ in v] if type(v) is list else v for v in values]
    return values


def may_wait(kind: type) -> bool:
    return hasattr(kind, "__await__") or hasattr(kind, "__aiter__") or hasattr(kind, "gi_code")


def listed(value: Any) -> Any:
    """A list of what the value holds; the value itself if it is not to be taken apart."""
    if type(value) is list or isinstance(value, Exception) or not is_iterable(value):
        return value
    items: list[Any] = []
    try:
        items.extend(value)
    except Exception as error:
        return abandoned(items, error)
    return items


async def gathered(source: Any) -> Any:
    items: list[Any] = []
    try:
        async for item in source:
            items.append(item)
    except Exception as error:
        return abandoned(items, error)
    return items


def abandoned(items: list[Any], error: Exception) -> Exception:
    """What had been given before the failure, nobody will wait for any more."""
    for item in items:
        if iscoroutine(item):
            item.close()
    return error
