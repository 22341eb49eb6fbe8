"""Calling a booking off, and what that costs."""

from typing import Annotated

from loaders import cancellation as load
from models.booking import Actor, AssignmentOutcome, BookingState, PaymentKind
from models.cancellation import ReasonNeeded
from resolvers.journey import (
    BookingId,
    Version,
    actor_of,
    end_assignment,
    move,
    the_booking,
    the_step,
)
from resolvers.payment import owe
from runtime.transaction import Transaction
from runtime.words import Words

BOOKER = (Actor.CITIZEN, Actor.DEPARTMENT, Actor.HELPLINE)
"""Who calls off for whoever booked; the helpline does so for its caller."""


async def cancel_booking(
    tx: Transaction,
    *,
    booking_id: BookingId,
    reason: Annotated[Words | None, "Why; needed once a worker has accepted."] = None,
    version: Version = None,
) -> str:
    """Whoever booked owes the fee. What a provider owes for the same is told as a fact. Refuses:
    WrongState, ReasonNeeded."""
    booking = await the_booking(tx, booking_id, version)
    step = await the_step(tx, booking, "cancelBooking", BookingState.CANCELLED)
    if step.condition == "reason" and reason is None:
        raise ReasonNeeded
    actor = actor_of(tx)
    ((_, fee, charge),) = await tx.rows(load.costs_of(booking.id, tx.now))
    due = fee if actor in BOOKER else 0
    await end_assignment(tx, booking, AssignmentOutcome.CANCELLED)
    await move(
        tx,
        booking,
        "cancelBooking",
        BookingState.CANCELLED,
        reason=reason,
        fee_paise=due,
        credit_paise=charge if actor is Actor.PROVIDER else 0,
    )
    await owe(tx, booking, PaymentKind.CANCELLATION, due)
    return booking.id
