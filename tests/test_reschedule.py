"""Moving a booking to another time: who decides, how often, and what holds the worker's time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, text

from models.booking import RescheduleProposal, WorkerTime
from runtime import clock
from runtime.geography import in_india
from runtime.jobs import carry_out
from runtime.process import Process
from runtime.rights import Role
from tests.asking import Inbox, a_process, send
from tests.conftest import run_sql_async
from tests.make import a_booking, a_department, scalar
from tests.visiting import Visit, a_visit, rows

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


def at(days: int, hour: int = 11) -> datetime:
    """An hour of a day to come, as clocks in India show it."""
    day = in_india(clock.now() + days * DAY).date()
    return datetime.combine(day, time(hour), in_india(clock.now()).tzinfo)


async def booked(
    process: Process, inbox: Inbox, start: datetime, state: str = "ACCEPTED", **columns: Any
) -> Visit:
    starts_in = start - clock.now()
    visit = await a_visit(process, inbox, state, starts_in=starts_in, **columns)
    if state == "REQUESTED":
        await run_sql_async(visit.url, "UPDATE booking SET worker_id = NULL")
    return visit


async def soon(process: Process, inbox: Inbox, state: str = "ACCEPTED") -> Visit:
    """It starts in some hours: the other party is to be asked."""
    return await a_visit(process, inbox, state, starts_in=5 * HOUR)


async def propose(visit: Visit, role: Role, start: datetime, selection: str = "") -> Any:
    return await visit.send(role, "proposeReschedule", selection, startsAt=start.isoformat())


async def answer_it(visit: Visit, role: Role, agrees: bool = True) -> Any:
    return (await visit.send(role, "answerReschedule", agrees=agrees))["__typename"]


async def held(visit: Visit) -> list[tuple[datetime, datetime]]:
    during = select(WorkerTime.during).where(WorkerTime.booking_id == visit.booking.id)
    return [(row[0].lower, row[0].upper) for row in await rows(visit.url, during)]


async def outcomes(visit: Visit) -> list[str]:
    made = select(RescheduleProposal.outcome).order_by(RescheduleProposal.proposed_at)
    return [row[0] for row in await rows(visit.url, made)]


@pytest.mark.parametrize("state", ["ASSIGNED", "ACCEPTED"])
async def test_whoever_booked_moves_it_alone_in_good_time(
    process: Process, inbox: Inbox, state: str
) -> None:
    visit = await booked(process, inbox, at(3), state)

    moved = await propose(
        visit,
        Role.CITIZEN,
        at(5),
        "... on Booking { state slot { startsAt endsAt } proposals { outcome proposedBy } }",
    )

    assert datetime.fromisoformat(moved["slot"]["startsAt"]) == at(5)
    assert datetime.fromisoformat(moved["slot"]["endsAt"]) == at(5) + 2 * HOUR
    assert moved["proposals"] == [{"outcome": "AGREED", "proposedBy": "CITIZEN"}]
    assert await held(visit) == [(at(5), at(5) + 2 * HOUR)]
    assert await visit.timeline() == [("rescheduleBooking", state, state, "CITIZEN")]
    ((event, facts),) = await visit.told()
    assert (event, facts["moved"]) == ("BookingRescheduled", 1)
    assert datetime.fromisoformat(facts["starts_at"]) == at(5)


async def test_nobody_is_asked_while_nobody_was_found(process: Process, inbox: Inbox) -> None:
    visit = await booked(process, inbox, clock.now() + 2 * HOUR, "REQUESTED")
    await propose(visit, Role.CITIZEN, at(1, 3))
    assert (await visit.now()).starts_at == at(1, 3)


async def test_a_department_moves_its_booking(process: Process, inbox: Inbox) -> None:
    office = await a_department(process.settings.database_url or "")
    visit = await booked(process, inbox, at(3), department_id=office.id)
    await propose(visit, Role.DEPARTMENT, at(4))
    assert (await visit.now()).starts_at == at(4)


async def test_close_to_the_start_the_worker_is_asked(process: Process, inbox: Inbox) -> None:
    visit = await soon(process, inbox)

    await propose(visit, Role.CITIZEN, at(3))
    before = await visit.now()
    assert await answer_it(visit, Role.CITIZEN) == "NothingProposed"
    assert await answer_it(visit, Role.WORKER) == "Booking"

    assert (before.starts_at, before.moved) == (visit.booking.starts_at, 0)
    assert ((await visit.now()).starts_at, (await visit.now()).moved) == (at(3), 1)
    assert await held(visit) == [(at(3), at(3) + 2 * HOUR)]
    assert await visit.events() == ["RescheduleProposed", "BookingRescheduled"]
    assert await visit.timeline() == [("rescheduleBooking", "ACCEPTED", "ACCEPTED", "WORKER")]


async def test_nobody_is_called_to_come_sooner_without_being_asked(
    process: Process, inbox: Inbox
) -> None:
    visit = await booked(process, inbox, at(9))
    start = clock.now() + 20 * HOUR
    await run_sql_async(
        visit.url, "UPDATE availability_rule SET from_time = '00:00', until_time = '23:59'"
    )
    if in_india(start).date() != in_india(start + 2 * HOUR).date():
        start -= 3 * HOUR
    await propose(visit, Role.CITIZEN, start)
    assert await outcomes(visit) == ["OPEN"]


@pytest.mark.parametrize("role", [Role.WORKER, Role.PROVIDER])
async def test_the_side_of_the_worker_always_asks(
    process: Process, inbox: Inbox, role: Role
) -> None:
    visit = await booked(process, inbox, at(6))

    await propose(visit, role, at(7))
    assert await answer_it(visit, Role.WORKER) == "NothingProposed"
    assert await answer_it(visit, Role.HELPLINE) == "Booking"

    now = await visit.now()
    assert (now.starts_at, now.first_starts_at) == (at(7), None)


async def test_turned_down_the_old_time_stands(process: Process, inbox: Inbox) -> None:
    visit = await soon(process, inbox)
    await propose(visit, Role.WORKER, at(3))

    assert await answer_it(visit, Role.CITIZEN, agrees=False) == "Booking"

    assert await outcomes(visit) == ["TURNED_DOWN"]
    assert (await visit.now()).starts_at == visit.booking.starts_at
    assert await visit.events() == ["RescheduleProposed", "RescheduleTurnedDown"]
    assert await answer_it(visit, Role.CITIZEN) == "NothingProposed"


async def test_one_proposal_waits_at_a_time(process: Process, inbox: Inbox) -> None:
    visit = await soon(process, inbox)
    await propose(visit, Role.CITIZEN, at(3))
    assert (await propose(visit, Role.WORKER, at(4)))["__typename"] == "ProposalOpen"
    await run_sql_async(visit.url, "UPDATE reschedule_proposal SET starts_at = :now")
    assert (await propose(visit, Role.WORKER, at(4)))["__typename"] == "Booking"
    assert sorted(await outcomes(visit)) == ["LAPSED", "OPEN"]


async def test_a_booking_is_moved_twice(process: Process, inbox: Inbox) -> None:
    visit = await booked(process, inbox, at(3))
    for days in (4, 5):
        assert (await propose(visit, Role.CITIZEN, at(days)))["__typename"] == "Booking"
    refused = await propose(visit, Role.CITIZEN, at(6), "... on MovedTooOften { limit }")
    assert (refused["__typename"], refused["limit"]) == ("MovedTooOften", 2)


async def test_when_and_how_often_are_settings(database_url: str, inbox: Inbox) -> None:
    async with a_process(
        database_url, inbox, reschedule_hours=1000, moves_per_booking=1
    ) as process:
        visit = await booked(process, inbox, at(9))
        await propose(visit, Role.CITIZEN, at(8))
        assert await outcomes(visit) == ["OPEN"]
        await answer_it(visit, Role.WORKER)
        assert (await propose(visit, Role.CITIZEN, at(7)))["__typename"] == "MovedTooOften"


async def test_the_time_is_to_come_and_within_the_hours(process: Process, inbox: Inbox) -> None:
    visit = await booked(process, inbox, at(3))
    came = [
        (await propose(visit, Role.CITIZEN, start))["__typename"]
        for start in (at(-1), at(70), at(5, 3), at(5, 17))
    ]
    assert came == ["OutsideBookingWindow"] * 2 + ["OutsideHours"] * 2
    assert await visit.send(Role.CITIZEN, "proposeReschedule", startsAt="2031-01-07T10:00:00") == [
        "BAD_INPUT"
    ]
    assert await outcomes(visit) == []


async def test_taken_time_leaves_the_old(process: Process, inbox: Inbox) -> None:
    visit = await booked(process, inbox, at(3))
    await a_booking(visit.url, worker=visit.worker, starts_at=at(4))
    before = await held(visit)

    assert (await propose(visit, Role.CITIZEN, at(4, 12)))["__typename"] == "SlotTaken"

    assert await held(visit) == before
    assert (await visit.now()).starts_at == visit.booking.starts_at
    assert await outcomes(visit) == []


async def test_a_booking_can_move_onto_part_of_its_own_time(process: Process, inbox: Inbox) -> None:
    visit = await booked(process, inbox, at(3))
    await propose(visit, Role.CITIZEN, at(3) + HOUR)
    assert await held(visit) == [(at(3) + HOUR, at(3) + 3 * HOUR)]


async def race(process: Process, inbox: Inbox) -> list[str]:
    """Two bookings of one worker are moved to the same time at once."""
    visit = await booked(process, inbox, at(3))
    other = await a_booking(visit.url, worker=visit.worker, citizen=visit.citizen, starts_at=at(4))
    came = await asyncio.gather(
        *(
            send(
                process,
                visit.by(Role.CITIZEN),
                "proposeReschedule",
                bookingId=id,
                startsAt=at(6).isoformat(),
            )
            for id in (visit.booking.id, other.id)
        )
    )
    return sorted(one["__typename"] for one in came)


async def test_of_two_moved_to_one_time_one_is(process: Process, inbox: Inbox) -> None:
    assert await race(process, inbox) == ["Booking", "SlotTaken"]


async def test_without_the_constraint_both_are(process: Process, inbox: Inbox) -> None:
    url = process.settings.database_url or ""
    await run_sql_async(url, "ALTER TABLE worker_time DROP CONSTRAINT worker_time_taken")
    assert await race(process, inbox) == ["Booking", "Booking"]


async def test_moving_does_not_dodge_the_fee(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "ACCEPTED", starts_in=2 * HOUR)
    await propose(visit, Role.CITIZEN, at(5))
    await answer_it(visit, Role.WORKER)

    booking, _ = await visit.see(Role.CITIZEN, "cancellationFee { paise }")

    assert booking["cancellationFee"]["paise"] > 0


async def test_what_was_due_by_the_old_start_is_due_by_the_new(
    process: Process, inbox: Inbox
) -> None:
    visit = await booked(process, inbox, at(3))
    await propose(visit, Role.CITIZEN, at(5))

    due = "SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'record_absent_worker'"
    assert await scalar(visit.url, text(due)) == at(5) + HOUR / 2
    await carry_out(process, "record_absent_worker", {"booking_id": visit.booking.id}, at(3) + HOUR)
    assert (await visit.now()).state == "ACCEPTED"


@pytest.mark.parametrize("state", ["EN_ROUTE", "ARRIVED", "IN_PROGRESS", "COMPLETED", "CANCELLED"])
async def test_once_the_worker_is_on_the_way_it_stays(
    process: Process, inbox: Inbox, state: str
) -> None:
    visit = await booked(process, inbox, at(3), state)
    assert (await propose(visit, Role.CITIZEN, at(5)))["__typename"] == "WrongState"
    assert await answer_it(visit, Role.CITIZEN) == "WrongState"


async def test_who_may_not_and_whose_it_is_not(process: Process, inbox: Inbox) -> None:
    visit = await booked(process, inbox, at(3))
    assert await propose(visit, Role.STATE_OFFICER, at(5)) == ["FORBIDDEN"]
    assert await propose(visit, Role.DEPARTMENT, at(5)) == ["NOT_FOUND"]
    refused = await visit.send(Role.DISTRICT_OFFICER, "answerReschedule", agrees=True)
    missing = await visit.send(Role.CITIZEN, "answerReschedule", bookingId="bk_none", agrees=True)
    assert (refused, missing) == (["FORBIDDEN"], ["NOT_FOUND"])
