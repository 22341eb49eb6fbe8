"""Any day will do: demo data, searches, free time and bookings, whatever the clock says."""

import os
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import text

from data import demo
from data.demo.bookings import AHEAD, DAYS_AGO, EARLIER, NOW, Diary
from data.demo.workers import Town
from data.demo.writer import Gathered, Rows
from models.booking import BookingState
from models.worker import WorkerStatus
from runtime import clock
from runtime.geography import INDIA
from runtime.identity import viewer_of
from runtime.process import Process
from runtime.viewer import ANYONE, Viewer
from tests.asking import Inbox, a_process, answer, send
from tests.visiting import rows

MONDAY = date(2026, 11, 30)
TWO_YEARS = [MONDAY + timedelta(days=ahead) for ahead in range(731)]
LONG = bool(os.environ.get("LONG"))
SMALL = demo.PROFILES["launch"].sized(100 if LONG else 5)
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


# Against the database, whose own clock stays where it is.

CRITICAL = {
    **{
        f"{MONDAY + timedelta(ahead):%A}": f"{MONDAY + timedelta(ahead)}T10:00"
        for ahead in range(7)
    },
    "28 February": "2027-02-28T10:00",
    "28 February of a leap year": "2028-02-28T23:59:30",
    "29 February": "2028-02-29T10:00",
    "31 December": "2027-12-31T10:00",
    "the last minute of a year": "2027-12-31T23:59:30",
    "the first minute of a year": "2028-01-01T00:00:30",
    "the end of 32 bits": "2038-01-19T08:44:08",
}
SHORT = ("Monday", "29 February", "the last minute of a year", "the end of 32 bits")
MOMENTS = {
    name: datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(INDIA)).astimezone(UTC)
    for name, at in CRITICAL.items()
    if LONG or name in SHORT
}
MOBILE = "+910000999001"
BOOKABLE = text(
    """
SELECT w.id, w.home_latitude, w.home_longitude, d.lgd_code, r.service_id, s.duration_minutes,
       c.slug
  FROM worker w
  JOIN district d ON d.id = w.district_id
  JOIN worker_skill k ON k.worker_id = w.id AND k.position = 0
  JOIN service_category c ON c.id = k.category_id
  JOIN service s ON s.category_id = c.id
  JOIN rate_card r ON r.service_id = s.id AND r.district_id = d.id AND r.valid_until IS NULL
   AND (r.worker_id = w.id OR r.provider_id = w.provider_id)
 WHERE w.status = 'ACTIVE' AND s.duration_minutes <= 120
 ORDER BY w.code LIMIT 1
"""
)
SEARCH = """query ($slug: String!, $latitude: Float!, $longitude: Float!) {
  nearbyWorkers(categorySlug: $slug, latitude: $latitude, longitude: $longitude, first: 20) {
    nodes { id nextFreeSlot { startsAt } } } }"""
FREE = """query ($id: ID!, $minutes: Int!, $start: DateTime) {
  freeSlots(workerId: $id, minutes: $minutes, start: $start, first: 5) { startsAt endsAt } }"""
MADE = "... on Booking { number state slot { startsAt } }"


async def signed_in(process: Process, inbox: Inbox) -> Viewer:
    """A citizen, by the token that they were given."""
    phone = {"mobile": MOBILE, "role": "CITIZEN"}
    await send(process, ANYONE, "requestCode", **phone)
    code = inbox.code(MOBILE)
    given = await send(
        process, ANYONE, "signIn", "... on SignedIn { accessToken }", **phone, code=code
    )
    return await viewer_of(f"Bearer {given['accessToken']}", process)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
async def test_a_citizen_finds_free_time_and_books_it(
    database_url: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, moment: datetime
) -> None:
    monkeypatch.setattr(clock, "now", lambda: moment)
    few = demo.PROFILES["launch"].sized(20)
    await demo.seed(database_url, few, seed=1, as_of=None, progress=lambda *_: None)

    async with a_process(database_url, inbox) as process:
        citizen = await signed_in(process, inbox)
        (worker,) = await rows(database_url, BOOKABLE)
        latitude, longitude = worker.home_latitude, worker.home_longitude
        near = {"slug": worker.slug, "latitude": latitude, "longitude": longitude}
        found, errors = await answer(process, citizen, SEARCH, **near)
        assert errors == []
        met = {node["id"]: node["nextFreeSlot"] for node in found["nearbyWorkers"]["nodes"]}
        soon = datetime.fromisoformat(met[worker.id]["startsAt"])
        assert moment <= soon < moment + timedelta(days=14)
        assert in_india(soon).isoweekday() <= 6

        tomorrow = (moment + timedelta(days=1)).isoformat()
        asked = {"id": worker.id, "minutes": worker.duration_minutes, "start": tomorrow}
        free, errors = await answer(process, citizen, FREE, **asked)
        assert errors == []
        starts_at = free["freeSlots"][0]["startsAt"]
        service = {"services": [{"serviceId": worker.service_id}], "workerId": worker.id}
        district = {"districtLgdCode": worker.lgd_code}
        quote = await send(
            process, citizen, "requestQuote", "... on Quote { id }", **service, **district
        )
        place = {"line": "Flat 3", "latitude": latitude, "longitude": longitude, **district}
        booking = {"quoteId": quote["id"], "startsAt": starts_at, "place": place}
        made = await send(process, citizen, "requestBooking", MADE, **booking)

    assert made["state"] == "REQUESTED", made
    assert made["number"].startswith(f"SM{in_india(moment):%y}-")
    assert made["slot"]["startsAt"] == starts_at


@pytest.mark.same_day
@pytest.mark.parametrize("seconds", [-3, 3, 86_400])
async def test_a_clock_that_is_not_postgresqls_is_told_of(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    ours = clock.now
    assert (await client.get("/readyz")).json() == {"ready": True, "postgresql": "up"}

    monkeypatch.setattr(clock, "now", lambda: ours() + timedelta(seconds=seconds))
    answer = await client.get("/readyz")

    assert answer.status_code == 200
    (warning,) = answer.json()["warnings"]
    assert "This clock and PostgreSQL's differ by" in warning


@pytest.mark.same_day
@pytest.mark.parametrize("seconds", [-1, 1])
async def test_clocks_that_differ_by_a_little_are_left_alone(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    ours = clock.now
    monkeypatch.setattr(clock, "now", lambda: ours() + timedelta(seconds=seconds))

    assert "warnings" not in (await client.get("/readyz")).json()
