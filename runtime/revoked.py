"""Sessions that have ended before their access tokens have: known in memory, as every request
asks.

It is read from the sessions themselves, not from the log of changes: so nothing is missed where
that is behind, or nobody is there to write it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import structlog
from sqlalchemy import DateTime, Text, bindparam, column, select, table

from runtime import clock
from runtime.database import Database
from runtime.faults import is_outage
from runtime.reads import Tally, compiled

log = structlog.get_logger()

LOOK_SECONDS = 1.0
OVERLAP = timedelta(minutes=1)
"""A session is marked with the time at which its end began: it is seen when that is committed."""

# Named here rather than imported: the table belongs to a domain, the question to every request.
SESSION = table("session", column("id", Text), column("ended_at", DateTime(timezone=True)))
ENDED = compiled(
    select(SESSION.c.id, SESSION.c.ended_at).where(
        SESSION.c.ended_at > bindparam("since", type_=DateTime(timezone=True))
    )
)


class Revoked:
    """Ids of sessions; for as long as a token that was signed ahead of the end may last."""

    def __init__(self, database: Database, token_lasts: timedelta) -> None:
        self._database = database
        self._kept_for = token_lasts + OVERLAP
        self._ended: dict[str, datetime] = {}
        self._looked_at: datetime | None = None
        self._is_blind = False

    def __contains__(self, session_id: str | None) -> bool:
        return session_id in self._ended

    async def look(self) -> None:
        """At what has ended since the last look."""
        now = clock.now()
        since = now - self._kept_for if self._looked_at is None else self._looked_at - OVERLAP
        rows = await self._database.reads.fetch(ENDED, {"since": since}, Tally())
        known = self._ended | {row["id"]: row["ended_at"] for row in rows}
        oldest = now - self._kept_for
        self._ended = {id: ended_at for id, ended_at in known.items() if ended_at > oldest}
        self._looked_at = now

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Kept up to date as long as the block lasts."""
        await self._try_to_look()
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        """Where it fails there is nothing to read either, and commands ask for themselves."""
        try:
            await self.look()
            self._is_blind = False
        except Exception as error:
            if not self._is_blind:
                log.error("revoked", error=repr(error), exc_info=not is_outage(error))
            self._is_blind = True
