"""People are told what happened to what is theirs: each of them, once, in their language."""

import asyncio
import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from string import Formatter
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from models.base import new_id
from models.notice import NOTICES
from models.review import Grievance
from resolvers.search_rows import OF_CATEGORIES, OF_PROVIDERS, OF_WORKERS
from runtime import background, jobs
from runtime.background import working
from runtime.changes import enrol, follow, sequence
from runtime.process import Process
from runtime.transaction import transaction
from tests.asking import Inbox, a_process
from tests.background import run_next, settle
from tests.conftest import CHECKOUT, run_sql_async
from tests.make import NOON, a_booking, a_citizen, a_department, a_provider, a_worker, save

CITIZEN, WORKER, PROVIDER = "+910000800001", "+910000800002", "+910000800003"
MAY_NAME = {"number", "category", "when", "ticket"}


@dataclass
class Flaky(Inbox):
    """A provider that is down until told otherwise."""

    down: bool = True
    asked: list[str] = field(default_factory=list)

    async def send(self, mobile: str, text: str) -> None:
        self.asked.append(mobile)
        if self.down:
            raise ConnectionError("the SMS provider: ConnectTimeout")
        await super().send(mobile, text)


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


@dataclass
class Visit:
    """A booking and the ids of its parties."""

    booking: str
    number: str
    citizen: str
    worker: str
    provider: str


@pytest_asyncio.fixture
async def visit(database_url: str) -> Visit:
    citizen = await a_citizen(database_url, mobile=CITIZEN, language="en")
    provider = await a_provider(database_url, mobile=PROVIDER)
    worker = await a_worker(database_url, mobile=WORKER, provider_id=provider.id)
    booking = await a_booking(database_url, worker=worker, citizen=citizen)
    return Visit(booking.id, booking.number, citizen.id, worker.id, provider.id)


async def emit(process: Process, event: str, subject: str, **facts: Any) -> None:
    async with transaction(process) as tx:
        await tx.emit(event, subject, **facts)


async def moved(process: Process, event: str, visit: Visit) -> None:
    """As `move` tells of a step."""
    await emit(process, event, visit.booking, worker=visit.worker, provider=visit.provider)


async def test_each_party_is_told_once_in_its_language(
    process: Process, inbox: Inbox, visit: Visit
) -> None:
    await moved(process, "BookingAccepted", visit)
    await settle(process)
    await settle(process)

    assert sorted(inbox.sent) == [
        (
            CITIZEN,
            f"Your booking {visit.number} (Electrician) is confirmed for 07-01-2030 12:00.",
        ),
        (WORKER, f"काम {visit.number} (इलेक्ट्रीशियन), 07-01-2030 12:00, आपका है।"),
        (PROVIDER, f"बुकिंग {visit.number} (07-01-2030 12:00) स्वीकार हो गई है।"),
    ]


async def test_a_worker_who_was_replaced_is_told_although_no_longer_of_the_booking(
    process: Process, inbox: Inbox, visit: Visit, database_url: str
) -> None:
    await run_sql_async(database_url, "UPDATE booking SET state = 'REQUESTED', worker_id = NULL")

    await moved(process, "BookingReassigned", visit)
    await settle(process)

    assert {mobile for mobile, _ in inbox.sent} == {CITIZEN, WORKER, PROVIDER}


async def test_what_is_undone_is_told_to_nobody(
    process: Process, inbox: Inbox, visit: Visit
) -> None:
    with pytest.raises(RuntimeError, match="after all not"):
        await undone(process, visit)
    await settle(process)

    assert inbox.sent == []


async def undone(process: Process, visit: Visit) -> None:
    async with transaction(process) as tx:
        await tx.emit("BookingCancelled", visit.booking, worker=visit.worker)
        raise RuntimeError("after all not")


async def test_a_booking_of_a_department_tells_the_others(
    process: Process, inbox: Inbox, visit: Visit, database_url: str
) -> None:
    office = await a_department(database_url)
    await run_sql_async(
        database_url, f"UPDATE booking SET citizen_id = NULL, department_id = '{office.id}'"
    )

    await moved(process, "BookingCancelled", visit)
    await settle(process)

    assert {mobile for mobile, _ in inbox.sent} == {WORKER, PROVIDER}


async def test_who_was_erased_meanwhile_is_sent_nothing(
    process: Process, inbox: Inbox, visit: Visit, database_url: str
) -> None:
    await moved(process, "WorkerEnRoute", visit)
    await run_sql_async(database_url, "UPDATE citizen SET mobile = NULL, erased_at = :now")
    await settle(process)

    assert inbox.sent == []


async def test_a_complaint_is_told_to_who_made_it_and_not_to_whom_it_names(
    process: Process, inbox: Inbox, visit: Visit, database_url: str
) -> None:
    grievance = Grievance(
        id=new_id("gr"),
        ticket_number="GR26-0000001",
        booking_id=visit.booking,
        opened_by=visit.citizen,
        severity="NORMAL",
        state="OPEN",
        text="He never came.",
        opened_at=NOON,
        acknowledge_by=NOON + timedelta(hours=48),
        resolve_by=NOON + timedelta(days=30),
    )
    await save(database_url, grievance)

    await emit(process, "GrievanceOpened", grievance.id, booking=visit.booking, worker=visit.worker)
    await settle(process)

    ((mobile, said),) = inbox.sent
    assert mobile == CITIZEN
    assert said.startswith("Your complaint GR26-0000001")


@pytest.mark.parametrize(
    ("event", "status", "told"),
    [
        ("WorkerActivated", None, "पंजीकरण पूरा"),
        ("WorkerChanged", "REJECTED", "स्वीकार नहीं"),
        ("WorkerChanged", "INACTIVE", None),
        ("VerificationRecorded", "EXPIRED", "अवधि समाप्त"),
    ],
)
async def test_a_worker_hears_what_came_of_the_registration(
    process: Process,
    inbox: Inbox,
    visit: Visit,
    event: str,
    status: str | None,
    told: str | None,
) -> None:
    await emit(process, event, visit.worker, status=status)
    await settle(process)

    assert len(inbox.sent) == (told is not None)
    assert told is None or told in inbox.sent[0][1]


async def test_nothing_personal_lies_in_the_list_of_jobs(process: Process, visit: Visit) -> None:
    await emit(process, "WorkerActivated", visit.worker)
    async with a_process(process.settings.database_url or "", Flaky()) as broken:
        with pytest.raises(ConnectionError):
            await settle(broken)

    async with process.database.engine.connect() as connection:
        found = (await connection.execute(text("SELECT args FROM procrastinate_jobs"))).all()
    assert [job.args for job in found] == [{"position": 1, "recipient_id": visit.worker}]


async def test_a_provider_that_is_down_delays_notices_and_loses_none(
    visit: Visit, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(jobs, "FIRST_WAIT", timedelta(0))
    monkeypatch.setattr(background, "POLL_SECONDS", 0.02)
    sms = Flaky()
    async with a_process(database_url, sms) as process, working(process):
        await moved(process, "BookingAccepted", visit)
        await until(lambda: set(sms.asked) == {CITIZEN, WORKER, PROVIDER})
        assert sms.sent == []

        sms.down = False
        await until(lambda: len(sms.sent) == 3)
        assert {mobile for mobile, _ in sms.sent} == {CITIZEN, WORKER, PROVIDER}


async def test_a_number_that_fails_is_in_nobodys_way(
    process: Process, inbox: Inbox, visit: Visit, database_url: str
) -> None:
    @dataclass
    class Refusing(Inbox):
        async def send(self, mobile: str, text: str) -> None:
            if mobile == WORKER:
                raise ConnectionError("the SMS provider: HTTPStatusError")
            await super().send(mobile, text)

    sms = Refusing()
    async with a_process(database_url, sms) as other:
        await moved(other, "BookingAccepted", visit)
        await moved(other, "BookingCancelled", visit)
        await listed(other)
        await jobs.work_off(other, wait=False)

    assert sorted({mobile for mobile, _ in sms.sent}) == [CITIZEN, PROVIDER]
    assert len(sms.sent) == 4
    async with process.database.engine.connect() as connection:
        left = await connection.execute(
            text("SELECT status::text FROM procrastinate_jobs WHERE task_name = 'send_notice'")
        )
        assert list(left.scalars()) == ["todo", "todo"]


async def listed(process: Process) -> None:
    """Notices are put on the list and not sent."""
    await enrol(process)
    await sequence(process)
    await follow(process, "notices")


async def until(there: Any) -> None:
    for _ in range(400):
        if there():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def test_jobs_that_are_due_go_before_notices(
    process: Process, inbox: Inbox, visit: Visit
) -> None:
    order: list[str] = []

    @jobs.job("due")
    async def due(tx: Any) -> None:
        order.extend(["due", *(mobile for mobile, _ in inbox.sent)])

    try:
        await emit(process, "WorkerActivated", visit.worker)
        await listed(process)
        async with transaction(process) as tx:
            await tx.later(NOON - timedelta(days=3650), "due")
        while await run_next(process):
            pass
    finally:
        del jobs.JOBS["due"]

    assert order == ["due"]
    assert len(inbox.sent) == 1


def steps() -> set[str]:
    """The events of the state machine."""
    with (CHECKOUT / "data" / "booking_transitions.csv").open(encoding="utf-8") as file:
        return {row["event"] for row in csv.DictReader(file)}


def test_every_step_of_a_booking_is_told_to_somebody() -> None:
    assert len(steps()) > 15
    assert steps() <= set(NOTICES)


def test_followers_wait_for_events_that_happen() -> None:
    """A name that nobody emits would be waited for in vain."""
    awaited = {event.split()[0] for event in NOTICES} | OF_WORKERS | OF_PROVIDERS | OF_CATEGORIES
    emitting = [
        file.read_text(encoding="utf-8")
        for folder in ("resolvers", "models")
        for file in (CHECKOUT / folder).glob("*.py")
        if file.stem not in ("notice", "search_rows")
    ]

    known = {event for event in awaited if any(f'"{event}"' in source for source in emitting)}
    assert awaited - steps() - known == set()


@pytest.mark.parametrize("event", NOTICES)
def test_notices_name_nothing_but_the_visit_and_say_the_same_in_both_languages(
    event: str,
) -> None:
    for said in NOTICES[event].values():
        assert names(said.english) == names(said.hindi) <= MAY_NAME
        assert said.english.isascii()
        assert any("\u0900" <= letter <= "\u097f" for letter in said.hindi)


def names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}
