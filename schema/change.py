"""What has become of records, for departments' systems that keep copies: docs/changes.md."""

from datetime import date, datetime

from strawberry import ID

import resolvers.change as resolve
from loaders import change as load
from loaders import review as load_review
from loaders import skill as load_skill
from loaders import worker as load_worker
from models import change as model
from models.booking import Booking, BookingState
from runtime.rights import Role
from schema.base import enum, field, part, query
from schema.page import Connection
from schema.review import RatingSummary, Review
from schema.skill import ServiceCategory, WorkerSkill
from schema.worker import Provider, Worker

enum(
    model.Gone,
    "Why a record is not to be kept any more.",
    ERASED="The worker asked to be forgotten: delete everything you have of them.",
    SUSPENDED="The worker was suspended; if that ends, the record comes again.",
    MOVED="The worker is in none of your districts any more.",
    NO_CONSENT="The worker agrees to none of your purposes any more.",
)
EVENT = "What happened last, such as `WorkerChanged`; `Noted` if nothing has since it was there."
WHEN = "When that was."


@part(model.RecordChange)
class WorkerChange:
    """A worker of whom something has changed."""

    worker_id: ID = field("Whose record it is.", "record_id", compute=resolve.record_id)
    event: str = field(EVENT)
    happened_at: datetime = field(WHEN)
    worker: Worker | None = field(
        "The record as it is now, in the place of what you have. Null: delete what you have.",
        "record_id",
        load=load.worker_to_copy,
    )
    gone: model.Gone | None = field(
        "Why there is no record for you.", "record_id", load=load.why_worker_is_gone
    )


@part(model.RecordChange)
class SkillChange:
    """A skill of which something has changed, or of whose worker."""

    skill_id: ID = field("Which skill.", "record_id", compute=resolve.record_id)
    event: str = field(EVENT)
    happened_at: datetime = field(WHEN)
    skill: WorkerSkill | None = field(
        "The skill as it is now. Null: delete what you have.",
        "record_id",
        load=load.skill_to_copy,
    )


@part(model.RecordChange)
class ProviderChange:
    """A provider of which something has changed."""

    provider_id: ID = field("Which provider.", "record_id", compute=resolve.record_id)
    event: str = field(EVENT)
    happened_at: datetime = field(WHEN)
    provider: Provider | None = field(
        "The provider as it is now; `status` says whether it is empanelled.",
        "record_id",
        load=load_worker.provider_by_id,
    )


@part(Booking)
class BookingFacts:
    """What of a booking is about nobody."""

    state: BookingState = field("Where it stands.")
    category: ServiceCategory | None = field(
        "What kind of work.", "category_id", load=load_skill.category_by_id
    )
    completed_month: date | None = field("The first day of the month of its completion.")


@part(model.RecordChange)
class BookingFactsChange:
    """A booking that has gone on."""

    booking_id: ID = field("Which booking.", "record_id", compute=resolve.record_id)
    event: str = field(EVENT)
    happened_at: datetime = field(WHEN)
    booking: BookingFacts | None = field(
        "The booking as it is now.", "record_id", load=load.booking_facts
    )


@part(model.RecordChange)
class RatingChange:
    """A worker or provider with a review more, or less."""

    subject_id: ID = field("The worker or provider.", "record_id", compute=resolve.record_id)
    event: str = field(EVENT)
    happened_at: datetime = field(WHEN)
    rating: RatingSummary | None = field(
        "The sums as they are now.", "record_id", load=load_review.rating_by_subject
    )


@part(model.RecordChange)
class ReviewChange:
    """A review that was written, changed, answered, taken down or put up again."""

    review_id: ID = field("Which review.", "record_id", compute=resolve.record_id)
    event: str = field(EVENT)
    happened_at: datetime = field(WHEN)
    review: Review | None = field(
        "The review as it is now. Null: delete what you have.",
        "record_id",
        load=load_review.review_to_copy,
    )


@part(model.RecordChange)
class CategoryChange:
    """A category of which something has changed, or of one of its services."""

    category_id: ID = field("Which category.", "record_id", compute=resolve.record_id)
    event: str = field(EVENT)
    happened_at: datetime = field(WHEN)
    category: ServiceCategory | None = field(
        "The category as it is now.", "record_id", load=load_skill.category_by_id
    )


@query
class Query:
    worker_changes: Connection[WorkerChange] = field(
        "Workers of whom you may have a copy, or had, each at its last change: from the first"
        " page to the last it is all there is, and from then on what changes. Keep `endCursor`.",
        load=load.worker_changes,
        roles=[Role.PARTNER],
    )
    skill_changes: Connection[SkillChange] = field(
        "The same of skills, for a copy that has them apart.",
        load=load.skill_changes,
        roles=[Role.PARTNER],
    )
    provider_changes: Connection[ProviderChange] = field(
        "The same of providers that serve, or served, your districts.",
        load=load.provider_changes,
        roles=[Role.PARTNER],
    )
    booking_changes: Connection[BookingFactsChange] = field(
        "The same of bookings in your districts: what of them is about nobody.",
        load=load.booking_changes,
        roles=[Role.PARTNER],
    )
    rating_changes: Connection[RatingChange] = field(
        "The same of ratings in your districts.",
        load=load.rating_changes,
        roles=[Role.PARTNER],
    )
    review_changes: Connection[ReviewChange] = field(
        "The same of reviews of work in your districts.",
        load=load.review_changes,
        roles=[Role.PARTNER],
    )
    category_changes: Connection[CategoryChange] = field(
        "The same of the catalogue: its categories, with their services.",
        load=load.category_changes,
        roles=[Role.PARTNER],
    )
