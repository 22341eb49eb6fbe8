"""What calling a booking off costs, and what it closes."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Interval,
    Select,
    and_,
    any_,
    case,
    cast,
    func,
    select,
)

from loaders.shown import visible
from models.booking import (
    Booking,
    BookingState,
    CancellationPolicy,
    Quote,
    QuoteStatus,
)
from runtime.batch import KEYS, Columns, Read, one
from runtime.clock import NOW
from runtime.rights import Area


def costs(key: Any, at: Any) -> Select[*tuple[Any, ...]]:
    """Of the booking: `paise`, what whoever booked pays for calling it off at the time; and
    `charge`, what the policy alone says. No row where it cannot be called off any more."""
    agreed = (
        select(Quote.total_paise)
        .where(Quote.booking_id == Booking.id, Quote.status == QuoteStatus.ACCEPTED)
        .order_by(Quote.revision.desc())
        .limit(1)
        .scalar_subquery()
    )
    ahead = func.make_interval(0, 0, 0, 0, CancellationPolicy.hours_before, type_=Interval)
    # `least` passes over nulls: whoever had it moved cannot dodge the fee so.
    starts = func.least(Booking.starts_at, Booking.first_starts_at)
    charge: ColumnElement[int] = case(
        (
            starts - ahead < at,
            cast(func.coalesce(agreed, 0), BigInteger) * CancellationPolicy.percent // 100,
        ),
        else_=0,
    )
    nobody_came = and_(
        Booking.state.in_((BookingState.ACCEPTED, BookingState.EN_ROUTE)), Booking.starts_at <= at
    )
    return (
        select(key, case((nobody_came, 0), else_=charge).label("paise"), charge.label("charge"))
        .select_from(Booking)
        .join(
            CancellationPolicy,
            and_(
                CancellationPolicy.version == Booking.cancellation_policy_version,
                CancellationPolicy.state == Booking.state,
            ),
        )
    )


class Amount:
    """What something costs; computed, never stored."""


@one(Amount)
def fee_by_booking(columns: Columns) -> Read:
    return costs(Booking.id, NOW).where(Booking.id == any_(KEYS), visible(Booking, Area.BOOKING))


def costs_of(booking_id: str, now: datetime) -> Select[*tuple[Any, ...]]:
    return costs(Booking.id, now).where(Booking.id == booking_id)
