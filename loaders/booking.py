"""Reads of bookings, of what was agreed in them, and of workers' free time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Interval,
    Time,
    and_,
    any_,
    bindparam,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, distinct_on
from sqlalchemy.orm import InstrumentedAttribute

from loaders.account import FACTS
from loaders.page import KEYED, Sort, pages
from loaders.shown import shown, visible
from models.account import SignInAs
from models.booking import (
    Assignment,
    AvailabilityException,
    AvailabilityRule,
    Booking,
    BookingLine,
    BookingState,
    Quote,
    QuoteLine,
    QuoteStatus,
    ServiceArea,
    TimelineEntry,
    WorkerTime,
)
from models.place import District
from models.skill import Service, ServiceCategory
from models.worker import Worker, WorkerStatus
from runtime.batch import (
    DEPARTMENT,
    KEYS,
    PROVIDER,
    TOLD_IN_FULL,
    VIEWER,
    Columns,
    Read,
    many,
    one,
)
from runtime.clock import NOW
from runtime.geography import INDIA
from runtime.rights import Area

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SLOT_STEP = timedelta(minutes=30)
UP_TO_AN_HOUR = timedelta(minutes=59, seconds=59)
SLOT_HORIZON = timedelta(days=14)

FACTS[SignInAs.CITIZEN] = lambda: select(
    Booking.citizen_id.label("id"), Booking.number.label("fact")
)


@one(Booking)
def booking_by_id(columns: Columns) -> Read:
    """Parties only: to everyone else the booking does not exist."""
    return select(Booking.id, *shown(Booking, columns)).where(
        Booking.id == any_(KEYS), visible(Booking, Area.BOOKING)
    )


LATEST = Sort((Booking.starts_at, Booking.id), descending=True)


@pages(Booking, LATEST)
def bookings_by_worker(key: Any) -> Read:
    return select(Booking).where(Booking.worker_id == key, visible(Booking, Area.BOOKING))


@dataclass(frozen=True)
class BookingFilter:
    """Which bookings to list. Every condition given must hold."""

    state: Annotated[BookingState | None, "Only those that stand there."] = None
    district_code: Annotated[int | None, "The LGD code of the district of the work."] = None
    category_slug: Annotated[str | None, "Only work of this kind, such as `plumber`."] = None
    worker_id: Annotated[str | None, "Only bookings of this worker."] = None
    starts_from: Annotated[datetime | None, "Only those that begin then or later."] = None
    starts_before: Annotated[datetime | None, "Only those that begin earlier than then."] = None


Which = Annotated[BookingFilter | None, "Which bookings; all you may see if left out."]


@pages(Booking, LATEST)
def bookings(key: Any, *, filter: Which = None) -> Read:
    """Those the viewer is a party to, or their provider, office or district is."""
    return filtered(select(Booking).where(visible(Booking, Area.BOOKING)), filter)


@pages(Booking, LATEST)
def bookings_of_viewer(key: Any, *, filter: Which = None) -> Read:
    """Those that the viewer made, or works at, or their office booked."""
    mine = or_(
        Booking.citizen_id == VIEWER,
        Booking.worker_id == VIEWER,
        Booking.created_by == VIEWER,
        Booking.department_id == DEPARTMENT,
        Booking.provider_id == PROVIDER,
    )
    return filtered(select(Booking).where(mine, visible(Booking, Area.BOOKING)), filter)


@pages(Booking, LATEST)
def bookings_by_provider(key: Any, *, filter: Which = None) -> Read:
    return filtered(
        select(Booking).where(Booking.provider_id == key, visible(Booking, Area.BOOKING)), filter
    )


def filtered(found: Read, filter: BookingFilter | None) -> Read:
    if filter is None:
        return found
    if filter.state is not None:
        found = found.where(Booking.state == filter.state)
    if filter.district_code is not None:
        district = select(District.id).where(District.lgd_code == filter.district_code)
        found = found.where(Booking.district_id == district.scalar_subquery())
    if filter.category_slug is not None:
        category = select(ServiceCategory.id).where(ServiceCategory.slug == filter.category_slug)
        found = found.where(Booking.category_id == category.scalar_subquery())
    if filter.worker_id is not None:
        found = found.where(Booking.worker_id == filter.worker_id)
    if filter.starts_from is not None:
        found = found.where(Booking.starts_at >= filter.starts_from)
    if filter.starts_before is not None:
        found = found.where(Booking.starts_at < filter.starts_before)
    return found


@many(Service)
def services_by_booking(columns: Columns) -> Read:
    return (
        select(BookingLine.booking_id, *shown(Service, columns))
        .join(Service, Service.id == BookingLine.service_id)
        .where(BookingLine.booking_id == any_(KEYS))
        .order_by(BookingLine.booking_id, BookingLine.position)
    )


@many(BookingLine)
def lines_by_booking(columns: Columns) -> Read:
    return (
        select(BookingLine.booking_id, *shown(BookingLine, columns))
        .where(BookingLine.booking_id == any_(KEYS))
        .order_by(BookingLine.booking_id, BookingLine.position)
    )


@one(Quote)
def quote_by_id(columns: Columns) -> Read:
    return select(Quote.id, *shown(Quote, columns)).where(
        Quote.id == any_(KEYS), visible(Quote, Area.BOOKING)
    )


@many(Quote)
def quotes_by_booking(columns: Columns) -> Read:
    """Latest revision first."""
    return (
        select(Quote.booking_id, *shown(Quote, columns))
        .where(Quote.booking_id == any_(KEYS), visible(Quote, Area.BOOKING))
        .order_by(Quote.booking_id, Quote.revision.desc())
    )


@one(Quote)
def accepted_quote_by_booking(columns: Columns) -> Read:
    return (
        select(Quote.booking_id, *shown(Quote, columns))
        .ext(distinct_on(Quote.booking_id))
        .where(
            Quote.booking_id == any_(KEYS),
            Quote.status == QuoteStatus.ACCEPTED,
            visible(Quote, Area.BOOKING),
        )
        .order_by(Quote.booking_id, Quote.revision.desc())
    )


@many(QuoteLine)
def lines_by_quote(columns: Columns) -> Read:
    return (
        select(QuoteLine.quote_id, *shown(QuoteLine, columns))
        .where(QuoteLine.quote_id == any_(KEYS), visible(QuoteLine, Area.BOOKING))
        .order_by(QuoteLine.quote_id, QuoteLine.position)
    )


@many(TimelineEntry)
def timeline_by_booking(columns: Columns) -> Read:
    return (
        select(TimelineEntry.booking_id, *shown(TimelineEntry, columns))
        .where(TimelineEntry.booking_id == any_(KEYS), visible(TimelineEntry, Area.BOOKING))
        .order_by(TimelineEntry.booking_id, TimelineEntry.position)
    )


@many(Assignment)
def assignments_by_booking(columns: Columns) -> Read:
    return (
        select(Assignment.booking_id, *shown(Assignment, columns))
        .where(Assignment.booking_id == any_(KEYS), visible(Assignment, Area.BOOKING))
        .order_by(Assignment.booking_id, Assignment.position)
    )


@many(AvailabilityRule)
def availability_by_worker(columns: Columns) -> Read:
    return (
        select(AvailabilityRule.worker_id, *shown(AvailabilityRule, columns))
        .where(AvailabilityRule.worker_id == any_(KEYS))
        .order_by(AvailabilityRule.worker_id, AvailabilityRule.weekday, AvailabilityRule.from_time)
    )


@one(ServiceArea)
def service_area_by_worker(columns: Columns) -> Read:
    return select(ServiceArea.worker_id, *shown(ServiceArea, columns)).where(
        ServiceArea.worker_id == any_(KEYS)
    )


class Slot:
    """A stretch of a worker's free time; computed, never stored."""


Minutes = Annotated[int, "How long the slot must be, in minutes; 15 to 720."]


def free_slots(*, minutes: int, limit: int, start: datetime | None, end: datetime | None) -> Any:
    """The first free slots of each key's worker, as a lateral subquery.

    Slots begin on every half hour of the worker's weekly hours (in India's time), from
    `start` (now) to `end` (two weeks on), where no exception and no promise stands. To whoever is
    not signed in they are told by whole hours, and for fewer days.
    """
    length = minutes * literal(MINUTE, Interval)
    # Whoever is not signed in is told whole hours that are free, of the next days.
    free = case(
        (TOLD_IN_FULL, length),
        else_=func.ceil(minutes / literal(60.0)) * literal(timedelta(hours=1), Interval),
    )
    earliest = NOW if start is None else func.greatest(start, NOW)
    horizon = case(
        (TOLD_IN_FULL, earliest + literal(SLOT_HORIZON, Interval)),
        else_=NOW
        + bindparam("anonymous_slot_days", type_=Integer) * literal(timedelta(days=1), Interval),
    )
    latest = horizon if end is None else func.least(end, horizon)
    # Counted, and from no infinity: so many days, and no more, whatever is given.
    days = func.generate_series(0, SLOT_HORIZON.days).table_valued("number").render_derived()
    midnight = func.date_trunc("day", func.timezone(INDIA, earliest))
    begins = midnight + days.c.number * literal(DAY, Interval)
    day = (
        select(begins.label("start"))
        .select_from(days)
        .where(func.isfinite(earliest), begins <= func.timezone(INDIA, latest))
        # Kept apart, so that it is worked out once for each day rather than wherever it is named.
        .offset(0)
        .subquery("day")
    )
    rule = AvailabilityRule
    opens, closes = (
        func.timezone(INDIA, day.c.start + cast(hour, Interval))
        for hour in (rule.from_time, rule.until_time)
    )
    first_hour = func.date_trunc(
        "hour", day.c.start + cast(rule.from_time, Interval) + literal(UP_TO_AN_HOUR, Interval)
    )
    begins = case((TOLD_IN_FULL, opens), else_=func.timezone(INDIA, first_hour))
    slot = (
        func.generate_series(begins, closes - free, literal(SLOT_STEP, Interval))
        .table_valued("starts_at", name="slot")
        .render_derived()
        .lateral("slot")
    )
    starts_at = cast(slot.c.starts_at, DateTime(timezone=True))
    on_the_hour = extract("minute", func.timezone(INDIA, starts_at)) == 0
    excepted = exists(
        select(literal(1))
        .where(
            AvailabilityException.worker_id == KEYED.c.key,
            AvailabilityException.day == func.date(day.c.start),
        )
        .correlate(KEYED, day)
    )
    promised = exists(
        select(literal(1))
        .where(
            WorkerTime.worker_id == KEYED.c.key,
            WorkerTime.during.op("&&")(
                func.tstzrange(starts_at, starts_at + free, type_=TSTZRANGE)
            ),
        )
        .correlate(KEYED, slot)
    )
    return (
        select(starts_at.label("starts_at"), (starts_at + length).label("ends_at"))
        .select_from(day)
        .join(
            rule,
            and_(
                rule.worker_id == KEYED.c.key,
                rule.weekday == extract("isodow", day.c.start),
                rule.valid_from <= func.date(day.c.start),
                or_(rule.valid_until.is_(None), rule.valid_until > func.date(day.c.start)),
            ),
        )
        .join(Worker, and_(Worker.id == rule.worker_id, Worker.status == WorkerStatus.ACTIVE))
        .join(slot, true())
        .where(
            starts_at >= earliest,
            starts_at + free <= latest,
            or_(TOLD_IN_FULL, on_the_hour),
            ~excepted,
            ~promised,
        )
        .order_by(starts_at)
        .limit(limit)
        .correlate(KEYED)
        .lateral("free")
    )


WorkerKey = ColumnElement[str] | InstrumentedAttribute[str]
"""Of a worker: an id, or the column of the statement that has it."""


def at_work(worker_id: WorkerKey, start: datetime, end: datetime) -> ColumnElement[bool]:
    """Open by the worker's weekly hours for the whole stretch, and no day off."""
    opens, closes = (func.timezone(INDIA, literal(instant)) for instant in (start, end))
    rule = AvailabilityRule
    opened = exists(
        select(literal(1))
        .where(
            rule.worker_id == worker_id,
            rule.weekday == extract("isodow", opens),
            func.date(opens) == func.date(closes),
            rule.from_time <= cast(opens, Time),
            rule.until_time >= cast(closes, Time),
            rule.valid_from <= func.date(opens),
            or_(rule.valid_until.is_(None), rule.valid_until > func.date(opens)),
        )
        .correlate(Worker)
    )
    away = exists(
        select(literal(1))
        .where(
            AvailabilityException.worker_id == worker_id,
            AvailabilityException.day == func.date(opens),
        )
        .correlate(Worker)
    )
    return and_(opened, ~away)


def free_during(worker_id: WorkerKey, start: datetime, end: datetime) -> ColumnElement[bool]:
    """At work, and promised to nobody."""
    promised = exists(
        select(literal(1))
        .where(
            WorkerTime.worker_id == worker_id,
            WorkerTime.during.op("&&")(func.tstzrange(start, end, type_=TSTZRANGE)),
        )
        .correlate(Worker)
    )
    return and_(at_work(worker_id, start, end), ~promised)


@many(Slot)
def free_slots_by_worker(
    columns: Columns,
    *,
    minutes: Minutes = 60,
    first: Annotated[int, "How many slots, at most 100."] = 5,
    start: Annotated[datetime | None, "Only slots from this time on; now if left out."] = None,
    end: Annotated[
        datetime | None, "Only slots that end by this time; in two weeks at most."
    ] = None,
) -> Read:
    free = free_slots(minutes=minutes, limit=first, start=start, end=end)
    return (
        select(KEYED.c.key, free.c.starts_at, free.c.ends_at)
        .select_from(KEYED.join(free, true()))
        .order_by(KEYED.c.key, free.c.starts_at)
    )


@one(Slot)
def next_free_slot_by_worker(columns: Columns, *, minutes: Minutes = 60) -> Read:
    free = free_slots(minutes=minutes, limit=1, start=None, end=None)
    return select(KEYED.c.key, free.c.starts_at, free.c.ends_at).select_from(
        KEYED.join(free, true())
    )
