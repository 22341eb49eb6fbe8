"""Payments: what is owed, that it was paid, that it was given back. No money is moved."""

import re
from datetime import timedelta
from typing import Annotated

from loaders import payment as load
from models.base import new_id
from models.booking import Booking, Payment, PaymentKind, PaymentMode, PaymentState
from models.visit import NothingDue, PaymentSettled
from resolvers.journey import BookingId, the_booking
from resolvers.skill import Money
from runtime.faults import BadInput, Forbidden
from runtime.geography import day_of
from runtime.identity_numbers import holds_identity_number
from runtime.rights import Role
from runtime.transaction import Transaction
from runtime.words import Exact, Words

RECORDED_BY = {
    PaymentMode.CASH: {Role.WORKER, Role.PROVIDER},
    PaymentMode.UPI: {Role.WORKER, Role.PROVIDER},
    PaymentMode.WALLET: {Role.PROVIDER, Role.STATE_OFFICER},
    PaymentMode.TREASURY: {Role.DEPARTMENT, Role.STATE_OFFICER},
}
"""Whoever sees the money come."""
UPI_REFERENCE = re.compile(r"[0-9]{12}")
REFERENCE = re.compile(r"[A-Z0-9][A-Z0-9/-]{3,34}")
LATE = timedelta(days=30)

Kind = Annotated[PaymentKind, "What for."]
Mode = Annotated[PaymentMode, "How."]


def amount(row: Payment) -> Money:
    return Money(row.amount_paise)


async def owe(tx: Transaction, booking: Booking, kind: PaymentKind, paise: int) -> None:
    """From now on it is due. Nothing is due where nothing is charged."""
    if paise:
        await tx.add(
            Payment(
                id=new_id(Payment.prefix),
                booking_id=booking.id,
                kind=kind,
                state=PaymentState.DUE,
                amount_paise=paise,
                changed_at=tx.now,
            )
        )


async def the_payment(
    tx: Transaction, booking_id: str, kind: PaymentKind, state: PaymentState
) -> Payment:
    """The viewer's payment, which must stand where the command takes it up. Raises NothingDue
    and PaymentSettled."""
    booking = await the_booking(tx, booking_id)
    payment = await tx.find(load.payment_of(booking.id, kind))
    if payment is None:
        raise NothingDue
    if payment.state != state:
        raise PaymentSettled(payment_state=payment.state)
    return payment


async def change(tx: Transaction, payment: Payment, to: PaymentState, event: str) -> str:
    payment.state, payment.changed_at = to, tx.now
    await tx.emit(
        event,
        payment.booking_id,
        payment=payment.id,
        kind=payment.kind,
        mode=payment.mode,
        state=to,
        amount_paise=payment.amount_paise,
    )
    return payment.booking_id


async def record_payment(
    tx: Transaction,
    *,
    booking_id: BookingId,
    kind: Kind = PaymentKind.SERVICE,
    mode: Mode,
    reference: Annotated[
        Exact | None, "The UPI reference of 12 digits, or the number of the voucher; not for cash."
    ] = None,
) -> str:
    """Always the whole amount that is due. Refuses: NothingDue, PaymentSettled."""
    payment = await the_payment(tx, booking_id, kind, PaymentState.DUE)
    if tx.viewer.role not in RECORDED_BY[mode]:
        raise Forbidden(f"recordPayment of {mode}")
    payment.mode, payment.reference = mode, checked_reference(tx, mode, reference)
    return await change(tx, payment, PaymentState.PAID, "PaymentRecorded")


async def grant_refund(
    tx: Transaction,
    *,
    booking_id: BookingId,
    kind: Kind = PaymentKind.SERVICE,
    reason: Annotated[Words, "Why it is given back."],
) -> str:
    """Refuses: NothingDue, PaymentSettled."""
    payment = await the_payment(tx, booking_id, kind, PaymentState.PAID)
    payment.reason = reason
    return await change(tx, payment, PaymentState.REFUND_DUE, "RefundGranted")


async def refund_payment(
    tx: Transaction,
    *,
    booking_id: BookingId,
    kind: Kind = PaymentKind.SERVICE,
) -> str:
    """The way it was paid. Refuses: NothingDue, PaymentSettled."""
    payment = await the_payment(tx, booking_id, kind, PaymentState.REFUND_DUE)
    return await change(tx, payment, PaymentState.REFUNDED, "RefundIssued")


def checked_reference(tx: Transaction, mode: PaymentMode, reference: str | None) -> str | None:
    """Raises BadInput where it is not what this mode leaves behind."""
    said = reference or ""
    if mode is PaymentMode.CASH:
        right = reference is None
    elif mode is PaymentMode.UPI:
        right = UPI_REFERENCE.fullmatch(said) is not None and dated(tx, said)
    else:
        right = REFERENCE.fullmatch(said) is not None and not holds_identity_number(said)
    if not right:
        raise BadInput(f"`reference` is not one of {mode}.", argument="reference")
    return reference


def dated(tx: Transaction, reference: str) -> bool:
    """Whether a UPI reference is of the last weeks: it begins with the last digit of the year
    and the day of the year. Any other twelve digits could be somebody's Aadhaar number."""
    today = day_of(tx.now)
    days = (today - timedelta(days=ago) for ago in range(-1, LATE.days + 1))
    return any(reference[:4] == f"{day.year % 10}{day:%j}" for day in days)
