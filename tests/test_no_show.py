"""Somebody does not come: who may say so, when, and what whoever booked can do then."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from models.account import Outbox
from models.booking import Booking, WorkerTime
from runtime import clock
from runtime.jobs import carry_out
from runtime.process import Process
from runtime.rights import Role
from tests.asking import Inbox, a_process
from tests.conftest import run_sql_async
from tests.make import scalar
from tests.visiting import RATE, VISIT_CHARGE, Visit, a_visit

MINUTE = timedelta(minutes=1)


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def at_the_door(
    process: Process, inbox: Inbox, *, came: timedelta, starts_in: timedelta
) -> Visit:
    visit = await a_visit(process, inbox, "ARRIVED", starts_in=starts_in)
    await run_sql_async(
        visit.url,
        f"UPDATE timeline_entry SET happened_at = :now - interval '{came.total_seconds()} s'",
    )
    return visit


async def call(visit: Visit, role: Role = Role.WORKER) -> None:
    assert (await visit.send(role, "logCall"))["__typename"] == "Booking"


async def test_a_citizen_is_absent_after_a_wait_and_a_call(process: Process, inbox: Inbox) -> None:
    visit = await at_the_door(process, inbox, came=16 * MINUTE, starts_in=-20 * MINUTE)
    await call(visit)

    recorded = await visit.send(Role.WORKER, "recordNoShow", "... on Booking { state }")

    assert recorded["state"] == "NO_SHOW"
    event, facts = (await visit.told())[-1]
    assert (event, facts["absent"]) == ("NoShowRecorded", "CITIZEN")
    assert (await visit.timeline())[-1] == ("recordNoShow", "ARRIVED", "NO_SHOW", "WORKER")
    held = select(func.count()).where(WorkerTime.booking_id == visit.booking.id)
    assert await scalar(visit.url, held) == 0


@pytest.mark.parametrize(
    ("came", "starts_in", "until"),
    [(14 * MINUTE, -30 * MINUTE, 1 * MINUTE), (40 * MINUTE, -5 * MINUTE, 10 * MINUTE)],
    ids=["since the arrival", "since the slot"],
)
async def test_a_worker_waits_a_quarter_of_an_hour(
    process: Process, inbox: Inbox, came: timedelta, starts_in: timedelta, until: timedelta
) -> None:
    visit = await at_the_door(process, inbox, came=came, starts_in=starts_in)
    await call(visit)

    refused = await visit.send(Role.WORKER, "recordNoShow", "... on WaitLonger { until }")

    assert refused["__typename"] == "WaitLonger"
    left = datetime.fromisoformat(refused["until"]) - clock.now()
    assert until - MINUTE < left <= until
    assert await visit.events() == ["CallLogged"]


async def test_a_worker_calls_from_the_door_first(process: Process, inbox: Inbox) -> None:
    visit = await at_the_door(process, inbox, came=20 * MINUTE, starts_in=-20 * MINUTE)
    await call(visit, Role.CITIZEN)

    assert (await visit.send(Role.WORKER, "recordNoShow"))["__typename"] == "CallFirst"
    await call(visit)
    await run_sql_async(visit.url, "UPDATE call SET called_at = :now - interval '21 minutes'")
    assert (await visit.send(Role.WORKER, "recordNoShow"))["__typename"] == "CallFirst"
    await call(visit)
    assert (await visit.send(Role.WORKER, "recordNoShow"))["__typename"] == "Booking"


@pytest.mark.parametrize("state", ["ACCEPTED", "EN_ROUTE"])
@pytest.mark.parametrize("role", [Role.CITIZEN, Role.HELPLINE])
async def test_a_worker_is_absent_half_an_hour_after_the_start(
    process: Process, inbox: Inbox, state: str, role: Role
) -> None:
    early = await a_visit(process, inbox, state, starts_in=-29 * MINUTE)
    late = await a_visit(process, inbox, state, starts_in=-31 * MINUTE)

    refused = await early.send(role, "recordNoShow", "... on TooEarly { possibleFrom }")
    recorded = await late.send(role, "recordNoShow", "... on Booking { state }")

    assert refused["__typename"] == "TooEarly"
    possible_from = datetime.fromisoformat(refused["possibleFrom"])
    assert possible_from == early.booking.starts_at + 30 * MINUTE
    assert recorded["state"] == "NO_SHOW"
    ((event, facts),) = await late.told()
    assert (event, facts["absent"], facts["actor"]) == ("NoShowRecorded", "WORKER", role.value)


async def test_the_waits_are_settings(database_url: str, inbox: Inbox) -> None:
    async with a_process(
        database_url, inbox, absent_citizen_minutes=1, absent_worker_minutes=1
    ) as process:
        door = await at_the_door(process, inbox, came=2 * MINUTE, starts_in=-2 * MINUTE)
        await call(door)
        assert (await door.send(Role.WORKER, "recordNoShow"))["__typename"] == "Booking"
        absent = await a_visit(process, inbox, starts_in=-2 * MINUTE)
        assert (await absent.send(Role.CITIZEN, "recordNoShow"))["__typename"] == "Booking"


async def notice(process: Process, visit: Visit, now: datetime | None = None) -> None:
    arguments = {"booking_id": visit.booking.id, "version": visit.booking.version}
    await carry_out(process, "record_absent_worker", arguments, now)


async def test_the_service_notices_an_absent_worker_by_itself(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox)
    due = visit.booking.starts_at + 30 * MINUTE

    await notice(process, visit, due - timedelta(seconds=1))
    early = (await visit.now()).state
    await notice(process, visit, due)
    await notice(process, visit, due)

    assert early == "ACCEPTED"
    assert await visit.timeline() == [("recordNoShow", "ACCEPTED", "NO_SHOW", "SYSTEM")]
    assert await visit.events() == ["NoShowRecorded"]


@pytest.mark.parametrize("state", ["REQUESTED", "ASSIGNED", "ARRIVED", "IN_PROGRESS", "COMPLETED"])
async def test_the_service_lets_be_what_went_on(process: Process, inbox: Inbox, state: str) -> None:
    visit = await a_visit(process, inbox, state, starts_in=-60 * MINUTE)

    await notice(process, visit)

    assert (await visit.now()).state == state
    assert await visit.events() == []


async def absent(process: Process, inbox: Inbox, **columns: Any) -> Visit:
    visit = await a_visit(process, inbox, starts_in=-31 * MINUTE, **columns)
    await visit.send(Role.CITIZEN, "recordNoShow")
    return visit


async def replace(visit: Visit, role: Role = Role.CITIZEN, selection: str = "") -> Any:
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    return await visit.send(role, "replaceBooking", selection, startsAt=tomorrow)


async def test_whoever_booked_books_again_at_the_same_price_before_others(
    process: Process, inbox: Inbox
) -> None:
    visit = await absent(process, inbox, preferred_worker_gender="FEMALE")

    made = await replace(
        visit,
        selection="""... on Booking {
          id state address preferredWorkerGender worker { id } lines { quantity }
          quote { total { paise } lines { kind } }
        }""",
    )

    assert (made["state"], made["worker"]) == ("REQUESTED", None)
    assert (made["address"], made["preferredWorkerGender"]) == ("Flat 3, Block B", "FEMALE")
    assert made["lines"] == [{"quantity": 1}]
    assert made["quote"]["total"]["paise"] == RATE + VISIT_CHARGE
    assert made["quote"]["lines"] == [{"kind": "ITEM"}, {"kind": "VISIT"}]
    asked = select(Booking.replaces_id, Booking.priority).where(Booking.id == made["id"])
    assert await scalar(visit.url, asked) == visit.booking.id
    assert await scalar(visit.url, asked.with_only_columns(Booking.priority)) is True
    told = select(Outbox.event).where(Outbox.subject_id == made["id"])
    assert await scalar(visit.url, told) == "BookingRequested"


async def test_a_booking_is_replaced_once(process: Process, inbox: Inbox) -> None:
    visit = await absent(process, inbox)

    came = await asyncio.gather(replace(visit, Role.HELPLINE), *(replace(visit) for _ in range(4)))

    names = sorted(one["__typename"] for one in came)
    assert names == ["Booking"] + ["ReplacedAlready"] * 4


async def test_only_for_want_of_the_worker_is_a_booking_replaced(
    process: Process, inbox: Inbox
) -> None:
    accepted = await a_visit(process, inbox)
    door = await at_the_door(process, inbox, came=16 * MINUTE, starts_in=-20 * MINUTE)
    await call(door)
    await door.send(Role.WORKER, "recordNoShow")

    assert (await replace(accepted))["__typename"] == "NobodyAbsent"
    assert (await replace(door))["__typename"] == "NobodyAbsent"


async def test_a_booking_is_replaced_by_one_that_is_still_to_come(
    process: Process, inbox: Inbox
) -> None:
    visit = await absent(process, inbox)
    past = (clock.now() - MINUTE).isoformat()

    refused = await visit.send(Role.CITIZEN, "replaceBooking", startsAt=past)

    assert refused["__typename"] == "SlotPast"
