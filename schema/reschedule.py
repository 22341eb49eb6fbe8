"""Moving a booking to another time."""

from datetime import datetime

import resolvers.reschedule as resolve
from loaders import reschedule as load
from models import booking as model
from models import reschedule as refuse
from models.request import OutsideBookingWindow
from runtime.privacy import Privacy
from runtime.rights import Act
from schema.base import adds_to, command, enum, field, mutation, part
from schema.booking import Booking

enum(
    model.ProposalOutcome,
    "What became of a proposed time.",
    OPEN="Not answered yet.",
    AGREED="The booking was moved to it.",
    TURNED_DOWN="Turned down: the old time stands.",
    LAPSED="Not answered before it was past or the booking had moved on.",
)


@part(model.RescheduleProposal)
class RescheduleProposal:
    """Another time, proposed by one party. The other answers, where it has to be asked."""

    proposed_by: model.Actor | None = field("Who proposed it.")
    proposed_at: datetime | None = field("When they did.")
    starts_at: datetime | None = field("The start that is proposed.")
    ends_at: datetime | None = field("The end that comes of it: the length stays.")
    outcome: model.ProposalOutcome | None = field("What became of it.")


@adds_to(Booking)
class BookingProposals:
    """Times that were proposed instead."""

    proposals: list[RescheduleProposal] | None = field(
        "Times that were proposed instead, in order.",
        "id",
        load=load.proposals_by_booking,
        size=20,
        shows=Privacy.OWNER,
    )


@mutation
class Mutation:
    propose_reschedule = command(
        "Propose another time for the booking, of the same length. Long enough before, whoever"
        " booked moves it at once; otherwise the other party is asked.",
        resolve.propose_reschedule,
        may=Act.RESCHEDULE,
        gives=Booking,
        refuses=(
            model.WrongState,
            refuse.MovedTooOften,
            OutsideBookingWindow,
            refuse.OutsideHours,
            refuse.ProposalOpen,
            model.SlotTaken,
        ),
    )
    answer_reschedule = command(
        "Agree to the time that the other party proposed, or turn it down.",
        resolve.answer_reschedule,
        may=Act.RESCHEDULE,
        gives=Booking,
        refuses=(
            model.WrongState,
            refuse.NothingProposed,
            refuse.MovedTooOften,
            refuse.OutsideHours,
            model.SlotTaken,
        ),
    )
