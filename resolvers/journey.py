"""A booking's way from state to state: the one place that moves it.

Which steps there are, and who may take each, stands in the table `booking_transition`. A command
finds its booking with `the_booking`, checks its guards, writes its effects and calls `move`.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from asyncpg import Range

from loaders import journey as load
from models.base import new_id
from models.booking import (
    LIVE,
    Actor,
    Booking,
    BookingState,
    BookingTransition,
    SlotTaken,
    TimelineEntry,
    WorkerTime,
    WrongState,
)
from runtime.faults import Conflict
from runtime.geography import day_of
from runtime.rights import Role
from runtime.transaction import Transaction, refused_as

ACTORS: Mapping[Role, Actor] = MappingProxyType(
    {
        Role.CITIZEN: Actor.CITIZEN,
        Role.WORKER: Actor.WORKER,
        Role.PROVIDER: Actor.PROVIDER,
        Role.HELPLINE: Actor.HELPLINE,
        Role.DISTRICT_OFFICER: Actor.OFFICER,
        Role.STATE_OFFICER: Actor.OFFICER,
        Role.DEPARTMENT: Actor.DEPARTMENT,
    }
)
OVER = (BookingState.COMPLETED, BookingState.CANCELLED, BookingState.NO_SHOW)
"""The states after which the parties see each other's contact for a while yet."""


def actor_of(tx: Transaction) -> Actor:
    """What the viewer is in a booking; the service itself where nobody sent the command."""
    return ACTORS.get(tx.viewer.role, Actor.SYSTEM)


async def the_booking(tx: Transaction, id: str, version: int | None = None) -> Booking:
    """The viewer's booking, which nobody else moves until we are through. Raises Conflict if it
    is not any more at the version that the client looked at."""
    booking = await tx.the(load.booking_to_move(id, tx.rule), "bookingId")
    if version is not None and version != booking.version:
        raise Conflict
    return booking


async def the_step(
    tx: Transaction, booking: Booking, command: str, to: BookingState
) -> BookingTransition:
    """The row of the table. Raises WrongState for a step that is not in it, or not the viewer's
    to take. Guards that refuse for other reasons, or count tries, ask for it before they do."""
    # A booking is made with its first state already: the step from nothing.
    stands = None if booking.version is None else BookingState(booking.state)
    actor = actor_of(tx)
    # In the table "citizen" is whoever booked.
    parts = {actor.lower()} | ({"citizen"} if actor is Actor.DEPARTMENT else set())
    step = await tx.find(load.transition(command, stands, to))
    if step is None or parts.isdisjoint(step.actors):
        raise WrongState(state=booking.state)
    return step


async def move(
    tx: Transaction,
    booking: Booking,
    command: str,
    to: BookingState,
    *,
    reason: str | None = None,
    **facts: str | int | None,
) -> None:
    """Take the step, note it in the timeline, and tell of it in an event.

    Raises WrongState for a step that is not in the table, or not the viewer's to take. A worker's
    time is given back when the booking is no longer live; taking it is `hold`'s.
    """
    came_from, actor = BookingState(booking.state), actor_of(tx)
    first = booking.version is None
    step = await the_step(tx, booking, command, to)
    worker_id = booking.worker_id
    booking.state = to
    if to is BookingState.ACCEPTED and came_from is not BookingState.ACCEPTED:
        booking.contact_from, booking.contact_until = tx.now, None
        booking.call_id = new_id("cl")
    elif to in OVER and booking.contact_from is not None:
        booking.contact_until = tx.now + timedelta(hours=tx.settings.contact_hours)
    elif to is BookingState.REQUESTED and not first and came_from is not to:
        # The worker it was with is no party to it any more.
        booking.worker_id = booking.contact_from = booking.contact_until = None
        booking.call_id = None
    if to is BookingState.COMPLETED:
        booking.completed_at = tx.now
        booking.completed_month = day_of(tx.now).replace(day=1)
    await tx.add(booking)
    if came_from in LIVE and to not in LIVE:
        await tx.change(load.free_time(booking.id))
    position = await tx.value(load.steps_so_far(booking.id))
    await tx.add(
        TimelineEntry(
            booking_id=booking.id,
            position=position,
            command=command,
            from_state=None if first else came_from,
            to_state=to,
            actor=actor,
            reason=reason,
            happened_at=tx.now,
        )
    )
    await tx.emit(
        step.event,
        booking.id,
        position=position,
        actor=actor,
        state=to,
        worker=worker_id,
        provider=booking.provider_id,
        district=booking.district_id,
        category=booking.category_id,
        **facts,
    )


async def hold(tx: Transaction, booking: Booking, worker_id: str) -> None:
    """Promise the worker's time to the booking. Refuses: SlotTaken, by the one constraint over
    all bookings and engagements."""
    with refused_as("worker_time_taken", SlotTaken()):
        await tx.add(
            WorkerTime(
                id=new_id("wt"),
                worker_id=worker_id,
                during=Range(booking.starts_at, booking.ends_at),
                booking_id=booking.id,
            )
        )
