"""Answers that may be kept for a while: for all who get the same, until something in them changes.

docs/caching.md says what is kept, for whom and for how long. An answer is kept in this process,
and in Redis where there is one: as bytes, with the ids of all it shows and the position of the
change log that had been followed to before it was read (`runtime.recent` says why that is enough,
wherever it was read).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TypeAlias

import msgspec

from edge.negotiation import Answer, Manner
from engine.engine import Operation, Planned
from runtime import clock
from runtime.kept import Count, uncounted
from runtime.language import Language
from runtime.process import Process
from runtime.recent import Recent
from runtime.settings import Settings
from runtime.store import Bounded, Store, store_of
from runtime.viewer import Viewer

KEPT = "answers:"
"""What is in Redis of them."""
TURN_SECONDS = 1.0
"""How long one process may be the one that has an operation run."""
WAIT_SECONDS = 0.2
"""How long another waits for what comes of it, before it runs it as well."""
LOOK_SECONDS = 0.02
OVERHEAD = 400
"""Bytes, about, that it takes to keep an answer of no length; and for each id in it:"""
OVERHEAD_OF_ID = 80
IDLE = frozenset(("persistedQuery",))
"""Extensions of a request that are not seen in its answer."""

Key: TypeAlias = tuple[str, str | None, str, str, str]


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of running an operation."""

    answer: Answer
    seconds: float
    """For how long it may be kept; 0 for not at all."""
    ids: frozenset[str]
    """Of all that it shows."""


class Kept(msgspec.Struct, array_like=True):
    body: bytes
    until: float
    """In seconds of the epoch: other machines read it."""
    position: int
    """Up to where the log has been followed without a change to it."""
    ids: frozenset[str]


ENCODE = msgspec.msgpack.Encoder().encode
DECODE = msgspec.msgpack.Decoder(Kept).decode


class Answers:
    def __init__(
        self,
        limit: int,
        recent: Recent,
        shared: Store | None = None,
        clock: Callable[[], float] = clock.timestamp,
        count: Count = uncounted,
    ) -> None:
        """At most `limit` bytes in this process; and as much as there is room for in what it has
        `shared` with others. `count` is told how many were found, and how many were not."""
        self._count = count
        self._held = Bounded[Kept](limit, clock)
        self._recent = recent
        self._shared = shared
        self._clock = clock
        self.told = 0
        """How many answers were given that had been kept."""
        self.runs = 0
        """How often an operation was run whose answer may be kept."""
        self._coming: dict[Key, asyncio.Future[Kept | None]] = {}
        """What is being run in this process: whoever asks the same waits for it."""

    @property
    def size(self) -> int:
        """In bytes."""
        return self._held.size

    async def answer(self, key: Key, manner: Manner, run: Callable[[], Awaitable[Ran]]) -> Answer:
        """What is kept, or else what comes of the `run`."""
        kept = self._known(key)
        if kept is None:
            coming = self._coming.get(key)
            if coming is None:
                return await self._bring(key, manner, run)
            # Shielded, or whoever gives up would take it from all others.
            kept = await asyncio.shield(coming)
            if kept is None or not self._stands(kept):
                self._note_run()
                return (await run()).answer
        return self._told(kept, manner)

    def _known(self, key: Key) -> Kept | None:
        kept = self._held.read(key)
        if kept is None or self._stands(kept):
            return kept
        self._held.drop(key)
        return None

    def _stands(self, kept: Kept) -> bool:
        if not self._recent.stands(kept.ids, kept.position):
            return False
        kept.position = max(kept.position, self._recent.position)
        return True

    def _told(self, kept: Kept, manner: Manner) -> Answer:
        self.told += 1
        self._count(1, 0)
        return manner.encoded(kept.body, caching=public(kept.until - self._clock()))

    async def _bring(self, key: Key, manner: Manner, run: Callable[[], Awaitable[Ran]]) -> Answer:
        coming = self._coming[key] = asyncio.get_running_loop().create_future()
        kept = None
        try:
            if self._shared is None:
                ran, kept = await self._run(key, run)
                return ran.answer
            name = named(key)
            turn = f"{name}:turn"
            kept = await self._elsewhere(key, self._shared, name, turn)
            if kept is not None:
                return self._told(kept, manner)
            ran, kept = await self._run(key, run)
            if kept is not None:
                await self._shared.write({name: ENCODE(kept)}, ran.seconds)
            # In this order: whoever waits for the turn looks for the answer afterwards.
            await self._shared.drop([turn])
            return ran.answer
        finally:
            del self._coming[key]
            coming.set_result(kept)

    async def _run(self, key: Key, run: Callable[[], Awaitable[Ran]]) -> tuple[Ran, Kept | None]:
        # Before anything is read: what changes from here on may not be in the answer.
        position, started = self._recent.position, self._clock()
        self._note_run()
        ran = await run()
        if not ran.seconds:
            return ran, None
        kept = Kept(ran.answer.body, started + ran.seconds, position, ran.ids)
        return ran, kept if self._keep(key, kept) else None

    def _note_run(self) -> None:
        self.runs += 1
        self._count(0, 1)

    def _keep(self, key: Key, kept: Kept) -> bool:
        left = kept.until - self._clock()
        if left <= 0 or not self._stands(kept):
            return False
        size = OVERHEAD + len(kept.body) + len(key[2]) + OVERHEAD_OF_ID * len(kept.ids)
        self._held.write(key, kept, size, left)
        return True

    async def _elsewhere(self, key: Key, shared: Store, name: str, turn: str) -> Kept | None:
        """What another process keeps, or is about to; None if it is our turn to have it run."""
        mine = secrets.token_bytes(8)
        (found,) = await shared.read([name])
        if found is None and (await shared.agree({turn: (mine, TURN_SECONDS)}))[turn] != mine:
            for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
                await asyncio.sleep(LOOK_SECONDS)
                # In this order: whoever has written gives up the turn afterwards.
                (others,) = await shared.read([turn])
                (found,) = await shared.read([name])
                if found is not None or others is None:
                    break
        if found is None:
            return None
        kept: Kept = DECODE(found)
        return kept if self._keep(key, kept) else None


def public(seconds: float) -> bytes:
    """Others on the way may keep it, for as long as it may still be kept here: so nobody's answer
    is older than its fields say. Who says who they are has an answer to themselves (`Vary`)."""
    return b"public, max-age=%d" % max(0, seconds)


def key_of(operation: Operation, planned: Planned, viewer: Viewer, language: Language) -> Key:
    """All that an answer depends on, beside what is the same for all of a process: what is asked,
    and what the viewer's role may see. Not who they are: of whom that is so, nothing is kept."""
    variables = repr(planned.variables.coerced)
    return operation.hash, operation.name, variables, language.value, viewer.role.value


def named(key: Key) -> str:
    return blake2b(repr(key).encode(), digest_size=16).hexdigest()


def release_of(text: str, settings: Settings) -> str:
    """Whoever serves another schema, or the same by other settings, answers otherwise."""
    alike = replace(settings, host="", port=0, pool_size=0)
    return blake2b(f"{text}\0{alike}".encode(), digest_size=8).hexdigest()


def answers_of(process: Process, recent: Recent, text: str, count: Count = uncounted) -> Answers:
    """For operations over the schema of that text."""
    settings, shared = process.settings, None
    if process.redis is not None:
        prefix = f"{KEPT}{release_of(text, settings)}:"
        shared = store_of(process.redis, prefix, settings.response_cache_bytes)
    return Answers(settings.response_cache_bytes, recent, shared, count=count)


@asynccontextmanager
async def following(process: Process) -> AsyncIterator[Recent]:
    """What has changed lately, followed as long as the block lasts: by every process for itself."""
    changes = await process.feed.listen()
    recent = Recent(process.feed.position)

    async def note_all() -> None:
        async for change in changes:
            recent.note(change)

    task = asyncio.create_task(note_all())
    try:
        yield recent
    finally:
        changes.close()
        await task
