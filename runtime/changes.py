"""Changes on their way to those who follow them: put into one order for ever, then handed on.

A command writes its events into `outbox`, where their numbers say nothing about the order of
commits: a number may become visible after a higher one, and a reader who keeps the highest it
has seen misses it. One process at a time copies what is committed into `change_log`, whose
positions have no gaps and become visible in their order. Readers keep a position of that.
"""

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import (
    BigInteger,
    ScalarSelect,
    Text,
    bindparam,
    column,
    literal,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from runtime.feed import CHANNEL, LAST, LOG, Change
from runtime.process import Process
from runtime.transaction import Transaction, transaction

BATCH = 500
TURN = text("SELECT pg_try_advisory_xact_lock(20261) WHERE EXISTS (SELECT FROM outbox)")
"""The lock ends with the transaction: nobody who is killed can take it along."""

# A change is written while its entity is locked, so of two changes of one entity the first has
# the lower number in the outbox, and is committed whenever the second is.
SEQUENCE = text(
    """
    WITH taken AS (
        DELETE FROM outbox
         WHERE position IN (SELECT position FROM outbox ORDER BY position LIMIT :most)
        RETURNING *
    )
    INSERT INTO change_log (position, event, subject_id, facts, happened_at)
    SELECT (SELECT coalesce(max(position), 0) FROM change_log)
               + row_number() OVER (ORDER BY position),
           event, subject_id, facts, happened_at
      FROM taken
    """
).bindparams(bindparam("most", BATCH))

# For a whole batch: said at the commit of each command, it would have them wait for each other.
NOTIFY = text(f"NOTIFY {CHANNEL}")
FOLLOWER = table("follower", column("name", Text), column("position", BigInteger))

Effect = Callable[[Transaction, Sequence[Change]], Awaitable[None]]
"""What a follower does about changes. Its writes stand exactly when it has moved past them."""

FOLLOWERS: dict[str, Effect] = {}
AFTER: dict[str, str] = {}
"""Followers that read what others write, and those others."""


def follower(name: str, *, after: str | None = None) -> Callable[[Effect], Effect]:
    """Hand all changes from now on to the function, in order. The name keeps its place. With
    `after`, each change only when the follower of that name is through with it."""

    def register(effect: Effect) -> Effect:
        assert name not in FOLLOWERS, f"two followers are called {name}"
        FOLLOWERS[name] = effect
        if after is not None:
            AFTER[name] = after
        return effect

    return register


async def sequence(process: Process) -> int:
    """Give committed changes their positions, and tell those who wait for them; how many there
    were. None where another process is at it."""
    async with process.database.engine.begin() as connection:
        if not await connection.scalar(TURN):
            return 0
        # A statement of its own: its snapshot must be younger than the lock.
        moved = (await connection.execute(SEQUENCE)).rowcount
        if process.redis is None:
            await connection.execute(NOTIFY)
    if process.redis is not None:
        await process.redis.publish(CHANNEL)
    return moved


async def enrol(process: Process) -> None:
    """Note where followers who are new begin: with what happens next."""
    async with process.database.engine.begin() as connection:
        for name in FOLLOWERS:
            await connection.execute(
                upsert(FOLLOWER)
                .from_select(["name", "position"], select(literal(name), LAST))
                .on_conflict_do_nothing()
            )


def place_of(name: str) -> ScalarSelect[int]:
    other = FOLLOWER.alias("other")
    return select(other.c.position).where(other.c.name == name).scalar_subquery()


async def follow(process: Process, name: str, most: int = BATCH) -> int:
    """Hand a follower what comes next; how much that was. None where another process is at
    it."""
    mine = FOLLOWER.c.name == name
    last = LAST if name not in AFTER else place_of(AFTER[name])
    async with transaction(process) as tx:
        place = await tx.rows(
            select(FOLLOWER.c.position, last)
            .where(mine, FOLLOWER.c.position < last)
            .with_for_update(skip_locked=True, of=FOLLOWER)
        )
        if not place:
            return 0
        position, last_position = place[0]
        following = select(LOG).where(LOG.c.position.between(position + 1, last_position))
        changes = [
            Change(*row) for row in await tx.rows(following.order_by(LOG.c.position).limit(most))
        ]
        await FOLLOWERS[name](tx, changes)
        await tx.change(FOLLOWER.update().where(mine).values(position=changes[-1].position))
    return len(changes)
