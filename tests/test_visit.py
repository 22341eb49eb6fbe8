"""The visit: from setting out to the end of the work, who moves it, and who reaches whom."""

import csv
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from models.account import Outbox
from models.base import new_id
from models.booking import Booking, BookingState, Quote, QuoteStatus, WorkerTime
from resolvers.journey import ACTORS
from runtime import clock
from runtime.geography import day_of
from runtime.process import Process
from runtime.rights import WRITE, Act, Role
from tests.asking import Inbox, a_process, send
from tests.conftest import CHECKOUT, run_sql_async
from tests.make import BEFORE_CONTACT, a_department, save, scalar
from tests.visiting import ANOTHER_PART, AT_THE_DOOR, REVISED, Visit, a_visit, rows

HOUR = timedelta(hours=1)
STEPS = {
    "startTravel": Act.ATTEND,
    "markArrived": Act.ARRIVE,
    "startService": Act.ATTEND,
    "reviseQuote": Act.REVISE_QUOTE,
    "approveQuote": Act.ANSWER_QUOTE,
    "rejectQuote": Act.ANSWER_QUOTE,
    "completeService": Act.COMPLETE,
    "recordNoShow": Act.RECORD_NO_SHOW,
}
"""The commands of a visit that move its booking, and the act that each is of."""


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def test_a_visit_goes_from_acceptance_to_payment(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox)

    await visit.send(Role.WORKER, "startTravel")
    await visit.send(Role.WORKER, "markArrived", **AT_THE_DOOR)
    await visit.send(Role.WORKER, "logCall")
    await visit.send(Role.WORKER, "startService", code=visit.code)
    await visit.send(Role.WORKER, "reviseQuote", **ANOTHER_PART)
    await visit.send(Role.CITIZEN, "rejectQuote", revision=2)
    await visit.send(Role.PROVIDER, "reviseQuote", **ANOTHER_PART)
    await visit.send(Role.CITIZEN, "approveQuote", revision=3)
    done = await visit.send(
        Role.WORKER,
        "completeService",
        "... on Booking { state payments { state amount { paise } } }",
        code=visit.code,
    )
    await visit.send(Role.WORKER, "recordPayment", mode="CASH")
    await visit.send(Role.PROVIDER, "grantRefund", reason="The fan stopped again")
    await visit.send(Role.PROVIDER, "refundPayment")

    assert done["state"] == "COMPLETED"
    assert done["payments"] == [{"state": "DUE", "amount": {"paise": REVISED}}]
    assert await visit.timeline() == [
        ("startTravel", "ACCEPTED", "EN_ROUTE", "WORKER"),
        ("markArrived", "EN_ROUTE", "ARRIVED", "WORKER"),
        ("startService", "ARRIVED", "IN_PROGRESS", "WORKER"),
        ("reviseQuote", "IN_PROGRESS", "QUOTE_REVISED", "WORKER"),
        ("rejectQuote", "QUOTE_REVISED", "IN_PROGRESS", "CITIZEN"),
        ("reviseQuote", "IN_PROGRESS", "QUOTE_REVISED", "PROVIDER"),
        ("approveQuote", "QUOTE_REVISED", "IN_PROGRESS", "CITIZEN"),
        ("completeService", "IN_PROGRESS", "COMPLETED", "WORKER"),
    ]
    assert await visit.events() == [
        "WorkerEnRoute",
        "WorkerArrived",
        "CallLogged",
        "ServiceStarted",
        "QuoteRevised",
        "QuoteRejected",
        "QuoteRevised",
        "QuoteApproved",
        "ServiceCompleted",
        "PaymentRecorded",
        "RefundGranted",
        "RefundIssued",
    ]


async def test_a_completed_visit_gives_its_time_back_and_says_when_it_ended(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS")

    await visit.send(Role.DISTRICT_OFFICER, "completeService", reason="The phone was lost")

    booking = await visit.now()
    assert booking.completed_at is not None
    assert clock.now() - booking.completed_at < timedelta(minutes=1)
    assert booking.completed_month == day_of(booking.completed_at).replace(day=1)
    assert booking.contact_until == booking.completed_at + timedelta(hours=24)
    promised = select(func.count()).where(WorkerTime.booking_id == booking.id)
    assert await scalar(visit.url, promised) == 0
    assert [step[-1] for step in await visit.timeline()] == ["OFFICER"]


async def test_a_worker_sets_out_two_hours_before_the_slot_at_the_earliest(
    process: Process, inbox: Inbox
) -> None:
    early = await a_visit(process, inbox, starts_in=2 * HOUR + timedelta(minutes=1))
    timely = await a_visit(process, inbox, starts_in=2 * HOUR - timedelta(minutes=1))

    refused = await early.send(
        Role.WORKER, "startTravel", "... on TooEarly { possibleFrom message }"
    )

    assert refused["__typename"] == "TooEarly"
    possible_from = datetime.fromisoformat(refused["possibleFrom"])
    assert possible_from == early.booking.starts_at - 2 * HOUR
    assert f"{possible_from:%H:%M}" in refused["message"]
    assert await early.events() == []
    assert (await timely.send(Role.WORKER, "startTravel"))["__typename"] == "Booking"


async def test_the_lead_of_the_worker_is_a_setting(database_url: str, inbox: Inbox) -> None:
    async with a_process(database_url, inbox, travel_hours=5) as process:
        visit = await a_visit(process, inbox, starts_in=4 * HOUR)

        assert (await visit.send(Role.WORKER, "startTravel"))["__typename"] == "Booking"


@pytest.mark.parametrize(("north", "arrived"), [(0.0026, True), (0.0028, False)])
async def test_a_worker_has_arrived_within_three_hundred_metres(
    process: Process, inbox: Inbox, north: float, arrived: bool
) -> None:
    """A thousandth of a degree is 111 m."""
    visit = await a_visit(process, inbox, "EN_ROUTE")
    here: dict[str, Any] = {**AT_THE_DOOR, "latitude": AT_THE_DOOR["latitude"] + north}

    result = await visit.send(Role.WORKER, "markArrived", "... on NotThere { metres }", **here)

    if arrived:
        assert result["__typename"] == "Booking"
    else:
        assert (result["__typename"], result["metres"]) == ("NotThere", 311)
        assert (await visit.now()).state == "EN_ROUTE"
        assert inbox.sent == []


async def test_a_provider_vouches_for_the_worker_and_says_why(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "EN_ROUTE")

    assert await visit.send(Role.PROVIDER, "markArrived") == ["BAD_INPUT"]
    await visit.send(Role.PROVIDER, "markArrived", reason="The lane is not on the map")

    seen, _ = await visit.see(Role.CITIZEN, "state timeline { actor reason }")
    assert seen["state"] == "ARRIVED"
    assert seen["timeline"] == [{"actor": "PROVIDER", "reason": "The lane is not on the map"}]


async def test_a_worker_who_does_not_say_where_they_are_has_not_arrived(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "EN_ROUTE")

    assert await visit.send(Role.WORKER, "markArrived", reason="I am here") == ["BAD_INPUT"]
    nowhere: dict[str, Any] = {"latitude": 91.0, "longitude": 81.0}
    assert await visit.send(Role.WORKER, "markArrived", **nowhere) == ["BAD_INPUT"]


async def test_an_address_that_is_not_on_the_map_keeps_nobody_out(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "EN_ROUTE", latitude=None, longitude=None)

    arrived = await visit.send(Role.WORKER, "markArrived", **AT_THE_DOOR)

    assert arrived["__typename"] == "Booking"


async def test_only_an_officer_ends_a_visit_without_its_code(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS")

    assert await visit.send(Role.WORKER, "completeService", reason="No code") == ["BAD_INPUT"]
    assert await visit.send(Role.STATE_OFFICER, "completeService") == ["BAD_INPUT"]
    done = await visit.send(Role.STATE_OFFICER, "completeService", reason="Settled on the phone")

    assert done["__typename"] == "Booking"


async def test_a_command_about_an_older_version_is_a_conflict(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox)

    seen, _ = await visit.see(Role.WORKER, "version")
    assert await visit.send(Role.WORKER, "startTravel", version=seen["version"] + 1) == ["CONFLICT"]
    moved = await visit.send(Role.WORKER, "startTravel", version=seen["version"])

    assert moved["__typename"] == "Booking"


async def test_a_replay_with_the_same_key_changes_nothing(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox)

    first = await visit.send(
        Role.WORKER, "startTravel", "... on Booking { id }", idempotencyKey="k"
    )
    again = await visit.send(
        Role.WORKER, "startTravel", "... on Booking { id }", idempotencyKey="k"
    )

    assert first == again
    assert await visit.events() == ["WorkerEnRoute"]


# Who may take which step, from where.


def the_table() -> dict[tuple[str, str], set[str]]:
    """Who may send a command in a state."""
    with (CHECKOUT / "data" / "booking_transitions.csv").open(encoding="utf-8") as file:
        return {
            (line["command"], line["from_state"]): set(line["actors"].split(";"))
            for line in csv.DictReader(file)
        }


def plausible(command: str, role: Role) -> dict[str, Any]:
    """What the command is told beside the booking."""
    given: dict[str, dict[str, Any]] = {
        "markArrived": {**AT_THE_DOOR, "reason": "They called me"},
        "startService": {"code": "000000"},
        "reviseQuote": ANOTHER_PART,
        "approveQuote": {"revision": 2},
        "rejectQuote": {"revision": 2},
        "completeService": {"code": "000000"} if role is Role.WORKER else {"reason": "Settled"},
    }
    return given.get(command, {})


def test_whoever_the_table_names_may_send_the_command() -> None:
    for (command, _), actors in the_table().items():
        if command in STEPS:
            senders = {ACTORS[role].lower() for role in WRITE[STEPS[command]]}
            assert actors - {"system"} <= senders, command


GUARDED = {
    ("startService", "ARRIVED"): "CodeWrong",
    ("completeService", "IN_PROGRESS"): "CodeWrong",
    ("recordNoShow", "ARRIVED"): "WaitLonger",
}
"""Where the step is there, and its guard says no to what is plausible."""


@pytest.mark.parametrize("state", BookingState)
async def test_a_step_is_taken_exactly_where_the_table_has_it(
    process: Process, inbox: Inbox, database_url: str, state: BookingState
) -> None:
    """Every command of a visit, by every role that may send it at all, in every state."""
    steps, found = the_table(), []
    office = await a_department(database_url)
    # A booking that was not moved serves for the next try.
    visits: dict[str | None, Visit] = {}
    for command, act in STEPS.items():
        for role in WRITE[act]:
            booker = office.id if role is Role.DEPARTMENT else None
            visit = visits.pop(booker, None) or await at_odds(process, inbox, state, booker)
            came = await visit.send(role, command, **plausible(command, role))
            part = "citizen" if role is Role.DEPARTMENT else ACTORS[role].lower()
            taken = part in steps.get((command, state), set())
            name = came if isinstance(came, list) else came["__typename"]
            if name not in (
                {"Booking", GUARDED.get((command, state))} if taken else {"WrongState"}
            ):
                found.append(f"{command} by {role} in {state}: {name}")
            if not taken:
                visits[booker] = visit
                assert await visit.events() == []
                assert (await visit.now()).state == state
    assert found == []


async def at_odds(
    process: Process, inbox: Inbox, state: BookingState, department_id: str | None
) -> Visit:
    """Late, and with a price that waits for an answer, in a state that may not go with it."""
    visit = await a_visit(process, inbox, state, starts_in=-HOUR, department_id=department_id)
    quote = Quote(
        id=new_id("qt"),
        booking_id=visit.booking.id,
        revision=2,
        status=QuoteStatus.OFFERED,
        total_paise=0,
        offered_at=clock.now(),
        expires_at=clock.now() + HOUR,
    )
    await save(visit.url, quote)
    return visit


@pytest.mark.parametrize("command", STEPS)
async def test_whoever_may_not_send_a_command_of_a_visit_is_stopped(
    process: Process, inbox: Inbox, command: str
) -> None:
    visit = await a_visit(process, inbox)

    for role in Role:
        if role not in WRITE[STEPS[command]]:
            came = await visit.send(role, command, **plausible(command, role))
            stopped = "UNAUTHENTICATED" if role is Role.ANONYMOUS else "FORBIDDEN"
            assert came == [stopped], role


@pytest.mark.parametrize("command", STEPS)
async def test_a_stranger_finds_no_booking_to_move(
    process: Process, inbox: Inbox, command: str
) -> None:
    visit, other = await a_visit(process, inbox), await a_visit(process, inbox)

    for role in WRITE[STEPS[command]]:
        if role in (Role.HELPLINE, Role.STATE_OFFICER, Role.DISTRICT_OFFICER):
            continue
        given = {"bookingId": visit.booking.id} | plausible(command, role)
        assert await send(process, other.by(role), command, **given) == ["NOT_FOUND"], role
    assert await scalar(visit.url, select(func.count()).select_from(Outbox)) == 0


# Who reaches whom.

CONTACT = "callId worker { mobile }"
WORKERS_VIEW = "callId address location { latitude } citizen { mobile firstName }"


@pytest.mark.parametrize("state", BookingState)
async def test_the_parties_reach_each_other_from_acceptance_to_a_day_after_the_end(
    process: Process, inbox: Inbox, state: BookingState
) -> None:
    visit = await a_visit(process, inbox, state)
    over = state in (BookingState.COMPLETED, BookingState.CANCELLED, BookingState.NO_SHOW)
    moments = {"before": None, "within": clock.now() + HOUR}
    if over:
        moments["after"] = clock.now() - timedelta(minutes=1)
    for name, until in moments.items():
        if over:
            begins = clock.now() - HOUR if until else None
            await change(visit, contact_from=begins, contact_until=until)
        shown = state not in BEFORE_CONTACT if not over else name == "within"
        await check_contact(visit, shown)


async def check_contact(visit: Visit, shown: bool) -> None:
    by_citizen, refused = await visit.see(Role.CITIZEN, CONTACT)
    by_worker, also_refused = await visit.see(Role.WORKER, WORKERS_VIEW)
    if shown:
        assert refused == also_refused == []
        assert by_citizen["worker"]["mobile"].startswith("+91XXXXXX")
        assert by_worker["citizen"]["mobile"].startswith("+91XXXXXX")
        assert by_worker["address"] == "Flat 3, Block B"
        assert by_worker["location"] is not None
        assert by_citizen["callId"] == by_worker["callId"] is not None
    else:
        assert set(refused) == set(also_refused) == {"FORBIDDEN"}
        assert by_citizen == {"callId": None, "worker": {"mobile": None}}
        hidden = {"callId": None, "address": None, "location": None, "citizen": None}
        assert by_worker == hidden


async def change(visit: Visit, **columns: Any) -> None:
    changed = update(Booking).where(Booking.id == visit.booking.id).values(**columns)
    async with visit.process.database.engine.begin() as connection:
        await connection.execute(changed)


async def test_a_department_is_connected_with_its_worker(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    office = await a_department(database_url)
    visit = await a_visit(process, inbox, department_id=office.id)

    seen, refused = await visit.see(Role.DEPARTMENT, "callId")

    assert (refused, seen["callId"] is None) == ([], False)


async def test_staff_do_not_see_what_connects_the_parties(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox)

    for role in (Role.PROVIDER, Role.HELPLINE, Role.DISTRICT_OFFICER, Role.STATE_OFFICER):
        assert await visit.see(role, "callId") == ({"callId": None}, ["FORBIDDEN"])


async def test_a_call_is_put_on_record_while_the_parties_are_in_contact(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox)

    await visit.send(Role.CITIZEN, "logCall")
    await visit.send(Role.WORKER, "logCall")
    await change(visit, contact_until=clock.now())
    late = await visit.send(Role.WORKER, "logCall")
    await change(visit, contact_from=None, contact_until=None)
    early = await visit.send(Role.CITIZEN, "logCall")

    assert (late["__typename"], early["__typename"]) == ("NotInContact", "NotInContact")
    seen, _ = await visit.see(Role.PROVIDER, "calls { caller }")
    assert seen["calls"] == [{"caller": "CITIZEN"}, {"caller": "WORKER"}]
    assert [(event, facts["caller"]) for event, facts in await visit.told()] == [
        ("CallLogged", "CITIZEN"),
        ("CallLogged", "WORKER"),
    ]


async def test_calls_on_record_are_limited(database_url: str, inbox: Inbox) -> None:
    async with a_process(database_url, inbox, calls_per_booking=2) as process:
        visit = await a_visit(process, inbox)
        came = [await visit.send(Role.WORKER, "logCall") for _ in range(3)]

    assert came[2] == ["LIMIT_EXCEEDED"]
    assert await visit.events() == ["CallLogged"] * 2


# Work that is put right.


async def test_poor_work_is_put_right_by_the_same_provider_for_nothing(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "COMPLETED", starts_in=-3 * HOUR)
    starts_at = clock.now() + timedelta(days=1)

    made = await visit.send(
        Role.CITIZEN,
        "askRework",
        """... on Booking {
             state reworkOf { id } provider { id } address services { slug }
             slot { startsAt endsAt } quote { total { paise } lines { amount { paise } } }
             timeline { command reason }
           }""",
        startsAt=starts_at.isoformat(),
        reason="The fan stopped again",
    )

    assert made["state"] == "REQUESTED"
    assert made["reworkOf"] == {"id": visit.booking.id}
    assert made["provider"] == {"id": visit.worker.provider_id}
    assert made["address"] == "Flat 3, Block B"
    assert made["services"] == [{"slug": "fan-repair"}]
    assert datetime.fromisoformat(made["slot"]["endsAt"]) == starts_at + 2 * HOUR
    assert made["quote"] == {"total": {"paise": 0}, "lines": [{"amount": {"paise": 0}}]}
    assert made["timeline"] == [{"command": "requestBooking", "reason": "The fan stopped again"}]
    told = select(Outbox.event).where(Outbox.subject_id != visit.booking.id)
    assert await rows(visit.url, told) == [("BookingRequested",)]


async def test_a_worker_of_no_provider_puts_their_own_work_right(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "COMPLETED", starts_in=-3 * HOUR, direct=True)

    await rework(visit)

    asked = select(Booking.preferred_worker_id).where(Booking.rework_of_id == visit.booking.id)
    assert await scalar(visit.url, asked) == visit.worker.id


@pytest.mark.parametrize(("days", "name"), [(6.9, "Booking"), (7.1, "ReworkTooLate")])
async def test_rework_is_asked_for_within_the_days_of_the_category(
    process: Process, inbox: Inbox, days: float, name: str
) -> None:
    ended = timedelta(days=days) + 2 * HOUR
    visit = await a_visit(process, inbox, "COMPLETED", starts_in=-ended)

    assert (await rework(visit))["__typename"] == name


async def test_a_category_may_allow_more_days_for_rework(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "COMPLETED", starts_in=-timedelta(days=20))

    assert (await rework(visit))["__typename"] == "ReworkTooLate"
    office, category = visit.by(Role.STATE_OFFICER), visit.booking.category_id
    for days, code in ((31, ["BAD_INPUT"]), (30, None)):
        came = await send(
            process, office, "changeCategory", categoryId=category, trade={"reworkDays": days}
        )
        assert code is None or came == code

    assert (await rework(visit, Role.HELPLINE))["__typename"] == "Booking"


async def rework(visit: Visit, role: Role = Role.CITIZEN, **given: Any) -> Any:
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    given = {"startsAt": tomorrow, "reason": "It stopped again"} | given
    return await visit.send(role, "askRework", **given)


async def test_work_that_is_not_done_is_not_put_right(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS")

    assert (await rework(visit))["__typename"] == "NotCompleted"


async def test_rework_is_under_way_once_at_a_time(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "COMPLETED", starts_in=-3 * HOUR)

    assert (await rework(visit))["__typename"] == "Booking"
    assert (await rework(visit))["__typename"] == "ReworkUnderWay"
    await run_sql_async(
        visit.url, "UPDATE booking SET state = 'CANCELLED' WHERE state = 'REQUESTED'"
    )
    assert (await rework(visit))["__typename"] == "Booking"


async def test_rework_is_still_to_come(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "COMPLETED", starts_in=-3 * HOUR)
    past = (clock.now() - HOUR).isoformat()

    assert (await rework(visit, startsAt=past))["__typename"] == "SlotPast"


async def test_rework_is_free_whatever_it_takes(process: Process, inbox: Inbox) -> None:
    first = await a_visit(process, inbox, "COMPLETED", starts_in=-3 * HOUR)
    again = await a_visit(process, inbox, "IN_PROGRESS", rework_of_id=first.booking.id)
    await run_sql_async(
        again.url,
        f"UPDATE quote SET total_paise = 0 WHERE booking_id = '{again.booking.id}'",
    )

    refused = await again.send(Role.WORKER, "reviseQuote", **ANOTHER_PART)
    done = await again.send(
        Role.DISTRICT_OFFICER,
        "completeService",
        "... on Booking { payments { state } }",
        reason="Settled",
    )

    assert refused["__typename"] == "ReworkIsFree"
    assert done["payments"] == []


@pytest.mark.parametrize("command", ["askRework", "replaceBooking", "logCall"])
async def test_a_stranger_finds_no_booking_to_do_anything_about(
    process: Process, inbox: Inbox, command: str
) -> None:
    visit, other = await a_visit(process, inbox, "COMPLETED"), await a_visit(process, inbox)
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    given = {
        "askRework": {"startsAt": tomorrow, "reason": "Bad"},
        "replaceBooking": {"startsAt": tomorrow},
        "logCall": {},
    }[command]

    came = await send(process, other.by(Role.CITIZEN), command, bookingId=visit.booking.id, **given)

    assert came == ["NOT_FOUND"]
    assert await visit.send(Role.AUDITOR, command, **given) == ["FORBIDDEN"]
