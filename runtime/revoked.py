"""Sessions that have ended before their access tokens have: known in memory, as every request
asks.

What is known is read from the sessions themselves, every few seconds and as soon as the log of
changes tells of one. So nothing is missed where the log is behind, and nobody waits for it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import DateTime, Text, bindparam, column, select, table

from runtime import clock
from runtime.database import Database
from runtime.faults import is_outage
from runtime.feed import Change, Feed, Listener
from runtime.reads import Tally, compiled

if TYPE_CHECKING:
    from runtime.partner import Partners

log = structlog.get_logger()

SESSIONS_ENDED = "SessionsEnded"
CLIENT_EVENTS = (
    *("PartnerClientChanged", "PartnerClientSuspended"),
    *("PartnerClientResumed", "PartnerClientRevoked"),
)
LOOK_SECONDS = 5.0
"""How often it is looked, whatever the log tells."""
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
    async def followed(self, feed: Feed, partners: "Partners") -> AsyncIterator[None]:
        """Kept up to date as long as the block lasts; what partners' clients may is asked anew
        where it has changed."""
        await self._try_to_look()
        task = asyncio.create_task(self._follow(feed, partners))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _follow(self, feed: Feed, partners: "Partners") -> None:
        changes: Listener | None = None
        try:
            while True:
                try:
                    changes = changes or await feed.listen(SESSIONS_ENDED, *CLIENT_EVENTS)
                    change = await next_of(changes)
                    if change is not None:
                        partners.forget(change.subject_id)
                except Exception as error:
                    log.error("revoked", error=repr(error), exc_info=not is_outage(error))
                    await asyncio.sleep(LOOK_SECONDS)
                await self._try_to_look()
        finally:
            if changes is not None:
                changes.close()

    async def _try_to_look(self) -> None:
        """Where it fails, reads go on, as far as there are any without the database; commands ask
        it themselves."""
        try:
            await self.look()
        except Exception as error:
            log.error("revoked", error=repr(error), exc_info=not is_outage(error))


async def next_of(changes: Listener) -> Change | None:
    """None where there is none in time."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await anext(changes)
    except TimeoutError:
        return None
