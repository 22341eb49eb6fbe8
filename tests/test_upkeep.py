"""What has served its time goes; what may still be asked for stays."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from sqlalchemy import text

from models.account import CommandDone, OneTimeCode, Session, SpentCall, SpentToken
from models.base import Row
from models.booking import Quote, QuoteLine, QuoteStatus
from models.worker import Upload, Worker
from runtime.jobs import carry_out
from runtime.process import Process
from tests.asking import a_process
from tests.make import a_worker, save

NOW = datetime(2030, 1, 7, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


async def left(process: Process, table: str, column: str) -> list[str]:
    async with process.database.engine.connect() as connection:
        return list(
            (
                await connection.execute(text(f"SELECT {column} FROM {table} ORDER BY {column}"))
            ).scalars()
        )


def a_code(id: str, age: timedelta) -> Row:
    return OneTimeCode(
        id=id,
        mobile="+910000000001",
        role="CITIZEN",
        address="127.0.0.1",
        hash="x",
        sent_at=NOW - age,
        expires_at=NOW - age + timedelta(minutes=5),
    )


def a_session(id: str, **columns: Any) -> list[Row]:
    session = Session(
        id=id,
        person_id="cz_1",
        role="CITIZEN",
        refresh_hash=id,
        **{"expires_at": NOW + timedelta(days=30), **columns},
    )
    return [session, SpentToken(hash=f"of {id}", session_id=id)]


def an_estimate(id: str, age: timedelta, status: str = QuoteStatus.ESTIMATE) -> list[Row]:
    quote = Quote(
        id=id,
        revision=1,
        status=status,
        total_paise=100,
        offered_at=NOW - age - timedelta(hours=1),
        expires_at=NOW - age,
    )
    line = QuoteLine(quote_id=id, position=0, kind="ITEM", quantity=1, amount_paise=100)
    return [quote, line]


def a_ticket(hash: str, worker: Worker, age: timedelta) -> Row:
    return Upload(
        ticket_hash=hash,
        worker_id=worker.id,
        kind="PHOTO",
        media_type="image/png",
        bytes=1,
        sha256="x",
        requested_by=worker.id,
        expires_at=NOW - age,
    )


async def test_tidying_takes_what_has_served_its_time_and_nothing_else(
    process: Process, database_url: str
) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    done = {"command": "x", "input_hash": "x", "result_id": "x", "viewer_id": "cz_1"}
    worker = await a_worker(database_url)
    await save(
        database_url,
        a_ticket("open", worker, -hour),
        a_ticket("old", worker, hour),
        a_code("fresh", hour),
        a_code("old", 25 * hour),
        CommandDone(key="fresh", done_at=NOW - 23 * hour, **done),
        CommandDone(key="old", done_at=NOW - 25 * hour, **done),
        SpentCall(gateway="router", nonce="fresh", expires_at=NOW - timedelta(minutes=59)),
        SpentCall(gateway="router", nonce="old", expires_at=NOW - timedelta(minutes=61)),
        *a_session("live"),
        *a_session("ended lately", ended_at=NOW - day),
        *a_session("ended long ago", ended_at=NOW - 31 * day),
        *a_session("ran out long ago", expires_at=NOW - 31 * day),
        *an_estimate("fresh", hour),
        *an_estimate("old", 2 * day),
    )

    await carry_out(process, "tidy", {}, now=NOW)

    assert await left(process, "upload", "ticket_hash") == ["open"]
    assert await left(process, "one_time_code", "id") == ["fresh"]
    assert await left(process, "command_done", "key") == ["fresh"]
    assert await left(process, "spent_call", "nonce") == ["fresh"]
    assert await left(process, "session", "id") == ["ended lately", "live"]
    assert await left(process, "spent_token", "hash") == ["of ended lately", "of live"]
    assert await left(process, "quote", "id") == ["fresh"]
    assert await left(process, "quote_line", "quote_id") == ["fresh"]
