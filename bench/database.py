"""The database of the bench: the embedded PostgreSQL with three years of demo data, kept between
runs; what it costs, and what it is sent."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
from fasteners import InterProcessLock
from sqlalchemy.engine import make_url

from data import demo, reference
from runtime.embedded import default_folder, embedded_postgres
from runtime.migration import migrate

CHECKOUT = Path(__file__).parent.parent
PROFILE = replace(demo.PROFILES["scale-2025"], completed=300_000)
"""Its people, and so much work done that each has four reviews to show, on average."""
STATEMENT = re.compile(r"LOG:  (statement|execute [^:]*): ")


@dataclass(frozen=True)
class Database:
    url: str
    folder: Path

    @property
    def host(self) -> str:
        return str(make_url(self.url).query["host"])

    @property
    def environment(self) -> dict[str, str]:
        """Where it is, as we, and libpq and all that resembles it, want to be told."""
        return {
            "DATABASE_URL": self.url,
            "PGHOST": self.host,
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
        }

    def rows(self, statement: str, *parameters: Any) -> list[Any]:
        with psycopg.connect(
            host=self.host, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            found = connection.execute(statement.encode(), parameters or None)
            return found.fetchall() if found.description else []

    @property
    def postmaster(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))

    def pin(self, core: int) -> None:
        """Backends that start later follow the postmaster."""
        for process in (self.postmaster, *self.postmaster.children()):
            with suppress(psutil.NoSuchProcess):
                process.cpu_affinity([core])

    def cpu_seconds(self) -> float:
        """Of all its processes, those that have ended among them."""
        postmaster = self.postmaster
        seconds = float(sum(postmaster.cpu_times()[:4]))
        for process in postmaster.children():
            with suppress(psutil.NoSuchProcess):
                seconds += sum(process.cpu_times()[:2])
        return seconds

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Collects what PostgreSQL says it was sent meanwhile, by everyone: BEGIN and its like
        too, because each of them is a round trip."""
        log = self.folder / "log"
        self.rows("ALTER SYSTEM SET log_statement = 'all'")
        self.rows("SELECT pg_reload_conf(), pg_sleep(0.2)")
        start, collected = log.stat().st_size, list[str]()
        try:
            yield collected
            with log.open("rb") as file:
                file.seek(start)
                lines = file.read().decode().splitlines()
            collected.extend(line for line in lines if STATEMENT.search(line))
        finally:
            self.rows("ALTER SYSTEM RESET log_statement")
            self.rows("SELECT pg_reload_conf()")


@contextmanager
def a_database() -> Iterator[Database]:
    """For one run at a time: another would be in its way, and in its figures."""
    folder = default_folder(CHECKOUT) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with InterProcessLock(folder / "run.lock"), embedded_postgres(folder) as url:
        asyncio.run(prepare(url))
        database = Database(url, folder / "data")
        database.rows("VACUUM ANALYZE")
        yield database


async def prepare(url: str) -> None:
    await migrate(url)
    await reference.load(url)
    if await demo.is_empty(url):
        print("· seeding the bench's database, once: two minutes", flush=True)
        await demo.seed(url, PROFILE, seed=1, as_of=None, progress=lambda *_: None)
