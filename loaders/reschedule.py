"""Times that are proposed, and moving what is promised of a worker's."""

from datetime import datetime
from typing import Any

from asyncpg import Range
from sqlalchemy import (
    ColumnElement,
    Select,
    Update,
    any_,
    func,
    literal,
    select,
    update,
)

from loaders.booking import at_work
from loaders.shown import shown, visible
from models.booking import ProposalOutcome, RescheduleProposal, WorkerTime
from runtime.batch import KEYS, Columns, Read, many
from runtime.rights import Area


@many(RescheduleProposal)
def proposals_by_booking(columns: Columns) -> Read:
    return (
        select(RescheduleProposal.booking_id, *shown(RescheduleProposal, columns))
        .where(
            RescheduleProposal.booking_id == any_(KEYS), visible(RescheduleProposal, Area.BOOKING)
        )
        .order_by(
            RescheduleProposal.booking_id, RescheduleProposal.proposed_at, RescheduleProposal.id
        )
    )


def is_open(booking_id: str) -> ColumnElement[bool]:
    return (RescheduleProposal.booking_id == booking_id) & (
        RescheduleProposal.outcome == ProposalOutcome.OPEN
    )


def open_proposal(booking_id: str) -> Select[RescheduleProposal]:
    return select(RescheduleProposal).where(is_open(booking_id))


def proposals_so_far(booking_id: str) -> Select[Any]:
    return select(func.count()).where(RescheduleProposal.booking_id == booking_id)


def lapse(booking_id: str, now: datetime) -> Update:
    """Close a proposal whose time is past."""
    return (
        update(RescheduleProposal)
        .where(is_open(booking_id), RescheduleProposal.starts_at <= now)
        .values(outcome=ProposalOutcome.LAPSED)
    )


def works(worker_id: str, start: datetime, end: datetime) -> Select[Any]:
    return select(at_work(literal(worker_id), start, end))


def move_time(booking_id: str, start: datetime, end: datetime) -> Update:
    """One row changes: the old time is free exactly if the new one is taken."""
    return (
        update(WorkerTime)
        .where(WorkerTime.booking_id == booking_id)
        .values(during=Range(start, end))
    )
