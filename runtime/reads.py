"""The way of reads to PostgreSQL: compiled once, then run on connections of their own."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import asyncpg
import orjson
import structlog
from sqlalchemy import Select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import cloned_traverse

from runtime.along import Part
from runtime.bounds import USUAL, Bounds, bind
from runtime.faults import Displaced, TooSlow
from runtime.turns import Turns, Waiter

log = structlog.get_logger()

# As engines have it, with its driver.
DIALECT: Any = create_async_engine("postgresql+asyncpg://").dialect
FREE: Any = object()
"""Stands for a value that comes with each request."""

Statement: TypeAlias = Select[*tuple[Any, ...]]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Place: TypeAlias = "Connection | None"
"""For one of the connections that there may be; None until it is opened."""
Record: TypeAlias = asyncpg.Record

ANSWERS = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a connection raises and is still in order, unless it is one of these:"""
SEVERED = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
)
GIVEN_UP = (asyncio.CancelledError, TooSlow, Displaced)
STALE = (*SEVERED, asyncpg.OutdatedSchemaCacheError, asyncpg.InternalClientError)
"""The last is what the driver says where the end of a connection came between two of its steps."""

TURN_SECONDS = 1.0
END_SECONDS = 2.0
"""How long the server may take to end what it is told to."""


@dataclass
class Tally:
    """What one request has sent to the database so far."""

    owner: str = ""
    """On whose account it reads where others wait; empty for the gateway itself."""
    statements: int = 0
    rows: int = 0
    """That came of reads."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Query:
    """A statement as the driver takes it."""

    sql: str
    template: tuple[Any, ...]
    """The values of its parameters; those that are not part of the statement are FREE."""
    free: tuple[tuple[int, str], ...]
    """The places in `template` to be filled, and by what name."""
    parts: tuple[Part, ...] = ()
    """What comes along with each row."""
    personal: bool = False
    """Whether what it gives depends on who is asking."""
    read: str = ""
    """The name of the loader that it is of, if it is of one."""

    @property
    def kind(self) -> str:
        """What it is known by as slow. A loader has as many statements as clients can think of."""
        return self.read or self.sql

    def bound(self, given: Mapping[str, Any]) -> list[Any]:
        """The values of all parameters; `given` may hold more than it takes."""
        values = list(self.template)
        for place, name in self.free:
            values[place] = given[name]
        return values


def compiled(
    statement: Statement,
    known: Mapping[str, bool] = MappingProxyType({}),
    parts: tuple[Part, ...] = (),
) -> Query:
    """The statement, with its `bindparam`s that have no value left free, but for those `known`.

    What is given for those goes to the driver as it is, and rows come as the driver makes
    them: its types are those of our columns, so there is nothing to convert.
    """
    text = DIALECT.statement_compiler(DIALECT, with_constants(statement, known))
    assert isinstance(text, SQLCompiler)
    expanded = text.construct_expanded_state(
        {bind.key: FREE for bind in text.binds.values() if bind.required}
    )
    names = expanded.positiontup or []

    def constant(name: str) -> Any:
        value, process = expanded.parameters[name], expanded.processors.get(name)
        return value if value is FREE or process is None else process(value)

    template = tuple(map(constant, names))
    free = tuple((i, name) for i, name in enumerate(names) if template[i] is FREE)
    return Query(expanded.statement, template, free, parts)


CONSTANTS = (str, int, float)
"""Of these a constant is written into the text, and so is what stands in an IN."""


def with_constants(statement: Statement, known: Mapping[str, bool]) -> Statement:
    """The statement with the values that belong to it in its text, rather than bound.

    PostgreSQL plans a prepared statement for any values there may be, if that seems to cost no
    more. Not told that only active workers are asked for, or twenty of them, it would plan to
    read a tenth of a table, and could not use an index of those rows alone.
    """

    def written(element: Any) -> None:
        if element.key in known:
            element.value, element.required = known[element.key], False
        if not element.required and (element.expanding or isinstance(element.value, CONSTANTS)):
            element.literal_execute = True

    return cloned_traverse(statement, {}, {"bindparam": written})


class Source(Protocol):
    """What reads can be run on."""

    async def fetch(self, query: Query, given: Mapping[str, Any], tally: Tally) -> list[Record]: ...


class Reads:
    """A pool, for statements that run one by one outside any transaction.

    The connection used last is used first: what it has prepared is warm, here and in the
    server. Connections are opened when they are needed, up to `size`. Where all are in use,
    whoever waits is handed the next one done with: owners take turns (`Tally.owner`), so however
    much one of them asks for, another waits for one read of each only.

    Slow reads do not starve others. Who has waited for `TURN_SECONDS` takes the place of a read
    that has run for as long, the longest of the owner who holds most, but never of one who holds
    less than they do. While a read runs so long, the same owner's others of its kind wait behind
    all that do not; where it does for two owners, everybody's do.
    """

    def __init__(self, url: str, *, size: int, patience: float, bounds: Bounds = USUAL) -> None:
        """`patience` is in seconds, for a connection or a turn on one."""
        _, self._address = DIALECT.create_connect_args(make_url(url))
        self._bounds = bounds
        self._seconds = bounds.statement or None
        self._patience = patience
        self._size = size
        self._idle: list[Place] = [None] * size
        """The one used last at the end."""
        self._waiting: Turns[Place] = Turns()
        """While anybody waits, none is idle."""
        self._running: dict[asyncio.Timeout, tuple[float, Query, Tally]] = {}
        """When each read began, and for whom, by what is to end it; the longest first."""
        self._slow: dict[str, set[str]] = {}
        """Of the kinds of reads that ran long when that was last looked at, the owners."""
        self._looking: asyncio.TimerHandle | None = None
        """While anybody waits."""
        self._closing: set[asyncio.Task[None]] = set()

    async def fetch(self, query: Query, given: Mapping[str, Any], tally: Tally) -> list[Record]:
        values = query.bound(given)
        # Every read takes this way: it is what `_lent` does, written out for what that costs.
        connection = self._idle.pop() if self._idle else await self._turn(query.kind, tally.owner)
        if connection is None or connection.is_closed():
            connection = await self._new()
        try:
            rows = await self._run(connection, query, values, tally)
        except BaseException as error:
            if not is_stale(connection, error):
                self._take_back(connection, error)
                raise
            self._drop(connection)
        else:
            self._pass_on(connection)
            return rows
        # The server was restarted, or a migration changed what the connection knew of it; so it
        # may be with all that are idle. Reading again does no harm.
        self._drop_idle()
        async with self._lent(None) as opened:
            return await self._run(opened, query, values, tally)

    async def _run(
        self, connection: Connection, query: Query, values: list[Any], tally: Tally
    ) -> list[Record]:
        """Raises TooSlow and Displaced. PostgreSQL has the same bound, but not behind a pooler."""
        ending = asyncio.timeout(self._seconds)
        try:
            async with ending:
                self._running[ending] = asyncio.get_running_loop().time(), query, tally
                return await run(connection, query, values, tally)
        except TimeoutError:
            if not ending.expired():
                raise
            if ending not in self._running:
                raise Displaced from None
            raise TooSlow(self._bounds.statement) from None
        finally:
            self._running.pop(ending, None)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Snapshot"]:
        """A connection of the pool, on which everything stays as it was at the first read."""
        place = self._idle.pop() if self._idle else await self._turn()
        async with (
            self._lent(place) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield Snapshot(connection)

    def states(self) -> dict[str, int]:
        """How many connections are in use, how many could be, and who waits for one."""
        idle = len(self._idle)
        return {"idle": idle, "in use": self._size - idle, "waited for": len(self._waiting)}

    async def heard(self, channel: str, call: Callable[[], None]) -> None:
        """Calls whenever somebody notifies the channel, on a connection of its own, for as long as
        that lasts."""
        connection = await self._open()
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(channel, lambda *_: call())
            await lost.wait()
        finally:
            await close(connection)

    async def close(self) -> None:
        await asyncio.gather(*self._closing)
        self._drop_idle()
        await asyncio.gather(*self._closing)

    async def _turn(self, kind: str = "", owner: str = "") -> Place:
        """What the next who is done passes on. TimeoutError, if that takes too long."""
        loop = asyncio.get_running_loop()
        waiter: Waiter[Place] = Waiter(loop.time(), owner, kind, loop.create_future())
        self._waiting.add(waiter)
        if self._looking is None:
            self._looking = loop.call_later(TURN_SECONDS, self._look)
        try:
            async with asyncio.timeout(self._patience):
                return await waiter.place
        except BaseException:
            self._waiting.remove(waiter)
            if not waiter.place.cancel() and not waiter.place.cancelled():
                # It was handed over just as we gave up.
                self._pass_on(waiter.place.result())
            raise

    def _look(self) -> None:
        """Ends a read for who has waited long enough for its place; looks again as long as anybody
        waits. One at a time: the others wait for a moment only, once a place is free of slow ones.
        """
        loop = asyncio.get_running_loop()
        due = loop.time() - TURN_SECONDS
        long = {ending: of for ending, of in self._running.items() if of[0] <= due}
        self._slow = {}
        for _, query, tally in long.values():
            self._slow.setdefault(query.kind, set()).add(tally.owner)
        if long:
            self._displace(long, [w for w in self._waiting if w.since <= due])
        self._looking = None
        if self._waiting:
            self._looking = loop.call_later(TURN_SECONDS / 4, self._look)

    def _displace(
        self, long: Mapping[asyncio.Timeout, tuple[float, Query, Tally]], due: list[Waiter[Place]]
    ) -> None:
        held = Counter(tally.owner for _, _, tally in self._running.values())
        # The first of those that are equal has run longest.
        ending = max(long, key=lambda each: held[long[each][2].owner])
        most = held[long[ending][2].owner]
        if any(held[waiter.owner] <= most for waiter in due):
            # In this order: what is not among the running any more was ended for others.
            del self._running[ending]
            ending.reschedule(asyncio.get_running_loop().time())
            log.warning("displaced", waiting=len(self._waiting))

    def _is_last(self, waiter: Waiter[Place]) -> bool:
        """Whether it asks for what is slow, for its owner or for several."""
        owners = self._slow.get(waiter.kind, ())
        return waiter.owner in owners or len(owners) > 1

    def _pass_on(self, connection: Place) -> None:
        waiter = self._waiting.take(self._is_last if self._slow else None)
        if waiter is not None:
            waiter.place.set_result(connection)
            return
        self._slow.clear()
        if connection is None:
            self._idle.insert(0, None)
        else:
            self._idle.append(connection)

    def _take_back(self, connection: Connection, error: BaseException) -> None:
        """Kept, unless it broke."""
        if isinstance(error, ANSWERS) and not isinstance(error, SEVERED):
            self._pass_on(connection)
        elif isinstance(error, GIVEN_UP):
            self._see_to(self._ended(connection))
        else:
            self._drop(connection)
            self._pass_on(None)

    async def _ended(self, connection: Connection) -> None:
        """The driver has told the server to end what was given up. Until it has, its place is
        taken: so there are never more statements under way than connections."""
        try:
            async with asyncio.timeout(END_SECONDS):
                await connection.execute("SELECT 1")
        except Exception:
            await close(connection)
            self._pass_on(None)
        else:
            self._pass_on(connection)

    @asynccontextmanager
    async def _lent(self, connection: Place) -> AsyncIterator[Connection]:
        if connection is None or connection.is_closed():
            connection = await self._new()
        try:
            yield connection
        except BaseException as error:
            self._take_back(connection, error)
            raise
        self._pass_on(connection)

    async def _new(self) -> Connection:
        """In a place that is ours. Who gives up meanwhile leaves it to others: the driver cannot be
        cut off while it opens one without leaving something lying about."""
        opening = asyncio.create_task(self._open())
        try:
            return await asyncio.shield(opening)
        except BaseException:
            self._see_to(self._left(opening))
            raise

    async def _left(self, opening: asyncio.Task[Connection]) -> None:
        try:
            connection = await opening
        except Exception:
            self._pass_on(None)
        else:
            self._pass_on(connection)

    async def _open(self) -> Connection:
        connection: Connection = await asyncpg.connect(
            **self._address,
            timeout=self._patience,
            # The driver keeps statements prepared, the latest used of them, however long.
            statement_cache_size=500,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
        )
        try:
            await bind(connection, self._bounds)
            for name in ("json", "jsonb"):
                await connection.set_type_codec(
                    name, schema="pg_catalog", encoder=encode, decoder=orjson.loads
                )
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _drop_idle(self) -> None:
        for connection in self._idle:
            self._drop(connection)
        self._idle = [None] * len(self._idle)

    def _drop(self, connection: Place) -> None:
        if connection is not None:
            self._see_to(close(connection))

    def _see_to(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class Snapshot:
    """One connection in a transaction that only reads; reads wait for each other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def fetch(self, query: Query, given: Mapping[str, Any], tally: Tally) -> list[Record]:
        async with self._turn:
            return await run(self._connection, query, query.bound(given), tally)


async def run(
    connection: Connection, query: Query, values: list[Any], tally: Tally
) -> list[Record]:
    tally.statements += 1
    started = time.perf_counter()
    try:
        found = await connection.fetch(query.sql, *values)
        tally.rows += len(found)
        return found
    finally:
        tally.seconds += time.perf_counter() - started


def is_stale(connection: Connection, error: BaseException) -> bool:
    if isinstance(error, asyncpg.InterfaceError):
        # What the driver says when it saw the connection go between two messages.
        return connection.is_closed()
    return isinstance(error, STALE)


async def close(connection: Connection) -> None:
    """Cancels what the server is still doing for us first."""
    with suppress(Exception):
        await connection.close(timeout=END_SECONDS)


def encode(value: Any) -> str:
    return orjson.dumps(value).decode()
