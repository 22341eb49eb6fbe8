"""What finding a worker reads: where they set out from, and the words they are found by.

Both tables are derived from the domains below and hold active workers only.
"""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped

from models.base import Row, partner, public

COSINE = 0.8926
"""The cosine of the latitude in the middle of the state: makes degrees of longitude and
latitude about equally long, so that the index's plane is nearly true to distance."""

APART = 1000.0
"""How far apart, in degrees of latitude, the index lays out neighbouring categories."""

SPOT = (
    f"point(longitude * '{COSINE}'::double precision,"
    f" latitude + '{APART:.0f}'::double precision * category_number::double precision)"
)
"""Where the index lays out a row; nearest search must use this very expression."""


class WorkerPlace(Row):
    """An active worker in one of their categories, at the centre of their H3 cell."""

    __tablename__ = "worker_place"
    __table_args__ = (
        Index(
            "worker_place_nearest",
            text(SPOT),
            postgresql_using="gist",
        ),
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
    category_number: Mapped[int] = public(
        ForeignKey("service_category.number"), primary_key=True, index=True
    )
    latitude: Mapped[float] = public()
    longitude: Mapped[float] = public()
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
