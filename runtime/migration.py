"""Migrations: a database is brought to the newest version, by one process at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from runtime.bounds import BULK
from runtime.database import engine_for
from runtime.faults import LOCK_NOT_AVAILABLE, sqlstate

FOLDER = Path(__file__).parent.parent / "migrations"
VERSIONS = FOLDER / "versions"
TURN = text("SELECT pg_try_advisory_lock(20260)")
"""The lock of PostgreSQL's that whoever migrates holds."""
LOOK_SECONDS = 0.2
TURN_SECONDS = 600
"""For how long whoever comes second waits for the first."""
LOCK_SECONDS = 10
"""Behind a statement that waits for a table's lock, everybody else waits for the table."""
OTHER_TABLES = {"42P01", "42703", "42704", "42883", "42P07", "42701", "42710", "42723"}
"""Errors about tables, columns and the like that are not there, or are there already."""
REMEDY = "restore a backup into the database, or begin with an empty one"


class NotMigrated(Exception):
    """Says in one sentence why, and what to do."""


class Outdated(NotMigrated):
    """The tables are not those that the migrations before made: no later one mends that."""


async def migrate(url: str, versions: Path = VERSIONS) -> None:
    """Bring the tables to the newest version; those of a newer release stay as they are.
    Raises NotMigrated."""
    await in_turn(url, partial(upgrade, versions=versions))


async def in_turn(url: str, act: Callable[[Connection], None]) -> None:
    """Do it on a connection, while no other process migrates. Raises NotMigrated."""
    engine = engine_for(url, bounds=replace(BULK, lock=LOCK_SECONDS))
    try:
        async with the_turn(url), engine.connect() as connection:
            await connection.run_sync(act)
    finally:
        await engine.dispose()


@asynccontextmanager
async def the_turn(url: str) -> AsyncIterator[None]:
    """Held by a connection of its own, as migrations begin and end transactions.

    Asked for again and again, and never waited for in PostgreSQL: an index that is made
    concurrently waits for all statements under way, and this one would be waiting for it.
    """
    engine = engine_for(url)
    until = time.monotonic() + TURN_SECONDS
    try:
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            while not (await connection.execute(TURN)).scalar_one():
                if time.monotonic() > until:
                    raise NotMigrated(
                        f"Another process has been migrating for {TURN_SECONDS // 60} minutes:"
                        " wait until it is through, and start again."
                    )
                await asyncio.sleep(LOOK_SECONDS)
            yield
    finally:
        await engine.dispose()


def upgrade(connection: Connection, versions: Path = VERSIONS) -> None:
    config = config_for(versions)
    config.attributes["connection"] = connection
    if not at(connection) <= known(ScriptDirectory.from_config(config)):
        return
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        connection.rollback()
        raise failed(error, after=at(connection)) from error


def failed(error: DBAPIError, after: set[str]) -> NotMigrated:
    which = f"The migration after {', '.join(after)}" if after else "The first migration"
    state = sqlstate(error) or ""
    if state == LOCK_NOT_AVAILABLE:
        return NotMigrated(
            f"{which} waited {LOCK_SECONDS} seconds for a lock that others hold:"
            " run `server.py migrate` again when less is going on."
        )
    cause = error.orig and (error.orig.__cause__ or error.orig)
    if state in OTHER_TABLES:
        return Outdated(f"{which} does not fit the tables ({cause}): {REMEDY}.")
    return NotMigrated(f"{which} cannot be carried out: {cause}.")


async def is_behind(url: str) -> bool:
    """Whether there are migrations that the database has not seen."""
    scripts = ScriptDirectory.from_config(config_for(VERSIONS))
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            reached = await connection.run_sync(at)
    finally:
        await engine.dispose()
    return reached <= known(scripts) and reached != set(scripts.get_heads())


def known(scripts: ScriptDirectory) -> set[str]:
    return {each.revision for each in scripts.walk_revisions()}


def config_for(versions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    return config


def at(connection: Connection) -> set[str]:
    """The versions that the database is at: one, or none where nothing has been migrated."""
    heads = set(MigrationContext.configure(connection).get_current_heads())
    connection.rollback()
    return heads
