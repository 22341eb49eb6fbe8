"""The way to PostgreSQL: pooled connections, counted statements."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Executable, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from runtime.bounds import BULK, USUAL, Bounds, bind_all
from runtime.reads import Reads, Tally

NONE: Mapping[str, Any] = MappingProxyType({})


class Database:
    """Two pools: reads run one statement each, outside any transaction; everything else goes
    through the engine."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        reads: Bounds = USUAL,
        transactions: Bounds = USUAL,
    ) -> None:
        # A read holds its connection for a millisecond, a transaction for several statements.
        size = max(1, pool_size // 2)
        self.reads = Reads(url, size=size, patience=5, bounds=reads)
        self.engine = engine_for(url, pool_size=max(1, pool_size - size), bounds=transactions)
        # Nothing to begin or roll back around a single statement: that halves the round trips.
        self._single = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    async def write(
        self, statement: Executable, tally: Tally, values: Mapping[str, Any] = NONE
    ) -> Sequence[Any]:
        """One statement that is a transaction of its own; the rows that it gives back, if any. Not
        tried twice: it may have been carried out when the connection broke."""
        async with self._single.connect() as connection:
            tally.statements += 1
            started = time.perf_counter()
            try:
                result = await connection.execute(statement, values)
                return result.all() if result.returns_rows else ()
            finally:
                tally.seconds += time.perf_counter() - started

    async def ping(self) -> datetime:
        """What time it is for PostgreSQL."""
        async with self._single.connect() as connection:
            found = await connection.execute(text("SELECT clock_timestamp()"))
            theirs: datetime = found.scalar_one()
            return theirs

    async def close(self) -> None:
        await self.reads.close()
        await self.engine.dispose()


def engine_for(url: str, *, pool_size: int = 1, bounds: Bounds = BULK) -> AsyncEngine:
    """An engine for any usual spelling of a PostgreSQL URL."""
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        # What people sent us does not belong in logs.
        hide_parameters=True,
        connect_args={"timeout": 5, "prepared_statement_cache_size": 500},
    )
    bind_all(engine, bounds)
    return engine
