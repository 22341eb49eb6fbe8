"""Whether people still may what their token says: it says what was so when it was signed."""

from collections.abc import Collection

from sqlalchemy import (
    ARRAY,
    DateTime,
    Text,
    any_,
    bindparam,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    table,
)
from sqlalchemy import union_all as all_of

from runtime import clock
from runtime.clock import NOW
from runtime.database import Database
from runtime.faults import Suspended, Unauthenticated
from runtime.reads import Tally, compiled
from runtime.transaction import Transaction

# Named here rather than imported: the tables belong to domains, the question to every request.
SESSION = table(
    "session",
    column("id", Text),
    column("ended_at", DateTime(timezone=True)),
    column("expires_at", DateTime(timezone=True)),
)
WORKER = table("worker", column("id", Text), column("status", Text))
PROVIDER = table("provider", column("id", Text), column("status", Text))
CITIZEN = table("citizen", column("id", Text), column("erased_at", DateTime(timezone=True)))
CLIENT = table(
    "partner_client",
    column("id", Text),
    column("expires_at", DateTime(timezone=True)),
    column("suspended_at", DateTime(timezone=True)),
    column("revoked_at", DateTime(timezone=True)),
)
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

ME, MY_PROVIDER = bindparam("viewer_id", type_=Text), bindparam("viewer_provider", type_=Text)
MY_SESSION = bindparam("viewer_session", type_=Text)
GONE = "GONE"
# It is locked: who ends it waits for the command, and the command is not begun once it has ended.
HELD = (
    select(SESSION.c.id)
    .where(SESSION.c.id == MY_SESSION, SESSION.c.ended_at.is_(None), SESSION.c.expires_at > NOW)
    .with_for_update(read=True)
    .cte("held")
)
STANDING = select(
    or_(MY_SESSION.is_(None), exists(select(HELD.c.id))),
    func.coalesce(
        select(WORKER.c.status).where(WORKER.c.id == ME).scalar_subquery(),
        select(PROVIDER.c.status).where(PROVIDER.c.id == MY_PROVIDER).scalar_subquery(),
        select(literal(GONE))
        .where(CITIZEN.c.id == ME, CITIZEN.c.erased_at.is_not(None))
        .scalar_subquery(),
        select(literal(GONE))
        .where(
            CLIENT.c.id == ME,
            or_(
                CLIENT.c.suspended_at.is_not(None),
                CLIENT.c.revoked_at.is_not(None),
                CLIENT.c.expires_at <= NOW,
            ),
        )
        .scalar_subquery(),
    ),
)


async def fallen(database: Database, ids: Collection[str]) -> set[str]:
    """Of the ids of sessions and people, those of whom nothing is to be told any more: signed out,
    suspended or forgotten."""
    if not ids:
        return set()
    given = {"ids": list(ids), NOW.key: clock.now()}
    return {id for (id,) in await database.reads.fetch(FALLEN, given, Tally())}


async def require_standing(tx: Transaction, *, even_suspended: bool) -> None:
    """For a command: that its session and its person still stand. Officials stand for as long as
    their provider's token does: we know no more of them. Raises Unauthenticated and Suspended."""
    if tx.viewer.id is None:
        return
    ((in_session, status),) = await tx.rows(STANDING.params({MY_SESSION.key: tx.viewer.session_id}))
    if not in_session or status in (GONE, "ERASED", "TERMINATED"):
        raise Unauthenticated("You are signed out. Sign in again.")
    if status == "SUSPENDED" and not even_suspended:
        raise Suspended
