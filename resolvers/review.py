"""Reviews and ratings: what is computed of them, and what people do about them."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import structlog

from loaders import review as load
from models.base import new_id
from models.booking import BookingState
from models.review import (
    CASE_STATES,
    SHOWN_STATES,
    TAGS,
    AlreadyFlagged,
    AlreadyReplied,
    AlreadyReviewed,
    Decision,
    EditingClosed,
    Flag,
    FlagOutcome,
    NothingToReview,
    RatingSummary,
    Review,
    ReviewClosed,
    ReviewReply,
    ReviewStands,
    ReviewState,
)
from runtime.faults import BadInput, NotFound
from runtime.geography import day_of
from runtime.jobs import job
from runtime.language import Language
from runtime.transaction import Transaction, refused_as
from runtime.words import Words

LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")
SCRIPTS = {"DEVANAGARI": "hi", "LATIN": "en", "ARABIC": "ur"}
"""The language that a text in the script is taken to be in, unless its author says."""
BEFORE = {
    Decision.HIDE: (*SHOWN_STATES, ReviewState.FLAGGED),
    Decision.RESTORE: (*SHOWN_STATES, *CASE_STATES),
}
"""Where a review may stand when a moderator decides; one that is up is let stand by RESTORE."""
AFTER = {
    Decision.HIDE: (ReviewState.HIDDEN, FlagOutcome.UPHELD),
    Decision.RESTORE: (ReviewState.RESTORED, FlagOutcome.DISMISSED),
}

log = structlog.get_logger()


def reviewer_name(row: Review, *, language: Language) -> str | None:
    return language.of(row.reviewer_name_en, row.reviewer_name_hi)


def month(row: Review) -> str:
    return row.published_month.isoformat()[:7]


def reply_month(row: ReviewReply) -> str:
    return row.replied_month.isoformat()[:7]


def mean(row: RatingSummary) -> float | None:
    """To one decimal place, as it is shown; None before the first review."""
    return round(row.sum / row.count, 1) if row.count else None


def bayesian(row: RatingSummary) -> float:
    return round(row.bayesian, 3)


@dataclass(frozen=True)
class Said:
    """What a review says."""

    stars: Annotated[int, "1 to 5."]
    tags: Annotated[list[str] | None, f"What stood out: {', '.join(TAGS)}."] = None
    text: Annotated[Words | None, "In your own words; everyone can read it."] = None
    language: Annotated[
        str | None, "The language of the text, such as `hi`; guessed if left out."
    ] = None


ReviewId = Annotated[str, "Which review."]
Content = Annotated[Said, "All that it says."]


async def submit_review(
    tx: Transaction, *, booking_id: Annotated[str, "Of which booking."], said: Content
) -> str:
    """Refuses: NothingToReview, ReviewClosed, AlreadyReviewed."""
    booking = await tx.the(load.booking_to_review(booking_id, tx.rule), "bookingId")
    if booking.state != BookingState.COMPLETED or booking.completed_at is None:
        raise NothingToReview
    days = tx.settings.review_days
    if tx.now > booking.completed_at + timedelta(days=days):
        raise ReviewClosed(days=days)
    review = Review(
        id=new_id(Review.prefix),
        booking_id=booking.id,
        worker_id=booking.worker_id,
        provider_id=booking.provider_id,
        citizen_id=booking.citizen_id,
        state=ReviewState.PUBLISHED,
        published_at=tx.now,
        published_month=day_of(tx.now).replace(day=1),
    )
    write(review, said)
    if booking.citizen_id is not None:
        citizen = await tx.find(load.reviewer(booking.citizen_id))
        if citizen is None:
            raise NotFound("viewer")
        review.reviewer_name_en = citizen.first_name_en
        review.reviewer_name_hi = citizen.first_name_hi
    with refused_as("review_booking_id_unique", AlreadyReviewed()):
        await tx.add(review)
    await tell(tx, "ReviewPublished", review, district=booking.district_id)
    await recount(tx, review, None)
    return review.id


def write(review: Review, said: Said) -> None:
    if not 1 <= said.stars <= 5:
        raise BadInput("`stars` must be 1 to 5.", argument="stars")
    tags = list(dict.fromkeys(said.tags or []))
    if unknown := set(tags) - set(TAGS):
        raise BadInput(
            f"`tags` may hold {', '.join(TAGS)}; not {', '.join(sorted(unknown))}.",
            argument="tags",
        )
    if said.language is not None and not LANGUAGE_CODE.fullmatch(said.language):
        raise BadInput("`language` must be a code such as `hi`.", argument="language")
    review.stars, review.tags, review.text = said.stars, tags, said.text
    review.language = (said.language or language_of(said.text)) if said.text else None


def language_of(text: str) -> str | None:
    """By the script of most letters; None for one that several languages share or that we do
    not know."""
    scripts = Counter(unicodedata.name(c, "").partition(" ")[0] for c in text if c.isalpha())
    most = scripts.most_common(1)
    return SCRIPTS.get(most[0][0]) if most else None


async def edit_review(tx: Transaction, *, review_id: ReviewId, said: Content) -> str:
    """Refuses: ReviewStands, EditingClosed. What a moderator restored is, once changed, no
    longer what they looked at: it can be reported again."""
    review = await tx.the(load.review_to_change(review_id, tx.rule), "reviewId")
    if review.state in (ReviewState.HIDDEN, ReviewState.WITHDRAWN):
        raise ReviewStands(state=ReviewState(review.state))
    days = tx.settings.review_edit_days
    if tx.now > review.published_at + timedelta(days=days):
        raise EditingClosed(days=days)
    before = counted(review)
    write(review, said)
    review.edited_at = tx.now
    if review.state == ReviewState.RESTORED:
        review.state = ReviewState.PUBLISHED
    await tell(tx, "ReviewEdited", review)
    await recount(tx, review, before)
    return review.id


async def withdraw_review(tx: Transaction, *, review_id: ReviewId) -> str:
    """Refuses: ReviewStands."""
    review = await tx.the(load.review_to_change(review_id, tx.rule), "reviewId")
    if review.state == ReviewState.WITHDRAWN:
        raise ReviewStands(state=ReviewState(review.state))
    before = counted(review)
    review.state = ReviewState.WITHDRAWN
    await tx.change(load.close_flags(review.id, FlagOutcome.WITHDRAWN, tx.now))
    await tell(tx, "ReviewWithdrawn", review)
    await recount(tx, review, before)
    return review.id


async def reply_to_review(
    tx: Transaction,
    *,
    review_id: ReviewId,
    text: Annotated[Words, "Your answer; everyone can read it."],
) -> str:
    """Refuses: AlreadyReplied."""
    review = await tx.the(load.published_review(review_id, tx.rule), "reviewId")
    reply = ReviewReply(
        review_id=review.id,
        provider_id=review.provider_id,
        text=text,
        replied_at=tx.now,
        replied_month=day_of(tx.now).replace(day=1),
    )
    with refused_as("review_reply_pkey", AlreadyReplied()):
        await tx.add(reply)
    await tell(tx, "ReviewReplied", review)
    return review.id


@dataclass(frozen=True)
class ReviewFlagged:
    review_id: str


async def flag_review(
    tx: Transaction,
    *,
    review_id: ReviewId,
    reason: Annotated[Words, "Which rule it breaks, and how."],
) -> ReviewFlagged:
    """Refuses: AlreadyFlagged. One that a moderator restored stays up until they look again."""
    review = await tx.the(load.review_to_flag(review_id, tx.rule), "reviewId")
    flag = Flag(
        id=new_id(Flag.prefix),
        review_id=review.id,
        flagged_by=tx.viewer.id,
        role=tx.viewer.role,
        reason=reason,
        flagged_at=tx.now,
    )
    with refused_as("flag_review_id_flagged_by_unique", AlreadyFlagged()):
        await tx.add(flag)
    before = counted(review)
    if review.state == ReviewState.PUBLISHED:
        review.state = ReviewState.FLAGGED
    await tell(tx, "ReviewFlagged", review)
    await recount(tx, review, before)
    return ReviewFlagged(review.id)


async def moderate_review(
    tx: Transaction,
    *,
    review_id: ReviewId,
    decision: Annotated[Decision, "What becomes of it."],
    reason: Annotated[Words, "Why. What the review says is never changed."],
) -> str:
    """Refuses: ReviewStands."""
    review = await tx.the(load.review_to_change(review_id, tx.rule), "reviewId")
    if review.state not in BEFORE[decision]:
        raise ReviewStands(state=ReviewState(review.state))
    before = counted(review)
    review.state, outcome = AFTER[decision]
    review.moderation_reason = reason
    await tx.change(load.close_flags(review.id, outcome, tx.now))
    await tell(tx, f"Review{review.state.capitalize()}", review)
    await recount(tx, review, before)
    return review.id


async def tell(tx: Transaction, event: str, review: Review, **facts: str | None) -> None:
    await tx.emit(
        event,
        review.id,
        state=review.state,
        booking=review.booking_id,
        worker=review.worker_id,
        provider=review.provider_id,
        **facts,
    )


def counted(review: Review) -> int | None:
    """Its stars, where they count towards ratings."""
    return review.stars if review.state in SHOWN_STATES else None


async def recount(tx: Transaction, review: Review, before: int | None) -> None:
    """Have the ratings follow the review, which is locked: `before` is what counted until now."""
    after = counted(review)
    if after == before:
        return
    change = [(after == stars) - (before == stars) for stars in load.STARS]
    prior = await tx.value(load.mean_of_category(review.booking_id))
    ratings = await tx.rows(
        load.add_to_ratings(
            review.worker_id, review.provider_id, change, prior, tx.settings.rating_prior_weight
        )
    )
    for rating in ratings:
        await tx.emit("RatingRecomputed", rating.subject_id, count=rating.count, sum=rating.sum)


@job("check_ratings", cron="30 21 * * *")
async def check_ratings(tx: Transaction) -> None:
    """At three in the morning in India. Sums that drifted are for a person to look into, not to
    be put right unseen."""
    drifted = await tx.every(load.drifted_ratings())
    report = log.error if drifted else log.info
    report("ratings", drift=len(drifted), subjects=drifted[:20])
