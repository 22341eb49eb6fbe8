"""Giving bookings to workers."""

import resolvers.assignment as resolve
import resolvers.matching as resolve_matching
from models import assignment as refuse
from models.booking import SlotTaken, WrongState
from models.request import OutOfArea
from runtime.rights import Act
from schema.base import command, enum, mutation
from schema.booking import Booking

enum(
    refuse.Requirement,
    "What must hold of a worker before they may take a booking.",
    ACTIVE="They take bookings now.",
    PROVIDER="They work through the provider whose price was agreed, and it is empanelled here.",
    SKILL="Their skill in the category is verified.",
    IDENTITY="Their identity is verified, and not out of date.",
    POLICE="The police have verified them, not too long ago.",
    LICENCE="They have the licence that the category asks for.",
    AREA="The place is in their district, and not further than they go.",
    WISHES="They are what whoever booked asked for; what that was is not told.",
    WILLING="They have not declined this booking, or let an offer of it lapse.",
)


@mutation
class Mutation:
    assign_worker = command(
        "Offer the booking to a worker. Their time is kept for it until they answer.",
        resolve.assign_worker,
        may=Act.ASSIGN,
        gives=Booking,
        refuses=(WrongState, refuse.NotQualified, OutOfArea, SlotTaken),
    )
    match_worker = command(
        "Offer the booking to the best worker who may take it and is free.",
        resolve_matching.match_worker,
        may=Act.ASSIGN,
        gives=Booking,
        refuses=(WrongState, refuse.NobodyAvailable),
    )
    accept_booking = command(
        "Take the booking: you will come.",
        resolve.accept_booking,
        may=Act.ACCEPT,
        gives=Booking,
        refuses=(WrongState, refuse.OfferLapsed),
    )
    decline_booking = command(
        "Leave the booking to somebody else.",
        resolve.decline_booking,
        may=Act.DECLINE,
        gives=Booking,
        refuses=(WrongState,),
    )
    reassign_booking = command(
        "Take the booking from its worker and look for another, before other requests.",
        resolve.reassign_booking,
        may=Act.REASSIGN,
        gives=Booking,
        refuses=(WrongState,),
    )
