"""Calls for help: at once, without questions, and for few eyes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from loaders import account as load_account
from models.account import AuditDetail, AuditEntry, Outbox
from models.base import Row
from models.booking import Booking
from models.review import Incident
from runtime.process import Process
from runtime.rights import Role
from runtime.transaction import Transaction
from runtime.viewer import Viewer
from tests.asking import a_process, answer, because, send
from tests.conftest import run_sql_async
from tests.make import LUCKNOW, a_booking, a_citizen, a_worker, scalar

AADHAAR = "2345 6789 0124"
HERE = {"latitude": 26.85, "longitude": 81.0}
SELECTED = """... on Incident {
  id numbersToCall raisedAt role note location { latitude longitude } booking { id }
}"""
OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))
LIST = "{ incidents { nodes { id note role } totalCount } }"


@dataclass(frozen=True)
class Visit:
    booking: Booking
    citizen: Viewer
    worker: Viewer


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


@pytest_asyncio.fixture
async def visit(database_url: str) -> Visit:
    citizen, worker = await a_citizen(database_url), await a_worker(database_url)
    booking = await a_booking(database_url, worker=worker, citizen=citizen, state="IN_PROGRESS")
    return Visit(booking, Viewer(Role.CITIZEN, citizen.id), Viewer(Role.WORKER, worker.id))


async def call(process: Process, viewer: Viewer, booking: Booking, **given: Any) -> Any:
    return await send(process, viewer, "callForHelp", SELECTED, bookingId=booking.id, **given)


async def count(url: str, table: type[Row]) -> int:
    return int(await scalar(url, select(func.count()).select_from(table)))


async def test_either_party_calls_for_help_and_is_told_whom_to_call(
    process: Process, visit: Visit, database_url: str
) -> None:
    for viewer in (visit.citizen, visit.worker):
        made = await call(process, viewer, visit.booking, whereabouts=HERE, note="Come quickly")
        assert made["__typename"] == "Incident"
        assert made["numbersToCall"] == ["112", "1090", "181"]
        assert (made["role"], made["note"]) == (viewer.role, "Come quickly")
        assert (made["location"], made["booking"]) == (HERE, {"id": visit.booking.id})

    assert await count(database_url, Incident) == 2
    assert await scalar(database_url, select(func.array_agg(Outbox.event))) == ["SosRaised"] * 2


async def test_the_numbers_are_a_setting(visit: Visit, database_url: str) -> None:
    async with a_process(database_url, emergency_numbers="112, 100") as process:
        made = await call(process, visit.citizen, visit.booking)

    assert made["numbersToCall"] == ["112", "100"]


async def test_pressing_again_within_a_minute_is_one_call(
    process: Process, visit: Visit, database_url: str
) -> None:
    made = await asyncio.gather(*(call(process, visit.citizen, visit.booking) for _ in range(4)))

    assert len({one["id"] for one in made}) == 1
    assert await count(database_url, Outbox) == 1
    await run_sql_async(
        database_url, "UPDATE incident SET raised_at = raised_at - interval '61 seconds'"
    )
    later = await call(process, visit.citizen, visit.booking)
    assert later["id"] != made[0]["id"]
    assert await count(database_url, Incident) == 2


async def test_without_the_lock_pressing_twice_at_once_makes_two(
    process: Process, visit: Visit, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, find = asyncio.Barrier(2), Transaction.find

    async def together(tx: Transaction, statement: Any) -> Any:
        found = await find(tx, statement)
        if "incident" in str(statement):
            await both.wait()
        return found

    monkeypatch.setattr(load_account, "quiet", lambda *_: select(func.version()))
    monkeypatch.setattr(Transaction, "find", together)
    await asyncio.gather(*(call(process, visit.citizen, visit.booking) for _ in range(2)))

    assert await count(database_url, Incident) == 2


async def test_what_is_known_later_is_added_to_the_call(
    process: Process, visit: Visit, database_url: str
) -> None:
    first = await call(process, visit.citizen, visit.booking, note="Help")

    second = await call(process, visit.citizen, visit.booking, whereabouts=HERE)

    assert second["id"] == first["id"]
    assert (second["note"], second["location"]) == ("Help", HERE)
    events = await scalar(database_url, select(func.array_agg(Outbox.event)))
    assert events == ["SosRaised", "SosRepeated"]


@pytest.mark.parametrize(
    ("state", "heard"),
    [
        ("REQUESTED", False),
        ("ACCEPTED", True),
        ("EN_ROUTE", True),
        ("QUOTE_REVISED", True),
        ("CANCELLED", False),
        ("NO_SHOW", False),
    ],
)
async def test_help_is_called_for_while_a_visit_is_due(
    process: Process, visit: Visit, database_url: str, state: str, heard: bool
) -> None:
    await run_sql_async(
        database_url,
        f"UPDATE booking SET state = '{state}', contact_from = NULL, contact_until = NULL",
    )

    came = await call(process, visit.citizen, visit.booking)

    assert came["__typename"] == ("Incident" if heard else "NoVisit")
    assert heard or "112" in came["message"]


async def test_help_is_called_for_a_day_after_the_visit_too(
    process: Process, visit: Visit, database_url: str
) -> None:
    done = "UPDATE booking SET state = 'COMPLETED', completed_at = :now, contact_until = :now"
    await run_sql_async(database_url, f"{done} + interval '1 hour'")
    assert (await call(process, visit.worker, visit.booking))["__typename"] == "Incident"

    await run_sql_async(database_url, f"{done} - interval '1 second'")
    assert (await call(process, visit.worker, visit.booking))["__typename"] == "NoVisit"


async def test_only_the_parties_call_for_help(
    process: Process, visit: Visit, database_url: str
) -> None:
    stranger = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)
    other = Viewer(Role.WORKER, (await a_worker(database_url)).id)

    for viewer in (stranger, other):
        assert await call(process, viewer, visit.booking) == ["NOT_FOUND"]
    assert await call(process, Viewer(), visit.booking) == ["UNAUTHENTICATED"]
    for role in Role:
        if role not in (Role.CITIZEN, Role.WORKER, Role.ANONYMOUS):
            assert await call(process, Viewer(role, "us_x"), visit.booking) == ["FORBIDDEN"]
    assert await count(database_url, Incident) == 0


async def test_a_call_holds_no_aadhaar_number_and_no_place_off_the_earth(
    process: Process, visit: Visit
) -> None:
    refused = await call(process, visit.citizen, visit.booking, note=f"I am {AADHAAR}")
    assert refused["__typename"] == "AadhaarInText"

    away = HERE | {"latitude": 91.0}
    assert await call(process, visit.citizen, visit.booking, whereabouts=away) == ["BAD_INPUT"]


async def test_officers_see_what_it_was_for_a_reason_that_is_on_record(
    process: Process, visit: Visit, database_url: str
) -> None:
    made = await call(process, visit.citizen, visit.booking, note="Come quickly")

    data, errors = await answer(process, OFFICER, LIST)
    assert data["incidents"]["nodes"] == [{"id": made["id"], "note": None, "role": None}]
    assert {error["extensions"]["code"] for error in errors} == {"REASON_REQUIRED"}

    reasoned = replace(OFFICER, reason=because("On duty tonight", made["id"]))
    data, errors = await answer(process, reasoned, LIST)
    assert errors == []
    assert data["incidents"]["nodes"] == [
        {"id": made["id"], "note": "Come quickly", "role": "CITIZEN"}
    ]
    read = (
        select(AuditEntry.subject_ids)
        .join(AuditDetail, AuditDetail.id == AuditEntry.detail_id)
        .where(AuditDetail.reason == "On duty tonight", AuditEntry.type == "Incident")
    )
    assert await scalar(database_url, read) == [made["id"]]


async def test_nobody_else_learns_of_a_call(process: Process, visit: Visit) -> None:
    made = await call(process, visit.citizen, visit.booking)
    query = "query ($id: ID!) { incidents { totalCount } node(id: $id) { id } }"

    for viewer in (
        Viewer(),
        visit.worker,
        Viewer(Role.PROVIDER, "pv_x", provider_id=visit.booking.provider_id),
        Viewer(Role.HELPLINE, "us_h"),
        Viewer(Role.DISTRICT_OFFICER, "us_far", districts=("dt_118",)),
        Viewer(Role.MODERATOR, "us_m"),
        Viewer(Role.AUDITOR, "us_a"),
        Viewer(Role.DEPARTMENT, "us_d", department_id="dp_x"),
    ):
        curious = replace(viewer, reason=because("Curious", made["id"]))
        data, _ = await answer(process, curious, query, id=made["id"])
        assert data == {"incidents": {"totalCount": 0}, "node": None}, viewer.role
