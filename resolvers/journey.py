"""A booking's way from state to state: the one place that moves it.

Which steps there are, and who may take each, stands in the table `booking_transition`. A command
finds its booking with `the_booking`, checks its guards, writes its effects and calls `move`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated

from loaders import journey as load
from models.base import new_id
from models.booking import (
    LIVE,
    Actor,
    AssignmentOutcome,
    Booking,
    BookingState,
    BookingTransition,
    SlotTaken,
    TimelineEntry,
    WrongState,
)
from runtime.faults import Conflict
from runtime.geography import day_of
from runtime.rights import Role
from runtime.transaction import Transaction

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
BookingId = Annotated[str, "Which booking."]
Version = Annotated[
    int | None, "The version of the booking that you looked at: CONFLICT if it has moved on."
]

OVER = (BookingState.COMPLETED, BookingState.CANCELLED, BookingState.NO_SHOW)
"""The states after which the parties see each other's contact for a while yet."""
NEGOTIABLE = (BookingState.REQUESTED, BookingState.ASSIGNED, BookingState.ACCEPTED)
"""The states in which another time can be proposed."""


def actor_of(tx: Transaction) -> Actor:
    """What the viewer is in a booking; the service itself where nobody sent the command."""
    return ACTORS.get(tx.viewer.role, Actor.SYSTEM)


async def the_booking(tx: Transaction, id: str, version: int | None = None) -> Booking:
    """The viewer's booking, which nobody else moves until we are through. Raises Conflict if it
    is not any more at the version that the client looked at."""
    booking = await tx.the(load.booking_to_move(id, tx.rule), "bookingId")
    if version is not None and version != booking.version:
        raise Conflict
    tx.is_about(booking.id, booking.citizen_id, booking.worker_id)
    if tx.viewer.role is Role.HELPLINE:
        tx.acts_for(booking.citizen_id)
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
    step: BookingTransition | None = None,
    **facts: str | int | None,
) -> None:
    """Take the step, note it in the timeline, tell of it in an event, and have the service see to
    what follows in time.

    Raises WrongState for a step that is not in the table, or not the viewer's to take; `step` is
    its row, where a guard has asked for it. A worker's time is given back when the booking is no
    longer live; taking it is `hold`'s.
    """
    came_from, actor = BookingState(booking.state), actor_of(tx)
    first = booking.version is None
    step = step or await the_step(tx, booking, command, to)
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
    gone = to not in NEGOTIABLE or (to is BookingState.REQUESTED and came_from is not to)
    if came_from in NEGOTIABLE and gone:
        await tx.change(load.drop_proposals(booking.id))
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
    await set_alarms(tx, booking, to, new_start=first or came_from is to)


async def set_alarms(
    tx: Transaction, booking: Booking, to: BookingState, *, new_start: bool
) -> None:
    """Whatever waits for somebody waits for so long. The jobs look whether there is still
    something to end: none is ever taken off the list."""
    if to is BookingState.REQUESTED:
        await tx.later(tx.now, "find_worker", booking_id=booking.id, version=booking.version)
    if to is BookingState.ACCEPTED:
        late = booking.starts_at + timedelta(minutes=tx.settings.absent_worker_minutes)
        await tx.later(late, "record_absent_worker", booking_id=booking.id)
    elif new_start:
        await tx.later(booking.starts_at, "expire_booking", booking_id=booking.id)


async def hold(
    tx: Transaction,
    worker_id: str,
    start: datetime,
    end: datetime,
    *,
    booking_id: str | None = None,
    engagement_id: str | None = None,
) -> None:
    """Promise the worker's time to a booking or an engagement. Refuses: SlotTaken, by the one
    constraint over all of them; the transaction is not lost with it."""
    promise = load.promise(worker_id, start, end, booking_id, engagement_id)
    if await tx.value(promise) is None:
        raise SlotTaken


async def end_assignment(
    tx: Transaction, booking: Booking, outcome: AssignmentOutcome, reason: str | None = None
) -> None:
    """Of the worker it is with, or was offered to."""
    await tx.change(load.end_assignment(booking.id, outcome, reason))
