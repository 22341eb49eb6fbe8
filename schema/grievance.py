"""Complaints, and calls for help."""

from datetime import datetime

from strawberry import ID

import resolvers.grievance as resolve
from loaders import booking as load_booking
from loaders import grievance as load
from loaders import place as load_place
from loaders import worker as load_worker
from models import grievance as refused
from models import review as model
from runtime.privacy import Privacy
from runtime.rights import Act, Role
from schema.account import Viewer
from schema.base import (
    Node,
    adds_to,
    command,
    criteria,
    entity,
    enum,
    field,
    mutation,
    part,
    query,
)
from schema.booking import Booking
from schema.page import Connection
from schema.place import District, Point
from schema.worker import Provider

enum(
    model.GrievanceSubject,
    "What a complaint is about.",
    QUALITY="How the work was done.",
    PRICE="What it cost.",
    PAYMENT="How it was paid, or paid back.",
    BEHAVIOUR="How someone behaved.",
    ABSENCE="Someone did not come.",
    SAFETY="Someone was in danger.",
    OTHER="Something else.",
)
enum(
    model.GrievanceState,
    "Where a complaint stands.",
    OPEN="Made; nobody has looked at it yet.",
    ACKNOWLEDGED="Somebody has looked at it.",
    IN_PROGRESS="Somebody looks into it.",
    RESOLVED="Answered.",
    REOPENED="The answer did not do; it is looked into again.",
    CLOSED="Done with.",
    ESCALATED="Nobody was in time for it: it went to a higher office.",
)
enum(
    model.GrievanceOutcome,
    "What a complaint came to.",
    UPHELD="It was right.",
    PARTLY_UPHELD="It was right in part.",
    REJECTED="It was not right.",
)
enum(
    model.Severity,
    "How pressing a complaint is.",
    LOW="It can wait.",
    NORMAL="As most.",
    HIGH="It cannot wait.",
)
criteria(load.GrievanceFilter)
criteria(resolve.Whereabouts)


@part(model.GrievanceEntry)
class GrievanceEntry:
    """One step of a complaint."""

    to_state: model.GrievanceState | None = field("Where it stood then.")
    role: Role | None = field("What the one who took it is to the service; null for the clock.")
    text: str | None = field("What they said.")
    happened_at: datetime | None = field("When.")


@entity(model.Grievance, by_id=load.grievance_by_id)
class Grievance(Node):
    """A complaint: acknowledged in time, resolved in time, or else passed to a higher office."""

    id: ID = field("Opaque and stable.")
    ticket_number: str | None = field("The number people know it by.")
    subject: model.GrievanceSubject | None = field("What it is about.")
    severity: model.Severity | None = field("How pressing it is.")
    state: model.GrievanceState | None = field("Where it stands.")
    outcome: model.GrievanceOutcome | None = field("What it came to, once it is resolved.")
    text: str | None = field("What happened, as who made it says.")
    booking: Booking | None = field(
        "The booking it is about, if it is about one.",
        "booking_id",
        load=load_booking.booking_by_id,
    )
    provider: Provider | None = field(
        "Whose worker it is about.", "provider_id", load=load_worker.provider_by_id
    )
    district: District | None = field(
        "Whose officers look into it.", "district_id", load=load_place.district_by_id
    )
    opened_at: datetime | None = field("When it was made.")
    acknowledge_by: datetime | None = field("By when somebody must have looked at it.")
    resolve_by: datetime | None = field("By when it must be resolved.")
    escalated_at: datetime | None = field("When it last went to a higher office.")
    resolved_at: datetime | None = field("When it was resolved.")
    reopened: bool | None = field("Whether it was reopened; that can be done once.")
    entries: Connection[GrievanceEntry] | None = field(
        "Every step of it, the first one first.",
        "id",
        load=load.entries_by_grievance,
        shows=Privacy.OWNER,
    )


@entity(model.Incident, by_id=load.incident_by_id)
class Incident(Node):
    """A call for help during a visit. Officers see what it was for a stated reason."""

    id: ID = field("Opaque and stable.")
    numbers_to_call: list[str] = field(
        "Whom to call at once, the first one first.", "id", resolve=resolve.numbers_to_call
    )
    raised_at: datetime | None = field("When.")
    role: Role | None = field("Which party of the booking called.")
    booking: Booking | None = field(
        "During which visit.", "booking_id", load=load_booking.booking_by_id
    )
    location: Point | None = field(
        "Where they were, if they told.", "latitude longitude", compute=resolve.point
    )
    note: str | None = field("What was happening, if they told.")


@adds_to(Booking)
class BookingGrievances:
    """What was complained of."""

    grievances: Connection[Grievance] | None = field(
        "Complaints about it that are yours to see, the latest first.",
        "id",
        load=load.grievances_by_booking,
    )


@adds_to(Viewer)
class ViewerGrievances:
    """What the viewer complained of."""

    grievances: Connection[Grievance] = field(
        "Complaints you made, or your department did; the latest first.",
        load=load.grievances_of_viewer,
    )


@query
class Query:
    grievance: Grievance | None = field(
        "A complaint, by id.", load=load.grievance_by_id, by="id", kind=ID
    )
    grievances: Connection[Grievance] = field(
        "Complaints: yours, your provider's, your district's, or all, as your role has it; the"
        " latest first.",
        load=load.grievances,
    )
    incidents: Connection[Incident] = field(
        "Calls for help: yours, your district's, or all; the latest first.", load=load.incidents
    )


@mutation
class Mutation:
    open_grievance = command(
        "Complain, about a booking or in general.",
        resolve.open_grievance,
        may=Act.COMPLAIN,
        gives=Grievance,
        refuses=(refused.AlreadyComplained,),
        suspended=True,
    )
    acknowledge_grievance = command(
        "Tell who complained that somebody has looked at it.",
        resolve.acknowledge_grievance,
        may=Act.HANDLE_COMPLAINT,
        gives=Grievance,
        refuses=(refused.GrievanceStands,),
    )
    take_up_grievance = command(
        "Look into a complaint yourself.",
        resolve.take_up_grievance,
        may=Act.HANDLE_COMPLAINT,
        gives=Grievance,
        refuses=(refused.GrievanceStands,),
    )
    answer_grievance = command(
        "Say what the provider has to say to it.",
        resolve.answer_grievance,
        may=Act.ANSWER_COMPLAINT,
        gives=Grievance,
        refuses=(refused.GrievanceStands,),
        suspended=True,
    )
    resolve_grievance = command(
        "Tell who complained what it came to.",
        resolve.resolve_grievance,
        may=Act.HANDLE_COMPLAINT,
        gives=Grievance,
        refuses=(refused.GrievanceStands,),
    )
    reopen_grievance = command(
        "Have a complaint of yours looked into again, once.",
        resolve.reopen_grievance,
        may=Act.CLOSE_COMPLAINT,
        gives=Grievance,
        refuses=(refused.GrievanceStands, refused.AlreadyReopened, refused.AlreadyComplained),
        suspended=True,
    )
    close_grievance = command(
        "Be content with the answer, or take your complaint back.",
        resolve.close_grievance,
        may=Act.CLOSE_COMPLAINT,
        gives=Grievance,
        refuses=(refused.GrievanceStands,),
        suspended=True,
    )
    call_for_help = command(
        "Call for help during a visit. Call the numbers it gives as well.",
        resolve.call_for_help,
        may=Act.CALL_FOR_HELP,
        gives=Incident,
        refuses=(refused.NoVisit,),
        suspended=True,
    )
