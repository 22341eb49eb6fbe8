"""Stopping a worker: nobody is left waiting for somebody who may not come."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from models.account import Outbox
from models.base import new_id
from models.booking import Booking, BookingState
from models.worker import Engagement, Worker
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, send
from tests.background import settle
from tests.conftest import run_sql_async
from tests.make import LUCKNOW, NOON, a_booking, a_department, save, scalar, time_of
from tests.test_assignment import Desk, a_desk, a_request
from tests.visiting import rows

OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))
TOLD = (
    "... on Worker { status statusReason } ... on BookingsUnderWay { count }"
    " ... on NotAtThisStage { status }"
)
STANDS = "... on Worker { status statusReason }"
REASON = "A complaint is looked into"


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


@pytest_asyncio.fixture
async def desk(process: Process, inbox: Inbox) -> Desk:
    return await a_desk(process, inbox)


async def suspend(desk: Desk, viewer: Viewer = OFFICER, **given: Any) -> Any:
    given = {"workerId": desk.worker.id, "reason": REASON} | given
    return await send(desk.process, viewer, "suspendWorker", TOLD, **given)


async def status(desk: Desk) -> str:
    return str(await scalar(desk.url, select(Worker.status).where(Worker.id == desk.worker.id)))


async def told_of(url: str, id: str) -> list[str]:
    told = select(Outbox.event).where(Outbox.subject_id == id).order_by(Outbox.position)
    return [row[0] for row in await rows(url, told)]


@pytest.mark.parametrize("viewer", [OFFICER, Viewer(Role.STATE_OFFICER, "us_state")])
async def test_an_officer_stops_a_worker_who_reads_why(desk: Desk, viewer: Viewer) -> None:
    stopped = await suspend(desk, viewer)

    assert (stopped["status"], stopped["statusReason"]) == ("SUSPENDED", REASON)
    assert await told_of(desk.url, desk.worker.id) == ["WorkerSuspended"]


@pytest.mark.parametrize("state", ["ASSIGNED", "ACCEPTED", "EN_ROUTE"])
async def test_what_they_had_promised_is_given_to_others(desk: Desk, state: str) -> None:
    await desk.assign()
    if state != "ASSIGNED":
        await desk.send(Role.WORKER, "acceptBooking")
    if state == "EN_ROUTE":
        start = "UPDATE booking SET state = 'EN_ROUTE'"
        await run_sql_async(desk.url, start)

    await suspend(desk)

    booking = (await rows(desk.url, select(Booking).where(Booking.id == desk.booking.id)))[0][0]
    assert (booking.state, booking.worker_id, booking.priority) == ("REQUESTED", None, True)
    assert (booking.contact_from, booking.call_id) == (None, None)
    assert (await desk.steps())[-1] == ("reassignBooking", "REQUESTED", "OFFICER")
    assert (await desk.events())[-1] == "BookingReassigned"
    assert [outcome for outcome, _ in await desk.outcomes()] == ["REASSIGNED"]
    assert await desk.held() == 0


async def test_whoever_booked_is_not_told_why(desk: Desk) -> None:
    await desk.assign()

    await suspend(desk)

    seen = await desk.send(Role.PROVIDER, "matchWorker", "... on Booking { timeline { reason } }")
    told = [reason for _, reason in await desk.outcomes()]
    assert REASON not in str(seen)
    assert REASON not in told


async def test_somebody_else_is_found_for_them(desk: Desk) -> None:
    await desk.assign()
    other = await desk.a_hand()

    await suspend(desk)
    await settle(desk.process)

    now = await scalar(desk.url, select(Booking.worker_id).where(Booking.id == desk.booking.id))
    assert now == other.id


@pytest.mark.parametrize("state", ["ARRIVED", "IN_PROGRESS", "QUOTE_REVISED"])
async def test_nobody_is_stopped_at_the_door_or_at_work(desk: Desk, state: str) -> None:
    await desk.assign()
    await a_booking(desk.url, worker=desk.worker, state=state, starts_at=NOON)

    refused = await suspend(desk)

    assert (refused["__typename"], refused["count"]) == ("BookingsUnderWay", 1)
    assert await status(desk) == "ACTIVE"
    assert await desk.stands() == "ASSIGNED"
    assert await told_of(desk.url, desk.worker.id) == []


async def test_their_engagements_end_and_free_their_time(desk: Desk) -> None:
    department = await a_department(desk.url)
    engagement = Engagement(
        id=new_id("en"),
        worker_id=desk.worker.id,
        department_id=department.id,
        purpose="Maintenance",
        starts_on=NOON.date(),
        ends_on=NOON.date() + timedelta(days=10),
        status="ACTIVE",
    )
    until = NOON + timedelta(days=10)
    held = time_of(desk.worker, NOON, until, engagement_id=engagement.id)
    await save(desk.url, engagement, held)

    await suspend(desk)

    ended = select(Engagement.status).where(Engagement.id == engagement.id)
    assert await scalar(desk.url, ended) == "ENDED"
    assert await told_of(desk.url, engagement.id) == ["EngagementEnded"]
    assert await desk.held() == 0


async def test_what_is_over_stays_as_it_is(desk: Desk) -> None:
    done = await a_booking(desk.url, worker=desk.worker, state="COMPLETED", starts_at=NOON)

    await suspend(desk)

    stands = select(Booking.state).where(Booking.id == done.id)
    assert await scalar(desk.url, stands) == BookingState.COMPLETED


async def test_only_someone_at_work_is_stopped(desk: Desk) -> None:
    await suspend(desk)

    assert (await suspend(desk))["__typename"] == "NotAtThisStage"


async def test_officers_alone_stop_workers_and_those_of_their_district(desk: Desk) -> None:
    far = Viewer(Role.DISTRICT_OFFICER, "us_far", districts=("dt_118",))

    assert await suspend(desk, far) == ["NOT_FOUND"]
    assert await suspend(desk, workerId="wk_nobody") == ["NOT_FOUND"]
    for role in (Role.PROVIDER, Role.HELPLINE, Role.WORKER, Role.MODERATOR):
        assert await suspend(desk, desk.by(role)) == ["FORBIDDEN"]
    assert await suspend(desk, Viewer()) == ["UNAUTHENTICATED"]
    assert await status(desk) == "ACTIVE"


async def test_a_suspension_ends_only_while_everything_is_verified(desk: Desk) -> None:
    await suspend(desk)
    given = {"workerId": desk.worker.id}
    await run_sql_async(desk.url, "UPDATE verification SET verified = false WHERE kind = 'POLICE'")
    refused = await send(desk.process, OFFICER, "activateWorker", **given)
    assert refused["__typename"] == "MissingVerifications"

    await run_sql_async(desk.url, "UPDATE verification SET verified = true")
    again = await send(desk.process, OFFICER, "activateWorker", STANDS, **given)
    assert (again["status"], again["statusReason"]) == ("ACTIVE", None)


async def test_nobody_is_given_work_while_they_are_stopped(desk: Desk) -> None:
    """Whichever comes first, a suspended worker is left without live bookings."""
    for _ in range(8):
        worker = await desk.a_hand()
        booking = await a_request(desk.url, desk.provider, desk.citizen)
        given, stopped = await asyncio.gather(
            desk.assign(worker, bookingId=booking.id), suspend(desk, workerId=worker.id)
        )

        assert stopped["status"] == "SUSPENDED"
        assert given["__typename"] in ("Booking", "NotQualified")
        now = select(Booking.state).where(Booking.id == booking.id)
        assert await scalar(desk.url, now) == "REQUESTED"
        assert await desk.held() == 0
