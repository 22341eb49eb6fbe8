"""What is computed of bookings."""

from dataclasses import dataclass
from datetime import datetime

from models.booking import Booking, Quote, QuoteLine
from resolvers.place import Point
from resolvers.skill import Money


@dataclass(frozen=True)
class Slot:
    starts_at: datetime
    ends_at: datetime


def month(row: Booking) -> str | None:
    return f"{row.completed_month:%Y-%m}" if row.completed_month else None


def slot(row: Booking) -> Slot:
    return Slot(row.starts_at, row.ends_at)


def address_point(row: Booking) -> Point | None:
    if row.latitude is None or row.longitude is None:
        return None
    return Point(row.latitude, row.longitude)


def total(row: Quote) -> Money:
    return Money(row.total_paise)


def line_amount(row: QuoteLine) -> Money:
    return Money(row.amount_paise)
