"""Whether those who stay connected still may: a token says what was so when it was signed."""

from collections.abc import Collection

from sqlalchemy import ARRAY, DateTime, Text, any_, bindparam, column, or_, select, table
from sqlalchemy import union_all as all_of

from runtime import clock
from runtime.clock import NOW
from runtime.database import Database
from runtime.reads import Tally, compiled

# Named here rather than imported: the tables belong to domains, the question to every connection.
SESSION = table(
    "session",
    column("id", Text),
    column("ended_at", DateTime(timezone=True)),
    column("expires_at", DateTime(timezone=True)),
)
WORKER = table("worker", column("id", Text), column("status", Text))
PROVIDER = table("provider", column("id", Text), column("status", Text))
CITIZEN = table("citizen", column("id", Text), column("erased_at", DateTime(timezone=True)))
IDS = bindparam("ids", type_=ARRAY(Text))

FALLEN = compiled(
    select(
        all_of(
            select(SESSION.c.id).where(
                SESSION.c.id == any_(IDS),
                or_(SESSION.c.ended_at.is_not(None), SESSION.c.expires_at <= NOW),
            ),
            select(WORKER.c.id).where(
                WORKER.c.id == any_(IDS), WORKER.c.status.in_(["SUSPENDED", "ERASED"])
            ),
            select(PROVIDER.c.id).where(
                PROVIDER.c.id == any_(IDS), PROVIDER.c.status.in_(["SUSPENDED", "TERMINATED"])
            ),
            select(CITIZEN.c.id).where(CITIZEN.c.id == any_(IDS), CITIZEN.c.erased_at.is_not(None)),
        ).subquery()
    )
)


async def fallen(database: Database, ids: Collection[str]) -> set[str]:
    """Of the ids of sessions and people, those of whom nothing is to be told any more: signed out,
    suspended or forgotten."""
    if not ids:
        return set()
    given = {"ids": list(ids), NOW.key: clock.now()}
    return {id for (id,) in await database.reads.fetch(FALLEN, given, Tally())}
