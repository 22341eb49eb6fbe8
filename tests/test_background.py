"""The background's parts go on, each by itself, whatever befalls the others."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from runtime import background, clock, jobs
from runtime.background import lasting, working
from runtime.changes import FOLLOWERS, follower
from runtime.feed import Change
from runtime.jobs import job
from runtime.process import Process
from runtime.settings import Settings
from runtime.transaction import Transaction, transaction
from server import create_app
from tests.asking import Inbox, a_process
from tests.background import nothing_known
from tests.conftest import CHECKOUT, client_of, run_sql_async
from tests.patience import PATIENCE

PHONE = "+910000000001"


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    with nothing_known():
        async with a_process(database_url, inbox) as process:
            yield process


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(background, "POLL_SECONDS", 0.02)


@pytest.fixture
def told(process: Process) -> list[str]:
    """What followers and a job of the test's own were told: the second of them cannot bear
    the event `Bad`."""
    told: list[str] = []

    @follower("steady")
    async def steady(tx: Transaction, changes: Sequence[Change]) -> None:
        told.extend(f"steady {change.event}" for change in changes)

    @follower("squeamish")
    async def squeamish(tx: Transaction, changes: Sequence[Change]) -> None:
        assert "Bad" not in [change.event for change in changes]
        told.extend(f"squeamish {change.event}" for change in changes)

    @job("greet")
    async def greet(tx: Transaction) -> None:
        tx.tell(PHONE, tx.language, "Good morning", "सुप्रभात")

    return told


async def emit(process: Process, *events: str) -> None:
    async with transaction(process) as tx:
        for event in events:
            await tx.emit(event, "xx_1")


async def greet(process: Process) -> None:
    async with transaction(process) as tx:
        await tx.later(clock.now(), "greet")


async def until(there: Any, expected: Any) -> None:
    for _ in range(300):
        if there() == expected:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{there()} is not {expected}")


async def test_a_follower_that_fails_holds_up_nobody_and_loses_nothing(
    process: Process, told: list[str]
) -> None:
    async with working(process):
        await emit(process, "Good", "Better", "Bad", "After")
        await until(lambda: len(told), 6)

        assert [one for one in told if one.startswith("squeamish")] == [
            "squeamish Good",
            "squeamish Better",
        ]

        async def recovered(tx: Transaction, changes: Sequence[Change]) -> None:
            told.extend(f"squeamish {change.event}" for change in changes)

        FOLLOWERS["squeamish"] = recovered
        await until(lambda: told[6:], ["squeamish Bad", "squeamish After"])


@pytest.mark.same_day
async def test_work_goes_on_when_every_connection_was_cut(
    process: Process, told: list[str], inbox: Inbox, database_url: str
) -> None:
    async with working(process):
        await greet(process)
        await until(lambda: len(inbox.sent), 1)
        await run_sql_async(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        # The test's own were cut too.
        await process.database.engine.dispose()
        await emit(process, "Good")
        await greet(process)

        await until(lambda: sorted(told), ["squeamish Good", "steady Good"])
        await until(lambda: len(inbox.sent), 2)


async def test_what_lasts_is_told_to_stop_and_begun_again_if_it_fails(process: Process) -> None:
    did: list[str] = []

    @lasting("restless")
    async def restless(_: Process, stop: asyncio.Event) -> None:
        did.append("begun")
        if len(did) == 1:
            raise RuntimeError
        await stop.wait()
        did.append("ended")

    async with working(process):
        await until(lambda: did, ["begun", "begun"])

    assert did == ["begun", "begun", "ended"]


async def test_stopping_leaves_no_worker_behind(process: Process, told: list[str]) -> None:
    async with working(process):
        await greet(process)
        await asyncio.sleep(0.2)

    async with process.database.engine.connect() as connection:
        left = await connection.scalar(text("SELECT count(*) FROM procrastinate_workers"))
    assert left == 0


@pytest.mark.same_day
async def test_a_gateway_that_is_asked_to_works_in_the_background_too(
    settings: Settings, inbox: Inbox, process: Process, told: list[str]
) -> None:
    async with client_of(create_app(settings, inbox, background=True)) as client:
        await greet(process)
        await until(lambda: inbox.sent, [(PHONE, "Good morning")])
        ready: httpx.Response = await client.get("/readyz")

    assert ready.status_code == 200


def test_the_worker_stops_when_told(database_url: str) -> None:
    worker = subprocess.Popen(
        [sys.executable, "server.py", "work"],
        cwd=CHECKOUT,
        env={"DATABASE_URL": database_url, "PATH": "/usr/bin", "LOG_FORMAT": "json"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    said = worker.stderr.readline()
    worker.send_signal(signal.SIGTERM)
    _, rest = worker.communicate(timeout=PATIENCE)

    assert "Working" in said
    assert worker.returncode == 0
    assert "Traceback" not in rest
