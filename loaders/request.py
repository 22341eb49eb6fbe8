"""What a price before booking is made of, and what asking for a booking reads."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)

from loaders.booking import free_during
from models.account import Address, Gender
from models.booking import (
    CancellationPolicy,
    Quote,
    QuoteLine,
    QuoteStatus,
    ServiceArea,
)
from models.place import Pin
from models.skill import RateCard, Service, ServiceCategory, WorkerSkill
from models.worker import Provider, ProviderDistrict, ProviderStatus, Worker, WorkerStatus


def services_wanted(ids: Sequence[str]) -> Select[Service]:
    """Those that can be booked."""
    return (
        select(Service)
        .join(ServiceCategory, ServiceCategory.id == Service.category_id)
        .where(Service.id.in_(ids), ServiceCategory.active)
    )


def offered(district_id: str, on: date) -> ColumnElement[bool]:
    """Rates of those who may take bookings in the district today."""
    by_provider = exists(
        select(literal(1)).where(
            Provider.id == RateCard.provider_id,
            Provider.status == ProviderStatus.EMPANELLED,
            or_(Provider.empanelled_until.is_(None), Provider.empanelled_until > on),
            ProviderDistrict.provider_id == Provider.id,
            ProviderDistrict.district_id == district_id,
        )
    )
    by_worker = exists(
        select(literal(1)).where(
            Worker.id == RateCard.worker_id,
            Worker.status == WorkerStatus.ACTIVE,
            Worker.provider_id.is_(None),
        )
    )
    return and_(
        RateCard.district_id == district_id,
        RateCard.approved_at.is_not(None),
        RateCard.valid_from <= on,
        or_(RateCard.valid_until.is_(None), RateCard.valid_until > on),
        or_(by_provider, by_worker),
    )


def cheapest_offer(
    quantities: Mapping[str, int],
    district_id: str,
    on: date,
    provider_id: str | None,
    worker_id: str | None,
    wish: tuple[str, Gender] | None,
) -> Select[*tuple[Any, ...]]:
    """Who asks least for all of it: `provider_id`, `worker_id`. Only the one named, if one is.
    With a wish, a category and a gender, only a provider that can send somebody."""
    quantity = case(quantities, value=RateCard.service_id, else_=literal(0, Integer))
    price = func.sum(RateCard.amount_paise * quantity) + func.max(RateCard.visit_charge_paise)
    found: Select[*tuple[Any, ...]] = (
        select(RateCard.provider_id, RateCard.worker_id)
        .where(RateCard.service_id.in_(quantities), offered(district_id, on))
        .group_by(RateCard.provider_id, RateCard.worker_id)
        .having(func.count(RateCard.service_id.distinct()) == len(quantities))
        .order_by(price, RateCard.provider_id, RateCard.worker_id)
        .limit(1)
    )
    if provider_id is not None:
        found = found.where(RateCard.provider_id == provider_id)
    if worker_id is not None:
        found = found.where(RateCard.worker_id == worker_id)
    if wish is not None:
        found = found.where(RateCard.provider_id.in_(teams_with(*wish, district_id)))
    return found


def teams_with(category_id: str, gender: Gender, district_id: str) -> Select[str | None]:
    """Providers one of whose workers there is of that gender. A team of one would tell who, and so
    would a worker's own price."""
    return (
        select(Worker.provider_id)
        .join(WorkerSkill, WorkerSkill.worker_id == Worker.id)
        .where(
            Worker.district_id == district_id,
            Worker.status == WorkerStatus.ACTIVE,
            Worker.provider_id.is_not(None),
            WorkerSkill.category_id == category_id,
            WorkerSkill.verified,
        )
        .group_by(Worker.provider_id)
        .having(func.count() > 1, func.bool_or(func.coalesce(Worker.gender == gender, False)))
    )


def rates_of(
    owner: Any, service_ids: Sequence[str], district_id: str, on: date
) -> Select[RateCard]:
    """Today's rates of the offer's owner."""
    return select(RateCard).where(
        RateCard.provider_id.is_not_distinct_from(owner.provider_id),
        RateCard.worker_id.is_not_distinct_from(owner.worker_id),
        RateCard.service_id.in_(service_ids),
        offered(district_id, on),
    )


def worker_to_choose(id: str) -> Select[Worker]:
    return select(Worker).where(Worker.id == id, Worker.status == WorkerStatus.ACTIVE)


def own_estimate(id: str, viewer_id: str) -> Select[Quote]:
    """Locked: of two who book it, one does."""
    return (
        select(Quote)
        .where(Quote.id == id, Quote.asked_by == viewer_id, Quote.status == QuoteStatus.ESTIMATE)
        .with_for_update()
    )


def own_address(id: str, citizen_id: str) -> Select[Address]:
    return select(Address).where(Address.id == id, Address.citizen_id == citizen_id)


def pin_with_code(code: str) -> Select[Pin]:
    return select(Pin).where(Pin.code == code)


def category_with_id(id: str) -> Select[ServiceCategory]:
    return select(ServiceCategory).where(ServiceCategory.id == id)


def reach_of(worker_id: str) -> Select[ServiceArea]:
    return select(ServiceArea).where(ServiceArea.worker_id == worker_id)


def current_policy() -> Select[Any]:
    return select(func.max(CancellationPolicy.version))


def is_free(worker_id: str, start: datetime, end: datetime) -> Select[Any]:
    return select(free_during(literal(worker_id), start, end))


def item_lines(quote_id: str) -> Select[QuoteLine]:
    return (
        select(QuoteLine)
        .where(QuoteLine.quote_id == quote_id, QuoteLine.service_id.is_not(None))
        .order_by(QuoteLine.position)
    )
