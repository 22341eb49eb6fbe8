"""Whom a booking is offered to first: everyone who may take it and is free, best first."""

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Float,
    Select,
    Text,
    bindparam,
    cast,
    column,
    extract,
    func,
    literal,
    select,
)

from loaders.assignment import requirements, there_is
from loaders.booking import free_during
from models.booking import Assignment, Booking, WorkerTime
from models.discovery import WorkerPlace
from models.skill import ServiceCategory
from models.worker import Worker
from runtime.geography import cells_within, day_bounds, day_of
from runtime.settings import Settings

RECENTLY = timedelta(days=7)
BEST_RATING = 5
AT_MOST = 20


def candidates(booking: Booking, settings: Settings, now: Any) -> Select[str]:
    """Workers around the place, whom it has not been offered to. Whom the citizen chose comes
    first; then who is cheapest, in kilometres: the way there, and what a worse rating, recent
    jobs and a full day are made out to be."""
    assert booking.latitude is not None
    assert booking.longitude is not None
    cells = cells_within(booking.latitude, booking.longitude, settings.radius_limit_km)
    reach = (
        func.unnest(
            bindparam(None, [cell for cell, _ in cells], type_=ARRAY(Text)),
            bindparam(None, [km for _, km in cells], type_=ARRAY(Double)),
        )
        .table_valued(column("cell", Text), column("km", Double), name="reach")
        .render_derived()
    )
    number = select(ServiceCategory.number).where(ServiceCategory.id == booking.category_id)
    cost = (
        reach.c.km
        + settings.km_per_star * (BEST_RATING - WorkerPlace.score)
        + settings.km_per_recent_job * jobs_since(now - RECENTLY)
        + settings.km_per_busy_hour * busy_hours(booking)
    )
    asked = there_is(Assignment.worker_id == Worker.id, Assignment.booking_id == booking.id)
    return (
        select(Worker.id)
        .join(WorkerPlace, WorkerPlace.worker_id == Worker.id)
        .join(reach, reach.c.cell == WorkerPlace.cell)
        .where(
            WorkerPlace.category_number == number.scalar_subquery(),
            *requirements(booking, day_of(now)).values(),
            free_during(Worker.id, booking.starts_at, booking.ends_at),
            ~asked,
            ~did_not_come(booking),
        )
        .order_by(Worker.id.is_distinct_from(booking.preferred_worker_id), cost, Worker.id)
        .limit(AT_MOST)
    )


def did_not_come(booking: Booking) -> ColumnElement[bool]:
    """When it was booked the first time."""
    return there_is(Booking.id == booking.replaces_id, Booking.worker_id == Worker.id)


def jobs_since(moment: Any) -> ColumnElement[int]:
    return (
        select(func.count())
        .where(Assignment.worker_id == Worker.id, Assignment.offered_at > moment)
        .correlate(Worker)
        .scalar_subquery()
    )


def busy_hours(booking: Booking) -> ColumnElement[float]:
    """What is promised of the worker's day already."""
    start, end = day_bounds(booking.starts_at)
    length = func.upper(WorkerTime.during) - func.lower(WorkerTime.during)
    hours = func.coalesce(func.sum(cast(extract("epoch", length), Float)), 0) / literal(3600.0)
    return (
        select(hours)
        .where(
            WorkerTime.worker_id == Worker.id,
            WorkerTime.during.op("&&")(func.tstzrange(start, end)),
        )
        .correlate(Worker)
        .scalar_subquery()
    )
