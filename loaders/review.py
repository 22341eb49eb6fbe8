"""Reads of reviews, ratings, and the bookings that published reviews are about."""

from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import ColumnElement, any_, or_, select

from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.booking import Booking
from models.place import District
from models.review import SHOWN_STATES, RatingSummary, Review, ReviewReply
from models.worker import Worker
from runtime.batch import KEYS, Columns, Read, one
from runtime.rights import Area

NEWEST = Sort((Review.position,), descending=True)
PUBLISHED = Review.state.in_(SHOWN_STATES)


@one(Review)
def review_by_id(columns: Columns) -> Read:
    return select(Review.id, *shown(Review, columns)).where(
        Review.id == any_(KEYS),
        or_(PUBLISHED, visible(Review, Area.REVIEW_AUTHOR, Area.REVIEW_CASE)),
    )


@one(Review)
def review_by_booking(columns: Columns) -> Read:
    return select(Review.booking_id, *shown(Review, columns)).where(
        Review.booking_id == any_(KEYS), PUBLISHED
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
