"""Any day will do: demo data, searches, free time and bookings, whatever the clock says."""

import os
from collections import Counter
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from data import demo
from data.demo.bookings import AHEAD, DAYS_AGO, EARLIER, NOW, Diary
from data.demo.workers import Town
from data.demo.writer import Gathered, Rows
from models.booking import BookingState
from models.worker import WorkerStatus
from runtime.geography import INDIA

MONDAY = date(2026, 11, 30)
TWO_YEARS = [MONDAY + timedelta(days=ahead) for ahead in range(731)]
SMALL = demo.PROFILES["launch"].sized(100 if os.environ.get("LONG") else 5)
A_FIFTH = demo.PROFILES["launch"].sized(400)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(INDIA))


def made_on(day: date, profile: demo.Profile) -> Gathered:
    """All rows, of no database."""
    town = Town(Random(1), midnight(day), Rows())
    for _ in demo.chunks(town, profile):
        pass
    return town.rows.take()


def in_india(instant: datetime) -> date:
    return instant.astimezone(ZoneInfo(INDIA)).date()


def refuse_impossible(day: date, rows: Gathered, profile: demo.Profile) -> None:
    bookings = rows["booking"]
    assert Counter(booking["state"] for booking in bookings) == {
        **profile.others,
        "COMPLETED": profile.completed,
    }
    worked = {(rule["worker_id"], rule["weekday"]) for rule in rows["availability_rule"]}
    taken: set[tuple[Any, date]] = set()
    for booking in bookings:
        starts_on = in_india(booking["starts_at"])
        if booking["state"] in AHEAD:
            assert day < starts_on <= day + timedelta(days=13)
        elif booking["state"] in NOW:
            assert day - timedelta(days=7) <= starts_on < day
        else:
            assert starts_on <= day - timedelta(days=2)
        if booking["worker_id"] is not None:
            assert (booking["worker_id"], starts_on.isoweekday()) in worked
            assert (booking["worker_id"], starts_on) not in taken
            taken.add((booking["worker_id"], starts_on))


def test_demo_data_is_made_on_each_day_of_two_years() -> None:
    assert date(2028, 2, 29) in TWO_YEARS
    for day in TWO_YEARS:
        refuse_impossible(day, made_on(day, SMALL), SMALL)


@pytest.mark.parametrize("ahead", range(7))
def test_demo_data_is_as_much_on_each_weekday(ahead: int) -> None:
    day = MONDAY + timedelta(days=ahead)

    refuse_impossible(day, made_on(day, A_FIFTH), A_FIFTH)


@pytest.mark.parametrize("state", [NOW[0], AHEAD[0], BookingState.COMPLETED])
def test_more_bookings_than_there_are_days_are_refused_with_a_sentence(
    state: BookingState,
) -> None:
    town = Town(Random(1), midnight(MONDAY), Rows())
    hands = [hand for n in range(40) if (hand := town.add_worker(n, WorkerStatus.ACTIVE, 6))][:2]
    diary = Diary(town, hands)
    diary.add_citizens(1)

    def add_too_many() -> None:
        for _ in range(1_000):
            diary.add(state)

    with pytest.raises(demo.NoDayLeft, match=f"{state} booking as of 2026-11-30: .* 2 workers"):
        add_too_many()
    days = [MONDAY - timedelta(days=ago) for ago in DAYS_AGO.get(state, EARLIER)]
    assert diary.count == len(hands) * sum(day.isoweekday() <= 6 for day in days)


def test_without_workers_there_are_no_bookings() -> None:
    with pytest.raises(demo.NoDayLeft, match="the 0 workers"):
        Diary(Town(Random(1), midnight(MONDAY), Rows()), []).add(NOW[0])
