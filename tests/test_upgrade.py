"""A database that the base release filled becomes the same as a new one, with all its rows."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from models import catalogue
from runtime.migration import migrate
from tests.conftest import CHECKOUT, database

BASE = CHECKOUT / "tests" / "upgrade" / "base.sql.gz"

DEFINITIONS = b"""
    SELECT concat_ws(' ', 'column', attrelid::regclass, attname, format_type(atttypid, atttypmod),
                     attnotnull, attidentity, attcollation::regcollation,
                     pg_get_expr(adbin, adrelid))
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
      LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT concat_ws(' ', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger
     WHERE NOT tgisinternal
    UNION ALL
    SELECT pg_get_functiondef(p.oid) FROM pg_proc p
     WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    UNION ALL
    SELECT concat_ws(' ', 'sequence', seqrelid::regclass, seqtypid::regtype, seqstart)
      FROM pg_sequence
    UNION ALL
    SELECT concat_ws(' ', 'type', typname, typtype, (
               SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum
                WHERE enumtypid = t.oid))
      FROM pg_type t WHERE typnamespace = 'public'::regnamespace
"""
TABLES = b"""
    SELECT table_name, array_agg(column_name ORDER BY column_name)::text[]
      FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name <> 'alembic_version'
     GROUP BY table_name
"""

DROPPED = {"worker_place": {"gender"}}
"""Columns that later releases did away with: what they held is elsewhere, or not to be kept."""

Sql = psycopg.Connection[tuple[Any, ...]]
Rows = Mapping[str, Counter[str]]


def connected(url: str) -> Sql:
    plain = make_url(url).set(drivername="postgresql")
    return psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True)


@pytest.fixture
def filled(server_url: str) -> Iterator[str]:
    """Filled by the base release."""
    with database(server_url) as url:
        with connected(url) as sql:
            sql.execute(gzip.decompress(BASE.read_bytes()))
        yield url


def listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


NOTED = "WHERE kind NOT IN ('REVIEW', 'CATEGORY')"
"""Migration 0006 notes reviews and categories as records, which they were not before."""


def rows(sql: Sql, columns: Mapping[str, list[str]]) -> Rows:
    """Of each table, as text: how often there is which."""
    return {
        table: Counter(
            row
            for (row,) in sql.execute(
                f'SELECT jsonb_build_array({listed(names)})::text FROM "{table}"'
                f" {NOTED if table == 'record_change' else ''}".encode()
            )
        )
        for table, names in columns.items()
    }


def test_a_database_filled_by_the_base_release_becomes_as_a_new_one(
    server_url: str, filled: str
) -> None:
    with connected(filled) as sql:
        columns = {
            table: [name for name in names if name not in DROPPED.get(table, ())]
            for table, names in sql.execute(TABLES)
        }
        before = rows(sql, columns)

    asyncio.run(migrate(filled))
    asyncio.run(catalogue.require(filled))

    with connected(filled) as sql:
        assert rows(sql, columns) == before
        upgraded = {definition for (definition,) in sql.execute(DEFINITIONS)}
    with database(server_url) as new:
        asyncio.run(migrate(new))
        with connected(new) as sql:
            expected = {definition for (definition,) in sql.execute(DEFINITIONS)}
    assert upgraded ^ expected == set()
    assert len(expected) > 1_000
    filled_tables = [table for table, found in before.items() if found]
    assert len(filled_tables) > 30
