"""What a visit reads and writes: codes, calls, and who came when."""

from datetime import datetime
from typing import Any

from sqlalchemy import Insert, Select, Update, any_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from loaders.shown import shown, visible
from models.account import Citizen
from models.booking import (
    Actor,
    Booking,
    BookingLine,
    BookingState,
    Call,
    CodeKind,
    TimelineEntry,
    VisitCode,
)
from models.skill import ServiceCategory
from runtime.batch import KEYS, Columns, Read, many
from runtime.rights import Area


@many(Call)
def calls_by_booking(columns: Columns) -> Read:
    return (
        select(Call.booking_id, *shown(Call, columns))
        .where(Call.booking_id == any_(KEYS), visible(Call, Area.BOOKING))
        .order_by(Call.booking_id, Call.called_at, Call.id)
    )


def calls_of(booking_id: str) -> Select[Any]:
    """How many there were."""
    return select(func.count()).where(Call.booking_id == booking_id)


def calls_by(booking_id: str, caller: Actor, since: datetime) -> Select[Any]:
    return calls_of(booking_id).where(Call.caller == caller, Call.called_at >= since)


def citizen_named(id: str | None) -> Select[Citizen]:
    return select(Citizen).where(Citizen.id == id)


def code_of(booking_id: str, kind: CodeKind) -> Select[VisitCode]:
    return select(VisitCode).where(VisitCode.booking_id == booking_id, VisitCode.kind == kind)


def write_code(
    booking_id: str, kind: CodeKind, hash: str, now: datetime, expires_at: datetime, issues: int
) -> Insert:
    """In the place of the one before it, whose tries are forgotten with it."""
    fresh = {
        "hash": hash,
        "issued_at": now,
        "expires_at": expires_at,
        "issues": issues,
        "tries": 0,
        "used_at": None,
    }
    new = insert(VisitCode).values(booking_id=booking_id, kind=kind, **fresh)
    return new.on_conflict_do_update(index_elements=["booking_id", "kind"], set_=fresh)


def count_try(booking_id: str, kind: CodeKind) -> Update:
    """Counts before anything is compared: whoever tries in parallel is counted too."""
    return (
        update(VisitCode)
        .where(VisitCode.booking_id == booking_id, VisitCode.kind == kind)
        .values(tries=VisitCode.tries + 1)
        .returning(VisitCode.hash, VisitCode.tries, VisitCode.expires_at, VisitCode.used_at)
    )


def use_code(booking_id: str, kind: CodeKind, now: datetime) -> Update:
    return (
        update(VisitCode)
        .where(VisitCode.booking_id == booking_id, VisitCode.kind == kind)
        .values(used_at=now)
    )


def last_step(booking_id: str) -> Select[TimelineEntry]:
    return (
        select(TimelineEntry)
        .where(TimelineEntry.booking_id == booking_id)
        .order_by(TimelineEntry.position.desc())
        .limit(1)
    )


def came_at(booking_id: str) -> Select[Any]:
    """When the worker who is there arrived."""
    return select(func.max(TimelineEntry.happened_at)).where(
        TimelineEntry.booking_id == booking_id, TimelineEntry.to_state == BookingState.ARRIVED
    )


def lines_of(booking_id: str) -> Select[BookingLine]:
    return (
        select(BookingLine)
        .where(BookingLine.booking_id == booking_id)
        .order_by(BookingLine.position)
    )


def rework_days(booking: Booking) -> Select[Any]:
    return select(ServiceCategory.rework_days).where(ServiceCategory.id == booking.category_id)
