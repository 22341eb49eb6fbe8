"""`python -m migrations.new "add a thing"`: writes the migration that leads to the models."""

import asyncio
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.operations import MigrationScript
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from runtime.embedded import default_folder, embedded_postgres
from runtime.migration import in_turn, migrate
from runtime.settings import Settings

CHECKOUT = Path(__file__).parent.parent


@contextmanager
def a_database_apart() -> Iterator[str]:
    """On the embedded server, beside the one that is served; dropped afterwards."""
    folder = Settings.read().data_dir
    name = f"migration_{os.getpid()}"
    with embedded_postgres(Path(folder) if folder else default_folder(CHECKOUT)) as server:
        url = make_url(server)
        with psycopg.connect(
            url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
        ) as sql:
            sql.execute(f"CREATE DATABASE {name}".encode())
            try:
                yield url.set(database=name).render_as_string(hide_password=False)
            finally:
                sql.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def write(message: str, connection: Connection) -> None:
    config = Config(CHECKOUT / "alembic.ini")
    config.attributes["connection"] = connection
    command.revision(config, message, autogenerate=True, process_revision_directives=told)


def told(_: object, __: object, directives: Iterable[MigrationScript]) -> None:
    for script in directives:
        if script.upgrade_ops and script.upgrade_ops.is_empty():
            print("Nothing differs between models and migrations: this one is empty, to be filled.")


def main(message: str) -> None:
    with a_database_apart() as url:
        asyncio.run(migrate(url))
        asyncio.run(in_turn(url, partial(write, message)))


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.exit('Say what it does: make migration m="add a thing"')
    main(sys.argv[1])
