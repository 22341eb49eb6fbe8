"""What PostgreSQL is busy with, as it says itself; and what makes it wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.patience import PATIENCE

BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%' || $1 || '%'"
    " AND datname = current_database() AND pid <> pg_backend_pid()"
)


def plain(url: str) -> str:
    return url.replace("+asyncpg", "")


async def until_busy(url: str, with_what: str, *, count: int = 1) -> None:
    """Until so many connections run a statement that holds the words."""
    connection = await asyncpg.connect(plain(url))
    try:
        async with asyncio.timeout(PATIENCE):
            # Nobody tells us of it, so we can but look again.
            while await connection.fetchval(BUSY, with_what) != count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


@asynccontextmanager
async def locked(url: str, table: str) -> AsyncIterator[None]:
    """Whoever reads the table or writes to it waits as long as the block lasts."""
    connection = await asyncpg.connect(plain(url))
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()
