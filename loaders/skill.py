"""Reads of the catalogue, of rates, and of workers' skills."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    and_,
    any_,
    cast,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from loaders.account import quiet
from loaders.lifetimes import CATALOGUE
from loaders.page import KEYED, Sort, of_people, pages
from loaders.shown import shown, visible
from loaders.worker import has_card
from models.skill import RateCard, Service, ServiceCategory, WorkerSkill
from models.worker import Worker, WorkerStatus
from runtime.batch import KEYS, Columns, Read, many, one
from runtime.clock import NOW
from runtime.geography import INDIA
from runtime.rights import Area, Rule


def today() -> ColumnElement[Any]:
    """The date in India."""
    return cast(func.timezone(INDIA, NOW), Date)


def in_force() -> ColumnElement[bool]:
    return and_(
        RateCard.approved_at.is_not(None),
        RateCard.valid_from <= today(),
        or_(RateCard.valid_until.is_(None), RateCard.valid_until > today()),
    )


@one(ServiceCategory, max_age=CATALOGUE)
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


@one(Service, max_age=CATALOGUE)
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
    return (
        select(WorkerSkill.id, *shown(WorkerSkill, columns))
        .join(Worker, Worker.id == WorkerSkill.worker_id)
        .where(WorkerSkill.id == any_(KEYS), has_card())
    )


@many(WorkerSkill)
def skills_by_worker(columns: Columns) -> Read:
    return (
        select(WorkerSkill.worker_id, *shown(WorkerSkill, columns))
        .where(WorkerSkill.worker_id == any_(KEYS))
        .order_by(WorkerSkill.worker_id, WorkerSkill.position)
    )


@pages(Worker, Sort((WorkerSkill.worker_id,)), figure=of_people)
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
    """Before it is approved, a rate is between whoever set it and the office."""
    return select(RateCard.id, *shown(RateCard, columns)).where(
        RateCard.id == any_(KEYS),
        or_(RateCard.approved_at.is_not(None), visible(RateCard, Area.RATE_PROPOSAL)),
    )


@pages(RateCard, Sort((RateCard.valid_from, RateCard.id)))
def rate_proposals(key: Any) -> Read:
    return select(RateCard).where(
        RateCard.approved_at.is_(None),
        RateCard.rejected_at.is_(None),
        visible(RateCard, Area.RATE_PROPOSAL),
    )


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
        # PostgreSQL could do without any column, but SQLAlchemy cannot.
        .with_only_columns(*shown(RateCard, columns or ("id",)))
        .order_by(*CHEAPEST.order())
        .limit(1)
        .correlate(KEYED)
        .lateral("rate")
    )
    return select(KEYED.c.key, *cheapest.c).select_from(KEYED.join(cheapest, true()))


@pages(RateCard, CHEAPEST)
def rates_by_provider(key: Any) -> Read:
    return select(RateCard).where(RateCard.provider_id == key, in_force())


def one_at_a_time() -> Select[Any]:
    """Additions to the catalogue take numbers from each other."""
    return quiet("catalogue")


def next_number() -> Select[int]:
    return select(func.coalesce(func.max(ServiceCategory.number), 0) + 1)


def next_place(category_id: str) -> Select[int]:
    """In the order of a category's services."""
    return select(func.coalesce(func.max(Service.position), 0) + 1).where(
        Service.category_id == category_id
    )


def category_to_change(id: str) -> Select[ServiceCategory]:
    return select(ServiceCategory).where(ServiceCategory.id == id).with_for_update()


def category_offered(id: str) -> Select[ServiceCategory]:
    """It cannot be retired meanwhile."""
    return select(ServiceCategory).where(ServiceCategory.id == id).with_for_update(read=True)


def service_to_change(id: str) -> Select[Service]:
    return select(Service).where(Service.id == id).with_for_update()


def service_known(id: str) -> Select[Service]:
    return select(Service).where(Service.id == id)


def skill_in_reach(rule: Rule, id: str) -> Select[WorkerSkill]:
    return select(WorkerSkill).where(WorkerSkill.id == id, WorkerSkill.rows(rule))


def skills_of(worker_id: str) -> Select[WorkerSkill]:
    """As they are now, whatever was read of them before."""
    return (
        select(WorkerSkill)
        .where(WorkerSkill.worker_id == worker_id)
        .order_by(WorkerSkill.position)
        .execution_options(populate_existing=True)
    )


def move_up(worker_id: str, position: int) -> ReturningUpdate[str, str]:
    """Close the gap that a removed skill leaves: the main skill is the one at 0. Gives the id and
    category of each that moved."""
    return (
        update(WorkerSkill)
        .where(WorkerSkill.worker_id == worker_id, WorkerSkill.position > position)
        .values(position=WorkerSkill.position - 1)
        .returning(WorkerSkill.id, WorkerSkill.category_id)
    )


def same_series(rate: RateCard) -> ColumnElement[bool]:
    """The versions of one rate: whose, for what, and, for a provider, where."""
    if rate.worker_id is not None:
        return and_(RateCard.worker_id == rate.worker_id, RateCard.service_id == rate.service_id)
    return and_(
        RateCard.provider_id == rate.provider_id,
        RateCard.district_id == rate.district_id,
        RateCard.service_id == rate.service_id,
    )


def rate_in_reach(rule: Rule, id: str) -> Select[RateCard]:
    return select(RateCard).where(RateCard.id == id, RateCard.rows(rule))


def next_version(rate: RateCard) -> Select[int]:
    return select(func.coalesce(func.max(RateCard.version), 0) + 1).where(same_series(rate))


def versions_of(rate: RateCard) -> Select[RateCard]:
    """All of them, locked in one order: who decides on one decides what the others mean."""
    return (
        select(RateCard)
        .where(same_series(rate))
        .order_by(RateCard.version)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
