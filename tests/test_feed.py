"""Whoever listens is handed every change on its topics, in order, whatever wakes the reader."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from runtime import feed
from runtime.changes import sequence
from runtime.feed import Change, Listener
from runtime.process import Process
from runtime.transaction import transaction
from tests.asking import a_process
from tests.conftest import recorded, run_sql_async
from tests.patience import PATIENCE

NEVER = 3600.0


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


@pytest.fixture
def only_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader does not look by itself."""
    monkeypatch.setattr(feed, "POLL_SECONDS", NEVER)
    monkeypatch.setattr(feed, "LONGEST_PAUSE_SECONDS", NEVER)


async def happen(process: Process, *subjects: str, **facts: str) -> None:
    async with transaction(process) as tx:
        for subject in subjects:
            await tx.emit("Happened", subject, **facts)
    await sequence(process)


async def taken(listener: Listener, count: int) -> list[Change]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(listener) for _ in range(count)]


def subjects(changes: list[Change]) -> list[str]:
    return [change.subject_id for change in changes]


async def test_a_listener_hears_of_its_topics_alone_and_in_order(process: Process) -> None:
    everything, one, fact = (
        await process.feed.listen(),
        await process.feed.listen("a"),
        await process.feed.listen("dt_1", "b"),
    )
    await happen(process, "a", "b", "a")
    await happen(process, "c", district="dt_1")

    assert subjects(await taken(everything, 4)) == ["a", "b", "a", "c"]
    assert [change.position for change in await taken(one, 2)] == [1, 3]
    assert subjects(await taken(fact, 2)) == ["b", "c"]
    for listener in (everything, one, fact):
        listener.close()


async def test_who_comes_back_is_handed_what_happened_meanwhile(process: Process) -> None:
    await happen(process, "a", "b", "a")

    listener = await process.feed.listen("a", after=1)
    await happen(process, "a")

    assert [change.position for change in await taken(listener, 2)] == [3, 4]
    listener.close()


async def test_who_was_away_for_longer_reads_the_log(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "RECENT", 3)
    process.feed.recent = deque(maxlen=3)
    await happen(process, *"abababab")

    listener = await process.feed.listen("a", after=0)

    assert process.feed.oldest == 5
    assert [change.position for change in await taken(listener, 4)] == [1, 3, 5, 7]
    listener.close()


async def test_who_is_slow_is_not_waited_for_and_misses_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "AHEAD", 2)
    slow, quick = await process.feed.listen("a"), await process.feed.listen("a")
    for _ in range(3):
        await happen(process, "a", "a")
        await taken(quick, 2)

    assert len(slow._ahead) == 2
    assert [change.position for change in await taken(slow, 6)] == [1, 2, 3, 4, 5, 6]
    slow.close()
    quick.close()


async def hear(process: Process) -> None:
    listener = await process.feed.listen("a")
    async with asyncio.timeout(PATIENCE):
        # Until somebody listens at the channel nothing is heard there.
        while not process.feed.recent:
            await happen(process, "a")
            await asyncio.sleep(0.01)
    assert subjects(await taken(listener, 1)) == ["a"]
    listener.close()


async def test_postgresql_wakes_the_reader(process: Process, only_called: None) -> None:
    await hear(process)


async def test_redis_wakes_the_reader(database_url: str, redis_url: str, only_called: None) -> None:
    async with a_process(database_url, redis_url=redis_url) as process:
        await hear(process)


async def test_with_a_dead_redis_changes_are_handed_on_all_the_same(database_url: str) -> None:
    async with a_process(database_url, redis_url="redis://127.0.0.1:1") as process:
        listener = await process.feed.listen("a")
        await happen(process, "a")

        assert subjects(await taken(listener, 1)) == ["a"]
        listener.close()


async def test_nothing_is_lost_where_postgresql_ends_every_connection(process: Process) -> None:
    listener = await process.feed.listen("a")
    await happen(process, "a")
    assert [change.position for change in await taken(listener, 1)] == [1]
    await run_sql_async(
        process.settings.database_url or "",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    await process.database.engine.dispose()
    await happen(process, "a")

    assert [change.position for change in await taken(listener, 1)] == [2]
    listener.close()


async def test_nothing_is_read_while_nobody_listens(process: Process) -> None:
    listener = await process.feed.listen("a")
    listener.close()
    async with asyncio.timeout(PATIENCE):
        await process.feed.close()
    await happen(process, "a")
    again = await process.feed.listen("a", after=0)

    assert [change.position for change in await taken(again, 1)] == [1]
    again.close()


async def fill(process: Process, count: int) -> None:
    await run_sql_async(
        process.settings.database_url or "",
        "INSERT INTO change_log (position, event, subject_id, facts, happened_at)"
        " SELECT n, 'Happened', 'a', '{}', '2026-11-30' FROM (SELECT coalesce(max(position), 0) AS"
        f" last FROM change_log) AS log, generate_series(last + 1, last + {count}) AS n",
    )


async def test_who_comes_back_at_once_reads_nothing(process: Process, only_called: None) -> None:
    await fill(process, 2_000)
    (await process.feed.listen("a")).close()
    await asyncio.sleep(0.1)

    with recorded() as sent:
        for _ in range(100):
            (await process.feed.listen("a")).close()
            await asyncio.sleep(0)

    assert sent == []
    await process.feed.close()


async def test_who_comes_back_later_reads_what_is_new(process: Process, only_called: None) -> None:
    await fill(process, 2_000)
    for new in (0, 3):
        (await process.feed.listen("a")).close()
        await process.feed.close()
        await fill(process, new)

        with recorded() as sent:
            listener = await process.feed.listen("a", after=1_000)
            found = await taken(listener, 1_000 + new)

        assert [change.position for change in found] == [*range(1_001, 2_001 + new)]
        # The latest position, what is new behind the last known, and the reader's first look.
        assert len(sent) <= 2 + bool(new)
        listener.close()
        await process.feed.close()


async def test_what_is_out_of_reach_is_not_taken_for_what_follows(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "RECENT", 3)
    process.feed.recent = deque(maxlen=3)
    for expected in (7, 17):
        await fill(process, 10)
        listener = await process.feed.listen("a")

        assert (process.feed.oldest, len(process.feed.recent)) == (expected, 3)
        listener.close()
        await process.feed.close()

    # A log that was put back to what it has been, say.
    await run_sql_async(process.settings.database_url or "", "TRUNCATE change_log")
    listener = await process.feed.listen("a")
    await happen(process, "b", "a")
    assert subjects(await taken(listener, 1)) == ["a"]
    listener.close()


async def test_a_closed_listener_ends(process: Process) -> None:
    listener = await process.feed.listen("a")
    waiting = asyncio.create_task(anext(listener, None))
    await asyncio.sleep(0)
    listener.close()

    assert await waiting is None
