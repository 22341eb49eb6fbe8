"""Reviews and ratings."""

from datetime import datetime

from strawberry import ID

import resolvers.review as resolve
from loaders import account as load_account
from loaders import review as load
from loaders import worker as load_worker
from loaders.lifetimes import CARD
from models import review as model
from runtime.privacy import Privacy
from runtime.rights import Act, Role
from schema.account import Citizen, Viewer
from schema.base import (
    Node,
    adds_to,
    command,
    criteria,
    entity,
    enum,
    field,
    mutation,
    outcome,
    part,
    query,
    shown_through,
)
from schema.booking import Booking
from schema.page import Connection
from schema.worker import Provider, Worker

enum(
    model.ReviewState,
    "Where a review stands.",
    PUBLISHED="Shown.",
    FLAGGED="Reported; not shown until a moderator decides.",
    HIDDEN="Taken down by a moderator, with a reason.",
    RESTORED="Shown again after a moderator looked.",
    WITHDRAWN="Taken back by its author.",
)
enum(
    model.Decision,
    "What becomes of a review.",
    HIDE="It is taken down.",
    RESTORE="It stands, or stands again.",
)
enum(
    model.FlagOutcome,
    "What became of a report.",
    UPHELD="The review was taken down.",
    DISMISSED="The review stands.",
    WITHDRAWN="The review's author took it back.",
)
criteria(load.ReviewFilter)
criteria(resolve.Said)


@part(model.ReviewReply)
class ReviewReply:
    """The one answer of the worker's provider."""

    text: str = field("The answer.")
    month: str = field(
        "When it was given, as YYYY-MM.", "replied_month", compute=resolve.reply_month
    )
    provider: Provider | None = field(
        "Who answered.", "provider_id", load=load_worker.provider_by_id, max_age=CARD
    )
    replied_at: datetime | None = field("When exactly.")


@part(model.Flag)
class Flag:
    """Someone's word that a review breaks the rules."""

    reason: str | None = field("Which rule, and how.")
    role: Role | None = field("What they are to the service.")
    flagged_at: datetime | None = field("When.")
    outcome: model.FlagOutcome | None = field("What became of it; null while it is open.")
    closed_at: datetime | None = field("When that was decided.")


@entity(model.Review, by_id=load.review_by_id)
class Review(Node):
    """What a citizen says about a completed booking. Staff never rewrite one."""

    id: ID = field("Opaque and stable.")
    stars: int = field("1 to 5.")
    tags: list[str] = field("What stood out, such as `on-time`.")
    text: str | None = field("What they say, in their own words and language.")
    language: str | None = field("The language of the text, such as `hi`.")
    reviewer_name: str | None = field(
        "The reviewer's given name.",
        "reviewer_name_en reviewer_name_hi",
        compute=resolve.reviewer_name,
    )
    month: str = field("When it appeared, as YYYY-MM.", "published_month", compute=resolve.month)
    state: model.ReviewState = field("Where it stands.")
    worker: Worker | None = field(
        "Whom it is about.", "worker_id", load=load_worker.worker_by_id, max_age=CARD
    )
    provider: Provider | None = field(
        "The worker's provider at the time.",
        "provider_id",
        load=load_worker.provider_by_id,
        max_age=CARD,
    )
    booking: Booking | None = field(
        "What it is about.", "id", load=load.booking_by_review, max_age=CARD
    )
    reply: ReviewReply | None = field(
        "The provider's answer.", "id", load=load.reply_by_review, max_age=CARD
    )
    citizen: Citizen | None = field("Who wrote it.", "citizen_id", load=load_account.citizen_by_id)
    published_at: datetime | None = field("When exactly it appeared.")
    edited_at: datetime | None = field("When it was last changed by its author.")
    moderation_reason: str | None = field("Why a moderator took it down or restored it.")
    flags: Connection[Flag] | None = field(
        "Reports about it, the first one first.",
        "id",
        load=load.flags_by_review,
        shows=Privacy.OFFICER,
    )


@part(model.RatingSummary)
class RatingSummary:
    """Exact sums over all shown reviews."""

    count: int = field("How many reviews.")
    sum: int = field("Of their stars.")
    histogram: list[int] = field("How many with 1, 2, 3, 4 and 5 stars.")
    mean: float | None = field(
        "The mean, to one decimal place; show it with the count.", "sum count", compute=resolve.mean
    )
    bayesian: float = field(
        "What lists are sorted by: the mean, drawn towards the category's while reviews are few.",
        "bayesian",
        compute=resolve.bayesian,
    )


shown_through(Booking, load.booking_with_review)


@adds_to(Worker)
class WorkerReviews:
    """What citizens say about a worker."""

    rating: RatingSummary | None = field(
        "Their rating; null before the first review.",
        "id",
        load=load.rating_by_subject,
        max_age=CARD,
    )
    reviews: Connection[Review] | None = field(
        "Their reviews, latest first.", "id", load=load.reviews_by_worker, max_age=CARD
    )


@adds_to(Provider)
class ProviderReviews:
    """What citizens say about a provider's workers."""

    rating: RatingSummary | None = field(
        "Its rating; null before the first review.", "id", load=load.rating_by_subject, max_age=CARD
    )
    reviews: Connection[Review] | None = field(
        "Reviews of its workers, latest first.", "id", load=load.reviews_by_provider, max_age=CARD
    )


@adds_to(Booking)
class BookingReview:
    """What the citizen said about it."""

    review: Review | None = field(
        "Its review, once there is one.", "id", load=load.review_by_booking
    )


@adds_to(Viewer)
class ViewerReviews:
    """What the viewer said."""

    reviews: Connection[Review] = field(
        "Reviews you wrote, or your department did, wherever they stand; the latest first.",
        load=load.reviews_of_viewer,
    )


@query
class Query:
    review: Review | None = field(
        "A review, by id.", load=load.review_by_id, by="id", kind=ID, max_age=CARD
    )
    reviews: Connection[Review] = field(
        "The reviews, latest first.", load=load.reviews, max_age=CARD
    )
    flagged_reviews: Connection[Review] = field(
        "Reviews with reports that nobody has decided on, for those who look into them; the"
        " oldest first.",
        load=load.flagged_reviews,
    )


@outcome(resolve.ReviewFlagged)
class ReviewFlagged:
    """Your report is with the moderators. Until they decide, the review may not be shown."""

    review_id: ID = field("Which review.")


@mutation
class Mutation:
    submit_review = command(
        "Say how the work was, once for each booking.",
        resolve.submit_review,
        may=Act.REVIEW,
        gives=Review,
        refuses=(model.NothingToReview, model.ReviewClosed, model.AlreadyReviewed),
    )
    edit_review = command(
        "Say it otherwise: what you send takes the place of all that was there.",
        resolve.edit_review,
        may=Act.REVIEW,
        gives=Review,
        refuses=(model.ReviewStands, model.EditingClosed),
    )
    withdraw_review = command(
        "Take your review back, for good.",
        resolve.withdraw_review,
        may=Act.REVIEW,
        gives=Review,
        refuses=(model.ReviewStands,),
    )
    reply_to_review = command(
        "Answer a review of one of your workers, once.",
        resolve.reply_to_review,
        may=Act.REPLY,
        gives=Review,
        refuses=(model.AlreadyReplied,),
    )
    flag_review = command(
        "Report a review that breaks the rules.",
        resolve.flag_review,
        may=Act.FLAG,
        gives=ReviewFlagged,
        refuses=(model.AlreadyFlagged,),
    )
    moderate_review = command(
        "Decide about a review, and so about all reports of it.",
        resolve.moderate_review,
        may=Act.MODERATE,
        gives=Review,
        refuses=(model.ReviewStands,),
    )
