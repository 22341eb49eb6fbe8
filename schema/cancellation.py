"""Calling a booking off."""

import resolvers.cancellation as resolve
from loaders import cancellation as load
from models.booking import WrongState
from models.cancellation import ReasonNeeded
from runtime.privacy import Privacy
from runtime.rights import Act
from schema.base import adds_to, command, field, mutation
from schema.booking import Booking
from schema.skill import Money


@adds_to(Booking)
class BookingCancellation:
    """What calling off costs."""

    cancellation_fee: Money | None = field(
        "What whoever booked would pay for calling it off now; null once that cannot be done.",
        "id",
        load=load.fee_by_booking,
        shows=Privacy.OWNER,
    )


@mutation
class Mutation:
    cancel_booking = command(
        "Call the booking off, before the work begins. Late, it costs whoever booked a share of"
        " the price: `cancellationFee` says how much.",
        resolve.cancel_booking,
        may=Act.CANCEL,
        gives=Booking,
        refuses=(WrongState, ReasonNeeded),
    )
