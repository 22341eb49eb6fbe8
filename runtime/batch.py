"""Batched reads: one statement for every key asked for together.

A loader builds a statement, from the columns wanted and its own arguments: a `Select` whose
first column is the key, with the keys bound as one array (`KEYS`). Marked `@one`, `@many` or
`@value` it is a `Batch`; `Batches` runs it, once per request and key.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from aiodataloader import DataLoader
from sqlalchemy import ARRAY, Select, Text, bindparam

from runtime.database import Database, Tally
from runtime.rows import row_type
from runtime.viewer import Viewer

KEYS = bindparam("keys", type_=ARRAY(Text(collation="C")))
"""The keys of a batch, in statements."""
IDENTIFIER = Text(collation="C")
# Who is asking, in the row rules of statements; null or empty where it does not apply.
VIEWER = bindparam("viewer_id", type_=IDENTIFIER)
DISTRICTS = bindparam("viewer_districts", type_=ARRAY(IDENTIFIER))
PROVIDER = bindparam("viewer_provider", type_=IDENTIFIER)
DEPARTMENT = bindparam("viewer_department", type_=IDENTIFIER)
PURPOSES = bindparam("viewer_purposes", type_=ARRAY(IDENTIFIER))

ROOT = ""
"""The one key of a batch that hangs below no row."""

Columns = tuple[str, ...]
Read: TypeAlias = Select[*tuple[Any, ...]]
Statement = Callable[..., Read]


@dataclass(frozen=True)
class Batch:
    """A read, with its arguments; equal batches share their statement and their results.

    A missing key gives None, the empty list or `absent`, by the kind of read.
    """

    statement: Statement
    entity: type | None
    many: bool
    absent: Any = None
    arguments: tuple[tuple[str, Hashable], ...] = ()

    def __call__(self, **arguments: Hashable) -> "Batch":
        return replace(self, arguments=tuple(sorted(arguments.items())))

    def select(self, columns: Columns) -> Read:
        return self.statement(columns, **dict(self.arguments))


def one(entity: type) -> Callable[[Statement], Batch]:
    """A read with at most one row per key."""
    return lambda statement: Batch(statement, entity, many=False)


def many(entity: type) -> Callable[[Statement], Batch]:
    """A read with a list of rows per key, in the order of the statement."""
    return lambda statement: Batch(statement, entity, many=True)


def value(absent: Any) -> Callable[[Statement], Batch]:
    """A read of a single value per key."""
    return lambda statement: Batch(statement, None, many=False, absent=absent)


@dataclass(frozen=True)
class Access:
    """On whose behalf a read is made. Part of a batch's identity: two principals who may see
    different things never share a result, not even within one request."""

    viewer: Viewer


class Memory:
    """What a request has read with one batch, by key."""

    def __init__(self, loader: DataLoader[str, Any]) -> None:
        self.known: dict[str, Any] = {}
        self.reading = asyncio.Lock()
        """Whoever asks for the same while it is read waits rather than reading it again."""
        self.loader = loader


class Batches:
    """The reads of one request, and the memory of their results.

    `numbers` are settings that statements refer to by name.
    """

    def __init__(
        self, database: Database, access: Access, numbers: Mapping[str, Any] | None = None
    ) -> None:
        self.access = access
        self.tally = Tally()
        self._database = database
        self._numbers = numbers or {}
        self._memories: dict[tuple[Batch, Columns, Access], Memory] = {}

    async def level(
        self, batch: Batch, keys: Sequence[str], columns: Columns, access: Access | None = None
    ) -> list[Any]:
        """The result of each key, in their order: one statement for those not yet known.

        `access` is the request's own unless the read is for someone else's eyes.
        """
        memory = self._memory(batch, columns, access or self.access)
        known = memory.known
        if not known.keys() >= set(keys):
            async with memory.reading:
                wanted = [key for key in dict.fromkeys(keys) if key not in known]
                if wanted:
                    known.update(await self._read(batch, columns, access or self.access, wanted))
        return [known[key] for key in keys]

    async def load(
        self, batch: Batch, key: str, columns: Columns, access: Access | None = None
    ) -> Any:
        """The same for one key, read together with what others ask for at the time."""
        memory = self._memory(batch, columns, access or self.access)
        if key in memory.known:
            return memory.known[key]
        return await memory.loader.load(key)

    def clear(self) -> None:
        """Forget everything read: a command has changed what is there."""
        self._memories.clear()

    def _memory(self, batch: Batch, columns: Columns, access: Access) -> Memory:
        identity = (batch, columns, access)
        memory = self._memories.get(identity)
        if memory is None:
            level = partial(self.level, batch, columns=columns, access=access)
            # What is known is kept here; without a cache, no two waiters share a future that
            # one of them might cancel.
            memory = self._memories[identity] = Memory(DataLoader(level, cache=False))
        return memory

    async def _read(
        self, batch: Batch, columns: Columns, access: Access, keys: list[str]
    ) -> dict[str, Any]:
        found = await self._database.rows(
            batch.select(columns),
            {"keys": keys, **access.viewer.parameters, **self._numbers},
            self.tally,
        )
        if batch.entity is None:
            return dict.fromkeys(keys, batch.absent) | {row[0]: row[1] for row in found}
        if not found:
            return {key: [] if batch.many else None for key in keys}
        make = row_type(batch.entity, tuple(map(str, found[0]._fields[1:])))
        if batch.many:
            lists: dict[str, list[Any]] = {key: [] for key in keys}
            for row in found:
                lists[row[0]].append(make(*row[1:]))
            return lists
        return dict.fromkeys(keys) | {row[0]: make(*row[1:]) for row in found}
