"""Reads of payments."""

from sqlalchemy import Select, any_, select

from loaders.shown import shown, visible
from models.booking import Payment, PaymentKind
from runtime.batch import KEYS, Columns, Read, many
from runtime.rights import Area


@many(Payment)
def payments_by_booking(columns: Columns) -> Read:
    return (
        select(Payment.booking_id, *shown(Payment, columns))
        .where(Payment.booking_id == any_(KEYS), visible(Payment, Area.BOOKING))
        .order_by(Payment.booking_id, Payment.kind)
    )


def payment_of(booking_id: str, kind: PaymentKind) -> Select[Payment]:
    return (
        select(Payment)
        .where(Payment.booking_id == booking_id, Payment.kind == kind)
        .with_for_update()
    )
