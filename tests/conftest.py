"""One PostgreSQL for the suite, a fresh database for each test, and a gateway to ask."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette

from data import reference
from runtime.database import migrate
from runtime.embedded import SETTINGS, default_folder, embedded_postgres
from runtime.settings import Settings
from server import create_app
from tests.asking import Inbox

CHECKOUT = Path(__file__).parent.parent
UNSAFE_AND_FAST = {**SETTINGS, "fsync": "off", "synchronous_commit": "off"}
numbers = count(1)

Ask = Callable[..., Awaitable[Any]]
Statements = Callable[..., AbstractContextManager[list[str]]]


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A maintenance database of a server apart from that of `make run`."""
    with embedded_postgres(default_folder(CHECKOUT) / "test", UNSAFE_AND_FAST) as url:
        yield url


def run_sql(url: str, *statements: str) -> None:
    asyncio.run(run_sql_async(url, *statements))


async def run_sql_async(url: str, *statements: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    finally:
        await engine.dispose()


def with_name(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def database(server_url: str, template: str = "template1") -> Iterator[str]:
    """A new database, dropped afterwards."""
    name = f"sewa_{os.getpid()}_{next(numbers)}"
    run_sql(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield with_name(server_url, name)
    finally:
        run_sql(server_url, f"DROP DATABASE {name} WITH (FORCE)")


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
    """What is sent to PostgreSQL inside the block, by any engine or pool of this process."""
    sent: list[Sent] = []
    unrecorded = asyncpg.Connection.fetch

    def execute(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    async def fetch(connection: Any, statement: str, *parameters: Any) -> Any:
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
