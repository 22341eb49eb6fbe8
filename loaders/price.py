"""What it takes to change a price that was agreed, and to agree on another."""

from datetime import date
from typing import Any

from sqlalchemy import Delete, Select, and_, delete, func, or_, select

from models.booking import Booking, BookingLine, Quote, QuoteLine, QuoteStatus
from models.skill import RateCard, Service


def agreed_quote(booking_id: str) -> Select[Quote]:
    """The revision that was accepted last: what is charged."""
    return (
        select(Quote)
        .where(Quote.booking_id == booking_id, Quote.status == QuoteStatus.ACCEPTED)
        .order_by(Quote.revision.desc())
        .limit(1)
    )


def offered_quote(booking_id: str, revision: int) -> Select[Quote]:
    return select(Quote).where(
        Quote.booking_id == booking_id,
        Quote.revision == revision,
        Quote.status == QuoteStatus.OFFERED,
    )


def revisions(booking_id: str) -> Select[Any]:
    return select(func.max(Quote.revision)).where(Quote.booking_id == booking_id)


def lines_of(quote_id: str) -> Select[QuoteLine]:
    return select(QuoteLine).where(QuoteLine.quote_id == quote_id).order_by(QuoteLine.position)


def rates_agreed(booking_id: str) -> Select[RateCard]:
    """The versions that the price of the booking has been made of so far."""
    return (
        select(RateCard)
        .join(QuoteLine, QuoteLine.rate_card_id == RateCard.id)
        .join(Quote, Quote.id == QuoteLine.quote_id)
        .where(Quote.booking_id == booking_id, Quote.status == QuoteStatus.ACCEPTED)
        .order_by(Quote.revision)
    )


def rates_in_force(booking: Booking, on: date) -> Select[RateCard]:
    """What whoever carries it out charges: their provider's rates, or their own."""
    return (
        select(RateCard)
        .join(Service, Service.id == RateCard.service_id)
        .where(
            Service.category_id == booking.category_id,
            RateCard.worker_id == booking.worker_id
            if booking.provider_id is None
            else and_(
                RateCard.provider_id == booking.provider_id,
                RateCard.district_id == booking.district_id,
            ),
            RateCard.approved_at.is_not(None),
            RateCard.valid_from <= on,
            or_(RateCard.valid_until.is_(None), RateCard.valid_until > on),
        )
    )


def forget_lines(booking_id: str) -> Delete:
    return delete(BookingLine).where(BookingLine.booking_id == booking_id)
