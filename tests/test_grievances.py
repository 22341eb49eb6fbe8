"""Complaints: who opens and handles them, where they may stand, and what the clock does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from models.account import Citizen, Outbox
from models.booking import Booking
from models.review import Grievance, GrievanceEntry
from resolvers.grievance import check_grievance
from runtime import clock
from runtime.jobs import carry_out
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.background import settle
from tests.conftest import run_sql_async
from tests.make import (
    LUCKNOW,
    a_booking,
    a_citizen,
    a_department,
    a_provider,
    a_review,
    a_worker,
    scalar,
)

YESTERDAY = clock.now() - timedelta(days=1)
AADHAAR = "2345 6789 0124"
SELECTED = """... on Grievance {
  id ticketNumber subject severity state outcome text reopened acknowledgeBy resolveBy
  district { lgdCode } entries { nodes { toState role text } }
}"""
STANDS = "... on GrievanceStands { standsAt }"
HELPLINE = Viewer(Role.HELPLINE, "us_helpline")
OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))
FAR_OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_far", districts=("dt_118",))
STATE = Viewer(Role.STATE_OFFICER, "us_state")
LIST = "{ grievances { nodes { id } totalCount } }"


@dataclass(frozen=True)
class Parties:
    booking: Booking
    citizen: Citizen
    booker: Viewer
    worker: Viewer
    agency: Viewer


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


@pytest_asyncio.fixture
async def parties(database_url: str) -> Parties:
    provider, citizen = await a_provider(database_url), await a_citizen(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)
    booking = await a_booking(
        database_url, worker=worker, citizen=citizen, state="COMPLETED", starts_at=YESTERDAY
    )
    return Parties(
        booking,
        citizen,
        Viewer(Role.CITIZEN, citizen.id),
        Viewer(Role.WORKER, worker.id),
        Viewer(Role.PROVIDER, provider.id, provider_id=provider.id),
    )


async def complain(process: Process, viewer: Viewer, **given: Any) -> Any:
    asked = {"subject": "QUALITY", "text": "पंखा फिर बंद हो गया", **given}
    return await send(process, viewer, "openGrievance", SELECTED, **asked)


async def step(process: Process, viewer: Viewer, command: str, id: str, **given: Any) -> Any:
    return await send(process, viewer, command, SELECTED + STANDS, grievanceId=id, **given)


async def resolve(process: Process, viewer: Viewer, id: str) -> Any:
    given = {"outcome": "UPHELD", "text": "मरम्मत फिर की जाएगी"}
    return await step(process, viewer, "resolveGrievance", id, **given)


async def reopen(process: Process, viewer: Viewer, id: str) -> Any:
    return await step(process, viewer, "reopenGrievance", id, text="कोई नहीं आया")


@pytest_asyncio.fixture
async def grievance(process: Process, parties: Parties) -> str:
    made = await complain(process, parties.booker, bookingId=parties.booking.id)
    return str(made["id"])


async def state(url: str) -> str:
    return str(await scalar(url, select(Grievance.state)))


async def events(url: str) -> list[str]:
    listed = select(func.array_agg(Outbox.event))
    return list(await scalar(url, listed) or [])


def kind(result: Any) -> str:
    return str(result["__typename"])


async def seen(process: Process, viewer: Viewer) -> int:
    data, errors = await answer(process, viewer, LIST)
    assert errors == []
    assert len(data["grievances"]["nodes"]) == data["grievances"]["totalCount"]
    return int(data["grievances"]["totalCount"])


async def test_a_complaint_has_a_number_and_a_clock(
    process: Process, parties: Parties, database_url: str
) -> None:
    made = await complain(process, parties.booker, bookingId=parties.booking.id)

    assert (kind(made), made["state"], made["severity"]) == ("Grievance", "OPEN", "NORMAL")
    assert made["ticketNumber"].startswith(f"GR{clock.now():%y}-")
    assert made["entries"]["nodes"] == [{"toState": "OPEN", "role": "CITIZEN", "text": None}]
    assert made["district"] == {"lgdCode": 162}
    opened, acknowledge, settled = [
        await scalar(database_url, select(column))
        for column in (Grievance.opened_at, Grievance.acknowledge_by, Grievance.resolve_by)
    ]
    assert acknowledge - opened == timedelta(hours=48)
    assert settled - opened == timedelta(days=30)
    assert await events(database_url) == ["GrievanceOpened"]


async def test_danger_is_pressing_from_the_start(process: Process, parties: Parties) -> None:
    made = await complain(process, parties.booker, bookingId=parties.booking.id, subject="SAFETY")

    assert made["severity"] == "HIGH"


async def test_every_party_complains_for_itself(
    process: Process, parties: Parties, database_url: str
) -> None:
    for viewer in (parties.booker, parties.worker, OFFICER, STATE):
        made = await complain(process, viewer, bookingId=parties.booking.id)
        assert kind(made) == "Grievance", viewer.role

    assert await seen(process, parties.booker) == 1
    assert await seen(process, parties.worker) == 1
    assert await seen(process, parties.agency) == 4
    assert await seen(process, STATE) == 4


async def test_a_complaint_need_not_be_about_a_booking(process: Process, parties: Parties) -> None:
    for viewer in (parties.booker, parties.worker):
        made = await complain(process, viewer)
        assert made["district"] == {"lgdCode": 162}
    assert await complain(process, HELPLINE) == ["BAD_INPUT"]
    assert await complain(process, OFFICER) == ["BAD_INPUT"]


async def test_a_department_complains_for_its_office(
    process: Process, parties: Parties, database_url: str
) -> None:
    office = await a_department(database_url)
    worker = await a_worker(database_url)
    booking = await a_booking(
        database_url,
        worker=worker,
        state="COMPLETED",
        starts_at=YESTERDAY,
        citizen_id=None,
        department_id=office.id,
    )
    clerk = Viewer(Role.DEPARTMENT, "us_clerk", department_id=office.id)
    colleague = Viewer(Role.DEPARTMENT, "us_colleague", department_id=office.id)
    elsewhere = Viewer(Role.DEPARTMENT, "us_elsewhere", department_id="dp_other")

    assert kind(await complain(process, clerk, bookingId=booking.id)) == "Grievance"
    await complain(process, Viewer(Role.WORKER, worker.id), bookingId=booking.id)

    assert await seen(process, colleague) == 1
    assert await seen(process, elsewhere) == 0
    assert await complain(process, elsewhere, bookingId=booking.id) == ["NOT_FOUND"]
    assert (await complain(process, colleague))["district"] == {"lgdCode": 162}


async def test_the_helpline_complains_for_whoever_calls(process: Process, parties: Parties) -> None:
    booking_id = parties.booking.id

    await complain(process, HELPLINE, bookingId=booking_id)
    await complain(process, HELPLINE, bookingId=booking_id, forWorker=True)

    for viewer in (parties.booker, parties.worker):
        data, errors = await answer(
            process, viewer, "{ viewer { grievances { nodes { entries { nodes { role } } } } } }"
        )
        assert errors == []
        assert data["viewer"]["grievances"]["nodes"] == [
            {"entries": {"nodes": [{"role": "HELPLINE"}]}}
        ]


async def test_nobody_complains_about_what_is_not_theirs(
    process: Process, parties: Parties, database_url: str
) -> None:
    stranger = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)
    booking_id = parties.booking.id

    assert await complain(process, stranger, bookingId=booking_id) == ["NOT_FOUND"]
    assert await complain(process, FAR_OFFICER, bookingId=booking_id) == ["NOT_FOUND"]
    assert await complain(process, parties.agency, bookingId=booking_id) == ["FORBIDDEN"]
    assert await complain(process, Viewer(), bookingId=booking_id) == ["UNAUTHENTICATED"]
    assert await scalar(database_url, select(func.count()).select_from(Grievance)) == 0


async def test_one_complaint_about_a_booking_is_open_at_a_time(
    process: Process, parties: Parties
) -> None:
    booking_id = parties.booking.id

    made = await asyncio.gather(
        *(complain(process, parties.booker, bookingId=booking_id) for _ in range(4))
    )

    assert sorted(map(kind, made)) == ["AlreadyComplained"] * 3 + ["Grievance"]
    (first,) = (one for one in made if kind(one) == "Grievance")
    await resolve(process, OFFICER, first["id"])
    assert kind(await complain(process, parties.booker, bookingId=booking_id)) == "Grievance"
    assert kind(await reopen(process, parties.booker, first["id"])) == "AlreadyComplained"


async def test_without_the_constraint_each_of_them_would_be_open(
    process: Process, parties: Parties, database_url: str
) -> None:
    await run_sql_async(database_url, "DROP INDEX grievance_unsettled")
    booking_id = parties.booking.id

    made = await asyncio.gather(
        *(complain(process, parties.booker, bookingId=booking_id) for _ in range(4))
    )

    assert list(map(kind, made)) == ["Grievance"] * 4


async def test_a_complaint_goes_its_way_and_notes_every_step(
    process: Process, parties: Parties, grievance: str, database_url: str
) -> None:
    for viewer, command, given in (
        (OFFICER, "acknowledgeGrievance", {"severity": "HIGH"}),
        (OFFICER, "takeUpGrievance", {}),
        (parties.agency, "answerGrievance", {"text": "हम फिर भेजेंगे"}),
        (OFFICER, "resolveGrievance", {"outcome": "PARTLY_UPHELD", "text": "सुधार होगा"}),
        (parties.booker, "reopenGrievance", {"text": "कोई नहीं आया"}),
        (HELPLINE, "acknowledgeGrievance", {}),
        (STATE, "resolveGrievance", {"outcome": "UPHELD", "text": "पैसा लौटेगा"}),
    ):
        assert kind(await step(process, viewer, command, grievance, **given)) == "Grievance"
    closed = await step(process, parties.booker, "closeGrievance", grievance)

    assert (closed["state"], closed["outcome"], closed["severity"]) == ("CLOSED", "UPHELD", "HIGH")
    assert [(one["toState"], one["role"]) for one in closed["entries"]["nodes"]] == [
        ("OPEN", "CITIZEN"),
        ("ACKNOWLEDGED", "DISTRICT_OFFICER"),
        ("IN_PROGRESS", "DISTRICT_OFFICER"),
        ("IN_PROGRESS", "PROVIDER"),
        ("RESOLVED", "DISTRICT_OFFICER"),
        ("REOPENED", "CITIZEN"),
        ("ACKNOWLEDGED", "HELPLINE"),
        ("RESOLVED", "STATE_OFFICER"),
        ("CLOSED", "CITIZEN"),
    ]
    assert await events(database_url) == [
        "GrievanceOpened",
        "GrievanceAcknowledged",
        "GrievanceTakenUp",
        "GrievanceAnswered",
        "GrievanceResolved",
        "GrievanceReopened",
        "GrievanceAcknowledged",
        "GrievanceResolved",
        "GrievanceClosed",
    ]


@pytest.mark.parametrize(
    ("standing", "refused"),
    [
        ("OPEN", {"reopenGrievance"}),
        ("ACKNOWLEDGED", {"acknowledgeGrievance", "reopenGrievance"}),
        ("IN_PROGRESS", {"acknowledgeGrievance", "reopenGrievance"}),
        ("REOPENED", {"reopenGrievance"}),
        ("ESCALATED", {"reopenGrievance"}),
        (
            "RESOLVED",
            {"acknowledgeGrievance", "takeUpGrievance", "answerGrievance", "resolveGrievance"},
        ),
        (
            "CLOSED",
            {
                "acknowledgeGrievance",
                "takeUpGrievance",
                "answerGrievance",
                "resolveGrievance",
                "reopenGrievance",
                "closeGrievance",
            },
        ),
    ],
)
async def test_what_can_be_done_depends_on_where_it_stands(
    process: Process,
    parties: Parties,
    grievance: str,
    database_url: str,
    standing: str,
    refused: set[str],
) -> None:
    text = {"text": "देखा"}
    commands: dict[str, tuple[Viewer, dict[str, str]]] = {
        "acknowledgeGrievance": (OFFICER, {}),
        "takeUpGrievance": (OFFICER, {}),
        "answerGrievance": (parties.agency, text),
        "resolveGrievance": (OFFICER, text | {"outcome": "REJECTED"}),
        "reopenGrievance": (parties.booker, text),
        "closeGrievance": (parties.booker, {}),
    }
    stopped = set()
    for command, (viewer, given) in commands.items():
        await run_sql_async(database_url, f"UPDATE grievance SET state = '{standing}'")
        came = await step(process, viewer, command, grievance, **given)
        if kind(came) == "GrievanceStands":
            assert came["standsAt"] == standing
            stopped.add(command)

    assert stopped == refused


async def test_a_complaint_is_reopened_once_and_by_whose_it_is(
    process: Process, parties: Parties, grievance: str
) -> None:
    await resolve(process, OFFICER, grievance)

    assert await reopen(process, parties.worker, grievance) == ["NOT_FOUND"]
    assert await reopen(process, OFFICER, grievance) == ["FORBIDDEN"]
    assert (await reopen(process, parties.booker, grievance))["reopened"] is True
    await resolve(process, OFFICER, grievance)
    assert kind(await reopen(process, parties.booker, grievance)) == "AlreadyReopened"


async def test_of_two_who_reopen_at_once_one_does(
    process: Process, parties: Parties, grievance: str, database_url: str
) -> None:
    await resolve(process, OFFICER, grievance)

    came = await asyncio.gather(*(reopen(process, parties.booker, grievance) for _ in range(2)))

    assert sorted(map(kind, came)) == ["Grievance", "GrievanceStands"]
    assert (await events(database_url)).count("GrievanceReopened") == 1


HANDLING = ("acknowledgeGrievance", "takeUpGrievance", "resolveGrievance")
RESOLUTION = {"outcome": "UPHELD", "text": "देखा"}


@pytest.mark.parametrize("command", HANDLING)
async def test_only_the_office_handles_a_complaint(
    process: Process, parties: Parties, grievance: str, command: str
) -> None:
    given = RESOLUTION if command == "resolveGrievance" else {}

    assert await step(process, FAR_OFFICER, command, grievance, **given) == ["NOT_FOUND"]
    assert await step(process, OFFICER, command, "gr_unknown", **given) == ["NOT_FOUND"]
    assert await step(process, Viewer(), command, grievance, **given) == ["UNAUTHENTICATED"]
    for viewer in (
        parties.booker,
        parties.worker,
        parties.agency,
        Viewer(Role.MODERATOR, "us_m"),
        Viewer(Role.AUDITOR, "us_a"),
        Viewer(Role.DEPARTMENT, "us_d"),
        Viewer(Role.PARTNER, "pc_x"),
    ):
        assert await step(process, viewer, command, grievance, **given) == ["FORBIDDEN"]


async def test_only_its_provider_answers_a_complaint(
    process: Process, parties: Parties, grievance: str
) -> None:
    other = Viewer(Role.PROVIDER, "pv_other", provider_id="pv_other")
    command, given = "answerGrievance", {"text": "नहीं"}

    assert await step(process, other, command, grievance, **given) == ["NOT_FOUND"]
    for viewer in (parties.booker, parties.worker, OFFICER, HELPLINE):
        assert await step(process, viewer, command, grievance, **given) == ["FORBIDDEN"]


async def test_no_complaint_holds_an_aadhaar_number(
    process: Process, parties: Parties, grievance: str
) -> None:
    spoken = {"text": f"मेरा नंबर {AADHAAR}"}

    refused = [
        await complain(process, parties.booker, **spoken),
        await step(process, parties.agency, "answerGrievance", grievance, **spoken),
        await step(process, OFFICER, "resolveGrievance", grievance, **RESOLUTION | spoken),
        await step(process, parties.booker, "reopenGrievance", grievance, **spoken),
    ]

    assert {kind(one) for one in refused} == {"AadhaarInText"}


async def opened_at(url: str) -> datetime:
    found: datetime = await scalar(url, select(Grievance.opened_at))
    return found


async def test_what_nobody_acknowledges_in_two_days_is_escalated(
    process: Process, grievance: str, database_url: str
) -> None:
    opened = await opened_at(database_url)

    await settle(process, opened + timedelta(hours=47, minutes=59))
    assert await state(database_url) == "OPEN"
    await settle(process, opened + timedelta(hours=48))
    assert await state(database_url) == "ESCALATED"

    last = select(GrievanceEntry.role, GrievanceEntry.to_state).order_by(
        GrievanceEntry.position.desc()
    )
    assert await scalar(database_url, last) is None
    assert kind(await step(process, STATE, "acknowledgeGrievance", grievance)) == "Grievance"


async def test_what_nobody_resolves_in_a_month_is_escalated(
    process: Process, grievance: str, database_url: str
) -> None:
    opened = await opened_at(database_url)
    await step(process, OFFICER, "acknowledgeGrievance", grievance)

    await settle(process, opened + timedelta(days=29))
    assert await state(database_url) == "ACKNOWLEDGED"
    await settle(process, opened + timedelta(days=30))
    assert await state(database_url) == "ESCALATED"


async def test_what_is_missed_twice_is_escalated_twice_and_no_more(
    process: Process, grievance: str, database_url: str
) -> None:
    opened = await opened_at(database_url)
    arguments = {"grievance_id": grievance}

    for after in (timedelta(hours=49), timedelta(hours=49), timedelta(days=3)):
        await carry_out(process, "check_grievance", arguments, opened + after)
    await step(process, OFFICER, "takeUpGrievance", grievance)
    for after in (timedelta(days=30), timedelta(days=30), timedelta(days=31)):
        await carry_out(process, "check_grievance", arguments, opened + after)

    assert await state(database_url) == "ESCALATED"
    entries = select(func.count()).where(GrievanceEntry.to_state == "ESCALATED")
    assert await scalar(database_url, entries) == 2


async def test_the_clock_starts_anew_when_a_complaint_is_reopened(
    process: Process, parties: Parties, grievance: str, database_url: str
) -> None:
    await resolve(process, OFFICER, grievance)
    await run_sql_async(
        database_url,
        "UPDATE grievance SET opened_at = opened_at - interval '40 days',"
        " acknowledge_by = acknowledge_by - interval '40 days',"
        " resolve_by = resolve_by - interval '40 days'",
    )
    await reopen(process, parties.booker, grievance)
    now = clock.now()

    await settle(process, now + timedelta(hours=47))
    assert await state(database_url) == "REOPENED"
    await settle(process, now + timedelta(hours=49))
    assert await state(database_url) == "ESCALATED"


async def test_an_answer_that_is_let_stand_closes_the_complaint(
    process: Process, grievance: str, database_url: str
) -> None:
    await resolve(process, OFFICER, grievance)
    now = clock.now()

    await settle(process, now + timedelta(days=14))
    assert await state(database_url) == "RESOLVED"
    await settle(process, now + timedelta(days=15, minutes=1))
    assert await state(database_url) == "CLOSED"
    await settle(process, now + timedelta(days=60))
    assert await state(database_url) == "CLOSED"


async def test_the_clock_forgives_a_complaint_that_is_gone(process: Process) -> None:
    await carry_out(process, check_grievance.__name__, {"grievance_id": "gr_unknown"})


async def test_a_complaint_is_seen_by_those_it_concerns(
    process: Process, parties: Parties, grievance: str, database_url: str
) -> None:
    auditor, moderator = Viewer(Role.AUDITOR, "us_a"), Viewer(Role.MODERATOR, "us_m")
    for viewer in (parties.booker, parties.agency, HELPLINE, OFFICER, STATE, auditor):
        assert await seen(process, viewer) == 1, viewer.role
    other = Viewer(Role.PROVIDER, "pv_other", provider_id="pv_other")
    partner = Viewer(Role.PARTNER, "pc_x")
    for viewer in (parties.worker, FAR_OFFICER, other, moderator, partner, Viewer()):
        assert await seen(process, viewer) == 0, viewer.role
        data, _ = await answer(
            process,
            viewer,
            "query ($id: ID!) { grievance(id: $id) { id } node(id: $id) { id } }",
            id=grievance,
        )
        assert data == {"grievance": None, "node": None}

    await a_review(database_url, booking=parties.booking, state="FLAGGED")
    assert await seen(process, moderator) == 1


async def test_a_booking_leads_to_its_complaints(
    process: Process, parties: Parties, grievance: str
) -> None:
    query = "query ($id: ID!) { booking(id: $id) { grievances { nodes { id } } } }"

    for viewer, found in ((parties.booker, [{"id": grievance}]), (parties.worker, [])):
        data, errors = await answer(process, viewer, query, id=parties.booking.id)
        assert errors == []
        assert data["booking"]["grievances"]["nodes"] == found


async def test_complaints_are_listed_by_what_an_officer_looks_for(
    process: Process, parties: Parties, grievance: str, database_url: str
) -> None:
    query = "query ($f: GrievanceFilter) { grievances(filter: $f) { totalCount } }"
    other = await complain(process, parties.booker, subject="SAFETY")
    await step(process, OFFICER, "takeUpGrievance", other["id"])
    settled = await complain(process, parties.worker)
    await resolve(process, OFFICER, settled["id"])
    await run_sql_async(
        database_url, f"UPDATE grievance SET resolve_by = :now WHERE id = '{grievance}'"
    )

    for filter, count in (
        ({}, 3),
        ({"state": "IN_PROGRESS"}, 1),
        ({"unsettled": True}, 2),
        ({"severity": "HIGH"}, 1),
        ({"districtCode": 162}, 3),
        ({"districtCode": 118}, 0),
        ({"overdue": True}, 1),
        ({"takenUpByMe": True}, 1),
    ):
        data, errors = await answer(process, OFFICER, query, f=filter)
        assert errors == []
        assert data["grievances"]["totalCount"] == count, filter
