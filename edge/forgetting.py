"""What partners said of an entity is forgotten when something happens to it here."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from federation.cache import EntityCache
from runtime.background import insist
from runtime.feed import Change
from runtime.process import Process

KindOf = Callable[[str], str | None]
"""The type of an entity by its id; None for what is none."""


@asynccontextmanager
async def forgetting(process: Process, cache: EntityCache, kind_of: KindOf) -> AsyncIterator[None]:
    """As long as the block lasts. Every process listens for itself and from now on, for each may
    keep something of its own; so the log need not know who does."""
    changes, stop = await process.feed.listen(), asyncio.Event()

    async def forget(change: Change, _: int) -> None:
        kind = kind_of(change.subject_id)
        if kind is not None:
            await cache.forget(kind, {"id": change.subject_id})

    async def forget_all() -> None:
        async for change in changes:
            await insist("partners' cache", partial(forget, change), stop)

    task = asyncio.create_task(forget_all())
    try:
        yield
    finally:
        stop.set()
        changes.close()
        await task
