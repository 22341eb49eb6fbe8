"""Commands about one booking, or one worker's time, at the same moment: one of them wins.

Each race is run with its guard taken away, too, and must then go wrong: or it would prove nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Select, func, select

from loaders import journey as load
from models.booking import LIVE, Assignment, Booking, TimelineEntry, WorkerTime
from resolvers.journey import the_booking
from runtime.process import Process
from runtime.rights import Role, Rule
from runtime.transaction import Transaction
from tests.asking import Inbox, a_process
from tests.conftest import run_sql_async
from tests.make import scalar
from tests.patience import PATIENCE
from tests.test_assignment import Desk, a_desk, a_request
from tests.visiting import rows

RIVALS = 50
ROUNDS = 5
WITHOUT_CONSTRAINT = "ALTER TABLE worker_time DROP CONSTRAINT worker_time_taken"
STATE = "... on Booking { state }"


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox, pool_size=RIVALS) as process:
        yield process


def told(results: Iterable[Any]) -> Counter[str]:
    """What came of each: the state it led to, the refusal, or the error."""
    return Counter(came_of(result) for result in results)


def came_of(result: Any) -> str:
    match result:
        case None:
            return "done, and theirs no more"
        case list():
            return str(result[0])
    return str(result.get("state", result["__typename"]))


async def everybody_wants_one_slot(desk: Desk) -> Counter[str]:
    bookings = [await a_request(desk.url, desk.provider, desk.citizen) for _ in range(RIVALS)]
    return told(await asyncio.gather(*(desk.assign(bookingId=booking.id) for booking in bookings)))


async def test_of_fifty_who_assign_one_worker_at_one_time_one_succeeds(
    process: Process, inbox: Inbox
) -> None:
    desk = await a_desk(process, inbox)

    assert await everybody_wants_one_slot(desk) == {"ASSIGNED": 1, "SlotTaken": RIVALS - 1}

    live = select(func.count()).select_from(Booking).where(Booking.state.in_(LIVE))
    assert await scalar(desk.url, live) == 1
    assert await desk.held() == 1
    assert await scalar(desk.url, select(func.count()).select_from(Assignment)) == 1


async def test_without_the_constraint_one_worker_is_assigned_many_times(
    process: Process, inbox: Inbox
) -> None:
    desk = await a_desk(process, inbox)
    await run_sql_async(desk.url, WITHOUT_CONSTRAINT)

    assert (await everybody_wants_one_slot(desk))["ASSIGNED"] > 1


async def matched_at_once(desk: Desk) -> Counter[str]:
    """As many requests as workers, each of which would suit the same best one."""
    for _ in range(3):
        await desk.a_hand()
    bookings = [await a_request(desk.url, desk.provider, desk.citizen) for _ in range(4)]
    return told(
        await asyncio.gather(
            *(desk.send(Role.PROVIDER, "matchWorker", STATE, bookingId=b.id) for b in bookings)
        )
    )


async def test_requests_that_would_all_have_the_same_worker_find_one_each(
    process: Process, inbox: Inbox
) -> None:
    """Who was just taken is passed over for the next best."""
    desk = await a_desk(process, inbox)

    assert await matched_at_once(desk) == {"ASSIGNED": 4}

    workers = select(func.count(WorkerTime.worker_id.distinct()))
    assert await scalar(desk.url, workers) == 4


RIVAL_OF_ACCEPTING = {
    "reassignBooking": (Role.PROVIDER, {"reason": "Ill"}),
    "declineBooking": (Role.WORKER, {"reason": "Too far"}),
    "cancelBooking": (Role.CITIZEN, {"reason": "Not needed any more"}),
}


async def accept_against(desk: Desk, rival: str) -> list[Counter[str]]:
    """Both about one offer, again and again."""
    role, given = RIVAL_OF_ACCEPTING[rival]
    rounds = []
    for _ in range(ROUNDS):
        worker = await desk.a_hand()
        booking = await a_request(desk.url, desk.provider, desk.citizen)
        here = replace(desk, booking=booking, worker=worker)
        await here.assign()
        version = await scalar(desk.url, select(Booking.version).where(Booking.id == booking.id))
        results = await asyncio.gather(
            here.send(Role.WORKER, "acceptBooking", STATE, version=version),
            here.send(role, rival, STATE, version=version, **given),
        )
        outcome = told(results)
        outcome.update(f"step {command}" for command, _, _ in await here.steps())
        rounds.append(outcome)
    return rounds


@pytest.mark.parametrize("rival", RIVAL_OF_ACCEPTING)
async def test_of_accepting_and_its_contrary_one_takes_place(
    process: Process, inbox: Inbox, rival: str
) -> None:
    desk = await a_desk(process, inbox)

    for outcome in await accept_against(desk, rival):
        assert outcome["step acceptBooking"] + outcome[f"step {rival}"] == 1
        # Who is no party to it any more does not find it.
        lost = outcome["CONFLICT"] + outcome["WrongState"] + outcome["NOT_FOUND"]
        assert lost == 1


async def both_look_before_either_acts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What accepting and then re-assigning one offer led to, without a lock on it; and the steps
    that were noted."""
    await desk.assign()
    together, accepted = asyncio.Barrier(2), asyncio.Event()

    async def accept() -> Any:
        try:
            return await desk.send(Role.WORKER, "acceptBooking", STATE)
        finally:
            accepted.set()

    async def looked_at(tx: Transaction, id: str, version: int | None = None) -> Booking:
        booking = await the_booking(tx, id, version)
        await asyncio.wait_for(together.wait(), PATIENCE)
        if tx.viewer.role is not Role.WORKER:
            await asyncio.wait_for(accepted.wait(), PATIENCE)
        return booking

    monkeypatch.setattr(load, "booking_to_move", unlocked)
    monkeypatch.setattr("resolvers.assignment.the_booking", looked_at)
    results = await asyncio.gather(
        accept(),
        desk.send(Role.PROVIDER, "reassignBooking", STATE, reason="Ill"),
    )
    return [*told(results), *(command for command, _, _ in await desk.steps())]


def unlocked(id: str, rule: Rule) -> Select[Booking]:
    return select(Booking).where(Booking.id == id, Booking.rows(rule))


async def test_without_the_lock_the_version_still_decides(
    process: Process, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await a_desk(process, inbox)

    came = await both_look_before_either_acts(desk, monkeypatch)

    assert came == ["ACCEPTED", "CONFLICT", "assignWorker", "acceptBooking"]


async def test_without_lock_and_version_what_was_accepted_is_taken_away_unseen(
    process: Process, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await a_desk(process, inbox)
    # A version that never changes tells nobody anything.
    monkeypatch.setattr(Booking.__mapper__, "version_id_generator", lambda version: version)

    came = await both_look_before_either_acts(desk, monkeypatch)

    assert came == ["ACCEPTED", "REQUESTED", "assignWorker", "acceptBooking", "reassignBooking"]
    left = select(TimelineEntry.from_state).where(TimelineEntry.position > 0)
    assert {row[0] for row in await rows(desk.url, left)} == {"ASSIGNED"}
