"""The pool of reads: its connections when all is well, and when the server, a migration or a
client that went away pulls one out from under it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLError
from sqlalchemy import Text, bindparam, column, func, literal_column, select, table, text

from runtime.bounds import Bounds
from runtime.context import Context
from runtime.faults import Displaced, TooSlow, code_of, is_outage
from runtime.language import Language
from runtime.reads import TURN_SECONDS, Query, Reads, Source, Tally, compiled
from runtime.viewer import ANYONE
from tests.activity import locked, until_busy
from tests.asking import ENGINE, a_process
from tests.conftest import run_sql_async
from tests.patience import PATIENCE

by_time = pytest.mark.skipif(
    not os.environ.get("LONG"), reason="LONG=1: who has waited longest rests on a quiet machine"
)
BACKEND = compiled(select(func.pg_backend_pid()))
TABLE = compiled(select(text("*")).select_from(table("thing")).order_by(text("1")))
CONNECTIONS = compiled(
    select(func.count())
    .select_from(table("pg_stat_activity", column("datname"), column("state")))
    .where(text("datname = current_database() AND state = 'active'"))
)
LONG = compiled(select(func.pg_sleep(30)))
CUT = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest_asyncio.fixture
async def reads(database_url: str) -> AsyncIterator[Reads]:
    pool = Reads(database_url, size=2, patience=5)
    yield pool
    await pool.close()


async def rows(source: Source, query: Query, **given: Any) -> list[Any]:
    return [tuple(row) for row in await source.fetch(query, given, Tally())]


async def backend(source: Source) -> int:
    ((pid,),) = await rows(source, BACKEND)
    return int(pid)


async def test_reads_one_after_another_use_one_connection(reads: Reads) -> None:
    assert len({await backend(reads) for _ in range(5)}) == 1


async def test_reads_at_once_share_what_connections_there_may_be(reads: Reads) -> None:
    used = await asyncio.gather(*(backend(reads) for _ in range(20)))

    assert len(set(used)) == 2


async def test_a_connection_that_was_cut_is_not_noticed(reads: Reads, database_url: str) -> None:
    before = await asyncio.gather(backend(reads), backend(reads))
    await run_sql_async(database_url, CUT)

    after = await asyncio.gather(backend(reads), backend(reads))

    assert not set(before) & set(after)


async def test_a_read_is_tried_again_where_its_connection_is_cut_under_it(
    reads: Reads, database_url: str
) -> None:
    waiting = compiled(select(func.pg_backend_pid(), func.pg_sleep(0.3)))
    before = await backend(reads)
    reading = asyncio.create_task(rows(reads, waiting))
    await until_busy(database_url, "pg_sleep")
    await run_sql_async(database_url, CUT)

    ((after, _),) = await reading

    assert after != before


async def test_a_read_is_tried_again_where_the_driver_has_lost_its_place(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does, once in thousands of times, where the end comes between two of its steps."""
    before, fetch = await backend(reads), asyncpg.Connection.fetch
    lost = iter([asyncpg.InternalClientError("another operation is in progress")])

    async def fetch_or_fail(self: Any, *given: Any) -> Any:
        for error in lost:
            raise error
        return await fetch(self, *given)

    monkeypatch.setattr(asyncpg.Connection, "fetch", fetch_or_fail)

    assert await backend(reads) != before


async def test_a_read_that_is_cut_again_and_again_is_an_outage(
    reads: Reads, database_url: str
) -> None:
    suicide = compiled(select(func.pg_terminate_backend(func.pg_backend_pid())))

    with pytest.raises(asyncpg.PostgresError) as error:
        await rows(reads, suicide)

    assert is_outage(error.value)
    assert await backend(reads)


async def test_waiting_for_a_connection_has_an_end(database_url: str) -> None:
    reads = Reads(database_url, size=1, patience=0.5)
    async with reads.snapshot() as snapshot:
        await backend(snapshot)
        with pytest.raises(TimeoutError) as error:
            await backend(reads)

    assert is_outage(error.value)
    assert await backend(reads)
    await reads.close()


async def test_a_cancelled_read_ends_in_the_server_and_costs_no_connection(
    database_url: str,
) -> None:
    reads = Reads(database_url, size=1, patience=5)
    before = await backend(reads)
    reading = asyncio.create_task(rows(reads, LONG))
    await until_busy(database_url, "pg_sleep")
    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading

    # There is one connection, so this waits until the other statement has ended.
    assert await backend(reads) == before
    await until_busy(database_url, "pg_sleep", count=0)
    await reads.close()


async def test_what_was_given_up_holds_its_place_until_the_server_has_ended_it(
    database_url: str,
) -> None:
    """So reads that are begun and given up over and over never have more statements under way
    than there are connections."""
    reads = Reads(database_url, size=2, patience=5)
    most = 0
    for _ in range(20):
        reading = asyncio.create_task(rows(reads, LONG))
        await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.wait([reading])
        ((now,),) = await rows(reads, CONNECTIONS)
        most = max(most, int(now))

    assert most <= 2
    await reads.close()


async def test_a_read_that_takes_too_long_is_given_up(database_url: str) -> None:
    reads = Reads(database_url, size=1, patience=5, bounds=Bounds(statement=0.3))

    with pytest.raises((TooSlow, asyncpg.QueryCanceledError)) as error:
        await rows(reads, LONG)

    assert code_of(GraphQLError("", original_error=error.value)) == "LIMIT_EXCEEDED"
    await until_busy(database_url, "pg_sleep", count=0)
    assert await backend(reads)
    await reads.close()


async def test_slow_reads_give_way_to_those_that_have_waited_long(database_url: str) -> None:
    reads = Reads(database_url, size=2, patience=5)
    slow = [asyncio.create_task(rows(reads, LONG)) for _ in range(4)]
    await until_busy(database_url, "pg_sleep", count=2)

    assert await asyncio.gather(*(backend(reads) for _ in range(20)))

    ended = [task for task in slow if task.done()]
    assert 0 < len(ended) < len(slow)
    for task in ended:
        with pytest.raises(Displaced):
            await task
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)
    await reads.close()


async def test_a_slow_read_is_left_alone_while_nobody_waits(reads: Reads) -> None:
    assert await rows(reads, compiled(select(func.pg_sleep(2 * TURN_SECONDS).is_not(None))))


async def test_whoever_stops_waiting_takes_nobody_s_turn(database_url: str) -> None:
    reads = Reads(database_url, size=1, patience=5)
    async with reads.snapshot():
        impatient, patient = (asyncio.create_task(backend(reads)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()

    assert await patient
    assert impatient.cancelled()
    await reads.close()


async def test_who_has_waited_longest_is_next(database_url: str) -> None:
    reads = Reads(database_url, size=1, patience=5)
    served: list[int] = []

    async def read(number: int) -> None:
        await backend(reads)
        served.append(number)

    await asyncio.gather(*(read(number) for number in range(10)))

    assert served == list(range(10))
    await reads.close()


async def test_what_is_handed_to_someone_who_has_just_gone_goes_on_to_the_next(
    database_url: str,
) -> None:
    reads = Reads(database_url, size=1, patience=5)
    async with reads.snapshot() as snapshot:
        before = await backend(snapshot)
        gone, next_in_line = (asyncio.create_task(backend(reads)) for _ in range(2))
        await asyncio.sleep(0)
    # It has the connection by now, and has not run since.
    gone.cancel()

    assert await next_in_line == before
    assert gone.cancelled()
    await reads.close()


async def test_a_connection_that_cannot_be_opened_leaves_its_place_to_others() -> None:
    reads = Reads("postgresql://nobody@127.0.0.1:1/nothing", size=1, patience=5)

    failures = await asyncio.gather(*(backend(reads) for _ in range(3)), return_exceptions=True)

    assert all(isinstance(failure, Exception) and is_outage(failure) for failure in failures)
    assert not any(isinstance(failure, TimeoutError) for failure in failures)


async def test_a_statement_that_fails_costs_no_connection(reads: Reads) -> None:
    before = await backend(reads)

    with pytest.raises(asyncpg.UndefinedTableError) as error:
        await rows(reads, TABLE)

    assert not is_outage(error.value)
    assert await backend(reads) == before


async def test_a_migration_under_a_statement_is_not_noticed(
    reads: Reads, database_url: str
) -> None:
    await run_sql_async(
        database_url, "CREATE TABLE thing AS SELECT 1 AS number", "INSERT INTO thing VALUES (2)"
    )
    before = await rows(reads, TABLE)
    await run_sql_async(database_url, "ALTER TABLE thing ALTER number TYPE text")

    assert before == [(1,), (2,)]
    assert await rows(reads, TABLE) == [("1",), ("2",)]


async def test_a_snapshot_does_not_see_what_others_change(reads: Reads, database_url: str) -> None:
    await run_sql_async(database_url, "CREATE TABLE thing AS SELECT 1 AS number")
    async with reads.snapshot() as snapshot:
        before = await rows(snapshot, TABLE)
        await run_sql_async(database_url, "UPDATE thing SET number = 2")

        assert await rows(snapshot, TABLE) == before == [(1,)]
        assert await rows(reads, TABLE) == [(2,)]

    assert await rows(reads, TABLE) == [(2,)]


async def test_reads_on_a_snapshot_wait_for_each_other(reads: Reads) -> None:
    async with reads.snapshot() as snapshot:
        used = await asyncio.gather(*(backend(snapshot) for _ in range(5)))

    assert len(set(used)) == 1


async def test_only_what_a_statement_names_is_bound(reads: Reads) -> None:
    query = compiled(select(bindparam("wanted", type_=Text), literal_column("1")).limit(1))

    assert await rows(reads, query, wanted="this", other=object()) == [("this", 1)]


async def test_json_comes_as_what_it_says(reads: Reads) -> None:
    query = compiled(select(column("facts")).select_from(text("(VALUES ('[1]'::jsonb)) v (facts)")))

    assert await rows(reads, query) == [([1],)]


async def test_a_server_that_is_not_there_is_an_outage() -> None:
    reads = Reads("postgresql://nobody@127.0.0.1:1/nothing", size=1, patience=5)

    with pytest.raises(OSError, match="Connect call failed") as error:
        await backend(reads)

    assert is_outage(error.value)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError,
        asyncpg.CannotConnectNowError,
        asyncpg.TooManyConnectionsError,
        asyncpg.AdminShutdownError,
        asyncpg.LockNotAvailableError,
    ],
)
def test_a_server_that_cannot_answer_now_is_an_outage(error: type[Exception]) -> None:
    assert is_outage(error("…"))


# Whose turn it is, where clients ask for more than there is.


def sleeping(kind: str, number: int = 0, seconds: float = 30) -> Query:
    """One of the many statements that a loader may have."""
    return replace(compiled(select(func.pg_sleep(seconds), text(str(number)))), read=kind)


def asked(
    reads: Reads, queries: Iterable[tuple[str, Query]], served: list[str]
) -> list[asyncio.Task[None]]:
    """What owners read, in the order in which they ask; `served` says in which they are served."""

    async def read(owner: str, query: Query) -> None:
        await reads.fetch(query, {}, Tally(owner=owner))
        served.append(owner)

    return [asyncio.create_task(read(owner, query)) for owner, query in queries]


async def give_up(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_owners_take_turns_however_much_one_of_them_asks_for(database_url: str) -> None:
    reads = Reads(database_url, size=1, patience=PATIENCE)
    served: list[str] = []
    async with reads.snapshot():
        tasks = asked(reads, [(owner, BACKEND) for owner in "aaaaabbc"], served)
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)

    assert "".join(served) == "abcabaaa"
    await reads.close()


async def test_who_gives_up_takes_nobody_s_turn_and_leaves_no_line(database_url: str) -> None:
    reads = Reads(database_url, size=1, patience=PATIENCE)
    served: list[str] = []
    async with reads.snapshot():
        tasks = asked(reads, [(owner, BACKEND) for owner in "aabc"], served)
        await asyncio.sleep(0)
        await give_up(tasks[:3])
        assert reads.states()["waited for"] == 1
    await tasks[3]

    assert served == ["c"]
    await reads.close()


async def test_reads_of_one_loader_are_slow_together_whatever_their_statements(
    database_url: str,
) -> None:
    reads = Reads(database_url, size=2, patience=PATIENCE)
    served: list[str] = []
    slow = asked(reads, [("a", sleeping("reviews", number)) for number in range(40)], served)
    await until_busy(database_url, "pg_sleep", count=2)

    # Of the same owner: no turns come between.
    await asyncio.gather(*asked(reads, [("a", BACKEND)] * 20, served))

    ended = [task for task in slow if task.done()]
    assert 0 < len(ended) < 10
    await give_up(slow)
    await reads.close()


async def test_what_is_slow_for_one_owner_is_not_for_another(database_url: str) -> None:
    reads = Reads(database_url, size=1, patience=PATIENCE)
    served: list[str] = []
    slow = asked(reads, [("a", sleeping("reviews"))] * 3, served)
    await until_busy(database_url, "pg_sleep")

    quick = sleeping("reviews", seconds=0)
    await asyncio.gather(*asked(reads, [("b", quick), ("c", BACKEND)], served))

    assert served == ["b", "c"]
    await give_up(slow)
    await reads.close()


async def test_what_is_slow_for_several_owners_waits_behind_all_else(database_url: str) -> None:
    reads = Reads(database_url, size=2, patience=PATIENCE)
    served: list[str] = []
    slow = asked(reads, [("a", sleeping("reviews")), ("b", sleeping("reviews"))], served)
    await until_busy(database_url, "pg_sleep", count=2)

    quick = sleeping("reviews", seconds=0)
    await asyncio.gather(*asked(reads, [("c", quick), ("d", BACKEND)], served))

    assert served == ["d", "c"]
    await give_up(slow)
    await reads.close()


@by_time
async def test_the_owner_who_holds_most_gives_way(database_url: str) -> None:
    reads = Reads(database_url, size=3, patience=PATIENCE)
    served: list[str] = []
    longest = asked(reads, [("b", sleeping("rates"))], served)
    await until_busy(database_url, "pg_sleep")
    slow = asked(reads, [("a", sleeping("reviews"))] * 2, served)
    await until_busy(database_url, "pg_sleep", count=3)

    await asyncio.gather(*asked(reads, [("c", BACKEND)], served))

    assert not longest[0].done()
    assert [task.done() for task in slow] == [True, False]
    with pytest.raises(Displaced):
        await slow[0]
    await give_up([*longest, slow[1]])
    await reads.close()


async def test_nobody_gives_way_to_who_holds_more_than_they(database_url: str) -> None:
    reads = Reads(database_url, size=3, patience=PATIENCE)
    served: list[str] = []
    longest = asked(reads, [("b", sleeping("rates", seconds=2 * TURN_SECONDS))], served)
    await until_busy(database_url, "pg_sleep")
    many = asked(reads, [("a", sleeping("reviews", seconds=0.3))] * 20, served)

    await asyncio.gather(*longest)

    await give_up(many)
    await reads.close()


@by_time
async def test_one_address_with_many_slow_reads_leaves_others_their_answers(
    database_url: str,
) -> None:
    async with a_process(database_url) as process, locked(database_url, "review"):

        async def ask(address: str, query: str) -> Any:
            context = Context(ANYONE, Language.EN, process, "request-1", address)
            return await ENGINE.execute(query, {}, context)

        many = [
            # Of one household.
            asyncio.create_task(
                ask(f"2001:db8::{n}", f"{{ reviews(first: {n}) {{ nodes {{ id }} }} }}")
            )
            for n in range(1, 41)
        ]
        await until_busy(database_url, "review", count=2)
        for _ in range(3):
            others = [
                ask(f"203.0.113.{n}", "{ workers(first: 1) { nodes { id } } }") for n in range(5)
            ]
            for result in await asyncio.gather(*others):
                assert result.errors is None
        await give_up(many)
