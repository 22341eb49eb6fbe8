"""Who comes: a booking is offered to a worker, who takes it or not; it is given to another."""

from datetime import timedelta
from typing import Annotated

from loaders import assignment as load
from models.assignment import NotQualified, OfferLapsed, Requirement
from models.booking import (
    Assignment,
    AssignmentOutcome,
    Booking,
    BookingState,
)
from models.request import OutOfArea
from resolvers.journey import (
    BookingId,
    Version,
    end_assignment,
    hold,
    move,
    the_booking,
    the_step,
)
from runtime.faults import NotFound
from runtime.geography import day_of
from runtime.jobs import job
from runtime.transaction import Transaction
from runtime.words import Words


async def assign_worker(
    tx: Transaction,
    *,
    booking_id: BookingId,
    worker_id: Annotated[str, "To whom it is offered."],
    version: Version = None,
) -> str:
    """Refuses: WrongState, NotQualified, OutOfArea, SlotTaken."""
    booking = await the_booking(tx, booking_id, version)
    await offer(tx, booking, worker_id)
    return booking.id


async def offer(tx: Transaction, booking: Booking, worker_id: str) -> None:
    """The worker's time is promised to it until they answer, or time is up. Nothing is written
    before it is sure. Refuses: WrongState, NotQualified, OutOfArea, SlotTaken."""
    step = await the_step(tx, booking, "assignWorker", BookingState.ASSIGNED)
    await check_qualified(tx, booking, worker_id)
    await hold(tx, worker_id, booking.starts_at, booking.ends_at, booking_id=booking.id)
    position = await tx.value(load.offers_of(booking.id))
    expires_at = tx.now + timedelta(minutes=tx.settings.offer_minutes)
    booking.worker_id = worker_id
    await move(tx, booking, "assignWorker", BookingState.ASSIGNED, step=step)
    await tx.add(
        Assignment(
            booking_id=booking.id,
            position=position,
            worker_id=worker_id,
            offered_at=tx.now,
            expires_at=expires_at,
            outcome=AssignmentOutcome.OFFERED,
        )
    )
    await tx.later(expires_at, "expire_offer", booking_id=booking.id, position=position)


async def check_qualified(tx: Transaction, booking: Booking, worker_id: str) -> None:
    """Refuses: NotQualified, OutOfArea."""
    required = load.requirements(booking, day_of(tx.now))
    found = await tx.rows(load.standing(tx.rule, worker_id, list(required.values())))
    if not found:
        raise NotFound("workerId")
    unmet = [reason for reason, holds in zip(required, found[0], strict=True) if not holds]
    if unmet == [Requirement.AREA]:
        raise OutOfArea
    if unmet:
        raise NotQualified(reasons=unmet)


async def accept_booking(tx: Transaction, *, booking_id: BookingId, version: Version = None) -> str:
    """From now on the parties reach each other. Refuses: WrongState, OfferLapsed."""
    booking = await the_booking(tx, booking_id, version)
    step = await the_step(tx, booking, "acceptBooking", BookingState.ACCEPTED)
    offered = await tx.find(load.open_offer(booking.id))
    if offered is None or offered.expires_at <= tx.now:
        raise OfferLapsed
    offered.outcome = AssignmentOutcome.ACCEPTED
    await move(tx, booking, "acceptBooking", BookingState.ACCEPTED, step=step)
    return booking.id


async def decline_booking(
    tx: Transaction,
    *,
    booking_id: BookingId,
    reason: Annotated[Words, "Why: for whoever assigns it next."],
    version: Version = None,
) -> str:
    """It is not offered to the worker again. Refuses: WrongState."""
    booking = await the_booking(tx, booking_id, version)
    await move(tx, booking, "declineBooking", BookingState.REQUESTED, reason=reason)
    await end_assignment(tx, booking, AssignmentOutcome.DECLINED, reason)
    return booking.id


@job("expire_offer")
async def expire_offer(tx: Transaction, *, booking_id: str, position: int) -> None:
    booking = await the_booking(tx, booking_id)
    offered = await tx.find(load.open_offer(booking.id))
    if offered is None or offered.position != position or offered.expires_at > tx.now:
        return
    await move(tx, booking, "expireOffer", BookingState.REQUESTED)
    await end_assignment(tx, booking, AssignmentOutcome.LAPSED)


async def reassign_booking(
    tx: Transaction,
    *,
    booking_id: BookingId,
    reason: Annotated[Words, "Why: whoever booked reads it."],
    version: Version = None,
) -> str:
    """It is free for others, and comes before other requests. Refuses: WrongState."""
    booking = await the_booking(tx, booking_id, version)
    await take_back(tx, booking, reason)
    return booking.id


async def take_back(tx: Transaction, booking: Booking, reason: str) -> None:
    """From the worker it is with. Refuses: WrongState."""
    step = await the_step(tx, booking, "reassignBooking", BookingState.REQUESTED)
    booking.priority = True
    await move(tx, booking, "reassignBooking", BookingState.REQUESTED, reason=reason, step=step)
    await end_assignment(tx, booking, AssignmentOutcome.REASSIGNED, reason)


@job("expire_booking")
async def expire_booking(tx: Transaction, *, booking_id: str) -> None:
    """Due at the start. One that was put off begins later, one that was accepted is on."""
    booking = await the_booking(tx, booking_id)
    if booking.starts_at <= tx.now:
        await give_up(tx, booking)


async def give_up(tx: Transaction, booking: Booking) -> None:
    """Nobody was found. Refuses: WrongState."""
    await move(tx, booking, "expireBooking", BookingState.EXPIRED)
    await end_assignment(tx, booking, AssignmentOutcome.LAPSED)
