"""A release starts on a database that has what it needs, and on no other."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url
from typer import Exit

import server
from models import catalogue
from runtime.database import engine_for
from runtime.embedded import embedded_postgres
from runtime.migration import NotMigrated, Outdated, migrate
from runtime.settings import Settings
from runtime.tokens import rotate
from tests.conftest import database, run_sql, run_sql_async
from tests.test_embedded import leave, owner
from tests.test_server import command, free_port

pytestmark = pytest.mark.slow

EACH = 1 if os.environ.get("LONG") else 12
"""Every so manieth of the things is taken away."""


def dropping(need: str) -> str:
    """How to take it away, with all that hangs on it."""
    kind, _, name = need.partition(" ")
    table, _, part = name.rpartition(".")
    if kind in ("column", "constraint"):
        return f'ALTER TABLE "{table}" DROP {kind} "{part}" CASCADE'
    if kind == "trigger":
        return f'DROP TRIGGER "{part}" ON "{table}"'
    if kind == "type":
        kind = "TABLE" if name in ("procrastinate_jobs", "procrastinate_workers") else kind
        kind = "TABLE" if name == "procrastinate_events" else kind
    return f'DROP {kind} "{name}" CASCADE'


def connected(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    )


def missing_in(sql: psycopg.Connection[tuple[Any, ...]]) -> list[str]:
    return catalogue.missing_in(dict(sql.execute(catalogue.CATALOGUE.text.encode()).fetchall()))


def test_each_thing_that_is_taken_away_is_missed(database_url: str) -> None:
    needs = sorted(catalogue.needs())
    one_of_each_kind = {need.partition(" ")[0]: need for need in needs}.values()
    safety = (need for need in needs if "taken" in need or "alone" in need)
    chosen = {*needs[::EACH], *one_of_each_kind, *safety}
    unnoticed = []
    with connected(database_url) as sql:
        assert missing_in(sql) == []
        for need in chosen:
            sql.execute(dropping(need).encode())
            if f"{need} is missing" not in missing_in(sql):
                unnoticed.append(need)
            sql.rollback()

    assert unnoticed == []


def test_whatever_migrations_make_beside_tables_is_needed(database_url: str) -> None:
    kinds = ("trigger", "function", "sequence")
    with connected(database_url) as sql:
        found = dict(sql.execute(catalogue.CATALOGUE.text.encode()).fetchall())
        # Made by a type or a column, and gone with it.
        serial = {
            f"sequence {name}"
            for (name,) in sql.execute(
                "SELECT objid::regclass::text FROM pg_depend"
                " WHERE classid = 'pg_class'::regclass AND deptype IN ('a', 'i')"
            )
        }
    beside = {name for name in found if name.startswith(kinds) and "procrastinate" not in name}
    ours = beside - serial - {"function textrange", "function textmultirange"}

    assert ours
    assert ours - catalogue.needs().keys() == set()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "ALTER TABLE worker ALTER years_experience TYPE bigint",
            "column worker.years_experience is bigint instead of integer",
        ),
        (
            'ALTER TABLE citizen ALTER mobile TYPE text COLLATE "default"',
            'column citizen.mobile is text instead of text COLLATE "C"',
        ),
        (
            "DROP INDEX consent_record_standing; CREATE INDEX consent_record_standing"
            " ON consent_record (subject_id)",
            "index consent_record_standing is plain instead of unique",
        ),
        (
            "UPDATE pg_index SET indisvalid = false"
            " WHERE indexrelid = 'consent_record_standing'::regclass",
            "index consent_record_standing is missing",
        ),
        (
            "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only",
            "trigger audit_entry.audit_entry_append_only is missing",
        ),
        (
            "ALTER TABLE worker_time DROP CONSTRAINT worker_time_taken;"
            " ALTER TABLE worker_time ADD CONSTRAINT worker_time_taken CHECK (true)",
            "constraint worker_time.worker_time_taken is check instead of exclude",
        ),
    ],
)
def test_what_is_something_else_is_told_apart(database_url: str, change: str, told: str) -> None:
    with connected(database_url) as sql:
        sql.execute(change.encode())
        assert missing_in(sql) == [told]
        sql.rollback()


NEWER = (
    "ALTER TABLE worker ADD nickname text",
    "CREATE TABLE of_the_next_release (id text PRIMARY KEY)",
    "CREATE INDEX of_the_next_release_too ON worker (photo_url)",
    "ALTER TABLE worker ALTER channel DROP NOT NULL",
    "DROP INDEX worker_listed",
    "UPDATE alembic_version SET version_num = '9999'",
)


async def test_a_newer_schema_serves_this_release_and_is_left_alone(
    client: httpx.AsyncClient, database_url: str
) -> None:
    await run_sql_async(database_url, *NEWER)

    await migrate(database_url)
    await catalogue.require(database_url)

    engine = engine_for(database_url)
    async with engine.connect() as connection:
        version = await connection.exec_driver_sql("SELECT version_num FROM alembic_version")
        assert version.scalar_one() == "9999"
    await engine.dispose()
    assert (await client.get("/readyz")).json() == {"ready": True, "postgresql": "up"}


async def test_nobody_is_sent_to_a_process_whose_tables_lack_something(
    client: httpx.AsyncClient, database_url: str
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    await run_sql_async(
        database_url,
        "ALTER TABLE worker_time DROP CONSTRAINT worker_time_taken",
        "DROP TABLE webhook_attempt",
    )

    answer = await client.get("/readyz")

    assert answer.status_code == 503
    told = answer.json()
    assert told["ready"] is False
    assert told["postgresql"] == "up"
    assert "worker_time_taken is missing and" in told["tables"]


async def test_what_migrations_can_bring_is_told_apart_from_what_they_cannot(
    server_url: str, database_url: str
) -> None:
    with (
        database(server_url) as empty,
        pytest.raises(NotMigrated, match=r"run `server.py migrate`\.$") as behind,
    ):
        await catalogue.require(empty)
    assert not isinstance(behind.value, Outdated)

    await run_sql_async(database_url, "ALTER TABLE booking DROP COLUMN number CASCADE")
    with pytest.raises(Outdated, match="restore a backup into the database, or begin with an"):
        await catalogue.require(database_url)


@pytest.fixture
def production(tmp_path: Path) -> dict[str, str]:
    rotate(tmp_path / "keys.json")
    return {
        "DEVELOPMENT": "false",
        "SIGNING_KEYS": str(tmp_path / "keys.json"),
        "ISSUER": "https://sewamitra.up.gov.in",
        "SMS_URL": "http://127.0.0.1:9/sms",
        "WEBHOOK_KEY": "w" * 32,
        "PORT": str(free_port()),
    }


@pytest.mark.parametrize("started", ["serve", "work"])
def test_where_people_are_real_a_start_changes_nothing_and_says_what_to_do(
    server_url: str, production: dict[str, str], started: str
) -> None:
    with database(server_url) as url:
        result = command(started, DATABASE_URL=url, **production)
        with connected(url) as sql:
            found = sql.execute(catalogue.CATALOGUE.text.encode()).fetchall()

    assert result.returncode == 1
    assert "run `server.py migrate`" in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert [name for name, _ in found if name.startswith("column")] == []


@pytest.mark.parametrize("started", ["serve", "work", "migrate"])
def test_nothing_starts_on_a_database_of_another_time(
    database_url: str, production: dict[str, str], started: str
) -> None:
    run_sql(
        database_url,
        "ALTER TABLE worker_time DROP CONSTRAINT worker_time_taken",
        "DROP TABLE webhook_attempt",
    )

    result = command(started, DATABASE_URL=database_url, **production)

    said = " ".join(result.stderr.split())
    assert result.returncode == 1
    assert "is missing and" in said
    assert "no migration is left to change that: restore a backup" in said
    assert "Traceback" not in said


@pytest.fixture
def outdated() -> Iterator[Path]:
    """The folder of an embedded server whose tables are not those that its version says."""
    with TemporaryDirectory(dir="/var/tmp", prefix="sewa-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with embedded_postgres(folder) as url:
            asyncio.run(migrate(url))
            run_sql(url, "DROP TABLE webhook_attempt", "CREATE TABLE of_before (n int)")
        (folder / "documents").mkdir()
        (folder / "documents" / "kept").write_text("A certificate.")
        yield folder


def test_demo_data_of_another_time_are_moved_aside_and_it_is_said_where(outdated: Path) -> None:
    first = command("migrate", DATA_DIR=str(outdated), COLUMNS="1000")
    (aside,) = outdated.glob("before-*")
    second = command("migrate", DATA_DIR=str(outdated))

    assert first.returncode == 0, first.stderr
    assert "webhook_attempt" in first.stderr
    assert f"the demo data were moved to {aside}, and are made anew" in first.stderr
    assert (second.returncode, second.stderr) == (0, "")
    assert (aside / "documents" / "kept").read_text() == "A certificate."
    with embedded_postgres(aside) as url:
        run_sql(url, "SELECT n FROM of_before")


def test_what_somebody_uses_is_not_moved_aside(outdated: Path) -> None:
    other = owner(outdated)
    try:
        result = command("migrate", DATA_DIR=str(outdated))
    finally:
        leave(other)

    assert result.returncode == 1
    assert "another process uses them: end it first" in " ".join(result.stderr.split())
    assert list(outdated.glob("before-*")) == []


def test_where_people_are_real_nothing_is_moved_aside(
    outdated: Path, production: dict[str, str]
) -> None:
    result = command("migrate", DATA_DIR=str(outdated), **production)

    assert result.returncode == 1
    assert "restore a backup" in " ".join(result.stderr.split())
    assert list(outdated.glob("before-*")) == []


def test_data_are_put_back_where_it_is_a_migration_that_is_wrong(
    outdated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def wrong(url: str, migrating: bool) -> None:
        raise Outdated("The migration after 0003 does not fit the tables.")

    monkeypatch.setattr(server, "prepare", wrong)
    settings = Settings(data_dir=str(outdated))

    with pytest.raises(Exit), server.a_usable_database(settings):
        pass

    assert list(outdated.glob("before-*")) == []
    assert (outdated / "documents" / "kept").exists()
    with embedded_postgres(outdated) as url:
        run_sql(url, "SELECT n FROM of_before")
