"""Who is to be told of a change, and what of; put on the list of jobs, and read when it is sent."""

from collections.abc import Collection, Iterable
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    any_,
    bindparam,
    func,
    literal,
    select,
    text,
    true,
    union_all,
)

from models.account import ChangeLog, Citizen
from models.booking import Booking
from models.notice import Party
from models.review import Grievance
from models.skill import ServiceCategory
from models.worker import Provider, Worker


def put_on_list(notices: Iterable[tuple[int, str]]) -> Select[Any]:
    """A job for each position and recipient. No text, no number: both are looked up when it
    runs."""
    jobs: Any = [
        orjson.dumps({"position": position, "recipient_id": recipient}).decode()
        for position, recipient in notices
    ]
    # Below other jobs: what is due at a time must not wait behind a heap of messages.
    row = "ROW('default', 'send_notice', -1, NULL, NULL, job::jsonb, NULL)"
    listed = f"array_agg({row}::procrastinate_job_to_defer_v1)"
    given = func.unnest(bindparam("jobs", jobs, type_=ARRAY(Text))).alias("job")
    return select(func.procrastinate_defer_jobs_v1(text(listed))).select_from(given)


def parties(ids: Collection[str]) -> Select[Any]:
    """The parties of bookings and complaints whose ids are not in the event: pairs of a
    booking or complaint, and a party."""
    of = sorted(ids)
    pairs = union_all(
        select(Booking.id.label("id"), Booking.citizen_id.label("party")).where(Booking.id.in_(of)),
        select(Grievance.id, Grievance.opened_by).where(Grievance.id.in_(of)),
        select(Grievance.id, Grievance.provider_id).where(Grievance.id.in_(of)),
    ).subquery()
    return select(pairs)


def change_at(position: int) -> Select[Any]:
    return select(
        ChangeLog.position,
        ChangeLog.event,
        ChangeLog.subject_id,
        ChangeLog.facts,
        ChangeLog.happened_at,
    ).where(ChangeLog.position == position)


def phone_of(party: Party, id: str) -> Select[*tuple[Any, ...]]:
    """The number of a party, and whether they read Hindi."""
    if party is Party.CITIZEN:
        return select(reached_at(Citizen), Citizen.language == "hi").where(Citizen.id == id)
    if party is Party.WORKER:
        reads_hindi = literal("hi") == any_(Worker.languages)
        return select(reached_at(Worker), reads_hindi).where(Worker.id == id)
    return select(reached_at(Provider), true()).where(Provider.id == id)


def reached_at(account: Any) -> ColumnElement[str | None]:
    """Whoever wrote a number down for somebody wants them told, proven or not."""
    return func.coalesce(account.mobile, account.unproven_mobile)


def told_of_booking(id: str) -> Select[*tuple[Any, ...]]:
    return (
        select(Booking.number, Booking.starts_at, ServiceCategory.name_en, ServiceCategory.name_hi)
        .join(ServiceCategory, ServiceCategory.id == Booking.category_id)
        .where(Booking.id == id)
    )


def told_of_grievance(id: str) -> Select[str]:
    return select(Grievance.ticket_number).where(Grievance.id == id)
