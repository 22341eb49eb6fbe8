"""Jobs are done when they are due, by one of several workers, also after a crash."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Text, column, insert, table, text

from runtime import clock, jobs
from runtime.jobs import JOBS, job, take_over, work_off
from runtime.process import Process
from runtime.refusal import Refusal
from runtime.transaction import Transaction, transaction
from tests.asking import Inbox, a_process
from tests.background import nothing_known, settle
from tests.conftest import CHECKOUT, run_sql_async

SOON = datetime(2020, 1, 1, tzinfo=UTC)
DONE = table("done", column("what", Text))


class Overtaken(Refusal):
    english = hindi = "It is too late."


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    await run_sql_async(database_url, "CREATE TABLE done (what text NOT NULL)")
    with nothing_known():
        async with a_process(database_url, inbox) as process:
            yield process


@pytest.fixture
def known(process: Process) -> dict[str, int]:
    """Jobs of the test's own, and how often each was begun."""
    begun: dict[str, int] = {}

    @job("note")
    async def note(tx: Transaction, *, what: str) -> None:
        begun[what] = begun.get(what, 0) + 1
        await tx.change(insert(DONE).values(what=what))

    @job("stumble")
    async def stumble(tx: Transaction, *, what: str) -> None:
        await note(tx, what=what)
        if begun[what] < 3:
            raise RuntimeError

    @job("refuse")
    async def refuse(tx: Transaction, *, what: str) -> None:
        await note(tx, what=what)
        raise Overtaken

    return begun


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(jobs, "FIRST_WAIT", timedelta(0))


async def put(process: Process, name: str, what: str, at: datetime = SOON) -> None:
    async with transaction(process) as tx:
        await tx.later(at, name, what=what)


async def rows(process: Process, statement: str) -> list[Any]:
    async with process.database.engine.connect() as connection:
        return list((await connection.execute(text(statement))).scalars())


async def done(process: Process) -> list[str]:
    return await rows(process, "SELECT what FROM done ORDER BY what")


async def until(process: Process, statement: str, expected: Any) -> None:
    """Waits until the statement's first column is as expected."""
    found = None
    for _ in range(200):
        found = await rows(process, statement)
        if found == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{found} is not {expected}")


@asynccontextmanager
async def workers(process: Process, count: int = 1) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work_off(process)) for _ in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


LEFT = "SELECT count(*) FROM procrastinate_jobs"


async def test_each_job_is_done_once_by_several_workers(
    process: Process, known: dict[str, int], impatient: None
) -> None:
    for number in range(40):
        await put(process, "note", f"{number:02}")

    async with workers(process, 3):
        await until(process, LEFT, [0])

    assert await done(process) == [f"{number:02}" for number in range(40)]
    assert set(known.values()) == {1}


async def test_a_job_is_on_the_list_exactly_if_its_command_commits(
    process: Process, known: dict[str, int]
) -> None:
    with suppress(Overtaken):
        async with transaction(process) as tx:
            await tx.later(SOON, "note", what="undone")
            raise Overtaken
    await put(process, "note", "kept")

    await settle(process)

    assert await done(process) == ["kept"]


async def test_a_job_is_not_begun_before_it_is_due_by_a_clock_that_is_late(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = clock.now()
    began: list[datetime] = []

    @job("look")
    async def look(tx: Transaction, *, what: str) -> None:
        began.append(tx.now)

    await put(process, "look", "at the time", due)
    monkeypatch.setattr(clock, "now", lambda: due - timedelta(minutes=1))
    await work_off(process, wait=False)

    assert began == [due]


async def test_a_job_waits_for_its_time(process: Process, known: dict[str, int]) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    await put(process, "note", "tomorrow", tomorrow)

    await work_off(process, wait=False)
    await settle(process)
    assert await done(process) == []

    await settle(process, as_of=tomorrow)
    assert await done(process) == ["tomorrow"]


async def test_a_job_that_fails_is_tried_again_and_leaves_nothing_half_done(
    process: Process, known: dict[str, int], impatient: None
) -> None:
    await put(process, "stumble", "third time")

    async with workers(process):
        await until(process, LEFT, [0])

    assert known["third time"] == 3
    assert await done(process) == ["third time"]


async def test_a_job_that_keeps_failing_stays_on_the_list_as_failed(
    process: Process, known: dict[str, int], impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "TRIES", 1)
    await put(process, "stumble", "twice")

    async with workers(process):
        await until(process, "SELECT status::text FROM procrastinate_jobs", ["failed"])

    assert known["twice"] == 2
    assert await done(process) == []


async def test_a_job_that_was_overtaken_is_over_and_changed_nothing(
    process: Process, known: dict[str, int], impatient: None
) -> None:
    await put(process, "refuse", "late")

    async with workers(process):
        await until(process, LEFT, [0])

    assert known["late"] == 1
    assert await done(process) == []


async def test_the_jobs_of_a_worker_that_died_are_taken_over(
    process: Process, known: dict[str, int], impatient: None, database_url: str
) -> None:
    await put(process, "note", "left behind")
    await put(process, "note", "in good hands")
    await run_sql_async(
        database_url,
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')",
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())",
        "SELECT procrastinate_fetch_job_v2(NULL, min(id)) FROM procrastinate_workers",
        "SELECT procrastinate_fetch_job_v2(NULL, max(id)) FROM procrastinate_workers",
    )

    assert await take_over(process) == 1
    assert await take_over(process) == 0

    async with workers(process):
        await until(process, "SELECT what FROM done", ["left behind"])


async def test_a_job_whose_end_was_never_heard_of_is_taken_over(
    process: Process, known: dict[str, int], database_url: str
) -> None:
    await put(process, "note", "lost")
    await run_sql_async(
        database_url,
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())",
        "SELECT procrastinate_fetch_job_v2(NULL, id) FROM procrastinate_workers",
    )
    assert await take_over(process) == 0

    await run_sql_async(
        database_url, "UPDATE procrastinate_events SET at = at - interval '16 minutes'"
    )
    assert await take_over(process) == 1


async def test_a_worker_that_is_stopped_ends_what_it_began(
    process: Process, impatient: None
) -> None:
    begun = asyncio.Event()

    @job("slow")
    async def slow(tx: Transaction) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        await tx.change(insert(DONE).values(what="slow"))

    async with transaction(process) as tx:
        await tx.later(SOON, "slow")
    async with workers(process):
        await begun.wait()

    assert await done(process) == ["slow"]
    assert await rows(process, LEFT) == [0]
    assert await rows(process, "SELECT id FROM procrastinate_workers") == []


async def test_what_a_job_tells_leaves_after_its_commit(process: Process, inbox: Inbox) -> None:
    @job("tell")
    async def tell(tx: Transaction) -> None:
        tx.tell("+910000000001", tx.language, "Good morning", "सुप्रभात")
        assert inbox.sent == []

    async with transaction(process) as tx:
        await tx.later(SOON, "tell")
    await settle(process)

    assert inbox.sent == [("+910000000001", "Good morning")]


def calls(method: str) -> Iterator[ast.Call]:
    """The calls of a method of the transaction in all resolvers."""
    for file in sorted((CHECKOUT / "resolvers").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"tx.{method}":
                yield node


def test_whatever_commands_put_on_the_list_there_is_a_job_for() -> None:
    put_on = [(ast.literal_eval(call.args[1]), call.keywords) for call in calls("later")]

    assert put_on
    for name, given in put_on:
        assert name in JOBS
        signature(JOBS[name].run).bind("tx", **{str(keyword.arg): None for keyword in given})


def test_the_documentation_lists_the_jobs_there_are() -> None:
    page = (CHECKOUT / "docs" / "background.md").read_text(encoding="utf-8")
    table = page.partition("| job | due | does |")[2].partition("\n\n")[0]
    listed = [name for row in table.splitlines() for name in re.findall("`(\\w+)`", row[:60])]

    assert sorted(listed) == sorted(JOBS)
