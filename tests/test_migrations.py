"""Migrations stay as they landed, lead to the models, and are carried out by one at a time."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from shutil import copy as copy_file
from shutil import copytree, ignore_patterns
from textwrap import dedent, indent

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from migrations import landed
from runtime import migration
from runtime.database import engine_for
from runtime.migration import VERSIONS, NotMigrated, config_for, in_turn, migrate
from tests.conftest import CHECKOUT, data_folder, database, run_sql_async


def test_each_migration_is_as_it_landed() -> None:
    assert landed.wrong() == []


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the folder of migrations, to be spoilt."""
    folder = tmp_path / "migrations"
    copytree(landed.FOLDER, folder, ignore=lambda *_: ["__pycache__"])
    monkeypatch.setattr(landed, "FOLDER", folder)
    monkeypatch.setattr(landed, "LIST", folder / "landed.txt")
    return folder


@pytest.mark.parametrize("name", sorted(landed.landed()))
def test_a_migration_that_has_landed_is_never_changed_or_removed(copy: Path, name: str) -> None:
    file = copy / name
    file.write_text(file.read_text("utf-8") + "\n", "utf-8")
    assert [said for said in landed.wrong() if said.startswith(f"{name} has landed")]

    file.unlink()
    assert [said for said in landed.wrong() if said.startswith(f"{name} has landed")]


def test_a_new_migration_is_put_on_the_list_as_it_is(copy: Path) -> None:
    new = copy / "versions" / "9999_a_thing.py"
    new.write_text('revision = "9999"\n', "utf-8")
    (said,) = landed.wrong()
    before = landed.LIST.read_text("utf-8")

    assert "run `python -m migrations.landed`" in said
    assert landed.land() == ["versions/9999_a_thing.py"]
    assert landed.wrong() == []
    assert landed.LIST.read_text("utf-8").startswith(before)


def test_migrations_are_numbered_one_after_the_other() -> None:
    scripts = ScriptDirectory.from_config(config_for(VERSIONS))
    numbers = [each.revision for each in scripts.walk_revisions()][::-1]

    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


async def test_models_and_migrations_agree(database_url: str) -> None:
    def compare(connection: Connection) -> None:
        config = config_for(VERSIONS)
        config.attributes["connection"] = connection
        command.check(config)

    await in_turn(database_url, compare)


def typed(
    *arguments: str, folder: Path = CHECKOUT, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PATH": "", "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_alembic_works_as_it_is_typed(server_url: str) -> None:
    head = ScriptDirectory.from_config(config_for(VERSIONS)).get_current_head()
    with database(server_url) as url:
        before = typed("-m", "alembic", "current", DATABASE_URL=url)
        upgraded = typed("-m", "alembic", "upgrade", "head", DATABASE_URL=url)
        after = typed("-m", "alembic", "current", DATABASE_URL=url)
        history = typed("-m", "alembic", "history")

    for result in (before, upgraded, after, history):
        assert result.returncode == 0, result.stderr
    assert before.stdout == ""
    assert after.stdout == f"{head} (head)\n"
    assert "<base> -> 0001" in history.stdout


PACKAGES = ("migrations", "models", "runtime", "alembic.ini", "pyproject.toml")


def test_a_new_migration_is_written_numbered_and_formatted(server_url: str, tmp_path: Path) -> None:
    for name in PACKAGES:
        if (CHECKOUT / name).is_dir():
            copytree(CHECKOUT / name, tmp_path / name, ignore=ignore_patterns("__pycache__"))
        else:
            copy_file(CHECKOUT / name, tmp_path)
    number = len(list(VERSIONS.glob("*.py")))
    versions = tmp_path / "migrations" / "versions"
    write = ("-m", "migrations.new")

    empty = typed(*write, "Nothing yet", folder=tmp_path, DATA_DIR=str(data_folder()))
    model = tmp_path / "models" / "place.py"
    source = model.read_text("utf-8")
    column = '    nickname: Mapped[str | None] = public(comment="A name people use")\n'
    model.write_text(re.sub(r"(class Division\(.*\n(?:.*\n)*?)\n\n", rf"\1{column}\n\n", source))
    full = typed(*write, "Add a nickname", folder=tmp_path, DATA_DIR=str(data_folder()))
    unnamed = typed(*write, "", folder=tmp_path)

    assert empty.returncode == 0, empty.stderr
    assert "Nothing differs between models and migrations" in empty.stdout
    assert "op." not in (versions / f"{number + 1:04}_nothing_yet.py").read_text("utf-8")
    assert full.returncode == 0, full.stderr
    assert "Nothing differs" not in full.stdout
    written = versions / f"{number + 2:04}_add_a_nickname.py"
    assert f'down_revision: str | None = "{number + 1:04}"' in written.read_text("utf-8")
    assert '"division"' in written.read_text("utf-8")
    assert typed("-m", "ruff", "format", "--check", str(written)).returncode == 0
    assert (unnamed.returncode, unnamed.stdout) == (1, "")
    assert 'make migration m="add a thing"' in unnamed.stderr


MIGRATION = """
from alembic import op

revision, down_revision = "{number:04}", {before!r}


def upgrade() -> None:
{body}
"""


def concurrently() -> str:
    """The body of the migration that the page tells people to write."""
    page = (CHECKOUT / "docs" / "upgrading.md").read_text("utf-8")
    (body,) = re.findall(
        r"^  def upgrade\(\) -> None:\n(.*?)^  ```", page, re.DOTALL | re.MULTILINE
    )
    return dedent(str(body))


def versions_of(folder: Path, *bodies: str) -> Path:
    """A folder of migrations, one with each body."""
    before = None
    for number, body in enumerate(bodies, start=1):
        source = MIGRATION.format(number=number, before=before, body=body.strip("\n"))
        (folder / f"{number:04}.py").write_text(source, "utf-8")
        before = f"{number:04}"
    return folder


async def value(url: str, query: str) -> object:
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            found: object = (await connection.execute(text(query))).scalar()
            return found
    finally:
        await engine.dispose()


MIGRATES = """
import asyncio, sys
from pathlib import Path
from runtime.migration import migrate
asyncio.run(migrate(sys.argv[1], Path(sys.argv[2])))
"""


async def test_an_index_is_made_concurrently_and_only_one_of_several_processes_migrates(
    server_url: str, tmp_path: Path
) -> None:
    versions = versions_of(
        tmp_path,
        "    op.execute('CREATE TABLE worker (photo_url int)')\n"
        "    op.execute('INSERT INTO worker SELECT generate_series(1, 1000)')\n"
        # Long enough for the others to come and wait.
        "    op.execute('SELECT pg_sleep(3)')",
        indent(concurrently(), " " * 4),
        "    op.execute('CREATE TABLE after (n int)')",
    )
    with database(server_url) as url:
        processes = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", MIGRATES, url, str(versions)),
                cwd=CHECKOUT,
                stderr=asyncio.subprocess.PIPE,
            )
            for _ in range(3)
        ]
        async with asyncio.timeout(60):
            said = [await process.communicate() for process in processes]

        assert [process.returncode for process in processes] == [0, 0, 0], said
        assert await value(url, "SELECT count(*) FROM worker") == 1000
        assert await value(url, "SELECT version_num FROM alembic_version") == "0003"
        assert await value(
            url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'worker_of_photo'::regclass"
        )


async def test_who_waits_for_the_turn_too_long_is_told(
    server_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(migration, "TURN_SECONDS", 0)
    with database(server_url) as url:
        async with migration.the_turn(url):
            with pytest.raises(NotMigrated, match=r"Another process has been migrating"):
                await migrate(url, versions_of(tmp_path, "    pass"))
        await migrate(url, tmp_path)


async def test_what_came_before_a_migration_that_fails_stays(
    server_url: str, tmp_path: Path
) -> None:
    versions = versions_of(
        tmp_path,
        "    op.execute('CREATE TABLE thing (n int)')",
        "    op.execute('CREATE TABLE half (n int)')\n    op.execute('SELECT 1 / 0')",
    )
    with database(server_url) as url:
        with pytest.raises(NotMigrated, match=r"^The migration after 0001 cannot .*: division by"):
            await migrate(url, versions)

        assert await value(url, "SELECT version_num FROM alembic_version") == "0001"
        assert await value(url, "SELECT to_regclass('thing')::text") == "thing"
        assert await value(url, "SELECT to_regclass('half')::text") is None


async def test_a_migration_does_not_wait_long_for_a_table_that_others_use(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody who asks for the table would wait behind it."""
    monkeypatch.setattr(migration, "LOCK_SECONDS", 1)
    versions = versions_of(
        tmp_path,
        "    op.execute('CREATE TABLE thing (n int)')",
        "    op.execute('ALTER TABLE thing ADD m int')",
    )
    with database(server_url) as url:
        await run_sql_async(url, "CREATE TABLE alembic_version (version_num text PRIMARY KEY)")
        await run_sql_async(url, "CREATE TABLE thing (n int)")
        await run_sql_async(url, "INSERT INTO alembic_version VALUES ('0001')")
        engine = engine_for(url)
        async with engine.begin() as other:
            await other.execute(text("SELECT * FROM thing"))
            with pytest.raises(NotMigrated, match=r"after 0001 waited 1 seconds"):
                await migrate(url, versions)
        await engine.dispose()

        await migrate(url, versions)
        assert await value(url, "SELECT version_num FROM alembic_version") == "0002"
