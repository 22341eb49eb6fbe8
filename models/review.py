"""Reviews, their replies, and the exact sums that ratings are made of."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    text,
)
from sqlalchemy.orm import Mapped

from models.base import Row, RowRule, datetime, officer, one_of, owner, public, there_is
from models.booking import Booking
from runtime.batch import VIEWER
from runtime.privacy import Privacy
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

    `prior` is the mean of the subject's category when the sums last changed; the Bayesian
    score (WR = v/(v+m)·R + m/(v+m)·C, m = `prior_weight`) is stored, because lists sort by it.
    """

    __tablename__ = "rating_summary"
    __table_args__ = (
        CheckConstraint("num_nonnulls(worker_id, provider_id) = 1", name="one_subject"),
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
    worker_id: Mapped[str | None] = public(ForeignKey("worker.id"), unique=True)
    provider_id: Mapped[str | None] = public(ForeignKey("provider.id"), unique=True)
    count: Mapped[int] = public()
    sum: Mapped[int] = public()
    histogram: Mapped[list[int]] = public(ARRAY(Integer))
    prior: Mapped[float] = public()
    prior_weight: Mapped[int] = public()
    bayesian: Mapped[float] = public()
