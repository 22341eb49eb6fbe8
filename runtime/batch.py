"""Batched reads: one statement for every key asked for together.

A loader builds a statement, from the columns wanted and its own arguments: a `Select` whose
first column is the key, with the keys bound as one array (`KEYS`). Marked `@one`, `@many` or
`@value` it is a `Batch`; `Batches` runs it, once per request and key.

A loader is called once for each *shape* of its arguments, not for each request: in the place
of every string, number, date and time it gets a symbol, a `bindparam` of that type, so that
the statement can be kept. None, booleans and members of enums are shape and arrive as they
are; tuples and frozen dataclasses arrive with symbols inside. So a loader may ask whether an
argument is None, and may put it into SQL; it can neither compute with it in Python nor decide
by it, which raises TypeError. (But for `==` and `in`, which are false: a symbol equals nothing.)
What has to be computed first is computed by a `derive` function, from arguments to arguments.
A list in its result is bound whole; the loader casts it to the array it is meant as.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from functools import cache, cached_property, lru_cache, partial
from itertools import count
from operator import and_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from aiodataloader import DataLoader
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Interval,
    Select,
    Text,
    Time,
    bindparam,
    select,
)
from sqlalchemy.sql.operators import is_true
from sqlalchemy.types import NullType, TypeEngine

from runtime import clock
from runtime.along import Along, Keys, Part, joined
from runtime.clock import NOW
from runtime.reads import Query, Record, Source, Tally, compiled
from runtime.rights import EXACT, PRIVILEGES, SIGNED_IN, Role, gates
from runtime.rows import row_type
from runtime.viewer import ANYONE, Viewer, opened

if TYPE_CHECKING:
    from runtime.kept import KeptRows

KEYS = Keys()
IDENTIFIER = Text(collation="C")
# Who is asking, in the row rules of statements; null or empty where it does not apply.
VIEWER = bindparam("viewer_id", type_=IDENTIFIER)
DISTRICTS = bindparam("viewer_districts", type_=ARRAY(IDENTIFIER))
PROVIDER = bindparam("viewer_provider", type_=IDENTIFIER)
DEPARTMENT = bindparam("viewer_department", type_=IDENTIFIER)
PURPOSES = bindparam("viewer_purposes", type_=ARRAY(IDENTIFIER))
SUBJECTS = bindparam("viewer_subjects", type_=ARRAY(IDENTIFIER))
ASKING = frozenset(
    bind.key for bind in (VIEWER, DISTRICTS, PROVIDER, DEPARTMENT, PURPOSES, SUBJECTS)
)

TOLD_IN_FULL = bindparam(SIGNED_IN, type_=Boolean())
TOLD_EXACTLY = bindparam(EXACT, type_=Boolean())
"""Whether the viewer's role has the privilege."""

ROOT = ""
"""The one key of a batch that hangs below no row."""

Columns = tuple[str, ...]
Read: TypeAlias = Select[*tuple[Any, ...]]
Statement = Callable[..., Read]
Derive = Callable[..., dict[str, Any]]

KINDS: Mapping[type, TypeEngine[Any]] = {
    str: IDENTIFIER,
    int: BigInteger(),
    float: Double(),
    date: Date(),
    datetime: DateTime(timezone=True),
    time_of_day: Time(),
    timedelta: Interval(),
    list: NullType(),
}
"""The values of arguments that are bound, and as what; all others are part of the statement."""
SHAPE: Mapping[str, Any] = MappingProxyType({"shape": True})
"""The metadata of a dataclass's field whose value is part of the statement all the same."""


def unseen(value: Any) -> ColumnElement[Any]:
    """An argument that the planner need not know to choose well, such as the least of something on
    the way through an index: it keeps a plan, rather than make one for each value."""
    return select(value).scalar_subquery()


@dataclass(frozen=True)
class Batch:
    """A read, with its arguments; equal batches share their statement and their results.

    A missing key gives None, the empty list or `absent`, by the kind of read.
    """

    statement: Statement
    entity: type | None
    many: bool
    absent: Any = None
    derive: Derive | None = None
    arguments: tuple[tuple[str, Hashable], ...] = ()
    max_age: float | None = None
    """For how many seconds its rows may be kept for other requests; None for not at all."""

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.statement, self.arguments))

    @property
    def name(self) -> str:
        """Of the loader, as it is found in the code."""
        return name_of(self.statement)

    def __call__(self, **arguments: Hashable) -> "Batch":
        return replace(self, arguments=tuple(sorted(arguments.items())))

    def query(
        self, columns: Columns, viewer: Viewer = ANYONE, along: tuple[Along, ...] = ()
    ) -> tuple[Query, dict[str, Any]]:
        """What to run for those who may see what the viewer may, and the values of its
        arguments."""
        values: dict[str, Any] = {}

        def kind_of(part: Any) -> Any:
            kind = KINDS.get(type(part))
            if kind is None:
                return part
            values[f"argument_{len(values)}"] = part
            return kind

        arguments = self.arguments
        if self.derive is not None:
            arguments = tuple(self.derive(**dict(arguments)).items())
        shape = tuple((name, mapped(part, kind_of)) for name, part in arguments)
        return query_of(self.statement, columns, shape, viewer.scope, along), values


@lru_cache(maxsize=2000)
def query_of(
    statement: Statement,
    columns: Columns,
    shape: tuple[tuple[str, Hashable], ...],
    scope: tuple[Role, bool],
    along: tuple[Along, ...],
) -> Query:
    """`shape` holds arguments, with the kinds of values in the place of values. Of the rules that
    hide rows and columns, those that are not the role's are false in the text: they cost neither
    planning nor running."""
    number = count()

    def symbol(part: Any) -> Any:
        if isinstance(part, TypeEngine):
            return bindparam(f"argument_{next(number)}", type_=part)
        return part

    read = statement(columns, **{name: mapped(part, symbol) for name, part in shape})
    parts: tuple[Part, ...] = ()
    if along:
        read, parts = joined(read, along)
    gates = opened(*scope)
    personal = depends_on_viewer(read, gates)
    return replace(compiled(read, gates, parts), personal=personal, read=name_of(statement))


def name_of(statement: Statement) -> str:
    return f"{statement.__module__}.{statement.__qualname__}"


def depends_on_viewer(statement: Read, gates: Mapping[str, bool]) -> bool:
    """Whether an open gate stands in it, or who is asking, other than behind a closed gate. What
    does not depend on the viewer is what the anonymous get, for whom every gate is closed."""
    seen: set[int] = set()

    def depends(part: Any) -> bool:
        if id(part) in seen:
            return False
        seen.add(id(part))
        if isinstance(part, BindParameter):
            return part.key in ASKING or gates.get(part.key, False)
        inner = list(part.get_children())
        if getattr(part, "operator", None) is and_ and any(is_closed(each) for each in inner):
            return False
        return any(map(depends, inner))

    def is_closed(part: Any) -> bool:
        if getattr(part, "operator", None) is is_true:
            part = part.element
        return isinstance(part, BindParameter) and gates.get(part.key) is False

    return depends(statement)


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with what is in its tuples and dataclasses changed, always in the same order."""
    kind: Any = type(value)
    if kind is tuple:
        return tuple([mapped(part, change) for part in value])
    if parts := parts_of(kind):
        before = [getattr(value, name) for name in parts]
        after = [mapped(part, change) for part in before]
        changed = any(new is not old for new, old in zip(after, before, strict=True))
        return replace(value, **dict(zip(parts, after, strict=True))) if changed else value
    return change(value)


@cache
def parts_of(kind: type) -> tuple[str, ...]:
    """The fields whose values are bound."""
    if not is_dataclass(kind):
        return ()
    return tuple(
        field.name for field in fields(kind) if not SHAPE.items() <= field.metadata.items()
    )


def one(
    entity: type, derive: Derive | None = None, *, max_age: float | None = None
) -> Callable[[Statement], Batch]:
    """A read with at most one row per key. With a lifetime, the keys are ids, and nothing that it
    reads depends on who is asking: `refuse_rules` makes sure of it."""
    return lambda statement: Batch(statement, entity, many=False, derive=derive, max_age=max_age)


def refuse_rules(batch: Batch, columns: Columns) -> None:
    """Raises TypeError for a read with a lifetime that gives some more than others. `columns` are
    all there are."""
    everything = dict.fromkeys([*PRIVILEGES, *(name for name, *_ in gates())], True)
    if batch.max_age is not None and depends_on_viewer(batch.statement(columns), everything):
        raise TypeError(f"{batch.name} has a lifetime, but what it gives depends on the viewer")


def many(entity: type, derive: Derive | None = None) -> Callable[[Statement], Batch]:
    """A read with a list of rows per key, in the order of the statement."""
    return lambda statement: Batch(statement, entity, many=True, derive=derive)


def value(absent: Any, derive: Derive | None = None) -> Callable[[Statement], Batch]:
    """A read of a single value per key."""
    return lambda statement: Batch(statement, None, many=False, absent=absent, derive=derive)


@dataclass(frozen=True)
class Access:
    """On whose behalf a read is made. Part of a batch's identity: two principals who may see
    different things never share a result, not even within one request."""

    viewer: Viewer

    def __hash__(self) -> int:
        return hash(self.viewer.id)


class Memory:
    """What a request has read with one batch, by key.

    The loader is made when it is needed: most batches are asked once.
    """

    __slots__ = ("known", "loader", "reading")

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.reading: asyncio.Future[None] | None = None
        """Done when what is being read is there: whoever asks meanwhile waits, rather than reading
        the same again."""
        self.loader: DataLoader[str, Any] | None = None


@dataclass
class Reading:
    """One statement on its way."""

    batch: Batch
    query: Query
    keys: Sequence[str]
    """Those not known before, each once."""
    rows: int | None = None
    """How many came of it; None until they are there."""


class Observer(Protocol):
    """Stands around each statement."""

    def __call__(self, reading: Reading, /) -> AbstractContextManager[None]: ...


UNOBSERVED = nullcontext()


def unobserved(_: Reading) -> AbstractContextManager[None]:
    return UNOBSERVED


class Batches:
    """The reads of one request, and the memory of their results.

    They run on the pool, or on one snapshot. `numbers` are settings that statements refer to
    by name.
    """

    observe: Observer
    """Set by whoever runs an operation, to watch all that is read for it."""

    def __init__(
        self,
        source: Source,
        access: Access,
        numbers: Mapping[str, Any] | None = None,
        kept: "KeptRows | None" = None,
    ) -> None:
        self.access = access
        self.tally = Tally()
        self.observe = unobserved
        self.kept = kept
        """Where rows may come from that others have read, if any may."""
        self.personal = False
        """Whether anything that was read depends on who is asking."""
        self.now = clock.now()
        self._source = source
        self._numbers = numbers or {}
        self._memories: dict[Access, dict[tuple[Batch, Columns], Memory]] = {}
        self._loading: set[asyncio.Task[Any]] = set()

    def known(self, batch: Batch, keys: Sequence[str], columns: Columns) -> list[Any] | None:
        """The result of each key, if all of them have been read already."""
        known = self._memory(batch, columns, self.access).known
        try:
            return [known[key] for key in keys]
        except KeyError:
            return None

    def rows(self, batch: Batch, columns: Columns) -> Mapping[str, Any]:
        """What has been read so far, by key."""
        return self._memory(batch, columns, self.access).known

    async def level(
        self,
        batch: Batch,
        keys: Sequence[str],
        columns: Columns,
        access: Access | None = None,
        along: tuple[Along, ...] = (),
    ) -> list[Any]:
        """The result of each key, in their order: one statement for those not yet known, which
        also reads what is to come `along`.

        `access` is the request's own unless the read is for someone else's eyes.
        """
        access = access or self.access
        memory = self._memory(batch, columns, access)
        known = memory.known
        while wanted := [key for key in dict.fromkeys(keys) if key not in known]:
            if memory.reading is not None:
                await asyncio.shield(memory.reading)
                continue
            memory.reading = asyncio.get_running_loop().create_future()
            try:
                if self.kept is None or batch.max_age is None or along:
                    found = await self._read(batch, columns, access, wanted, along)
                else:
                    found = await self._brought(self.kept, batch, columns, access, wanted)
                known.update(found)
            finally:
                memory.reading.set_result(None)
                memory.reading = None
        return [known[key] for key in keys]

    async def load(
        self, batch: Batch, key: str, columns: Columns, access: Access | None = None
    ) -> Any:
        """The same for one key, read together with what others ask for at the time."""
        memory = self._memory(batch, columns, access or self.access)
        if key in memory.known:
            return memory.known[key]
        if memory.loader is None:
            level = partial(self._together, batch, columns=columns, access=access)
            # What is known is kept here; without a cache, no two waiters share a future that
            # one of them might cancel.
            memory.loader = DataLoader(level, cache=False)
        return await memory.loader.load(key)

    async def _together(self, batch: Batch, keys: Sequence[str], **given: Any) -> list[Any]:
        """What a loader reads, in a task of its own."""
        task = asyncio.current_task()
        assert task is not None
        self._loading.add(task)
        try:
            return await self.level(batch, keys, **given)
        finally:
            self._loading.discard(task)

    def give_up(self) -> None:
        """Nobody waits any more for what is being read."""
        for task in self._loading:
            task.cancel()

    def named(self) -> Iterator[str]:
        """The keys that anything was read by, and the ids of the rows that came of it."""
        for memories in self._memories.values():
            for memory in memories.values():
                for key, found in memory.known.items():
                    yield key
                    for row in found if isinstance(found, list) else (found,):
                        if (id := getattr(row, "id", None)) is not None:
                            yield id

    def clear(self) -> None:
        """Forget everything read: a command has changed what is there."""
        self.kept = None
        self._memories.clear()

    def _memory(self, batch: Batch, columns: Columns, access: Access) -> Memory:
        memories = self._memories.setdefault(access, {})
        memory = memories.get((batch, columns))
        if memory is None:
            memory = memories[batch, columns] = Memory()
        return memory

    async def _brought(
        self, kept: "KeptRows", batch: Batch, columns: Columns, access: Access, keys: list[str]
    ) -> dict[str, Any]:
        """What is kept, and what is read to be kept from now on."""
        found = kept.read(batch, keys, columns)
        missing = [key for key in keys if key not in found]
        if missing:
            position = kept.position
            read = await self._read(batch, columns, access, missing)
            kept.write(batch, read, columns, position)
            found |= read
        return found

    async def _read(
        self,
        batch: Batch,
        columns: Columns,
        access: Access,
        keys: list[str],
        along: tuple[Along, ...] = (),
    ) -> dict[str, Any]:
        query, values = batch.query(columns, access.viewer, along)
        if query.personal:
            self.personal = True
        asking = {**access.viewer.parameters, NOW.key: self.now}
        given = {**asking, **self._numbers, **values, "keys": keys}
        reading = Reading(batch, query, keys)
        with self.observe(reading):
            found = await self._source.fetch(query, given, self.tally)
            reading.rows = len(found)
        for part in query.parts:
            memory = self._memory(part.read.batch, part.read.columns, access)
            remember(memory.known, part, found)
        return results(batch, keys, found, query.parts[0].start if query.parts else None)


def remember(known: dict[str, Any], part: Part, found: Sequence[Record]) -> None:
    """The rows that came along, by the keys they would have been read by."""
    by, start, end = part.by, part.start, part.end
    assert part.read.batch.entity is not None
    make = row_type(part.read.batch.entity, part.names)
    for row in found:
        key = row[by]
        if key is not None and key not in known:
            known[key] = None if row[start] is None else make(*row[start + 1 : end])


def results(
    batch: Batch, keys: Sequence[str], found: Sequence[Record], end: int | None = None
) -> dict[str, Any]:
    """By key, of records that start with the key and hold the row up to `end`."""
    if batch.entity is None:
        return dict.fromkeys(keys, batch.absent) | {row[0]: row[1] for row in found}
    lists: dict[str, list[Any]] = {key: [] for key in keys} if batch.many else {}
    if not found:
        return lists or dict.fromkeys(keys)
    make = row_type(batch.entity, tuple(found[0].keys())[1:end])
    if batch.many:
        for row in found:
            lists[row[0]].append(make(*row[1:end]))
        return lists
    return dict.fromkeys(keys) | {row[0]: make(*row[1:end]) for row in found}
