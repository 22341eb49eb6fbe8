"""How fast lists of workers are exported, beside PostgreSQL's own COPY of the same columns under
the same conditions.

python -m bench.exports
DATABASE_URL=postgresql://… python -m bench.exports
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median

import asyncpg
import typer
from sqlalchemy import delete, select
from sqlalchemy.engine import make_url

from bench.database import a_database
from engine.contracts import Contracts
from engine.cost import Limits
from engine.engine import Engine
from models.export import Export
from models.partner import PartnerClient, PartnerUsage
from models.place import District
from resolvers.export import start_export
from resolvers.export_turn import work_on_exports
from runtime.ending import end_when_told
from runtime.garbage import look_seldom
from runtime.process import Process, process_of
from runtime.reads import DIALECT
from runtime.rights import Role
from runtime.settings import Settings
from runtime.transaction import Transaction, transaction
from runtime.viewer import Viewer
from runtime.words import Exact
from schema.contract import contract

PURPOSE = "SOCIAL_SECURITY"
CLIENT = "pc_bench"
PLENTY = 10**9
SCALARS = """id code status yearsExperience gender birthYear registeredAt eshramUan mobile
  fullName(language: EN)"""
LISTS = "skills { yearsExperience category { slug } } verifications { kind status }"
COLUMNS = """w.id, w.code, w.status, w.years_experience, CASE WHEN may THEN w.gender END,
  CASE WHEN may THEN w.birth_year END, CASE WHEN may THEN w.registered_at END,
  CASE WHEN may THEN w.eshram_uan END,
  CASE WHEN may THEN left(w.mobile, 3) || 'XXXXXX' || right(w.mobile, 4) END,
  concat_ws(' ', w.first_name_en, CASE WHEN may THEN w.surname_en END)"""
JOINED = """(SELECT json_agg(json_build_object('yearsExperience', s.years_experience,
      'category', json_build_object('slug', c.slug)) ORDER BY s.position)
    FROM worker_skill s JOIN service_category c ON c.id = s.category_id
    WHERE s.worker_id = w.id),
  (SELECT json_agg(json_build_object('kind', v.kind, 'status', v.status) ORDER BY v.kind)
    FROM verification v WHERE v.worker_id = w.id)"""
SAME = f"""SELECT {{columns}} FROM worker w CROSS JOIN LATERAL (
    SELECT w.district_id = ANY($1) AND EXISTS (
      SELECT FROM consent_record c WHERE c.subject_id = w.id AND c.purpose = '{PURPOSE}'
         AND c.withdrawn_at IS NULL) AS may) shown
  WHERE w.status = 'ACTIVE' ORDER BY w.code"""
SHAPES = {
    "ten scalar fields": (SCALARS, COLUMNS),
    "and two nested lists": (f"{SCALARS} {LISTS}", f"{COLUMNS}, {JOINED}"),
}


async def copied(url: str, columns: str, districts: list[str]) -> float:
    """Seconds that COPY takes, its bytes counted and dropped."""
    _, where = DIALECT.create_connect_args(make_url(url))
    connection = await asyncpg.connect(**where, server_settings={"jit": "off"})
    size = 0

    async def count(chunk: bytes) -> None:
        nonlocal size
        size += len(chunk)

    try:
        began = time.perf_counter()
        await connection.copy_from_query(SAME.format(columns=columns), districts, output=count)
        return time.perf_counter() - began
    finally:
        await connection.close()


async def exported(process: Process, viewer: Viewer, selection: str) -> tuple[float, int]:
    """Seconds that it takes, parts in the store and rows in the database and all; and its rows."""
    async with transaction(process, viewer) as tx:
        id = await start_export(tx, document=Exact(f"{{ workers {{ nodes {{ {selection} }} }} }}"))
    began = time.perf_counter()
    while await work_on_exports(process):
        pass
    took = time.perf_counter() - began
    async with transaction(process) as tx:
        (done,) = await tx.every(select(Export).where(Export.id == id))
        assert done.state == "DONE", done.reason
        await tx.remove(done)
    return took, done.rows_written


async def forget(tx: Transaction) -> None:
    """The client, and all that it has left."""
    await tx.change(delete(Export).where(Export.client_id == CLIENT))
    await tx.change(delete(PartnerUsage).where(PartnerUsage.client_id == CLIENT))
    await tx.change(delete(PartnerClient).where(PartnerClient.id == CLIENT))


async def measure(url: str, rounds: int) -> None:
    contracts = Contracts(contract, lambda schema: Engine(schema, limits=Limits()))
    with tempfile.TemporaryDirectory() as store:
        settings = Settings(database_url=url, export_store=str(Path(store) / "parts"))
        async with process_of(settings, runner_for=contracts.engine_for) as process:
            async with transaction(process) as tx:
                districts = await tx.every(select(District.id))
                await forget(tx)
                client = PartnerClient(
                    id=CLIENT,
                    name="Bench",
                    purposes=[PURPOSE],
                    district_ids=districts,
                    rows_per_minute=PLENTY,
                    rows_per_day=PLENTY,
                )
                await tx.add(client)
            viewer = Viewer(
                Role.PARTNER, client.id, districts=tuple(districts), purposes=(PURPOSE,)
            )
            typer.echo("| list | rows | rows/s | COPY rows/s | ratio |")
            typer.echo("| --- | ---: | ---: | ---: | ---: |")
            for name, (selection, columns) in SHAPES.items():
                ours, theirs, rows = [], [], 0
                await exported(process, viewer, selection)
                look_seldom()  # as `work` does
                for _ in range(rounds):
                    theirs.append(await copied(url, columns, districts))
                    seconds, rows = await exported(process, viewer, selection)
                    ours.append(seconds)
                ratio = median(copy / own for copy, own in zip(theirs, ours, strict=True))
                speeds = f"{rows / median(ours):,.0f} | {rows / median(theirs):,.0f}"
                typer.echo(f"| {name} | {rows:,} | {speeds} | {ratio:.2f} |")
            async with transaction(process) as tx:
                await forget(tx)
    typer.echo(f"\nPeak memory of the process: {getrusage(RUSAGE_SELF).ru_maxrss // 1024} MB")


@contextmanager
def chosen() -> Iterator[str]:
    url = Settings.read().database_url
    if url is not None:
        yield url
        return
    with a_database() as database:
        yield database.url


def main(rounds: int = 5) -> None:
    """Print a table; both take turns in one run."""
    with chosen() as url:
        asyncio.run(measure(url, rounds))


if __name__ == "__main__":
    end_when_told()
    typer.run(main)
