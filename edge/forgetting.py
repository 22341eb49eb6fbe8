"""What partners said of an entity is forgotten when something happens to it here."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from federation.cache import EntityCache
from runtime.background import repeat
from runtime.changes import after, last
from runtime.process import Process

KindOf = Callable[[str], str | None]
"""The type of an entity by its id; None for what is none."""


@asynccontextmanager
async def forgetting(process: Process, cache: EntityCache, kind_of: KindOf) -> AsyncIterator[None]:
    """As long as the block lasts. Every process follows the log for itself and from now on, for
    each may keep something of its own; so the log need not know who does."""
    position = await last(process)

    async def step(_: int) -> int:
        nonlocal position
        changes = await after(process, position)
        for change in changes:
            kind = kind_of(change.subject_id)
            if kind is not None:
                await cache.forget(kind, {"id": change.subject_id})
            position = change.position
        return len(changes)

    stop = asyncio.Event()
    task = asyncio.create_task(repeat("partners' cache", step, stop))
    try:
        yield
    finally:
        stop.set()
        await task
