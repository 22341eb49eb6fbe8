"""What is read of people, and what is refused, is on record before it is told."""

from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import select

from models.account import AuditDetail, AuditEntry
from runtime.database import engine_for
from runtime.rights import Role
from runtime.viewer import Viewer
from tests import asking
from tests.asking import because
from tests.conftest import run_sql_async
from tests.make import LUCKNOW, a_worker

OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_1", districts=(LUCKNOW,))


async def answer(url: str, viewer: Viewer, query: str) -> tuple[Any, list[dict[str, Any]]]:
    async with asking.a_process(url) as process:
        return await asking.answer(process, viewer, query)


async def entries(url: str) -> list[Any]:
    engine = engine_for(url)
    async with engine.connect() as connection:
        found = list(
            await connection.execute(
                select(AuditEntry.__table__, AuditDetail.reason)
                .outerjoin_from(AuditEntry, AuditDetail, AuditDetail.id == AuditEntry.detail_id)
                .order_by(AuditEntry.type, AuditEntry.refused)
            )
        )
    await engine.dispose()
    return found


async def test_a_read_leaves_one_row_for_each_type(database_url: str) -> None:
    workers = [await a_worker(database_url) for _ in range(3)]

    await answer(
        database_url,
        replace(OFFICER, reason=because("Complaint 12", *(worker.id for worker in workers))),
        "{ workers { nodes { fullName homeAddress skills { certificateNumber } } } }",
    )

    of_worker, of_skill = await entries(database_url)
    assert (of_worker.type, of_skill.type) == ("Worker", "WorkerSkill")
    assert sorted(of_worker.subject_ids) == sorted(worker.id for worker in workers)
    assert of_worker.fields == ["fullName", "homeAddress"]
    assert (of_worker.actor_id, of_worker.role) == ("us_1", "DISTRICT_OFFICER")
    assert (of_worker.reason, of_worker.request_id) == ("Complaint 12", "request-1")
    assert of_worker.refused is False


async def test_a_refusal_is_on_record_too(database_url: str) -> None:
    worker = await a_worker(database_url)

    await answer(
        database_url, Viewer(Role.WORKER, "wk_other"), "{ workers { nodes { mobile birthYear } } }"
    )

    (entry,) = await entries(database_url)
    assert entry.refused is True
    assert entry.subject_ids == [worker.id]
    assert entry.fields == ["mobile", "birthYear"]


async def test_whoever_had_to_say_why_is_on_record_with_it(database_url: str) -> None:
    worker = await a_worker(database_url)

    officer = replace(OFFICER, reason=because("Complaint 12", worker.id))
    await answer(database_url, officer, "{ workers { nodes { mobile } } }")
    await answer(database_url, Viewer(Role.WORKER, worker.id), "{ workers { nodes { mobile } } }")

    (entry,) = await entries(database_url)
    assert (entry.role, entry.fields, entry.reason) == (
        "DISTRICT_OFFICER",
        ["mobile"],
        "Complaint 12",
    )
    assert entry.subject_ids == [worker.id]


async def test_public_reads_leave_no_trace(database_url: str) -> None:
    await a_worker(database_url)

    await answer(database_url, Viewer(), "{ workers { nodes { displayName } } }")

    assert await entries(database_url) == []


async def test_without_a_record_there_is_no_data(database_url: str) -> None:
    await a_worker(database_url)
    await run_sql_async(database_url, "ALTER TABLE audit_entry RENAME TO elsewhere")

    data, errors = await answer(database_url, OFFICER, "{ workers { nodes { fullName } } }")

    assert data is None
    assert [error["extensions"]["code"] for error in errors] == ["INTERNAL"]


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit_entry SET role = 'X'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"],
)
async def test_the_database_refuses_to_change_the_record(database_url: str, change: str) -> None:
    await a_worker(database_url)
    await answer(database_url, OFFICER, "{ workers { nodes { fullName } } }")

    with pytest.raises(Exception, match="audit_entry is append-only") as refused:
        await run_sql_async(database_url, change)

    assert isinstance(refused.value.__cause__.__cause__, asyncpg.PostgresError)  # type: ignore[union-attr]
    assert len(await entries(database_url)) == 1


WHY: dict[str, Any] = {"category": "COMPLAINT", "text": "Ticket 12", "subjects": ["wk_1"]}
OF_SOMEBODY = ("Call of 98765 43210", "Caller +91-9876543210", "Aadhaar 2345 6789 0124")


BAD: dict[str, list[Any]] = {
    "category": ["OTHER", "DISCLOSURE", None, []],
    "text": ["", "x", 7, "y" * 301, *OF_SOMEBODY],
    "subjects": [[], "wk_1", [7], [""], [f"wk_{n}" for n in range(26)], ["x" * 101]],
}
WHOLE: list[Any] = ["Ticket 12", 7, [], {}, WHY | {"more": 1}]


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        *(("", reason) for reason in WHOLE),
        *((f".{part}", WHY | {part: given}) for part, found in BAD.items() for given in found),
    ],
)
async def test_a_reason_must_be_worth_keeping(
    client: httpx.AsyncClient, argument: str, reason: Any
) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ __typename }", "extensions": {"reason": reason}}
    )

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"]["argument"] == f"extensions.reason{argument}"


async def test_a_reason_opens_whom_it_names_and_nobody_else(database_url: str) -> None:
    named, other, elsewhere = [
        await a_worker(database_url, district_id=district)
        for district in (LUCKNOW, LUCKNOW, "dt_118")
    ]
    reason = because("Complaint 12", named.id, elsewhere.id)

    data, errors = await answer(
        database_url,
        replace(OFFICER, reason=reason),
        "query { workers { nodes { id homeAddress mobile } } }",
    )

    shown = {node["id"]: node["mobile"] for node in data["workers"]["nodes"]}
    assert shown == {named.id: named.mobile, other.id: None, elsewhere.id: None}
    assert {error["extensions"]["code"] for error in errors} >= {"REASON_REQUIRED"}
    seen, refused = await entries(database_url)
    assert (seen.subject_ids, seen.reason_category) == ([named.id], "COMPLAINT")
    assert (refused.refused, set(refused.subject_ids)) == (True, {other.id, elsewhere.id})
