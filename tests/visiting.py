"""Bookings on the day, and the people who have to do with them."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Citizen, Outbox
from models.base import Row, new_id
from models.booking import (
    Actor,
    Booking,
    BookingState,
    Quote,
    QuoteLine,
    QuoteLineKind,
    QuoteStatus,
    TimelineEntry,
)
from models.skill import RateCard
from models.worker import Worker
from runtime import clock
from runtime.database import engine_for
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, answer, send
from tests.make import GOMTI_NAGAR, LUCKNOW, a_booking, a_citizen, a_provider, a_worker, save

FAN_REPAIR, SWITCHES = "sv_electrician-fan-repair", "sv_electrician-switch-socket"
RATE, VISIT_CHARGE = 25_000, 9_900
BOOKER = (Role.CITIZEN, Role.DEPARTMENT)


@dataclass(frozen=True)
class Visit:
    """A booking and its parties, as they ask the gateway."""

    process: Process
    inbox: Inbox
    url: str
    booking: Booking
    worker: Worker
    citizen: Citizen

    def by(self, role: Role) -> Viewer:
        """Someone of the role whose booking it is, or who may act for them."""
        viewer = Viewer(role, f"us_{role.lower()}")
        match role:
            case Role.ANONYMOUS:
                return Viewer()
            case Role.CITIZEN:
                return replace(viewer, id=self.citizen.id)
            case Role.WORKER:
                return replace(viewer, id=self.worker.id)
            case Role.PROVIDER:
                return replace(viewer, provider_id=self.worker.provider_id)
            case Role.DISTRICT_OFFICER:
                return replace(viewer, districts=(LUCKNOW,))
            case Role.DEPARTMENT:
                return replace(viewer, department_id=self.booking.department_id)
        return viewer

    async def send(self, role: Role, command: str, selection: str = "", **given: Any) -> Any:
        """What comes of a command about the booking."""
        given = {"bookingId": self.booking.id} | given
        return await send(self.process, self.by(role), command, selection, **given)

    async def see(self, role: Role, fields: str) -> Any:
        """What someone sees of the booking, and the codes of what they do not."""
        query = f'{{ booking(id: "{self.booking.id}") {{ {fields} }} }}'
        data, errors = await answer(self.process, self.by(role), query)
        return data["booking"], [error["extensions"]["code"] for error in errors]

    @property
    def code(self) -> str:
        """The code that whoever booked was sent last."""
        assert self.citizen.mobile is not None
        return self.inbox.code(self.citizen.mobile)

    async def events(self) -> list[str]:
        return [event for event, _ in await self.told()]

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        """The events of the booking with their facts, in order."""
        told = select(Outbox.event, Outbox.facts).where(Outbox.subject_id == self.booking.id)
        return [tuple(row) for row in await rows(self.url, told.order_by(Outbox.position))]

    async def timeline(self) -> list[tuple[str, str | None, str, str]]:
        """What was done, from where to where, by whom."""
        steps = select(
            TimelineEntry.command,
            TimelineEntry.from_state,
            TimelineEntry.to_state,
            TimelineEntry.actor,
        ).where(TimelineEntry.booking_id == self.booking.id)
        return [tuple(row) for row in await rows(self.url, steps.order_by(TimelineEntry.position))]

    async def now(self) -> Booking:
        """The booking as it stands."""
        (booking,) = await rows(self.url, select(Booking).where(Booking.id == self.booking.id))
        return booking[0]  # type: ignore[no-any-return]


async def rows(url: str, statement: Any) -> list[Any]:
    engine = engine_for(url)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            return list((await session.execute(statement)).all())
    finally:
        await engine.dispose()


async def a_visit(
    process: Process,
    inbox: Inbox,
    state: str = BookingState.ACCEPTED,
    *,
    starts_in: timedelta = timedelta(hours=1),
    language: str = "hi",
    direct: bool = False,
    **columns: Any,
) -> Visit:
    """A booking at an agreed price, with a worker of a provider, or of none where it is `direct`;
    it starts in an hour."""
    url = process.settings.database_url
    assert url is not None
    provider_id = None if direct else (await a_provider(url)).id
    worker = await a_worker(url, provider_id=provider_id)
    citizen = await a_citizen(url, language=language)
    starts_at = clock.now() + starts_in
    if columns.get("department_id"):
        columns["citizen_id"] = None
    booking = await a_booking(
        url,
        worker=worker,
        citizen=citizen,
        state=state,
        starts_at=starts_at,
        **{"latitude": GOMTI_NAGAR[0], "longitude": GOMTI_NAGAR[1], **columns},
    )
    await save(url, *a_price(booking, worker))
    if state == BookingState.ARRIVED:
        await save(url, arrival(booking))
    return Visit(process, inbox, url, booking, worker, citizen)


def a_price(booking: Booking, worker: Worker) -> list[Row]:
    """What was agreed when it was booked, and the rate it came of."""
    rate = RateCard(
        id=new_id("rc"),
        provider_id=worker.provider_id,
        worker_id=None if worker.provider_id else worker.id,
        service_id=FAN_REPAIR,
        district_id=LUCKNOW,
        amount_paise=RATE,
        visit_charge_paise=VISIT_CHARGE,
        valid_from=date(2020, 1, 1),
        version=1,
        approved_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    quote = Quote(
        id=new_id("qt"),
        booking_id=booking.id,
        revision=1,
        status=QuoteStatus.ACCEPTED,
        total_paise=RATE + VISIT_CHARGE,
        offered_at=booking.requested_at,
        expires_at=booking.starts_at,
    )
    item = QuoteLine(
        quote_id=quote.id,
        position=0,
        kind=QuoteLineKind.ITEM,
        service_id=FAN_REPAIR,
        rate_card_id=rate.id,
        quantity=1,
        amount_paise=RATE,
    )
    visit = QuoteLine(
        quote_id=quote.id,
        position=1,
        kind=QuoteLineKind.VISIT,
        quantity=1,
        amount_paise=VISIT_CHARGE,
    )
    return [rate, quote, item, visit]


def arrival(booking: Booking) -> TimelineEntry:
    return TimelineEntry(
        booking_id=booking.id,
        position=0,
        command="markArrived",
        from_state=BookingState.EN_ROUTE,
        to_state=BookingState.ARRIVED,
        actor=Actor.WORKER,
        happened_at=clock.now(),
    )


AT_THE_DOOR: dict[str, Any] = {"latitude": GOMTI_NAGAR[0], "longitude": GOMTI_NAGAR[1]}
ANOTHER_PART: dict[str, Any] = {
    "reason": "The capacitor is gone too",
    "lines": [
        {"kind": "ITEM", "serviceId": FAN_REPAIR, "quantity": 2},
        {"kind": "VISIT", "amountPaise": VISIT_CHARGE},
        {"kind": "FEE", "amountPaise": 15_000},
        {"kind": "DISCOUNT", "amountPaise": -5_000},
    ],
}
REVISED = 2 * RATE + VISIT_CHARGE + 15_000 - 5_000
