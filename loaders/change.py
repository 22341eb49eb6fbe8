"""Reads of what has become of records, for clients that keep copies; and how it is noted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Text,
    TextClause,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.orm import InstrumentedAttribute

from loaders.history import MARKED
from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.account import ConsentRecord
from models.base import there_is
from models.booking import Booking
from models.change import Gone, RecordChange, RecordKind, noted, skills_noted
from models.partner import PartnerClient
from models.place import District
from models.skill import ServiceCategory, WorkerSkill
from models.worker import Worker, WorkerStatus
from runtime.batch import DISTRICTS, KEYS, PURPOSES, VIEWER, Columns, Read, one, value
from runtime.rights import Area

IN_ORDER = Sort((RecordChange.position, RecordChange.record_id), marked=MARKED)
STOPPED = (WorkerStatus.SUSPENDED, WorkerStatus.ERASED)

InDistrict = Annotated[
    int | None,
    "Only records that are or were in this district, by its LGD code; all of yours if left out.",
]
InCategory = Annotated[
    str | None, "Only records that have or had to do with this category, by its slug."
]


def changes(
    kind: RecordKind, *conditions: ColumnElement[bool], district: int | None, category: str | None
) -> Read:
    found = select(RecordChange).where(RecordChange.kind == kind, *conditions)
    if district is not None:
        there = select(District.id).where(District.lgd_code == district).scalar_subquery()
        found = found.where(any_(RecordChange.districts) == there)
    if category is not None:
        trade = select(ServiceCategory.id).where(ServiceCategory.slug == category)
        found = found.where(any_(RecordChange.categories) == trade.scalar_subquery())
    return found


def in_districts() -> ColumnElement[bool]:
    return RecordChange.districts.op("&&")(DISTRICTS)


def of_people(now: ColumnElement[bool]) -> ColumnElement[bool]:
    """Records that the client is shown `now`; and those it may have been shown before, if that
    ended while it was a client: of others it never learns."""
    return or_(now, was_shown())


def was_shown() -> ColumnElement[bool]:
    """Records of people that the client may have been shown while it was one: those who agreed,
    and those whom it enrolled itself."""
    registered = (
        select(PartnerClient.registered_at).where(PartnerClient.id == VIEWER).scalar_subquery()
    )
    owner = func.coalesce(RecordChange.whose, RecordChange.record_id)
    agreed = there_is(
        ConsentRecord,
        ConsentRecord.subject_id == owner,
        ConsentRecord.purpose == any_(PURPOSES),
        or_(ConsentRecord.withdrawn_at.is_(None), ConsentRecord.withdrawn_at >= registered),
        of=RecordChange,
    )
    enrolled = there_is(Worker, Worker.id == owner, Worker.enrolled_by == VIEWER, of=RecordChange)
    return and_(
        # At 0 nothing has happened since it was there: who is not shown it now never was.
        RecordChange.position > 0,
        in_districts(),
        RecordChange.happened_at >= registered,
        # The record moves on with what happens to them later, which is not the client's to know.
        or_(and_(RecordChange.purposes.op("&&")(PURPOSES), agreed), enrolled),
    )


def shows_worker(key: InstrumentedAttribute[str], of: type[Any]) -> ColumnElement[bool]:
    return there_is(Worker, Worker.id == key, kept(), of=of)


def has_worker() -> ColumnElement[bool]:
    """The records of workers that the client is shown now."""
    return shows_worker(RecordChange.record_id, RecordChange)


def has_skill() -> ColumnElement[bool]:
    return there_is(
        WorkerSkill,
        WorkerSkill.id == RecordChange.record_id,
        shows_worker(WorkerSkill.worker_id, WorkerSkill),
        of=RecordChange,
    )


def kept() -> ColumnElement[bool]:
    """The workers of whom the client may have a copy."""
    return and_(visible(Worker, Area.WORKER_RECORD), Worker.status.not_in(STOPPED))


@pages(RecordChange, IN_ORDER)
def worker_changes(
    key: Any, *, district_code: InDistrict = None, category_slug: InCategory = None
) -> Read:
    conditions = of_people(has_worker())
    return changes(RecordKind.WORKER, conditions, district=district_code, category=category_slug)


@pages(RecordChange, IN_ORDER)
def skill_changes(
    key: Any, *, district_code: InDistrict = None, category_slug: InCategory = None
) -> Read:
    conditions = of_people(has_skill())
    return changes(RecordKind.SKILL, conditions, district=district_code, category=category_slug)


@pages(RecordChange, IN_ORDER)
def provider_changes(key: Any, *, district_code: InDistrict = None) -> Read:
    return changes(RecordKind.PROVIDER, in_districts(), district=district_code, category=None)


@pages(RecordChange, IN_ORDER)
def booking_changes(
    key: Any, *, district_code: InDistrict = None, category_slug: InCategory = None
) -> Read:
    return changes(
        RecordKind.BOOKING, in_districts(), district=district_code, category=category_slug
    )


@pages(RecordChange, IN_ORDER)
def rating_changes(
    key: Any, *, district_code: InDistrict = None, category_slug: InCategory = None
) -> Read:
    return changes(
        RecordKind.RATING, in_districts(), district=district_code, category=category_slug
    )


@pages(RecordChange, IN_ORDER)
def review_changes(
    key: Any, *, district_code: InDistrict = None, category_slug: InCategory = None
) -> Read:
    return changes(
        RecordKind.REVIEW, in_districts(), district=district_code, category=category_slug
    )


@pages(RecordChange, IN_ORDER)
def category_changes(key: Any) -> Read:
    return changes(RecordKind.CATEGORY, in_districts(), district=None, category=None)


@one(Worker)
def worker_to_copy(columns: Columns) -> Read:
    return select(Worker.id, *shown(Worker, columns)).where(Worker.id == any_(KEYS), kept())


@one(WorkerSkill)
def skill_to_copy(columns: Columns) -> Read:
    return select(WorkerSkill.id, *shown(WorkerSkill, columns)).where(
        WorkerSkill.id == any_(KEYS), shows_worker(WorkerSkill.worker_id, WorkerSkill)
    )


@one(Booking)
def booking_facts(columns: Columns) -> Read:
    """What of a booking is about nobody, whoever's it is."""
    return select(Booking.id, *shown(Booking, columns)).where(
        Booking.id == any_(KEYS), Booking.district_id == any_(DISTRICTS)
    )


@value(absent=None)
def why_worker_is_gone(columns: Columns) -> Read:
    return select(Worker.id, why_gone()).where(Worker.id == any_(KEYS))


def why_gone() -> ColumnElement[str | None]:
    return case(
        (Worker.status == WorkerStatus.ERASED, literal(Gone.ERASED, Text)),
        (Worker.status == WorkerStatus.SUSPENDED, literal(Gone.SUSPENDED, Text)),
        (not_(Worker.district_id == any_(DISTRICTS)), literal(Gone.MOVED, Text)),
        (not_(kept()), literal(Gone.NO_CONSENT, Text)),
    )


Latest = Sequence[tuple[str, int, str, datetime]]
"""Of each record the id, and the position, event and time of its last change."""
LATEST = (
    "(SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:positions AS bigint[]),"
    " CAST(:events AS text[]), CAST(:times AS timestamptz[]))"
    " AS latest (id, position, event, happened_at))"
)


def note(kind: RecordKind, latest: Latest) -> TextClause:
    return given(noted(kind, LATEST), latest)


def note_skills_of(latest: Latest) -> TextClause:
    """Of people, who are noted already."""
    return given(skills_noted(LATEST), latest)


def given(statement: str, latest: Latest) -> TextClause:
    ids, positions, events, times = (list(each) for each in zip(*latest, strict=True))
    return text(statement).bindparams(
        bindparam("ids", ids, type_=ARRAY(Text(collation="C"))),
        bindparam("positions", positions, type_=ARRAY(BigInteger)),
        bindparam("events", events, type_=ARRAY(Text(collation="C"))),
        bindparam("times", times, type_=ARRAY(DateTime(timezone=True))),
    )
