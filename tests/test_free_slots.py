"""Free time: weekly hours in India, less what is promised and excepted."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.booking import AvailabilityException
from runtime import clock
from runtime.geography import INDIA
from tests.conftest import Ask, Statements
from tests.make import a_booking, a_worker, save

TODAY = clock.today()
QUERY = """query ($id: ID!, $minutes: Int!, $first: Int!, $start: DateTime, $end: DateTime) {
  freeSlots(workerId: $id, minutes: $minutes, first: $first, start: $start, end: $end) {
    startsAt endsAt } }"""


def india(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), ZoneInfo(INDIA))


async def slots(ask: Ask, id: str, day: date, *, minutes: int = 60, first: int = 50) -> list[str]:
    """The starts of the slots of a day, in India's time."""
    variables: dict[str, Any] = {
        "start": india(day, 0).isoformat(),
        "end": india(day + timedelta(days=1), 0).isoformat(),
    }
    found = (await ask(QUERY, id=id, minutes=minutes, first=first, **variables))["freeSlots"]
    starts = [datetime.fromisoformat(slot["startsAt"]) for slot in found]
    for slot, start in zip(found, starts, strict=True):
        assert datetime.fromisoformat(slot["endsAt"]) - start == timedelta(minutes=minutes)
        assert start.utcoffset() == timedelta(0)
    return [f"{start.astimezone(ZoneInfo(INDIA)):%H:%M}" for start in starts]


async def test_slots_lie_within_the_hours_and_beside_bookings(
    database_url: str, ask_signed_in: Ask
) -> None:
    worker, ask = await a_worker(database_url, opens=time(9), closes=time(12)), ask_signed_in
    day = TODAY + timedelta(days=3)
    assert await slots(ask, worker.id, day) == ["09:00", "09:30", "10:00", "10:30", "11:00"]

    await a_booking(database_url, worker=worker, starts_at=india(day, 10), hours=1)

    assert await slots(ask, worker.id, day) == ["09:00", "11:00"]
    assert await slots(ask, worker.id, day, minutes=90) == []
    assert await slots(ask, worker.id, day, minutes=30, first=3) == ["09:00", "09:30", "11:00"]


async def test_strangers_are_told_whole_free_hours_of_the_next_days(
    database_url: str, ask: Ask, ask_signed_in: Ask
) -> None:
    worker = await a_worker(database_url, opens=time(9, 15), closes=time(15))
    day = TODAY + timedelta(days=3)
    await a_booking(database_url, worker=worker, starts_at=india(day, 11, 30), hours=1)

    # A shorter slot tells no more of when within an hour the booking ends.
    for minutes in (15, 30, 60):
        assert await slots(ask, worker.id, day, minutes=minutes) == ["10:00", "13:00", "14:00"]
    assert await slots(ask, worker.id, day, minutes=61) == ["13:00"]
    assert "12:45" in await slots(ask_signed_in, worker.id, day, minutes=15)
    for days, seen in ((6, True), (8, False), (13, False), (30, False)):
        ahead = TODAY + timedelta(days=days)
        assert bool(await slots(ask, worker.id, ahead)) is seen
        assert await slots(ask_signed_in, worker.id, ahead)


async def test_a_day_off_has_no_slots(database_url: str, ask: Ask) -> None:
    day = TODAY + timedelta(days=3)
    worker = await a_worker(database_url, weekdays=(day.isoweekday(),))
    assert await slots(ask, worker.id, day)
    assert await slots(ask, worker.id, day + timedelta(days=1)) == []

    await save(database_url, AvailabilityException(worker_id=worker.id, day=day))

    assert await slots(ask, worker.id, day) == []


async def test_no_slot_lies_in_the_past(database_url: str, ask: Ask) -> None:
    worker = await a_worker(database_url, opens=time(0), closes=time(23, 59))

    data = await ask(QUERY, id=worker.id, minutes=60, first=1, start="2020-01-01T00:00:00Z")

    (slot,) = data["freeSlots"]
    assert datetime.fromisoformat(slot["startsAt"]) >= clock.now()


async def test_a_suspended_worker_has_no_free_time(database_url: str, ask: Ask) -> None:
    worker = await a_worker(database_url, status="SUSPENDED")

    assert await slots(ask, worker.id, TODAY + timedelta(days=3)) == []


@pytest.mark.parametrize("workers", [1, 20])
async def test_free_time_of_many_costs_one_statement_a_field(
    database_url: str, ask: Ask, statements: Statements, workers: int
) -> None:
    for _ in range(workers):
        await a_worker(database_url)

    with statements(at_most=3):
        data = await ask(
            "{ workers { nodes { nextFreeSlot { startsAt } freeSlots(first: 3) { startsAt } } } }"
        )

    found = data["workers"]["nodes"]
    assert len(found) == workers
    assert all(worker["nextFreeSlot"] == worker["freeSlots"][0] for worker in found)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("minutes: 0", "BAD_INPUT"),
        ("minutes: 10000", "BAD_INPUT"),
        ("first: 0", "LIMIT_EXCEEDED"),
        ("first: 101", "LIMIT_EXCEEDED"),
        ('start: "2030-01-02T00:00:00Z", end: "2030-01-01T00:00:00Z"', "BAD_INPUT"),
        ('start: "2030-01-02T00:00:00"', "BAD_INPUT"),
    ],
)
async def test_slots_that_cannot_be_are_refused(ask_raw: Ask, arguments: str, code: str) -> None:
    answer = await ask_raw(f'{{ freeSlots(workerId: "wk_1", {arguments}) {{ startsAt }} }}')

    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
