"""Who may take a booking, as conditions on workers: one set of them, for whoever is named and
for whoever is looked for."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    all_,
    and_,
    any_,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute

from models.assignment import Requirement
from models.booking import Assignment, AssignmentOutcome, Booking, ServiceArea
from models.skill import ServiceCategory, WorkerSkill
from models.worker import (
    Provider,
    ProviderDistrict,
    ProviderStatus,
    Verification,
    VerificationKind,
    Worker,
    WorkerStatus,
)
from runtime.geography import EARTH_RADIUS_KM
from runtime.rights import Rule

BY_POLICE = "police-verification"
"""The one regulation that asks for no licence, but for what everyone must have."""
UNWILLING = (AssignmentOutcome.DECLINED, AssignmentOutcome.LAPSED)


def there_is(*conditions: ColumnElement[bool] | InstrumentedAttribute[bool]) -> ColumnElement[bool]:
    return exists(select(literal(1)).where(*conditions).correlate(Worker))


def requirements(booking: Booking, on: date) -> dict[Requirement, ColumnElement[bool]]:
    """What must hold of a `Worker` on the day it is given to them."""
    category = ServiceCategory.id == booking.category_id
    unlicensed = literal(BY_POLICE) == all_(ServiceCategory.regulations)
    return {
        Requirement.ACTIVE: Worker.status == WorkerStatus.ACTIVE,
        Requirement.PROVIDER: works_through(booking, on),
        Requirement.SKILL: there_is(
            WorkerSkill.worker_id == Worker.id,
            WorkerSkill.category_id == booking.category_id,
            WorkerSkill.verified,
        ),
        Requirement.IDENTITY: checked(VerificationKind.IDENTITY, on),
        Requirement.POLICE: checked(VerificationKind.POLICE, on),
        Requirement.LICENCE: or_(
            there_is(category, unlicensed), checked(VerificationKind.LICENCE, on)
        ),
        Requirement.AREA: and_(Worker.district_id == booking.district_id, ~too_far(booking)),
        Requirement.WISHES: and_(
            literal(booking.language) == any_(Worker.languages),
            func.coalesce(Worker.gender == booking.preferred_worker_gender, False)
            if booking.preferred_worker_gender
            else true(),
        ),
        Requirement.WILLING: ~there_is(
            Assignment.worker_id == Worker.id,
            Assignment.booking_id == booking.id,
            Assignment.outcome.in_(UNWILLING),
        ),
    }


def works_through(booking: Booking, on: date) -> ColumnElement[bool]:
    """Whose price was agreed: a provider, which must be empanelled and serve the district, or
    workers who work through none. Free work is for who did it badly."""
    if booking.provider_id is None:
        alone = Worker.provider_id.is_(None)
        mends = booking.rework_of_id is not None
        return and_(alone, Worker.id == booking.preferred_worker_id) if mends else alone
    return and_(
        Worker.provider_id == booking.provider_id,
        there_is(
            Provider.id == booking.provider_id,
            Provider.status == ProviderStatus.EMPANELLED,
            or_(Provider.empanelled_until.is_(None), Provider.empanelled_until > on),
        ),
        there_is(
            ProviderDistrict.provider_id == booking.provider_id,
            ProviderDistrict.district_id == booking.district_id,
        ),
    )


def checked(kind: VerificationKind, on: date) -> ColumnElement[bool]:
    return there_is(
        Verification.worker_id == Worker.id,
        Verification.kind == kind,
        Verification.verified,
        or_(Verification.valid_until.is_(None), Verification.valid_until > on),
    )


def too_far(booking: Booking) -> ColumnElement[bool]:
    """From the public point; a worker who set no limit goes anywhere in the district."""
    if booking.latitude is None or booking.longitude is None:
        return literal(False)
    return there_is(
        ServiceArea.worker_id == Worker.id,
        ServiceArea.radius_km < kilometres_to(booking.latitude, booking.longitude),
    )


def kilometres_to(latitude: float, longitude: float) -> ColumnElement[float]:
    """Along the sphere, as `runtime.geography.kilometres`."""
    up, across = (func.radians(column) for column in (Worker.latitude, Worker.longitude))
    there_up, there_across = func.radians(latitude), func.radians(longitude)
    half = func.power(func.sin((up - there_up) / 2), 2) + func.cos(up) * func.cos(
        there_up
    ) * func.power(func.sin((across - there_across) / 2), 2)
    way: ColumnElement[float] = 2 * EARTH_RADIUS_KM * func.asin(func.sqrt(func.least(1, half)))
    return way


def standing(
    rule: Rule, id: str, conditions: Sequence[ColumnElement[bool]]
) -> Select[*tuple[Any, ...]]:
    """Whether each holds of the worker, if they are the viewer's to assign. They cannot be
    suspended before we are through."""
    return (
        select(*conditions)
        .select_from(Worker)
        .where(Worker.id == id, Worker.rows(rule))
        .with_for_update(read=True, of=Worker)
    )


def open_offer(booking_id: str) -> Select[Assignment]:
    return select(Assignment).where(
        Assignment.booking_id == booking_id, Assignment.outcome == AssignmentOutcome.OFFERED
    )


def offers_of(booking_id: str) -> Select[Any]:
    """How many there were."""
    return select(func.count()).where(Assignment.booking_id == booking_id)


def offers_in_vain(booking_id: str) -> Select[Any]:
    """How many were declined or not answered. What was taken from a worker is no try."""
    return offers_of(booking_id).where(Assignment.outcome.in_(UNWILLING))
