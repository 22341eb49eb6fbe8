"""What moving a booking on reads and writes."""

from typing import Any

from sqlalchemy import Delete, Select, delete, func, select

from models.booking import Booking, BookingState, BookingTransition, TimelineEntry, WorkerTime
from runtime.rights import Rule


def booking_to_move(id: str, rule: Rule) -> Select[Booking]:
    """Locked until the transaction ends, if the rule holds for it."""
    return select(Booking).where(Booking.id == id, Booking.rows(rule)).with_for_update(of=Booking)


def transition(
    command: str, from_state: BookingState | None, to_state: BookingState
) -> Select[BookingTransition]:
    return select(BookingTransition).where(
        BookingTransition.command == command,
        BookingTransition.from_state.is_not_distinct_from(from_state),
        BookingTransition.to_state == to_state,
    )


def steps_so_far(booking_id: str) -> Select[Any]:
    return select(func.count()).where(TimelineEntry.booking_id == booking_id)


def free_time(booking_id: str) -> Delete:
    return delete(WorkerTime).where(WorkerTime.booking_id == booking_id)
