"""Asking for a price, and for a booking at it."""

import resolvers.request as resolve
from models import request as refuse
from models.account import CodeWrong, PlaceOutsideDistrict
from models.booking import PriceTooHigh
from models.visit import QuoteExpired
from runtime.rights import Act
from schema.base import command, criteria, mutation
from schema.booking import Booking, Quote

for kind in (resolve.WantedService, resolve.BookingPlace, resolve.Caller):
    criteria(kind)


@mutation
class Mutation:
    request_quote = command(
        "Be told what work would cost, before anything is promised. The price holds for hours.",
        resolve.request_quote,
        may=Act.BOOK,
        gives=Quote,
        refuses=(refuse.NotOffered, PriceTooHigh),
    )
    request_booking = command(
        "Ask for the work at a price you were told. A worker is then looked for.",
        resolve.request_booking,
        may=Act.BOOK,
        gives=Booking,
        refuses=(
            CodeWrong,
            QuoteExpired,
            refuse.OutOfArea,
            refuse.PinElsewhere,
            PlaceOutsideDistrict,
            refuse.OutsideBookingWindow,
            refuse.SlotNotOffered,
        ),
    )
