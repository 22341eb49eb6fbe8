"""The way to PostgreSQL: pooled connections, counted statements, migrations."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Executable, Row, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

MIGRATIONS = Path(__file__).parent.parent / "migrations"


PATIENCE = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}
"""Whoever waits for a lock is a person with a phone in their hand; and a lock whose holder was
lost must not outlive the request for long."""


@dataclass
class Tally:
    """What one request has sent to the database so far."""

    statements: int = 0
    seconds: float = 0.0


class Database:
    """A pool. Reads run one statement each, outside any transaction."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine = engine_for(url, pool_size=pool_size, **PATIENCE)
        # Nothing to begin or roll back around a single SELECT: that halves the round trips.
        self._reads = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    async def rows(
        self, statement: Executable, parameters: Mapping[str, Any], tally: Tally
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        try:
            return await self._rows(statement, parameters, tally)
        except DBAPIError as error:
            # The server was restarted under a pooled connection; the pool has now let go of
            # all such connections, and reading again does no harm.
            if not error.connection_invalidated:
                raise
            return await self._rows(statement, parameters, tally)

    async def _rows(
        self, statement: Executable, parameters: Mapping[str, Any], tally: Tally
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        async with self._reads.connect() as connection:
            tally.statements += 1
            started = time.perf_counter()
            try:
                return (await connection.execute(statement, parameters)).all()
            finally:
                tally.seconds += time.perf_counter() - started

    async def write(self, statement: Executable, tally: Tally) -> None:
        """One statement that is a transaction of its own. Not tried twice: it may have been
        carried out when the connection broke."""
        async with self._reads.connect() as connection:
            tally.statements += 1
            started = time.perf_counter()
            try:
                await connection.execute(statement)
            finally:
                tally.seconds += time.perf_counter() - started

    async def ping(self) -> None:
        async with self._reads.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


def engine_for(url: str, *, pool_size: int = 1, **server_settings: str) -> AsyncEngine:
    """An engine for any usual spelling of a PostgreSQL URL."""
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        # What people sent us does not belong in logs.
        hide_parameters=True,
        connect_args={
            "timeout": 5,
            "prepared_statement_cache_size": 500,
            # Compiling costs more than our statements take.
            "server_settings": {"jit": "off", **server_settings},
        },
    )


async def migrate(url: str) -> None:
    """Bring the schema of the database to the newest version."""
    engine = engine_for(url)
    try:
        async with engine.begin() as connection:
            # Two processes that start together must not both migrate.
            await connection.execute(text("SELECT pg_advisory_xact_lock(20260)"))
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


def upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
