"""Reviews, replies, the exact sums ratings are made of; complaints and calls for help."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    UniqueConstraint,
    any_,
    text,
)
from sqlalchemy.orm import Mapped

from models.base import (
    Row,
    RowRule,
    datetime,
    never,
    officer,
    one_of,
    owner,
    public,
    there_is,
)
from models.booking import Booking
from runtime.batch import DEPARTMENT, DISTRICTS, PROVIDER, VIEWER
from runtime.privacy import Privacy
from runtime.refusal import Refusal
from runtime.rights import Area, Rule


class ReviewState(StrEnum):
    PUBLISHED = "PUBLISHED"
    FLAGGED = "FLAGGED"
    HIDDEN = "HIDDEN"
    RESTORED = "RESTORED"
    WITHDRAWN = "WITHDRAWN"


SHOWN_STATES = (ReviewState.PUBLISHED, ReviewState.RESTORED)
"""The states in which a review is public and counts towards ratings."""


CASE_STATES = (ReviewState.FLAGGED, ReviewState.HIDDEN)
"""The states a moderator looks into."""

TAGS = (
    "on-time",
    "polite",
    "clean-work",
    "fair-price",
    "skilled",
    "late",
    "rude",
    "unfinished",
    "rushed",
    "overcharged",
)
"""What may stand out about a visit."""


class Decision(StrEnum):
    HIDE = "HIDE"
    RESTORE = "RESTORE"


class FlagOutcome(StrEnum):
    UPHELD = "UPHELD"
    DISMISSED = "DISMISSED"
    WITHDRAWN = "WITHDRAWN"


class NothingToReview(Refusal):
    """Only work that was completed can be reviewed."""

    english = "You can say how it was once the work is done."
    hindi = "काम पूरा होने के बाद ही आप बता सकते हैं कि काम कैसा रहा।"


class ReviewClosed(Refusal):
    """The time to review the booking is over."""

    english = "A review can be written for {days} days after the work."
    hindi = "काम के बाद {days} दिन तक ही समीक्षा लिखी जा सकती है।"
    days: Annotated[int, "How many days there are for it."]


class AlreadyReviewed(Refusal):
    """There is a review of the booking already, or there was one."""

    english = "This booking has been reviewed already."
    hindi = "इस बुकिंग की समीक्षा पहले ही हो चुकी है।"


class EditingClosed(Refusal):
    """The time to change the review is over."""

    english = "A review can be changed for {days} days after it appeared."
    hindi = "प्रकाशित होने के बाद {days} दिन तक ही समीक्षा बदली जा सकती है।"
    days: Annotated[int, "How many days there are for it."]


class ReviewStands(Refusal):
    """This cannot be done to a review that stands there."""

    english = "The review is {state}: this cannot be done now."
    hindi = "समीक्षा की स्थिति {state} है: अभी यह नहीं किया जा सकता।"
    state: Annotated[ReviewState, "Where it stands."]


class AlreadyReplied(Refusal):
    """A review is answered once."""

    english = "This review has been answered already."
    hindi = "इस समीक्षा का उत्तर पहले ही दिया जा चुका है।"


class AlreadyFlagged(Refusal):
    """You reported this review before."""

    english = "You have reported this review already."
    hindi = "आप इस समीक्षा की सूचना पहले ही दे चुके हैं।"


class Review(Row):
    """What a citizen says about a completed booking. Staff may hide one, never rewrite it."""

    __tablename__ = "review"
    __table_args__ = (
        one_of("state", ReviewState),
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars_range"),
        Index(
            "review_of_worker_by_publication",
            "worker_id",
            text("position DESC"),
            postgresql_where=text("state IN ('PUBLISHED', 'RESTORED')"),
        ),
        Index(
            "review_of_provider_by_publication",
            "provider_id",
            text("position DESC"),
            postgresql_where=text("state IN ('PUBLISHED', 'RESTORED')"),
        ),
        Index(
            "review_by_publication",
            text("position DESC"),
            postgresql_where=text("state IN ('PUBLISHED', 'RESTORED')"),
        ),
    )
    prefix: ClassVar[str] = "rv"
    areas: ClassVar[dict[Privacy, Area]] = {
        Privacy.OWNER: Area.REVIEW_AUTHOR,
        Privacy.OFFICER: Area.REVIEW_CASE,
    }
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: Review.citizen_id == VIEWER,
        Rule.CASE: lambda: Review.state.in_(CASE_STATES),
    }
    part_of = ("booking_id", Booking)

    id: Mapped[str] = public(primary_key=True)
    position: Mapped[int] = public(BigInteger, Identity(), unique=True)
    """The order of publication: lists and their cursors use it, because the time itself
    is not public and a cursor can be read."""
    booking_id: Mapped[str] = public(ForeignKey("booking.id"), unique=True)
    worker_id: Mapped[str] = public(ForeignKey("worker.id"))
    provider_id: Mapped[str | None] = public(ForeignKey("provider.id"))
    stars: Mapped[int] = public()
    tags: Mapped[list[str]] = public()
    text: Mapped[str | None] = public()
    language: Mapped[str | None] = public()
    reviewer_name_en: Mapped[str | None] = public()
    """The first name alone, as is `reviewer_name_hi`."""
    reviewer_name_hi: Mapped[str | None] = public()
    published_month: Mapped[date] = public()
    state: Mapped[str] = public()
    citizen_id: Mapped[str | None] = owner(ForeignKey("citizen.id"))
    """Null where a department says it."""
    published_at: Mapped[datetime] = owner()
    edited_at: Mapped[datetime | None] = owner()
    moderation_reason: Mapped[str | None] = officer()


Booking.rules[Rule.CASE] = lambda: there_is(
    Review, Review.booking_id == Booking.id, Review.state.in_(CASE_STATES), of=Booking
)


class Flag(Row):
    """Someone's word that a review breaks the rules, and what the moderator made of it."""

    __tablename__ = "flag"
    __table_args__ = (
        UniqueConstraint("review_id", "flagged_by"),
        one_of("outcome", FlagOutcome),
        CheckConstraint("(outcome IS NULL) = (closed_at IS NULL)", name="closed_somehow"),
        Index("flag_open", "review_id", postgresql_where=text("closed_at IS NULL")),
    )
    prefix: ClassVar[str] = "fl"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OFFICER: Area.REVIEW_CASE}
    part_of = ("review_id", Review)

    id: Mapped[str] = officer(primary_key=True)
    review_id: Mapped[str] = officer(ForeignKey("review.id"))
    flagged_by: Mapped[str] = never()
    role: Mapped[str] = officer()
    reason: Mapped[str] = officer()
    flagged_at: Mapped[datetime] = officer()
    outcome: Mapped[str | None] = officer()
    closed_at: Mapped[datetime | None] = officer()


class ReviewReply(Row):
    """The one answer of the worker's provider."""

    __tablename__ = "review_reply"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.REVIEW_AUTHOR}
    part_of = ("review_id", Review)

    review_id: Mapped[str] = public(ForeignKey("review.id"), primary_key=True)
    provider_id: Mapped[str] = public(ForeignKey("provider.id"))
    text: Mapped[str] = public()
    replied_month: Mapped[date] = public()
    replied_at: Mapped[datetime] = owner()


class RatingSummary(Row):
    """Exact sums over the shown reviews of a worker or a provider.

    `prior` is the mean of the category when the sums last changed; the Bayesian
    score (WR = v/(v+m)·R + m/(v+m)·C, m = `prior_weight`) is stored, because lists sort by it.
    """

    __tablename__ = "rating_summary"
    __table_args__ = (
        CheckConstraint("num_nonnulls(worker_id, provider_id) = 1", name="one_subject"),
        # The key is all that makes it one of a kind: of two first reviews at once the second may
        # give way at one constraint, not at two.
        CheckConstraint("subject_id = coalesce(worker_id, provider_id)", name="its_subject"),
        CheckConstraint(
            "count = histogram[1] + histogram[2] + histogram[3] + histogram[4] + histogram[5]",
            name="histogram_counts",
        ),
        CheckConstraint(
            "sum = histogram[1] + 2 * histogram[2] + 3 * histogram[3]"
            " + 4 * histogram[4] + 5 * histogram[5]",
            name="histogram_sums",
        ),
    )

    subject_id: Mapped[str] = public(primary_key=True)
    """The worker's or the provider's id again: what loaders look up."""
    worker_id: Mapped[str | None] = public(ForeignKey("worker.id"))
    provider_id: Mapped[str | None] = public(ForeignKey("provider.id"))
    count: Mapped[int] = public()
    sum: Mapped[int] = public()
    histogram: Mapped[list[int]] = public(ARRAY(Integer))
    prior: Mapped[float] = public()
    prior_weight: Mapped[int] = public()
    bayesian: Mapped[float] = public()


class GrievanceState(StrEnum):
    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    REOPENED = "REOPENED"
    CLOSED = "CLOSED"
    ESCALATED = "ESCALATED"


UNSETTLED = (
    GrievanceState.OPEN,
    GrievanceState.ACKNOWLEDGED,
    GrievanceState.IN_PROGRESS,
    GrievanceState.REOPENED,
    GrievanceState.ESCALATED,
)
"""The states in which the clock runs."""


class GrievanceSubject(StrEnum):
    QUALITY = "QUALITY"
    PRICE = "PRICE"
    PAYMENT = "PAYMENT"
    BEHAVIOUR = "BEHAVIOUR"
    ABSENCE = "ABSENCE"
    SAFETY = "SAFETY"
    OTHER = "OTHER"


class GrievanceOutcome(StrEnum):
    UPHELD = "UPHELD"
    PARTLY_UPHELD = "PARTLY_UPHELD"
    REJECTED = "REJECTED"


class Severity(StrEnum):
    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"


class Grievance(Row):
    """A complaint with a ticket number and a clock: acknowledged in time, resolved in time."""

    __tablename__ = "grievance"
    __table_args__ = (
        one_of("state", GrievanceState),
        one_of("subject", GrievanceSubject),
        one_of("outcome", GrievanceOutcome),
        one_of("severity", Severity),
        Index(
            "grievance_unsettled",
            "booking_id",
            "opened_by",
            unique=True,
            postgresql_where=text("state NOT IN ('RESOLVED', 'CLOSED')"),
        ),
        Index("grievance_of_person", "opened_by", text("position DESC")),
        Index("grievance_of_district", "district_id", text("position DESC")),
        Index("grievance_of_provider", "provider_id", text("position DESC")),
    )
    prefix: ClassVar[str] = "gr"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.GRIEVANCE}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: Grievance.opened_by == VIEWER,
        Rule.DISTRICT: lambda: Grievance.district_id == any_(DISTRICTS),
        Rule.PROVIDER: lambda: Grievance.provider_id == PROVIDER,
        Rule.OFFICE: lambda: Grievance.department_id == DEPARTMENT,
        Rule.CASE: lambda: there_is(
            Review,
            Review.booking_id == Grievance.booking_id,
            Review.state.in_(CASE_STATES),
            of=Grievance,
        ),
    }

    id: Mapped[str] = public(primary_key=True)
    position: Mapped[int] = owner(BigInteger, Identity(), unique=True)
    ticket_number: Mapped[str] = owner(unique=True)
    booking_id: Mapped[str | None] = owner(ForeignKey("booking.id"), index=True)
    opened_by: Mapped[str] = owner()
    """Whose complaint it is: whoever opened it, or the caller for whom the helpline did."""
    assigned_to: Mapped[str | None] = never()
    """The agent or officer who took it up."""
    department_id: Mapped[str | None] = owner(ForeignKey("department.id"))
    provider_id: Mapped[str | None] = owner(ForeignKey("provider.id"))
    district_id: Mapped[str | None] = owner(ForeignKey("district.id"))
    subject: Mapped[str] = owner(server_default="OTHER")
    severity: Mapped[str] = owner()
    state: Mapped[str] = owner()
    outcome: Mapped[str | None] = owner()
    text: Mapped[str | None] = owner()
    opened_at: Mapped[datetime] = owner()
    acknowledge_by: Mapped[datetime] = owner()
    resolve_by: Mapped[datetime] = owner()
    escalated_at: Mapped[datetime | None] = owner()
    """When it was last passed upwards, since nobody was in time."""
    resolved_at: Mapped[datetime | None] = owner()
    reopened: Mapped[bool] = owner(server_default="false")


class GrievanceEntry(Row):
    """One step of a complaint."""

    __tablename__ = "grievance_entry"
    __table_args__ = (one_of("to_state", GrievanceState),)
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.GRIEVANCE}
    part_of = ("grievance_id", Grievance)

    grievance_id: Mapped[str] = owner(ForeignKey("grievance.id"), primary_key=True)
    position: Mapped[int] = owner(primary_key=True)
    to_state: Mapped[str] = owner()
    role: Mapped[str | None] = owner()
    """What the one who took the step was to the service; null for the clock."""
    text: Mapped[str | None] = owner()
    happened_at: Mapped[datetime] = owner()


class Incident(Row):
    """A call for help during a visit."""

    __tablename__ = "incident"
    __table_args__ = (Index("incident_of_district", "district_id", text("position DESC")),)
    prefix: ClassVar[str] = "sos"
    named_by = ("id", "booking_id")
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OFFICER: Area.INCIDENT}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: Incident.raised_by == VIEWER,
        Rule.DISTRICT: lambda: Incident.district_id == any_(DISTRICTS),
    }

    id: Mapped[str] = public(primary_key=True)
    position: Mapped[int] = officer(BigInteger, Identity(), unique=True)
    booking_id: Mapped[str] = officer(ForeignKey("booking.id"), index=True)
    district_id: Mapped[str] = officer(ForeignKey("district.id"))
    raised_by: Mapped[str] = officer()
    role: Mapped[str] = officer()
    """Which party of the booking that is."""
    latitude: Mapped[float | None] = officer()
    longitude: Mapped[float | None] = officer()
    note: Mapped[str | None] = officer()
    raised_at: Mapped[datetime] = officer()
