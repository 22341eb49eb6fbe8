"""Turns at exports: nothing missing and nothing twice, whoever is killed and whatever ends."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLError
from sqlalchemy import true

from models.export import Export
from resolvers import export_turn as turn
from runtime import partner
from runtime.faults import Coded, TooSlow
from runtime.process import Process
from runtime.rights import Role
from runtime.runner import Piece
from runtime.viewer import Viewer
from tests.conftest import CHECKOUT, run_sql_async
from tests.exporting import (
    NAMES,
    PURPOSE,
    a_client,
    about,
    begin,
    exported,
    exporting,
    finish,
    ids_in,
    note,
    people,
    records,
    rows_of,
    while_it_runs,
)

AUDITOR = Viewer(Role.AUDITOR, "us_auditor")


@pytest_asyncio.fixture
async def process(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Process]:
    # Clients are looked up anew each time.
    monkeypatch.setattr(partner, "KNOWN_SECONDS", -1)
    async with exporting(database_url, tmp_path / "store") as process:
        yield process


@pytest_asyncio.fixture
async def client(database_url: str) -> Viewer:
    return await a_client(database_url)


# Whoever is killed loses nothing.


async def test_one_that_is_cancelled_between_pages_goes_on_without_loss(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await people(database_url, 9)
    await note(process)
    id = await begin(process, client)
    assert await turn.work_on_exports(process)
    pages = 0

    async def stopped(*_: Any) -> None:
        nonlocal pages
        pages += 1
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(turn, "keep_turn", stopped)
        with pytest.raises(asyncio.CancelledError):
            await turn.work_on_exports(process)
    assert pages == 1
    # Its turn is not over for others until it has not been heard of for a while.
    assert await finish(process) == 0
    await run_sql_async(database_url, "UPDATE export SET held_until = :now - interval '1 second'")
    await finish(process)

    assert sorted(await ids_in(process, id)) == sorted(expected)


KILLED = """
import asyncio, resolvers.export_turn as turn, server
whole = turn.add_page
async def slowly(*given):
    await asyncio.sleep(0.2)
    await whole(*given)
turn.add_page = slowly
asyncio.run(server.work_until_told(server.the_settings()))
"""


@pytest.mark.same_day
async def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    process: Process, database_url: str, client: Viewer
) -> None:
    expected = await people(database_url, 14)
    await note(process)
    id = await begin(process, client)
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "EXPORT_STORE": process.parts.address,
        "EXPORT_PAGE": "2",
        "EXPORT_PART_ROWS": "5",
    }
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, cwd=CHECKOUT, env=environment
    )
    try:
        until = time.monotonic() + 30
        while (await about(process, client, id))["rows"] < 8:
            assert time.monotonic() < until, "the worker does nothing"
            assert worker.returncode is None
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
    finally:
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    before = await about(process, client, id)
    assert before["state"] == "RUNNING"
    await run_sql_async(database_url, "UPDATE export SET held_until = :now - interval '1 second'")

    await finish(process)

    after = await about(process, client, id)
    assert after["state"] == "DONE"
    assert after["parts"][: len(before["parts"])] == before["parts"]
    assert sorted(await ids_in(process, id)) == sorted(expected)


async def two_at_once(process: Process, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While one is at a page, another looks for something to do: whether it found a turn."""
    found: list[bool] = []
    whole = turn.add_page

    async def and_another(*given: Any) -> None:
        if not found:
            found.append(False)
            found[0] = bool(await turn.work_on_exports(process))
        await whole(*given)

    monkeypatch.setattr(turn, "add_page", and_another)
    await turn.work_on_exports(process)
    monkeypatch.setattr(turn, "add_page", whole)
    return found


async def test_two_never_write_the_same_part(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await people(database_url, 7)
    await note(process)
    id = await begin(process, client)

    assert await two_at_once(process, monkeypatch) == [False]
    await finish(process)

    assert sorted(await ids_in(process, id)) == sorted(expected)


async def test_without_turns_they_would(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await people(database_url, 7)
    await note(process)
    id = await begin(process, client)
    monkeypatch.setattr("loaders.export.is_free", lambda _: true())

    assert await two_at_once(process, monkeypatch) == [True]
    # Who lost its turn writes its work off: even so nothing is lost, and nothing there twice.
    assert len((await about(process, client, id))["parts"]) == 1
    await finish(process)
    assert sorted(await ids_in(process, id)) == sorted(expected)


async def test_without_tokens_that_would_break_it(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people(database_url, 7)
    await note(process)
    id = await begin(process, client)
    is_running = Export.state == "RUNNING"
    monkeypatch.setattr("loaders.export.is_free", lambda _: true())
    monkeypatch.setattr("loaders.export.is_held", lambda *_: is_running)

    await two_at_once(process, monkeypatch)

    assert (await about(process, client, id))["state"] == "FAILED"


async def test_a_turn_lasts_as_long_as_whoever_has_it_lives(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the store takes longer than a turn does without being heard of."""
    await people(database_url, 1)
    await note(process)
    id = await begin(process, client)
    monkeypatch.setattr(turn, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(turn, "HEARD_SECONDS", 0.1)
    put, tried = process.parts.put, []

    async def slowly(*given: Any) -> None:
        await asyncio.sleep(1)
        tried.append(await turn.work_on_exports(process))
        await put(*given)

    monkeypatch.setattr(process.parts, "put", slowly)
    await turn.work_on_exports(process)

    assert tried == [False]
    assert (await about(process, client, id))["state"] == "DONE"


async def test_a_schema_that_has_changed_ends_it(
    process: Process, database_url: str, client: Viewer
) -> None:
    """Parts of one export are of one shape."""
    id = await begin(process, client)
    await run_sql_async(database_url, "UPDATE export SET shape = '[]'")
    await finish(process)

    assert (await about(process, client, id))["reason"].startswith("SCHEMA_CHANGED: ")


async def test_the_client_that_waited_longest_is_next(
    process: Process, database_url: str, client: Viewer
) -> None:
    other = await a_client(database_url)
    await people(database_url, 12)
    await note(process)
    first, second = await begin(process, client), await begin(process, client)
    third = await begin(process, other)

    order = []
    for _ in range(4):
        before = {id: (await about(process, AUDITOR, id))["rows"] for id in (first, second, third)}
        assert await turn.work_on_exports(process)
        after = {id: (await about(process, AUDITOR, id))["rows"] for id in before}
        order += [id for id in before if after[id] != before[id]]

    assert order == [first, third, first, third]


# What ends meanwhile.


async def test_a_consent_that_is_withdrawn_holds_from_the_next_page_on(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people(database_url, 4)

    async def withdrawn() -> None:
        await run_sql_async(database_url, "UPDATE consent_record SET withdrawn_at = :now")

    while_it_runs(monkeypatch, withdrawn)
    id = await exported(process, client, NAMES)

    found = [record["fullName"] for record in await records(process, id)]
    assert found == ["Anil Yadav", "Anil Yadav", None, None]
    assert (await about(process, client, id))["warnings"] == 1


async def test_a_purpose_that_ends_holds_from_the_next_page_on(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people(database_url, 4)

    async def ended() -> None:
        await run_sql_async(database_url, "UPDATE partner_client SET purposes = '{RESEARCH}'")

    while_it_runs(monkeypatch, ended)
    id = await exported(process, client, NAMES)

    found = [record["fullName"] for record in await records(process, id)]
    assert found == ["Anil Yadav", "Anil Yadav", None, None]


async def test_no_purpose_that_comes_later_adds_to_it(
    process: Process, database_url: str, client: Viewer
) -> None:
    await people(database_url, 2, purpose="SOCIAL_SECURITY")
    id = await begin(process, client, NAMES)
    await run_sql_async(
        database_url, f"UPDATE partner_client SET purposes = '{{{PURPOSE},SOCIAL_SECURITY}}'"
    )
    await finish(process)

    assert [record["fullName"] for record in await records(process, id)] == [None, None]


async def test_access_that_ends_fails_it_with_a_reason(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people(database_url, 4)

    async def revoked() -> None:
        await run_sql_async(database_url, "UPDATE partner_client SET revoked_at = :now")

    while_it_runs(monkeypatch, revoked)
    id = await begin(process, client, NAMES)
    await finish(process)

    told = await about(process, AUDITOR, id)
    assert told["state"] == "FAILED"
    assert told["reason"] == "ACCESS_ENDED: The client's access has ended."
    assert told["parts"] == []


async def test_every_page_is_on_record(process: Process, database_url: str, client: Viewer) -> None:
    await people(database_url, 3)
    id = await exported(process, client, NAMES)

    entries = await rows_of(
        database_url,
        "SELECT actor_id, purposes, cardinality(subject_ids) AS people FROM audit_entry"
        " WHERE request_id = :id AND type = 'Worker' AND NOT refused ORDER BY people",
        id=id,
    )
    assert [tuple(row) for row in entries] == [(client.id, [PURPOSE], 1), (client.id, [PURPOSE], 2)]


# What goes wrong.


async def test_an_outage_is_waited_out(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await people(database_url, 3)
    await note(process)
    id = await begin(process, client)

    async def down(*_: Any) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(turn, "add_page", down)
        assert await finish(process) == 1
    told = await about(process, client, id)
    assert (told["state"], told["reason"]) == ("RUNNING", None)
    await run_sql_async(database_url, "UPDATE export SET not_before = :now")
    await finish(process)

    assert sorted(await ids_in(process, id)) == sorted(expected)


async def test_an_outage_without_end_fails_it(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await begin(process, client)

    async def down(*_: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(turn, "add_page", down)
    for _ in range(turn.TRIES + 1):
        await run_sql_async(database_url, "UPDATE export SET not_before = :now")
        assert await finish(process) == 1

    told = await about(process, client, id)
    assert told["state"] == "FAILED"
    assert told["reason"].startswith("UNAVAILABLE: ")


@pytest.mark.parametrize(
    "error",
    [
        TooSlow(1),
        GraphQLError("", original_error=TooSlow(1)),
        GraphQLError("", original_error=asyncpg.QueryCanceledError("statement timeout")),
    ],
)
def test_what_takes_the_database_too_long_is_put_off(error: GraphQLError) -> None:
    with pytest.raises(turn.Outage):
        turn.warnings_in(Piece(None, None, False, [error]))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError("secret"), "INTERNAL: Something went wrong on our side. Quote {id}"),
        (Coded("LIMIT_EXCEEDED", "Ask for less."), "LIMIT_EXCEEDED: Ask for less."),
    ],
)
async def test_anything_else_fails_it_with_a_reason_that_tells_no_secret(
    process: Process,
    client: Viewer,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
) -> None:
    id = await begin(process, client)
    whole = turn.add_page

    async def failing(part: Any, piece: Piece, write: Any) -> None:
        if isinstance(error, Coded):
            await whole(part, Piece(None, None, False, [error]), write)
        raise error

    monkeypatch.setattr(turn, "add_page", failing)
    await finish(process)

    told = await about(process, client, id)
    assert told["state"] == "FAILED"
    assert told["reason"].startswith(reason.format(id=id))
    assert "secret" not in told["reason"]
