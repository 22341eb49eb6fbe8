"""Reads of complaints and calls for help; and what commands about them read and write."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import Select, any_, func, or_, select

from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.account import Citizen, Department
from models.booking import LIVE, Booking, in_contact
from models.place import District
from models.review import (
    UNSETTLED,
    Grievance,
    GrievanceEntry,
    GrievanceState,
    Incident,
    Severity,
)
from models.worker import Worker
from runtime.batch import KEYS, VIEWER, Columns, Read, one
from runtime.clock import NOW
from runtime.rights import Area, Role, Rule

NEWEST = Sort((Grievance.position,), descending=True)


@one(Grievance)
def grievance_by_id(columns: Columns) -> Read:
    return select(Grievance.id, *shown(Grievance, columns)).where(
        Grievance.id == any_(KEYS), visible(Grievance, Area.GRIEVANCE)
    )


@dataclass(frozen=True)
class GrievanceFilter:
    """Which complaints to list. Every condition given must hold."""

    state: Annotated[GrievanceState | None, "Only those that stand there."] = None
    unsettled: Annotated[bool, "Only those that still need an answer."] = False
    severity: Annotated[Severity | None, "Only those so pressing."] = None
    district_code: Annotated[int | None, "The LGD code of their district."] = None
    overdue: Annotated[bool, "Only those that nobody resolved in time."] = False
    taken_up_by_me: Annotated[bool, "Only those that you took up."] = False


Which = Annotated[GrievanceFilter | None, "Which complaints; all you may see if left out."]


@pages(Grievance, NEWEST)
def grievances(key: Any, *, filter: Which = None) -> Read:
    return filtered(select(Grievance).where(visible(Grievance, Area.GRIEVANCE)), filter)


@pages(Grievance, NEWEST)
def grievances_of_viewer(key: Any) -> Read:
    """Of the whole department for those who act for one."""
    return select(Grievance).where(or_(Grievance.rows(Rule.OWN), Grievance.rows(Rule.OFFICE)))


@pages(Grievance, NEWEST)
def grievances_by_booking(key: Any) -> Read:
    return select(Grievance).where(Grievance.booking_id == key, visible(Grievance, Area.GRIEVANCE))


def filtered(found: Read, filter: GrievanceFilter | None) -> Read:
    if filter is None:
        return found
    if filter.state is not None:
        found = found.where(Grievance.state == filter.state)
    if filter.unsettled:
        found = found.where(Grievance.state.in_(UNSETTLED))
    if filter.severity is not None:
        found = found.where(Grievance.severity == filter.severity)
    if filter.district_code is not None:
        district = select(District.id).where(District.lgd_code == filter.district_code)
        found = found.where(Grievance.district_id == district.scalar_subquery())
    if filter.overdue:
        late = Grievance.resolve_by < NOW
        found = found.where(late, Grievance.state.in_(UNSETTLED))
    if filter.taken_up_by_me:
        found = found.where(Grievance.assigned_to == VIEWER)
    return found


@pages(GrievanceEntry, Sort((GrievanceEntry.position,)))
def entries_by_grievance(key: Any) -> Read:
    return select(GrievanceEntry).where(
        GrievanceEntry.grievance_id == key, visible(GrievanceEntry, Area.GRIEVANCE)
    )


@one(Incident)
def incident_by_id(columns: Columns) -> Read:
    return select(Incident.id, *shown(Incident, columns)).where(
        Incident.id == any_(KEYS), visible(Incident, Area.INCIDENT_NOTICE)
    )


@pages(Incident, Sort((Incident.position,), descending=True))
def incidents(key: Any) -> Read:
    return select(Incident).where(visible(Incident, Area.INCIDENT_NOTICE))


def booking_of(id: str, rule: Rule) -> Select[Booking]:
    return select(Booking).where(Booking.id == id, Booking.rows(rule))


def live_booking(id: str) -> Select[str]:
    """If its parties are due to meet, or met within a day."""
    meeting = or_(Booking.state.in_(LIVE), in_contact())
    return select(Booking.id).where(Booking.id == id, meeting)


def home_district(role: Role, id: str) -> Select[Any]:
    """Where someone belongs who complains about no booking."""
    if role is Role.DEPARTMENT:
        return select(Department.district_id).where(Department.id == id)
    kind: Any = Worker if role is Role.WORKER else Citizen
    return select(kind.district_id).where(kind.id == id)


def next_position() -> Select[Any]:
    return select(func.nextval(func.pg_get_serial_sequence("grievance", "position")))


def entries_so_far(grievance_id: str) -> Select[Any]:
    return select(func.count()).where(GrievanceEntry.grievance_id == grievance_id)


def latest_call(booking_id: str, person_id: str, since: datetime) -> Select[Incident]:
    return (
        select(Incident)
        .where(
            Incident.booking_id == booking_id,
            Incident.raised_by == person_id,
            Incident.raised_at > since,
        )
        .order_by(Incident.position.desc())
        .limit(1)
    )
