"""PostgreSQL protects itself: what bounds each connection, with and without a pooler between."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from graphql import GraphQLError
from procrastinate import PsycopgConnector
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from runtime import background
from runtime.bounds import Bounds
from runtime.database import Database, engine_for
from runtime.faults import TooSlow, code_of, formatted
from runtime.jobs import app_of
from runtime.process import Process
from runtime.reads import Reads, Tally, compiled
from runtime.settings import Settings
from runtime.transaction import transaction
from server import create_app
from tests.activity import locked, plain, until_busy
from tests.asking import Inbox, a_process
from tests.conftest import CHECKOUT, client_of, run_sql_async
from tests.pooler import a_pooler, pooler_program

NAMES = "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"
SHOWN = [func.current_setting(name) for name in NAMES]
SHOW = f"SELECT {', '.join(f'current_setting({name!r})' for name in NAMES)}"
SLEEP = compiled(select(func.pg_sleep(30)))
CHOSEN: dict[str, Any] = {
    "statement_seconds_read": 11.0,
    "statement_seconds_command": 12.0,
    "statement_seconds_job": 13.0,
    "statement_seconds_export": 14.0,
    "lock_seconds": 5.0,
    "idle_seconds": 50.0,
}
OPENS = r"create_async_engine\(|create_engine\(|asyncpg\.connect\(|psycopg\.|PsycopgConnector\("


async def read_by(reads: Reads) -> tuple[str, ...]:
    ((*found,),) = await reads.fetch(compiled(select(*SHOWN)), {}, Tally())
    return tuple(found)


async def transacted_by(database: Database) -> tuple[str, ...]:
    async with database.engine.begin() as connection:
        return tuple((await connection.execute(text(SHOW))).one())


async def transacted(process: Process, *statements: str, pause: float = 0) -> None:
    async with transaction(process) as tx:
        for statement in statements:
            await tx.change(text(statement))
            await asyncio.sleep(pause)


async def test_every_kind_of_work_has_bounds_of_its_own(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind: list[Process] = []

    async def work(process: Process, stop: asyncio.Event) -> None:
        behind.append(process)
        await stop.wait()

    monkeypatch.setattr(background, "work", work)
    async with a_process(database_url, **CHOSEN) as process, background.working(process):
        await asyncio.sleep(0)
        (working,) = behind
        app = app_of(working)
        async with app.open_async():
            assert isinstance(app.connector, PsycopgConnector)
            async with app.connector.pool.connection() as connection:
                taken = await (await connection.execute(SHOW.encode())).fetchone()

        assert await read_by(process.database.reads) == ("11s", "5s", "50s")
        assert await transacted_by(process.database) == ("12s", "5s", "50s")
        assert taken == await transacted_by(working.database) == ("13s", "5s", "50s")
        assert await read_by(working.database.reads) == ("14s", "5s", "50s")


async def test_seeding_and_migrations_wait_for_no_lock_for_ever(database_url: str) -> None:
    engine = engine_for(database_url)
    async with engine.connect() as connection:
        found = (await connection.execute(text(SHOW))).one()
    await engine.dispose()

    assert tuple(found) == ("0", "10s", "10min")


def test_connections_are_opened_nowhere_else() -> None:
    folders = "data", "edge", "engine", "federation", "loaders", "resolvers", "runtime", "schema"
    sources = [*CHECKOUT.glob("*.py"), *(f for n in folders for f in (CHECKOUT / n).rglob("*.py"))]
    found = {str(s.relative_to(CHECKOUT)) for s in sources if re.search(OPENS, s.read_text())}

    assert found == {f"runtime/{name}.py" for name in ("bounds", "database", "jobs", "reads")}


# What they do, and what clients are told.


SLEEPS = "SELECT pg_sleep(30)"
SORTS = "SELECT count(*) FROM (SELECT n FROM generate_series(1, 3000000) n ORDER BY -n) sorted"


@pytest.mark.parametrize(
    ("change", "statements", "code"),
    [
        ({"statement_seconds_command": 0.2}, [SLEEPS], "LIMIT_EXCEEDED"),
        # As superusers may; elsewhere it is for the role to have.
        ({}, ["SET LOCAL temp_file_limit = '1MB'", SORTS], "LIMIT_EXCEEDED"),
        ({"lock_seconds": 0.2}, ["LOCK TABLE district"], "UNAVAILABLE"),
    ],
    ids=["time", "disk", "lock"],
)
async def test_what_goes_beyond_a_bound_is_told_as_such(
    database_url: str, change: dict[str, Any], statements: list[str], code: str
) -> None:
    async with locked(database_url, "district"), a_process(database_url, **change) as process:
        with pytest.raises(DBAPIError) as error:
            await transacted(process, *statements)

    assert code_of(GraphQLError("", original_error=error.value)) == code


async def test_a_transaction_that_lies_idle_is_undone_and_may_be_tried_again(
    database_url: str,
) -> None:
    async with a_process(database_url, idle_seconds=0.1) as process:
        with pytest.raises(DBAPIError) as error:
            await transacted(
                process, "UPDATE district SET name_en = name_en || '…'", "SELECT 1", pause=1
            )

        assert code_of(GraphQLError("", original_error=error.value)) == "UNAVAILABLE"
        async with transaction(process) as tx:
            assert (
                await tx.value(
                    select(func.count())
                    .select_from(text("district"))
                    .where(text("name_en LIKE '%…'"))
                )
                == 0
            )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.QueryCanceledError, "LIMIT_EXCEEDED"),
        (asyncpg.ConfigurationLimitExceededError, "LIMIT_EXCEEDED"),
        (asyncpg.LockNotAvailableError, "UNAVAILABLE"),
        (asyncpg.IdleInTransactionSessionTimeoutError, "UNAVAILABLE"),
    ],
)
def test_what_bounds_us_tells_nothing_internal(error: type[Exception], code: str) -> None:
    (told,) = formatted([GraphQLError("", original_error=error("of table x"))], "request-1")

    assert told["extensions"]["code"] == code
    assert "table x" not in told["message"]


# Behind a pooler.


@pytest.fixture
def pooler() -> str:
    program = pooler_program()
    if program is None:
        pytest.skip("no pgbouncer on the PATH")
    return program


async def test_behind_a_pooler_reads_are_ended_by_our_clock(
    pooler: str, tmp_path: Path, database_url: str
) -> None:
    with a_pooler(pooler, tmp_path, database_url, "reads") as (url,):
        reads = Reads(url, size=1, patience=5, bounds=Bounds(statement=0.3))

        with pytest.raises(TooSlow):
            await reads.fetch(SLEEP, {}, Tally())

        await until_busy(database_url, "pg_sleep", count=0)
        assert await read_by(reads) == ("0", "0", "0")
        await reads.close()


async def test_behind_a_pooler_each_transaction_says_what_bounds_it_and_leaves_nothing_behind(
    pooler: str, tmp_path: Path, database_url: str
) -> None:
    with a_pooler(pooler, tmp_path, database_url, "ours") as (url,):
        database = Database(url, pool_size=2, transactions=Bounds(statement=7, lock=5, idle=50))
        inside = await transacted_by(database)
        # Another client, on the same connection to the server.
        other = await asyncpg.connect(plain(url), statement_cache_size=0)
        (outside,) = await other.fetch(SHOW)
        await other.close()
        await database.close()

    assert inside == ("7s", "5s", "50s")
    assert tuple(outside) == ("0", "0", "0")


async def test_behind_a_pooler_the_library_of_jobs_leaves_nothing_behind(
    pooler: str, tmp_path: Path, database_url: str
) -> None:
    with a_pooler(pooler, tmp_path, database_url, "jobs") as (url,):
        async with a_process(database_url) as process:
            app = app_of(replace(process, settings=replace(process.settings, database_url=url)))
            async with app.open_async():
                assert isinstance(app.connector, PsycopgConnector)
                async with app.connector.pool.connection() as connection:
                    found = await (await connection.execute(SHOW.encode())).fetchone()

    assert found == ("0", "0", "0")


async def test_what_the_role_says_holds_behind_a_pooler(
    pooler: str, tmp_path: Path, database_url: str
) -> None:
    """Also for what stands in no transaction; and `/readyz` is content."""
    name = database_url.rpartition("/")[2].partition("?")[0]
    async with ready(database_url) as before:
        assert before == {"ready": True, "postgresql": "up"}
    with a_pooler(pooler, tmp_path, database_url, "ours") as (url,):
        async with ready(url) as warned:
            assert "statement_timeout is 0" in warned["warnings"][0]
    await run_sql_async(database_url, f"ALTER DATABASE {name} SET statement_timeout = '30s'")
    with a_pooler(pooler, tmp_path, database_url, "ours") as (url,):
        async with ready(url) as told:
            assert told == {"ready": True, "postgresql": "up"}


async def test_ready_warns_where_nothing_bounds_files(database_url: str) -> None:
    name = database_url.rpartition("/")[2].partition("?")[0]
    await run_sql_async(database_url, f"ALTER DATABASE {name} SET temp_file_limit = -1")
    async with ready(database_url) as told:
        assert told["ready"] is True
        assert "temp_file_limit is -1" in told["warnings"][0]


@asynccontextmanager
async def ready(url: str) -> AsyncIterator[dict[str, Any]]:
    async with client_of(create_app(Settings(database_url=url, pool_size=2), Inbox())) as client:
        answer: httpx.Response = await client.get("/readyz")
        assert answer.status_code == 200
        yield answer.json()
