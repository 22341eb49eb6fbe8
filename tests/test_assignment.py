"""Who may be given a booking, who is asked first, and what becomes of an offer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from models.account import Citizen, Outbox
from models.base import new_id
from models.booking import (
    Assignment,
    AvailabilityException,
    Booking,
    BookingState,
    ServiceArea,
    TimelineEntry,
    WorkerTime,
)
from models.worker import Provider, Verification, Worker
from runtime import clock
from runtime.geography import INDIA, in_india
from runtime.jobs import carry_out
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, answer, send
from tests.background import settle
from tests.conftest import Statements, run_sql_async
from tests.make import (
    GOMTI_NAGAR,
    LUCKNOW,
    a_booking,
    a_citizen,
    a_provider,
    a_worker,
    save,
    scalar,
)
from tests.visiting import rows

GIVEN = "... on Booking { state worker { id } assignments { outcome reason worker { id } } }"
REASONS = "... on NotQualified { reasons }"
TOMORROW = in_india(clock.now()).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(
    days=1
)


@dataclass(frozen=True)
class Desk:
    """A request at a provider's price, and the people who may see to it."""

    process: Process
    inbox: Inbox
    url: str
    provider: Provider
    worker: Worker
    citizen: Citizen
    booking: Booking

    def by(self, role: Role) -> Viewer:
        viewer = Viewer(role, f"us_{role.lower()}")
        match role:
            case Role.ANONYMOUS:
                return Viewer()
            case Role.CITIZEN:
                return replace(viewer, id=self.citizen.id)
            case Role.WORKER:
                return replace(viewer, id=self.worker.id)
            case Role.PROVIDER:
                return replace(viewer, id=self.provider.id, provider_id=self.provider.id)
            case Role.DISTRICT_OFFICER:
                return replace(viewer, districts=(LUCKNOW,))
        return viewer

    async def send(self, role: Role, command: str, selection: str = GIVEN, **given: Any) -> Any:
        given = {"bookingId": self.booking.id} | given
        return await send(self.process, self.by(role), command, selection, **given)

    async def assign(
        self, worker: Worker | None = None, role: Role = Role.PROVIDER, **given: Any
    ) -> Any:
        given = {"workerId": (worker or self.worker).id} | given
        return await self.send(role, "assignWorker", f"{GIVEN} {REASONS}", **given)

    async def a_hand(self, **columns: Any) -> Worker:
        """Another of the provider's."""
        return await a_worker(self.url, **{"provider_id": self.provider.id, **columns})

    async def stands(self) -> str:
        state = select(Booking.state).where(Booking.id == self.booking.id)
        return str(await scalar(self.url, state))

    async def steps(self) -> list[tuple[str, str, str]]:
        """What was done, to which state, by whom."""
        steps = select(TimelineEntry.command, TimelineEntry.to_state, TimelineEntry.actor).where(
            TimelineEntry.booking_id == self.booking.id
        )
        return [tuple(row) for row in await rows(self.url, steps.order_by(TimelineEntry.position))]

    async def events(self) -> list[str]:
        told = select(Outbox.event).where(Outbox.subject_id == self.booking.id)
        return [row[0] for row in await rows(self.url, told.order_by(Outbox.position))]

    async def outcomes(self) -> list[tuple[str, str | None]]:
        made = select(Assignment.outcome, Assignment.reason).where(
            Assignment.booking_id == self.booking.id
        )
        return [tuple(row) for row in await rows(self.url, made.order_by(Assignment.position))]

    async def held(self) -> int:
        return int(await scalar(self.url, select(func.count()).select_from(WorkerTime)))

    async def due(self, job: str) -> list[dict[str, Any]]:
        """What is on the list of jobs under the name."""
        listed = text("SELECT args FROM procrastinate_jobs WHERE task_name = :job ORDER BY id")
        return [row[0] for row in await rows(self.url, listed.bindparams(job=job))]

    async def run(self, job: str, now: datetime | None = None) -> None:
        """The latest of the name."""
        await carry_out(self.process, job, (await self.due(job))[-1], now)

    async def searched(self, now: datetime | None = None) -> None:
        """As if the booking had only just begun to wait for somebody."""
        version = await scalar(
            self.url, select(Booking.version).where(Booking.id == self.booking.id)
        )
        arguments = {"booking_id": self.booking.id, "version": version}
        await carry_out(self.process, "find_worker", arguments, now)


async def a_request(
    url: str, provider: Provider | None, citizen: Citizen | None = None, **columns: Any
) -> Booking:
    """Nobody has it yet."""
    somebody = await a_worker(url, status="INACTIVE")
    return await a_booking(
        url,
        worker=somebody,
        citizen=citizen,
        state=BookingState.REQUESTED,
        **{
            "worker_id": None,
            "provider_id": provider.id if provider else None,
            "starts_at": TOMORROW,
            "latitude": GOMTI_NAGAR[0],
            "longitude": GOMTI_NAGAR[1],
            **columns,
        },
    )


async def a_desk(process: Process, inbox: Inbox, **columns: Any) -> Desk:
    url = process.settings.database_url
    assert url is not None
    provider, citizen = await a_provider(url), await a_citizen(url)
    worker = await a_worker(url, provider_id=provider.id)
    booking = await a_request(url, provider, citizen, **columns)
    return Desk(process, inbox, url, provider, worker, citizen, booking)


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


@pytest_asyncio.fixture
async def desk(process: Process, inbox: Inbox) -> Desk:
    return await a_desk(process, inbox)


# Giving


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.DISTRICT_OFFICER, Role.STATE_OFFICER])
async def test_a_booking_is_offered_to_a_worker(desk: Desk, role: Role) -> None:
    given = await desk.assign(role=role)

    assert (given["state"], given["worker"]) == ("ASSIGNED", {"id": desk.worker.id})
    assert await desk.outcomes() == [("OFFERED", None)]
    actor = "PROVIDER" if role is Role.PROVIDER else "OFFICER"
    assert await desk.steps() == [("assignWorker", "ASSIGNED", actor)]
    assert await desk.events() == ["BookingAssigned"]
    assert await desk.held() == 1


async def test_an_offer_holds_for_some_time(desk: Desk) -> None:
    await desk.assign()

    lasts = await scalar(desk.url, select(Assignment.expires_at - Assignment.offered_at))
    assert lasts == timedelta(minutes=15)
    assert await desk.due("expire_offer") == [{"booking_id": desk.booking.id, "position": 0}]


WITHOUT = {
    "ACTIVE": "UPDATE worker SET status = 'SUSPENDED'",
    "PROVIDER": "UPDATE provider SET status = 'EXPIRED'",
    "SKILL": "UPDATE worker_skill SET verified = false",
    "IDENTITY": "DELETE FROM verification WHERE kind = 'IDENTITY'",
    "POLICE": "UPDATE verification SET valid_until = '2020-01-01' WHERE kind = 'POLICE'",
    "LICENCE": "UPDATE service_category SET regulations = '{driving-licence}'",
}


@pytest.mark.parametrize(("reason", "change"), WITHOUT.items(), ids=WITHOUT)
async def test_a_worker_who_lacks_what_it_takes_is_not_assigned(
    desk: Desk, reason: str, change: str
) -> None:
    await run_sql_async(desk.url, change)

    refused = await desk.assign()

    assert refused["__typename"] == "NotQualified"
    assert refused["reasons"] == [reason]
    assert await desk.stands() == "REQUESTED"
    assert await desk.held() == 0


async def test_everything_that_is_missing_is_told_at_once(desk: Desk) -> None:
    for reason in ("SKILL", "IDENTITY", "POLICE"):
        await run_sql_async(desk.url, WITHOUT[reason])

    refused = await desk.assign()

    assert refused["reasons"] == ["SKILL", "IDENTITY", "POLICE"]
    assert refused["message"] == (
        "This worker cannot take the booking: the skill is not verified, identity is not verified,"
        " police verification is missing."
    )


async def test_a_mou_that_has_run_out_and_a_district_not_served_stop_a_provider(
    desk: Desk,
) -> None:
    await run_sql_async(desk.url, "UPDATE provider SET empanelled_until = '2020-01-01'")
    assert (await desk.assign())["reasons"] == ["PROVIDER"]

    await run_sql_async(desk.url, "UPDATE provider SET empanelled_until = NULL")
    await run_sql_async(desk.url, "DELETE FROM provider_district")
    assert (await desk.assign())["reasons"] == ["PROVIDER"]


async def test_a_licence_that_is_on_record_and_a_police_check_will_do(desk: Desk) -> None:
    police = "UPDATE service_category SET regulations = '{police-verification}'"
    await run_sql_async(desk.url, WITHOUT["LICENCE"])
    licence = Verification(
        id=new_id("vf"), worker_id=desk.worker.id, kind="LICENCE", verified=True, status="VERIFIED"
    )
    await save(desk.url, licence)
    other = await desk.a_hand()

    assert (await desk.assign())["state"] == "ASSIGNED"

    await run_sql_async(desk.url, police)
    again = await a_request(desk.url, desk.provider)
    assert (await desk.assign(other, bookingId=again.id))["state"] == "ASSIGNED"


async def test_a_provider_assigns_its_own_and_an_officer_those_of_the_district(
    desk: Desk,
) -> None:
    elsewhere = await a_provider(desk.url)
    stranger = await a_worker(desk.url, provider_id=elsewhere.id)
    far = await a_worker(desk.url, provider_id=desk.provider.id, district_id="dt_118")

    assert await desk.assign(stranger) == ["NOT_FOUND"]
    assert (await desk.assign(stranger, Role.DISTRICT_OFFICER))["reasons"] == ["PROVIDER"]
    assert await desk.assign(far, Role.DISTRICT_OFFICER) == ["NOT_FOUND"]
    assert (await desk.assign(far))["__typename"] == "OutOfArea"


async def test_a_worker_goes_no_further_than_they_said(desk: Desk) -> None:
    await save(desk.url, ServiceArea(worker_id=desk.worker.id, radius_km=5))
    assert (await desk.assign())["state"] == "ASSIGNED"

    other = await desk.a_hand(home=(26.95, 81.0))
    await save(desk.url, ServiceArea(worker_id=other.id, radius_km=5))
    again = await a_request(desk.url, desk.provider)
    assert (await desk.assign(other, bookingId=again.id))["__typename"] == "OutOfArea"


async def test_wishes_bind_and_are_not_told(process: Process, inbox: Inbox) -> None:
    desk = await a_desk(process, inbox, preferred_worker_gender="FEMALE", language="hi")
    speaks_nothing = await desk.a_hand(gender="FEMALE", languages=["ur"])
    unknown = await desk.a_hand(gender=None)
    fits = await desk.a_hand(gender="FEMALE")

    for worker in (desk.worker, speaks_nothing, unknown):
        refused = await desk.assign(worker)
        assert refused["reasons"] == ["WISHES"]
        assert "FEMALE" not in refused["message"]
    assert (await desk.assign(fits))["state"] == "ASSIGNED"


async def test_time_that_is_promised_is_not_promised_again(desk: Desk) -> None:
    await a_booking(desk.url, worker=desk.worker, starts_at=TOMORROW + timedelta(hours=1))

    assert (await desk.assign())["__typename"] == "SlotTaken"
    assert await desk.stands() == "REQUESTED"


@pytest.mark.parametrize("state", [s for s in BookingState if s != BookingState.REQUESTED])
async def test_only_a_request_is_offered(process: Process, inbox: Inbox, state: str) -> None:
    desk = await a_desk(process, inbox)
    columns: dict[str, Any] = {}
    if state in ("CANCELLED", "EXPIRED"):
        columns = {"worker_id": None}
    booking = await a_booking(
        desk.url, worker=await desk.a_hand(), state=state, starts_at=TOMORROW, **columns
    )

    assert (await desk.assign(bookingId=booking.id))["__typename"] == "WrongState"


async def test_someone_elses_booking_is_nobodys(desk: Desk) -> None:
    strangers = {
        "assignWorker": replace(desk.by(Role.PROVIDER), provider_id="pv_other"),
        "acceptBooking": replace(desk.by(Role.WORKER), id="wk_other"),
        "declineBooking": replace(desk.by(Role.WORKER), id="wk_other"),
        "reassignBooking": replace(desk.by(Role.DISTRICT_OFFICER), districts=("dt_118",)),
        "matchWorker": replace(desk.by(Role.DISTRICT_OFFICER), districts=("dt_118",)),
    }
    await desk.assign()
    needs = {
        "assignWorker": {"workerId": desk.worker.id},
        "declineBooking": {"reason": "Busy"},
        "reassignBooking": {"reason": "Ill"},
    }
    for command, viewer in strangers.items():
        given = {"bookingId": desk.booking.id} | needs.get(command, {})
        assert await send(desk.process, viewer, command, **given) == ["NOT_FOUND"]
        anybody = Viewer(Role.MODERATOR, "us_moderator")
        assert await send(desk.process, anybody, command, **given) == ["FORBIDDEN"]


async def test_whoever_looked_at_an_older_version_is_told(desk: Desk) -> None:
    assert await desk.assign(version=7) == ["CONFLICT"]
    assert (await desk.assign(version=1))["state"] == "ASSIGNED"
    assert await desk.send(Role.WORKER, "acceptBooking", version=1) == ["CONFLICT"]


# Answering


@pytest.mark.parametrize("role", [Role.WORKER, Role.PROVIDER])
async def test_an_offer_is_accepted(desk: Desk, role: Role) -> None:
    await desk.assign()

    accepted = await desk.send(role, "acceptBooking")

    assert accepted["state"] == "ACCEPTED"
    assert await desk.outcomes() == [("ACCEPTED", None)]
    assert (await desk.steps())[-1] == ("acceptBooking", "ACCEPTED", role)
    assert (await desk.events())[-1] == "BookingAccepted"
    assert await desk.held() == 1
    assert await desk.due("record_absent_worker") == [{"booking_id": desk.booking.id}]


async def test_the_parties_reach_each_other_from_acceptance_on(desk: Desk) -> None:
    async def call_id() -> Any:
        query = f'{{ booking(id: "{desk.booking.id}") {{ callId }} }}'
        data, _ = await answer(desk.process, desk.by(Role.WORKER), query)
        return data["booking"]["callId"]

    await desk.assign()
    assert await call_id() is None
    await desk.send(Role.WORKER, "acceptBooking")
    assert (await call_id()).startswith("cl_")


async def test_an_offer_that_has_lapsed_is_not_accepted(desk: Desk) -> None:
    await desk.assign()
    await run_sql_async(
        desk.url, "UPDATE assignment SET offered_at = :now - '1 h'::interval, expires_at = :now"
    )

    assert (await desk.send(Role.WORKER, "acceptBooking"))["__typename"] == "OfferLapsed"
    assert await desk.stands() == "ASSIGNED"


async def test_what_is_not_on_offer_is_neither_accepted_nor_declined(desk: Desk) -> None:
    await desk.assign()
    await desk.send(Role.WORKER, "acceptBooking")

    again = await desk.send(Role.WORKER, "acceptBooking")
    declined = await desk.send(Role.WORKER, "declineBooking", reason="Busy")

    assert again["__typename"] == declined["__typename"] == "WrongState"


async def test_whoever_declines_is_not_asked_again(desk: Desk) -> None:
    await desk.assign()

    await desk.send(Role.WORKER, "declineBooking", reason="Too far today")

    assert await desk.stands() == "REQUESTED"
    assert await desk.outcomes() == [("DECLINED", "Too far today")]
    assert (await desk.steps())[-1] == ("declineBooking", "REQUESTED", "WORKER")
    assert (await desk.events())[-1] == "BookingDeclined"
    assert await desk.held() == 0
    assert (await desk.assign())["reasons"] == ["WILLING"]


async def test_an_offer_that_nobody_answers_lapses(desk: Desk) -> None:
    await desk.assign()
    await desk.run("expire_offer")
    assert await desk.stands() == "ASSIGNED"

    await desk.run("expire_offer", clock.now() + timedelta(minutes=16))

    assert await desk.stands() == "REQUESTED"
    assert await desk.outcomes() == [("LAPSED", None)]
    assert (await desk.steps())[-1] == ("expireOffer", "REQUESTED", "SYSTEM")
    assert (await desk.events())[-1] == "OfferExpired"
    assert await desk.held() == 0
    assert (await desk.assign())["reasons"] == ["WILLING"]


async def test_the_end_of_an_offer_ends_no_other(desk: Desk) -> None:
    await desk.assign()
    await desk.send(Role.WORKER, "declineBooking", reason="Busy")
    await desk.assign(await desk.a_hand())
    later = clock.now() + timedelta(hours=1)

    (first, _) = await desk.due("expire_offer")
    await carry_out(desk.process, "expire_offer", first, later)
    assert await desk.stands() == "ASSIGNED"

    await desk.send(Role.PROVIDER, "acceptBooking")
    await desk.run("expire_offer", later)
    assert await desk.stands() == "ACCEPTED"


# Taking back


@pytest.mark.parametrize(
    "role", [Role.PROVIDER, Role.DISTRICT_OFFICER, Role.STATE_OFFICER, Role.HELPLINE]
)
async def test_a_booking_is_taken_back_for_somebody_else(desk: Desk, role: Role) -> None:
    await desk.assign()
    await desk.send(Role.WORKER, "acceptBooking")

    taken = await desk.send(role, "reassignBooking", reason="The worker is ill")

    assert (taken["state"], taken["worker"]) == ("REQUESTED", None)
    assert await desk.outcomes() == [("REASSIGNED", "The worker is ill")]
    assert (await desk.events())[-1] == "BookingReassigned"
    assert await desk.held() == 0
    found = select(Booking.priority, Booking.call_id, Booking.contact_from)
    (kept,) = await rows(desk.url, found.where(Booking.id == desk.booking.id))
    assert tuple(kept) == (True, None, None)


@pytest.mark.parametrize("state", ["REQUESTED", "ARRIVED", "IN_PROGRESS", "COMPLETED"])
async def test_work_that_has_begun_is_not_taken_back(
    process: Process, inbox: Inbox, state: str
) -> None:
    desk = await a_desk(process, inbox)
    booking = await a_booking(desk.url, worker=desk.worker, state=state)

    refused = await desk.send(
        Role.PROVIDER, "reassignBooking", bookingId=booking.id, reason="No reason at all"
    )

    assert refused["__typename"] == "WrongState"


# Looking for somebody


async def test_whoever_is_nearest_is_asked_first(desk: Desk) -> None:
    for home in ((26.90, 81.0), (26.95, 81.0)):
        await desk.a_hand(home=home)

    assert (await desk.send(Role.PROVIDER, "matchWorker"))["worker"] == {"id": desk.worker.id}


async def test_a_better_rating_makes_up_for_some_way(process: Process, inbox: Inbox) -> None:
    desk = await a_desk(process, inbox)
    await run_sql_async(desk.url, "UPDATE worker_place SET score = 3")
    better = await desk.a_hand(home=(26.88, 81.0072), score=4.9)
    await desk.a_hand(home=(26.98, 81.0072), score=5.0)

    assert (await desk.send(Role.PROVIDER, "matchWorker"))["worker"] == {"id": better.id}


async def test_it_is_the_turn_of_who_was_asked_least(desk: Desk) -> None:
    other = await desk.a_hand()
    for days in (3, 4):
        earlier = await a_booking(
            desk.url, worker=desk.worker, starts_at=TOMORROW + timedelta(days=days)
        )
        now = clock.now()
        await save(
            desk.url,
            Assignment(
                booking_id=earlier.id,
                position=0,
                worker_id=desk.worker.id,
                offered_at=now,
                expires_at=now + timedelta(minutes=1),
                outcome="ACCEPTED",
            ),
        )

    assert (await desk.send(Role.PROVIDER, "matchWorker"))["worker"] == {"id": other.id}


async def test_whoever_has_the_day_before_them_is_asked_first(desk: Desk) -> None:
    other = await desk.a_hand()
    await a_booking(desk.url, worker=desk.worker, starts_at=TOMORROW + timedelta(hours=3))

    assert (await desk.send(Role.PROVIDER, "matchWorker"))["worker"] == {"id": other.id}


async def test_whom_the_citizen_chose_is_asked_before_everyone(
    process: Process, inbox: Inbox
) -> None:
    desk = await a_desk(process, inbox)
    chosen = await desk.a_hand(home=(26.95, 81.0), score=2.0)
    await run_sql_async(desk.url, f"UPDATE booking SET preferred_worker_id = '{chosen.id}'")

    assert (await desk.send(Role.PROVIDER, "matchWorker"))["worker"] == {"id": chosen.id}


NOT_FREE = ("closed then", "another weekday", "a day off", "promised", "not qualified", "asked")


@pytest.mark.parametrize("why", NOT_FREE)
async def test_whoever_cannot_come_is_passed_over(desk: Desk, why: str) -> None:
    match why:
        case "closed then":
            await run_sql_async(desk.url, "UPDATE availability_rule SET until_time = '13:00'")
        case "another weekday":
            weekday = TOMORROW.isoweekday()
            await run_sql_async(
                desk.url, f"DELETE FROM availability_rule WHERE weekday = {weekday}"
            )
        case "a day off":
            await save(
                desk.url, AvailabilityException(worker_id=desk.worker.id, day=TOMORROW.date())
            )
        case "promised":
            await a_booking(desk.url, worker=desk.worker, starts_at=TOMORROW)
        case "not qualified":
            await run_sql_async(desk.url, WITHOUT["POLICE"])
        case "asked":
            await desk.assign()
            await desk.send(Role.PROVIDER, "reassignBooking", reason="Wrong one")

    assert (await desk.send(Role.PROVIDER, "matchWorker"))["__typename"] == "NobodyAvailable"

    other = await desk.a_hand(weekdays=(1, 2, 3, 4, 5, 6, 7))
    assert (await desk.send(Role.PROVIDER, "matchWorker"))["worker"] == {"id": other.id}


async def test_work_at_a_workers_own_price_goes_to_workers_of_no_provider(
    process: Process, inbox: Inbox
) -> None:
    desk = await a_desk(process, inbox)
    await run_sql_async(desk.url, "UPDATE booking SET provider_id = NULL")
    officer = Role.DISTRICT_OFFICER

    assert (await desk.send(officer, "matchWorker"))["__typename"] == "NobodyAvailable"

    alone = await a_worker(desk.url)
    assert (await desk.send(officer, "matchWorker"))["worker"] == {"id": alone.id}


async def test_free_rework_is_for_who_did_it_badly(process: Process, inbox: Inbox) -> None:
    desk = await a_desk(process, inbox)
    first, other = await a_worker(desk.url), await a_worker(desk.url)
    done = await a_booking(desk.url, worker=first, state="COMPLETED")
    again = await a_request(desk.url, None, rework_of_id=done.id, preferred_worker_id=first.id)
    officer = Role.DISTRICT_OFFICER

    refused = await desk.assign(other, officer, bookingId=again.id)
    found = await desk.send(officer, "matchWorker", bookingId=again.id)

    assert refused["reasons"] == ["PROVIDER"]
    assert found["worker"] == {"id": first.id}


async def test_the_service_looks_by_itself_and_asks_one_after_another(desk: Desk) -> None:
    others = [await desk.a_hand(home=home) for home in ((26.88, 81.0), (26.91, 81.0))]
    asked = []

    await desk.searched()
    for _ in range(3):
        now = select(Booking.worker_id).where(Booking.id == desk.booking.id)
        asked.append(await scalar(desk.url, now))
        await desk.run("expire_offer", clock.now() + timedelta(minutes=20))
        await desk.run("find_worker")

    assert asked == [desk.worker.id, others[0].id, others[1].id]
    assert await desk.stands() == "REQUESTED"
    assert {outcome for outcome, _ in await desk.outcomes()} == {"LAPSED"}


async def test_a_search_that_finds_nobody_is_made_again_until_the_start(desk: Desk) -> None:
    await run_sql_async(desk.url, "DELETE FROM worker_place")

    await desk.searched()
    assert len(await desk.due("find_worker")) == 1

    await desk.searched(TOMORROW - timedelta(minutes=5))
    assert len(await desk.due("find_worker")) == 1
    assert await desk.stands() == "REQUESTED"


async def test_a_search_that_was_overtaken_does_nothing(desk: Desk) -> None:
    arguments = {"booking_id": desk.booking.id, "version": 1}
    await desk.assign()
    await desk.send(Role.PROVIDER, "reassignBooking", reason="Wrong one")
    await desk.a_hand()

    await carry_out(desk.process, "find_worker", arguments)

    assert await desk.stands() == "REQUESTED"


async def test_after_so_many_offers_nobody_is_found(database_url: str, inbox: Inbox) -> None:
    async with a_process(database_url, inbox, offers_per_booking=1) as process:
        desk = await a_desk(process, inbox)
        await desk.a_hand()
        await desk.assign()
        await desk.send(Role.WORKER, "declineBooking", reason="Busy")

        await desk.run("find_worker")

        assert await desk.stands() == "EXPIRED"
        assert (await desk.steps())[-1] == ("expireBooking", "EXPIRED", "SYSTEM")


async def test_with_automatic_matching_off_people_assign(database_url: str, inbox: Inbox) -> None:
    async with a_process(database_url, inbox, automatic_matching=False) as process:
        desk = await a_desk(process, inbox)

        await desk.searched()

        assert await desk.stands() == "REQUESTED"
        assert (await desk.send(Role.PROVIDER, "matchWorker"))["state"] == "ASSIGNED"


@pytest.mark.parametrize("assigned", [True, False])
async def test_a_booking_that_nobody_took_expires_at_its_start(desk: Desk, assigned: bool) -> None:
    if assigned:
        await desk.assign()
    arguments = {"booking_id": desk.booking.id}

    await carry_out(desk.process, "expire_booking", arguments, TOMORROW - timedelta(minutes=1))
    assert await desk.stands() == ("ASSIGNED" if assigned else "REQUESTED")

    await carry_out(desk.process, "expire_booking", arguments, TOMORROW)
    assert await desk.stands() == "EXPIRED"
    assert await desk.held() == 0
    assert (await desk.events())[-1] == "BookingExpired"
    assert [outcome for outcome, _ in await desk.outcomes()] == (["LAPSED"] if assigned else [])


async def test_a_booking_that_was_accepted_does_not_expire(desk: Desk) -> None:
    await desk.assign()
    await desk.send(Role.WORKER, "acceptBooking")

    await carry_out(desk.process, "expire_booking", {"booking_id": desk.booking.id}, TOMORROW)

    assert await desk.stands() == "ACCEPTED"


async def test_from_request_to_the_end_of_an_offer_everyone_is_told(desk: Desk) -> None:
    await desk.assign()
    await settle(desk.process)
    assert [to for to, _ in desk.inbox.sent if to == desk.worker.mobile] == [desk.worker.mobile]

    await desk.send(Role.WORKER, "acceptBooking")
    await settle(desk.process)
    assert any(to == desk.citizen.mobile and "पक्की" in said for to, said in desk.inbox.sent)


async def test_the_cost_of_each_command_is_fixed(desk: Desk, statements: Statements) -> None:
    for _ in range(20):
        await desk.a_hand()
    selection = "... on Booking { id }"
    with statements(at_most=15):
        await desk.send(Role.PROVIDER, "assignWorker", selection, workerId=desk.worker.id)
    with statements(at_most=13):
        await desk.send(Role.WORKER, "declineBooking", selection, reason="Ill")
    with statements(at_most=17):
        await desk.send(Role.PROVIDER, "matchWorker", selection)
    with statements(at_most=12):
        await desk.send(Role.PROVIDER, "acceptBooking", selection)
    with statements(at_most=13):
        await desk.send(Role.PROVIDER, "reassignBooking", selection, reason="Ill")
    assert [step for step, _, _ in await desk.steps()] == [
        "assignWorker",
        "declineBooking",
        "assignWorker",
        "acceptBooking",
        "reassignBooking",
    ]


async def test_a_booking_begins_on_a_day_in_india(desk: Desk) -> None:
    """A slot late in the evening of UTC is the next day's in India."""
    early = datetime.combine(TOMORROW.date(), time(6), ZoneInfo(INDIA))
    hand = await desk.a_hand(opens=time(5), weekdays=(date.isoweekday(TOMORROW.date()),))
    booking = await a_request(desk.url, desk.provider, starts_at=early)

    found = await desk.send(Role.PROVIDER, "matchWorker", bookingId=booking.id)

    assert found["worker"] == {"id": hand.id}
