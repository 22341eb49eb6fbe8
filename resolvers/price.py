"""Prices that change while the work is being done: revised by the worker, decided by whoever
booked. Until they say yes, what was agreed before stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from loaders import price as load
from models.base import MOST_PAISE, new_id
from models.booking import (
    Booking,
    BookingLine,
    BookingState,
    PriceTooHigh,
    Quote,
    QuoteLine,
    QuoteLineKind,
    QuoteStatus,
)
from models.visit import QuoteExpired, ReworkIsFree
from resolvers.journey import BookingId, Version, move, the_booking, the_step
from runtime.faults import BadInput, NotFound
from runtime.geography import day_of
from runtime.jobs import job
from runtime.transaction import Transaction
from runtime.words import Words

MOST_LINES = 20
MOST_UNITS = 1_000
MOST_A_LINE = 100_000_000
"""Ten lakh rupees a line: more is a slip of the finger."""

Revision = Annotated[int, "Which price: the one you have looked at."]


@dataclass(frozen=True)
class NewPriceLine:
    """A line of the price. A service costs what its rate says; all else what is asked."""

    kind: Annotated[QuoteLineKind, "What it is for."]
    service_id: Annotated[str | None, "The service; for lines of kind ITEM alone."] = None
    quantity: Annotated[int, "How many units of the service."] = 1
    amount_paise: Annotated[
        int | None, "Of the whole line, for lines of any other kind; negative for a discount."
    ] = None


def total_of(lines: list[QuoteLine]) -> int:
    """In paise: what the lines sum to, because nobody states it. Refuses: PriceTooHigh."""
    total = sum(line.amount_paise for line in lines)
    if max(total, *(line.amount_paise for line in lines)) > MOST_PAISE:
        raise PriceTooHigh(rupees=MOST_PAISE // 100)
    return total


async def agreed_total(tx: Transaction, booking: Booking) -> int:
    """What is charged, in paise."""
    agreed = await tx.find(load.agreed_quote(booking.id))
    assert agreed is not None, "a booking is made at a price"
    return agreed.total_paise


async def revise_quote(
    tx: Transaction,
    *,
    booking_id: BookingId,
    lines: Annotated[list[NewPriceLine], "All that the new price is made of."],
    reason: Annotated[Words, "Why, for whoever booked to decide by."],
    version: Version = None,
) -> str:
    """Refuses: WrongState, ReworkIsFree, PriceTooHigh. Unanswered, it lapses after some time."""
    booking = await the_booking(tx, booking_id, version)
    await the_step(tx, booking, "reviseQuote", BookingState.QUOTE_REVISED)
    if booking.rework_of_id is not None:
        raise ReworkIsFree
    priced = await priced_lines(tx, booking, lines)
    quote = await put_price(
        tx,
        booking,
        priced,
        revision=await tx.value(load.revisions(booking.id)) + 1,
        status=QuoteStatus.OFFERED,
        expires_at=tx.now + timedelta(minutes=tx.settings.revision_minutes),
        reason=reason,
    )
    await move(
        tx,
        booking,
        "reviseQuote",
        BookingState.QUOTE_REVISED,
        reason=reason,
        revision=quote.revision,
        total_paise=quote.total_paise,
    )
    await tx.later(quote.expires_at, "expire_quote", booking_id=booking.id, revision=quote.revision)
    return booking.id


async def put_price(
    tx: Transaction,
    booking: Booking,
    lines: list[QuoteLine],
    *,
    revision: int,
    status: QuoteStatus,
    expires_at: datetime,
    reason: str | None = None,
) -> Quote:
    """Refuses: PriceTooHigh."""
    total = total_of(lines)
    if total < 0:
        raise BadInput("The lines come to less than nothing.", argument="lines")
    quote = Quote(
        id=new_id(Quote.prefix),
        booking_id=booking.id,
        provider_id=booking.provider_id,
        worker_id=booking.worker_id,
        revision=revision,
        status=status,
        total_paise=total,
        offered_at=tx.now,
        expires_at=expires_at,
        reason=reason,
    )
    for position, line in enumerate(lines):
        line.quote_id, line.position = quote.id, position
    await tx.add(quote)
    await tx.add(*lines)
    return quote


async def priced_lines(
    tx: Transaction, booking: Booking, lines: list[NewPriceLine]
) -> list[QuoteLine]:
    """Each service at the rate it was agreed at, or, if it is new, at today's."""
    if not 1 <= len(lines) <= MOST_LINES:
        raise BadInput(f"`lines` must be 1 to {MOST_LINES}.", argument="lines")
    in_force = await tx.every(load.rates_in_force(booking, day_of(tx.now)))
    agreed = await tx.every(load.rates_agreed(booking.id))
    rates = {rate.service_id: rate for rate in (*in_force, *agreed)}
    made = []
    for line in lines:
        check_line(line)
        if line.service_id is None:
            made.append(
                QuoteLine(kind=line.kind, quantity=line.quantity, amount_paise=line.amount_paise)
            )
        elif (rate := rates.get(line.service_id)) is not None:
            made.append(
                QuoteLine(
                    kind=line.kind,
                    service_id=line.service_id,
                    rate_card_id=rate.id,
                    quantity=line.quantity,
                    amount_paise=rate.amount_paise * line.quantity,
                )
            )
        else:
            raise NotFound("serviceId")
    if not any(line.service_id for line in lines):
        raise BadInput("`lines` must name at least one service.", argument="lines")
    return made


def check_line(line: NewPriceLine) -> None:
    """Raises BadInput."""
    item = line.kind is QuoteLineKind.ITEM
    if item is not (line.service_id is not None) or item is not (line.amount_paise is None):
        raise BadInput(
            "A line of kind ITEM has a `serviceId`, every other an `amountPaise`.",
            argument="lines",
        )
    if not 1 <= line.quantity <= (MOST_UNITS if item else 1):
        raise BadInput(f"`quantity` must be 1 to {MOST_UNITS}.", argument="quantity")
    if line.amount_paise is not None:
        asked = -line.amount_paise if line.kind is QuoteLineKind.DISCOUNT else line.amount_paise
        if not 1 <= asked <= MOST_A_LINE:
            raise BadInput(
                f"`amountPaise` must be 1 to {MOST_A_LINE}, and negative for a discount alone.",
                argument="amountPaise",
            )


async def approve_quote(
    tx: Transaction, *, booking_id: BookingId, revision: Revision, version: Version = None
) -> str:
    """What is done is from now on what the new price says. Refuses: WrongState, QuoteExpired."""
    booking = await the_booking(tx, booking_id, version)
    await the_step(tx, booking, "approveQuote", BookingState.IN_PROGRESS)
    quote = await tx.the(load.offered_quote(booking.id, revision), "revision")
    if quote.expires_at <= tx.now:
        raise QuoteExpired
    quote.status = QuoteStatus.ACCEPTED
    await tx.change(load.forget_lines(booking.id))
    services = [line for line in await tx.every(load.lines_of(quote.id)) if line.service_id]
    await tx.add(
        *(
            BookingLine(
                booking_id=booking.id,
                position=position,
                service_id=line.service_id,
                quantity=line.quantity,
            )
            for position, line in enumerate(services)
        )
    )
    await move(
        tx,
        booking,
        "approveQuote",
        BookingState.IN_PROGRESS,
        revision=revision,
        total_paise=quote.total_paise,
    )
    return booking.id


async def reject_quote(
    tx: Transaction,
    *,
    booking_id: BookingId,
    revision: Revision,
    reason: Annotated[Words | None, "Why, for the worker to read."] = None,
    version: Version = None,
) -> str:
    """Refuses: WrongState."""
    booking = await the_booking(tx, booking_id, version)
    return await turn_down(tx, booking, revision, QuoteStatus.REJECTED, reason)


@job("expire_quote")
async def expire_quote(tx: Transaction, *, booking_id: str, revision: int) -> None:
    """Silence is a no. One that was answered in time is not on offer any more."""
    booking = await the_booking(tx, booking_id)
    if await tx.find(load.offered_quote(booking.id, revision)) is not None:
        await turn_down(tx, booking, revision, QuoteStatus.EXPIRED, None)


async def turn_down(
    tx: Transaction, booking: Booking, revision: int, status: QuoteStatus, reason: str | None
) -> str:
    await the_step(tx, booking, "rejectQuote", BookingState.IN_PROGRESS)
    quote = await tx.the(load.offered_quote(booking.id, revision), "revision")
    quote.status = status
    await move(
        tx, booking, "rejectQuote", BookingState.IN_PROGRESS, reason=reason, revision=revision
    )
    return booking.id
