"""What is computed of reviews and ratings."""

from models.review import RatingSummary, Review, ReviewReply
from runtime.language import Language


def reviewer_name(row: Review, *, language: Language) -> str | None:
    return language.of(row.reviewer_name_en, row.reviewer_name_hi)


def month(row: Review) -> str:
    return f"{row.published_month:%Y-%m}"


def reply_month(row: ReviewReply) -> str:
    return f"{row.replied_month:%Y-%m}"


def mean(row: RatingSummary) -> float | None:
    """To one decimal place, as it is shown; None before the first review."""
    return round(row.sum / row.count, 1) if row.count else None


def bayesian(row: RatingSummary) -> float:
    return round(row.bayesian, 3)
