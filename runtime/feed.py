"""The log of changes as it grows, for whoever listens in this process: one reader for all.

Positions are what nothing is lost by: a listener is handed every change after the position it
begins at, in their order. What wakes the reader early may be lost; it looks again by itself.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import structlog
from sqlalchemy import BigInteger, DateTime, Text, bindparam, column, func, select, table
from sqlalchemy.dialects.postgresql import JSONB

from runtime.database import Database
from runtime.faults import is_outage
from runtime.reads import Tally, compiled

if TYPE_CHECKING:
    from runtime.redis import SharedRedis

log = structlog.get_logger()

CHANNEL = "change_log"
"""Where it is said that there are new changes, in Redis and in PostgreSQL."""
POLL_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
BATCH = 500
RECENT = 5_000
"""How many changes are kept for those who come back: all of them at once read nothing."""
AHEAD = 100
"""How many changes may wait for one listener. Who is slower reads them again, from the log."""
EVERYTHING = ""

LOG = table(
    "change_log",
    column("position", BigInteger),
    column("event", Text),
    column("subject_id", Text),
    column("facts", JSONB),
    column("happened_at", DateTime(timezone=True)),
    column("tag", Text),
)
LAST = select(func.coalesce(func.max(LOG.c.position), 0)).scalar_subquery()
LATEST = compiled(select(LAST))
AT = compiled(select(LOG.c.tag).where(LOG.c.position == bindparam("position", type_=BigInteger)))
FOLLOWING = compiled(
    select(LOG)
    .where(LOG.c.position > bindparam("after", type_=BigInteger))
    .order_by(LOG.c.position)
    .limit(BATCH)
)


@dataclass(frozen=True)
class Change:
    position: int
    event: str
    subject_id: str
    facts: dict[str, Any]
    happened_at: datetime
    tag: str | None = None
    """Of the position: another change that has it after a backup was restored has another."""

    @property
    def topics(self) -> Iterator[str]:
        """What it can be listened for by: its event, its subject, and whatever its facts name."""
        yield from (EVERYTHING, self.event, self.subject_id)
        for fact in self.facts.values():
            if isinstance(fact, str):
                yield fact


class Listener(AsyncIterator[Change]):
    """The changes on its topics, from a position on, until it is closed."""

    def __init__(self, feed: "Feed", topics: frozenset[str], position: int) -> None:
        self.topics = topics
        self._feed = feed
        self._ahead: deque[Change] = deque()
        self._position = position
        """What is not after it is known to whoever listens."""
        self._behind = position < feed.position
        self._closed = False
        self._called = asyncio.Event()

    async def __anext__(self) -> Change:
        while not self._closed:
            if self._ahead:
                return self._ahead.popleft()
            if self._behind:
                await self._catch_up()
                continue
            self._called.clear()
            await self._called.wait()
        raise StopAsyncIteration

    def offer(self, change: Change) -> None:
        if self._behind or change.position <= self._position:
            return
        if len(self._ahead) == AHEAD:
            self._behind, self._position = True, self._ahead[-1].position
            return
        self._ahead.append(change)
        self._called.set()

    def latest(self) -> Change | None:
        """The last of those that are waiting; the others are dropped."""
        latest = self._ahead[-1] if self._ahead else None
        self._ahead.clear()
        return latest

    def close(self) -> None:
        """What has been taken stands; nothing more comes."""
        if not self._closed:
            self._closed = True
            self._called.set()
            self._feed.dismiss(self)

    async def aclose(self) -> None:
        self.close()

    async def _catch_up(self) -> None:
        while self._position < self._feed.oldest and not self._ahead:
            for change in await self._feed.after(self._position):
                self._position = change.position
                self._search(change)
        if self._ahead:
            return
        # Nothing is awaited from here on: what is handed on next is what follows.
        for change in self._feed.recent:
            if change.position > self._position:
                self._search(change)
        self._behind = False

    def _search(self, change: Change) -> None:
        if not self.topics.isdisjoint(change.topics):
            self._ahead.append(change)


T = TypeVar("T")


class Events(AsyncIterator[T], Generic[T]):
    """What changes mean to somebody: nothing, where `event_of` gives None."""

    def __init__(
        self, listener: Listener, event_of: Callable[[Change], Awaitable[T | None]]
    ) -> None:
        self._listener = listener
        self._event_of = event_of

    async def __anext__(self) -> T:
        while True:
            event = await self._event_of(await anext(self._listener))
            if event is not None:
                return event

    async def aclose(self) -> None:
        self._listener.close()


class Feed:
    """Reads the log as long as anybody listens."""

    def __init__(self, database: Database, redis: "SharedRedis | None") -> None:
        self.position = 0
        """Of the last change that was handed on."""
        self.recent: deque[Change] = deque(maxlen=RECENT)
        self._database = database
        self._redis = redis
        self._listeners: dict[str, set[Listener]] = {}
        self._listening = 0
        self._reading: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._woken = asyncio.Event()

    @property
    def oldest(self) -> int:
        """The position after which all that follows is at hand."""
        return self.recent[0].position - 1 if self.recent else self.position

    async def listen(self, *topics: str, after: int | None = None) -> Listener:
        """From now on, or from what follows a position on; for everything, without topics. To be
        closed."""
        self._listening += 1
        try:
            async with self._beginning:
                if self._reading is None or self._reading.done():
                    await self._begin()
        except BaseException:
            self._listening -= 1
            raise
        chosen = frozenset(topics or [EVERYTHING])
        listener = Listener(self, chosen, self.position if after is None else after)
        for topic in chosen:
            self._listeners.setdefault(topic, set()).add(listener)
        return listener

    def dismiss(self, listener: Listener) -> None:
        for topic in listener.topics:
            self._listeners[topic].discard(listener)
            if not self._listeners[topic]:
                del self._listeners[topic]
        self._listening -= 1

    async def latest(self) -> int:
        """The position of the latest change there is."""
        ((latest,),) = await self._database.reads.fetch(LATEST, {}, Tally())
        return int(latest)

    async def is_there(self, position: int, tag: str) -> bool:
        """Whether the log has a change there with that tag; or none was, for 0."""
        rows = await self._database.reads.fetch(AT, {"position": position}, Tally())
        return [(found or "") for (found,) in rows] == [tag] or (position == 0 and not tag)

    async def after(self, position: int) -> list[Change]:
        """What comes next, a batch of it."""
        rows = await self._database.reads.fetch(FOLLOWING, {"after": position}, Tally())
        return [Change(*row) for row in rows]

    async def close(self) -> None:
        """Once nobody listens any more."""
        self._woken.set()
        for task in (self._reading, self._hearing):
            if task is not None:
                await asyncio.wait([task])

    async def _begin(self) -> None:
        """Where the last reader has ended, unless that is out of reach."""
        latest = await self.latest()
        if not latest - RECENT <= self.position <= latest:
            self.recent.clear()
            self.position = max(0, latest - RECENT)
        while self.position < latest:
            self._take(await self.after(self.position))
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Until it has looked once more and nobody listens: who leaves may be back at once, as
        pages are that React mounts twice."""
        self._hearing = asyncio.create_task(self._hear())
        failures = 0
        while True:
            try:
                changes = await self.after(self.position)
                failures = 0
            except Exception as error:
                failures += 1
                log.error("feed", error=repr(error), exc_info=not is_outage(error))
                changes = []
            self._take(changes)
            if len(changes) < BATCH:
                await self._pause(failures)
            if not self._listening:
                break
        # Nothing is awaited any more: who begins to listen meanwhile would have no reader.
        self._hearing.cancel()

    def _take(self, changes: list[Change]) -> None:
        for change in changes:
            self.recent.append(change)
            self.position = change.position
            called: set[Listener] = set()
            for topic in change.topics:
                called |= self._listeners.get(topic, set())
            for listener in called:
                listener.offer(change)

    async def _pause(self, failures: int) -> None:
        try:
            async with asyncio.timeout(min(POLL_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS)):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _hear(self) -> None:
        """Wakes the reader when there is something new; where nothing can be heard, it looks by
        itself."""
        while True:
            try:
                if self._redis is not None:
                    async for _ in self._redis.heard(CHANNEL):
                        self._woken.set()
                else:
                    await self._database.reads.heard(CHANNEL, self._woken.set)
            except Exception as error:
                log.warning("feed", deaf=repr(error))
            await asyncio.sleep(LONGEST_PAUSE_SECONDS)
