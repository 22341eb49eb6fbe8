"""A department holds a worker from day to day, and nobody else does then."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import select, text

from models.account import Department, Outbox
from models.booking import WorkerTime
from models.worker import Engagement, Worker
from runtime import clock
from runtime.geography import INDIA, day_of
from runtime.jobs import carry_out
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, answer, send
from tests.conftest import run_sql_async
from tests.make import a_booking, a_department, a_worker, scalar
from tests.visiting import rows

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Office:
    process: Process
    department: Department
    worker: Worker

    @property
    def viewer(self) -> Viewer:
        return Viewer(Role.DEPARTMENT, "us_office", department_id=self.department.id)

    @property
    def url(self) -> str:
        return self.process.settings.database_url or ""

    async def engage(self, first: int = 5, after: int = 8, **given: Any) -> Any:
        """From some days on to others."""
        asked = {
            "workerId": self.worker.id,
            "startsOn": day(first).isoformat(),
            "endsOn": day(after).isoformat(),
            "purpose": "Wiring of offices",
        }
        return await send(
            self.process,
            self.viewer,
            "engageWorker",
            "... on Engagement { id status }",
            **asked | given,
        )

    async def end(self, id: str) -> Any:
        return await send(
            self.process,
            self.viewer,
            "endEngagement",
            "... on Engagement { status }",
            engagementId=id,
        )

    async def held(self) -> list[tuple[datetime, datetime]]:
        during = await rows(self.url, select(WorkerTime.during))
        return [(row[0].lower, row[0].upper) for row in during]

    async def events(self) -> list[str]:
        told = await rows(self.url, select(Outbox.event).order_by(Outbox.position))
        return [row[0] for row in told]


def day(ahead: int) -> date:
    return day_of(clock.now()) + ahead * DAY


def midnight(ahead: int) -> datetime:
    return datetime.combine(day(ahead), time(), ZoneInfo(INDIA))


@pytest_asyncio.fixture
async def office(database_url: str, inbox: Inbox) -> AsyncIterator[Office]:
    async with a_process(database_url, inbox) as process:
        yield Office(process, await a_department(database_url), await a_worker(database_url))


async def test_whole_days_are_held_in_india(office: Office) -> None:
    made = await office.engage()

    assert (made["__typename"], made["status"]) == ("Engagement", "ACTIVE")
    assert await office.held() == [(midnight(5), midnight(8))]
    assert await office.events() == ["EngagementStarted"]
    due = "SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'finish_engagement'"
    assert await scalar(office.url, text(due)) == midnight(8)


async def test_no_two_promises_overlap(office: Office) -> None:
    await a_booking(office.url, worker=office.worker, starts_at=midnight(6) + DAY / 2)

    assert (await office.engage())["__typename"] == "SlotTaken"
    assert (await office.engage(7, 9))["__typename"] == "Engagement"
    assert (await office.engage(8, 10))["__typename"] == "SlotTaken"
    assert (await office.engage(9, 10))["__typename"] == "Engagement"


async def race(office: Office) -> list[Any]:
    """A department engages the worker while a booking is moved into those days."""
    booking = await a_booking(office.url, worker=office.worker, starts_at=midnight(3) + DAY / 2)
    assert booking.citizen_id
    moved = send(
        office.process,
        Viewer(Role.CITIZEN, booking.citizen_id),
        "proposeReschedule",
        bookingId=booking.id,
        startsAt=(midnight(6) + DAY / 2).isoformat(),
    )
    came = await asyncio.gather(office.engage(), moved)
    return [one["__typename"] for one in came]


async def test_of_an_engagement_and_a_booking_at_once_one_wins(office: Office) -> None:
    came = await race(office)
    assert came in (["Engagement", "SlotTaken"], ["SlotTaken", "Booking"])
    assert len(await office.held()) == (2 if came[0] == "Engagement" else 1)


async def test_without_the_constraint_both_win(office: Office) -> None:
    await run_sql_async(office.url, "ALTER TABLE worker_time DROP CONSTRAINT worker_time_taken")
    assert await race(office) == ["Engagement", "Booking"]


@pytest.mark.parametrize(
    ("first", "after"),
    [(-1, 3), (5, 5), (5, 4), (1, 368), (400, 402)],
)
async def test_days_are_in_order_to_come_and_at_most_a_year(
    office: Office, first: int, after: int
) -> None:
    assert await office.engage(first, after) == ["BAD_INPUT"]


async def test_the_longest_engagement_is_a_year(office: Office) -> None:
    assert (await office.engage(0, 366))["__typename"] == "Engagement"


async def test_a_worker_who_takes_no_work_is_not_engaged(office: Office) -> None:
    await run_sql_async(office.url, "UPDATE worker SET status = 'SUSPENDED'")
    assert (await office.engage())["__typename"] == "WorkerNotActive"


async def test_a_department_engages_in_its_own_district(office: Office) -> None:
    await run_sql_async(office.url, "UPDATE department SET district_id = 'dt_118'")
    assert await office.engage() == ["NOT_FOUND"]
    await run_sql_async(office.url, "UPDATE department SET district_id = NULL")
    assert (await office.engage())["__typename"] == "Engagement"


async def test_ended_early_the_time_is_free(office: Office) -> None:
    made = await office.engage()

    assert (await office.end(made["id"]))["status"] == "ENDED"

    assert await office.held() == []
    assert await office.events() == ["EngagementStarted", "EngagementEnded"]
    assert (await office.end(made["id"]))["__typename"] == "EngagementOver"
    assert (await office.engage())["__typename"] == "Engagement"


async def test_it_ends_by_itself_on_its_last_day(office: Office) -> None:
    id = (await office.engage())["id"]
    status = select(Engagement.status).where(Engagement.id == id)

    async def finish(now: datetime) -> str:
        await carry_out(office.process, "finish_engagement", {"engagement_id": id}, now)
        return str(await scalar(office.url, status))

    assert await finish(midnight(8) - timedelta(seconds=1)) == "ACTIVE"
    assert await finish(midnight(8)) == "ENDED"
    assert await finish(midnight(8)) == "ENDED"
    assert await office.held() == []
    assert await office.events() == ["EngagementStarted", "EngagementEnded"]


async def test_a_department_sees_whom_it_holds(office: Office) -> None:
    id = (await office.engage())["id"]
    query = "{ viewer { engagements { nodes { id purpose } } } }"

    seen, _ = await answer(office.process, office.viewer, query)
    stranger = Viewer(Role.DEPARTMENT, "us_other", department_id="dp_other")
    others, _ = await answer(office.process, stranger, query)
    nobody, _ = await answer(office.process, Viewer(), query)

    assert seen["viewer"]["engagements"]["nodes"] == [{"id": id, "purpose": "Wiring of offices"}]
    assert others["viewer"]["engagements"]["nodes"] == []
    assert nobody["viewer"]["engagements"]["nodes"] == []


async def test_who_may_not_and_whose_it_is_not(office: Office) -> None:
    id = (await office.engage())["id"]
    officer = Viewer(Role.STATE_OFFICER, "us_state")
    stranger = Viewer(Role.DEPARTMENT, "us_other", department_id="dp_other")

    assert await office.engage(workerId="wk_none") == ["NOT_FOUND"]
    assert await send(office.process, officer, "endEngagement", engagementId=id) == ["FORBIDDEN"]
    assert await send(office.process, stranger, "endEngagement", engagementId=id) == ["NOT_FOUND"]
    assert (await office.end(id))["status"] == "ENDED"
