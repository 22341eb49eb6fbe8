"""Changes are handed on once each, and for each entity in the order they were made."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import BigInteger, column, insert, select, table, text, update

from runtime import changes
from runtime.changes import AFTER, FOLLOWERS, enrol, follow, follower, sequence
from runtime.database import engine_for
from runtime.feed import LOG, Change
from runtime.process import Process
from runtime.transaction import Transaction, transaction
from tests.asking import a_process
from tests.background import nothing_known
from tests.conftest import run_sql_async

WRITERS, WRITES, ENTITIES = 12, 40, 20
COUNTER = table("counter", column("id", BigInteger), column("version", BigInteger))
SEEN = table("seen", column("position", BigInteger))

Seen = list[tuple[int, str, int]]
"""Position, entity and version, as a reader met them."""


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    await run_sql_async(
        database_url,
        "CREATE TABLE counter (id int PRIMARY KEY, version int NOT NULL)",
        f"INSERT INTO counter SELECT g, 0 FROM generate_series(1, {ENTITIES}) g",
        "CREATE TABLE seen (position bigint NOT NULL)",
    )
    with nothing_known():
        async with a_process(database_url, pool_size=WRITERS + 4) as process:
            yield process


@pytest.fixture
def a_follower(process: Process) -> str:
    """One that writes down what it saw."""

    @follower("test")
    async def note(tx: Transaction, seen: Sequence[Change]) -> None:
        for change in seen:
            await tx.change(insert(SEEN).values(position=change.position))

    return "test"


async def write(process: Process, dice: random.Random) -> None:
    """A command that takes its time before it commits."""
    async with transaction(process) as tx:
        chosen = dice.randint(1, ENTITIES)
        version = await tx.value(
            update(COUNTER)
            .where(COUNTER.c.id == chosen)
            .values(version=COUNTER.c.version + 1)
            .returning(COUNTER.c.version)
        )
        await tx.emit("CounterMoved", str(chosen), version=version)
        await asyncio.sleep(dice.choice([0, 0, 0.002, 0.02, dice.random() * 0.1]))


async def writers(process: Process, done: asyncio.Event) -> None:
    async def one(number: int) -> None:
        dice = random.Random(number)
        for _ in range(WRITES):
            await write(process, dice)

    await asyncio.gather(*(one(number) for number in range(WRITERS)))
    done.set()


async def sequencers(process: Process, committed: asyncio.Event, done: asyncio.Event) -> None:
    """Two at once, as two worker processes are."""

    async def one() -> None:
        last_round = False
        while True:
            moved = await sequence(process)
            if last_round and not moved:
                return
            last_round = committed.is_set()
            await asyncio.sleep(0.01)

    await asyncio.gather(one(), one())
    done.set()


async def reader(process: Process, source: str, done: asyncio.Event) -> Seen:
    """Keeps the highest position it has seen, stops now and then, and goes on from there.
    It is through when it finds nothing although its source is done."""
    dice, position, seen, last_round = random.Random(1), 0, Seen(), False
    while True:
        async with process.database.engine.connect() as connection:
            rows = (
                await connection.execute(
                    text(
                        f"SELECT position, subject_id, (facts->>'version')::int FROM {source}"
                        " WHERE position > :position ORDER BY position LIMIT :most"
                    ),
                    {"position": position, "most": dice.randint(1, 60)},
                )
            ).all()
        seen += [tuple(row) for row in rows]
        position = seen[-1][0] if seen else 0
        if last_round and not rows:
            return seen
        last_round = done.is_set() and not rows
        await asyncio.sleep(dice.choice([0, 0, 0.01, 0.05]))


async def sequenced(process: Process) -> Seen:
    """What a reader of the log sees of many writers."""
    committed, positioned = asyncio.Event(), asyncio.Event()
    _, _, seen = await asyncio.gather(
        writers(process, committed),
        sequencers(process, committed, positioned),
        reader(process, "change_log", positioned),
    )
    return seen


async def written(process: Process) -> int:
    async with process.database.engine.connect() as connection:
        return int(await connection.scalar(text("SELECT sum(version) FROM counter")) or 0)


def disordered(seen: Seen) -> int:
    """How often an entity seemed to go back."""
    last: dict[str, int] = {}
    back = 0
    for _, entity, version in seen:
        back += version != last.get(entity, 0) + 1
        last[entity] = version
    return back


async def test_a_reader_that_stops_and_resumes_sees_each_change_once_in_order(
    process: Process,
) -> None:
    seen = await sequenced(process)

    assert len(seen) == await written(process) == WRITERS * WRITES
    assert [position for position, _, _ in seen] == list(range(1, len(seen) + 1))
    assert disordered(seen) == 0


async def test_a_reader_of_the_outbox_itself_would_miss_changes(process: Process) -> None:
    """What the sequencer is for: the same writers and reader without it."""
    done = asyncio.Event()

    _, seen = await asyncio.gather(writers(process, done), reader(process, "outbox", done))

    assert len(seen) < await written(process)


async def test_a_sequencer_that_kept_no_order_would_put_changes_upside_down(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = (
        str(changes.SEQUENCE)
        .replace("(ORDER BY position)", "(ORDER BY position DESC)")
        .replace(":most", "500")
    )
    monkeypatch.setattr(changes, "SEQUENCE", text(careless))
    seen = await sequenced(process)

    assert disordered(seen) > 0


async def test_one_sequencer_works_at_a_time(process: Process, database_url: str) -> None:
    await write(process, random.Random(1))
    engine = engine_for(database_url)
    async with engine.begin() as other:
        assert await other.scalar(changes.TURN)
        assert await sequence(process) == 0
    await engine.dispose()

    assert await sequence(process) == 1


async def test_another_takes_over_from_a_sequencer_that_was_killed(
    process: Process, database_url: str
) -> None:
    await write(process, random.Random(1))
    victim = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    await victim.execute("BEGIN")
    await victim.fetch(str(changes.TURN))
    await victim.execute(str(changes.SEQUENCE).replace(":most", "500"))
    assert await sequence(process) == 0
    pid = await victim.fetchval("SELECT pg_backend_pid()")

    # Waits until it is gone.
    await run_sql_async(database_url, f"SELECT pg_terminate_backend({pid}, 5000)")
    await victim.close()

    assert await sequence(process) == 1
    async with process.database.engine.connect() as connection:
        log = (await connection.execute(select(LOG.c.position))).scalars().all()
    assert list(log) == [1]


async def seen_by_follower(process: Process) -> list[int]:
    async with process.database.engine.connect() as connection:
        return list((await connection.execute(select(SEEN))).scalars())


async def test_a_followers_effects_stand_once_however_many_hand_it_changes(
    process: Process, a_follower: str
) -> None:
    await enrol(process)
    for number in range(30):
        await write(process, random.Random(number))
    await sequence(process)

    async def hand_on() -> None:
        for _ in range(30):
            await follow(process, a_follower, most=3)

    await asyncio.gather(*(hand_on() for _ in range(4)))

    assert await seen_by_follower(process) == list(range(1, 31))


async def test_a_follower_of_what_another_writes_is_never_ahead_of_it(
    process: Process, a_follower: str
) -> None:
    read: list[int] = []

    @follower("reader", after=a_follower)
    async def reads(tx: Transaction, seen: Sequence[Change]) -> None:
        read.extend(change.position for change in seen)

    try:
        await enrol(process)
        for number in range(5):
            await write(process, random.Random(number))
        await sequence(process)
        assert await follow(process, "reader") == 0
        await follow(process, a_follower, most=3)
        assert await follow(process, "reader") == 3
        await follow(process, a_follower)
        await follow(process, "reader")
    finally:
        del FOLLOWERS["reader"], AFTER["reader"]

    assert read == [1, 2, 3, 4, 5]


async def test_what_a_follower_did_before_it_failed_is_undone_and_done_again(
    process: Process, a_follower: str
) -> None:
    await enrol(process)
    for number in range(3):
        await write(process, random.Random(number))
    await sequence(process)
    note = FOLLOWERS[a_follower]

    async def stumble(tx: Transaction, seen: Sequence[Change]) -> None:
        await note(tx, seen)
        raise RuntimeError

    FOLLOWERS[a_follower] = stumble
    with pytest.raises(RuntimeError):
        await follow(process, a_follower)
    assert await seen_by_follower(process) == []

    FOLLOWERS[a_follower] = note
    assert await follow(process, a_follower) == 3
    assert await seen_by_follower(process) == [1, 2, 3]
    assert await follow(process, a_follower) == 0


async def test_a_new_follower_begins_with_what_happens_next(
    process: Process, a_follower: str
) -> None:
    await write(process, random.Random(1))
    await sequence(process)
    await enrol(process)
    await write(process, random.Random(2))
    await sequence(process)

    await follow(process, a_follower)

    assert await seen_by_follower(process) == [2]
