"""Reads over several domains: workers found by words, and the published figures."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    bindparam,
    case,
    cast,
    distinct,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from loaders.page import Sort, of_people, pages
from models.booking import Booking, BookingState
from models.discovery import WorkerWords
from models.place import District
from models.skill import ServiceCategory, WorkerSkill
from models.worker import UNREGISTERED, Provider, ProviderDistrict, ProviderStatus, Worker
from runtime.batch import ROOT, Columns, Read, many, value
from runtime.folding import words

COMMON = re.compile(r"s|sm\d{0,2}")
"""How the codes of all workers begin, or of a hundredth of them."""


@dataclass(frozen=True)
class Wanted:
    """The words that somebody is to be found by."""

    query: str
    """As a tsquery."""
    is_common: bool
    """Whether very many have all of them. PostgreSQL, which has seen no code twice, would expect
    few, and sort them all."""


def as_prefixes(*, text: str, **others: Any) -> dict[str, Any]:
    """The text as a tsquery by hand: PostgreSQL's own parser would split Devanagari at vowel
    signs. Folded words hold letters, marks and digits only, so quoting them is enough."""
    found = words(text)
    is_common = bool(found) and all(map(COMMON.fullmatch, found))
    return {**others, "text": Wanted(" & ".join(f"'{word}':*" for word in found), is_common)}


@pages(
    Worker,
    Sort((WorkerWords.score, WorkerWords.worker_id), descending=True),
    as_prefixes,
    figure=of_people,
)
def workers_by_text(
    key: Any,
    *,
    text: Annotated[
        str,
        "Given name, trade, district, provider or code, in Hindi or Latin letters; every word"
        " must match the start of one of theirs.",
    ],
) -> Read:
    wanted: Any = text
    found = WorkerWords.words.bool_op("@@")(cast(wanted.query, TSQUERY))
    return (
        select(Worker)
        .join(WorkerWords, WorkerWords.worker_id == Worker.id)
        # "IS true" keeps PostgreSQL from the index of words: it walks along the best instead.
        .where(found.is_(true()) if wanted.is_common else found)
    )


@value(absent=0)
def registered_workers(columns: Columns) -> Read:
    return select(literal(ROOT), func.count()).where(Worker.status.not_in(UNREGISTERED))


@value(absent=0)
def service_providers(columns: Columns) -> Read:
    return select(literal(ROOT), func.count()).where(Provider.status == ProviderStatus.EMPANELLED)


@value(absent=0)
def service_categories(columns: Columns) -> Read:
    return select(literal(ROOT), func.count()).where(ServiceCategory.active)


@value(absent=0)
def services_delivered(columns: Columns) -> Read:
    return select(literal(ROOT), func.count()).where(Booking.state == BookingState.COMPLETED)


class DistrictFigures:
    """The figures of one district."""


class CategoryFigures:
    """The figures of one category."""


def public(count: ColumnElement[int], id: Any) -> ColumnElement[int]:
    """A cell of a public breakdown: null if small, and never the only null of its column,
    for then the total would give it away; the next smallest goes with it."""
    smallest = bindparam("suppress_below", type_=Integer)
    small = func.count().filter(count < smallest).over()
    rank = func.row_number().over(order_by=(count, id))
    return case((or_(count < smallest, and_(small == 1, rank == 2)), None), else_=count)


@many(DistrictFigures)
def figures_by_district(columns: Columns) -> Read:
    workers = (
        select(Worker.district_id, func.count().label("count"))
        .where(Worker.status.not_in(UNREGISTERED))
        .group_by(Worker.district_id)
        .subquery()
    )
    providers = (
        select(ProviderDistrict.district_id, func.count().label("count"))
        .join(Provider, Provider.id == ProviderDistrict.provider_id)
        .where(Provider.status == ProviderStatus.EMPANELLED)
        .group_by(ProviderDistrict.district_id)
        .subquery()
    )
    delivered = (
        select(Booking.district_id, func.count().label("count"))
        .where(Booking.state == BookingState.COMPLETED)
        .group_by(Booking.district_id)
        .subquery()
    )
    return (
        select(
            literal(ROOT),
            District.id.label("district_id"),
            *(
                public(func.coalesce(counted.c.count, 0), District.id).label(name)
                for name, counted in (
                    ("registered_workers", workers),
                    ("service_providers", providers),
                    ("services_delivered", delivered),
                )
            ),
        )
        .outerjoin(workers, workers.c.district_id == District.id)
        .outerjoin(providers, providers.c.district_id == District.id)
        .outerjoin(delivered, delivered.c.district_id == District.id)
        .order_by(District.name_en)
    )


@many(CategoryFigures)
def figures_by_category(columns: Columns) -> Read:
    workers = (
        select(WorkerSkill.category_id, func.count(distinct(Worker.id)).label("count"))
        .join(Worker, Worker.id == WorkerSkill.worker_id)
        .where(Worker.status.not_in(UNREGISTERED))
        .group_by(WorkerSkill.category_id)
        .subquery()
    )
    delivered = (
        select(Booking.category_id, func.count().label("count"))
        .where(Booking.state == BookingState.COMPLETED)
        .group_by(Booking.category_id)
        .subquery()
    )
    return (
        select(
            literal(ROOT),
            ServiceCategory.id.label("category_id"),
            *(
                public(func.coalesce(counted.c.count, 0), ServiceCategory.id).label(name)
                for name, counted in (
                    ("registered_workers", workers),
                    ("services_delivered", delivered),
                )
            ),
        )
        .outerjoin(workers, workers.c.category_id == ServiceCategory.id)
        .outerjoin(delivered, delivered.c.category_id == ServiceCategory.id)
        .where(ServiceCategory.active)
        .order_by(ServiceCategory.number)
    )
