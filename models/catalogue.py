"""What the models need of a database, and what of it a database lacks."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from procrastinate.sql import queries
from sqlalchemy import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeEngine

import models  # noqa: F401  (fills the metadata)
from models.base import Row
from runtime.database import engine_for
from runtime.migration import REMEDY, NotMigrated, Outdated, is_behind
from runtime.reads import DIALECT

NAMES = DIALECT.identifier_preparer

OBJECTS = frozenset(
    {
        "function refuse_change",
        "function staff_number",
        "trigger audit_detail.audit_detail_never_less",
        "trigger audit_detail.audit_detail_only_emptied",
        "trigger audit_entry.audit_entry_append_only",
        "type textrange",
    }
)
"""What migrations make beside the tables of the models; a test finds what is forgotten here."""

GUARD = re.compile(r"CREATE (UNIQUE INDEX|TRIGGER) (\w+)\s[^;]*?\bON (\w+)")
"""How the job library makes what keeps two workers off one job, and what it remembers by."""
DROPPED = "procrastinate_jobs_notify_queue_job_inserted_v1"
"""Migration 0003 says why."""

KINDS: Mapping[type[Constraint], str] = {
    PrimaryKeyConstraint: "primary key",
    ForeignKeyConstraint: "foreign key",
    UniqueConstraint: "unique",
    ExcludeConstraint: "exclude",
    CheckConstraint: "check",
}

CATALOGUE = text(
    """
    WITH relation AS (
        SELECT oid, relname, relkind FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace
    )
    SELECT 'column ' || relname || '.' || attname, format_type(atttypid, atttypmod)
           || CASE attcollation WHEN '"C"'::regcollation THEN ' COLLATE "C"' ELSE '' END
      FROM relation JOIN pg_attribute ON attrelid = relation.oid
     WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'constraint ' || relname || '.' || conname,
           CASE contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique'
                        WHEN 'f' THEN 'foreign key' WHEN 'x' THEN 'exclude' ELSE 'check' END
      FROM relation JOIN pg_constraint ON conrelid = relation.oid
     WHERE contype IN ('p', 'u', 'f', 'x', 'c')
    UNION ALL
    SELECT 'index ' || relname, CASE WHEN indisunique THEN 'unique' ELSE 'plain' END
      FROM relation JOIN pg_index ON indexrelid = relation.oid
     WHERE indisvalid
    UNION ALL
    SELECT 'sequence ' || relname, '' FROM relation WHERE relkind = 'S'
    UNION ALL
    SELECT 'trigger ' || relname || '.' || tgname, ''
      FROM relation JOIN pg_trigger ON tgrelid = relation.oid
     WHERE NOT tgisinternal AND tgenabled <> 'D'
    UNION ALL
    SELECT 'function ' || proname, '' FROM pg_proc
     WHERE pronamespace = current_schema()::regnamespace
    UNION ALL
    SELECT 'type ' || typname, '' FROM pg_type
     WHERE typnamespace = current_schema()::regnamespace
    """
)
"""A build of an index that failed leaves one that is not valid: as good as none."""


@cache
def needs() -> Mapping[str, str]:
    """Things of a database by kind and name, each with what it must be: a type, a kind of
    constraint; empty where being there is all."""
    return dict([*of_models(), *((name, "") for name in OBJECTS), *of_the_job_library()])


def of_models() -> Iterator[tuple[str, str]]:
    for table in Row.metadata.tables.values():
        for column in table.columns:
            yield f"column {table.name}.{column.name}", type_of(column.type)
        for constraint in table.constraints:
            kind = KINDS[type(constraint)]
            yield f"constraint {table.name}.{name_of(constraint)}", kind
        for index in table.indexes:
            # Without others we are slow and not wrong; a newer release may have better ones.
            if index.unique:
                yield f"index {NAMES.format_index(index)}", "unique"
    for sequence in Row.metadata._sequences:
        yield f"sequence {sequence}", ""


def of_the_job_library() -> Iterator[tuple[str, str]]:
    """What its statements name, and what its tables rest on, in the version that is installed."""
    schema = resources.files("procrastinate.sql").joinpath("schema.sql").read_text("utf-8")
    called = set(re.findall(r"\bprocrastinate_\w+", " ".join(queries.values())))
    for name in sorted(called):
        is_function = f"FUNCTION {name}(" in schema
        yield f"{'function' if is_function else 'type'} {name}", ""
    for kind, name, table in GUARD.findall(schema):
        if kind == "UNIQUE INDEX":
            yield f"index {name}", "unique"
        elif name != DROPPED:
            yield f"trigger {table}.{name}", ""


def type_of(type_: TypeEngine[Any]) -> str:
    """As PostgreSQL spells it."""
    name, collates, collation = type_.compile(DIALECT).partition(" COLLATE ")
    return f"{name.lower()}{collates}{collation}"


def name_of(constraint: Constraint) -> str:
    return str(NAMES.format_constraint(constraint))


async def lacking(engine: AsyncEngine) -> list[str]:
    """What the models need and the database does not have, or has as something else. What it has
    beside is not looked at: a newer schema serves an older release."""
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return missing_in(dict(tuple(row) for row in await connection.execute(CATALOGUE)))


def missing_in(found: Mapping[str, str]) -> list[str]:
    return [
        f"{name} is {found[name]} instead of {what}" if name in found else f"{name} is missing"
        for name, what in needs().items()
        if found.get(name) != what
    ]


def summary(lacks: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(lacks) - 1:,} more like it" if len(lacks) > 1 else ""
    return f"The database is not what this release needs: {lacks[0]}{more}"


async def unfit(engine: AsyncEngine) -> str | None:
    """Why this release cannot use the database, in a sentence; None if it can."""
    lacks = await lacking(engine)
    return summary(lacks) if lacks else None


async def require(url: str) -> None:
    """Raises NotMigrated where something is lacking; Outdated where no migration is left that could
    bring it."""
    engine = engine_for(url)
    try:
        lacks = await lacking(engine)
    finally:
        await engine.dispose()
    if lacks and await is_behind(url):
        raise NotMigrated(f"{summary(lacks)}; run `server.py migrate`.")
    if lacks:
        raise Outdated(f"{summary(lacks)}, and no migration is left to change that: {REMEDY}.")
