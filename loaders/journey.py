"""What moving a booking on reads and writes."""

from datetime import datetime
from typing import Any

from sqlalchemy import Delete, Select, Update, delete, func, select, update
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.sql.dml import ReturningInsert

from models.base import new_id
from models.booking import (
    Assignment,
    AssignmentOutcome,
    Booking,
    BookingState,
    BookingTransition,
    ProposalOutcome,
    RescheduleProposal,
    TimelineEntry,
    WorkerTime,
)
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


def promise(
    worker_id: str,
    start: datetime,
    end: datetime,
    booking_id: str | None,
    engagement_id: str | None,
) -> ReturningInsert[*tuple[Any, ...]]:
    """Gives nothing where the time is promised already: `worker_time_taken` decides, and waits
    for whoever is promising it just now."""
    return (
        insert(WorkerTime)
        .values(
            id=new_id("wt"),
            worker_id=worker_id,
            during=Range(start, end),
            booking_id=booking_id,
            engagement_id=engagement_id,
        )
        .on_conflict_do_nothing()
        .returning(WorkerTime.id)
    )


def end_assignment(booking_id: str, outcome: AssignmentOutcome, reason: str | None) -> Update:
    open_yet = (AssignmentOutcome.OFFERED, AssignmentOutcome.ACCEPTED)
    return (
        update(Assignment)
        .where(Assignment.booking_id == booking_id, Assignment.outcome.in_(open_yet))
        .values(outcome=outcome, reason=reason)
    )


def drop_proposals(booking_id: str) -> Update:
    """Nobody can agree to another time any more."""
    return (
        update(RescheduleProposal)
        .where(
            RescheduleProposal.booking_id == booking_id,
            RescheduleProposal.outcome == ProposalOutcome.OPEN,
        )
        .values(outcome=ProposalOutcome.LAPSED)
    )
