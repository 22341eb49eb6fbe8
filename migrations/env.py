"""How Alembic reaches the database: on the connection that it is handed, or, where `alembic` was
typed, on one to DATABASE_URL or the embedded server."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from alembic import context
from alembic.operations import MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

import models  # noqa: F401  (fills the metadata)
from models.base import Row
from runtime.migration import in_turn
from runtime.settings import Settings

LEAVING: frozenset[str] = frozenset({"audit_entry.reason"})
"""Tables, and columns as `table.column`, that the models name no more and that a migration of the
next release drops: the release before this one may still run, and needs them."""


def ours(name: str | None, kind: str, parents: Mapping[Any, str | None]) -> bool:
    """The tables of the job library are its own to describe."""
    if kind == "column":
        return f"{parents['table_name']}.{name}" not in LEAVING
    return kind != "table" or not (name in LEAVING or str(name).startswith("procrastinate_"))


def numbered(migration: MigrationContext, _: object, directives: Iterable[MigrationScript]) -> None:
    """The next number for each new migration."""
    for script in directives:
        head = context.script.get_current_head()
        script.rev_id = f"{int(head or 0) + 1:04}"


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Row.metadata,
        include_name=ours,
        process_revision_directives=numbered,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_alone() -> None:
    # Whoever hands a connection over may be the server itself.
    from server import a_database

    with a_database(Settings.read()) as url:
        asyncio.run(in_turn(url, run))


handed_over = context.config.attributes.get("connection")
if handed_over is None:
    run_alone()
else:
    run(handed_over)
