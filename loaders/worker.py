"""Reads of workers, providers and verifications."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    any_,
    case,
    delete,
    literal,
    null,
    or_,
    select,
)

from loaders.account import ACCOUNTS, FACTS, PEOPLE, mine, number_of
from loaders.page import Sort, of_people, pages
from loaders.shown import shown, visible
from models.account import SignInAs
from models.place import District
from models.worker import (
    Engagement,
    Provider,
    ProviderDistrict,
    ProviderStatus,
    Verification,
    VerificationKind,
    Worker,
    WorkerStatus,
)
from runtime.batch import DISTRICTS, KEYS, Columns, Read, many, one, unseen
from runtime.rights import Area, Rule

ONCE_REGISTERED = (
    WorkerStatus.ACTIVE,
    WorkerStatus.INACTIVE,
    WorkerStatus.SUSPENDED,
    WorkerStatus.ERASED,
)
"""The statuses whose public card exists: bookings and reviews may point at it for ever."""

IN_HAND = (WorkerStatus.SUBMITTED, WorkerStatus.UNDER_VERIFICATION)
"""The statuses in which a registration waits for an officer."""


class WorkerOrder(StrEnum):
    CODE = "CODE"
    EXPERIENCE = "EXPERIENCE"


@dataclass(frozen=True)
class WorkerFilter:
    """Which workers to list. Every condition given must hold."""

    district_code: Annotated[int | None, "The LGD code of their district, such as 162."] = None
    provider_id: Annotated[str | None, "Only workers of this provider."] = None
    language: Annotated[str | None, "A language they speak, as a code such as `hi`."] = None
    minimum_years_experience: Annotated[int | None, "At least so many years of experience."] = None


READS_HINDI = literal("hi") == any_(Worker.languages)
PEOPLE[SignInAs.WORKER] = lambda: select(
    *number_of(Worker),
    Worker.provider_id,
    case((READS_HINDI, "hi"), else_="en").label("language"),
).where(Worker.status != WorkerStatus.ERASED)
PEOPLE[SignInAs.PROVIDER] = lambda: select(
    *number_of(Provider), Provider.id.label("provider_id"), null().label("language")
).where(Provider.status.not_in((ProviderStatus.APPLIED, ProviderStatus.TERMINATED)))

ACCOUNTS |= {SignInAs.WORKER: Worker, SignInAs.PROVIDER: Provider}
# Both codes stand on the registration slip.
FACTS |= {
    SignInAs.WORKER: lambda: select(Worker.id, Worker.code.label("fact")),
    SignInAs.PROVIDER: lambda: select(Provider.id, Provider.code.label("fact")),
}

WORKER_SORTS = {
    WorkerOrder.CODE: Sort((Worker.code,)),
    WorkerOrder.EXPERIENCE: Sort((Worker.years_experience, Worker.code), descending=True),
}


def has_card() -> ColumnElement[bool]:
    """Workers who exist for the viewer: registrations under way do for those who handle them."""
    return or_(Worker.status.in_(ONCE_REGISTERED), visible(Worker, Area.WORKER_RECORD))


@one(Worker)
def worker_by_id(columns: Columns) -> Read:
    return select(Worker.id, *shown(Worker, columns)).where(Worker.id == any_(KEYS), has_card())


@pages(Worker, WORKER_SORTS, figure=of_people)
def workers(
    key: Any,
    *,
    filter: Annotated[WorkerFilter | None, "Which workers; all of them if left out."] = None,
) -> Read:
    found = select(Worker).where(Worker.status == WorkerStatus.ACTIVE)
    if filter is None:
        return found
    if filter.district_code is not None:
        district = select(District.id).where(District.lgd_code == filter.district_code)
        found = found.where(Worker.district_id == district.scalar_subquery())
    if filter.provider_id is not None:
        found = found.where(Worker.provider_id == filter.provider_id)
    if filter.language is not None:
        found = found.where(any_(Worker.languages) == filter.language)
    if filter.minimum_years_experience is not None:
        found = found.where(Worker.years_experience >= unseen(filter.minimum_years_experience))
    return found


@pages(Worker, WORKER_SORTS, figure=of_people)
def workers_by_district(key: Any) -> Read:
    return select(Worker).where(Worker.district_id == key, Worker.status == WorkerStatus.ACTIVE)


@pages(Worker, WORKER_SORTS, figure=of_people)
def workers_by_provider(key: Any) -> Read:
    return select(Worker).where(Worker.provider_id == key, Worker.status == WorkerStatus.ACTIVE)


@pages(Worker, WORKER_SORTS)
def team_by_provider(
    key: Any,
    *,
    status: Annotated[WorkerStatus | None, "Only these; everybody if left out."] = None,
) -> Read:
    found = select(Worker).where(Worker.provider_id == key, visible(Worker, Area.WORKER_RECORD))
    if status is None:
        return found.where(Worker.status != WorkerStatus.ERASED)
    return found.where(Worker.status == status)


@dataclass(frozen=True)
class RegistrationFilter:
    """Which registrations to list. Every condition given must hold."""

    status: Annotated[
        WorkerStatus | None, "Where they stand; waiting for an officer if left out."
    ] = None
    district_code: Annotated[int | None, "The LGD code of their district, such as 162."] = None


@pages(Worker, Sort((Worker.code,)))
def registrations(
    key: Any,
    *,
    filter: Annotated[
        RegistrationFilter | None, "Which; all that wait for an officer if left out."
    ] = None,
) -> Read:
    wanted = filter or RegistrationFilter()
    statuses = IN_HAND if wanted.status is None else (wanted.status,)
    found = select(Worker).where(Worker.status.in_(statuses), visible(Worker, Area.WORKER_RECORD))
    if wanted.district_code is not None:
        district = select(District.id).where(District.lgd_code == wanted.district_code)
        found = found.where(Worker.district_id == district.scalar_subquery())
    return found


@one(Provider)
def provider_by_id(columns: Columns) -> Read:
    return select(Provider.id, *shown(Provider, columns)).where(
        Provider.id == any_(KEYS),
        or_(
            Provider.status != ProviderStatus.APPLIED,
            visible(Provider, Area.PROVIDER_TEAM),
        ),
    )


@pages(Provider, Sort((Provider.code,)))
def provider_applications(key: Any) -> Read:
    return select(Provider).where(
        Provider.status == ProviderStatus.APPLIED, visible(Provider, Area.PROVIDER_TEAM)
    )


@dataclass(frozen=True)
class ProviderFilter:
    """Which providers to list. Every condition given must hold."""

    district_code: Annotated[int | None, "The LGD code of a district they serve."] = None


@pages(Provider, Sort((Provider.code,)), figure=of_people)
def providers(
    key: Any,
    *,
    filter: Annotated[ProviderFilter | None, "Which providers; all of them if left out."] = None,
) -> Read:
    found = select(Provider).where(Provider.status == ProviderStatus.EMPANELLED)
    if filter is not None and filter.district_code is not None:
        serving = (
            select(ProviderDistrict.provider_id)
            .join(District, District.id == ProviderDistrict.district_id)
            .where(District.lgd_code == filter.district_code)
        )
        found = found.where(Provider.id.in_(serving))
    return found


@pages(Provider, Sort((Provider.code,)), figure=of_people)
def providers_by_district(key: Any) -> Read:
    return (
        select(Provider)
        .join(ProviderDistrict, ProviderDistrict.provider_id == Provider.id)
        .where(ProviderDistrict.district_id == key, Provider.status == ProviderStatus.EMPANELLED)
    )


@pages(District, Sort((District.name_en,)))
def districts_by_provider(key: Any) -> Read:
    return (
        select(District)
        .join(ProviderDistrict, ProviderDistrict.district_id == District.id)
        .where(ProviderDistrict.provider_id == key)
    )


@one(Verification)
def verification_by_id(columns: Columns) -> Read:
    return (
        select(Verification.id, *shown(Verification, columns))
        .join(Worker, Worker.id == Verification.worker_id)
        .where(Verification.id == any_(KEYS), has_card())
    )


@many(Verification)
def verifications_by_worker(columns: Columns) -> Read:
    return (
        select(Verification.worker_id, *shown(Verification, columns))
        .where(Verification.worker_id == any_(KEYS))
        .order_by(Verification.worker_id, Verification.kind)
    )


@one(Engagement)
def engagement_by_id(columns: Columns) -> Read:
    return select(Engagement.id, *shown(Engagement, columns)).where(
        Engagement.id == any_(KEYS), visible(Engagement, Area.ENGAGEMENT)
    )


@pages(Engagement, Sort((Engagement.starts_on, Engagement.id), descending=True))
def engagements_by_worker(key: Any) -> Read:
    return select(Engagement).where(
        Engagement.worker_id == key, visible(Engagement, Area.ENGAGEMENT)
    )


def worker_to_change(rule: Rule, id: str) -> Select[Worker]:
    """Whoever was erased stays so."""
    return mine(Worker, rule, id).where(Worker.status != WorkerStatus.ERASED)


def provider_to_change(rule: Rule, id: str) -> Select[Provider]:
    return mine(Provider, rule, id).where(Provider.status != ProviderStatus.TERMINATED)


def districts_in_reach(rule: Rule, codes: Collection[int]) -> Select[District]:
    """Those of the codes in which the viewer may act."""
    found = select(District).where(District.lgd_code.in_(codes))
    return found.where(District.id == any_(DISTRICTS)) if rule is Rule.DISTRICT else found


def empanelled(id: str, today: date) -> Select[Provider]:
    """The provider, if its MOU holds today; it cannot be suspended meanwhile."""
    return (
        select(Provider)
        .where(
            Provider.id == id,
            Provider.status == ProviderStatus.EMPANELLED,
            or_(Provider.empanelled_until.is_(None), Provider.empanelled_until > today),
        )
        .with_for_update(read=True)
    )


def districts_served(provider_id: str) -> Select[str]:
    return select(ProviderDistrict.district_id).where(ProviderDistrict.provider_id == provider_id)


def stop_serving(provider_id: str, district_ids: Collection[str]) -> Delete:
    return delete(ProviderDistrict).where(
        ProviderDistrict.provider_id == provider_id, ProviderDistrict.district_id.in_(district_ids)
    )


def check_of(worker_id: str, kind: VerificationKind) -> Select[Verification]:
    return select(Verification).where(
        Verification.worker_id == worker_id, Verification.kind == kind
    )


def checks_that_stand(worker_id: str, today: date) -> Select[str]:
    """The kinds that are verified and not out of date."""
    return select(Verification.kind).where(
        Verification.worker_id == worker_id,
        Verification.verified,
        or_(Verification.valid_until.is_(None), Verification.valid_until > today),
    )


def checks_run_out(today: date) -> Select[Verification]:
    return (
        select(Verification)
        .where(Verification.verified, Verification.valid_until <= today)
        .order_by(Verification.id)
        .with_for_update()
    )


def empanelments_run_out(today: date) -> Select[Provider]:
    return (
        select(Provider)
        .where(Provider.status == ProviderStatus.EMPANELLED, Provider.empanelled_until <= today)
        .order_by(Provider.id)
        .with_for_update()
    )


def district(id: str) -> Select[District]:
    return select(District).where(District.id == id)
