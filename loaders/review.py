"""Reads of reviews, ratings, and the bookings that published reviews are about; and what
commands about them read and write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import mul
from typing import Annotated, Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Integer,
    Select,
    Update,
    and_,
    any_,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.sql.dml import ReturningInsert

from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.account import Citizen
from models.base import there_is
from models.booking import Booking
from models.place import District
from models.review import (
    SHOWN_STATES,
    Flag,
    FlagOutcome,
    RatingSummary,
    Review,
    ReviewReply,
    ReviewState,
)
from models.worker import Worker
from runtime.batch import KEYS, Columns, Read, one
from runtime.rights import Area, Rule

NEWEST = Sort((Review.position,), descending=True)
PUBLISHED = Review.state.in_(SHOWN_STATES)
STARS = (1, 2, 3, 4, 5)
NEUTRAL = 3.5
"""The mean where nobody has reviewed anything."""
PRIOR_SAMPLE = 5_000
"""How many of the latest reviews the mean of a category is taken from: what it costs must not
grow with the years."""


def in_view() -> ColumnElement[bool]:
    """What is published, and the rest for its author and for those who look into it."""
    return or_(PUBLISHED, visible(Review, Area.REVIEW_AUTHOR, Area.REVIEW_CASE))


@one(Review)
def review_by_id(columns: Columns) -> Read:
    return select(Review.id, *shown(Review, columns)).where(Review.id == any_(KEYS), in_view())


@one(Review)
def review_to_copy(columns: Columns) -> Read:
    """What may be kept in copies."""
    return select(Review.id, *shown(Review, columns)).where(Review.id == any_(KEYS), PUBLISHED)


@one(Review)
def review_by_booking(columns: Columns) -> Read:
    return select(Review.booking_id, *shown(Review, columns)).where(
        Review.booking_id == any_(KEYS), in_view()
    )


@one(ReviewReply)
def reply_by_review(columns: Columns) -> Read:
    return select(ReviewReply.review_id, *shown(ReviewReply, columns)).where(
        ReviewReply.review_id == any_(KEYS)
    )


@one(Booking)
def booking_by_review(columns: Columns) -> Read:
    """By the review's id: its public part for everyone, the rest for the parties."""
    return (
        select(Review.id, *shown(Booking, columns))
        .join(Booking, Booking.id == Review.booking_id)
        .where(Review.id == any_(KEYS), or_(PUBLISHED, visible(Booking, Area.BOOKING)))
    )


@one(Booking)
def booking_with_review(columns: Columns) -> Read:
    """The same by the booking's own id, for a router that has met it on the review."""
    return (
        select(Booking.id, *shown(Booking, columns))
        .join(Review, Booking.id == Review.booking_id)
        .where(Booking.id == any_(KEYS), PUBLISHED)
    )


@dataclass(frozen=True)
class ReviewFilter:
    """Which reviews to list. Every condition given must hold."""

    district_code: Annotated[int | None, "The LGD code of the worker's district."] = None
    worker_id: Annotated[str | None, "Only reviews of this worker."] = None
    minimum_stars: Annotated[int | None, "Only reviews with at least so many stars."] = None
    language: Annotated[str | None, "Only reviews written in this language, such as `hi`."] = None
    with_text: Annotated[bool, "Only reviews that say something in words."] = False


Which = Annotated[ReviewFilter | None, "Which reviews; all of them if left out."]


@pages(Review, NEWEST)
def reviews(key: Any, *, filter: Which = None) -> Read:
    return filtered(select(Review).where(PUBLISHED), filter)


@pages(Review, NEWEST)
def reviews_by_worker(key: Any, *, filter: Which = None) -> Read:
    return filtered(select(Review).where(Review.worker_id == key, PUBLISHED), filter)


@pages(Review, NEWEST)
def reviews_by_provider(key: Any, *, filter: Which = None) -> Read:
    return filtered(select(Review).where(Review.provider_id == key, PUBLISHED), filter)


@pages(Review, NEWEST)
def reviews_of_viewer(key: Any) -> Read:
    """In whatever state; of the whole department for those who act for one."""
    return select(Review).where(or_(Review.rows(Rule.OWN), Review.rows(Rule.OFFICE)))


@pages(Review, Sort((Review.position,)))
def flagged_reviews(key: Any) -> Read:
    """Those with a report that nobody has decided on."""
    return select(Review).where(
        there_is(Flag, Flag.review_id == Review.id, Flag.closed_at.is_(None), of=Review),
        visible(Review, Area.REVIEW_CASE),
    )


@pages(Flag, Sort((Flag.flagged_at, Flag.id)))
def flags_by_review(key: Any) -> Read:
    return select(Flag).where(Flag.review_id == key, visible(Flag, Area.REVIEW_CASE))


def filtered(found: Read, filter: ReviewFilter | None) -> Read:
    if filter is None:
        return found
    conditions: list[ColumnElement[bool]] = []
    if filter.district_code is not None:
        district = select(District.id).where(District.lgd_code == filter.district_code)
        workers = select(Worker.id).where(Worker.district_id == district.scalar_subquery())
        conditions.append(Review.worker_id.in_(workers))
    if filter.worker_id is not None:
        conditions.append(Review.worker_id == filter.worker_id)
    if filter.minimum_stars is not None:
        conditions.append(Review.stars >= filter.minimum_stars)
    if filter.language is not None:
        conditions.append(Review.language == filter.language)
    if filter.with_text:
        conditions.append(Review.text.is_not(None))
    return found.where(*conditions)


@one(RatingSummary)
def rating_by_subject(columns: Columns) -> Read:
    """Of a worker or a provider, by their id."""
    return select(RatingSummary.subject_id, *shown(RatingSummary, columns)).where(
        RatingSummary.subject_id == any_(KEYS)
    )


def booking_to_review(id: str, rule: Rule) -> Select[Booking]:
    """Not locked: nothing happens to a booking once it is completed, and that there is one
    review of it is for the constraint to say."""
    return select(Booking).where(Booking.id == id, Booking.rows(rule))


def reviewer(id: str) -> Select[Citizen]:
    """They cannot be forgotten meanwhile."""
    return (
        select(Citizen)
        .where(Citizen.id == id, Citizen.erased_at.is_(None))
        .with_for_update(read=True)
    )


def review_to_change(id: str, rule: Rule) -> Select[Review]:
    """Locked until the transaction ends, if the rule holds for it."""
    return select(Review).where(Review.id == id, Review.rows(rule)).with_for_update(of=Review)


def published_review(id: str, rule: Rule) -> Select[Review]:
    return review_to_change(id, rule).where(PUBLISHED)


def review_to_flag(id: str, rule: Rule) -> Select[Review]:
    """One that was published when it was looked at: a second report finds it taken down by the
    first, and is noted as well."""
    reported = Review.state == ReviewState.FLAGGED
    return review_to_change(id, rule).where(or_(PUBLISHED, reported))


def close_flags(review_id: str, outcome: FlagOutcome, now: datetime) -> Update:
    return (
        update(Flag)
        .where(Flag.review_id == review_id, Flag.closed_at.is_(None))
        .values(outcome=outcome, closed_at=now)
    )


def mean_of_category(booking_id: str) -> Select[Any]:
    """Of the latest published reviews in the booking's category; where there are none, of all
    the latest."""
    latest = (
        select(Review.stars, Review.booking_id)
        .where(PUBLISHED)
        .order_by(Review.position.desc())
        .limit(PRIOR_SAMPLE)
        .subquery()
    )
    category = select(Booking.category_id).where(Booking.id == booking_id).scalar_subquery()
    of_category = func.avg(latest.c.stars).filter(Booking.category_id == category)
    mean = func.coalesce(of_category, func.avg(latest.c.stars), NEUTRAL)
    return select(cast(mean, Double())).join_from(
        latest, Booking, Booking.id == latest.c.booking_id
    )


def add_to_ratings(
    worker_id: str, provider_id: str | None, change: Sequence[int], prior: float, weight: int
) -> ReturningInsert[*tuple[Any, ...]]:
    """Adds to the histograms, and so to count and sum, of a worker and of their provider.

    Each row is changed from what it is when its lock is held, whoever else is at it. The
    provider's comes first, always: two who change both never wait for each other.
    """
    count, total = sum(change), sum(map(mul, STARS, change))
    subjects = [
        {"subject_id": provider_id, "worker_id": None, "provider_id": provider_id},
        {"subject_id": worker_id, "worker_id": worker_id, "provider_id": None},
    ]
    new = {
        "count": count,
        "sum": total,
        "histogram": list(change),
        "prior": prior,
        "prior_weight": weight,
        "bayesian": (total + weight * prior) / max(count + weight, 1),
    }
    made = insert(RatingSummary).values(
        [subject | new for subject in subjects if subject["subject_id"] is not None]
    )
    counted = RatingSummary.count + made.excluded.count
    summed = RatingSummary.sum + made.excluded.sum
    histogram = [RatingSummary.histogram[n] + made.excluded.histogram[n] for n in STARS]
    return made.on_conflict_do_update(
        index_elements=[RatingSummary.subject_id],
        set_={
            "count": counted,
            "sum": summed,
            "histogram": array(histogram),
            "prior": prior,
            "prior_weight": weight,
            "bayesian": (summed + weight * literal(prior)) / func.greatest(counted + weight, 1),
        },
    ).returning(RatingSummary.subject_id, RatingSummary.count, RatingSummary.sum)


def drifted_ratings() -> Select[str]:
    """The subjects whose sums are not those of their published reviews."""
    counted = union_all(
        select(Review.worker_id.label("id"), Review.stars).where(PUBLISHED),
        select(Review.provider_id, Review.stars).where(PUBLISHED, Review.provider_id.is_not(None)),
    ).subquery()
    exact = (
        select(
            counted.c.id,
            func.count().label("count"),
            func.sum(counted.c.stars).label("sum"),
            array([func.count().filter(counted.c.stars == n) for n in STARS]).label("histogram"),
        )
        .group_by(counted.c.id)
        .subquery()
    )
    same = and_(
        RatingSummary.count == func.coalesce(exact.c.count, 0),
        RatingSummary.sum == func.coalesce(exact.c.sum, 0),
        RatingSummary.histogram
        == func.coalesce(cast(exact.c.histogram, ARRAY(Integer)), [0] * len(STARS)),
    )
    return (
        select(func.coalesce(RatingSummary.subject_id, exact.c.id))
        .select_from(RatingSummary)
        .join(exact, exact.c.id == RatingSummary.subject_id, full=True)
        .where(same.is_not(True))
    )
