"""Calling a booking off: who may, when, what it costs, and what becomes of the worker's time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from models.booking import Assignment, Payment, WorkerTime
from runtime.process import Process
from runtime.rights import Role
from tests.asking import Inbox, a_process
from tests.conftest import run_sql_async
from tests.make import NOON, a_department, save, scalar
from tests.visiting import RATE, VISIT_CHARGE, Visit, a_visit, rows

HOUR = timedelta(hours=1)
PRICE = RATE + VISIT_CHARGE
WHY = {"reason": "Plans changed"}


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def owed(visit: Visit) -> list[tuple[str, str, int]]:
    payments = select(Payment.kind, Payment.state, Payment.amount_paise)
    return [tuple(row) for row in await rows(visit.url, payments)]


async def fee_shown(visit: Visit, role: Role = Role.CITIZEN) -> Any:
    booking, codes = await visit.see(role, "cancellationFee { paise }")
    assert codes == []
    return booking["cancellationFee"]


async def test_calling_off_is_told_and_gives_the_time_back(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "ACCEPTED", starts_in=30 * HOUR)

    cancelled = await visit.send(
        Role.CITIZEN, "cancelBooking", "... on Booking { state timeline { reason } }", **WHY
    )

    assert cancelled["state"] == "CANCELLED"
    assert cancelled["timeline"][-1]["reason"] == "Plans changed"
    assert await visit.timeline() == [("cancelBooking", "ACCEPTED", "CANCELLED", "CITIZEN")]
    ((event, facts),) = await visit.told()
    assert (event, facts["fee_paise"], facts["credit_paise"]) == ("BookingCancelled", 0, 0)
    held = select(func.count()).where(WorkerTime.booking_id == visit.booking.id)
    assert await scalar(visit.url, held) == 0
    assert await owed(visit) == []


@pytest.mark.parametrize(
    ("state", "starts_in", "percent"),
    [
        ("REQUESTED", HOUR, 0),
        ("ASSIGNED", HOUR, 0),
        ("ACCEPTED", 5 * HOUR, 0),
        ("ACCEPTED", 3 * HOUR, 10),
        ("ACCEPTED", -HOUR, 0),
        ("EN_ROUTE", HOUR, 25),
        ("EN_ROUTE", -HOUR, 0),
        ("ARRIVED", HOUR, 50),
        ("ARRIVED", -HOUR, 50),
    ],
)
async def test_the_fee_shown_before_is_the_fee_owed_after(
    process: Process, inbox: Inbox, state: str, starts_in: timedelta, percent: int
) -> None:
    visit = await a_visit(process, inbox, state, starts_in=starts_in)
    fee = PRICE * percent // 100

    assert await fee_shown(visit) == {"paise": fee}
    await visit.send(Role.CITIZEN, "cancelBooking", **WHY)

    assert (await visit.now()).state == "CANCELLED"
    assert await owed(visit) == ([("CANCELLATION", "DUE", fee)] if fee else [])
    assert await fee_shown(visit) is None


async def test_the_fee_follows_the_version_the_booking_was_made_under(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "ACCEPTED", starts_in=HOUR)
    await run_sql_async(
        visit.url,
        "INSERT INTO cancellation_policy"
        " SELECT 2, state, hours_before, 90 FROM cancellation_policy",
    )
    assert await fee_shown(visit) == {"paise": PRICE // 10}
    await run_sql_async(visit.url, "UPDATE booking SET cancellation_policy_version = 2")
    assert await fee_shown(visit) == {"paise": PRICE * 90 // 100}


@pytest.mark.parametrize(
    ("role", "owes", "credit"),
    [
        (Role.HELPLINE, True, False),
        (Role.PROVIDER, False, True),
        (Role.DISTRICT_OFFICER, False, False),
        (Role.STATE_OFFICER, False, False),
    ],
)
async def test_only_the_side_of_whoever_booked_pays(
    process: Process, inbox: Inbox, role: Role, owes: bool, credit: bool
) -> None:
    visit = await a_visit(process, inbox, "ACCEPTED", starts_in=HOUR)
    fee = PRICE // 10

    await visit.send(role, "cancelBooking", **WHY)

    ((_, facts),) = await visit.told()
    assert facts["fee_paise"] == (fee if owes else 0)
    assert facts["credit_paise"] == (fee if credit else 0)
    assert await owed(visit) == ([("CANCELLATION", "DUE", fee)] if owes else [])


async def test_a_department_calls_its_own_booking_off(process: Process, inbox: Inbox) -> None:
    office = await a_department(process.settings.database_url or "")
    visit = await a_visit(process, inbox, "ACCEPTED", department_id=office.id)

    await visit.send(Role.DEPARTMENT, "cancelBooking", **WHY)

    assert await visit.timeline() == [("cancelBooking", "ACCEPTED", "CANCELLED", "DEPARTMENT")]
    assert await owed(visit) == [("CANCELLATION", "DUE", PRICE // 10)]


@pytest.mark.parametrize("state", ["ACCEPTED", "EN_ROUTE", "ARRIVED"])
async def test_a_reason_is_needed_once_a_worker_has_accepted(
    process: Process, inbox: Inbox, state: str
) -> None:
    visit = await a_visit(process, inbox, state)
    assert (await visit.send(Role.CITIZEN, "cancelBooking"))["__typename"] == "ReasonNeeded"
    assert (await visit.now()).state == state


@pytest.mark.parametrize("state", ["IN_PROGRESS", "QUOTE_REVISED", "COMPLETED", "EXPIRED"])
async def test_work_that_has_begun_or_is_over_is_not_called_off(
    process: Process, inbox: Inbox, state: str
) -> None:
    visit = await a_visit(process, inbox, state)
    refused = await visit.send(Role.CITIZEN, "cancelBooking", "... on WrongState { state }", **WHY)
    assert (refused["__typename"], refused["state"]) == ("WrongState", state)
    assert await visit.events() == []


async def test_an_open_offer_is_closed(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "ASSIGNED")
    await save(
        visit.url,
        *(
            Assignment(
                booking_id=visit.booking.id,
                position=position,
                worker_id=visit.worker.id,
                offered_at=NOON,
                expires_at=NOON + HOUR,
                outcome=outcome,
            )
            for position, outcome in enumerate(("DECLINED", "OFFERED"))
        ),
    )
    await visit.send(Role.CITIZEN, "cancelBooking")
    outcomes = select(Assignment.outcome).order_by(Assignment.position)
    assert [row[0] for row in await rows(visit.url, outcomes)] == ["DECLINED", "CANCELLED"]


async def test_of_two_who_call_off_at_once_one_does(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "ACCEPTED")
    came = await asyncio.gather(
        *(visit.send(role, "cancelBooking", **WHY) for role in (Role.CITIZEN, Role.HELPLINE))
    )
    assert sorted(one["__typename"] for one in came) == ["Booking", "WrongState"]
    assert await owed(visit) == [("CANCELLATION", "DUE", PRICE // 10)]


async def test_who_may_not_and_whose_it_is_not(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox)
    assert await visit.send(Role.WORKER, "cancelBooking", **WHY) == ["FORBIDDEN"]
    missing = await visit.send(Role.CITIZEN, "cancelBooking", bookingId="bk_none", **WHY)
    foreign = await visit.send(Role.DEPARTMENT, "cancelBooking", **WHY)
    stale = await visit.send(Role.CITIZEN, "cancelBooking", version=7, **WHY)
    assert (missing, foreign, stale) == (["NOT_FOUND"], ["NOT_FOUND"], ["CONFLICT"])
