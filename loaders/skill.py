"""Reads of the catalogue, of rates, and of workers' skills."""

from typing import Any

from sqlalchemy import ColumnElement, Date, and_, any_, cast, func, or_, select, true

from loaders.page import KEYED, Sort, pages
from loaders.shown import shown
from models.skill import RateCard, Service, ServiceCategory, WorkerSkill
from models.worker import Worker, WorkerStatus
from runtime.batch import KEYS, Columns, Read, many, one
from runtime.geography import INDIA


def today() -> ColumnElement[Any]:
    """The date in India, as the database sees it."""
    return cast(func.timezone(INDIA, func.now()), Date)


def in_force() -> ColumnElement[bool]:
    return and_(
        RateCard.approved_at.is_not(None),
        RateCard.valid_from <= today(),
        or_(RateCard.valid_until.is_(None), RateCard.valid_until > today()),
    )


@one(ServiceCategory)
def category_by_id(columns: Columns) -> Read:
    return select(ServiceCategory.id, *shown(ServiceCategory, columns)).where(
        ServiceCategory.id == any_(KEYS)
    )


@one(ServiceCategory)
def category_by_slug(columns: Columns) -> Read:
    return select(ServiceCategory.slug, *shown(ServiceCategory, columns)).where(
        ServiceCategory.slug == any_(KEYS)
    )


@pages(ServiceCategory, Sort((ServiceCategory.number,)))
def categories(key: Any) -> Read:
    return select(ServiceCategory).where(ServiceCategory.active)


@one(Service)
def service_by_id(columns: Columns) -> Read:
    return select(Service.id, *shown(Service, columns)).where(Service.id == any_(KEYS))


@many(Service)
def services_by_category(columns: Columns) -> Read:
    return (
        select(Service.category_id, *shown(Service, columns))
        .where(Service.category_id == any_(KEYS))
        .order_by(Service.category_id, Service.position)
    )


@one(WorkerSkill)
def skill_by_id(columns: Columns) -> Read:
    return select(WorkerSkill.id, *shown(WorkerSkill, columns)).where(WorkerSkill.id == any_(KEYS))


@many(WorkerSkill)
def skills_by_worker(columns: Columns) -> Read:
    return (
        select(WorkerSkill.worker_id, *shown(WorkerSkill, columns))
        .where(WorkerSkill.worker_id == any_(KEYS))
        .order_by(WorkerSkill.worker_id, WorkerSkill.position)
    )


@pages(Worker, Sort((WorkerSkill.worker_id,)))
def workers_by_category(key: Any) -> Read:
    """In the order of the index over a category's workers, which may be a great many."""
    return (
        select(Worker)
        .join(WorkerSkill, WorkerSkill.worker_id == Worker.id)
        .where(
            WorkerSkill.category_id == key,
            WorkerSkill.verified,
            Worker.status == WorkerStatus.ACTIVE,
        )
    )


@one(RateCard)
def rate_by_id(columns: Columns) -> Read:
    return select(RateCard.id, *shown(RateCard, columns)).where(RateCard.id == any_(KEYS))


def rates_of_worker(key: Any) -> Read:
    """What a worker charges today for what they are skilled in: their provider's rates in
    their district, or their own if they work through none."""
    return (
        select(RateCard)
        .join(Service, Service.id == RateCard.service_id)
        .join(WorkerSkill, WorkerSkill.category_id == Service.category_id)
        .join(Worker, Worker.id == WorkerSkill.worker_id)
        .where(
            Worker.id == key,
            or_(
                RateCard.worker_id == Worker.id,
                and_(
                    RateCard.provider_id == Worker.provider_id,
                    RateCard.district_id == Worker.district_id,
                ),
            ),
            in_force(),
        )
    )


CHEAPEST = Sort((RateCard.amount_paise, RateCard.id))

rates_by_worker = pages(RateCard, CHEAPEST)(rates_of_worker)


@one(RateCard)
def starting_rate_by_worker(columns: Columns) -> Read:
    cheapest = (
        rates_of_worker(KEYED.c.key)
        .with_only_columns(*shown(RateCard, columns))
        .order_by(*CHEAPEST.order())
        .limit(1)
        .correlate(KEYED)
        .lateral("rate")
    )
    return select(KEYED.c.key, *cheapest.c).select_from(KEYED.join(cheapest, true()))


@pages(RateCard, CHEAPEST)
def rates_by_provider(key: Any) -> Read:
    return select(RateCard).where(RateCard.provider_id == key, in_force())
