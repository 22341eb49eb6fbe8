"""What finding a worker reads: where they set out from, and the words they are found by.

Both tables are derived from the domains below and hold active workers only.
"""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped

from models.base import Row, partner, public


class WorkerPlace(Row):
    """An active worker in one of their categories, and the H3 cell they set out from.

    All workers of a cell are equally far from anywhere, for distances are measured from its
    centre: cells in the order of their distance are workers in the order of theirs.
    """

    __tablename__ = "worker_place"
    __table_args__ = (
        Index("worker_place_nearest", "category_number", "cell", "worker_id"),
        Index(
            "worker_place_by_rating",
            "category_number",
            "cell",
            text("score DESC"),
            text("worker_id DESC"),
        ),
        Index(
            "worker_place_by_rating_wide",
            "category_number",
            "area",
            text("score DESC"),
            text("worker_id DESC"),
        ),
    )

    worker_id: Mapped[str] = public(ForeignKey("worker.id"), primary_key=True)
    category_number: Mapped[int] = public(ForeignKey("service_category.number"), primary_key=True)
    cell: Mapped[str] = public()
    """H3, resolution 7: about 5 km². `area` is its parent at resolution 5, about 250 km²."""
    area: Mapped[str] = public()
    score: Mapped[float] = public()
    """The Bayesian rating, or the category's mean where nobody has rated yet."""
    verified: Mapped[bool] = public()
    """Identity and police both verified, and the skill in this category."""
    languages: Mapped[list[str]] = public()
    gender: Mapped[str | None] = partner()


class WorkerWords(Row):
    """The folded words a worker is found by: first name, trades, district, provider, code."""

    __tablename__ = "worker_words"
    __table_args__ = (Index("worker_words_found", "words", postgresql_using="gin"),)

    worker_id: Mapped[str] = public(ForeignKey("worker.id"), primary_key=True)
    words: Mapped[str] = public(TSVECTOR())
    score: Mapped[float] = public()
