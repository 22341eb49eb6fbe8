"""Complaints with a clock, and calls for help."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from loaders import account as load_account
from loaders import grievance as load
from models.base import new_id
from models.booking import Booking
from models.grievance import (
    STEPS,
    UNANSWERED,
    AlreadyComplained,
    AlreadyReopened,
    GrievanceStands,
    NoVisit,
)
from models.review import (
    UNSETTLED,
    Grievance,
    GrievanceEntry,
    GrievanceOutcome,
    GrievanceState,
    GrievanceSubject,
    Incident,
    Severity,
)
from resolvers.account import someone
from resolvers.info import Info
from resolvers.place import Point
from runtime.faults import BadInput
from runtime.geography import in_india
from runtime.jobs import job
from runtime.rights import Role, Rule
from runtime.transaction import Transaction, refused_as
from runtime.words import Words

PRESSING = (GrievanceSubject.SAFETY, GrievanceSubject.BEHAVIOUR)
"""What complaints must be about to be pressing from the start."""
BY_THEMSELVES = (Role.CITIZEN, Role.WORKER)
OFFICES = (Role.HELPLINE, Role.DISTRICT_OFFICER, Role.STATE_OFFICER)

GrievanceId = Annotated[str, "Which complaint."]


async def open_grievance(
    tx: Transaction,
    *,
    subject: Annotated[GrievanceSubject, "What it is about."],
    text: Annotated[Words, "What happened."],
    booking_id: Annotated[
        str | None, "The booking it is about. Helpline and officers always name one."
    ] = None,
    for_worker: Annotated[
        bool, "Whether it is the worker of the booking who calls; only the helpline is asked."
    ] = False,
) -> str:
    """Refuses: AlreadyComplained."""
    viewer = tx.viewer
    if booking_id is None and viewer.role in OFFICES:
        raise BadInput("Name the booking that it is about.", argument="bookingId")
    booking = None
    if booking_id is not None:
        booking = await tx.the(load.booking_of(booking_id, tx.rule), "bookingId")
    if viewer.role in BY_THEMSELVES:
        await someone(tx)
    whose, department_id = complainant(tx, booking, for_worker)
    if booking is not None:
        district_id = booking.district_id
    else:
        home = load.home_district(viewer.role, department_id or whose)
        district_id = await tx.value(home)
    position = await tx.value(load.next_position())
    grievance = Grievance(
        id=new_id(Grievance.prefix),
        position=position,
        ticket_number=f"GR{in_india(tx.now):%y}-{position:07}",
        booking_id=booking_id,
        opened_by=whose,
        department_id=department_id,
        provider_id=booking and booking.provider_id,
        district_id=district_id,
        subject=subject,
        severity=Severity.HIGH if subject in PRESSING else Severity.NORMAL,
        state=GrievanceState.OPEN,
        text=text,
        opened_at=tx.now,
    )
    start_clock(tx, grievance)
    with refused_as("grievance_unsettled", AlreadyComplained()):
        await tx.add(grievance)
    await record(tx, grievance, "GrievanceOpened", None)
    await watch(tx, grievance)
    return grievance.id


def complainant(
    tx: Transaction, booking: Booking | None, for_worker: bool
) -> tuple[str, str | None]:
    """Whose complaint it is, and whose department's. The helpline opens it for whoever calls."""
    viewer = tx.viewer
    if viewer.role is not Role.HELPLINE or booking is None:
        return viewer.id or "", viewer.department_id
    if not for_worker:
        tx.acts_for(booking.citizen_id)
        return booking.citizen_id or booking.created_by, booking.department_id
    if booking.worker_id is None:
        raise BadInput("The booking has no worker.", argument="forWorker")
    tx.acts_for(booking.worker_id)
    return booking.worker_id, None


def start_clock(tx: Transaction, grievance: Grievance) -> None:
    grievance.acknowledge_by = tx.now + timedelta(hours=tx.settings.acknowledge_hours)
    grievance.resolve_by = tx.now + timedelta(days=tx.settings.resolve_days)


async def watch(tx: Transaction, grievance: Grievance) -> None:
    for due in (grievance.acknowledge_by, grievance.resolve_by):
        await tx.later(due, "check_grievance", grievance_id=grievance.id)


async def record(tx: Transaction, grievance: Grievance, event: str, text: str | None) -> None:
    """One more entry, and the event, of a complaint that is locked, or new."""
    position = await tx.value(load.entries_so_far(grievance.id))
    # The clock is nobody.
    role = None if tx.viewer.role is Role.ANONYMOUS else tx.viewer.role
    await tx.add(
        GrievanceEntry(
            grievance_id=grievance.id,
            position=position,
            to_state=grievance.state,
            role=role,
            text=text,
            happened_at=tx.now,
        )
    )
    await tx.emit(
        event,
        grievance.id,
        position=position,
        state=grievance.state,
        severity=grievance.severity,
        booking=grievance.booking_id,
        provider=grievance.provider_id,
        district=grievance.district_id,
    )


async def the_grievance(tx: Transaction, id: str) -> Grievance:
    return await tx.the(load_account.mine(Grievance, tx.rule, id), "grievanceId")


async def take(tx: Transaction, grievance: Grievance, step: str, text: str | None = None) -> str:
    """Take the step, and note it. Refuses: GrievanceStands."""
    known = STEPS[step]
    if grievance.state not in known.before:
        raise GrievanceStands(stands_at=GrievanceState(grievance.state))
    grievance.state = known.after or grievance.state
    await record(tx, grievance, known.event, text)
    return grievance.id


async def acknowledge_grievance(
    tx: Transaction,
    *,
    grievance_id: GrievanceId,
    severity: Annotated[Severity | None, "How pressing it is; as it is if left out."] = None,
) -> str:
    """Refuses: GrievanceStands."""
    grievance = await the_grievance(tx, grievance_id)
    grievance.severity = severity or grievance.severity
    return await take(tx, grievance, "acknowledge")


async def take_up_grievance(tx: Transaction, *, grievance_id: GrievanceId) -> str:
    """Refuses: GrievanceStands."""
    grievance = await the_grievance(tx, grievance_id)
    grievance.assigned_to = tx.viewer.id
    return await take(tx, grievance, "take_up")


async def answer_grievance(
    tx: Transaction,
    *,
    grievance_id: GrievanceId,
    text: Annotated[Words, "What you say to it."],
) -> str:
    """Refuses: GrievanceStands."""
    return await take(tx, await the_grievance(tx, grievance_id), "answer", text)


async def resolve_grievance(
    tx: Transaction,
    *,
    grievance_id: GrievanceId,
    outcome: Annotated[GrievanceOutcome, "Whether it was right."],
    text: Annotated[Words, "What was found, and what is done about it."],
) -> str:
    """Refuses: GrievanceStands."""
    grievance = await the_grievance(tx, grievance_id)
    grievance.outcome, grievance.resolved_at = outcome, tx.now
    await take(tx, grievance, "resolve", text)
    await tx.later(closes_at(tx, grievance), "check_grievance", grievance_id=grievance.id)
    return grievance.id


async def reopen_grievance(
    tx: Transaction,
    *,
    grievance_id: GrievanceId,
    text: Annotated[Words, "Why the answer does not do."],
) -> str:
    """Refuses: GrievanceStands, AlreadyReopened, AlreadyComplained. The clock starts anew."""
    grievance = await the_grievance(tx, grievance_id)
    if grievance.reopened and grievance.state == GrievanceState.RESOLVED:
        raise AlreadyReopened
    grievance.reopened = True
    grievance.outcome = grievance.resolved_at = None
    start_clock(tx, grievance)
    with refused_as("grievance_unsettled", AlreadyComplained()):
        await take(tx, grievance, "reopen", text)
    await watch(tx, grievance)
    return grievance.id


async def close_grievance(tx: Transaction, *, grievance_id: GrievanceId) -> str:
    """Refuses: GrievanceStands."""
    return await take(tx, await the_grievance(tx, grievance_id), "close")


@job("check_grievance")
async def check_grievance(tx: Transaction, *, grievance_id: str) -> None:
    """Passes a complaint upwards that nobody was in time for; closes one whose answer was let
    stand."""
    grievance = await tx.find(load_account.mine(Grievance, Rule.ALL, grievance_id))
    if grievance is None:
        return
    missed = missed_at(grievance, tx.now)
    # A job may run twice: what was missed is passed upwards once.
    if missed and (grievance.escalated_at is None or grievance.escalated_at < missed):
        grievance.escalated_at = tx.now
        await take(tx, grievance, "escalate")
    elif grievance.state == GrievanceState.RESOLVED and tx.now >= closes_at(tx, grievance):
        await take(tx, grievance, "close")


def missed_at(grievance: Grievance, now: datetime) -> datetime | None:
    """The latest time by which something should have been done and was not."""
    if grievance.state in UNSETTLED and now >= grievance.resolve_by:
        return grievance.resolve_by
    if grievance.state in UNANSWERED and now >= grievance.acknowledge_by:
        return grievance.acknowledge_by
    return None


def closes_at(tx: Transaction, grievance: Grievance) -> datetime:
    return (grievance.resolved_at or tx.now) + timedelta(days=tx.settings.reopen_days)


@dataclass(frozen=True)
class Whereabouts:
    """Where someone is."""

    latitude: Annotated[float, "Degrees north (WGS 84)."]
    longitude: Annotated[float, "Degrees east (WGS 84)."]


async def call_for_help(
    tx: Transaction,
    *,
    booking_id: Annotated[str, "During which visit."],
    whereabouts: Annotated[Whereabouts | None, "Where you are."] = None,
    note: Annotated[Words | None, "What is happening."] = None,
) -> str:
    """Refuses: NoVisit. Whoever presses again at once, perhaps now with a position, is heard
    once."""
    if whereabouts and not (
        -90 <= whereabouts.latitude <= 90 and -180 <= whereabouts.longitude <= 180
    ):
        raise BadInput("`whereabouts` must be a place on earth.", argument="whereabouts")
    booking = await tx.the(load.booking_of(booking_id, tx.rule), "bookingId")
    if await tx.find(load.live_booking(booking.id)) is None:
        raise NoVisit
    person_id = tx.viewer.id or ""
    await tx.rows(load_account.quiet(f"help {booking.id} {person_id}"))
    since = tx.now - timedelta(seconds=tx.settings.help_repeat_seconds)
    incident = await tx.find(load.latest_call(booking.id, person_id, since))
    if incident is None:
        incident = Incident(
            id=new_id(Incident.prefix),
            booking_id=booking.id,
            district_id=booking.district_id,
            raised_by=person_id,
            role=tx.viewer.role,
            raised_at=tx.now,
        )
        fill(incident, whereabouts, note)
        await tx.add(incident)
        event = "SosRaised"
    elif fill(incident, whereabouts, note):
        event = "SosRepeated"
    else:
        return incident.id
    await tx.emit(event, incident.id, booking=booking.id, district=booking.district_id)
    return incident.id


def fill(incident: Incident, whereabouts: Whereabouts | None, note: str | None) -> bool:
    """What is known later is added; whether anything was."""
    if whereabouts is not None:
        incident.latitude, incident.longitude = whereabouts.latitude, whereabouts.longitude
    if note is not None:
        incident.note = note
    return whereabouts is not None or note is not None


def point(row: Incident) -> Point | None:
    if row.latitude is None or row.longitude is None:
        return None
    return Point(row.latitude, row.longitude)


def numbers_to_call(info: Info) -> list[str]:
    return [number.strip() for number in info.context.settings.emergency_numbers.split(",")]
