"""Reads of workers, providers and verifications."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import any_, literal, select

from loaders.account import PEOPLE
from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.account import SignInAs
from models.place import District
from models.worker import (
    Engagement,
    Provider,
    ProviderDistrict,
    ProviderStatus,
    Verification,
    Worker,
    WorkerStatus,
)
from runtime.batch import KEYS, Columns, Read, many, one
from runtime.rights import Area

ONCE_REGISTERED = (
    WorkerStatus.ACTIVE,
    WorkerStatus.INACTIVE,
    WorkerStatus.SUSPENDED,
    WorkerStatus.ERASED,
)
"""The statuses whose public card exists: bookings and reviews may point at it for ever."""


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


PEOPLE[SignInAs.WORKER] = lambda: select(Worker.id, Worker.mobile, Worker.provider_id).where(
    Worker.status != WorkerStatus.ERASED
)
PEOPLE[SignInAs.PROVIDER] = lambda: select(
    Provider.id, Provider.mobile, Provider.id.label("provider_id")
).where(Provider.status.not_in((ProviderStatus.APPLIED, ProviderStatus.TERMINATED)))

WORKER_SORTS = {
    WorkerOrder.CODE: Sort((Worker.code,)),
    WorkerOrder.EXPERIENCE: Sort((Worker.years_experience, Worker.code), descending=True),
}


@one(Worker)
def worker_by_id(columns: Columns) -> Read:
    return select(Worker.id, *shown(Worker, columns)).where(
        Worker.id == any_(KEYS), Worker.status.in_(ONCE_REGISTERED)
    )


@pages(Worker, WORKER_SORTS)
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
        found = found.where(literal(filter.language) == any_(Worker.languages))
    if filter.minimum_years_experience is not None:
        found = found.where(Worker.years_experience >= filter.minimum_years_experience)
    return found


@pages(Worker, WORKER_SORTS)
def workers_by_district(key: Any) -> Read:
    return select(Worker).where(Worker.district_id == key, Worker.status == WorkerStatus.ACTIVE)


@pages(Worker, WORKER_SORTS)
def workers_by_provider(key: Any) -> Read:
    return select(Worker).where(Worker.provider_id == key, Worker.status == WorkerStatus.ACTIVE)


@one(Provider)
def provider_by_id(columns: Columns) -> Read:
    return select(Provider.id, *shown(Provider, columns)).where(
        Provider.id == any_(KEYS), Provider.status != ProviderStatus.APPLIED
    )


@dataclass(frozen=True)
class ProviderFilter:
    """Which providers to list. Every condition given must hold."""

    district_code: Annotated[int | None, "The LGD code of a district they serve."] = None


@pages(Provider, Sort((Provider.code,)))
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


@pages(Provider, Sort((Provider.code,)))
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
    return select(Verification.id, *shown(Verification, columns)).where(
        Verification.id == any_(KEYS)
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
