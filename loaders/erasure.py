"""Forgetting a person: what is personal goes, what counts, owes or rates stays as it was."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    Update,
    delete,
    func,
    or_,
    select,
    union,
    update,
)

from models.account import (
    Address,
    AuditDetail,
    AuditEntry,
    Citizen,
    CommandDone,
    ConsentRecord,
    ErasureRequest,
    OneTimeCode,
    Session,
)
from models.booking import (
    LIVE,
    Assignment,
    AvailabilityException,
    AvailabilityRule,
    Booking,
    BookingState,
    Payment,
    Quote,
    ServiceArea,
    TimelineEntry,
    VisitCode,
)
from models.discovery import WorkerPlace, WorkerWords
from models.review import (
    UNSETTLED,
    Flag,
    Grievance,
    GrievanceEntry,
    Incident,
    Review,
    ReviewReply,
)
from models.skill import RateCard, WorkerSkill
from models.worker import Document, Engagement, EngagementStatus, Upload, Verification, Worker

NOTHING = ""
"""What is left of a text in a column that may not be null."""


def person(id: str) -> Select[Any]:
    """The worker or citizen, locked against whatever else would be done about them."""
    kind = Worker if id.startswith(f"{Worker.prefix}_") else Citizen
    return select(kind).where(kind.id == id).with_for_update()


def bookings_under_way(id: str) -> Select[Any]:
    """Bookings and engagements that still need the person."""
    bookings = (
        select(func.count())
        .select_from(Booking)
        .where(or_(Booking.citizen_id == id, Booking.worker_id == id))
        .where(Booking.state.in_((BookingState.REQUESTED, *LIVE)))
    )
    engagements = (
        select(func.count())
        .select_from(Engagement)
        .where(Engagement.worker_id == id, Engagement.status == EngagementStatus.ACTIVE)
    )
    return select(bookings.scalar_subquery() + engagements.scalar_subquery())


def complaints_unsettled(id: str) -> Select[Any]:
    return select(func.count()).where(of_grievance(id), Grievance.state.in_(UNSETTLED))


def bookings(id: str) -> Select[Any]:
    return select(Booking.id).where(or_(Booking.citizen_id == id, Booking.worker_id == id))


def offered(id: str) -> Select[Any]:
    """Bookings of others that a worker was asked for: why they declined stands there."""
    return select(Assignment.booking_id).where(Assignment.worker_id == id)


def of_review(id: str) -> ColumnElement[bool]:
    return or_(Review.citizen_id == id, Review.worker_id == id)


def reviews(id: str) -> Select[Any]:
    return select(Review.id).where(of_review(id)).order_by(Review.id)


def of_grievance(id: str) -> ColumnElement[bool]:
    return or_(Grievance.opened_by == id, Grievance.booking_id.in_(bookings(id)))


def of_incident(id: str) -> ColumnElement[bool]:
    return or_(Incident.raised_by == id, Incident.booking_id.in_(bookings(id)))


def touched(id: str) -> Select[Any]:
    """What loses words beside the person's own row: those who follow changes are told."""
    ids = union(
        bookings(id),
        offered(id),
        select(Quote.id).where(Quote.asked_by == id),
        select(Review.id).where(of_review(id)),
        select(Review.id).join(Flag, Flag.review_id == Review.id).where(Flag.flagged_by == id),
        select(Grievance.id).where(of_grievance(id)),
        select(Incident.id).where(of_incident(id)),
    ).subquery()
    return select(ids).order_by(*ids.c)


def forget(id: str, mobiles: Sequence[str], now: datetime) -> list[Update | Delete]:
    """Everything personal about a worker or citizen beside their own row."""
    theirs = bookings(id)
    reviews = select(Review.id).where(of_review(id))
    grievances = select(Grievance.id).where(of_grievance(id))
    return [
        delete(Address).where(Address.citizen_id == id),
        delete(OneTimeCode).where(OneTimeCode.mobile.in_(mobiles)),
        # Its key is any text of theirs.
        delete(CommandDone).where(CommandDone.viewer_id == id),
        update(Session)
        .where(Session.person_id == id)
        .values(device=None, ended_at=func.coalesce(Session.ended_at, now)),
        update(ConsentRecord)
        .where(ConsentRecord.subject_id == id, ConsentRecord.withdrawn_at.is_(None))
        .values(withdrawn_at=now),
        update(ErasureRequest).where(ErasureRequest.subject_id == id).values(answer=None),
        update(Booking)
        .where(Booking.citizen_id == id)
        .values(address=None, latitude=None, longitude=None, preferred_worker_gender=None),
        update(Quote)
        .where(or_(Quote.booking_id.in_(theirs), Quote.asked_by == id))
        .values(reason=None, preferred_worker_gender=None),
        update(TimelineEntry)
        .where(or_(TimelineEntry.booking_id.in_(theirs), TimelineEntry.booking_id.in_(offered(id))))
        .values(reason=None),
        update(Assignment)
        .where(or_(Assignment.booking_id.in_(theirs), Assignment.worker_id == id))
        .values(reason=None),
        update(Payment).where(Payment.booking_id.in_(theirs)).values(reference=None, reason=None),
        delete(VisitCode).where(VisitCode.booking_id.in_(theirs)),
        update(Flag)
        .where(or_(Flag.review_id.in_(reviews), Flag.flagged_by == id))
        .values(reason=NOTHING),
        update(ReviewReply).where(ReviewReply.review_id.in_(reviews)).values(text=NOTHING),
        update(Review).where(of_review(id)).values(text=None, moderation_reason=None),
        update(Review)
        .where(Review.citizen_id == id)
        .values(reviewer_name_en=None, reviewer_name_hi=None),
        update(GrievanceEntry).where(GrievanceEntry.grievance_id.in_(grievances)).values(text=None),
        update(Grievance).where(of_grievance(id)).values(text=None),
        update(Incident).where(of_incident(id)).values(note=None, latitude=None, longitude=None),
        update(AuditDetail)
        .where(AuditDetail.id.in_(select(AuditEntry.detail_id).where(AuditEntry.actor_id == id)))
        .values(reason=None, address=None, program=None),
        # Where staff read or changed something of theirs, it stays known from where.
        update(AuditDetail)
        .where(AuditDetail.id.in_(select(AuditEntry.detail_id).where(AuditEntry.about(id))))
        .values(reason=None),
    ]


def forget_work(worker_id: str) -> list[Update | Delete]:
    """What only workers have: papers, skills, hours, and the ways to be found."""
    gone = (
        Document,
        Upload,
        Verification,
        WorkerSkill,
        AvailabilityRule,
        AvailabilityException,
        ServiceArea,
        WorkerPlace,
        WorkerWords,
    )
    return [
        *(delete(table).where(table.worker_id == worker_id) for table in gone),
        update(Engagement).where(Engagement.worker_id == worker_id).values(purpose=NOTHING),
        update(RateCard).where(RateCard.worker_id == worker_id).values(rejection_reason=None),
    ]


def contents(worker_id: str) -> Select[Any]:
    """Under which hashes storage keeps what the worker handed in."""
    handed_in = select(Document.sha256).where(Document.worker_id == worker_id)
    sent = select(Upload.sha256).where(Upload.worker_id == worker_id)
    return select(handed_in.union(sent).subquery().c.sha256)
