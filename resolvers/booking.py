"""What is computed of bookings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.booking import Booking, Quote, QuoteLine
from resolvers.place import Point
from resolvers.skill import Money
from runtime.context import Context
from runtime.faults import BadInput, LimitExceeded
from runtime.language import Language

SHORTEST_MINUTES = 15
LONGEST_MINUTES = 720


@dataclass(frozen=True)
class Slot:
    starts_at: datetime
    ends_at: datetime


def month(row: Booking) -> str | None:
    return row.completed_month.isoformat()[:7] if row.completed_month else None


def slot(row: Booking) -> Slot:
    return Slot(row.starts_at, row.ends_at)


def language(row: Booking) -> Language:
    return Language(row.language.upper())


def address_point(row: Booking) -> Point | None:
    if row.latitude is None or row.longitude is None:
        return None
    return Point(row.latitude, row.longitude)


def total(row: Quote) -> Money:
    return Money(row.total_paise)


def line_amount(row: QuoteLine) -> Money:
    return Money(row.amount_paise)


def check_slots(context: Context, arguments: dict[str, Any]) -> None:
    """Slots are computed, not stored: how many, how long and how far is bounded."""
    minutes = arguments.get("minutes", 60)
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise BadInput(
            f"`minutes` is between {SHORTEST_MINUTES} and {LONGEST_MINUTES}.", argument="minutes"
        )
    limit = context.settings.page_limit
    if not 1 <= arguments.get("first", 1) <= limit:
        raise LimitExceeded(f"`first` is between 1 and {limit}.", argument="first", limit=limit)
    start, end = arguments.get("start"), arguments.get("end")
    if start is not None and end is not None and end <= start:
        raise BadInput("`end` must be later than `start`.", argument="end")
