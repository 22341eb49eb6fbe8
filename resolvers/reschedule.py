"""Moving a booking to another time: proposed by one party, agreed to by the other.

Whoever booked moves it alone while there is time enough, or nobody was found yet. Late, and
whenever it is the worker's side that asks, the other side decides.
"""

from datetime import datetime, timedelta
from typing import Annotated

from loaders import reschedule as load
from models.base import new_id
from models.booking import (
    Actor,
    Booking,
    BookingState,
    ProposalOutcome,
    RescheduleProposal,
    SlotTaken,
)
from models.request import OutsideBookingWindow
from models.reschedule import MovedTooOften, NothingProposed, OutsideHours, ProposalOpen
from resolvers.journey import BookingId, Version, actor_of, move, the_booking, the_step
from runtime.faults import LimitExceeded
from runtime.geography import in_india
from runtime.transaction import Transaction, refused_as

MOST_PROPOSALS = 20
AT_WORK = (Actor.WORKER, Actor.PROVIDER)
"""The one side; the other is whoever booked, and the helpline for them."""


async def propose_reschedule(
    tx: Transaction,
    *,
    booking_id: BookingId,
    starts_at: Annotated[datetime, "When it is to begin instead, with the offset."],
    version: Version = None,
) -> str:
    """Refuses: WrongState, MovedTooOften, OutsideBookingWindow, OutsideHours, ProposalOpen,
    SlotTaken."""
    booking = await the_booking(tx, booking_id, version)
    await may_move(tx, booking)
    check_time(tx, starts_at)
    proposal = RescheduleProposal(
        id=new_id(RescheduleProposal.prefix),
        booking_id=booking.id,
        proposed_by=actor_of(tx),
        starts_at=starts_at,
        ends_at=starts_at + (booking.ends_at - booking.starts_at),
        proposed_at=tx.now,
        outcome=ProposalOutcome.OPEN,
    )
    await check_hours(tx, booking, proposal)
    if await tx.value(load.proposals_so_far(booking.id)) >= MOST_PROPOSALS:
        told = f"For a booking, at most {MOST_PROPOSALS} times are proposed."
        raise LimitExceeded(told, limit=MOST_PROPOSALS)
    await tx.change(load.lapse(booking.id, tx.now))
    with refused_as("reschedule_proposal_open", ProposalOpen()):
        await tx.add(proposal)
    if must_ask(tx, booking, proposal):
        await tx.emit("RescheduleProposed", booking.id, **facts_of(tx, booking, proposal))
    else:
        await take_up(tx, booking, proposal)
    return booking.id


async def answer_reschedule(
    tx: Transaction,
    *,
    booking_id: BookingId,
    agrees: Annotated[bool, "Whether the proposed time holds from now on."],
) -> str:
    """Refuses: WrongState, NothingProposed, MovedTooOften, OutsideHours, SlotTaken."""
    booking = await the_booking(tx, booking_id)
    await may_move(tx, booking)
    await tx.change(load.lapse(booking.id, tx.now))
    proposal = await tx.find(load.open_proposal(booking.id))
    if proposal is None or (proposal.proposed_by in AT_WORK) is (actor_of(tx) in AT_WORK):
        raise NothingProposed
    if agrees:
        await check_hours(tx, booking, proposal)
        await take_up(tx, booking, proposal)
    else:
        proposal.outcome = ProposalOutcome.TURNED_DOWN
        await tx.emit("RescheduleTurnedDown", booking.id, **facts_of(tx, booking, proposal))
    return booking.id


async def may_move(tx: Transaction, booking: Booking) -> None:
    """Raises WrongState, MovedTooOften."""
    await the_step(tx, booking, "rescheduleBooking", BookingState(booking.state))
    limit = tx.settings.moves_per_booking
    if booking.moved >= limit:
        raise MovedTooOften(limit=limit)


def check_time(tx: Transaction, starts_at: datetime) -> None:
    """Raises OutsideBookingWindow."""
    earliest = tx.now + timedelta(minutes=tx.settings.notice_minutes)
    latest = tx.now + timedelta(days=tx.settings.book_ahead_days)
    if not earliest <= starts_at <= latest:
        raise OutsideBookingWindow(earliest=in_india(earliest), latest=in_india(latest))


async def check_hours(tx: Transaction, booking: Booking, proposal: RescheduleProposal) -> None:
    worker_id = booking.worker_id
    if worker_id is None:
        return
    if not await tx.value(load.works(worker_id, proposal.starts_at, proposal.ends_at)):
        raise OutsideHours


def must_ask(tx: Transaction, booking: Booking, proposal: RescheduleProposal) -> bool:
    if proposal.proposed_by in AT_WORK:
        return True
    if booking.state == BookingState.REQUESTED:
        return False
    # Of both times: nobody is called to come at once without having been asked.
    soonest = min(booking.starts_at, proposal.starts_at)
    return soonest - tx.now < timedelta(hours=tx.settings.reschedule_hours)


async def take_up(tx: Transaction, booking: Booking, proposal: RescheduleProposal) -> None:
    """The proposed time holds. Refuses: SlotTaken; the old time is then kept."""
    with refused_as("worker_time_taken", SlotTaken()):
        await tx.change(load.move_time(booking.id, proposal.starts_at, proposal.ends_at))
    if proposal.proposed_by not in AT_WORK and booking.first_starts_at is None:
        booking.first_starts_at = booking.starts_at
    proposal.outcome = ProposalOutcome.AGREED
    booking.starts_at, booking.ends_at = proposal.starts_at, proposal.ends_at
    booking.moved += 1
    # Jobs that were due by the old start look at the booking, and find themselves too early.
    await move(
        tx,
        booking,
        "rescheduleBooking",
        BookingState(booking.state),
        proposal=proposal.id,
        starts_at=proposal.starts_at.isoformat(),
        moved=booking.moved,
    )


def facts_of(
    tx: Transaction, booking: Booking, proposal: RescheduleProposal
) -> dict[str, str | None]:
    return {
        "proposal": proposal.id,
        "actor": actor_of(tx),
        "worker": booking.worker_id,
        "provider": booking.provider_id,
        "district": booking.district_id,
        "category": booking.category_id,
    }
